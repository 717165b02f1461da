"""Filters read against a schema: every operator on every type, and what is refused before any row is read."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kernel.errors import BadUserInput, LimitExceeded, Refused
from server.kernel.fields import Field, parse_type
from server.kernel.filter_values import json_of, value_of
from server.kernel.filters import (
    LISTS,
    MAX_TEXT,
    NULLS,
    PATTERNS,
    AllOf,
    Asked,
    Comparison,
    FilterOp,
    equals,
    read_filters,
)

SAMPLES: dict[str, tuple[Any, Any, list[Any]]] = {
    "string": ("a", "a", [1, True, 1.5, ["a"], {"a": 1}]),
    "int": (-(2**63), -(2**63), [2**63, 1.0, True, "1", [1]]),
    "float": (1, 1.0, ["1", True, float("nan"), float("inf"), 10**400, {}]),
    "decimal(10,2)": (2.5, Decimal("2.5"), [2.555, 100_000_000, "1e2", "", " 1", True, float("nan"), [1]]),
    "boolean": (False, False, [0, 1, "true", []]),
    "date": ("2024-02-29", date(2024, 2, 29), ["2023-02-29", "2024-2-9", "20240229", 20240229, "2024-02-29T00:00:00"]),
    "datetime": (
        "2024-02-29T12:00:00.5+01:00",
        datetime(2024, 2, 29, 11, 0, 0, 500_000, tzinfo=UTC),
        ["now", "2024-02-30", 1, "2024-02-29T25:00:00Z", "2024-02-29T12:00:00.1234567Z", "0001-01-01T00:00:00+14:00"],
    ),
}
FIELDS = tuple(Field(name=name, type=name) for name in (*SAMPLES, "json"))
NAMED = {field.name: field for field in FIELDS}


@pytest.mark.parametrize("kind", SAMPLES)
def test_every_operator_takes_values_of_the_type_and_no_other(kind: str) -> None:
    given_value, value, wrong = SAMPLES[kind]
    for op in FilterOp:
        if op in NULLS:
            assert comparison(kind, op, None).values == ()
            continue
        if op in PATTERNS and kind != "string":
            with pytest.raises(BadUserInput, match="needs a string field"):
                comparison(kind, op, given_value)
            continue
        asked = [given_value] if op in LISTS else given_value
        assert comparison(kind, op, asked) == Comparison(field=NAMED[kind], op=op, values=(value,))
        for other in [*wrong, None]:
            with pytest.raises(BadUserInput) as refused:
                comparison(kind, op, [other] if op in LISTS else other)
            assert refused.value.field == ("filter[0].value[0]" if op in LISTS else "filter[0].value")


def comparison(name: str, op: FilterOp, value: Any) -> Comparison:
    (found,) = read_filters([Asked(field=name, op=op, value=value)], None, FIELDS).conditions
    assert isinstance(found, Comparison)
    return found


def test_json_fields_are_asked_for_nulls_only() -> None:
    for op in FilterOp:
        if op in NULLS:
            assert comparison("json", op, None).op is op
        else:
            with pytest.raises(BadUserInput, match="takes only IS_NULL and IS_NOT_NULL"):
                comparison("json", op, "{}")


@given(
    st.one_of(
        st.tuples(st.just("string"), st.text()),
        st.tuples(st.just("int"), st.integers(-(2**63), 2**63 - 1)),
        st.tuples(st.just("float"), st.floats(allow_nan=False, allow_infinity=False)),
        st.tuples(st.just("decimal(38,9)"), st.decimals(-(10**28), 10**28, places=9)),
        st.tuples(st.just("boolean"), st.booleans()),
        st.tuples(st.just("date"), st.dates()),
        st.tuples(st.just("datetime"), st.datetimes(timezones=st.just(UTC))),
    )
)
def test_a_value_is_read_back_from_its_json(typed: tuple[str, Any]) -> None:
    kind, value = typed
    assert value_of(json_of(value), parse_type(kind)) == value


def test_a_datetime_without_zone_is_utc() -> None:
    assert value_of("2024-02-29 12:00", parse_type("datetime")) == datetime(2024, 2, 29, 12, tzinfo=UTC)


def test_says_which_ids_alone_can_match() -> None:
    def ids(*asked: Asked, where: Asked | None = None) -> frozenset[Any] | None:
        return equals(read_filters(asked, where, FIELDS), "_id")

    one, two = (Asked(field="_id", op=FilterOp.EQ, value=id) for id in ("a", "b"))
    either = Asked(field="_id", op=FilterOp.IN, value=["a", "c"])
    assert ids() is None
    assert ids(one) == {"a"}
    assert ids(one, either) == {"a"}
    assert ids(one, two) == frozenset()
    assert ids(where=Asked(all_of=(one, either))) == {"a"}
    assert ids(where=Asked(any_of=(one, two))) is None
    assert ids(where=Asked(negated=one)) is None


def test_bounds_hold_at_their_edges() -> None:
    one = Asked(field="int", op=FilterOp.EQ, value=1)
    assert len(read_filters([one] * 50, Asked(any_of=(one,) * 50), FIELDS).conditions) == 51
    for filters, where in (([one] * 101, None), ([one] * 50, Asked(any_of=(one,) * 51))):
        with pytest.raises(LimitExceeded):
            read_filters(filters, where, FIELDS)
    assert len(comparison("int", FilterOp.IN, [1] * 1000).values) == 1000
    with pytest.raises(LimitExceeded):
        comparison("int", FilterOp.IN, [1] * 1001)
    many = Asked(field="int", op=FilterOp.IN, value=[1] * 1000)
    assert len(read_filters([many] * 5, Asked(any_of=(many,) * 5), FIELDS).conditions) == 6
    for filters, where in (([many] * 11, None), ([many] * 5, Asked(negated=Asked(any_of=(many,) * 6)))):
        with pytest.raises(LimitExceeded, match="values or more together, 10000 are allowed"):
            read_filters(filters, where, FIELDS)
    assert comparison("string", FilterOp.EQ, "x" * MAX_TEXT).values == ("x" * MAX_TEXT,)
    with pytest.raises(LimitExceeded):
        comparison("string", FilterOp.EQ, "x" * (MAX_TEXT + 1))


trees = st.recursive(
    st.builds(Asked, field=st.sampled_from(["int", "no"]) | st.none(), op=st.sampled_from(FilterOp) | st.none()),
    lambda inner: st.builds(
        Asked,
        all_of=st.lists(inner, max_size=3).map(tuple) | st.none(),
        any_of=st.lists(inner, max_size=3).map(tuple) | st.none(),
        negated=inner | st.none(),
    ),
)


@given(st.none() | trees)
def test_any_tree_is_read_or_refused(where: Asked | None) -> None:
    refused: Refused | None = None
    try:
        assert isinstance(read_filters((), where, FIELDS), AllOf)
    except Refused as error:
        refused = error
    assert refused is None or str(refused.field).startswith("where")
