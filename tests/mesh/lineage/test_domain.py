from typing import Any

import pytest

from server.kernel.decider import Decider
from server.kernel.errors import BadUserInput, LimitExceeded, NotFound, PreconditionFailed
from server.kernel.ids import Urn
from server.kernel.lineage import ExternalKind, LineageType
from server.mesh.lineage.commands import Command, RegisterLineage, RemoveLineage, Terms
from server.mesh.lineage.domain import decide
from server.mesh.lineage.facts import ColumnLink, Event, Introduced, LineageRegistered, LineageRemoved, edge_urn
from tests.given import Given, given

A, B, C = Urn("dataset:a"), Urn("product:b"), Urn("external:s3/c")
TERMS = Terms(metadata={"job": "nightly", "done": True})
COLUMNS = (ColumnLink(target="total", sources=("price", "count")),)

# What stands comes with each command, so there is nothing to fold.
LINEAGE: Decider[Command, Event, None] = Decider(
    initial=None, decide=lambda command, _: decide(command), evolve=lambda _, __: None, about=lambda _: ()
)


def lineage() -> Given[Command, Event, None]:
    return given(LINEAGE)


def register(source: Urn = A, target: Urn = B, terms: Terms = TERMS, **facts: Any) -> RegisterLineage:
    unless: dict[str, Any] = {
        "introduced": (),
        "allow_cycle": False,
        "standing": None,
        "loop": (),
        "edges": 0,
        "most": 10,
    }
    return RegisterLineage(source=source, target=target, terms=terms, **(unless | facts))


def registered(source: Urn = A, target: Urn = B, **values: Any) -> LineageRegistered:
    unless: dict[str, Any] = {
        "again": False,
        "transformation": "",
        "lineage_type": LineageType.DIRECT,
        "confidence": 1.0,
        "metadata": {"job": "nightly", "done": True},
        "columns": (),
        "columns_unknown": None,
        "externals": (),
        "loop": (),
    }
    return LineageRegistered(source=source, target=target, **(unless | values))


def test_registers_an_edge_with_all_that_is_said_of_it() -> None:
    terms = Terms(
        transformation="sum by day",
        lineage_type=LineageType.AGGREGATED,
        confidence=1e-308,
        metadata={},
        columns=COLUMNS,
        columns_unknown=None,
    )
    introduced = (Introduced(asset=C, kind=ExternalKind.JOB),)
    lineage().when(register(C, B, terms, introduced=introduced)).then(
        registered(
            C,
            B,
            transformation="sum by day",
            lineage_type=LineageType.AGGREGATED,
            confidence=1e-308,
            metadata={},
            columns=COLUMNS,
            externals=introduced,
        )
    )


def test_registers_a_change_of_an_edge_that_stands_as_such() -> None:
    changed = Terms(metadata={"job": "nightly", "done": 1})
    lineage().when(register(terms=changed, standing=TERMS)).then(
        registered(again=True, metadata={"job": "nightly", "done": 1})
    )


@pytest.mark.parametrize(
    "standing",
    [
        Terms(metadata={"job": "nightly"}),
        Terms(metadata={"job": "nightly", "done": 1}),
        Terms(metadata={"job": ["nightly"], "done": True}),
        Terms(metadata=TERMS.metadata, transformation="x"),
        Terms(metadata=TERMS.metadata, lineage_type=LineageType.DERIVED),
        Terms(metadata=TERMS.metadata, confidence=0.5),
        Terms(metadata=TERMS.metadata, columns=COLUMNS),
        Terms(metadata=TERMS.metadata, columns_unknown="no such table"),
    ],
)
def test_every_term_that_differs_makes_a_change(standing: Terms) -> None:
    lineage().when(register(standing=standing)).then(registered(again=True))


def test_records_nothing_for_an_edge_that_stands_exactly_so() -> None:
    same = Terms(metadata={"done": True, "job": "nightly"})
    lineage().when(register(terms=same, standing=TERMS, edges=10, most=10)).then()


def test_refuses_an_edge_from_an_asset_to_itself_even_where_loops_are_allowed() -> None:
    lineage().when(register(A, A, allow_cycle=True)).refuses(
        PreconditionFailed, saying="'dataset:a' cannot be made of itself", path=[A, A]
    )


@pytest.mark.parametrize("confidence", [0, -0.0, -1e-308, 1.0000000000000002, float("inf"), float("nan")])
def test_refuses_a_confidence_out_of_bounds(confidence: float) -> None:
    lineage().when(register(terms=Terms(metadata={}, confidence=confidence))).refuses(
        BadUserInput, saying=f"confidence {confidence} is out of bounds", field="confidence"
    )


def test_refuses_an_edge_that_closes_a_loop_and_names_it() -> None:
    lineage().when(register(A, B, loop=(B, C, A))).refuses(
        PreconditionFailed,
        saying="would close the loop 'dataset:a' -> 'product:b' -> 'external:s3/c' -> 'dataset:a'",
        path=[A, B, C, A],
    )


def test_names_the_ends_of_a_long_loop_and_counts_its_middle() -> None:
    way = tuple(Urn(f"dataset:d{number}") for number in range(20))
    lineage().when(register(way[-1], way[0], loop=way)).refuses(
        PreconditionFailed,
        saying="'dataset:d19' -> 'dataset:d0' -> 'dataset:d1' -> 'dataset:d2' -> … 13 more …"
        " -> 'dataset:d16' -> 'dataset:d17' -> 'dataset:d18' -> 'dataset:d19'",
        path=[way[-1], *way],
    )


def test_records_a_loop_that_is_allowed_and_says_so() -> None:
    lineage().when(register(A, B, loop=(B, C, A), allow_cycle=True)).then(registered(loop=(A, B, C, A)))


def test_a_change_of_an_edge_within_a_loop_closes_nothing() -> None:
    changed = Terms(metadata={}, confidence=0.5)
    lineage().when(register(terms=changed, standing=TERMS, loop=(B, A))).then(
        registered(again=True, confidence=0.5, metadata={})
    )


def test_refuses_a_new_edge_where_the_limit_is_reached() -> None:
    lineage().when(register(edges=9, most=10)).then(registered())
    lineage().when(register(edges=10, most=10)).refuses(
        LimitExceeded, saying="10 edges stand and MAX_LINEAGE_ENTRIES allows 10", limit=10
    )


def test_changes_an_edge_where_the_limit_is_reached() -> None:
    changed = Terms(metadata={}, confidence=0.5)
    lineage().when(register(terms=changed, standing=TERMS, edges=10, most=10)).then(
        registered(again=True, confidence=0.5, metadata={})
    )


def test_removes_an_edge_that_stands() -> None:
    lineage().when(RemoveLineage(source=A, target=B, reason="moved", standing=True)).then(
        LineageRemoved(source=A, target=B, reason="moved")
    )


def test_refuses_to_remove_an_edge_that_does_not_stand() -> None:
    lineage().when(RemoveLineage(source=A, target=B, reason=None, standing=False)).refuses(
        NotFound, saying="no edge leads from 'dataset:a' to 'product:b'", field="source"
    )


def test_cuts_long_names_in_messages() -> None:
    long = Urn("external:n/" + "x" * 1000)
    lineage().when(register(long, long)).refuses(
        PreconditionFailed, saying=f"'external:n/{'x' * 69}…' cannot be made of itself", path=[long, long]
    )


def test_an_edge_is_named_after_its_ends() -> None:
    assert edge_urn(A, C) == "lineage:dataset:a>external:s3/c"
