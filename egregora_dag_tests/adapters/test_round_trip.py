"""One conversation, written down in every format there is, is read back as it was."""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from egregora_dag.adapters import read_export
from egregora_dag.adapters.registry import ADAPTERS
from egregora_dag_tests.adapters import formats
from egregora_dag_tests.adapters.conversation import CONVERSATION, Format, Said
from egregora_dag_tests.adapters.formats.whatsapp import styles

Row = Mapping[str, Any]

FORMATS: dict[str, Format] = {}
for module in pkgutil.iter_modules(formats.__path__):
    FORMATS |= importlib.import_module(f"{formats.__name__}.{module.name}").FORMATS


def expressible(format_: Format) -> list[Said]:
    """What a format can say of the conversation; answers to what is left out are none."""
    return [
        said
        for said in CONVERSATION
        if said.kind in format_.kinds
        and not (format_.banners and said.kind == "system")
        and (format_.multiline or "\n" not in said.text)
    ]


def shown(format_: Format, said: Said) -> dict[str, Any]:
    """What is to be read back of a message."""
    keeps_text = said.author is not None or format_.system_text
    return {
        "timestamp": said.time,
        "author": said.author,
        "kind": said.kind,
        **({"content": said.text} if keeps_text else {}),
        "media_path": said.media,
        "media_type": said.media_type,
        **({"edited": said.edited} if format_.edits else {}),
    }


def read_back(format_: Format, path: Path) -> list[Row]:
    rows: list[Row] = read_export(path, **format_.options).read_all().to_pylist()
    assert [row["position"] for row in rows] == list(range(len(rows)))
    assert len({row["message_id"] for row in rows}) == len(rows)
    return [row for row in rows if not (format_.banners and row["kind"] == "system")]


def check(source: str, format_: Format, folder: Path) -> None:
    """Write and read the conversation, and compare."""
    said = expressible(format_)
    rows = read_back(format_, format_.write(said, folder))
    assert {row["source"] for row in rows} == {source}
    for one, row in zip(said, rows, strict=True):
        found = {
            **row,
            "timestamp": row["timestamp"].astimezone(UTC),
            "edited": row["metadata"]["edited"],
            "media_path": row["media_path"] and row["media_path"].rsplit("/", 1)[-1],
        }
        expected = shown(format_, one)
        assert {name: found[name] for name in expected} == expected
    if format_.replies:
        check_replies(said, rows)


def check_replies(said: Sequence[Said], rows: Sequence[Row]) -> None:
    ids = {id(one): row["message_id"] for one, row in zip(said, rows, strict=True)}
    for one, row in zip(said, rows, strict=True):
        answered = None if one.reply_to is None else CONVERSATION[one.reply_to]
        if answered is None:
            assert row["reply_to"] is None
        elif id(answered) in ids:
            assert row["reply_to"] == ids[id(answered)]


def test_every_source_has_a_format() -> None:
    written = {name.split(maxsplit=1)[0] for name in FORMATS}
    assert {adapter.source for adapter in ADAPTERS} == written


@pytest.mark.parametrize("name", FORMATS)
def test_a_conversation_is_read_back_as_it_was_written(tmp_path: Path, name: str) -> None:
    check(name.split(maxsplit=1)[0], FORMATS[name], tmp_path)


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(20))
def test_every_combination_of_a_whatsapp_header_is_read(tmp_path: Path, seed: int) -> None:
    usual = FORMATS["whatsapp android"]
    for style in styles(200, seed):
        check("whatsapp", Format(style.write, kinds=usual.kinds, edits=True), tmp_path)
