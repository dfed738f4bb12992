"""Messages of Discord as DiscordChatExporter writes them as JSON, told from table `records`."""

import json
from typing import Any, Final

from duckdb import DuckDBPyConnection

_USER: Final = {
    "id": "VARCHAR",
    "name": "VARCHAR",
    "discriminator": "VARCHAR",
    "nickname": "VARCHAR",
    "isBot": "BOOLEAN",
}
_BODY: Final = {
    "content": "VARCHAR",
    "attachments": [{"url": "VARCHAR", "fileName": "VARCHAR"}],
    "embeds": [
        {
            "title": "VARCHAR",
            "url": "VARCHAR",
            "description": "VARCHAR",
            "author": {"name": "VARCHAR"},
            "footer": {"text": "VARCHAR"},
            "image": {"url": "VARCHAR"},
            "fields": [{"name": "VARCHAR", "value": "VARCHAR"}],
        }
    ],
    "stickers": [{"name": "VARCHAR", "sourceUrl": "VARCHAR"}],
}
# What is read of a message, as `RecordLoader` takes it.
FIELDS: Final[dict[str, Any]] = {
    "id": "VARCHAR",
    "type": "VARCHAR",
    "timestamp": "VARCHAR",
    "timestampEdited": "VARCHAR",
    "callEndedTimestamp": "VARCHAR",
    "isPinned": "BOOLEAN",
    "author": _USER,
    **_BODY,
    "reactions": [{"emoji": {"id": "VARCHAR", "name": "VARCHAR"}, "count": "BIGINT"}],
    "mentions": [_USER],
    "reference": {"type": "VARCHAR", "messageId": "VARCHAR", "channelId": "VARCHAR"},
    # These are rare, and are cut apart only where they are.
    "forwardedMessage": "JSON",
    "interaction": "JSON",
    "poll": "JSON",
}
_FORWARDED: Final = json.dumps({"timestamp": "VARCHAR", **_BODY})
_INTERACTION: Final = json.dumps({"name": "VARCHAR", "user": _USER})
# Some versions write the question as text, others as an object with a text.
_POLL: Final = json.dumps(
    {
        "question": "JSON",
        "answers": [{"id": "VARCHAR", "text": "VARCHAR"}],
        "results": {"answers": [{"id": "VARCHAR", "count": "BIGINT"}]},
    }
)

# Discord's number of each type of notice, its names, and what its author did. The exporter writes
# names for the types that it knows, and numbers for all others.
_NOTICES: Final = (
    (1, ("RecipientAdd",), "added a recipient"),
    (2, ("RecipientRemove",), "removed a recipient"),
    (3, ("Call",), "started a call"),
    (4, ("ChannelNameChange",), "changed the channel name"),
    (5, ("ChannelIconChange",), "changed the channel icon"),
    (6, ("ChannelPinnedMessage",), "pinned a message"),
    (7, ("GuildMemberJoin", "UserJoin"), "joined the server"),
    (8, ("UserPremiumGuildSubscription", "GuildBoost"), "boosted the server"),
    (9, ("UserPremiumGuildSubscriptionTier1", "GuildBoostTier1"), "boosted the server to level 1"),
    (10, ("UserPremiumGuildSubscriptionTier2", "GuildBoostTier2"), "boosted the server to level 2"),
    (11, ("UserPremiumGuildSubscriptionTier3", "GuildBoostTier3"), "boosted the server to level 3"),
    (12, ("ChannelFollowAdd",), "followed a channel"),
    (14, ("GuildDiscoveryDisqualified",), "was told: discovery was lost"),
    (15, ("GuildDiscoveryRequalified",), "was told: discovery is back"),
    (16, ("GuildDiscoveryGracePeriodInitialWarning",), "was warned of losing discovery"),
    (17, ("GuildDiscoveryGracePeriodFinalWarning",), "was warned of losing discovery again"),
    (18, ("ThreadCreated",), "started a thread"),
    (21, ("ThreadStarterMessage",), "wrote what this thread began with"),
    (22, ("GuildInviteReminder",), "was reminded to invite others"),
    (24, ("AutoModerationAction",), "was stopped by moderation"),
    (25, ("RoleSubscriptionPurchase",), "subscribed to a role"),
    (26, ("InteractionPremiumUpsell",), "was offered an upgrade"),
    (27, ("StageStart",), "started a stage"),
    (28, ("StageEnd",), "ended the stage"),
    (29, ("StageSpeaker",), "became a speaker"),
    (31, ("StageTopic",), "changed the topic of the stage"),
    (32, ("GuildApplicationPremiumSubscription",), "upgraded an application"),
    (36, ("GuildIncidentAlertModeEnabled",), "locked the server"),
    (37, ("GuildIncidentAlertModeDisabled",), "unlocked the server"),
    (38, ("GuildIncidentReportRaid",), "reported a raid"),
    (39, ("GuildIncidentReportFalseAlarm",), "reported a false alarm"),
    (44, ("PurchaseNotification",), "bought something"),
    (46, ("PollResult",), "closed a poll"),
)
_CALLS: Final = ("3", "call")
_COMMANDS: Final = ("20", "chatinputcommand", "applicationcommand", "23", "contextmenucommand")
_PLAIN: Final = ("0", "default", *_COMMANDS, "19", "reply")

# How the exporter itself words a notice: `Pinned a message.`
_WORDED: Final = r"^(Added|Changed|Joined|Left|Pinned|Removed|Started) "

MACROS: Final = (
    # The clock in UTC; without an offset, as written. A leap second counts as the one before it.
    r"discord_clock(t) AS try_cast(regexp_replace(t, '(\d:\d\d):60', '\1:59') AS TIMESTAMPTZ) "
    "AT TIME ZONE 'UTC'",
    r"discord_in_utc(t) AS length(t) > 10 AND regexp_matches(t, '(Z|[+-]\d{2}(:?\d{2})?)$')",
    "discord_in_range(t) AS t >= TIMESTAMP '1970-01-01' AND t < TIMESTAMP '2200-01-01'",
    "discord_named(u) AS coalesce(nullif(trim(u.nickname), ''), discord_tagged(u.name, "
    "u.discriminator), 'User ' || u.id)",
    # Accounts have had no discriminator since 2023, for which stands 0000.
    r"discord_tagged(name, tag) AS nullif(trim(name), '') || if(regexp_matches(tag, '^\d{4}$') "
    "AND tag <> '0000', '#' || tag, '')",
    # Signatures of addresses expire, and differ between exports.
    r"discord_path(p) AS if(regexp_matches(p, '^https?://'), regexp_replace(p, '[?#].*$', ''), "
    r"replace(p, '\', '/'))",
    "discord_media_type(p) AS CASE "
    r"WHEN regexp_matches(p, '(?i)\.(jpe?g|png|gif|webp|heic|bmp|avif|jfif|svg)$') THEN 'image' "
    r"WHEN regexp_matches(p, '(?i)\.(mp4|mov|m4v|3gp|mkv|webm|avi)$') THEN 'video' "
    r"WHEN regexp_matches(p, '(?i)\.(opus|mp3|m4a|aac|ogg|wav|amr|flac)$') THEN 'audio' "
    "ELSE 'document' END",
    "discord_sign(e) AS if(coalesce(e.id, '') = '', nullif(e.name, ''), ':' || e.name || ':')",
    "discord_filled(l) AS list_filter(l, lambda x: x <> '')",
    "discord_embed(e) AS array_to_string(discord_filled([e.author.name, "
    "concat_ws(' ', nullif(e.title, ''), if(coalesce(e.title, '') = '', nullif(e.url, ''), "
    "'(' || nullif(e.url, '') || ')')), e.description] || "
    "list_transform(coalesce(e.fields, []), lambda f: concat_ws(': ', nullif(f.name, ''), "
    "nullif(f.value, ''))) || [e.footer.text]), chr(10))",
    "discord_embeds(l) AS discord_filled(list_transform(l, lambda e: coalesce(nullif("
    "discord_embed(e), ''), e.image.url)))",
    # Without the exporter's own resolving (`--markdown false`), names stand as numbers.
    r"discord_resolved(t, users) AS if(contains(t, '<'), list_reduce(list_prepend("
    r"regexp_replace(t, '<a?(:\w+:)\d+>', '\1', 'g'), list_transform(list_filter("
    "coalesce(users, []), lambda u: u.id <> ''), lambda u: u.id || chr(31) || discord_named(u))), "
    "lambda done, u: replace(replace(done, '<@' || split_part(u, chr(31), 1) || '>', "
    "'@' || split_part(u, chr(31), 2)), '<@!' || split_part(u, chr(31), 1) || '>', "
    "'@' || split_part(u, chr(31), 2))), t)",
    "discord_counted(l) AS map_from_entries(list_transform(list_distinct(list_transform(l, "
    "lambda x: x.k)), lambda k: {'k': k, 'v': list_sum(list_transform(list_filter(l, "
    "lambda x: x.k = k), lambda x: x.v))::BIGINT}))",
    # `Pinned a message.` by Ada → `Ada pinned a message.`
    f"discord_told(who, t) AS who || if(regexp_matches(t, '{_WORDED}'), "
    "' ' || lower(t[1]) || t[2:], ': ' || t)",
    "discord_question(q) AS coalesce(json_extract_string(q, '$.text'), "
    "json_extract_string(q, '$'))",
)

_PARSE: Final = """
CREATE OR REPLACE TABLE parsed AS
WITH cut AS (
  SELECT chat, line, r,
    CASE WHEN json_type(r.forwardedMessage) = 'OBJECT'
      THEN try(from_json(r.forwardedMessage, $forwarded)) END AS fwd,
    CASE WHEN json_type(r.interaction) = 'OBJECT'
      THEN try(from_json(r.interaction, $interaction)) END AS act,
    CASE WHEN json_type(r.poll) = 'OBJECT' THEN try(from_json(r.poll, $poll)) END AS poll
  FROM records
), typed AS (
  SELECT chat, line, r, fwd, act, poll, phrase,
    coalesce(lower(r.type), 'default') AS type,
    discord_clock(r.timestamp) AS local_time,
    discord_named(r.author) AS who,
    nullif(fwd.content, '') AS forwarded_content,
    fwd IS NOT NULL OR coalesce(r.reference.type = 'Forward', false) AS forwarded,
    list_transform(list_filter(
      coalesce(nullif(r.attachments, []), fwd.attachments, []),
      lambda f: coalesce(f.url, '') <> '' OR f.fileName <> ''),
      lambda f: {'name': coalesce(nullif(f.fileName, ''), f.url),
        'path': discord_path(coalesce(nullif(f.url, ''), f.fileName))}) AS files,
    list_filter(coalesce(nullif(r.stickers, []), fwd.stickers, []),
      lambda s: coalesce(s.name, s.sourceUrl, '') <> '') AS stickers,
    discord_embeds(coalesce(nullif(r.embeds, []), fwd.embeds, [])) AS embeds,
    list_filter(r.embeds[1].fields, lambda f: f.name IN
      ('poll_question_text', 'victor_answer_text')) AS poll_fields
  FROM cut LEFT JOIN discord_notices ON lower(r.type) = name
), worded AS (
  SELECT *, nullif(r.content, '') IS NULL AND forwarded_content IS NULL AS is_empty,
    coalesce(nullif(discord_resolved(r.content, r.mentions), ''), forwarded_content,
      if(len(poll_fields) > 0, array_to_string(list_transform(list_sort(list_transform(
        poll_fields, lambda f: [if(f.name = 'poll_question_text', '1', '2'), f.value])),
        lambda f: f[2]), ': '), NULL),
      if(len(embeds) > 0, array_to_string(embeds, chr(10)), NULL), '') AS text
  FROM typed WHERE discord_in_range(local_time)
), sorted AS (
  SELECT *, CASE
    WHEN type IN (SELECT unnest($calls)) AND who IS NOT NULL THEN 'call'
    WHEN phrase IS NOT NULL OR (type NOT IN (SELECT unnest($plain))
      AND text = '' AND len(files) = 0 AND len(stickers) = 0 AND poll IS NULL) THEN 'system'
    WHEN poll IS NOT NULL THEN 'poll'
    WHEN len(files) > 0 OR len(stickers) > 0 THEN 'media'
    ELSE 'message' END AS kind
  FROM worded
)
SELECT chat, line, local_time, discord_in_utc(r.timestamp) AS utc,
  CASE WHEN kind <> 'system' THEN who END AS author,
  CASE kind
    WHEN 'system' THEN
      CASE WHEN regexp_matches(text, $worded) AND phrase IS NOT NULL AND is_empty = false
          THEN discord_told(coalesce(who, 'Someone'), text)
        ELSE concat_ws(' ', coalesce(who, 'Someone'),
          coalesce(phrase, '(' || r.type || ')') || if(text = '', '', ': ' || text)) END
    WHEN 'poll' THEN array_to_string(discord_filled([text, discord_question(poll.question)]
      || list_transform(coalesce(poll.answers, []), lambda a: '- ' || a.text)), chr(10))
    ELSE text END AS content,
  kind, nullif(r.id, '') AS native_id,
  CASE WHEN kind <> 'system' AND NOT forwarded AND type NOT IN ('0', 'default')
    AND coalesce(r.reference.channelId, chat) = chat THEN nullif(r.reference.messageId, '')
    END AS reply_native,
  CASE WHEN kind = 'media' THEN coalesce(files[1].path, discord_path(stickers[1].sourceUrl))
    END AS media_path,
  CASE WHEN kind = 'media' THEN if(len(files) > 0,
    discord_media_type(coalesce(files[1].name, files[1].path)), 'sticker') END AS media_type,
  nullif(r.timestampEdited, '') IS NOT NULL AS edited,
  forwarded,
  list_transform(list_filter(r.mentions, lambda u: discord_named(u) <> ''),
    lambda u: discord_named(u)) AS mentions,
  CASE WHEN len(r.reactions) > 0 THEN discord_counted(list_filter(list_transform(r.reactions,
    lambda x: {'k': discord_sign(x.emoji), 'v': coalesce(x.count, 1)}), lambda x: x.k <> ''))
    END AS reactions,
  json_merge_patch('{}', to_json({
    'author_id': r.author.id,
    'bot': if(r.author.isBot, true, NULL),
    'pinned': if(r.isPinned, true, NULL),
    'type': CASE WHEN type NOT IN ('0', 'default', '19', 'reply') THEN r.type END,
    'edited_at': nullif(r.timestampEdited, ''),
    'call_ended_at': nullif(r.callEndedTimestamp, ''),
    'attachments': nullif(if(kind = 'media', files[2:], files), []),
    'stickers': nullif(list_transform(stickers, lambda s: coalesce(s.name, s.sourceUrl)), []),
    'embeds': if(is_empty, NULL, nullif(embeds, [])),
    'votes': CASE WHEN len(poll.results.answers) > 0 THEN list_transform(
      coalesce(poll.answers, []), lambda a: {'answer': a.text, 'count': list_filter(
        poll.results.answers, lambda v: v.id = a.id)[1].count}) END,
    'command': act.name,
    'command_by': discord_named(act.user),
    'forwarded_from': if(forwarded, {'message_id': r.reference.messageId,
      'channel_id': r.reference.channelId, 'at': fwd.timestamp}, NULL),
    'refers_to': if(kind = 'system' OR r.reference.channelId <> chat, r.reference.messageId, NULL)
  })) AS extra
FROM sorted
WHERE kind = 'system' OR who IS NOT NULL
"""


def parse_records(scratch: DuckDBPyConnection) -> None:
    """Fill `parsed` from `records`, which holds `FIELDS` and is named by channels' ids.

    Args:
        scratch: The database, with `MACROS` in it.
    """
    names = [
        (name.lower(), phrase)
        for number, types, phrase in _NOTICES
        for name in (str(number), *types)
    ]
    scratch.execute(
        "CREATE OR REPLACE TABLE discord_notices AS "
        "SELECT unnest($names) AS name, unnest($phrases) AS phrase",
        {"names": [name for name, _ in names], "phrases": [phrase for _, phrase in names]},
    )
    scratch.execute(
        _PARSE,
        {
            "calls": list(_CALLS),
            "plain": list(_PLAIN),
            "worded": _WORDED,
            "forwarded": _FORWARDED,
            "interaction": _INTERACTION,
            "poll": _POLL,
        },
    )
