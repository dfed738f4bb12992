"""What a record of Telegram Desktop is made of, and how it becomes a message, in SQL."""

import re
from collections.abc import Mapping
from typing import Any, Final

_TEXTS: Final = re.findall(
    r"\w+",
    "type date date_unixtime edited edited_unixtime from from_id actor actor_id action author "
    "forwarded_from forwarded_from_id saved_from reply_to_peer_id via_bot photo file file_name "
    "media_type sticker_emoji mime_type performer title contact_vcard place_name address "
    "game_title game_description game_link inviter currency discard_reason information_text "
    "reason_domain reason_app_name to emoticon cost new_title new_creator option comment "
    "media_spoiler",
)
_NUMBERS: Final = re.findall(
    r"\w+",
    "id reply_to_message_id message_id duration_seconds self_destruct_period_seconds "
    "live_location_period_seconds paid_stars_amount score amount distance duration period "
    "schedule_date months days stars boosts",
)
_ANYTHING: Final = re.findall(
    r"\w+",
    "text contact_information location_information invoice_information poll todo_list "
    "giveaway_information giveaway_results rich_message gift_text items reactions",
)
FIELDS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(_TEXTS, "VARCHAR"),
    **dict.fromkeys(_NUMBERS, "BIGINT"),
    **dict.fromkeys(_ANYTHING, "JSON"),
    "members": ["VARCHAR"],
    "values": ["VARCHAR"],
}

# What an action is called in a system line; the words of any other are its own name.
ACTIONS: Final = {
    "create_group": "created the group",
    "create_channel": "created the channel",
    "edit_group_title": "changed the name to",
    "edit_group_photo": "changed the photo",
    "delete_group_photo": "removed the photo",
    "invite_members": "invited",
    "remove_members": "removed",
    "join_group_by_link": "joined by a link",
    "join_group_by_request": "joined by request",
    "migrate_to_supergroup": "made this group a supergroup",
    "migrate_from_group": "made a group this supergroup:",
    "pin_message": "pinned a message",
    "clear_history": "cleared the history",
    "score_in_game": "scored in a game:",
    "send_payment": "paid",
    "refunded_payment": "got a payment back:",
    "take_screenshot": "took a screenshot",
    "allow_sending_messages": "allowed a bot to write:",
    "attach_menu_bot_allowed": "added a bot to the attachment menu",
    "web_app_bot_allowed": "allowed a bot to write from its app",
    "send_passport_values": "sent documents:",
    "joined_telegram": "joined Telegram",
    "proximity_reached": "came close:",
    "requested_phone_number": "asked for the phone number",
    "group_call": "held a group call",
    "invite_to_group_call": "invited to a group call:",
    "group_call_scheduled": "scheduled a group call",
    "set_messages_ttl": "set messages to delete themselves:",
    "edit_chat_theme": "changed the theme",
    "set_chat_wallpaper": "changed the wallpaper",
    "set_same_chat_wallpaper": "set the same wallpaper",
    "send_webview_data": "sent data from an app",
    "send_premium_gift": "gave Telegram Premium:",
    "send_stars_gift": "gave stars:",
    "send_star_gift": "gave a gift",
    "topic_created": "created the topic",
    "topic_edit": "changed the topic",
    "suggest_profile_photo": "suggested a profile photo",
    "requested_peer": "shared a chat with a bot",
    "boost_apply": "boosted the group",
    "todo_completions": "ticked tasks off",
    "todo_append_tasks": "added tasks:",
    "poll_append_answer": "added an answer to the poll:",
    "poll_delete_answer": "removed an answer from the poll:",
    "change_creator": "made owner:",
}

MACROS: Final = r"""
CREATE OR REPLACE TEMP MACRO telegram_list(j) AS coalesce(try(from_json(j, '["JSON"]')), []);
CREATE OR REPLACE TEMP MACRO telegram_lines(parts) AS
  array_to_string(list_filter(parts, lambda l: l <> ''), chr(10));
CREATE OR REPLACE TEMP MACRO telegram_part(p) AS CASE json_type(p)
  WHEN 'OBJECT' THEN (p->>'text') || CASE
    WHEN p->>'type' = 'text_link'
      AND rtrim(p->>'href', '/') NOT IN (p->>'text', 'http://' || (p->>'text'),
        'https://' || (p->>'text'))
    THEN ' (' || (p->>'href') || ')' ELSE '' END
  ELSE p->>'$' END;
CREATE OR REPLACE TEMP MACRO telegram_text(j) AS CASE json_type(j)
  WHEN 'ARRAY' THEN
    array_to_string(list_transform(telegram_list(j), lambda p: telegram_part(p)), '')
  ELSE coalesce(telegram_part(j), '') END;
CREATE OR REPLACE TEMP MACRO telegram_items(j) AS
  list_transform(telegram_list(j), lambda i: '- ' || telegram_text(json_extract(i, 'text')));
CREATE OR REPLACE TEMP MACRO telegram_votes(n) AS
  n || if(n = '1', ' vote', ' votes');
CREATE OR REPLACE TEMP MACRO telegram_strings(j) AS list_transform(
  regexp_extract_all(j::VARCHAR, '"(?:text|source|formula|url)"\s*:\s*("(?:[^"\\]|\\.)*")', 1),
  lambda t: t::JSON->>'$');
CREATE OR REPLACE TEMP MACRO telegram_rich(j) AS telegram_lines(
  list_transform(telegram_list(json_extract(j, 'blocks')), lambda b:
    if(b->>'type' IN ('heading', 'paragraph', 'footer', 'code'),
      array_to_string(telegram_strings(b), ''), telegram_lines(telegram_strings(b)))));
CREATE OR REPLACE TEMP MACRO telegram_person(id) AS CASE
  WHEN try_cast(id AS BIGINT) IS NULL THEN id
  WHEN id::BIGINT >> 32 = 2 THEN 'chat' || (id::BIGINT & 4294967295)
  ELSE 'user' || if(id::BIGINT >> 32 = 1, id::BIGINT & 4294967295, id::BIGINT) END;
CREATE OR REPLACE TEMP MACRO telegram_file(f) AS
  if(regexp_matches(f, '\((?:File|Photo) (?:unavailable|exceeds|not included)[^)]*\)$'), NULL, f);
CREATE OR REPLACE TEMP MACRO telegram_reacted(j) AS try(from_json(j, '[{"type": "VARCHAR",
  "count": "BIGINT", "emoji": "VARCHAR", "recent": [{"from": "VARCHAR", "from_id": "VARCHAR"}]}]'));
CREATE OR REPLACE TEMP MACRO telegram_sign(x) AS
  coalesce(x.emoji, if(x.type = 'paid', '⭐', 'custom emoji'));
CREATE OR REPLACE TEMP MACRO telegram_signs(xs) AS
  list_distinct(list_transform(xs, lambda x: telegram_sign(x)));
CREATE OR REPLACE TEMP MACRO telegram_reactions(xs) AS map(telegram_signs(xs),
  list_transform(telegram_signs(xs), lambda sign: try_cast(list_sum(list_transform(
    list_filter(xs, lambda x: telegram_sign(x) = sign), lambda x: coalesce(x.count, 1)))
    AS BIGINT)));
"""

# A message's number is its own in a supergroup or channel. Elsewhere each account numbers its
# messages, so its time belongs to its name. History from before a group became a supergroup comes
# with numbers shifted by a thousand million, which are shifted back.
_TIMED: Final = r"""
WITH dated AS NOT MATERIALIZED (
  SELECT c.chat, c.title, c.chat_id, c.is_shared, line, r,
    try_cast(r.date_unixtime AS BIGINT) AS seconds,
    length(r.date) > 19 AND regexp_matches(r.date, '[0-9](?:Z|[+-][0-9]{2}:?[0-9]{2})$')
      AS has_offset,
    r.action IS NOT NULL OR r.type = 'service' OR (coalesce(r.type, '') <> 'message'
      AND r."from" IS NULL AND r.from_id IS NULL) AS is_service,
    if(r.id < 0 AND r.id > -1000000000, r.id + 1000000000, r.id) AS id
  FROM records JOIN telegram_chats c ON c.number = records.chat
), clocked AS NOT MATERIALIZED (
  SELECT *, seconds BETWEEN 0 AND 7258118399 AS is_unix, CASE
      WHEN seconds BETWEEN 0 AND 7258118399 THEN make_timestamp(seconds * 1000000)
      WHEN has_offset THEN try_cast(r.date AS TIMESTAMPTZ) AT TIME ZONE 'UTC'
      ELSE try_cast(r.date AS TIMESTAMP) END AS clock
  FROM dated
), timed AS NOT MATERIALIZED (
  SELECT *, if(clock BETWEEN TIMESTAMP '1970-01-01' AND TIMESTAMP '2199-12-31 23:59:59.999999',
      clock, NULL) AS local_time,
    CASE WHEN is_shared AND r.id > 0
      THEN if(is_unix, chat_id, chat_id & 4294967295) || '/' || id
      ELSE id || '@' || if(is_unix, seconds::VARCHAR, r.date) END AS native_id
  FROM clocked
)
"""

LINKS: Final = """
CREATE OR REPLACE TABLE telegram_links AS
WITH forums AS (SELECT DISTINCT chat FROM records WHERE r.action = 'topic_created')
SELECT c.chat, r.id AS id, any_value(r.reply_to_message_id) AS up,
  max(r.title) FILTER (r.action = 'topic_created') AS topic
FROM records SEMI JOIN forums USING (chat) JOIN telegram_chats c ON c.number = records.chat
WHERE r.id IS NOT NULL GROUP BY ALL
"""

# Each round doubles how far up a chain of answers a message looks, until all look at its beginning.
CLIMB: Final = """
CREATE OR REPLACE TABLE telegram_links AS
SELECT m.chat, m.id, m.topic, coalesce(t.up, m.up) AS up
FROM telegram_links m LEFT JOIN telegram_links t ON t.chat = m.chat AND t.id = m.up
"""
LONGEST_CHAIN: Final = 24

# What a system line tells besides who and what; only what belongs to its action is there.
_DETAILS: Final = """array_to_string([r.title, r.new_title,
  if(r.title IS NULL, '', 'with ')
    || array_to_string(list_transform(r.members, lambda m: coalesce(m, 'Deleted Account')), ', '),
  'by ' || r.inviter, r.score::VARCHAR, concat_ws(' ', r.amount, r.currency),
  r.reason_domain, r.reason_app_name,
  array_to_string(list_transform(r."values", lambda v: replace(v, '_', ' ')), ', '),
  r."to", r.distance || ' m', r.duration || ' seconds', r.period || ' seconds',
  strftime(try(make_timestamp(r.schedule_date * 1000000)), 'for %Y-%m-%d %H:%M UTC'),
  r.emoticon, r.cost, r.months || ' months', r.days || ' days', r.stars || ' stars',
  r.boosts || ' times', r.new_creator, r."option", r.comment,
  telegram_text(r.gift_text), array_to_string(telegram_items(r.items), ' '), body]
  .list_filter(lambda d: d <> ''), ', ')"""

_CONTENT: Final = """CASE WHEN is_plain OR kind = 'media' THEN body ELSE CASE kind
  WHEN 'system' THEN coalesce(r.information_text, concat_ws(' ',
    coalesce(r.actor, telegram_person(r.actor_id), r."from", telegram_person(r.from_id)),
    coalesce(map($actions, $phrases)[r.action], replace(coalesce(r.action, r.type, ''), '_', ' ')),
    nullif({details}, '')))
  WHEN 'call' THEN concat_ws(', ', if(r.action = 'conference_call', 'Conference call', 'Call'),
    if(r.discard_reason IN ('missed', 'busy'), r.discard_reason, NULL),
    r.duration_seconds || ' seconds')
  ELSE telegram_lines([CASE kind
      WHEN 'poll' THEN telegram_lines(list_prepend(telegram_text(json_extract(r.poll, 'question')),
        list_transform(telegram_list(json_extract(r.poll, 'answers')), lambda a: '- '
          || telegram_text(json_extract(a, 'text'))
          || coalesce(': ' || telegram_votes(a->>'voters'), ''))))
      WHEN 'location' THEN concat_ws(', ', r.place_name, r.address,
        r.location_information->>'latitude', r.location_information->>'longitude')
      WHEN 'contact' THEN concat_ws(', ', nullif(concat_ws(' ',
          nullif(r.contact_information->>'first_name', ''),
          nullif(r.contact_information->>'last_name', '')), ''),
        nullif(r.contact_information->>'phone_number', ''))
      ELSE CASE
        WHEN r.todo_list IS NOT NULL THEN telegram_lines(list_prepend(
          telegram_text(json_extract(r.todo_list, 'title')),
          telegram_items(json_extract(r.todo_list, 'answers'))))
        WHEN r.game_title IS NOT NULL
          THEN telegram_lines([r.game_title, r.game_description, r.game_link])
        WHEN invoice IS NOT NULL THEN telegram_lines([invoice->>'title', invoice->>'description'])
        WHEN r.giveaway_information IS NOT NULL THEN 'Giveaway'
        WHEN r.giveaway_results IS NOT NULL THEN 'Results of a giveaway'
        WHEN r.rich_message IS NOT NULL THEN telegram_rich(r.rich_message) END
    END, body]) END END""".replace("{details}", _DETAILS)

# Built only where there is more than who wrote it; merging leaves the nulls out.
_EXTRA: Final = """CASE WHEN is_plain THEN json_object('from_id', from_id)
ELSE json_merge_patch('{}', to_json({
  'from_id': from_id, 'action': r.action, 'signature': r.author, 'topic': topic,
  'forwarded_from': r.forwarded_from, 'saved_from': r.saved_from, 'via_bot': r.via_bot,
  'answers': if(reply_native IS NULL AND topic_start IS NULL, answers, NULL),
  'answers_chat': elsewhere,
  'media': r.media_type, 'file_name': r.file_name, 'mime_type': r.mime_type,
  'duration_seconds': r.duration_seconds, 'performer': r.performer,
  'title': if(kind = 'system', NULL, r.title), 'sticker_emoji': r.sticker_emoji,
  'self_destruct_seconds': r.self_destruct_period_seconds,
  'live_location_seconds': r.live_location_period_seconds, 'paid_stars': r.paid_stars_amount,
  'spoiler': try_cast(r.media_spoiler AS BOOLEAN), 'discard_reason': r.discard_reason,
  'poll': if(kind = 'poll', json_object('closed', json_extract(r.poll, 'closed'),
    'total_voters', json_extract(r.poll, 'total_voters')), NULL),
  'invoice': invoice, 'giveaway': coalesce(r.giveaway_information, r.giveaway_results),
  'reacted': flatten(list_transform(reacted, lambda x: list_transform(x.recent,
    lambda w: {'sign': telegram_sign(x), 'by': coalesce(w."from", w.from_id)})))
})) END"""

PARSE: Final = (
    r"""
CREATE OR REPLACE TABLE parsed AS {timed}
, asked AS (
  SELECT chat, line, coalesce(r.reply_to_message_id, if(is_service, r.message_id, NULL)) AS answers,
    if(r.reply_to_peer_id IN ('channel' || chat_id, 'chat' || chat_id, 'user' || chat_id),
      NULL, r.reply_to_peer_id) AS elsewhere
  FROM timed WHERE answers IS NOT NULL
), answered AS (
  -- A number that occurs twice means the last message before that has it.
  SELECT a.chat, a.line, a.answers, a.elsewhere, t.native_id AS reply_native,
    t.topic_start
  FROM asked a ASOF LEFT JOIN (
    SELECT chat, line, r.id AS id, native_id,
      if(r.action = 'topic_created', r.title, NULL) AS topic_start
    FROM timed
  ) t ON a.chat = t.chat AND a.answers = t.id AND a.line > t.line
), found AS (
  SELECT timed.*, a.answers, a.elsewhere, a.topic_start,
    CASE WHEN NOT is_service AND a.elsewhere IS NULL AND a.topic_start IS NULL
      THEN a.reply_native END AS reply_native,
    coalesce(a.topic_start, l.topic) AS topic,
    telegram_text(r.text) AS body, telegram_person(coalesce(r.from_id, r.actor_id)) AS from_id,
    CASE WHEN r.reactions IS NOT NULL THEN telegram_reacted(r.reactions) END AS reacted,
    if(json_type(r.invoice_information) = 'VARCHAR',
      try((r.invoice_information->>'$')::JSON), r.invoice_information) AS invoice,
    CASE
      WHEN is_service AND r.action IN ('phone_call', 'conference_call') THEN 'call'
      WHEN is_service THEN 'system'
      WHEN json_type(r.poll) = 'OBJECT' THEN 'poll'
      WHEN json_type(r.location_information) = 'OBJECT' OR r.place_name IS NOT NULL
        OR r.live_location_period_seconds IS NOT NULL THEN 'location'
      WHEN json_type(r.contact_information) = 'OBJECT' THEN 'contact'
      WHEN coalesce(r.photo, r.file, r.media_type) IS NOT NULL
        OR r.paid_stars_amount IS NOT NULL THEN 'media'
      ELSE 'message' END AS kind
  FROM timed LEFT JOIN answered a USING (chat, line)
  LEFT JOIN (
    SELECT m.chat, m.id AS root_id, t.topic
    FROM telegram_links m JOIN telegram_links t ON t.chat = m.chat AND t.id = m.up
    WHERE t.topic IS NOT NULL
  ) l ON l.chat = timed.chat AND l.root_id = r.id
  WHERE local_time IS NOT NULL
), described AS (
  SELECT *, kind = 'message' AND from_id IS NOT NULL
      AND coalesce(r.author, r.forwarded_from, r.saved_from, r.via_bot, topic, elsewhere) IS NULL
      AND (answers IS NULL OR reply_native IS NOT NULL)
      AND coalesce(invoice, r.giveaway_information, r.giveaway_results, r.todo_list,
        r.rich_message, r.reactions) IS NULL AND r.game_title IS NULL AS is_plain
  FROM found
)
SELECT chat, line, local_time, is_unix OR has_offset AS utc,
  CASE WHEN kind <> 'system'
    THEN coalesce(nullif(r."from", ''), nullif(r.actor, ''), from_id, title) END AS author,
  coalesce({content}, '') AS content, kind, native_id, reply_native,
  telegram_file(coalesce(r.photo, r.file, r.contact_vcard)) AS media_path,
  CASE
    WHEN r.photo IS NOT NULL THEN 'image'
    WHEN r.file IS NULL AND r.media_type IS NULL
      THEN if(r.contact_vcard IS NOT NULL, 'document', NULL)
    WHEN r.media_type = 'sticker' THEN 'sticker'
    WHEN r.media_type IN ('voice_message', 'audio_file') THEN 'audio'
    WHEN r.media_type IN ('video_message', 'video_file', 'animation') THEN 'video'
    ELSE coalesce(list_filter(['image', 'video', 'audio'],
      lambda t: starts_with(r.mime_type, t || '/'))[1], 'document') END AS media_type,
  coalesce(try_cast(r.edited_unixtime AS BIGINT) > 0,
    r.edited > '1971' AND r.edited < '22', false) AS edited,
  coalesce(r.forwarded_from, r.forwarded_from_id) IS NOT NULL AS forwarded,
  CASE WHEN starts_with(r.text, '[') THEN CASE WHEN contains(r.text, '"mention') THEN
    list_transform(list_filter(telegram_list(r.text), lambda p: p->>'type' IN ('mention',
      'mention_name')), lambda p: ltrim(p->>'text', '@')) ELSE [] END END AS mentions,
  CASE WHEN len(reacted) > 0 THEN telegram_reactions(reacted) END AS reactions,
  {extra} AS extra
FROM described
""".replace("{timed}", _TIMED)
    .replace("{content}", _CONTENT)
    .replace("{extra}", _EXTRA)
)

REJECTED: Final = (
    "INSERT INTO rejected {timed} SELECT chat, line FROM timed WHERE local_time IS NULL"
).replace("{timed}", _TIMED)
