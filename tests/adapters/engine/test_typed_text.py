"""Guarded casts: what each type takes, to its bounds, against plain Python."""

import json
import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.engine.ingest.landing import columns, land


def typed(kind: str, *cells: str) -> list:
    """The value of each cell, or `...` where its record was set aside."""
    quoted = "".join('"' + cell.replace('"', '""') + '"\n' for cell in cells)
    landed = land(f"v\n{quoted}".encode(), columns(v=kind))
    assert [reject["column"] for reject in landed.rejects] == ["v"] * len(landed.rejects)
    values: list = [...] * len(cells)
    for identifier, row in zip(landed.ids, landed.rows, strict=True):
        values[int(identifier[-12:])] = row["v"]
    return values


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        (
            "int",
            {"0": 0, "-0": 0, "+5": 5, "007": 7, " 12\t": 12, str(2**63 - 1): 2**63 - 1, str(-(2**63)): -(2**63)},
        ),
        ("float", {"1.5": 1.5, "-.5": -0.5, "5.": 5.0, "1e3": 1000.0, "1E-3": 0.001, " 2 ": 2.0, "1.7e308": 1.7e308}),
        (
            "decimal(5,2)",
            {"1": Decimal(1), "999.99": Decimal("999.99"), "-999.9": Decimal("-999.9"), " +0001.10 ": Decimal("1.10")},
        ),
        ("decimal(3,0)", {"999": Decimal(999), "-7": Decimal(-7)}),
        ("decimal", {"1.123456789": Decimal("1.123456789"), "9" * 29: Decimal("9" * 29)}),
        ("boolean", {"true": True, "false": False, "TRUE": True, " False ": False}),
        ("date", {"2024-02-29": date(2024, 2, 29), " 0001-01-01 ": date.min, "9999-12-31": date.max}),
        (
            "datetime",
            {
                "2024-01-02T03:04:05Z": datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
                "2024-01-02 03:04": datetime(2024, 1, 2, 3, 4, tzinfo=UTC),
                "2024-01-02T03:04:05.25": datetime(2024, 1, 2, 3, 4, 5, 250000, tzinfo=UTC),
                "2024-01-02T03:04:05.123456000Z": datetime(2024, 1, 2, 3, 4, 5, 123456, tzinfo=UTC),
                "2024-01-02T03:04:05+05:30": datetime(2024, 1, 1, 21, 34, 5, tzinfo=UTC),
                "2024-01-02T03:04:05-0800": datetime(2024, 1, 2, 11, 4, 5, tzinfo=UTC),
                " 2024-01-02T03:04:05+02 ": datetime(2024, 1, 2, 1, 4, 5, tzinfo=UTC),
                "9999-12-31T23:59:59.999999Z": datetime.max.replace(tzinfo=UTC),
                "0001-01-01T00:00:00Z": datetime.min.replace(tzinfo=UTC),
            },
        ),
        (
            "json",
            {' {"a": [1, 2.50, "NaN, ]"]} ': '{"a": [1, 2.50, "NaN, ]"]}', "null": "null", '"x"': '"x"', "1": "1"},
        ),
        ("string", {"": "", " x ": " x ", "NULL": "NULL", "007": "007", "=1+1": "=1+1", "\u202e": "\u202e"}),
    ],
)
def test_takes(kind, cells):
    assert typed(kind, *cells) == list(cells.values())


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        ("int", ["1.7", "1.0", "1e2", "0x10", "1_000", "1 2", "--1", "+", "x", "٣", str(2**63), str(-(2**63) - 1)]),
        ("float", ["nan", "inf", "-Infinity", "1e400", "-1e400", "1_000", "0x10", "1,5", "1e", "x", "1.2.3", "1f"]),
        ("decimal(5,2)", ["1.005", "1.000", "1000", "1e2", "1_0", ".5", "5.", "nan", "-1000.00", "1 0"]),
        ("decimal(3,0)", ["1.0", "1000", "1."]),
        ("decimal", ["1.1234567890", "9" * 30]),
        ("boolean", ["1", "0", "t", "yes", "n", "on", "truee"]),
        ("date", ["2024-1-1", "2023-02-29", "epoch", "infinity", "2024-01-01T00:00:00", "01/02/2024", "0000-01-01"]),
        ("date", ["0044-03-15 (BC)", "10000-01-01", "20240101", "2024-W01-1", "today", "-infinity"]),
        ("datetime", ["2024-01-02", "epoch", "infinity", "2024-01-02T24:00:00Z", "2024-02-30T00:00:00Z", "now"]),
        ("datetime", ["2024-01-02T03:04:05.1234567Z", "2024-01-02T03:04:05+25:00", "2024-01-02T03:04:60Z"]),
        ("datetime", ["2024-01-02T03:04:05-1530", "2024-01-02T03:04:05+05:99", "2024-01-02T3:04:05", "1704164645"]),
        ("datetime", ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "0000-06-01T00:00:00Z"]),
        ("datetime", ["2024-01-02T03:04:05 Europe/Paris", "2024-01-02T03:04:05Z Z"]),
        ("json", ["NaN", '{"a": NaN}', "[Infinity]", "[1,]", '{"a": 1, }', "[1] x", "{'a': 1}", "01", '"x', "-inf"]),
    ],
)
def test_sets_aside(kind, cells):
    assert typed(kind, *cells) == [...] * len(cells)


def plain_int(cell: str):
    found = re.fullmatch(r"[ \t]*([+-]?[0-9]+)[ \t]*", cell)
    return int(found[1]) if found and -(2**63) <= int(found[1]) < 2**63 else ...


def plain_float(cell: str):
    found = re.fullmatch(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*", cell)
    return float(cell) if found and math.isfinite(float(cell)) else ...


def plain_decimal(cell: str):
    found = re.fullmatch(r"[ \t]*([+-]?[0-9]+(\.[0-9]{1,2})?)[ \t]*", cell)
    return Decimal(found[1]) if found and abs(Decimal(found[1])) < 1000 else ...


def plain_date(cell: str):
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", cell.strip(" \t")):
        return ...
    try:
        return date.fromisoformat(cell.strip(" \t"))
    except ValueError:
        return ...


def plain_datetime(cell: str):
    bare = cell.strip(" \t")
    shape = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6}0*)?)?(Z|[+-](0\d|1[0-4])(:?\d\d)?)?"
    if not re.fullmatch(shape, bare, re.ASCII):
        return ...
    try:
        read = datetime.fromisoformat(bare)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return ...


def plain_json(cell: str):
    def refuse(word: str):
        raise ValueError(word)

    try:
        json.loads(cell, parse_constant=refuse)
        cell.encode()
    except ValueError:
        return ...
    return cell.strip(" \t\r\n")


def mutated(*samples: str, alphabet: str) -> st.SearchStrategy[str]:
    """Samples with one character put in, changed or left out, and free text of the alphabet."""
    sample, char = st.sampled_from(samples), st.sampled_from([*alphabet, ""])
    changed = st.tuples(sample, st.integers(0, 40), char, st.booleans()).map(
        lambda t: t[0][: t[1]] + t[2] + t[0][t[1] + t[3] :]
    )
    return st.one_of(changed, st.text(alphabet, max_size=12))


@pytest.mark.parametrize(
    ("kind", "plain", "cells"),
    [
        ("int", plain_int, mutated("9223372036854775807", "-12", "+007", alphabet="0123456789+-. eE_x\t")),
        ("float", plain_float, mutated("1.5e10", "-.5", "12.", "infinity", "nan", alphabet="0123456789+-. eE_xinfa\t")),
        ("decimal(5,2)", plain_decimal, mutated("999.99", "-0.5", "+12", alphabet="0123456789+-. eE_x\t")),
        ("date", plain_date, mutated("2024-02-29", "0001-01-01", "9999-12-31", alphabet="0123456789-T: /\t")),
        (
            "datetime",
            plain_datetime,
            mutated(
                "2024-02-29T12:30:45.123456Z",
                "2024-01-01 00:00+05:30",
                "9999-12-31T23:59:59",
                alphabet="0123459-T:+Z. ",
            ),
        ),
        (
            "json",
            plain_json,
            mutated('{"a": [1, -2.5e3, "x\\n,]"]}', "[true, null]", alphabet='{}[]",:0123eE.-nutrNaIfys \\'),
        ),
    ],
)
def test_takes_exactly_what_plain_python_takes(kind, plain, cells):
    @settings(max_examples=40, deadline=None)
    @given(st.lists(cells.filter(lambda cell: cell.strip(" \t") != ""), min_size=1, max_size=60))
    def holds(sample):
        assert dict(zip(sample, typed(kind, *sample), strict=True)) == {cell: plain(cell) for cell in sample}

    holds()
