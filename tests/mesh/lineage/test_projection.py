"""What lineage events leave in the read tables, at every position and however they were grouped."""

from dataclasses import replace
from itertools import pairwise

from server.kernel.ids import Urn
from server.kernel.lineage import ExternalKind, LineageType
from server.kernel.recorded import FOREVER
from server.mesh.lineage.facts import (
    STREAM,
    ColumnLink,
    Event,
    Introduced,
    LineageRegistered,
    LineageRemoved,
    edge_urn,
)
from server.mesh.lineage.projection import terms_of
from server.mesh.lineage.tables import ExternalRow, LineageRow
from tests.mesh.lineage.test_domain import registered
from tests.mesh.projected import ReadTables, instant

A, B, C, D = Urn("dataset:a"), Urn("dataset:b"), Urn("external:n/%C3%89>".replace(">", "%3E")), Urn("product:d")

HISTORY: list[Event] = [
    registered(A, C, externals=(Introduced(asset=C, kind=ExternalKind.JOB),)),
    registered(C, B, columns=(ColumnLink(target="x", sources=("y",), indirect=("z",)),), confidence=0.5),
    registered(A, C, again=True, lineage_type=LineageType.DERIVED, metadata={}, transformation="t"),
    LineageRemoved(source=A, target=C, reason=None),
    registered(B, A, loop=(B, A, C, B), columns_unknown="no such table"),
    registered(A, C, confidence=0.25),
    registered(D, A, lineage_type=LineageType.AGGREGATED),
    LineageRemoved(source=A, target=C, reason="again"),
]
NUMBERS = {A: 0, C: 1, B: 2, D: 3}


def standing(position: int) -> dict[str, tuple[LineageRegistered, int, int]]:
    """By edge: what was said last, where it was registered first, and where it was said."""
    edges: dict[str, tuple[LineageRegistered, int, int]] = {}
    for number, event in enumerate(HISTORY[:position], 1):
        urn = edge_urn(event.source, event.target)
        if isinstance(event, LineageRegistered):
            first = edges[urn][1] if event.again else number
            edges[urn] = (event, first, number)
        else:
            del edges[urn]
    return edges


def test_the_rows_as_of_every_position_are_what_the_events_add_up_to(read_tables: ReadTables) -> None:
    for together in range(1, len(HISTORY) + 1):
        rows = read_tables.after(STREAM, HISTORY, together=together)
        for position in range(1, len(HISTORY) + 1):
            wanted = standing(position)
            found = rows.standing(LineageRow, position)
            assert {row["id"] for row in found} == set(wanted)
            for row in found:
                event, first, said = wanted[row["id"]]
                terms = terms_of(LineageRow(details=row["metadata"], **row))
                assert {name: getattr(terms, name) for name in ("metadata", "columns", "columns_unknown")} == {
                    name: getattr(event, name) for name in ("metadata", "columns", "columns_unknown")
                }
                assert (terms.transformation, terms.lineage_type, terms.confidence) == (
                    event.transformation,
                    event.lineage_type,
                    event.confidence,
                )
                assert (row["source"], row["target"]) == (event.source, event.target)
                assert (row["position"], row["registered_at"]) == (first, instant(said))
                assert row["closes_loop"] is (event.source == B)


def test_assets_are_numbered_in_the_order_of_their_first_mention(read_tables: ReadTables) -> None:
    for together in range(1, len(HISTORY) + 1):
        rows = read_tables.after(STREAM, HISTORY, together=together)
        for row in rows.of[LineageRow]:
            assert (row["source_number"], row["target_number"]) == (NUMBERS[row["source"]], NUMBERS[row["target"]])


def test_an_external_asset_stays_once_it_was_mentioned(read_tables: ReadTables) -> None:
    rows = read_tables.after(STREAM, HISTORY, together=len(HISTORY))
    [row] = rows.of[ExternalRow]
    assert {name: value for name, value in row.items() if not name.startswith("search")} == {
        "id": C,
        "valid_from": 1,
        "valid_to": FOREVER,
        "namespace": "n",
        "name": "É>",
        "kind": "JOB",
        "folded": "n/é>",
        "created_at": instant(1),
    }


def test_the_order_in_a_group_counts_not_the_order_of_names(read_tables: ReadTables) -> None:
    names = [Urn(f"dataset:{name}") for name in "zyxw"]
    chain = [registered(source, target) for source, target in pairwise(names)]
    other = replace(chain[0], source=Urn("dataset:a"), target=Urn("dataset:z"))
    rows = read_tables.after(STREAM, [*chain, other], together=10)
    numbers = {row["source"]: row["source_number"] for row in rows.of[LineageRow]}
    assert numbers == {"dataset:z": 0, "dataset:y": 1, "dataset:x": 2, "dataset:a": 4}
