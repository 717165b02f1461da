"""The catalog as it stood: at each position what was seen then, at each instant the same, at every URN its thing."""

from datetime import datetime, timedelta

from tests.system.serving import ServerProcess
from tests.system.story import CSV, Json, append, do, head, register

SEEN = """
  datasets { totalCount nodes { id revision name schemaVersion contracts { nodes { id } } batches { totalCount } } }
  contracts { totalCount nodes { id revision version status retentionDays batches { totalCount } } }
  batches {
    totalCount
    nodes { id revision status layers rowCount contractVersion quarantine { reason }
      qualityReports { passed checkedRows } privacyReports { rows changedRows columns } }
  }
  dataset(name: "people") { id revision }
  contract(id: "people-contract") { id version }
  batch(id: "b1") { id status publishedAt grants { consumer revokedAt } events { totalCount } }
"""
AT = f"query ($p: BigInt) {{ catalog(atPosition: $p) {{ position {SEEN} }} }}"
AS_OF = f"query ($i: DateTime) {{ catalog(asOf: $i) {{ position {SEEN} }} }}"
LOG = "{ events(first: 500) { nodes { position occurredAt } } }"


async def test_every_position_shows_what_was_seen_then(server: ServerProcess) -> None:
    seen = await a_life(server)
    positions = list(range(len(seen)))
    assert [(await server.ask(AT, p=position))["catalog"] for position in positions] == seen
    log = (await server.ask(LOG))["events"]["nodes"]
    assert [event["position"] for event in log] == positions[1:]
    instants = [datetime.fromisoformat(event["occurredAt"]) for event in log]
    assert instants == sorted(set(instants))
    found = [(await server.ask(AS_OF, i=instant.isoformat()))["catalog"] for instant in instants]
    assert found == seen[1:]
    found = [(await server.ask(AS_OF, i=before(instant)))["catalog"] for instant in instants]
    assert found == seen[:-1]


async def test_there_is_nothing_before_the_first_event_and_nothing_to_ask_of_the_future(server: ServerProcess) -> None:
    await register(server)
    empty = {"position": 0, "asOf": "1999-12-31T23:00:00+00:00", "datasets": {"totalCount": 0, "nodes": []}}
    query = (
        'query { catalog(asOf: "2000-01-01T00:00:00+01:00") { position asOf datasets { totalCount nodes { id } } } }'
    )
    assert await server.ask(query) == {"catalog": empty}
    for asked, message in {
        "atPosition: 3": "atPosition 3 lies in the future; the log stands at 2",
        "atPosition: -1": "atPosition -1 is negative; positions count from 0",
        'asOf: "2999-01-01T00:00:00Z"': "asOf 2999-01-01T00:00:00+00:00 lies in the future; ask for an instant of the"
        " past",
        'asOf: "2999-01-01T00:00:00Z", atPosition: 1': "asOf and atPosition exclude one another; give one of them",
    }.items():
        (error,) = (await server.answer(f"{{ catalog({asked}) {{ position }} }}"))["errors"]
        assert (error["message"], error["extensions"]["code"]) == (message, "BAD_USER_INPUT")


async def test_every_kind_of_urn_names_its_thing(server: ServerProcess) -> None:
    await a_life(server)
    (run,) = (await server.ask("{ processRuns(first: 1) { nodes { id } } }"))["processRuns"]["nodes"]
    (grant,) = (await server.ask('{ batch(id: "b1") { grants { id } } }'))["batch"]["grants"]
    names = {
        "dataset:people": "Dataset",
        "contract:people-contract": "DataContract",
        "batch:b1": "Batch",
        grant["id"]: "ConsumptionGrant",
        run["id"]: "ProcessRun",
        "event:1": "DatasetRegistered",
        "event:3": "DataAppended",
    }
    for id, name in names.items():
        query = "query ($id: ID!) { node(id: $id) { __typename id } }"
        assert await server.ask(query, id=id) == {"node": {"__typename": name, "id": id}}
    strangers = ["dataset:nobody", "event:999", "event:x", "run:none", "grant:none", "lake:none", "people", ""]
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
    found = (await server.ask(query, ids=[*names, *strangers]))["nodes"]
    assert found == [{"__typename": name, "id": id} for id, name in names.items()] + [None] * len(strangers)


async def a_life(server: ServerProcess) -> list[Json]:
    """What was seen of the catalog at each position from 0, as a batch went from its schema to a revoked grant."""
    seen = [await catalog(server)]
    await do(server, "registerDataset", name="people", schema={"id": "int", "email": "string", "spent": "float"})
    seen.append(await catalog(server))
    hidden = [{"column": "email", "strategy": "HASH"}]
    await do(server, "createContract", contractId="people-contract", dataset="people", privacyRules=hidden)
    seen.append(await catalog(server))
    await append(server, "b1", CSV)
    seen.append(await catalog(server))
    rule = [{"column": "id", "check": "not null"}]
    for step, given in (
        ("runQualityCheck", {"batchId": "b1", "rules": rule}),
        ("anonymizeData", {"batchId": "b1"}),
        ("publishData", {"batchId": "b1"}),
        ("grantConsumption", {"batchId": "b1", "consumer": "analytics"}),
        ("updateContract", {"contract": "people-contract", "retentionDays": 30}),
        ("quarantineBatch", {"batchId": "b1", "reason": "why not"}),
        ("releaseBatch", {"batchId": "b1", "reason": "all is well"}),
        ("retireContract", {"contract": "people-contract", "reason": "replaced"}),
    ):
        await do(server, step, **given)
        seen.append(await catalog(server))
    assert [each["position"] for each in seen] == list(range(await head(server) + 1))
    return seen


async def catalog(server: ServerProcess) -> Json:
    """What is seen now."""
    found: Json = (await server.ask(f"{{ catalog {{ position {SEEN} }} }}"))["catalog"]
    return found


def before(instant: datetime) -> str:
    """The last instant before this one."""
    return (instant - timedelta(microseconds=1)).isoformat()
