"""Facebook Messenger and Instagram: the JSON of "Download your information", alone or in its zip.

Also the separate download of Messenger's end-to-end encrypted chats. Messages stand newest first,
ten thousand a file; text is UTF-8 whose bytes were written as if each were a sign of Latin-1.
"""

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Final

from duckdb import DuckDBPyConnection

from egregora_dag.adapters.protocol import ExportError, ExportFile, Parsed, Reading, titled
from egregora_dag.adapters.records import RecordLoader

_END: Final = 1 << 16
_AGAIN: Final = "Download your information again, and choose JSON as its format."
# A file of a chat's messages, its number; the oldest downloads have no number.
_MESSAGES: Final = re.compile(r"(?:.*/)?message_(\d+)\.json|(?:.*/)?messages/(?:.*/)?message\.json")
_WEB_PAGE: Final = re.compile(r"(?:.*/)?message_\d+\.html")
_IN_DOWNLOAD: Final = re.compile(
    r"(?:.*/)?messages/(?:inbox|archived_threads|message_requests|filtered_threads|e2ee_cutover)/.+"
)
# The download of encrypted chats: a file each, and one folder of media.
_ENCRYPTED: Final = re.compile(r"(?:[^/]+/)?([^/]+_\d+)\.json")
_ENCRYPTED_MEDIA: Final = re.compile(r"(?:[^/]+/)?media/.+")
_INSTAGRAM: Final = re.compile(r"(?:.*/)?(?:your_instagram_activity|followers_and_following)/.*")
_FACEBOOK: Final = re.compile(
    r"(?:.*/)?(?:your_facebook_activity|your_activity_across_facebook|friends_and_followers)/.*"
)
_TITLE: Final = re.compile(r'"(?:title|threadName)"\s*:\s*("(?:[^"\\]|\\.)*")')
# What is added to a chat's name to name its folder or file.
_ID: Final = re.compile(r"_(?:\d+|[A-Za-z0-9-]{10})$")

_MEDIA: Final = [{"uri": "VARCHAR"}]
_NAMES: Final = [{"name": "VARCHAR"}]
_FIELDS: Final = {
    "sender_name": "VARCHAR",
    "timestamp_ms": "BIGINT",
    "content": "VARCHAR",
    "type": "VARCHAR",
    "is_unsent": "BOOLEAN",
    "is_taken_down": "BOOLEAN",
    "is_geoblocked_for_viewer": "BOOLEAN",
    "photos": _MEDIA,
    "videos": _MEDIA,
    "audio_files": _MEDIA,
    "gifs": _MEDIA,
    "files": _MEDIA,
    "sticker": {"uri": "VARCHAR"},
    "share": {"link": "VARCHAR", "share_text": "VARCHAR", "original_content_owner": "VARCHAR"},
    "users": _NAMES,
    "call_duration": "BIGINT",
    "missed": "BOOLEAN",
    "reactions": [{"reaction": "VARCHAR", "actor": "VARCHAR"}],
    "bumped_message_metadata": {"bumped_message": "VARCHAR", "is_bumped": "BOOLEAN"},
    "plan": {"title": "VARCHAR", "location": "VARCHAR", "timestamp": "BIGINT"},
    # Of the end-to-end encrypted chats.
    "senderName": "VARCHAR",
    "timestamp": "BIGINT",
    "text": "VARCHAR",
    "isUnsent": "BOOLEAN",
    "media": _MEDIA,
}

# Bytes of UTF-8 that were written as signs of Latin-1, put together again; `%C2%xx` and `%C3%xx`
# are how UTF-8 writes those signs. What is no such text stays as it is.
_MACROS: Final = r"""
CREATE OR REPLACE TEMP MACRO meta_text(v) AS CASE
  WHEN strlen(v) = length(v) OR NOT regexp_full_match(v, '[\x{0}-\x{ff}]*', 's') THEN v
  ELSE coalesce(try(url_decode(replace(replace(replace(replace(replace(url_encode(v),
    '%C2%', '%'), '%C3%A', '%E'), '%C3%B', '%F'), '%C3%9', '%D'), '%C3%8', '%C'))), v) END;
CREATE OR REPLACE TEMP MACRO meta_names(l) AS list_filter(
  list_transform(l, lambda x: meta_text(x.name)), lambda name: name IS NOT NULL);
CREATE OR REPLACE TEMP MACRO meta_files(l, kind) AS
  list_transform(coalesce(l, []), lambda x: {'uri': meta_text(x.uri), 'type': kind});
"""

# Times of the year 2018's first downloads are in seconds. A record without a time comes last.
_NUMBER: Final = """
CREATE OR REPLACE TEMP TABLE numbered AS
WITH told AS (
  SELECT chat, line, coalesce(r.timestamp_ms,
    if(r.timestamp BETWEEN 0 AND 99_999_999_999, r.timestamp * 1000, r.timestamp)) AS ms
  FROM records
), timed AS (
  SELECT chat, line, CASE WHEN ms BETWEEN 0 AND 7_258_118_399_999 THEN ms END AS ms FROM told
), turned AS (
  SELECT chat, arg_min(ms, line) > arg_max(ms, line) AS newest_first FROM timed GROUP BY chat
)
SELECT chat, line, ms, row_number() OVER (
  PARTITION BY chat ORDER BY ms NULLS LAST, if(newest_first, -line, line)) AS place
FROM timed JOIN turned USING (chat)
"""

# What the application says of itself, after the name of who did it; only in English, and only
# where the download does not tell the type.
_PATTERNS: Final = {
    "event": r"(?:left|joined|created) (?:the|this|a) (?:group|chat|call|video chat|audio call)\.?|"
    r"(?:added|removed) .+ (?:(?:to|from) the group|as an? (?:group )?admin)\.?|"
    r"named the group .+|made .+ an? (?:group )?admin\.?|(?:un)?pinned a message\.?|"
    r"(?:changed|set|cleared|removed) (?:the|your|his|her|their|its|.+'s) (?:own )?(?:nickname|"
    r"theme|chat theme|chat colou?rs|quick reaction|emoji|group (?:photo|name))\b.*|"
    r"turned (?:on|off) (?:disappearing messages|member approval|vanish mode).*|"
    r"(?:voted for|changed vote to|removed vote for) \".+|reacted .{1,12} to .+ message ?|"
    r"are now connected on Messenger\.?|can now (?:message|call) .*each other.*",
    "event_alone": r"Reacted .{1,12} to (?:your|their|.+'s) message ?|Liked a message|"
    r"The (?:poll|plan) .*has multiple updates\.",
    "call": r"called (?:you|\p{Lu}[^.?!]{0,80})\.|missed (?:a|an|your) (?:video |audio |voice )?"
    r"(?:call|chat)(?: (?:from|with) .+)?\.?|started an? (?:video |audio |voice )?(?:call|chat)\.?",
    "call_alone": r"(?:The )?(?:[Vv]ideo|[Aa]udio|[Vv]oice) (?:chat|call) ended\.?",
    "unsent": r"(?:unsent|removed) a message\.?",
    "poll": r"created a poll: .*",
    "poll_alone": r"This poll is no longer available\.",
    "location": r"(?:sent|shared|started sharing) (?:a|your|his|her|their)? ?(?:live )?location\.?",
    "sent": r"(?:sent|shared) (?:an?|\d+) (?:attachment|photo|video|voice message|sticker|GIF|link|"
    r"file|post|reel|story)s?\.",
}

_PARSE: Final = """
CREATE OR REPLACE TABLE parsed AS
WITH read AS (
  SELECT chat, place AS line, make_timestamp_ms(ms) AS local_time, r,
    coalesce(nullif(trim(meta_text(coalesce(r.sender_name, r.senderName))), ''), $nobody) AS name,
    coalesce(meta_text(coalesce(r.content, r.text)), '') AS text,
    coalesce(len(r.photos) > 0 OR len(r.videos) > 0 OR len(r.audio_files) > 0 OR len(r.gifs) > 0
      OR len(r.files) > 0 OR len(r.media) > 0 OR r.sticker.uri IS NOT NULL, false)
      AS has_media
  FROM records JOIN numbered USING (chat, line) WHERE ms IS NOT NULL AND r IS NOT NULL
), split AS (
  SELECT *, CASE WHEN length(text) > 300 THEN NULL
      WHEN starts_with(text, name || ' ') THEN substr(text, length(name) + 2)
      WHEN starts_with(text, 'You ') THEN substr(text, 5)
      WHEN starts_with(text, split_part(name, ' ', 1) || ' ')
        THEN substr(text, length(split_part(name, ' ', 1)) + 2) END AS did,
    CASE WHEN has_media THEN list_filter(
      meta_files(r.photos, 'image') || meta_files(r.videos, 'video')
      || meta_files(r.audio_files, 'audio') || meta_files(r.gifs, 'image')
      || meta_files(r.files, 'document') || meta_files([r.sticker], 'sticker')
      || meta_files(r.media, NULL), lambda x: x.uri IS NOT NULL) END AS files,
    CASE WHEN r.users IS NOT NULL THEN meta_names(r.users) END AS users,
    CASE WHEN r.share IS NOT NULL THEN {
      'link': meta_text(r.share.link), 'text': meta_text(r.share.share_text),
      'owner': meta_text(r.share.original_content_owner)} END AS share
  FROM read
), sorted AS (
  SELECT *, files[1] AS file, CASE
      WHEN r.is_unsent OR r.isUnsent OR regexp_full_match(did, $unsent)
        OR r.is_taken_down AND text = '' OR r.type = 'placeholder' AND text = '' AND NOT has_media
        THEN 'deleted'
      WHEN r.type IN ('Subscribe', 'Unsubscribe') OR len(users) > 0
        OR regexp_full_match(did, $event)
        OR length(text) < 300 AND regexp_full_match(text, $event_alone) THEN 'system'
      WHEN r.type = 'Call' OR r.call_duration IS NOT NULL OR r.missed
        OR regexp_full_match(did, $call)
        OR length(text) < 40 AND regexp_full_match(text, $call_alone) THEN 'call'
      WHEN has_media THEN 'media'
      WHEN regexp_full_match(did, $poll, 's')
        OR length(text) < 40 AND regexp_full_match(text, $poll_alone) THEN 'poll'
      WHEN regexp_full_match(did, $location) OR text = '' AND regexp_matches(share.link,
        '^https?://(maps\\.|[^?]*/maps|[^?]*\\?u=[^&]*(%2F|\\.)maps)') THEN 'location'
      ELSE 'message' END AS kind
  FROM split
)
SELECT chat, line, local_time, true AS utc, if(kind = 'system', NULL, name) AS author,
  CASE
    WHEN kind = 'system' AND text = '' THEN concat_ws(' ', name,
      CASE WHEN r.type = 'Unsubscribe' AND list_contains(users, name) THEN 'left the group'
        ELSE if(r.type = 'Unsubscribe', 'removed ', 'added ') || list_aggregate(
          users, 'string_agg', ', ') END)
    WHEN share IS NOT NULL AND kind <> 'deleted' THEN concat_ws(chr(10),
      if(regexp_full_match(did, $sent) AND share.link IS NOT NULL, NULL, nullif(text, '')),
      CASE WHEN share.link IS NULL AND text = '' THEN share.text
        WHEN NOT contains(text, share.link) THEN share.link END)
    WHEN text <> '' THEN if(kind = 'media' AND regexp_full_match(did, $sent), '', text)
    WHEN r.bumped_message_metadata.is_bumped
      THEN coalesce(meta_text(r.bumped_message_metadata.bumped_message), '')
    ELSE coalesce(meta_text(r.plan.title), '') END AS content,
  kind,
  -- The literal text instead of a file is what encrypted chats say of media that is gone.
  CASE WHEN contains(file.uri, '/') THEN regexp_extract(file.uri, '[^/]+$') END AS media_path,
  CASE WHEN kind <> 'media' THEN NULL WHEN file.type IS NOT NULL THEN file.type
    WHEN regexp_matches(lower(file.uri), '\\.(jpe?g|png|gif|webp|heic|avif|bmp)$') THEN 'image'
    WHEN regexp_matches(lower(file.uri), '\\.(mp4|mov|webm|3gp|mkv|avi)$') THEN 'video'
    WHEN regexp_matches(lower(file.uri), '\\.(ogg|oga|opus|aac|m4a|mp3|wav|amr)$') THEN 'audio'
    WHEN contains(file.uri, '/') THEN 'document' END AS media_type,
  CASE WHEN len(r.reactions) > 0 THEN list_aggregate(list_transform(r.reactions,
    lambda x: meta_text(x.reaction)), 'histogram')::MAP(VARCHAR, BIGINT) END AS reactions,
  CASE WHEN kind = 'system' OR share IS NOT NULL OR len(r.reactions) > 0 OR len(files) > 1
    OR r.call_duration IS NOT NULL OR r.missed OR r.plan IS NOT NULL OR r.is_geoblocked_for_viewer
    OR r.is_taken_down OR r.bumped_message_metadata.is_bumped OR file.uri NOT LIKE '%/%'
    THEN json_merge_patch('{}', json_object(
      'actor', if(kind = 'system', name, NULL),
      'users', if(len(users) > 0, users, NULL),
      'call_duration', r.call_duration,
      'missed', if(r.missed, true, NULL),
      'share', CASE WHEN share IS NOT NULL THEN json_merge_patch('{}', to_json(share)) END,
      'files', if(len(files) > 1, list_transform(files, lambda x:
        regexp_extract(x.uri, '[^/]+$')), NULL),
      'missing_file', if(file.uri NOT LIKE '%/%', true, NULL),
      'reactions', CASE WHEN len(r.reactions) > 0 THEN list_transform(r.reactions,
        lambda x: {'actor': meta_text(x.actor), 'reaction': meta_text(x.reaction)}) END,
      'plan', CASE WHEN r.plan IS NOT NULL THEN {'title': meta_text(r.plan.title),
        'location': meta_text(r.plan.location), 'timestamp': r.plan.timestamp} END,
      'bumped', if(r.bumped_message_metadata.is_bumped, true, NULL),
      'taken_down', if(r.is_taken_down, true, NULL),
      'geoblocked', if(r.is_geoblocked_for_viewer, true, NULL)))
    ELSE '{}'::JSON END AS extra
FROM sorted
"""

_REJECT: Final = """
INSERT INTO rejected
SELECT chat, place FROM numbered JOIN records USING (chat, line) WHERE ms IS NULL OR r IS NULL
"""


class _MetaAdapter:
    """What the downloads of Facebook and Instagram have in common."""

    source: str
    # What the application calls an account that is gone.
    _nobody: str

    def recognizes(self, file: ExportFile) -> bool:
        """Whether it is a chat, or a download with chats, of this application."""
        return _has_chats(file) and _is_instagram(file) == (self.source == "instagram")

    def threads(self, file: ExportFile) -> Mapping[str, str]:
        """The chats: folder (or the file's name) → title, as the newest file of each has it.

        Raises:
            ExportError: There is no JSON in it, or the archive is damaged.
        """
        documents = self._documents(file)
        newest = {chat: name for name, chat in reversed([*documents.items()])}
        with _opened(file, newest.values()) as contents:
            titles = {documents[name]: _title(text) for name, text in contents}
        return titled((chat, titles[chat] or _ID.sub("", chat) or chat) for chat in sorted(titles))

    def parse(self, file: ExportFile, scratch: DuckDBPyConnection, reading: Reading) -> Parsed:
        """Fill `parsed`, the oldest message first; a record without a time is rejected.

        Raises:
            ExportError: A file is no chat of this kind, or the archive is damaged.
        """
        documents = self._documents(file)
        loader = RecordLoader(scratch, file.path, _FIELDS)
        with _opened(file, documents) as contents:
            for name, text in contents:
                place = name if file.is_archive else ""
                around = loader.add(text, documents[name], place=place)
                has_array = isinstance(around, dict) and "messages" in around
                if not has_array or documents[name] not in loader.lines:
                    raise ExportError(file.path, "holds no list of messages.", _AGAIN, place=place)
        loader.flush()
        scratch.execute(_MACROS)
        scratch.execute(_NUMBER)
        scratch.execute(_PARSE, {"nobody": self._nobody, **_PATTERNS})
        scratch.execute(_REJECT)
        scratch.execute("DROP TABLE records")
        scratch.execute("DROP TABLE numbered")
        return Parsed({chat: loader.lines.get(chat, 0) for chat in documents.values()})

    def _documents(self, file: ExportFile) -> Mapping[str, str]:
        """File of messages → its chat; the newest of each chat first."""
        if not file.is_archive:
            if _WEB_PAGE.fullmatch(file.path.name):
                raise ExportError(file.path, "is a web page, not JSON.", _AGAIN)
            return {file.path.name: file.stem}
        others = _FACEBOOK if self.source == "instagram" else _INSTAGRAM
        names = [name for name in file.members if not others.fullmatch(name)] or [*file.members]
        found = [
            (posixpath.basename(posixpath.dirname(name)) or file.stem, int(match[1] or 1), name)
            for name in names
            if (match := _MESSAGES.fullmatch(name))
        ] or [(match[1], 1, name) for name in names if (match := _ENCRYPTED.fullmatch(name))]
        if not found:
            has_pages = any(map(_WEB_PAGE.fullmatch, names))
            problem = "has the chats as web pages." if has_pages else "has no chat's JSON in it."
            raise ExportError(file.path, problem, _AGAIN)
        return {name: chat for chat, _, name in sorted(found)}


class MessengerAdapter(_MetaAdapter):
    """Reads chats of Facebook Messenger, end-to-end encrypted ones included."""

    source = "messenger"
    _nobody = "Facebook User"


class InstagramAdapter(_MetaAdapter):
    """Reads chats of Instagram."""

    source = "instagram"
    _nobody = "Instagram User"


def _has_chats(file: ExportFile) -> bool:
    if file.is_archive:
        names = [*file.members]
        encrypted = [name for name in names if _ENCRYPTED.fullmatch(name)]
        others = set(names).difference(encrypted)
        return any(_MESSAGES.fullmatch(name) or _IN_DOWNLOAD.fullmatch(name) for name in names) or (
            bool(encrypted)
            and all(map(_ENCRYPTED_MEDIA.fullmatch, others))
            and _is_chat(_beginning(file, encrypted[0]))
        )
    return bool(_WEB_PAGE.fullmatch(file.path.name)) or _is_chat(file.text)


def _is_chat(text: str) -> bool:
    """Whether a document that begins like this is a chat of either application."""
    has = [f'"{key}"' in text for key in ("participants", "sender_name", "thread_path")]
    is_old = '"messages"' in text and sum(has) >= 2 and ('"timestamp' in text or has[2])
    is_encrypted = '"messages"' in text and '"threadName"' in text
    return text.lstrip("\ufeff \t\r\n").startswith("{") and (is_old or is_encrypted)


def _is_instagram(file: ExportFile) -> bool:
    """Whether folders' names say Instagram; a file that tells nothing is taken for Facebook's."""
    if not file.is_archive:
        folders = file.path.absolute().parts
        return "your_instagram_activity" in folders or "your_instagram_activity/" in file.text
    if any(map(_FACEBOOK.fullmatch, file.members)):
        return False
    return file.path.name.startswith("instagram-") or any(map(_INSTAGRAM.fullmatch, file.members))


def _beginning(file: ExportFile, member: str) -> str:
    with file.opened(member) as text:
        return text.read(_END).decode("utf-8-sig", "replace")


@contextmanager
def _opened(file: ExportFile, names: Iterable[str]) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """Files of messages and their content: members, or the file itself."""
    if file.is_archive:
        with file.opened_all({name: name for name in names}) as contents:
            yield contents
    else:
        with file.opened() as text:
            yield iter([(file.path.name, text)])


def _title(text: IO[bytes]) -> str:
    """The title of a chat, which stands before its messages or after them; empty if nowhere."""
    head = tail = text.read(_END)
    while data := text.read(_END):
        tail = tail[-_END:] + data
    before = _decoded(head).partition('"messages"')[0]
    found = _TITLE.search(before) or next(reversed([*_TITLE.finditer(_decoded(tail))]), None)
    try:
        title = str(json.loads(found[1])) if found else ""
    except ValueError:
        return ""
    try:
        title = title.encode("latin-1").decode()
    except UnicodeError:
        # It was written as it is.
        title = title.encode("utf-8", "replace").decode()
    return _ID.sub("", title) if found and found[0].startswith('"threadName') else title.strip()


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace")
