"""Every way to the rows of a lake leaves a record, and none without the purpose that the lake asks for."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.kernel.errors import BadUserInput
from server.mesh.audit.service import Access, AccessAudit, Action, Reading
from server.mesh.record.streams import Opened
from tests.mesh.at_work import AtWork, at_work
from tests.mesh.audit.lakes import filled, head, ingest, lake, log, seen

QUALITY = [{"column": "n", "check": "> 1"}]
# Each way by its action; what the catalog answers by itself has none.
WAYS = {
    "records": '{ dataset(name: "d") { records(first: 1) { nodes totalCount } } }',
    "record": '{ dataset(name: "d") { record(id: "b-000000000000") } }',
    "count": '{ dataset(name: "d") { recordCount(filter: [{field: "n", op: GT, value: 1}]) } }',
    "rejects": '{ batch(id: "b") { rejectedRows { line } } }',
    "samples": '{ batch(id: "b") { qualityReports { results { sample } } } }',
    "preview": '{ previewAnonymization(batchId: "b", rules: [{column: "word", strategy: MASK}]) { after } }',
}
NONE = (
    '{ dataset(name: "d") { recordCount streamUrl { method } batches { nodes { rowCount } } } }',
    '{ batch(id: "b") { qualityReports { results { failedRows } } } }',
    '{ suggestPrivacyRules(batchId: "b") { column } }',
)
TWICE = """{
  dataset(name: "d") { one: records(first: 1) { nodes } two: records(first: 1, layer: BRONZE) { nodes } recordCount }
  again: dataset(name: "d") { records { nodes } record(id: "nobody") }
  other: dataset(name: "e") { records { nodes } }
}"""


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    """The checked batch `b` of the dataset `d`, in no lake; the lakes `open` and `strict`."""
    async with at_work(database_url, tmp_path) as mesh:
        await filled(mesh, "d", "b", qualityRules=QUALITY)
        await mesh.do("runQualityCheck", batchId="b")
        await lake(mesh, "open")
        await lake(mesh, "strict", "STRICT")
        yield mesh


async def test_each_way_to_rows_leaves_its_record(mesh: AtWork) -> None:
    await ingest(mesh, "open", "d")
    before = await head(mesh)
    expected = []
    for purpose, recorded in ((None, "unspecified"), ("Prüfung 7", "Prüfung 7")):
        mesh.purpose = purpose
        for action, question in WAYS.items():
            await mesh.ask(question)
            expected.append(("admin", "d", action, recorded))
            assert await seen(mesh, "open") == expected
    assert await head(mesh) == before + len(expected)


async def test_nothing_is_recorded_without_the_purpose_that_a_lake_asks_for(mesh: AtWork) -> None:
    await ingest(mesh, "strict", "d")
    before, audit = await head(mesh), mesh.parts.mesh.access_audit
    place = (await audit.places(["dataset:d"]))["dataset:d"]
    with pytest.raises(BadUserInput, match="'strict' of level STRICT, where each read needs a purpose"):
        await audit.record(
            Reading(accessor="admin", purpose=None, correlation_id="c-1"),
            [(place, Access(dataset="dataset:d", action=Action.RECORDS))],
        )
    assert await head(mesh) == before


async def test_what_the_catalog_knows_leaves_none(mesh: AtWork) -> None:
    await ingest(mesh, "open", "d")
    before = await head(mesh)
    for question in NONE:
        await mesh.ask(question)
    assert (await head(mesh), await seen(mesh, "open")) == (before, [])


async def test_rows_in_no_lake_leave_none(mesh: AtWork) -> None:
    before = await head(mesh)
    for question in WAYS.values():
        await mesh.ask(question)
    assert await head(mesh) == before


async def test_one_operation_leaves_one_record_of_each_action_on_each_dataset(mesh: AtWork) -> None:
    await filled(mesh, "e", "b2")
    for dataset in ("d", "e"):
        await ingest(mesh, "open", dataset)
    await mesh.ask(TWICE)
    assert sorted(await seen(mesh, "open")) == [
        ("admin", "d", "record", "unspecified"),
        ("admin", "d", "records", "unspecified"),
        ("admin", "e", "records", "unspecified"),
    ]


@pytest.mark.parametrize("level", ["GDPR", "STRICT"])
async def test_a_lake_that_guards_subjects_refuses_a_read_without_purpose(mesh: AtWork, level: str) -> None:
    await lake(mesh, "guarded", level)
    await ingest(mesh, "guarded", "d")
    before = await head(mesh)
    for question in (*WAYS.values(), '{ dataset(name: "d") { streamUrl { url } } }'):
        assert await mesh.refused(question) == (
            "BAD_USER_INPUT",
            f"dataset 'd' is in lake 'guarded' of level {level}, where each read needs a purpose; send it as the header"
            " X-Purpose",
        )
    assert await head(mesh) == before
    mesh.purpose = "audit"
    for question in WAYS.values():
        await mesh.ask(question)
    assert await seen(mesh, "guarded") == [("admin", "d", action, "audit") for action in WAYS]


async def test_a_read_that_is_refused_leaves_none(mesh: AtWork) -> None:
    await ingest(mesh, "open", "d")
    before = await head(mesh)
    assert (await mesh.refused('{ dataset(name: "d") { records(fields: ["none"]) { nodes } } }'))[0] == "BAD_USER_INPUT"
    assert await head(mesh) == before


async def test_the_record_stands_before_the_answer_and_names_the_request(mesh: AtWork) -> None:
    await ingest(mesh, "open", "d")
    await mesh.ask(WAYS["records"])
    (event,) = (
        await mesh.ask('{ events(filter: {types: ["AccessAudited"]}) { nodes { actor stream correlationId data } } }')
    )["events"]["nodes"]
    assert event.pop("correlationId").startswith("test-")
    assert event == {
        "actor": "admin",
        "stream": "lake:open",
        "data": {
            "lake": "lake:open",
            "accessor": "admin",
            "dataset": "dataset:d",
            "action": "records",
            "purpose": "unspecified",
        },
    }


async def test_shows_no_row_that_cannot_be_recorded(mesh: AtWork) -> None:
    await ingest(mesh, "open", "d")
    await mesh.parts.commands._writer.stop()
    for question in WAYS.values():
        code, message = await mesh.refused(question)
        assert (code, message) == ("UNAVAILABLE", "the event store is stopped; try again when the server is back")


async def test_a_stream_is_recorded_before_its_first_byte_and_not_before(mesh: AtWork) -> None:
    await ingest(mesh, "open", "d")
    mesh.purpose = "audit"
    opened = await stream(mesh)
    assert await seen(mesh, "open") == []
    pieces = opened.pieces()
    await anext(pieces)
    assert await seen(mesh, "open") == [("admin", "d", "stream", "audit")]
    await pieces.aclose()
    assert [piece async for piece in (await stream(mesh, '(filter: [{field: "n", op: IN, value: []}])')).pieces()] == []
    assert await seen(mesh, "open") == [("admin", "d", "stream", "audit")] * 2


async def test_an_address_made_without_purpose_takes_one_when_it_is_used(mesh: AtWork) -> None:
    token = await address(mesh)
    await ingest(mesh, "strict", "d")
    streams = mesh.parts.mesh.record_streams
    with pytest.raises(BadUserInput, match="each read needs a purpose; send it as the header X-Purpose"):
        await streams.open(token, None, "c-1")
    opened = await streams.open(token, "audit", "c-1")
    assert len([piece async for piece in opened.pieces()]) == 1
    assert await seen(mesh, "strict") == [("admin", "d", "stream", "audit")]


async def test_a_stream_that_cannot_be_recorded_gives_nothing(mesh: AtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    await ingest(mesh, "open", "d")
    opened = await stream(mesh)

    async def fails(*_: object) -> None:
        raise ValueError("no record")

    monkeypatch.setattr(AccessAudit, "record", fails)
    with pytest.raises(ValueError, match="no record"):
        await anext(opened.pieces())


async def test_the_pages_of_a_log_are_those_of_its_filter_and_position(mesh: AtWork) -> None:
    await filled(mesh, "e", "b2")
    for dataset in ("d", "e"):
        await ingest(mesh, "open", dataset)
    for purpose in ("p1", "p2", "p3"):
        mesh.purpose = purpose
        await mesh.ask(WAYS["record"])
        await mesh.ask('{ dataset(name: "e") { records { nodes } } }')
    first = await log(mesh, "open", dataset="d", first=2)
    assert ([one["purpose"] for one in first["nodes"]], first["totalCount"]) == (["p1", "p2"], 3)
    await mesh.ask(WAYS["record"])
    rest = await log(mesh, "open", dataset="d", first=2, after=first["pageInfo"]["endCursor"])
    assert ([one["purpose"] for one in rest["nodes"]], rest["totalCount"]) == (["p3"], 3)
    assert (await log(mesh, "open", accessor="nobody"))["totalCount"] == 0
    assert (await log(mesh, "open", accessor="admin", dataset="dataset:e"))["totalCount"] == 3
    position = int(rest["nodes"][0]["position"])
    past = 'query($p: BigInt!) { catalog(atPosition: $p) { dataLake(id: "open") { accessLog { totalCount } } } }'
    counted = [(await mesh.ask(past, p=p))["catalog"]["dataLake"]["accessLog"] for p in (position - 1, position)]
    assert counted == [{"totalCount": 4}, {"totalCount": 5}]


async def address(mesh: AtWork, arguments: str = "") -> str:
    """The token of a stream's address."""
    data = await mesh.ask(f'{{ dataset(name: "d") {{ streamUrl{arguments} {{ url }} }} }}')
    return str(data["dataset"]["streamUrl"]["url"].rpartition("/")[2])


async def stream(mesh: AtWork, arguments: str = "") -> Opened:
    """A stream that nobody has read of yet."""
    return await mesh.parts.mesh.record_streams.open(await address(mesh, arguments), None, "c-1")
