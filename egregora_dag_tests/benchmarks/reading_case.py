"""One export read by one reader, as a whole process; prints the time from the file to all rows."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from egregora_dag_tests.benchmarks.measuring import peak_megabytes, report

# The header that ../shared/tools/make_chat.py writes.
_HEADER: Final = "%d/%m/%Y, %H:%M - %name:"


def ours(path: Path) -> int:
    """Rows of `messages`, with ids, order and kinds."""
    # The peers have it before their clock starts; DuckDB imports it with the first value.
    import pandas as pd  # noqa: F401, PLC0415 - each process needs but one

    from egregora_dag.adapters import read_export  # noqa: PLC0415

    started = time.perf_counter()
    rows = sum(int(batch.num_rows) for batch in read_export(path))
    report(time.perf_counter() - started, peak_megabytes())
    return rows


def whatstk(path: Path, header: str | None = None) -> int:
    """A table of date, username and message; the form of the header is found, as by this reader."""
    from whatstk import WhatsAppChat  # noqa: PLC0415

    started = time.perf_counter()
    rows = len(WhatsAppChat.from_source(str(path), hformat=header, max_size=None).df)
    report(time.perf_counter() - started, peak_megabytes())
    return rows


def whatstk_told(path: Path) -> int:
    """The same, told the form of the header."""
    return whatstk(path, _HEADER)


def chat_miner(path: Path) -> int:
    """A table of timestamp, author and message."""
    from chatminer.chatparsers import WhatsAppParser  # noqa: PLC0415

    started = time.perf_counter()
    parser = WhatsAppParser(str(path))
    parser.parse_file()
    rows = len(parser.parsed_messages.get_df())
    report(time.perf_counter() - started, peak_megabytes())
    return rows


def written(path: Path) -> int:
    """Messages in the JSON of a source, named by the file: `telegram-500000.json`."""
    source, _, count = path.stem.partition("-")
    JSON_SOURCES[source](path, int(count))
    report(0, peak_megabytes())
    return int(count)


def _texts(count: int) -> list[tuple[int, str, str, datetime]]:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    text = "the train to the garden leaves at eight so bring bread and the green umbrella"
    words = text.split()
    return [
        (
            number,
            f"Person {number * number % 17}",
            " ".join(words[number * step % len(words)] for step in range(1, 4 + number % 15)),
            start + timedelta(seconds=37 * number),
        )
        for number in range(count)
    ]


def _telegram(path: Path, count: int) -> None:
    messages = [
        {
            "id": number,
            "type": "message",
            "date": f"{time:%Y-%m-%dT%H:%M:%S}",
            "date_unixtime": f"{time.timestamp():.0f}",
            "from": author,
            "from_id": f"user{author[7:]}",
            **({"reply_to_message_id": number - 3} if number % 5 == 4 else {}),
            "text": text,
            "text_entities": [{"type": "plain", "text": text}],
        }
        for number, author, text, time in _texts(count)
    ]
    chat = {"name": "Load", "type": "private_supergroup", "id": 1, "messages": messages}
    path.write_text(json.dumps(chat, indent=1), "utf-8")


def _discord(path: Path, count: int) -> None:
    messages: list[dict[str, object]] = [
        {
            "id": str((int(time.timestamp() * 1000) - 1420070400000 << 22) + number % 4096),
            "type": "Default",
            "timestamp": time.isoformat(),
            "timestampEdited": None,
            "isPinned": False,
            "content": text,
            "author": {"id": author[7:], "name": author, "nickname": author, "isBot": False},
            "attachments": [],
            "embeds": [],
            "reactions": [],
            "mentions": [],
        }
        for number, author, text, time in _texts(count)
    ]
    document = {
        "guild": {"id": "1", "name": "Load"},
        "channel": {"id": "2", "type": "GuildTextChat", "category": "all", "name": "load"},
        "messages": messages,
        "messageCount": count,
    }
    path.write_text(json.dumps(document, indent=2), "utf-8")


def _messenger(path: Path, count: int) -> None:
    messages = [
        {"sender_name": author, "timestamp_ms": int(time.timestamp() * 1000), "content": text}
        for _, author, text, time in reversed(_texts(count))
    ]
    names = sorted({str(message["sender_name"]) for message in messages})
    document = {
        "participants": [{"name": name} for name in names],
        "messages": messages,
        "title": "Load",
        "is_still_participant": True,
        "thread_path": "inbox/load_1",
        "magic_words": [],
    }
    path.write_text(json.dumps(document, indent=2), "utf-8")


def _table(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        for _, author, text, time in _texts(count):
            row = {"timestamp": time.isoformat(), "author": author, "content": text}
            file.write(json.dumps(row) + "\n")


JSON_SOURCES: Final[Mapping[str, Callable[[Path, int], None]]] = {
    "telegram": _telegram,
    "discord": _discord,
    "messenger": _messenger,
    "ndjson": _table,
}
CASES: Final[Mapping[str, Callable[[Path], int]]] = {
    "ours": ours,
    "whatstk": whatstk,
    "whatstk_told": whatstk_told,
    "chat_miner": chat_miner,
    "written": written,
}

if __name__ == "__main__":
    CASES[sys.argv[1]](Path(sys.argv[2]))
