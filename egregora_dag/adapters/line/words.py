"""What LINE writes in place of what text cannot show, in the languages of the application."""

from typing import Final

from duckdb import DuckDBPyConnection

_MEDIA: Final = {
    "image": "Photo|Photos|GIF|写真|画像|照片|圖片|图片|사진|รูป|รูปภาพ|ภาพ|Foto",
    "video": "Video|Videos|動画|影片|視訊|视频|동영상|วิดีโอ",
    "sticker": "Sticker|Stickers|スタンプ|貼圖|贴图|스티커|สติกเกอร์|สติ๊กเกอร์|Stiker",
    "audio": "Voice message|Audio|ボイスメッセージ|音声メッセージ|語音訊息|语音消息|语音讯息|"
    "음성메시지|음성 메시지|ข้อความเสียง|Pesan suara",
    "document": "File|ファイル|檔案|文件|파일|ไฟล์",
}
_KINDS: Final = {
    "location": "Location|位置情報|位置資訊|位置訊息|位置信息|위치정보|위치 정보|ตำแหน่ง|"
    "ตำแหน่งที่ตั้ง|Lokasi",
    "contact": "Contact|連絡先|聯絡資訊|聯絡人|联系人|好友|연락처|รายชื่อ|ผู้ติดต่อ|Kontak",
    "poll": "Poll|Polls|投票|アンケート|투표|โพล",
}
_CALLS: Final = (
    "不在着信|通話に応答がありませんでした|通話をキャンセルしました|グループ通話が開始されました|"
    "グループ音声通話が開始されました|グループビデオ通話が開始されました|グループ通話が終了しました"
)
_NAMED: Final = frozenset({"document", "location", "contact", "poll"})

_TAKEN_BACK: Final = (
    "メッセージの送信を取り消しました|已收回訊息|已收回消息|已收回讯息|撤回了一[条則则]消息|"
    "[Uu]nsent a message|메시지를 취소했습니다|메시지 전송을 취소했습니다|ยกเลิกข้อความ"
)
# A message taken back, and who did so; no name is that of the one who made the export.
UNSENT: Final = rf"^(?:You|[您你]|あなた)? ?(.{{0,80}}?) ?(?:が|님이)? ?(?:{_TAKEN_BACK})[.。]?$"
_UNSENT_ALONE: Final = (
    "メッセージの送信を取り消しました",
    "已收回訊息",
    "已收回消息",
    "unsent a message.",
    "Unsent a message.",
)
# What happened to the group rather than what was said.
NOTICE: Final = (
    r"(?:(?:グループ|トーク).{0,80}(?:参加|追加|招待|退会|退出|削除|変更|作成)しました"
    r"|が(?:参加|退出|退会)しました|アナウンスしました|お待ちください"
    r"|アルバム.{0,80}(?:作成|追加|削除|変更)しました|ノートを作成しました"
    r"|(?:加入|退出|離開|离开)(?:了?)(?:群組|群组|聊天|社群|聊天室)"
    r"|(?:joined|left) the (?:group|chat)|(?:added|invited|removed) .{0,200} (?:to|from) the group"
    r"|changed the (?:group|name)|님이 (?:들어왔습니다|나갔습니다)|님을 초대했습니다)[.。]?$"
)

# Texts that stand for media; on phones they are in brackets.
MEDIA_LABELS: Final = tuple(label for labels in _MEDIA.values() for label in labels.split("|"))


def load_words(scratch: DuckDBPyConnection, *, desktop: bool) -> None:
    """Fill `words (label, kind, media_type, named)` with what a text stands for.

    A label is the whole text, but for those that are `named`, where more may follow.

    Args:
        scratch: The database that gets the table.
        desktop: Whether labels are without brackets too.
    """
    media = [("media", type_, label) for type_, ls in _MEDIA.items() for label in ls.split("|")]
    kinds = [(kind, None, label) for kind, ls in _KINDS.items() for label in ls.split("|")]
    rows = [
        (f"[{label}]", kind, type_, (type_ or kind) in _NAMED)
        for kind, type_, label in (*media, *kinds)
    ]
    if desktop:
        rows += [(label, kind, type_, False) for kind, type_, label in media]
    calls = (f"{call}{end}" for call in _CALLS.split("|") for end in ("", "。"))
    rows += [(label, "call", None, True) for label in ("☎", "通話時間", *calls)]
    rows += [(label, "deleted", None, False) for label in _UNSENT_ALONE]
    scratch.execute(
        "CREATE OR REPLACE TABLE words AS "
        "SELECT unnest($1) AS label, unnest($2) AS kind, unnest($3) AS media_type, "
        "unnest($4) AS named",
        [list(column) for column in zip(*rows, strict=True)],
    )
