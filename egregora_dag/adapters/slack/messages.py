"""From Slack's messages as JSON to rows: who wrote what, with ids resolved; all of it SQL.

`records` becomes `said` (a row for each message, its text still with Slack's escapes), then
`texts` (the texts that have such escapes, resolved), then `parsed`.
"""

from typing import Final

_FILE: Final = {
    "id": "VARCHAR",
    "name": "VARCHAR",
    "title": "VARCHAR",
    "mimetype": "VARCHAR",
    "filetype": "VARCHAR",
    "mode": "VARCHAR",
    "size": "BIGINT",
    "file_access": "VARCHAR",
    "external_url": "VARCHAR",
    "permalink": "VARCHAR",
}
_PROFILE: Final = {"display_name": "VARCHAR", "real_name": "VARCHAR", "name": "VARCHAR"}

# What is read of a message. `file`, `comment` and `initial_comment` are of the years before 2018;
# `message` and `previous_message` of exports with a log of edits.
FIELDS: Final = {
    "type": "VARCHAR",
    "subtype": "VARCHAR",
    "ts": "VARCHAR",
    "user": "VARCHAR",
    "text": "VARCHAR",
    "thread_ts": "VARCHAR",
    "username": "VARCHAR",
    "bot_id": "VARCHAR",
    "bot_profile": {"name": "VARCHAR"},
    "user_profile": _PROFILE,
    "edited": {"ts": "VARCHAR", "user": "VARCHAR"},
    "files": [_FILE],
    "file": {**_FILE, "initial_comment": {"comment": "VARCHAR"}},
    "comment": {"user": "VARCHAR", "comment": "VARCHAR"},
    "attachments": [
        {
            "fallback": "VARCHAR",
            "pretext": "VARCHAR",
            "title": "VARCHAR",
            "text": "VARCHAR",
            "from_url": "VARCHAR",
            "original_url": "VARCHAR",
            "is_share": "BOOLEAN",
            "blocks": "JSON",
        }
    ],
    "blocks": "JSON",
    "reactions": [{"name": "VARCHAR", "count": "BIGINT", "users": ["VARCHAR"]}],
    "pinned_to": ["VARCHAR"],
    "room": {
        "created_by": "VARCHAR",
        "date_start": "BIGINT",
        "date_end": "BIGINT",
        "participant_history": ["VARCHAR"],
    },
    "message": {"user": "VARCHAR", "text": "VARCHAR"},
    "previous_message": {"user": "VARCHAR"},
    "deleted_ts": "VARCHAR",
}

# `block_text` reads the strings of a layout of blocks in their order, and begins a new line for
# each block: a layout nests without end, and no list of its parts is complete.
MACROS: Final = r"""
CREATE OR REPLACE TEMP MACRO unescaped(x) AS
  replace(replace(replace(x, '&lt;', '<'), '&gt;', '>'), '&amp;', '&');
CREATE OR REPLACE TEMP MACRO named(x) AS
  nullif(trim(unescaped(regexp_replace(x, '[\s\x00-\x1f]+', ' ', 'g'))), '');
CREATE OR REPLACE TEMP MACRO an_id(x) AS CASE WHEN regexp_full_match(x, '\w+') THEN x END;
CREATE OR REPLACE TEMP MACRO decoded(x) AS
  coalesce(json_extract_string(try_cast('[' || x || ']' AS JSON), '$[0]'), '');
CREATE OR REPLACE TEMP MACRO block_text(blocks) AS
  nullif(trim(regexp_replace(list_aggregate(list_transform(
    regexp_extract_all(blocks::VARCHAR,
      '"(?:text|url|user_id|channel_id|alt_text)":\s*"(?:[^"\\]|\\.)*"|"type":\s*"'
      || '(?:emoji",\s*"name":\s*"[^"\\]*|section|header|context|image|rich_text_section'
      || '|rich_text_preformatted|rich_text_quote)"'),
    lambda found: CASE
      WHEN contains(found, '"emoji"') AND found[2:5] = 'type'
        THEN ':' || regexp_extract(found, '([^"]*)"$', 1) || ':'
      WHEN found[2:5] = 'type' THEN chr(30)
      WHEN found[2:8] = 'user_id' THEN '<@' || decoded(regexp_extract(found, ':\s*(.*)', 1)) || '>'
      WHEN found[2:8] = 'channel' THEN '<#' || decoded(regexp_extract(found, ':\s*(.*)', 1)) || '>'
      WHEN found[2:4] = 'url' THEN '<' || decoded(regexp_extract(found, ':\s*(.*)', 1)) || '> '
      ELSE decoded(regexp_extract(found, ':\s*(.*)', 1)) END), 'string_agg', ''),
    '\s*\x1e[\s\x1e]*', chr(10), 'g'), chr(10) || ' '), '');
CREATE OR REPLACE TEMP MACRO attachment_text(a) AS coalesce(
  nullif(nullif(a.fallback, '[no preview available]'), ''),
  nullif(concat_ws(chr(10), nullif(a.pretext, ''), nullif(a.title, ''), nullif(a.text, '')), ''),
  block_text(a.blocks));
"""

PROFILES: Final = """
INSERT INTO users
SELECT an_id(r.user) AS id, max_by(coalesce(named(r.user_profile.display_name),
  named(r.user_profile.real_name), named(r.user_profile.name)), r.ts) AS name
FROM records ANTI JOIN users ON users.id = r.user
WHERE an_id(r.user) IS NOT NULL AND r.user_profile.name <> '' AND r.ts IS NOT NULL GROUP BY ALL
"""

# Subtypes of what happened to a conversation; any other that someone wrote is a message.
_SYSTEM: Final = (
    "^(channel|group|im|mpim)_|_(join|leave|updated)$|^(un)?pinned_item$|^(bot|reminder|joiner)_"
    "|^app_conversation_|^message_(changed|replied)$|^ekm_access_denied$|^sh_room_shared$"
)
_SHARED: Final = r"^<@\w+(?:\|[^>]*)?> (?:uploaded|shared) a file"
_COMMENTED: Final = r" and commented: ([\s\S]*)$"
_FILE_COPY: Final = ", ".join(f"'{name}': r.file.{name}" for name in _FILE)
# The year 2200 begins 7258118400 seconds after 1970. What follows the point of a `ts` tells
# messages of one second apart, and is no part of the clock.
SAID: Final = rf"""
CREATE OR REPLACE TABLE said AS
WITH timed AS (
  SELECT chat, line, r, coalesce(r.subtype, '') AS subtype,
    CASE WHEN regexp_full_match(r.ts, '\d{{1,10}}(\.\d{{1,6}})?')
      THEN split_part(r.ts, '.', 1)::BIGINT END AS seconds
  FROM records
), told AS (
  SELECT *,
    coalesce(nullif(r.type, ''), 'message') <> 'message'
      OR (subtype <> '' AND subtype <> 'bot_message' AND regexp_matches(subtype, '{_SYSTEM}'))
      AS is_system,
    coalesce(r.bot_id <> '', false) OR subtype = 'bot_message' AS is_bot,
    subtype IN ('huddle_thread', 'sh_room_created')
      OR (r.bot_id <> '' AND coalesce(regexp_matches(r.blocks::VARCHAR, '"type":\s*"call"'), false))
      AS is_call,
    CASE WHEN subtype = '' THEN coalesce(r.text, '')
      WHEN subtype = 'message_changed' THEN 'edited a message: ' || coalesce(r.message.text, '')
      WHEN subtype = 'file_comment' THEN coalesce(r.comment.comment, r.text, '')
      WHEN subtype = 'file_share' AND regexp_matches(r.text, '{_SHARED}')
        THEN coalesce(r.file.initial_comment.comment, regexp_extract(r.text, '{_COMMENTED}', 1))
      ELSE coalesce(r.text, '') END AS own,
    CASE WHEN subtype IN ('file_comment', 'file_mention') THEN NULL
      WHEN len(r.files) > 0
        THEN list_filter(r.files, lambda f: f.id IS NOT NULL OR f.name IS NOT NULL)
      WHEN r.file.id IS NOT NULL THEN [{{{_FILE_COPY}}}] END AS files
  FROM timed WHERE seconds < 7258118400
), shown AS (
  SELECT *,
    coalesce(CASE WHEN is_call THEN an_id(r.room.created_by) END, an_id(r.user),
      an_id(r.comment.user), an_id(r.message.user), an_id(r.previous_message.user),
      nullif(regexp_extract(r.username, '^<@(\w+)', 1), '')) AS person,
    CASE WHEN len(r.attachments) > 0 THEN list_filter(r.attachments, lambda a:
      own = '' OR coalesce(a.is_share, false) OR coalesce(a.from_url, a.original_url) IS NULL)
      END AS attachments,
    CASE WHEN own = '' THEN block_text(r.blocks) ELSE own END AS body
  FROM told
)
SELECT chat, line, seconds, r.ts AS ts, subtype, person, is_system, is_bot, is_call,
  CASE WHEN NOT starts_with(r.username, '<@') THEN named(r.username) END AS username,
  coalesce(named(r.bot_profile.name), an_id(r.bot_id)) AS bot,
  CASE WHEN is_system AND body <> '' AND person <> 'USLACKBOT'
      AND NOT contains(body, '<@' || person) THEN '<@' || person || '> ' || ltrim(body)
    WHEN len(attachments) > 0 THEN concat_ws(chr(10), body, list_aggregate(list_filter(
      list_transform(attachments, lambda a: attachment_text(a)),
      lambda x: x <> coalesce(body, '')), 'string_agg', chr(10)))
    ELSE coalesce(body, '') END AS raw,
  files,
  CASE WHEN len(files) > 0
    THEN coalesce(list_filter(files, lambda f: f.name <> '')[1], files[1]) END AS file,
  CASE WHEN len(r.attachments) > 0 AND own <> '' THEN list_transform(
    list_filter(r.attachments, lambda a: a.from_url <> '' AND NOT coalesce(a.is_share, false)),
    lambda a: json_merge_patch('{{}}', to_json({{'url': a.from_url, 'title': named(a.title)}})))
    END AS links,
  coalesce(list_bool_or(list_transform(r.attachments, lambda a: a.is_share)), false) AS forwarded,
  coalesce(r.edited.ts, r.edited.user) IS NOT NULL AND NOT is_call AS edited,
  CASE WHEN r.thread_ts <> r.ts THEN nullif(r.thread_ts, '')
    WHEN subtype = 'message_deleted' THEN r.deleted_ts END AS reply_native,
  coalesce(len(r.pinned_to) > 0, false) AS is_pinned,
  CASE WHEN len(r.reactions) > 0 THEN list_filter(list_transform(r.reactions, lambda x:
    {{'sign': split_part(x.name, '::', 1),
      'count': greatest(coalesce(x.count, len(x.users), 1), 0)}}), lambda x: x.sign <> '')
    END AS reactions,
  CASE WHEN is_call THEN r.room.date_end - r.room.date_start END AS call_seconds,
  CASE WHEN is_call THEN r.room.participant_history END AS participants
FROM shown
"""  # noqa: S608 - constants of this module only

# A text is cut at Slack's escapes, `<@id>`, `<#id|name>`, `<!word^…|label>` and `<url|label>`.
TEXTS: Final = r"""
CREATE OR REPLACE TABLE texts AS
WITH cut AS (
  SELECT rowid AS row, person, is_system,
    regexp_extract_all(raw, '<[^<>]+>|[^<]+|<') AS parts
  FROM said WHERE contains(raw, '<')
), parts AS (
  SELECT row, person, is_system, unnest(parts) AS part, generate_subscripts(parts, 1) AS place
  FROM cut
), split AS (
  SELECT *,
    CASE WHEN NOT starts_with(part, '<') OR part = '<' THEN ''
      WHEN part[2] IN ('@', '#', '!') THEN part[2]
      ELSE regexp_extract(part, '^<([A-Za-z][A-Za-z0-9+.-]*:)', 1) END AS sign,
    CASE WHEN sign <> ''
      THEN split_part(part[if(length(sign) = 1, 3, 2):-2], '|', 1) END AS id,
    CASE WHEN sign <> '' AND contains(part, '|')
      THEN unescaped(nullif(part[strpos(part, '|') + 1:-2], '')) END AS label
  FROM parts
), resolved AS (
  SELECT row, place, part, sign, s.id AS id, label,
    CASE WHEN sign = '@' THEN coalesce(u.name, ltrim(label, '@'), s.id)
      WHEN sign = '#' THEN coalesce(label, p.name, s.id) END AS name,
    sign = '@' AND is_system AND coalesce(s.id = person, false) AS is_subject,
    CASE WHEN length(sign) > 1
      THEN regexp_replace(unescaped(s.id), '^(mailto|tel):', '') END AS address
  FROM split s LEFT JOIN users u ON sign = '@' AND u.id = s.id
    LEFT JOIN (SELECT id, any_value(name) AS name FROM places WHERE id <> '' GROUP BY id) p
      ON sign = '#' AND p.id = s.id
), joined AS (
  SELECT row, list_sort(list({
    'place': place,
    'text': CASE
      WHEN sign = '' THEN unescaped(part)
      WHEN is_subject THEN name
      WHEN sign IN ('@', '#') THEN sign || name
      WHEN sign = '!' AND id IN ('here', 'channel', 'everyone', 'group') THEN '@' || id
      WHEN sign = '!' THEN coalesce(label, '@' || regexp_replace(id, '^\w+\^', ''))
      WHEN label IS NULL OR label IN (address, regexp_replace(address, '^\w+://', ''),
        rtrim(regexp_replace(address, '^\w+://', ''), '/')) THEN address
      ELSE label || ' (' || address || ')' END,
    'mention': CASE WHEN sign = '@' AND NOT is_subject THEN name END})) AS parts
  FROM resolved GROUP BY row
)
SELECT row, list_aggregate(list_transform(parts, lambda x: x.text), 'string_agg', '') AS content,
  list_filter(list_transform(parts, lambda x: x.mention), lambda x: x IS NOT NULL) AS mentions
FROM joined
"""

_EXTENSIONS: Final = {
    "image": "jpe?g|png|gif|heic|bmp|avif|webp|svg|tiff?",
    "video": "mp4|mov|3gp|mkv|webm|avi|m4v",
    "audio": "mp3|m4a|aac|ogg|opus|wav|amr|flac",
}
_MEDIA_TYPE: Final = "\n".join(
    f"    WHEN starts_with(file.mimetype, '{kind}/') OR regexp_matches(ending, '^({endings})$')"
    f" THEN '{kind}'"
    for kind, endings in _EXTENSIONS.items()
)
PARSE: Final = rf"""
CREATE OR REPLACE TABLE parsed AS
WITH called AS (
  SELECT row, list(coalesce(u.name, c.id) ORDER BY c.place) AS participants
  FROM (SELECT rowid AS row, unnest(participants) AS id,
      generate_subscripts(participants, 1) AS place FROM said WHERE is_call) c
    LEFT JOIN users u ON u.id = c.id GROUP BY row
), joined AS (
  SELECT s.*, t.content, t.mentions, c.participants AS names,
    regexp_extract(coalesce(nullif(file.name, ''), file.title), '[^/\\]+$') AS file_name,
    CASE WHEN file IS NOT NULL THEN coalesce(nullif(lower(regexp_extract(file.name,
      '\.([A-Za-z0-9]+)$', 1)), ''), lower(file.filetype), '') END AS ending,
    coalesce(CASE WHEN is_bot THEN username END, u.name, bot, username, person) AS name
  FROM said s LEFT JOIN users u ON u.id = s.person
    LEFT JOIN texts t ON t.row = s.rowid LEFT JOIN called c ON c.row = s.rowid
), sorted AS (
  SELECT *, CASE WHEN is_system OR name IS NULL THEN 'system'
    WHEN subtype IN ('tombstone', 'message_deleted')
      OR (person = 'USLACKBOT' AND raw = 'This message was deleted.') THEN 'deleted'
    WHEN is_call THEN 'call' WHEN len(files) > 0 THEN 'media' ELSE 'message' END AS kind
  FROM joined
)
SELECT chat, line, make_timestamp(seconds * 1000000) AS local_time, true AS utc,
  CASE WHEN kind <> 'system' THEN name END AS author,
  coalesce(content, unescaped(raw)) AS content, kind, ts AS native_id, reply_native,
  CASE WHEN kind = 'media' AND file_name NOT IN ('', '.', '..') THEN file_name END AS media_path,
  CASE WHEN kind <> 'media' THEN NULL
{_MEDIA_TYPE}
    WHEN file_name <> '' OR file.mimetype <> '' THEN 'document' END AS media_type,
  edited, forwarded, coalesce(mentions, []) AS mentions,
  CASE WHEN len(reactions) > 0 THEN map(
    list_distinct(list_transform(reactions, lambda x: x.sign)),
    list_transform(list_distinct(list_transform(reactions, lambda x: x.sign)), lambda sign:
      list_sum(list_transform(list_filter(reactions, lambda x: x.sign = sign), lambda x: x.count))
        ::BIGINT)) END AS reactions,
  CASE WHEN subtype = '' AND files IS NULL AND links IS NULL AND NOT is_bot AND NOT is_pinned
      THEN CASE WHEN person IS NULL THEN '{{}}' ELSE '{{"user":"' || person || '"}}' END::JSON
    ELSE json_merge_patch('{{}}', to_json({{
      'user': person,
      'subtype': CASE WHEN subtype NOT IN ('', 'bot_message', 'file_share', 'me_message',
        'thread_broadcast', 'tombstone') THEN subtype END,
      'action': CASE WHEN subtype = 'me_message' THEN true END,
      'bot': CASE WHEN is_bot THEN true END,
      'broadcast': CASE WHEN subtype IN ('thread_broadcast', 'reply_broadcast') THEN true END,
      'pinned': CASE WHEN is_pinned THEN true END,
      'seconds': CASE WHEN call_seconds > 0 THEN call_seconds END,
      'participants': names,
      'links': CASE WHEN len(links) > 0 THEN links END,
      'files': CASE WHEN len(files) > 0 THEN list_transform(files, lambda f:
        json_merge_patch('{{}}', to_json({{'id': f.id, 'name': nullif(f.name, ''),
          'title': CASE WHEN f.title <> coalesce(f.name, '') THEN f.title END,
          'mimetype': nullif(f.mimetype, ''), 'size': f.size,
          'mode': CASE WHEN f.mode <> 'hosted' THEN f.mode END,
          'access': CASE WHEN f.file_access <> 'visible' THEN f.file_access END,
          'url': coalesce(nullif(f.external_url, ''), nullif(f.permalink, ''))}}))) END
    }})) END AS extra
FROM sorted
"""  # noqa: S608 - constants of this module only

REJECT: Final = (
    "INSERT INTO rejected SELECT chat, line FROM records ANTI JOIN said USING (chat, line)"
)
