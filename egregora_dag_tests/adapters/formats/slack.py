"""Exports of a Slack workspace, as Slack and slackdump write them."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from egregora_dag_tests.adapters.conversation import Format, Said

_MIMETYPES: Final = {
    "image": "image/jpeg",
    "video": "video/mp4",
    "audio": "audio/mpeg",
    "document": "application/pdf",
}


def write_archive(path: Path, files: Mapping[str, Any]) -> Path:
    """A zip of files; what is no text is written as Slack writes JSON."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            is_raw = isinstance(content, str | bytes)
            text = content if is_raw else json.dumps(content, indent=4).replace("/", "\\/")
            archive.writestr(name, text)
    return path


def _escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    words = (f"<{word}>" if "://" in word else word for word in text.split(" "))
    return " ".join(words)


def _ids(said: Sequence[Said]) -> dict[str, str]:
    authors = dict.fromkeys(one.author for one in said if one.author is not None)
    return {author: f"U{number:08}" for number, author in enumerate(authors, 1)}


def _file(one: Said) -> dict[str, Any]:
    return {
        "id": "F061EG9SL",
        "created": int(one.time.timestamp()),
        "name": one.media,
        "title": one.media,
        "mimetype": _MIMETYPES.get(one.media_type or "", ""),
        "mode": "hosted",
        "size": 4096,
        "url_private": f"https://files.slack.com/files-pri/T061EG9R6-F061EG9SL/{one.media}",
    }


def _record(said: Sequence[Said], place: int, ids: Mapping[str, str], old: bool) -> dict[str, Any]:
    one = said[place]
    record: dict[str, Any] = {"type": "message", "text": _escaped(one.text), "ts": _ts(said, place)}
    if one.author is None:
        # Slack links the member it speaks of.
        who = next((id_ for name, id_ in ids.items() if one.text.startswith(f"{name} ")), None)
        if who is not None:
            words = record["text"].split(" ", 1)[1]
            record |= {"user": who, "text": f"<@{who}> {words}"}
        return {**record, "subtype": "channel_purpose"}
    record["user"] = ids[one.author]
    if one.media is not None and old:
        comment = f" and commented: {record['text']}" if one.text else ""
        url = f"<https://example.slack.com/files/a/{one.media}|{one.media}>"
        record["text"] = f"<@{ids[one.author]}|name> uploaded a file: {url}{comment}"
        record |= {"subtype": "file_share", "file": _file(one), "upload": True}
    elif one.media is not None:
        record |= {"files": [_file(one)], "upload": False, "display_as_bot": False}
    if one.edited:
        record["edited"] = {"user": ids[one.author], "ts": _ts(said, place)}
    if one.reply_to is not None:
        record["thread_ts"] = _ts(said, one.reply_to)
        record["parent_user_id"] = ids.get(said[one.reply_to].author or "", "USLACKBOT")
    return record


def _ts(said: Sequence[Said], place: int) -> str:
    return f"{int(said[place].time.timestamp())}.{place:06}"


def _write(said: Sequence[Said], folder: Path, old: bool, root: str, lists: str) -> Path:
    ids = _ids(said)
    users = [
        {
            "id": id_,
            "name": f"user{number}",
            "profile": {"real_name": author, "display_name": "" if number % 2 else author},
            "real_name": author,
        }
        for number, (author, id_) in enumerate(ids.items())
    ]
    days: dict[str, list[dict[str, Any]]] = {}
    for place, one in enumerate(said):
        day = f"{root}general/{one.time:%Y-%m-%d}.json"
        days.setdefault(day, []).append(_record(said, place, ids, old))
    channels = [{"id": "C061A2UGJ", "name": "general", "members": list(ids.values())}]
    return write_archive(
        folder / "Acme Slack export Feb 27 2024 - Mar 12 2024.zip",
        {f"{root}channels.json": channels, f"{root}{lists}.json": users, **days},
    )


def write_slack(said: Sequence[Said], folder: Path) -> Path:
    """As Slack writes it today."""
    return _write(said, folder, False, "", "users")


def write_old_slack(said: Sequence[Said], folder: Path) -> Path:
    """As Slack wrote it before 2018, zipped again with its folder."""
    return _write(said, folder, True, "Acme Slack export/", "users")


def write_grid_slack(said: Sequence[Said], folder: Path) -> Path:
    """As Slack writes it for an Enterprise Grid organization."""
    return _write(said, folder, False, "", "org_users")


_KINDS: Final = frozenset({"message", "system", "media"})
FORMATS: Final[Mapping[str, Format]] = {
    "slack": Format(write_slack, _KINDS, replies=True, edits=True, seconds=True),
    "slack before 2018": Format(write_old_slack, _KINDS, replies=True, edits=True, seconds=True),
    "slack enterprise grid": Format(
        write_grid_slack, _KINDS, replies=True, edits=True, seconds=True
    ),
}
