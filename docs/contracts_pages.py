"""Fills the reference's pages with what the table contracts say, when the pages are built."""

from collections.abc import Iterator
from typing import Any

from egregora_dag.database.contracts import Contract
from egregora_dag.database.schemas import CONTRACTS


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with its marks replaced."""
    listed = [f"| [`{c.name}`](tables.md#{c.name}) | {c.description} |" for c in CONTRACTS.values()]
    tables = "\n".join(["| Table | A row is |", "|---|---|", *listed])
    contracts = "\n\n".join("\n".join(_section(contract)) for contract in CONTRACTS.values())
    return markdown.replace("<!-- tables -->", tables).replace("<!-- contracts -->", contracts)


def _section(contract: Contract) -> Iterator[str]:
    yield f"## {contract.name} {{ #{contract.name} }}\n"
    yield f"{contract.description}\n"
    yield "| Column | Type | Holds |"
    yield "|---|---|---|"
    for name, column in contract.columns.items():
        type_ = contract.schema[name]
        null = " or null" if type_.nullable else ""
        allowed = (
            f" One of {', '.join(f'`{v}`' for v in column.allowed)}." if column.allowed else ""
        )
        bare = str(type_.copy(nullable=True)).replace("|", "\\|")
        yield f"| `{name}` | `{bare}`{null} | {column.description}{allowed} |"
    yield ""
    for key in contract.keys:
        yield f"- No two rows agree in {', '.join(f'`{name}`' for name in key)}."
    for reference in contract.references:
        columns = ", ".join(f"`{name}`" for name in reference.columns)
        weak = "" if reference.enforced else " (a warning if not)"
        yield f"- {columns} refers to a row of `{reference.table}`{weak}."
    for rule in contract.rules:
        yield f"- {rule.name[0].upper()}{rule.name[1:]}."
    how = {"replace": "replaces its partition", "append": "appends", "merge": "merges by key"}
    yield f"- The asset that writes it {how[contract.mode]}."
