"""A conversation as tables: every kind of file, under our own names of columns and under others."""

import csv
import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from egregora_dag_tests.adapters.conversation import Format, Said

KINDS: Final = frozenset({"message", "system", "media"})
Rows = list[dict[str, Any]]


def rows_of(said: Sequence[Said]) -> Rows:
    """Rows with the names of `messages`."""
    return [
        {
            "message_id": f"m{number}",
            "timestamp": one.time.isoformat(),
            "author": one.author,
            "content": one.text,
            "kind": one.kind,
            "media_path": one.media,
            "media_type": one.media_type,
            "reply_to": None if one.reply_to is None else f"m{one.reply_to}",
            "edited": one.edited,
        }
        for number, one in enumerate(said)
    ]


def other_rows(said: Sequence[Said]) -> Rows:
    """Rows as another program might name and write them."""
    return [
        {
            "Date": f"{one.time:%d/%m/%Y}",
            "Time": f"{one.time:%I:%M %p}",
            "Sender": one.author,
            "Message Text": one.text,
            "Attachment": one.media,
        }
        for one in said
    ]


def epoch_rows(said: Sequence[Said]) -> Rows:
    return [
        {"when": int(one.time.timestamp() * 1000), "who": one.author, "what": one.text}
        for one in said
    ]


def write_csv(rows: Rows, path: Path, delimiter: str = ",", encoding: str = "utf-8") -> None:
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def write_tsv(rows: Rows, path: Path) -> None:
    write_csv(rows, path, "\t")


def write_excel(rows: Rows, path: Path) -> None:
    write_csv(rows, path, ";", "utf-8-sig")


def write_utf16(rows: Rows, path: Path) -> None:
    write_csv(rows, path, "\t", "utf-16")


def write_lines(rows: Rows, path: Path) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")


def write_gzip(rows: Rows, path: Path) -> None:
    path.write_bytes(gzip.compress("".join(f"{json.dumps(row)}\n" for row in rows).encode()))


def write_zstd(rows: Rows, path: Path) -> None:
    write_csv(rows, path)
    data = path.read_bytes()
    with pa.OSFile(str(path), "wb") as file, pa.CompressedOutputStream(file, "zstd") as packed:
        packed.write(data)


def write_array(rows: Rows, path: Path) -> None:
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=2), "utf-8")


def write_parquet(rows: Rows, path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path)


def write_arrow(rows: Rows, path: Path) -> None:
    table = pa.Table.from_pylist(rows)
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)


def write_arrow_stream(rows: Rows, path: Path) -> None:
    table = pa.Table.from_pylist(rows)
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table)


def write_timestamps(said: Sequence[Said], folder: Path) -> Path:
    """Parquet whose times are timestamps with a zone."""
    table = pa.Table.from_pylist(rows_of(said))
    times = pa.array([one.time.astimezone(UTC) for one in said], pa.timestamp("ms", "UTC"))
    path = folder / "chat.parquet"
    pq.write_table(table.set_column(1, "timestamp", times), path)
    return path


def _format(
    name: str,
    write: Callable[[Rows, Path], None],
    rows: Callable[[Sequence[Said]], Rows] = rows_of,
    **rest: Any,
) -> Format:
    def written(said: Sequence[Said], folder: Path) -> Path:
        path = folder / name
        write(rows(said), path)
        return path

    options: dict[str, Any] = {
        "kinds": KINDS,
        "replies": True,
        "edits": True,
        "seconds": True,
    } | rest
    return Format(written, **options)


_PLAIN: Final = {"replies": False, "edits": False, "seconds": False}
_MAPPED: Final = {
    **_PLAIN,
    "kinds": frozenset({"message", "system"}),
    "options": {"columns": {"timestamp": "when", "author": "who", "content": "what"}},
}

FORMATS: Final[Mapping[str, Format]] = {
    "table as CSV": _format("chat.csv", write_csv),
    "table as TSV": _format("chat.tsv", write_tsv),
    "table as NDJSON": _format("chat.ndjson", write_lines),
    "table as NDJSON, gzip": _format("chat.jsonl.gz", write_gzip),
    "table as CSV, zstd": _format("chat.csv.zst", write_zstd),
    "table as JSON": _format("chat.json", write_array),
    "table as Parquet": _format("chat.parquet", write_parquet),
    "table as Parquet with timestamps": Format(
        write_timestamps, kinds=KINDS, replies=True, edits=True, seconds=True
    ),
    "table as Arrow": _format("chat.arrow", write_arrow),
    "table as Feather": _format("chat.feather", write_arrow),
    "table as an Arrow stream": _format("chat.arrows", write_arrow_stream),
    "table of a spreadsheet": _format("chat.csv", write_excel, other_rows, **_PLAIN),
    "table of a spreadsheet in UTF-16": _format("chat.csv", write_utf16),
    "table with other names": _format("chat.ndjson", write_lines, epoch_rows, **_MAPPED),
}
