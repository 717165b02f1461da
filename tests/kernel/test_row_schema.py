import pytest

from server.kernel.errors import BadUserInput, LimitExceeded
from server.kernel.fields import Field
from server.kernel.layer import Layer
from server.kernel.row_schema import Order, read_order, read_projection, row_schema


def fields(**types: str) -> tuple[Field, ...]:
    return tuple(Field(name=name, type=kind) for name, kind in types.items())


NOW = fields(n="float", word="string", day="date")


def test_bronze_has_the_current_schema_whatever_files_hold() -> None:
    assert row_schema(NOW, Layer.BRONZE, [fields(n="int", gone="json")]) == NOW


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ([], NOW),
        ([NOW], NOW),
        ([fields(n="int"), fields(n="float")], fields(n="float")),
        ([fields(n="int", word="string"), fields(day="date")], NOW),
        ([fields(n="string"), fields(n="string")], fields(n="string")),
        ([fields(n="string"), fields(n="int")], fields(n="string")),
        ([fields(day="int"), fields(day="datetime")], fields(day="string")),
        ([fields(word="string", gone="int")], fields(word="string")),
    ],
)
def test_behind_privacy_rules_types_are_merged(stored: list[tuple[Field, ...]], expected: tuple[Field, ...]) -> None:
    for layer in (Layer.SILVER, Layer.GOLD):
        assert row_schema(NOW, layer, stored) == expected


def test_an_order_ends_with_the_id_unless_it_names_it() -> None:
    found = read_order([("day", True), ("_created_at", False)], NOW)
    assert [(order.field.name, order.descending) for order in found] == [
        ("day", True),
        ("_created_at", False),
        ("_id", False),
    ]
    assert [(order.field.name, order.descending) for order in read_order([("_id", True)], NOW)] == [("_id", True)]


def test_refuses_orders_that_are_none() -> None:
    wide = fields(**{f"c{place}": "int" for place in range(17)}, j="json")
    with pytest.raises(BadUserInput, match="the json field 'j' has no order"):
        read_order([("j", False)], wide)
    with pytest.raises(BadUserInput, match="stands twice"):
        read_order([("c1", False), ("c1", True)], wide)
    assert isinstance(read_order([(f"c{place}", False) for place in range(16)], wide)[0], Order)
    with pytest.raises(LimitExceeded):
        read_order([(f"c{place}", False) for place in range(17)], wide)


def test_a_projection_names_columns_once_and_always_the_id() -> None:
    assert [field.name for field in read_projection(None, NOW)] == [
        "_id",
        "_batch_id",
        "_created_at",
        "n",
        "word",
        "day",
    ]
    assert [field.name for field in read_projection(["day", "day", "n"], NOW)] == ["_id", "day", "n"]
    with pytest.raises(
        BadUserInput, match="fields\\[1\\]: column 'dya' is not in the rows of this layer; did you mean 'day'"
    ):
        read_projection(["day", "dya"], NOW)
