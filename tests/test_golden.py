"""Every event that was ever stored can be read for ever: one file for each shape of each type."""

from pathlib import Path

import orjson
import pytest

from server.mesh.slices import CODEC

GOLDEN = sorted((Path(__file__).parent / "golden").iterdir())


def name_and_shape(path: Path) -> tuple[str, int]:
    name, shape, suffix = path.name.split(".")
    assert suffix == "json"
    return name, int(shape)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_stored_event_becomes_todays_record_and_loses_nothing(path: Path) -> None:
    name, shape = name_and_shape(path)
    event = CODEC.decode(name, shape, path.read_bytes())
    assert type(event) is CODEC.types[name]
    encoded = CODEC.encode(event)
    assert CODEC.decode(encoded.type, encoded.shape, encoded.data) == event
    if (encoded.type, encoded.shape) == (name, shape):
        assert orjson.loads(encoded.data) == orjson.loads(path.read_bytes())


def test_every_shape_of_every_event_has_its_file() -> None:
    stored = {name_and_shape(path) for path in GOLDEN}
    wanted = {
        (name, shape)
        for name, cls in CODEC.types.items()
        if name == cls.__name__
        for shape in range(1, CODEC.shape(cls) + 1)
    }
    assert wanted <= stored, "write what the codec encodes today to tests/golden/<Type>.<shape>.json"
    assert {name for name, _ in stored} <= set(CODEC.types)
