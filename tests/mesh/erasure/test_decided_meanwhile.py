"""An erasure, a hold and a rejection of one request at once: one of them counts, and the files show which."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.kernel.ids import Urn, name_of
from tests.graph.conftest import ADMIN
from tests.mesh.at_work import AtWork, at_work
from tests.mesh.erasure.subject_world import CSV, SUBJECT, holding, lake_with, requested
from tests.mesh.erasure.test_races import names

ENDS = ("COMPLETED", "HELD", "REJECTED")
PROCESS = "mutation($i: ProcessGdprDeletionInput!) { processGdprDeletion(input: $i) { run { id } } }"
STATUS = "query($d: ID!) { node(id: $d) { ... on GdprDeletion { status subjectId } } }"
OF_LAKE = """{ dataLake(id: "eu") { events(first: 100) { nodes { type } } } }"""
ROUNDS = 5


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    async with at_work(database_url, tmp_path) as mesh:
        mesh.purpose = "test"
        yield mesh


async def decided(mesh: AtWork, name: str, deletion: str, after: float) -> None:
    """A decision that may come too late."""
    await asyncio.sleep(after)
    document = f"mutation($i: DecideGdprDeletionInput!) {{ {name}(input: $i) {{ deletion {{ id }} }} }}"
    context = mesh.context(ADMIN)
    given = {"i": {"deletion": deletion, "reason": "a court"}}
    result = await mesh.schema.execute(document, variable_values=given, context_value=context)
    assert {(error.extensions or {})["code"] for error in result.errors or ()} <= {"PRECONDITION_FAILED"}


async def processing(mesh: AtWork, deletion: str) -> None:
    """An erasure that may be stopped."""
    given = {"i": {"deletion": deletion, "waitSeconds": 60}}
    result = await mesh.schema.execute(PROCESS, variable_values=given, context_value=mesh.context(ADMIN))
    assert {(error.extensions or {})["code"] for error in result.errors or ()} <= {"PRECONDITION_FAILED"}


async def test_one_decision_counts(mesh: AtWork) -> None:
    chance = random.Random(5)
    await lake_with(mesh, ("b1", CSV), ("b2", CSV))
    keys = mesh.parts.storage.root.parent / "keys" / "subjects"
    for number in range(ROUNDS):
        subject = f"p{number}-zq77"
        await mesh.append("people", f"more{number}", CSV.replace(SUBJECT, subject))
        deletion = await requested(mesh, subject)
        others = [("holdGdprDeletion", chance.random()), ("rejectGdprDeletion", chance.random())][: number % 3]
        await asyncio.gather(
            processing(mesh, deletion), *(decided(mesh, name, deletion, 0.4 * after) for name, after in others)
        )
        found = (await mesh.ask(STATUS, d=deletion))["node"]
        assert found["status"] in ENDS
        assert (keys / name_of(Urn(deletion))).exists() is (found["status"] == "HELD")
        assert (found["subjectId"] == subject) is (found["status"] == "HELD")
        if found["status"] == "COMPLETED":
            assert holding(mesh.parts.storage.root, subject) == []
            assert subject not in await names(mesh)
    types = [node["type"] for node in (await mesh.ask(OF_LAKE))["dataLake"]["events"]["nodes"]]
    requests = types.count("GDPRDeletionRequested")
    ended = types.count("GDPRDeletionCompleted") + types.count("GDPRDeletionRejected")
    held = len(list(keys.iterdir()))
    assert ended + held == requests == ROUNDS
    assert (await mesh.parts.mesh.verify(1)).intact
