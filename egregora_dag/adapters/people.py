"""People that a chat has forgotten, or knows by another name, as an export brings them again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
from duckdb import DuckDBPyConnection

from egregora_dag.adapters.importing import Imported
from egregora_dag.database.forgetting import rename_in_messages
from egregora_dag.naming import Codes, Names

_AUTHORS = "SELECT DISTINCT author FROM imported WHERE author IS NOT NULL"
_TEXTS = "SELECT concat_ws(' ', content, media_path, metadata.file) FROM imported"
_BLOCK = 50_000


def settle_people(
    scratch: DuckDBPyConnection, imported: Imported, forgotten: Codes, aliases: Mapping[str, str]
) -> Imported:
    """Leave out of the table `imported` who was forgotten, and name the others as the chat does.

    Args:
        scratch: The database in which `import_chat` left the table.
        imported: What was read.
        forgotten: Codes of those who were forgotten.
        aliases: Names that were given up, with those that stand for them.

    Returns:
        What is left of it.
    """
    if forgotten.codes:
        imported = _without(scratch, imported, forgotten)
    if aliases:
        names = pa.table({"old": list(aliases), "new": list(aliases.values())})
        scratch.register("aliases", names)
        scratch.execute("UPDATE imported SET author = new FROM aliases WHERE author = old")
        scratch.unregister("aliases")
    return imported


def _without(scratch: DuckDBPyConnection, imported: Imported, forgotten: Codes) -> Imported:
    authors = [author for (author,) in scratch.execute(_AUTHORS).fetchall()]
    gone = forgotten.authors_among(authors)
    names = Names()
    for batch in scratch.execute(_TEXTS).to_arrow_reader(_BLOCK):
        names |= forgotten.named_in(batch.column(0).to_pylist())
    names |= _known(imported, gone, authors)
    scratch.execute(
        "CREATE OR REPLACE TEMP TABLE removed AS SELECT message_id FROM imported "
        "WHERE author IN (SELECT unnest(?))",
        [gone],
    )
    rename_in_messages(scratch, names, [imported.thread_id], "imported")
    scratch.execute("DELETE FROM imported WHERE message_id IN (SELECT message_id FROM removed)")
    scratch.execute("DROP TABLE removed; DROP TABLE named")
    return replace(
        imported,
        file=names.masked(imported.file),
        pseudonyms={
            name: author for name, author in imported.pseudonyms.items() if name not in gone
        },
    )


def _known(imported: Imported, gone: Sequence[str], authors: Sequence[str]) -> Names:
    """The whole names of those who are forgotten; their words were found by their codes."""
    plain = [imported.pseudonyms[name] for name in gone if name in imported.pseudonyms]
    return Names.of([*gone, *plain], [author for author in authors if author not in gone])
