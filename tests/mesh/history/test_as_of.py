"""As of any position: the whole catalog is that of a server which stopped there."""

from typing import Any

from tests.mesh.history.conftest import Mesh, OpenedMesh
from tests.mesh.history.everything import operations
from tests.mesh.history.twins import Twin, tell
from tests.mesh.history.whole import whole

EVENTS, POSITIONS = 10_000, 100


async def test_every_position_shows_the_catalog_of_a_server_that_stopped_there(meshes: OpenedMesh) -> None:
    tale = whole(1, EVENTS)
    later, stopped = await meshes(), await meshes()
    head = await tell(later.url, tale.appends)
    assert head == max(tale.after) >= EVENTS
    twin = Twin(later.pool, stopped.pool)
    deep, shallow = (operations(later.schema._schema, deep=each) for each in (True, False))
    positions = sorted(tale.tale.source.sample(sorted(tale.after), POSITIONS))
    for number, position in enumerate(positions):
        await twin.give(position)
        text = " ".join((deep if number % 20 == 0 else shallow).values())
        was, stands = await then(later, text, position), await now(stopped, text)
        assert (position, [name for name in stands if was[name] != stands[name]]) == (position, [])


async def then(mesh: Mesh, text: str, position: int) -> Any:
    """What a catalog of the past answers."""
    query = f"query ($position: BigInt!) {{ catalog(atPosition: $position) {{ {text} }} }}"
    return (await mesh.ask(query, position=position))["catalog"]


async def now(mesh: Mesh, text: str) -> Any:
    """What the catalog of now answers."""
    return (await mesh.ask(f"{{ catalog {{ {text} }} }}"))["catalog"]
