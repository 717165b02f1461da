"""Every long run is seen on its way: how far it is and how many rows it has done, never backwards, to its end."""

from pathlib import Path

from tests.system.serving import ServerProcess, serving
from tests.system.story import Json, do, upload

ROWS = 200_000
FIELDS = [{"name": "id", "type": "int"}, {"name": "note", "type": "string"}, {"name": "word", "type": "string"}]
# dear enough that a run is looked at many times, however fast the machine
DEAR = [{"column": "note", "check": f"matches '^.*n.*({number})?.*o.*t.*e.*$'"} for number in range(60)]
HIDDEN = [{"column": name, "strategy": "PSEUDONYMIZE"} for name in ("note", "word")]
WATCH = "subscription ($id: ID!) { processRun(id: $id) { status progress rowsDone error } }"


async def watched(server: ServerProcess, name: str, /, **given: object) -> list[Json]:
    """What a subscriber sees of the run that a mutation starts."""
    run = (await do(server, name, "run { id }", waitSeconds=0, **given))["run"]["id"]
    seen = [message["processRun"] async for message in server.subscribe(WATCH, id=run)]
    assert seen[-1]["status"] == "SUCCEEDED", seen[-1]
    return seen


def told_on_the_way(seen: list[Json], rows: int) -> list[float]:
    """How far the run was each time that it was neither at its beginning nor at its end."""
    shown, done = [state["progress"] for state in seen], [int(state["rowsDone"]) for state in seen]
    assert (shown, done) == (sorted(shown), sorted(done))
    assert (shown[-1], done[-1]) == (1.0, rows)
    assert any(0 < count < rows for count in done), done
    return [share for share in shown if 0 < share < 1]


async def test_a_subscriber_sees_each_long_run_move(data_dir: Path) -> None:
    lines = "".join(f"{n},note {n * 7919 % 1_000_003} of many,word{n * 31 % 65_537}\n" for n in range(ROWS))
    async with serving(data_dir, ENGINE_THREADS="1") as server:
        await do(server, "registerDataset", name="notes", fields=FIELDS)
        await do(server, "createContract", dataset="notes", contractId="c", qualityRules=DEAR, privacyRules=HIDDEN)
        file = await upload(server, f"id,note,word\n{lines}")
        for batch in ("b1", "b2"):
            await do(server, "appendData", dataset="notes", contractId="c", batchId=batch, fileUrl=file, waitSeconds=60)
        assert told_on_the_way(await watched(server, "runQualityCheck", batchId="b1"), ROWS)
        assert told_on_the_way(await watched(server, "anonymizeData", batchId="b1"), ROWS)
        await do(server, "publishData", batchId="b1", waitSeconds=60)
        replayed = told_on_the_way(await watched(server, "requestReplay", dataset="notes"), 2 * ROWS)
        assert any(share < 0.5 for share in replayed)
        assert any(share > 0.5 for share in replayed)
        assert len(replayed) > 3
