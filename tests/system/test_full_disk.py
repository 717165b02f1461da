"""A server whose disk is full, or whose engine has too little memory: runs fail cleanly and work again afterwards."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system.serving import ServerProcess, serving
from tests.system.story import do, head, refusal, upload

ROWS = 60_000
MANY = 500_000  # whose addresses fit into no 24 MB
FULL = {"code": "UNAVAILABLE", "message": "storage is full: free some space on the server, then try again"}
FIELDS = [{"name": "id", "type": "int"}, {"name": "email", "type": "string", "pii": True}]
BATCHES = """{ batches { nodes { batchId status rowCount } } processRuns { nodes { kind status errorCode } } }"""


@contextmanager
def small_disk(server: ServerProcess, size: int) -> Iterator[None]:
    """No file of the server, its Postgres aside, may grow beyond so many bytes; what is more finds no room."""
    soft, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (soft, hard))


def taken(data_dir: Path) -> set[str]:
    """What takes room in the lake and where the engine spills; landed files, logs of tables and checkpoints aside."""
    places = [path for folder in ("lake", "spill") for path in (data_dir / folder).rglob("*") if path.is_file()]
    names = {str(path.relative_to(data_dir)) for path in places if path.stat().st_size}
    aside = ("lake/landing/", "lake/_checkpoints/")
    return {name for name in names if not name.startswith(aside) and "_delta_log" not in name}


async def prepared(server: ServerProcess, rows: int = ROWS) -> str:
    """The dataset `people`, and the fileUrl of a file for it."""
    await do(server, "registerDataset", name="people", fields=FIELDS)
    rules = [{"column": "email", "check": "unique"}]
    privacy = [{"column": "email", "strategy": "KEEP"}]
    await do(server, "createContract", contractId="c", dataset="people", qualityRules=rules, privacyRules=privacy)
    lines = (f"{number},{number * 7919 % 1_000_003}-{number}@example.com" for number in range(rows))
    return await upload(server, "\n".join(["id,email", *lines, ""]))


async def test_every_process_fails_cleanly_on_a_full_disk_and_works_on_a_free_one(server: ServerProcess) -> None:
    file = await prepared(server)
    given = {"dataset": "people", "contractId": "c", "batchId": "b1", "fileUrl": file}
    steps: list[tuple[str, dict[str, str]]] = [
        ("appendData", given),
        ("anonymizeData", {"batchId": "b1"}),
        ("publishData", {"batchId": "b1"}),
    ]
    for step, input in steps:
        if step == "publishData":
            await do(server, "runQualityCheck", batchId="b1")
        before, stood = taken(server.data_dir), (await head(server), (await server.ask(BATCHES))["batches"])
        with small_disk(server, 100_000):
            assert await refusal(server, step, **input) == FULL
        assert taken(server.data_dir) - before <= raw(server)
        assert (await head(server), (await server.ask(BATCHES))["batches"]) == stood
        await do(server, step, **input)
    answer = await server.ask(BATCHES)
    assert answer["batches"]["nodes"] == [{"batchId": "b1", "status": "PUBLISHED", "rowCount": ROWS}]
    ended = [(run["kind"], run["status"], run["errorCode"]) for run in answer["processRuns"]["nodes"]]
    assert [one for one in ended if one[0] == "PUBLISH"] == [
        ("PUBLISH", "FAILED", "UNAVAILABLE"),
        ("PUBLISH", "SUCCEEDED", None),
    ]


async def test_an_erasure_that_finds_no_room_leaves_everything_and_is_done_when_there_is_some(
    server: ServerProcess,
) -> None:
    file = await prepared(server)
    keyed = [FIELDS[0], {**FIELDS[1], "subjectKey": True}]
    await do(server, "evolveSchema", dataset="people", fields=keyed, compatibility="NONE")
    await do(server, "appendData", dataset="people", contractId="c", batchId="b1", fileUrl=file)
    await do(server, "createDataLake", lakeId="eu", name="EU", owner="o", region="eu", complianceLevel="GDPR")
    await do(server, "ingestDataset", lake="eu", dataset="people", dataSource="x", recordCount=1, containsPii=True)
    given = {"lake": "eu", "subjectId": "7919-1@example.com", "reason": "a letter", "requestedBy": "desk"}
    deletion = (await do(server, "requestGdprDeletion", "deletion { id }", **given))["deletion"]["id"]
    before, stood = taken(server.data_dir), await head(server)
    with small_disk(server, 100_000):
        assert await refusal(server, "processGdprDeletion", deletion=deletion) == FULL
    assert (taken(server.data_dir), await head(server)) == (before, stood)
    select = "deletion { status erased { layer rows } }"
    done = await do(server, "processGdprDeletion", select, deletion=deletion)
    assert done["deletion"] == {"status": "COMPLETED", "erased": [{"layer": "BRONZE", "rows": 1}]}
    assert (await server.ask(BATCHES))["batches"]["nodes"][0]["rowCount"] == ROWS - 1
    assert len(taken(server.data_dir)) == len(before) + 1, "raw has a list of what it lost"


def raw(server: ServerProcess) -> set[str]:
    """A refused upload's own copy may stay until the sweep, for a twin of the run may name it."""
    folder = server.data_dir / "lake" / "people" / "raw"
    return {str(path.relative_to(server.data_dir)) for path in folder.rglob("*") if path.is_file()}


async def test_an_engine_with_too_little_memory_refuses_and_does_what_fits(tmp_path: Path) -> None:
    async with serving(tmp_path / "data", ENGINE_MEMORY="24MB", ENGINE_THREADS="2") as server:
        file = await prepared(server, MANY)
        await do(server, "appendData", dataset="people", contractId="c", batchId="b1", fileUrl=file)
        before, stood = taken(server.data_dir), await head(server)
        refused = await refusal(server, "runQualityCheck", batchId="b1")
        assert refused["code"] == "LIMIT_EXCEEDED"
        assert refused["message"].startswith("this work needs more memory than ENGINE_MEMORY")
        assert (taken(server.data_dir), await head(server)) == (before, stood)
        await do(server, "runQualityCheck", batchId="b1", rules=[{"column": "id", "check": ">= 0"}])
        assert await head(server) == stood + 1
