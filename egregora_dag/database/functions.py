"""Functions of the engine that Ibis has no name for."""

import ibis
import ibis.expr.types as ir

_INSTANT = "timestamp('UTC', 6)"
_CLOCK = "timestamp(6)"


@ibis.udf.scalar.builtin(name="timezone", signature=(("string", _INSTANT), _CLOCK))
def _to_local(_zone, _time):  # type: ignore[no-untyped-def]  # the signature says it
    raise AssertionError


@ibis.udf.scalar.builtin(name="timezone", signature=(("string", _CLOCK), _INSTANT))
def _from_local(_zone, _time):  # type: ignore[no-untyped-def]
    raise AssertionError


@ibis.udf.scalar.builtin(name="strlen")
def _strlen(_text: str) -> int:
    raise AssertionError


_WRITTEN = "struct<tables: array<struct<table: string, partitions: array<string>>>>"


@ibis.udf.scalar.builtin(name="from_json", signature=(("json", "string"), _WRITTEN))
def _from_json(_value, _structure):  # type: ignore[no-untyped-def]
    raise AssertionError


def tables_written(result: ir.JSONValue) -> ir.ArrayValue:
    """The tables, each with its partitions, in the column `result` of `tasks`."""
    return _from_json(result, '{"tables":[{"table":"VARCHAR","partitions":["VARCHAR"]}]}')["tables"]


def to_local(zone: ir.StringValue, time: ir.TimestampValue) -> ir.TimestampValue:
    """What a clock in the time zone shows at an instant."""
    return _to_local(zone, time)


def from_local(zone: ir.StringValue, clock: ir.TimestampValue) -> ir.TimestampValue:
    """The instant at which a clock in the time zone shows this; the earlier where there are two.

    What begins at a time that the clock shows twice so holds both hours.
    """
    hour = ibis.interval(hours=1)
    found = _from_local(zone, clock)  # the later of two
    earlier = _from_local(zone, clock - hour) + hour
    is_earlier = (_to_local(zone, earlier) == clock) & (earlier < found)
    return is_earlier.ifelse(earlier, found)


def size_in_bytes(text: ir.StringValue) -> ir.IntegerValue:
    """Bytes of a text in UTF-8."""
    return _strlen(text)
