"""Downloads of Facebook Messenger and Instagram of several years."""

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from egregora_dag_tests.adapters.conversation import Format, Said

Record = dict[str, Any]

TITLE: Final = "Éva 🌻 and Bo"
_SAID: Final = frozenset({"message", "media"})
_LISTS: Final = {
    "image": "photos",
    "video": "videos",
    "audio": "audio_files",
    "document": "files",
}


def garbled(value: Any) -> Any:
    """A value with its texts as Facebook writes them: each byte of UTF-8 as a sign of its own."""
    if isinstance(value, str):
        return value.encode().decode("latin-1")
    if isinstance(value, Mapping):
        return {key: garbled(one) for key, one in value.items()}
    return [garbled(one) for one in value] if isinstance(value, list) else value


def record(ms: int, sender: str, content: str | None = None, **more: Any) -> Record:
    """A message of a download since 2022."""
    text = {} if content is None else {"content": content}
    return {
        "sender_name": sender,
        "timestamp_ms": ms,
        **text,
        **more,
        "is_geoblocked_for_viewer": False,
        "is_unsent_image_by_messenger_kid_parent": False,
    }


def thread(messages: Sequence[Any], title: Any = TITLE, **more: Any) -> Record:
    """A file of a chat; the messages are given oldest first."""
    return {
        "participants": [{"name": "Éva 🌻"}, {"name": "Bo"}],
        "messages": [*reversed(messages)],
        "title": title,
        "is_still_participant": True,
        "thread_path": "inbox/evaandbo_1234567890",
        "magic_words": [],
        **more,
    }


def _records(said: Sequence[Said], folder: str, *, typed: bool) -> list[Record]:
    records = []
    for one in said:
        ms = int(one.time.timestamp() * 1000)
        more: Record = {}
        if one.media:
            uri = f"{folder}/evaandbo_1234567890/photos/{one.media}"
            more[_LISTS[one.media_type or "document"]] = [
                {"uri": uri, "creation_timestamp": ms // 1000}
            ]
        if one.author is None:
            more["users"] = [{"name": "Bo"}]
        if typed:
            more["type"] = "Subscribe" if one.author is None else "Generic"
            more["is_unsent"] = False
        records.append(record(ms, one.author or "Bo", one.text or None, **more))
    return records


def write_json(path: Path, document: Any) -> Path:
    """A document as Facebook writes it."""
    path.write_text(json.dumps(garbled(document), indent=2), "utf-8")
    return path


def write_zip(path: Path, files: Mapping[str, Any]) -> Path:
    """A download: name → document, or content if it is bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            is_raw = isinstance(content, bytes)
            archive.writestr(name, content if is_raw else json.dumps(garbled(content), indent=2))
    return path


def _single(said: Sequence[Said], folder: Path) -> Path:
    records = _records(said, "messages/inbox", typed=True)
    document = thread(records, thread_type="RegularGroup")
    return write_json(folder / "message_1.json", document)


def _download(root: str, name: str) -> Callable[[Sequence[Said], Path], Path]:
    def write(said: Sequence[Said], folder: Path) -> Path:
        inbox = f"{root}/messages/inbox"
        records = _records(said, inbox, typed=False)
        half = len(records) // 2
        chat = f"{inbox}/evaandbo_1234567890"
        media = {f"{chat}/photos/{one.media}": b"..." for one in said if one.media}
        newest, oldest = thread(records[half:]), thread(records[:half])
        files = {f"{chat}/message_1.json": newest, f"{chat}/message_2.json": oldest, **media}
        return write_zip(folder / name, files)

    return write


def _encrypted(said: Sequence[Said], folder: Path) -> Path:
    messages = [
        {
            "isUnsent": False,
            "media": [{"uri": f"./media/{one.media}"}] if one.media else [],
            "reactions": [],
            "senderName": one.author,
            "text": one.text,
            "timestamp": int(one.time.timestamp() * 1000),
            "type": "media" if one.media else "text",
        }
        for one in said
    ]
    document = {
        "participants": ["Éva 🌻", "Bo"],
        "threadName": f"{TITLE}_40",
        "messages": messages[::-1],
    }
    path = folder / f"{TITLE}_40.json"
    path.write_text(json.dumps(document, ensure_ascii=False, indent=2), "utf-8")
    return path


_TYPED: Final = _SAID | {"system"}

FORMATS: Final[Mapping[str, Format]] = {
    "messenger of 2021": Format(_single, _TYPED, seconds=True),
    "messenger download": Format(
        _download("your_facebook_activity", "facebook-ada-2024-03-01-Xy12.zip"),
        _TYPED,
        seconds=True,
    ),
    "messenger end-to-end encrypted": Format(_encrypted, _SAID, seconds=True),
    "instagram download": Format(
        _download("your_instagram_activity", "instagram-ada-2024-03-01-Xy12.zip"),
        _TYPED,
        seconds=True,
    ),
}
