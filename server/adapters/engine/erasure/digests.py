"""Subjects known again by their digests: values are digested where they stand, and nobody learns an id."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import duckdb

from server.adapters.engine.batch_table import quoted
from server.adapters.engine.records.view import text_of
from server.kernel.fields import Field, TypeName

BLOCK = 64  # bytes of a block of SHA-256
SPACE = "".join(filter(str.isspace, map(chr, range(0x10000))))  # what Python strips; the engine knows blanks only


def rows_with_digests(
    cursor: duckdb.DuckDBPyConnection, file: Path, fields: Sequence[Field], key: bytes, digests: Collection[str]
) -> Mapping[str, int]:
    """How many rows hold a value with one of these digests, by the digest: HMAC-SHA256 (RFC 2104) in hex.

    Values are compared as subjects are: NFC, without space around them; addresses of e-mail also in lower case.
    """
    asked = {"file": str(file), "digests": list(digests), "space": SPACE, **_pads(key)}
    held: dict[str, list[tuple[str, str]]] = {}
    for field in fields:
        if field.data_type.name is TypeName.JSON:
            continue
        text = f"trim(nfc_normalize({text_of(quoted(field.name), field.data_type)}), $space)"
        for form in (text, f"lower({text})"):
            query = _FOUND.format(form=form, only=_only(form, text))
            for value, digest in cursor.execute(query, asked).fetchall():
                held.setdefault(digest, []).append((form, value))
    return {digest: _count(cursor, file, values) for digest, values in held.items()}


_FOUND = """
with texts as (select distinct {form} as value from read_parquet($file) where {only}),
digested as (select value, sha256($outer || unhex(sha256($inner || encode(value)))) as digest from texts)
select value, digest from digested where list_contains($digests, digest)"""


def _only(form: str, text: str) -> str:
    return f"{form} is not null" if form == text else f"{form} <> {text} and contains({text}, '@')"


def _pads(key: bytes) -> Mapping[str, bytes]:
    padded = key.ljust(BLOCK, b"\0")
    return {"inner": bytes(octet ^ 0x36 for octet in padded), "outer": bytes(octet ^ 0x5C for octet in padded)}


def _count(cursor: duckdb.DuckDBPyConnection, file: Path, values: Sequence[tuple[str, str]]) -> int:
    """The rows that hold any of the values, each in its form of a column."""
    held = " or ".join(f"{form} = $value{number}" for number, (form, _) in enumerate(values))
    given = {f"value{number}": value for number, (_, value) in enumerate(values)}
    query = f"select count(*) from read_parquet($file) where {held}"  # noqa: S608  # names of the schema, quoted
    row = cursor.execute(query, {"file": str(file), "space": SPACE, **given}).fetchone()
    assert row is not None, "a count has a row"
    return int(row[0])
