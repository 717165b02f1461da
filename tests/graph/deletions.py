"""Lakes and erasure requests as tests ask for them."""

from typing import Any

from server.adapters.store.commands import Receipt
from server.kernel.caller import Caller, Role
from server.kernel.ids import Urn
from server.kernel.intent import Intent
from server.mesh.lake.commands import CompleteDeletion
from server.mesh.lake.facts import ErasedRows
from server.mesh.lake.stream import LAKES
from tests.graph.conftest import Graph

OFFICER = Caller(name="officer", roles=frozenset({Role.COMPLIANCE}))
SUBJECT = "canary-7f3a91"

LAKE = """mutation ($id: String!, $level: ComplianceLevel) {
  createDataLake(input: {lakeId: $id, name: $id, owner: "ann", region: "eu", complianceLevel: $level}) {
    dataLake { id }
  }
}"""
REQUEST = """mutation ($input: RequestGdprDeletionInput!) {
  requestGdprDeletion(input: $input) {
    deletion { id subjectId status reason requestedBy requestedAt deadline completedAt erased { rows } lake { id } }
    run { id }
    events { type stream data }
  }
}"""
DECIDE = """mutation ($input: DecideGdprDeletionInput!) {
  %s(input: $input) { deletion { id status subjectId } run { id } events { type data } }
}"""


async def lake(graph: Graph, id: str = "eu", level: str = "GDPR") -> str:
    """A new lake's URN."""
    made = await graph.ask(LAKE, id=id, level=level)
    return str(made["createDataLake"]["dataLake"]["id"])


def asked(**other: Any) -> dict[str, Any]:
    """The input of a request."""
    return {"lake": "eu", "subjectId": SUBJECT, "reason": "asked by letter", "requestedBy": "desk 4", **other}


async def requested(graph: Graph, **other: Any) -> dict[str, Any]:
    """The payload of a new request."""
    answered: dict[str, Any] = (await graph.ask(REQUEST, OFFICER, input=asked(**other)))["requestGdprDeletion"]
    return answered


async def deletion(graph: Graph, **other: Any) -> str:
    """The URN of a new request."""
    return str((await requested(graph, **other))["deletion"]["id"])


async def decided(graph: Graph, what: str, deletion: str, **other: Any) -> dict[str, Any]:
    """The payload of a hold, a release or a rejection."""
    given = {"deletion": deletion, "reason": "said so", **other}
    answered: dict[str, Any] = (await graph.ask(DECIDE % what, OFFICER, input=given))[what]
    return answered


async def completed(graph: Graph, deletion: str, *erased: ErasedRows, actor: str = "officer") -> Receipt:
    """Record that a request was done, as its run does last."""
    command = CompleteDeletion(
        deletion=Urn(deletion), erased=erased, unreached=("copies that consumers made",), objects_deleted=4
    )
    intent = Intent(actor=actor, correlation_id="c", key=f"complete {deletion}", digest=b"", keyed=True)
    lake = (await graph.parts.mesh.deletions.known(deletion)).lake
    return await graph.parts.commands.execute(LAKES, Urn(lake), command, intent)
