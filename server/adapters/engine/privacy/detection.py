"""Which columns of a batch look personal: a bounded sample of their values, and their names. No value leaves."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from server.adapters.engine.batch_table import ROW_ID, batch_table, rows_of
from server.adapters.engine.on_demand import ibis
from server.adapters.engine.privacy import detection_values as values_like
from server.adapters.engine.privacy.detection_names import Hint, hints
from server.adapters.engine.privacy.proof import text_of
from server.kernel.fields import Field, TypeName
from server.kernel.personal import PersonalKind, Suggestion, proposed
from server.kernel.privacy import PrivacyStrategy

Texts = Sequence[str]

CELLS = 400_000  # of the sample: this bounds time and memory, whatever the number of columns
ROWS_MOST, ROWS_LEAST = 10_000, 200
VALUES = 100_000  # different ones that are looked at, of all columns
VALUES_MOST = 1_000  # of one column
LENGTH = 1_000  # characters of a value that are looked at
FIRST = 25  # values that decide whether a costly test goes on

HALF = 0.5
LITTLE = 0.2  # enough where the column's name says the same
NEARLY_ALL = 0.9  # of numbers whose check digit every tenth number has by chance
ENOUGH = 8  # different values that do not have it by chance
MANY = 20  # where a plan of numbers takes most of what is written so
SOME = 2
LOOKED_AT = (TypeName.STRING, TypeName.INT, TypeName.DATE, TypeName.DATETIME, TypeName.JSON)
NAMED_BY = {
    PersonalKind.EMAIL: Hint.EMAIL,
    PersonalKind.IBAN: Hint.IBAN,
    PersonalKind.CREDIT_CARD: Hint.CREDIT_CARD,
    PersonalKind.IP: Hint.IP,
    PersonalKind.PHONE: Hint.PHONE,
}


def suggest(cursor: duckdb.DuckDBPyConnection, parquet: Path, fields: Sequence[Field]) -> tuple[Suggestion, ...]:
    """The columns that look personal, in the order of `fields`."""
    looked_at = [field for field in fields if field.data_type.name in LOOKED_AT]
    samples = sampled(cursor, parquet, looked_at)
    found = {field.name: detected(field, samples[field.name]) for field in looked_at}
    if any(found.values()):  # beside other personal columns, a bare `name` is a person's
        for field in looked_at:
            if found[field.name] is None and Hint.BARE_NAME in hints(field.name):
                found[field.name] = _if(field, PersonalKind.NAME, samples[field.name], values_like.is_name, 0.8)
    return tuple(one for field in looked_at if (one := found[field.name]) is not None)


def sampled(cursor: duckdb.DuckDBPyConnection, parquet: Path, fields: Sequence[Field]) -> Mapping[str, Texts]:
    """Different values of each column as text, trimmed, of rows that are spread over the file."""
    if not fields:
        return {}
    table = batch_table(fields)
    rows = int(rows_of(cursor, parquet, table.aggregate(rows=table.count()))[0][0])
    wanted = max(ROWS_LEAST, min(ROWS_MOST, CELLS // len(fields)))
    if rows > wanted:
        numbered = ibis().udf.scalar.builtin(name="md5_number_lower", signature=((str,), "uint64"))
        table = table.filter(numbered(lambda text: text)(table[ROW_ID]) % (rows // wanted) == 0)
    texts = {f"text_{place}": text_of(table[field.name], field.data_type) for place, field in enumerate(fields)}
    taken = rows_of(cursor, parquet, table.select(**{name: text.substr(0, LENGTH) for name, text in texts.items()}))
    most = min(VALUES_MOST, max(FIRST, VALUES // len(fields)))
    columns: Iterable[tuple[str | None, ...]] = zip(*taken, strict=True) if taken else ((),) * len(fields)
    return {field.name: _different(column, most) for field, column in zip(fields, columns, strict=True)}


def detected(field: Field, values: Texts) -> Suggestion | None:
    """What the values of a column look like, its name being a hint; None where they do not look personal."""
    if not values:
        return None
    named = hints(field.name)
    for look in (_plain, _national_number, _phone, _by_name, _free_text):
        if (found := look(field, values, named)) is not None:
            return found
    return None


def _plain(field: Field, values: Texts, named: frozenset[Hint]) -> Suggestion | None:
    for kind, test in values_like.PLAIN.items():
        if kind is PersonalKind.IP and Hint.VERSION in named:
            continue
        hinted = NAMED_BY[kind] in named
        if kind is PersonalKind.CREDIT_CARD and len(values) < SOME and not hinted:
            continue
        if (found := _if(field, kind, values, test, LITTLE if hinted else HALF)) is not None:
            return found
    return None


def _national_number(field: Field, values: Texts, named: frozenset[Hint]) -> Suggestion | None:
    hinted = Hint.NATIONAL_ID in named
    tests: list[tuple[Callable[[str], bool], int]] = [
        (values_like.is_security_number, SOME),
        (values_like.is_insurance_number, SOME),
        *((values_like.national_number(module), ENOUGH) for module in values_like.CHECKED),
        *((values_like.national_number(module), ENOUGH) for module in values_like.NAMED if hinted),
    ]
    for test, enough in tests:
        if not hinted and len(values) < enough:
            continue
        found = _if(field, PersonalKind.NATIONAL_ID, values, test, HALF if hinted else NEARLY_ALL)
        if found is not None:
            return found
    return None


def _phone(field: Field, values: Texts, named: frozenset[Hint]) -> Suggestion | None:
    if Hint.PHONE in named:
        return _if(field, PersonalKind.PHONE, values, values_like.is_dialled, HALF)
    if len(values) < MANY or not any(map(values_like.is_dialled, values[:FIRST])):
        return None
    for region in values_like.REGIONS:
        test = values_like.national_phone(region)
        if (found := _if(field, PersonalKind.PHONE, values, test, NEARLY_ALL)) is not None:
            return found
    return None


def _by_name(field: Field, values: Texts, named: frozenset[Hint]) -> Suggestion | None:
    if Hint.BIRTH in named and (found := _if(field, PersonalKind.DATE_OF_BIRTH, values, _is_birth, NEARLY_ALL)):
        return found
    if field.data_type.name is TypeName.STRING:
        if Hint.PERSON_NAME in named and (found := _if(field, PersonalKind.NAME, values, values_like.is_name, HALF)):
            return found
        if Hint.ADDRESS in named and (found := _if(field, PersonalKind.ADDRESS, values, values_like.is_address, HALF)):
            return found
    if Hint.POSTCODE in named and (found := _if(field, PersonalKind.ADDRESS, values, values_like.is_postcode, HALF)):
        coarse = PrivacyStrategy.GENERALIZE if found.strategy is PrivacyStrategy.REDACT else found.strategy
        return Suggestion(
            column=found.column, kind=found.kind, matched_fraction=found.matched_fraction, strategy=coarse
        )
    return None


def _free_text(field: Field, values: Texts, named: frozenset[Hint]) -> Suggestion | None:
    if field.data_type.name not in (TypeName.STRING, TypeName.JSON):
        return None
    matched = sum(map(values_like.holds_identifier, values))
    return _suggestion(field, PersonalKind.OTHER, matched / len(values)) if matched else None


def _if(
    field: Field, kind: PersonalKind, values: Texts, test: Callable[[str], bool], least: float
) -> Suggestion | None:
    """The suggestion, if at least this fraction of the values passes the test."""
    first = values[:FIRST]
    if sum(map(test, first)) < least * len(first) / 2:
        return None
    fraction = sum(map(test, values)) / len(values)
    return _suggestion(field, kind, fraction) if fraction >= least else None


def _suggestion(field: Field, kind: PersonalKind, fraction: float) -> Suggestion:
    return Suggestion(column=field.name, kind=kind, matched_fraction=fraction, strategy=proposed(kind, field))


def _is_birth(text: str) -> bool:
    """A year, or a date that begins with one, in which somebody who lives now may be born."""
    year = text[:4]
    return year.isdecimal() and 1900 <= int(year) <= datetime.now(UTC).year and (len(text) == 4 or text[4] in "-/.")


def _different(column: Iterable[str | None], most: int) -> Texts:
    trimmed = (value.strip() for value in column if value is not None)
    different = list(dict.fromkeys(value for value in trimmed if value))
    return different[:: -(-len(different) // most) or 1]  # spread over all: rows that came together are often alike
