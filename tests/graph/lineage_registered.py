"""Registering and removing edges as a client does."""

from typing import Any

from tests.graph.conftest import Graph

REGISTER = """mutation($input: RegisterLineageInput!) { registerLineage(input: $input) {
  edge { id transformation lineageType confidence metadata columns { target sources indirect } columnsUnknown
         source { id } target { id } }
  events { type stream position } } }"""


REMOVE = """mutation($input: RemoveLineageInput!) { removeLineage(input: $input) {
  deletedId events { type stream } } }"""


async def dataset(graph: Graph, name: str, *columns: str) -> None:
    fields = [{"name": column, "type": "string"} for column in columns or ("n",)]
    await graph.ask(
        "mutation($input: RegisterDatasetInput!) { registerDataset(input: $input) { events { type } } }",
        input={"name": name, "fields": fields},
    )


async def register(graph: Graph, source: str, target: str, **terms: Any) -> dict[str, Any]:
    answer = await graph.ask(REGISTER, input={"source": source, "target": target, **terms})
    payload: dict[str, Any] = answer["registerLineage"]
    return payload


async def refused(graph: Graph, source: str, target: str, **terms: Any) -> tuple[str, str]:
    return await graph.refused(REGISTER, input={"source": source, "target": target, **terms})


async def remove(graph: Graph, source: str, target: str, **terms: Any) -> dict[str, Any]:
    answer = await graph.ask(REMOVE, input={"source": source, "target": target, **terms})
    payload: dict[str, Any] = answer["removeLineage"]
    return payload


async def head(graph: Graph) -> int:
    return await graph.parts.mesh.events.head()
