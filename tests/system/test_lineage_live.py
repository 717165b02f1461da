"""Lineage followed over a socket on one server while another one changes it."""

from pathlib import Path

from tests.system.serving import serving
from tests.system.story import do, window

WATCH = """subscription($of: ID!) { lineage(of: $of, direction: DOWNSTREAM) {
  root { name } nodes { asset { id } confidence } position
} }"""


async def test_a_change_on_one_server_reaches_a_subscriber_of_another(data_dir: Path) -> None:
    async with serving(data_dir) as one, serving(data_dir, name="other") as other:
        await do(one, "registerLineage", source="external:erp/a", target="external:erp/b", confidence=0.5)
        async with window(other, WATCH, "lineage", of="external:erp/a") as seen:
            (first,) = await seen.next()
            await do(one, "registerLineage", source="external:erp/b", target="external:erp/c", confidence=0.5)
            (second,) = await seen.next()
            await do(one, "removeLineage", source="external:erp/a", target="external:erp/b")
            (third,) = await seen.next()
            assert seen.empty
    assert [(state["root"]["name"], state["position"]) for state in (first, second, third)] == [
        ("a", 1),
        ("a", 2),
        ("a", 3),
    ]
    assert first["nodes"] == [{"asset": {"id": "external:erp/b"}, "confidence": 0.5}]
    assert second["nodes"] == [*first["nodes"], {"asset": {"id": "external:erp/c"}, "confidence": 0.25}]
    assert third["nodes"] == []
