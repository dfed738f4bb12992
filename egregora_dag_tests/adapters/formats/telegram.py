"""The ways Telegram Desktop has written `result.json`: new, old, a whole account, zipped."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from egregora_dag_tests.adapters.conversation import Format, Said

Record = dict[str, Any]

_ABOUT: Final = "Here is the data you requested. Remember: we don't use it to target ads."
_EPOCH: Final = "1970-01-01T00:00:00"


def _clock(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S")


def _seconds(time: datetime) -> str:
    return str(int(time.timestamp()))


def _people(said: Sequence[Said]) -> dict[str, int]:
    return {name: 1000 + n for n, name in enumerate(dict.fromkeys(s.author for s in said)) if name}


def _parts(text: str) -> list[Any]:
    """A text as Telegram Desktop cuts it: links are objects, all else is strings."""
    before, scheme, after = text.partition("https://")
    link, _, rest = after.partition(" ")
    return [before, {"type": "link", "text": scheme + link}, rest] if scheme else [text]


def _media(said: Said, *, included: bool) -> Record:
    left_out = "(File not included. Change data exporting settings to download.)"
    if said.media is None:
        return {}
    if said.media_type == "image":
        path = f"photos/{said.media}"
        return {"photo": path if included else left_out, "width": 1280, "height": 960}
    return {"file": f"files/{said.media}" if included else left_out, "mime_type": "application/pdf"}


def new_records(said: Sequence[Said], *, included: bool = True) -> list[Record]:
    """Messages as versions since 2022 write them."""
    people = _people(said)
    records: list[Record] = []
    for number, one in enumerate(said):
        record: Record = {
            "id": number + 1,
            "type": "message" if one.author else "service",
            "date": _clock(one.time + timedelta(hours=2)),
            "date_unixtime": _seconds(one.time),
        }
        if one.edited:
            record["edited"] = _clock(one.time + timedelta(hours=2, minutes=1))
            record["edited_unixtime"] = _seconds(one.time + timedelta(minutes=1))
        if one.author:
            record |= {"from": one.author, "from_id": f"user{people[one.author]}"}
        else:
            record["information_text"] = one.text
        if one.reply_to is not None:
            record["reply_to_message_id"] = one.reply_to + 1
        record |= _media(one, included=included)
        parts = _parts(one.text if one.author else "")
        record["text"] = parts if len(parts) > 1 else parts[0]
        record["text_entities"] = [
            {"type": "plain", "text": part} if isinstance(part, str) else part for part in parts
        ]
        records.append(record)
    return records


def old_records(said: Sequence[Said]) -> list[Record]:
    """Messages as the versions of 2018 wrote them."""
    records = new_records(said)
    for record, one in zip(records, said, strict=True):
        del record["date_unixtime"], record["text_entities"]
        record.pop("edited_unixtime", None)
        record["date"] = _clock(one.time)
        record["edited"] = record.get("edited", _EPOCH)
        if "from_id" in record:
            record["from_id"] = int(record["from_id"].removeprefix("user"))
    return records


def chat(records: Sequence[Any], **rest: Any) -> Record:
    """An export of one chat."""
    return {"name": "Friday", "type": "private_group", "id": 4_000_111, **rest, "messages": records}


def account(*chats: Record, left: Sequence[Record] = ()) -> Record:
    """An export of a whole account."""
    return {
        "about": _ABOUT,
        "personal_information": {"user_id": 1, "first_name": "Ada", "last_name": ""},
        "profile_pictures": [{"date": _EPOCH, "photo": "profile_pictures/photo_1.jpg"}],
        "contacts": {"about": "...", "list": [{"first_name": "Bo", "date": _EPOCH}]},
        "chats": {"about": "This page lists all chats.", "list": list(chats)},
        "left_chats": {"about": "Left.", "list": list(left)},
    }


def write(folder: Path, document: Any, name: str = "result.json") -> Path:
    """A document as Telegram Desktop lays it out: a line for each value, indented by one."""
    path = folder / name
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1), "utf-8")
    return path


def write_zip(folder: Path, document: Any, name: str = "ChatExport_2024-03-12.zip") -> Path:
    """The folder of an export, zipped."""
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        stem = path.stem
        archive.writestr(f"{stem}/result.json", json.dumps(document, ensure_ascii=False, indent=1))
        archive.writestr(f"{stem}/photos/IMG-20240227-WA0001.jpg", b"\xff\xd8")
    return path


_KINDS: Final = frozenset({"message", "system", "media"})

FORMATS: Final[Mapping[str, Format]] = {
    "telegram": Format(
        lambda said, folder: write(folder, chat(new_records(said))),
        kinds=_KINDS,
        replies=True,
        edits=True,
        seconds=True,
    ),
    "telegram before 2022": Format(
        lambda said, folder: write(folder, chat(old_records(said))),
        kinds=_KINDS,
        replies=True,
        edits=True,
        seconds=True,
    ),
    "telegram account": Format(
        lambda said, folder: write(folder, account(chat(new_records(said)))),
        kinds=_KINDS,
        replies=True,
        edits=True,
        seconds=True,
    ),
    "telegram zip": Format(
        lambda said, folder: write_zip(folder, chat(new_records(said), type="public_supergroup")),
        kinds=_KINDS,
        replies=True,
        edits=True,
        seconds=True,
    ),
}
