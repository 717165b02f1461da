"""Parameters of privacy rules: read exactly, or refused with what is allowed."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kernel.errors import BadUserInput
from server.kernel.fields import parse_type
from server.kernel.privacy_params import (
    Noise,
    Period,
    ToBand,
    ToPeriod,
    ToPrefix,
    ToStep,
    generalization,
    noise,
)


@pytest.mark.parametrize(
    ("kind", "params", "way"),
    [
        ("date", {"to": "month"}, ToPeriod(period=Period.MONTH)),
        ("datetime", {"to": "quarter"}, ToPeriod(period=Period.QUARTER)),
        ("int", {"step": 10}, ToStep(step=Decimal(10))),
        ("int", {"step": 10.0}, ToStep(step=Decimal(10))),
        ("decimal(10,2)", {"step": 0.25}, ToStep(step=Decimal("0.25"))),
        ("decimal(38,20)", {"step": 10**15}, ToStep(step=Decimal(10**15))),
        ("float", {"step": 1e-9}, ToStep(step=Decimal("1E-9"))),
        ("int", {"bands": [0, 18, 30]}, ToBand(bounds=(Decimal(0), Decimal(18), Decimal(30)), whole=True)),
        ("decimal", {"bands": [-0.5]}, ToBand(bounds=(Decimal("-0.5"),), whole=False)),
        ("string", {"prefix": 3}, ToPrefix(length=3)),
    ],
)
def test_reads_a_generalization(kind: str, params: dict[str, Any], way: object) -> None:
    assert generalization("it", parse_type(kind), params) == way


@pytest.mark.parametrize(
    ("kind", "params", "message"),
    [
        ("date", {}, "GENERALIZE of column 'it', which is date, takes 'to'"),
        ("int", {}, "GENERALIZE of column 'it', which is int, takes exactly one of 'step' and 'bands'"),
        ("int", {"step": 1, "bands": [1]}, "takes exactly one of 'step' and 'bands'"),
        ("int", {"to": "month"}, "GENERALIZE of column 'it', which is int, takes exactly one of 'step' and 'bands'"),
        ("string", {"bands": [1]}, "GENERALIZE of column 'it', which is string, takes 'prefix'"),
        ("boolean", {"step": 1}, "does not fit column 'it', which is boolean: it takes dates, numbers and strings"),
        ("json", {"prefix": 1}, "does not fit column 'it', which is json"),
        ("int", {"stop": 1}, "takes only to, step, bands and prefix; leave out 'stop'"),
        ("date", {"to": "week"}, "to of column 'it' must be one of 'month', 'quarter' and 'year'"),
        ("date", {"to": ["month"]}, "must be one of 'month', 'quarter' and 'year'"),
        ("int", {"step": 0}, "step of column 'it' must be above 0"),
        ("int", {"step": -5}, "step of column 'it' must be above 0"),
        ("int", {"step": 2.5}, "holds a number that its type int cannot hold"),
        ("int", {"step": True}, "step of column 'it' takes numbers only"),
        ("int", {"step": "10"}, "step of column 'it' takes numbers only"),
        ("float", {"step": float("nan")}, "step of column 'it' takes numbers only"),
        ("float", {"step": float("inf")}, "or one too large"),
        ("int", {"step": 10**400}, "or one too large"),
        ("decimal(38,20)", {"step": 1e300}, "or one too large"),
        ("decimal(38,20)", {"step": 1e-21}, "its type decimal(38,20) cannot hold"),
        ("float", {"bands": [-(10**400)]}, "or one too large"),
        ("decimal(4,2)", {"step": 0.125}, "its type decimal(4,2) cannot hold"),
        ("decimal(4,2)", {"step": 100}, "its type decimal(4,2) cannot hold"),
        ("int", {"step": 10**16}, "or one too large"),
        ("int", {"bands": []}, "bands of column 'it' must be a list of 1 to 100 numbers, such as [0, 18, 30]"),
        ("int", {"bands": 5}, "must be a list of 1 to 100 numbers"),
        ("int", {"bands": list(range(101))}, "must be a list of 1 to 100 numbers"),
        ("int", {"bands": [0, None]}, "bands of column 'it' takes numbers only"),
        ("int", {"bands": [0, 18, 18]}, "must rise from one number to the next"),
        ("string", {"prefix": 0}, "prefix of column 'it' must be a whole number from 1 to 50"),
        ("string", {"prefix": 51}, "whole number from 1 to 50"),
        ("string", {"prefix": 2.0}, "whole number from 1 to 50"),
        ("string", {"prefix": True}, "whole number from 1 to 50"),
    ],
)
def test_refuses_a_generalization_that_does_not_fit(kind: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(BadUserInput) as refused:
        generalization("it", parse_type(kind), params)
    assert message in refused.value.message
    assert refused.value.field == "params"


def test_reads_noise() -> None:
    assert noise("it", parse_type("int"), {"scale": 5}) == Noise(scale=5.0, relative=False)
    assert noise("it", parse_type("float"), {"scale": 0.1, "relative": True}) == Noise(scale=0.1, relative=True)


@pytest.mark.parametrize(
    ("kind", "params", "message"),
    [
        ("int", {}, "NOISE of column 'it' needs scale, a number above 0 and at most 1000000000000000"),
        ("int", {"scale": 0}, "needs scale, a number above 0"),
        ("int", {"scale": -1}, "needs scale, a number above 0"),
        ("int", {"scale": "1"}, "needs scale, a number above 0"),
        ("int", {"scale": True}, "needs scale, a number above 0"),
        ("float", {"scale": float("nan")}, "needs scale, a number above 0"),
        ("float", {"scale": float("inf")}, "needs scale, a number above 0"),
        ("int", {"scale": 1, "relative": "yes"}, "relative of column 'it' must be true or false"),
        ("int", {"scale": 1, "seed": 1}, "NOISE of column 'it' takes only scale and relative; leave out 'seed'"),
        ("string", {"scale": 1}, "NOISE is for numbers, and column 'it' is string"),
        ("date", {"scale": 1}, "NOISE is for numbers, and column 'it' is date"),
    ],
)
def test_refuses_noise_that_does_not_fit(kind: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(BadUserInput) as refused:
        noise("it", parse_type(kind), params)
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("kind", "bounds", "labels"),
    [
        ("int", [0, 18, 30], ("<0", "0-17", "18-29", "30+")),
        ("int", [5], ("<5", "5+")),
        ("int", [0, 1, 2], ("<0", "0", "1", "2+")),
        ("int", [-10, -5, 0], ("<-10", "-10 to -6", "-5 to -1", "0+")),
        ("decimal(10,2)", [0, 17.5, 30], ("<0", "0-<17.5", "17.5-<30", "30+")),
        ("float", [-1.5, 1e3], ("<-1.5", "-1.5 to <1000", "1000+")),
    ],
)
def test_bands_have_labels(kind: str, bounds: list[float], labels: tuple[str, ...]) -> None:
    way = generalization("it", parse_type(kind), {"bands": bounds})
    assert isinstance(way, ToBand)
    assert way.labels == labels


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=20, unique=True).map(sorted))
def test_no_two_bands_have_one_label(bounds: list[int]) -> None:
    for kind in ("int", "decimal"):
        way = generalization("it", parse_type(kind), {"bands": bounds})
        assert isinstance(way, ToBand)
        assert len(set(way.labels)) == len(bounds) + 1
