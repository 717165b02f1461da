"""A data product's state, its row and every sequence of changes: one truth, and a version that only rises."""

from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.kernel.errors import AlreadyExists, NotFound, PreconditionFailed
from server.kernel.fields import Field
from server.kernel.semantic_version import parse_version
from server.mesh.product.domain import PRODUCT, Command, DeleteProduct, RegisterProduct, UpdateProduct
from server.mesh.product.facts import Event, ProductStatus
from server.mesh.product.queries import ProductRow, fields_of
from server.mesh.product.state import Product, State, Terms
from tests.mesh.product.test_domain import ID, SALES
from tests.mesh.projected import ReadTables, instant

SCHEMAS = [
    (Field(name="a", type="int"),),
    (Field(name="a", type="int"), Field(name="b", type="string")),
    (Field(name="a", type="string"),),
    (Field(name="a", type="int", nullable=False),),
]
VERSIONS = ["0.1.0", "1.0.0", "1.0.1", "1.1.0", "2.0.0", "2.0.1", "3.0.0"]
TERMS = st.builds(
    Terms,
    owner=st.sampled_from(["ann", "bob"]),
    description=st.sampled_from(["", "As placed."]),
    fields=st.sampled_from(SCHEMAS),
    tags=st.sampled_from([(), ("daily",), ("eu", "daily")]),
    version=st.sampled_from(VERSIONS),
)
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(RegisterProduct, name=st.just("orders"), domain=st.just(SALES), terms=TERMS),
    st.builds(
        UpdateProduct,
        product=st.just(ID),
        owner=st.sampled_from([None, "ann", "bob"]),
        fields=st.one_of(st.none(), st.sampled_from(SCHEMAS)),
        tags=st.sampled_from([None, (), ("daily",)]),
        version=st.one_of(st.none(), st.sampled_from(VERSIONS)),
        status=st.one_of(st.none(), st.sampled_from(ProductStatus)),
    ),
    st.builds(DeleteProduct, product=st.just(ID), reason=st.none(), datasets=st.just(()), granted=st.just({})),
)


def history_of(commands: Sequence[Command]) -> list[Event]:
    """What those commands record that are not refused."""
    state, history = PRODUCT.initial, list[Event]()
    for command in commands:
        try:
            events = PRODUCT.decide(command, state)
        except (NotFound, AlreadyExists, PreconditionFailed):
            continue
        state = PRODUCT.fold(events, state)
        history += events
    return history


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commands=st.lists(COMMANDS, max_size=12), together=st.integers(1, 5))
def test_the_row_as_of_every_position_is_the_state_after_it(
    read_tables: ReadTables, commands: list[Command], together: int
) -> None:
    history = history_of(commands)
    rows = read_tables.after(ID, history, together=together)
    for position in range(1, len(history) + 1):
        found = rows.standing(ProductRow, position)
        assert [stored(row) for row in found] == [one for one in (PRODUCT.fold(history[:position], None),) if one]
        assert [(row["id"], row["revision"], row["updated_at"]) for row in found] == [
            (ID, position, instant(position)) for _ in found
        ]


@settings(max_examples=200, deadline=None)
@given(commands=st.lists(COMMANDS, max_size=12))
def test_while_a_product_stands_its_version_only_rises_and_by_a_major_where_readers_break(
    commands: list[Command],
) -> None:
    before: State = None
    for event in history_of(commands):
        after = PRODUCT.evolve(before, event)
        if before is not None and after is not None:
            old, new = parse_version(before.terms.version), parse_version(after.terms.version)
            assert new >= old
            if after.terms.fields != before.terms.fields:
                assert new > old
                if {field.name for field in before.terms.fields} - {field.name for field in after.terms.fields}:
                    assert new.major > old.major
        before = after


def stored(row: Any) -> Product:
    return Product(
        name=row["name"],
        domain=row["domain"],
        terms=Terms(
            owner=row["owner"],
            description=row["description"],
            fields=fields_of(ProductRow(**row)),
            tags=tuple(row["tags"]),
            version=row["version"],
        ),
        status=ProductStatus(row["status"]),
    )
