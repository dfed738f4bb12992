"""What KakaoTalk writes in place of what text cannot show, in Korean, English and Japanese."""

from typing import Final

from duckdb import DuckDBPyConnection

# The first word of a text that may stand for something else → what it then is.
_LABELS: Final = {
    ("media", "image"): "사진 Photo Photos 写真",
    ("media", "video"): "동영상 Video Videos videos 動画",
    ("media", "sticker"): "이모티콘 (이모티콘) Emoticon Emoticons (emoticon) (Emoticon) スタンプ "
    "(スタンプ)",
    ("media", "audio"): "음성메시지 음성 Voice ボイスメッセージ",
    ("media", "document"): "파일: 파일 File: File ファイル: ファイル",
    (
        "call",
        None,
    ): "보이스톡 페이스톡 라이브톡 보이스룸 그룹콜 그룹보이스톡 그룹페이스톡 Live FaceTalk "
    "VoiceTalk Face ボイストーク フェイストーク",
    ("deleted", None): "삭제된 메시지가 채팅방 This メッセージが削除されました。",
    ("location", None): "지도 지도: Map Map: Location Location: 地図 地図:",
    ("contact", None): "연락처 연락처: 카카오톡 Contact Contact: Profile Profile: 連絡先 連絡先:",
    ("poll", None): "투표 투표: [투표] 톡게시판 Poll Poll: 投票 投票:",
}
_WHOLE: Final = (
    r"사진(?: \d+장)?",
    r"Photos?(?: \d+)?",
    r"写真(?: ?\d+枚)?",
    r"동영상(?: \d+개)?",
    r"[Vv]ideos?",
    r"動画",
    r"이모티콘",
    r"\((?:이모티콘|[Ee]moticon|スタンプ)\).*",
    r"[Ee]moticons?",
    r"スタンプ",
    r"음성 ?메시지",
    r"Voice (?:[Nn]ote|[Mm]essage)",
    r"ボイスメッセージ",
    r"(?:파일|File|ファイル)(?:: .+)?",
    r"삭제된 메시지입니다\.?",
    r"메시지가 삭제되었습니다\.?",
    r"채팅방 관리자가 메시지를 가렸습니다\.?",
    r"This message (?:was|has been) deleted\.?",
    r"メッセージが削除されました。",
    r"(?:지도|Map|Location|地図)(?:: .*)?",
    r"(?:연락처|Contact|Profile|連絡先)(?:: .*)?",
    r"카카오톡 프로필",
    r"(?:투표|Poll|投票): .+",
    r"\[투표\].*",
    r"톡게시판 '투표': .*",
)
_CALLS: Final = (
    r"(?:그룹)?(?:보이스톡|페이스톡|콜)"
    r"(?: 해요\.?| 취소| 부재중| 응답 ?없음| 거절| 종료| \d+:\d\d.*)",
    r"라이브톡 ?(?:시작|종료).*",
    r"보이스룸(?: 종료.*|이 방금 시작했어요\.?| 시작.*)",
    r"Live Talk (?:started|ended).*",
    r"(?:Voice|Video|Face|VoiceTalk|FaceTalk) ?(?:Call|Talk)?"
    r"(?: (?:canceled|cancelled|missed|ended|no answer)| \d+:\d\d.*)",
    r"(?:Voice|Video) Call",
    r"(?:ボイス|フェイス)トーク(?: ?\d+:\d\d.*|しよう.*|キャンセル|不在着信)",
)
CALL: Final = f"^(?:{'|'.join(_CALLS)})$"
WHOLE: Final = f"^(?:{'|'.join((*_WHOLE, *_CALLS))})$"
# The name that phones give a file when it is exported with the chat.
HASHED_FILE: Final = r"^[0-9a-f]{32,64}\.([A-Za-z0-9]{2,4})$"

# Notices that stand alone, without a clock or with one, and need no name to be told.
NOTICE: Final = (
    r"^.{1,60}님(?:이 .{1,200}님을 초대하?였?했?습니다|을 초대하?였?했?습니다|이 들어왔습니다"
    r"|이 나갔습니다|을 내보냈습니다|을 강퇴했습니다)\.?$"
    r"|^채팅방 관리자가 메시지를 가렸습니다\.?$"
    r"|^.{1,60} (?:left|joined) this (?:chat ?room|chat)\.?$"
)
# Those that could as well be a line of a text, unless a name of the chat begins them.
AMBIGUOUS_NOTICE: Final = r"^(.{1,60}?) (?:left|invited .{1,200}|joined)\s?\.$"

# Lines that stand above the first message.
FRAME: Final = (
    r"카카오톡 대화$|KakaoTalk Chats|^\s*(?:저장한 ?날짜|Date ?Saved|Saved Date|保存) ?"
    r"|^Talk_.*\.txt$|^\x{FEFF}?\W?Date\W*,\W*User\W*,\W*Message|^대화상대|トーク"
)


def load_words(scratch: DuckDBPyConnection) -> None:
    """Fill the table `words (label, word, word_type)` of first words.

    Args:
        scratch: The database that gets the table.
    """
    rows = [(label, *word) for word, labels in _LABELS.items() for label in labels.split()]
    scratch.execute(
        "CREATE OR REPLACE TABLE words AS "
        "SELECT unnest($1) AS label, unnest($2) AS word, unnest($3) AS word_type",
        [list(column) for column in zip(*rows, strict=True)],
    )
