"""Turning pseudonyms back, recorded before the answer."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from server.http.graphql.bodies import encoded
from server.kernel.caller import ANONYMOUS, Caller, Role
from server.kernel.ids import Kind, Urn, urn
from server.kernel.intent import Intent
from server.mesh.lake.commands import Command, CompleteDeletion, RequestDeletion
from server.mesh.lake.stream import LAKES
from tests.mesh.at_work import AtWork, at_work
from tests.mesh.audit.lakes import filled, head, ingest, lake, seen

REVEAL = """query($value: String!, $dataset: ID = "d", $column: String = "word", $purpose: String = "case 7") {
  revealPseudonym(dataset: $dataset, column: $column, value: $value, purpose: $purpose)
}"""


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    """The dataset `d`, in no lake, whose batch `b` has pseudonyms; the lake `guarded`."""
    async with at_work(database_url, tmp_path) as mesh:
        await filled(mesh, "d", "b")
        await mesh.do("anonymizeData", batchId="b", rules=[{"column": "word", "strategy": "PSEUDONYMIZE"}])
        await lake(mesh, "guarded", "GDPR")
        yield mesh


async def test_in_a_lake_it_is_recorded_on_the_lake(mesh: AtWork) -> None:
    value = await pseudonym(mesh)
    await ingest(mesh, "guarded", "d")
    assert await mesh.ask(REVEAL, value=value) == {"revealPseudonym": "ada"}
    assert await seen(mesh, "guarded") == [("admin", "d", "reveal", "case 7")]


async def test_outside_of_lakes_it_is_recorded_on_the_dataset_which_goes_on_as_before(mesh: AtWork) -> None:
    value = await pseudonym(mesh)
    for _ in range(3):
        assert await mesh.ask(REVEAL, value=value) == {"revealPseudonym": "ada"}
    dataset = (await mesh.ask('{ dataset(name: "d") { revision events { nodes { type stream version data } } } }'))[
        "dataset"
    ]
    (*_, last) = dataset["events"]["nodes"]
    assert last == {
        "type": "AccessAudited",
        "stream": "dataset:d",
        "version": dataset["revision"],
        "data": {
            "lake": None,
            "accessor": "admin",
            "dataset": "dataset:d",
            "action": "reveal",
            "purpose": "case 7",
        },
    }
    evolved = await mesh.do(
        "evolveSchema",
        "dataset { revision schemaVersion }",
        dataset="d",
        fields=[{"name": "n", "type": "int"}, {"name": "word", "type": "string"}],
        compatibility="NONE",
    )
    assert evolved["dataset"] == {"revision": dataset["revision"] + 1, "schemaVersion": 2}


async def test_a_subject_that_was_erased_stays_unknown(mesh: AtWork) -> None:
    value = await pseudonym(mesh)
    await ingest(mesh, "guarded", "d")
    deletion = urn(Kind.DELETION, "6c4e1f3e-9c53-4c9b-9be0-6dbb6ac6b0a1")
    digest = mesh.parts.mesh.reveals._subjects.digest(Urn("lake:guarded"), "ada")
    request = RequestDeletion(
        deletion=deletion,
        lake=Urn("lake:guarded"),
        subject_digest=digest,
        subject_encrypted="sealed",
        reason="asked",
        requested_by="desk",
        deadline=datetime(2030, 1, 1, tzinfo=UTC),
    )
    await decide(mesh, request)
    assert await mesh.ask(REVEAL, value=value) == {"revealPseudonym": "ada"}
    await decide(mesh, CompleteDeletion(deletion=deletion, erased=(), unreached=(), objects_deleted=0))
    before = await head(mesh)
    assert await mesh.refused(REVEAL, value=value) == (
        "PRECONDITION_FAILED",
        "the subject behind this value was erased from lake 'guarded' by request"
        " '6c4e1f3e-9c53-4c9b-9be0-6dbb6ac6b0a1'; it is not turned back",
    )
    assert await head(mesh) == before


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ({"dataset": "e"}, "NOT_FOUND", "dataset 'e' is not known; register it with registerDataset"),
        ({"column": "other"}, "BAD_USER_INPUT", "dataset 'd' has no column 'other'; name one of its schema"),
        ({"purpose": " "}, "BAD_USER_INPUT", "purpose is empty; say in a few words why the data is read"),
        (
            {"value": "p1:forged"},
            "BAD_USER_INPUT",
            "this value is no pseudonym that the keys of this dataset made; give it exactly as it is",
        ),
    ],
)
async def test_refuses_what_it_cannot_turn_back(mesh: AtWork, given: dict[str, Any], code: str, message: str) -> None:
    asked = {"value": await pseudonym(mesh)} | given
    before = await head(mesh)
    assert await mesh.refused(REVEAL, **asked) == (code, message)
    assert await head(mesh) == before


async def test_only_those_who_guard_compliance_turn_back(mesh: AtWork) -> None:
    value = await pseudonym(mesh)
    assert (await mesh.refused(REVEAL, ANONYMOUS, value=value))[0] == "UNAUTHENTICATED"
    producer = Caller(name="etl", roles=frozenset({Role.PRODUCER}))
    assert (await mesh.refused(REVEAL, producer, value=value))[0] == "FORBIDDEN"
    officer = Caller(name="officer", roles=frozenset({Role.COMPLIANCE}))
    assert await mesh.ask(REVEAL, officer, value=value) == {"revealPseudonym": "ada"}


async def pseudonym(mesh: AtWork) -> str:
    """What stands in silver for `ada`."""
    data = await mesh.ask('{ dataset(name: "d") { records(layer: SILVER, first: 1) { nodes } } }')
    return str(orjson.loads(encoded(data))["dataset"]["records"]["nodes"][0]["word"])


async def decide(mesh: AtWork, command: Command) -> None:
    """Run a command on the lake."""
    intent = Intent(actor="admin", correlation_id="c", key=f"~{id(command)}", digest=b"", keyed=False)
    await mesh.parts.commands.execute(LAKES, Urn("lake:guarded"), command, intent)
