"""Ids made from what a thing is: version 5 UUIDs (RFC 9562), the same in Python, Ibis and SQL."""

import uuid
from functools import reduce
from typing import Final

import ibis
import ibis.expr.types as ir

# Sixteen ASCII characters, so that an engine can hash it as text in front of the name.
_NAMESPACE: Final = "egregora-dag/ids"
NAMESPACE: Final = uuid.UUID(bytes=_NAMESPACE.encode())
SEPARATOR: Final = "\x1f"

# Macros for DuckDB: `make_id(name)`, where `name` is the parts joined by `SEPARATOR`, and
# `make_keyed_id(name)`, where the first part is a key, so that nobody without it can make the id.
# Its ids are of version 8, so that each id tells by itself how it was made.
MACROS: Final = f"""
CREATE OR REPLACE TEMP MACRO uuid_of_hash(hash, version) AS unhex(concat(
  substr(hash, 1, 12), version, substr(hash, 14, 3),
  substr('89ab89ab89ab89ab', strpos('0123456789abcdef', substr(hash, 17, 1)), 1),
  substr(hash, 18, 15)
))::UUID;
CREATE OR REPLACE TEMP MACRO make_id(name) AS
  uuid_of_hash(sha1(concat('{_NAMESPACE}', name)), '5');
CREATE OR REPLACE TEMP MACRO make_keyed_id(name) AS
  uuid_of_hash(sha256(concat('{_NAMESPACE}', name)), '8');
CREATE OR REPLACE TEMP MACRO is_keyed_id(id) AS substr(id::VARCHAR, 15, 1) = '8';
"""


@ibis.udf.scalar.builtin
def sha1(_text: str) -> str:
    """The engine's own SHA-1, hexadecimal."""
    raise AssertionError


@ibis.udf.scalar.builtin
def translate(_text: str, _from: str, _to: str) -> str:
    """The engine's own replacement of single characters."""
    raise AssertionError


def make_id(*parts: object) -> uuid.UUID:
    """The id of what these parts name, in order.

    Args:
        parts: What the thing is: its kind first, then what tells it from others of that kind.

    Returns:
        The same UUID for the same parts, always.
    """
    return uuid.uuid5(NAMESPACE, SEPARATOR.join(map(str, parts)))


def id_column(*parts: ir.StringValue | str) -> ir.UUIDValue:
    """`make_id` as an Ibis expression.

    Args:
        parts: Strings or string columns, none of them null.

    Returns:
        A UUID column.
    """
    first, *rest = (ibis.literal(part) if isinstance(part, str) else part for part in parts)
    name = reduce(lambda left, right: left + SEPARATOR + right, rest, first)
    digest = sha1(ibis.literal(_NAMESPACE) + name)
    variant = translate(digest.substr(16, 1), "0123456789abcdef", "89ab89ab89ab89ab")
    text = digest.substr(0, 12) + "5" + digest.substr(13, 3) + variant + digest.substr(17, 15)
    return text.cast("uuid")


def is_keyed(id_: ir.UUIDValue) -> ir.BooleanValue:
    """Whether an id was made with a key, which its version tells.

    Args:
        id_: A UUID column.

    Returns:
        A boolean column.
    """
    return id_.cast("string").substr(14, 1) == "8"
