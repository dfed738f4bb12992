"""Asset checks, derived from the table contracts.

Writes are verified inside their transaction; the checks look again at what is stored, so that what
happened to the file behind the pipeline's back does not flow on.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import ibis
import ibis.expr.types as ir
from dagster import (
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    multi_asset_check,
)

from egregora_dag.assets.common import RETRY
from egregora_dag.database import connections
from egregora_dag.database.contracts import Contract, differences
from egregora_dag.database.elo import replayed
from egregora_dag.database.schemas import (
    BRADLEY_TERRY,
    COMPARISONS,
    CONTRACTS,
    DOCUMENTS,
    ELO_RATINGS,
    GENERATIONS,
    IMPORTS,
    MESSAGES,
    REPLY_LINKS,
    RUNS,
    TASKS,
    WINDOWS,
    WINNERS,
)
from egregora_dag.database.tables import stored_schema
from egregora_dag.database.writing import EXAMPLES, repeated_keys, shown_keys, unresolved
from egregora_dag.discretion import discreet
from egregora_dag.resources import Warehouse

CHECKED: Final = (
    MESSAGES,
    IMPORTS,
    REPLY_LINKS,
    WINDOWS,
    DOCUMENTS,
    COMPARISONS,
    ELO_RATINGS,
    BRADLEY_TERRY,
    RUNS,
    TASKS,
)


@dataclass(frozen=True)
class Finding:
    """Rows that break a rule.

    Attributes:
        problem: What is wrong with them.
        rows: How many there are.
        keys: Keys of a few of them.
        severe: Whether wrong data must not flow on.
    """

    problem: str
    rows: int
    keys: Sequence[str] = ()
    severe: bool = True

    def __str__(self) -> str:
        """The finding as a sentence."""
        more = ", …" if self.rows > len(self.keys) > 0 else ""
        keys = f": {', '.join(self.keys)}{more}" if self.keys else ""
        return f"{self.problem} in {self.rows} row{'' if self.rows == 1 else 's'}{keys}"


@dataclass(frozen=True)
class Check:
    """A rule that holds for every table of which `applies` is true."""

    name: str
    description: str
    applies: Callable[[Contract], bool]
    find: Callable[[Warehouse, Contract], Iterator[Finding]]


def _found(
    warehouse: Warehouse,
    rows: ir.Table,
    key: Sequence[str],
    problem: str,
    *,
    severe: bool = True,
) -> Iterator[Finding]:
    """A finding for these rows, if there are any."""
    [count] = warehouse.read(rows.aggregate(n=rows.count()))["n"].to_pylist()
    if count:
        examples = warehouse.read(rows.select(*key).order_by(*key).limit(EXAMPLES))
        yield Finding(problem, count, shown_keys(examples, key), severe)


def _columns(warehouse: Warehouse, contract: Contract) -> Iterator[Finding]:
    with connections.connect(warehouse.path, timeout=warehouse.lock_timeout) as connection:
        stored = stored_schema(connection, contract.name)
    problems = ["the table is missing"] if stored is None else differences(contract.schema, stored)
    if problems:
        yield Finding("; ".join(problems), 0)


def _unique(warehouse: Warehouse, contract: Contract) -> Iterator[Finding]:
    for key in contract.keys:
        repeated = repeated_keys(contract.table(), key)
        spread = contract.table().semi_join(repeated, list(key))
        yield from _found(warehouse, spread, key, f"{', '.join(key)} is not unique")


def _broken(
    warehouse: Warehouse, contract: Contract, rules: Mapping[str, ir.BooleanValue]
) -> Iterator[Finding]:
    """A finding for each problem that rows of the table have; all are counted in one pass."""
    table = contract.table()
    counts = {str(number): breaks.sum() for number, breaks in enumerate(rules.values())}
    [found] = warehouse.rows(table.aggregate(**counts))
    for (problem, breaks), count in zip(rules.items(), found.values(), strict=True):
        if count:
            yield from _found(warehouse, table.filter(breaks), contract.key, problem)


def _not_null(warehouse: Warehouse, contract: Contract) -> Iterator[Finding]:
    table = contract.table()
    # The contract's type says never null; ask the stored column all the same.
    rules = {f"{name} is null": table[name].isnull() for name in contract.not_null}
    yield from _broken(warehouse, contract, rules)


def _allowed(warehouse: Warehouse, contract: Contract) -> Iterator[Finding]:
    table = contract.table()
    rules = {
        f"{name} is none of {', '.join(column.allowed)}": table[name].notnull()
        & table[name].notin(column.allowed)
        for name, column in contract.columns.items()
        if column.allowed
    }
    rules |= {
        f"{rule.name}: not so": ~rule.holds(table).fill_null(False) for rule in contract.rules
    }
    yield from _broken(warehouse, contract, rules)


def _references(warehouse: Warehouse, contract: Contract) -> Iterator[Finding]:
    for reference in contract.references:
        target = CONTRACTS[reference.table].table()
        lost = unresolved(contract.table(), target, reference)
        problem = f"{', '.join(reference.columns)} refers to nothing in {reference.table}"
        yield from _found(warehouse, lost, contract.key, problem, severe=reference.enforced)


def _sequence(warehouse: Warehouse, contract: Contract) -> Iterator[Finding]:
    table, column = contract.table(), contract.sequence or ""
    order = ibis.window(group_by=contract.partition, order_by=column)
    numbered = table.mutate(expected=ibis.row_number().over(order))
    wrong = numbered.filter(numbered[column] != numbered.expected)
    problem = f"{column} does not count 0, 1, 2, … in each {contract.partition}"
    yield from _found(warehouse, wrong, contract.key, problem)


def _replay(warehouse: Warehouse, contract: Contract) -> Iterator[Finding]:
    comparisons = COMPARISONS.table()
    # A verdict that is none is found by the check of that table.
    history = comparisons.filter(comparisons.winner.isin(WINNERS)).order_by("sequence")
    columns = warehouse.read(history.select("post_a", "post_b", "winner", "k_factor"))
    stored = warehouse.read(contract.table())
    posts = stored["post_id"].to_pylist()
    initial = dict(zip(posts, stored["initial_rating"].to_pylist(), strict=True))
    ratings = dict(zip(posts, stored["rating"].to_pylist(), strict=True))
    games = zip(*(columns[name].to_pylist() for name in columns.column_names), strict=True)
    expected = replayed(games, initial)
    wrong = sorted(
        post for post in expected.keys() | ratings if expected.get(post) != ratings.get(post)
    )
    if wrong:
        yield Finding("rating differs from a replay of comparisons", len(wrong), wrong[:EXAMPLES])


def _pending(warehouse: Warehouse, _: Contract) -> Iterator[Finding]:
    table = GENERATIONS.table()
    failed = table.filter(table.error.notnull())
    reasons = failed.group_by("error").aggregate(n=failed.count()).order_by("error")
    for row in warehouse.rows(reasons):
        yield Finding(f"not written yet, {row['error']},", row["n"], severe=False)


CHECKS: Final = (
    Check("columns", "The columns are those of the contract.", lambda _: True, _columns),
    Check("unique_keys", "No key occurs twice.", lambda c: bool(list(c.keys)), _unique),
    Check("not_null", "What must be there is there.", lambda c: bool(c.not_null), _not_null),
    Check(
        "allowed_values",
        "Values are those the contract allows.",
        lambda c: bool(c.rules) or any(column.allowed for column in c.columns.values()),
        _allowed,
    ),
    Check(
        "references",
        "What rows refer to exists.",
        lambda c: bool(c.references),
        _references,
    ),
    Check(
        "no_gaps", "Numbers count up from 0 without gaps.", lambda c: bool(c.sequence), _sequence
    ),
    Check(
        "equals_replay",
        "Ratings are those that a replay of the comparisons gives.",
        lambda c: c.name == ELO_RATINGS.name,
        _replay,
    ),
    Check(
        "nothing_pending",
        "No window waits for a writer that failed; the next run tries again.",
        lambda c: c.name == DOCUMENTS.name,
        _pending,
    ),
)


def run_checks(warehouse: Warehouse, contract: Contract) -> dict[str, list[Finding]]:
    """Run every check that applies to a table, on the table as it is at one time.

    Args:
        warehouse: Where the table is.
        contract: What the table promises.

    Returns:
        Each check's name and what it found; nothing else can be asked of a table whose columns are
        not as they should be, so then every check finds that.
    """
    # Opened once for all of them, which takes longer than most of them.
    with connections.connect(warehouse.path, timeout=warehouse.lock_timeout):
        columns = list(_columns(warehouse, contract))
        return {
            check.name: columns or list(check.find(warehouse, contract))
            for check in CHECKS
            if check.applies(contract)
        }


def broken_contracts(warehouse: Warehouse) -> Iterator[str]:
    """Where the tables of a warehouse break their contracts, none left out.

    Args:
        warehouse: The warehouse.

    Yields:
        A table, and what is wrong with it; without what its rows hold.
    """
    for contract in CONTRACTS.values():
        found = run_checks(warehouse, contract).values()
        problems = dict.fromkeys(
            f"{finding.problem} in {finding.rows} rows" if finding.rows else finding.problem
            for findings in found
            for finding in findings
            if finding.severe
        )
        yield from (f"{contract.name}: {problem}" for problem in problems)


def _asset_checks(contract: Contract) -> AssetChecksDefinition:
    specs = [
        AssetCheckSpec(
            check.name, asset=contract.name, description=check.description, blocking=True
        )
        for check in CHECKS
        if check.applies(contract)
    ]

    @multi_asset_check(name=f"{contract.name}_checks", specs=specs, retry_policy=RETRY)
    @discreet
    def checks(warehouse: Warehouse) -> Iterator[AssetCheckResult]:
        for name, findings in run_checks(warehouse, contract).items():
            severe = any(finding.severe for finding in findings)
            yield AssetCheckResult(
                check_name=name,
                asset_key=contract.name,
                passed=not findings,
                severity=AssetCheckSeverity.ERROR if severe else AssetCheckSeverity.WARN,
                description="; ".join(map(str, findings)) or None,
                metadata={"rows": sum(finding.rows for finding in findings)},
            )

    return checks


asset_checks: Final = [_asset_checks(contract) for contract in CHECKED]
