"""Toy events through the codec: stored, lifted from older shapes, read under older names, refused when newer."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from server.kernel.codec import Codec, Encoded, Raw, UnknownEvent
from server.kernel.record import record


@record
class Painted:
    """A door has a colour. Once it was a text `color`; then `colour`; today it is in layers."""

    colour: str
    layers: int


@record
class Opened:
    """A door stands open."""

    at: datetime | None = None
    width: float = 1.0


def with_english_colour(raw: Raw) -> Raw:
    return {"colour": raw["color"]}


def with_layers(raw: Raw) -> Raw:
    return {**raw, "layers": len(raw["colour"])}


CODEC = Codec([Painted, Opened], {Painted: [with_english_colour, with_layers]}, {"DoorPainted": Painted})
TODAY = Painted(colour="green", layers=5)


def test_writes_todays_shape_which_is_one_more_than_its_upcasts() -> None:
    assert CODEC.encode(TODAY) == Encoded(type="Painted", shape=3, data=b'{"colour":"green","layers":5}')
    assert CODEC.encode(Opened()) == Encoded(type="Opened", shape=1, data=b'{"at":null,"width":1.0}')


@pytest.mark.parametrize(
    ("shape", "data"),
    [(1, b'{"color":"green"}'), (2, b'{"colour":"green"}'), (3, b'{"colour":"green","layers":5}')],
)
def test_an_older_shape_is_lifted_from_where_it_stands(shape: int, data: bytes) -> None:
    assert CODEC.decode("Painted", shape, data) == TODAY


def test_todays_shape_is_not_lifted_again() -> None:
    assert CODEC.decode("Painted", 3, b'{"colour":"red","layers":9}') == Painted(colour="red", layers=9)


@pytest.mark.parametrize(("shape", "data"), [(1, b'{"color":"green"}'), (3, b'{"colour":"green","layers":5}')])
def test_a_name_once_stored_is_read_as_todays_type_in_each_shape(shape: int, data: bytes) -> None:
    assert CODEC.decode("DoorPainted", shape, data) == TODAY
    assert CODEC.encode(CODEC.decode("DoorPainted", shape, data)).type == "Painted"


@pytest.mark.parametrize(("name", "shape"), [("Painted", 4), ("DoorPainted", 4), ("Opened", 2), ("Closed", 1)])
def test_refuses_what_only_a_newer_server_knows(name: str, shape: int) -> None:
    with pytest.raises(UnknownEvent, match=f"event type '{name}' in shape {shape} is not known to this server"):
        CODEC.decode(name, shape, b"{}")


@pytest.mark.parametrize("shape", [0, -1])
def test_refuses_a_shape_that_never_was(shape: int) -> None:
    with pytest.raises(UnknownEvent):
        CODEC.decode("Painted", shape, b'{"colour":"green","layers":5}')


def test_refuses_data_that_is_not_of_its_shape() -> None:
    with pytest.raises(ValidationError):
        CODEC.decode("Painted", 3, b'{"color":"green"}')


def test_refuses_to_write_what_it_could_not_read() -> None:
    with pytest.raises(KeyError):
        CODEC.encode(Decimal(1))


@given(
    st.builds(
        Opened,
        at=st.none() | st.datetimes(timezones=st.just(UTC)),
        width=st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_what_is_written_is_read_again(event: Opened) -> None:
    encoded = CODEC.encode(event)
    assert CODEC.decode(encoded.type, encoded.shape, encoded.data) == event
    assert orjson.loads(encoded.data).keys() == {"at", "width"}


def test_an_instant_keeps_its_meaning_across_zones() -> None:
    zone = timezone(timedelta(hours=2))
    event = Opened(at=datetime(2026, 5, 1, 12, tzinfo=zone))
    encoded = CODEC.encode(event)
    assert CODEC.decode(encoded.type, encoded.shape, encoded.data) == event
