"""The ways DiscordChatExporter has written channels: JSON and CSV of several years, zipped."""

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from egregora_dag_tests.adapters.conversation import Format, Said

Record = dict[str, Any]

CHANNEL: Final = "869237470565392384"
NAME: Final = f"Ada's server - Text channels - general [{CHANNEL}]"
_EPOCH: Final = datetime(2015, 1, 1, tzinfo=UTC)
_ALL: Final = frozenset({"message", "system", "media"})


def snowflake(time: datetime, number: int = 0) -> str:
    """The id that Discord gives to what happens at a time."""
    return str((int((time - _EPOCH) / timedelta(milliseconds=1)) << 22) + number)


def user(name: str) -> Record:
    """A member, as versions since 2023 write them."""
    return {
        "id": str(10**17 + sum(map(ord, name))),
        "name": name.lower().replace(" ", "."),
        "discriminator": "0000",
        "nickname": name,
        "color": "#1ABC9C",
        "isBot": False,
        "roles": [{"id": "869", "name": "friends", "color": "#1ABC9C", "position": 3}],
        "avatarUrl": "https://cdn.discordapp.com/embed/avatars/1.png",
    }


def record(time: datetime, author: Any, content: str, number: int = 0, **more: Any) -> Record:
    """A message with the keys that every message has; an author who is no name is as given."""
    return {
        "id": snowflake(time, number),
        "type": "Default",
        "timestamp": time.isoformat(),
        "timestampEdited": None,
        "callEndedTimestamp": None,
        "isPinned": False,
        "content": content,
        "author": user(author) if isinstance(author, str) else author,
        "attachments": [],
        "embeds": [],
        "stickers": [],
        "reactions": [],
        "mentions": [],
        "inlineEmojis": [],
        **more,
    }


def attachment(name: str, url: str | None = None) -> Record:
    """An attachment, by default one that was downloaded beside the export."""
    path = url or f"{NAME}.json_Files/{name}"
    return {"id": "1212", "url": path, "fileName": name, "fileSizeBytes": 4096}


def document(records: Sequence[Any], **more: Any) -> Record:
    """A channel around messages."""
    return {
        "guild": {
            "id": "86",
            "name": "Ada's server",
            "iconUrl": "https://cdn.discordapp.com/i.png",
        },
        "channel": {
            "id": CHANNEL,
            "type": "GuildTextChat",
            "categoryId": "87",
            "category": "Text channels",
            "name": "general",
            "topic": 'what "messages": [ are for',
        },
        "dateRange": {"after": None, "before": None},
        "exportedAt": "2024-05-01T10:00:00.1234567+00:00",
        **more,
        "messages": list(records),
        "messageCount": len(records),
    }


def write_json(path: Path, content: Any) -> Path:
    """JSON, indented as the exporter indents it."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False), "utf-8")
    return path


def _event(one: Said) -> tuple[str, str, str]:
    """Who did it, the type of the notice, and how the exporter words it."""
    who = one.text.rsplit(" left", 1)[0] if one.text.endswith(" left") else one.text.split()[0]
    if one.text.endswith(" left"):
        return who, "RecipientRemove", "Left the group."
    return who, "GuildMemberJoin", "Joined the server."


def records(said: Sequence[Said]) -> list[Record]:
    """Messages as current versions write them."""
    found: list[Record] = []
    for number, one in enumerate(said):
        if one.author is None:
            who, kind, words = _event(one)
            found.append(record(one.time, who, words, number, type=kind))
            continue
        more: Record = {}
        if one.edited:
            more["timestampEdited"] = (one.time + timedelta(seconds=30)).isoformat()
        if one.media:
            more["attachments"] = [attachment(one.media)]
        if one.reply_to is not None:
            answered = snowflake(said[one.reply_to].time, one.reply_to)
            more["type"] = "Reply"
            more["reference"] = {
                "type": "Default",
                "messageId": answered,
                "channelId": CHANNEL,
                "guildId": "86",
            }
        found.append(record(one.time, one.author, one.text, number, **more))
    return found


def _current(said: Sequence[Said], folder: Path) -> Path:
    return write_json(folder / f"{NAME}.json", document(records(said)))


def _local(said: Sequence[Said], folder: Path) -> Path:
    """Times with the offset of the exporting machine, and addresses on Discord's servers."""
    zone = timezone(-timedelta(hours=3, minutes=30))
    rows = records(said)
    for row, one in zip(rows, said, strict=True):
        row["timestamp"] = one.time.astimezone(zone).isoformat()
        for file in row["attachments"]:
            file["url"] = f"https://cdn.discordapp.com/attachments/1/2/{file['fileName']}?ex=6&is=5"
    return write_json(folder / "out.json", document(rows))


def _of_2020(said: Sequence[Said], folder: Path) -> Path:
    """Without categories, nicknames, replies, stickers and mentions; accented letters escaped."""
    rows = records(said)
    for row in rows:
        author = row["author"]
        row["author"] = {
            "id": author["id"],
            "name": author["nickname"],
            "discriminator": "0000",
            "isBot": False,
            "avatarUrl": author["avatarUrl"],
        }
        row["type"] = row["type"].replace("Reply", "Default")
        for key in ("callEndedTimestamp", "stickers", "mentions", "inlineEmojis", "reference"):
            row.pop(key, None)
    content = document(rows)
    content["channel"] = {"id": CHANNEL, "type": "GuildTextChat", "name": "general", "topic": None}
    del content["exportedAt"]
    path = folder / "Ada's server - general.json"
    path.write_text(json.dumps(content, indent=2), "utf-8")
    return path


def _parts(said: Sequence[Said], folder: Path) -> Path:
    """A zip of an export in parts, its attachments beside it."""
    path = folder / "export.zip"
    rows = records(said)
    with zipfile.ZipFile(path, "w") as archive:
        for number, start in reversed(list(enumerate(range(0, len(rows), 5), 1))):
            name = NAME if number == 1 else f"{NAME} [part {number}]"
            part = document(rows[start : start + 5])
            archive.writestr(f"export/{name}.json", json.dumps(part))
        for one in said:
            if one.media:
                archive.writestr(f"export/{NAME}.json_Files/{one.media}", "content")
    return path


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def csv_row(*fields: str, delimiter: str = ",", end: str = "") -> str:
    """A row, every field in quotes."""
    return delimiter.join(map(_quoted, fields)) + end + "\r\n"


def _csv(
    clock: Callable[[datetime], str], *, header: str, delimiter: str = ",", end: str = ""
) -> Callable[[Sequence[Said], Path], Path]:
    def write(said: Sequence[Said], folder: Path) -> Path:
        rows = [header + "\r\n"]
        for one in said:
            who, _, words = (one.author, "", one.text) if one.author else _event(one)
            media = f"https://cdn.discordapp.com/attachments/1/2/{one.media}" if one.media else ""
            fields = [user(who)["id"], who, clock(one.time), words, media, ""]
            fields = fields[-6:] if "AuthorID" in header else fields[1:5]
            rows.append(csv_row(*fields, delimiter=delimiter, end=end))
        path = folder / f"{NAME}.csv"
        path.write_text("".join(rows), "utf-8", newline="")
        return path

    return write


HEADER: Final = "AuthorID,Author,Date,Content,Attachments,Reactions"


def _american(time: datetime) -> str:
    return f"{time.month}/{time.day}/{time.year} {time.hour % 12 or 12}:{time:%M}\u202f{time:%p}"


def _since_2017(time: datetime) -> str:
    return time.strftime("%d-%b-%y %I:%M %p")


FORMATS: Final[Mapping[str, Format]] = {
    "discord json": Format(
        _current, _ALL, system_text=False, replies=True, edits=True, seconds=True
    ),
    "discord json with local times": Format(
        _local, _ALL, system_text=False, replies=True, edits=True, seconds=True
    ),
    "discord json of 2020": Format(_of_2020, _ALL, system_text=False, edits=True, seconds=True),
    "discord json in parts": Format(
        _parts, _ALL, system_text=False, replies=True, edits=True, seconds=True
    ),
    "discord csv": Format(
        _csv(lambda time: f"{time:%Y-%m-%dT%H:%M:%S}.0000000+00:00", header=HEADER),
        _ALL,
        system_text=False,
        seconds=True,
    ),
    "discord csv of 2022, United States": Format(
        _csv(_american, header=HEADER), _ALL, system_text=False
    ),
    "discord csv of 2022, Germany": Format(
        _csv(lambda time: time.strftime("%d.%m.%Y %H:%M"), header=HEADER), _ALL, system_text=False
    ),
    "discord csv of 2020": Format(
        _csv(_since_2017, header=HEADER, end=","), frozenset({"message", "media"})
    ),
    "discord csv of 2019": Format(
        _csv(_since_2017, header=HEADER.replace(",", ";") + ";", delimiter=";", end=";"),
        frozenset({"message", "media"}),
    ),
    "discord csv of 2018": Format(
        _csv(_since_2017, header="Author;Date;Content;Attachments;", delimiter=";", end=";"),
        frozenset({"message", "media"}),
    ),
}
