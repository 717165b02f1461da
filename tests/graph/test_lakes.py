"""Data lakes in the graph: what comes into them, what is told of them, and what they ask of schemas and batches."""

from collections import Counter
from typing import Any

import pytest

from server.kernel.caller import Caller, Role
from server.kernel.ids import Urn
from server.kernel.privacy import PrivacyRule, PrivacyStrategy
from server.mesh.batch.commands import PublishData, PublishGate, RecordAnonymization
from server.mesh.batch.facts import Anonymized
from tests.graph.batches import append
from tests.graph.batches import do as record
from tests.graph.conftest import Graph
from tests.graph.shop import do, refused

FIELDS = [{"name": "user_id", "type": "string", "subjectKey": True}, {"name": "email", "type": "string", "pii": True}]
MASK = PrivacyRule(column="email", strategy=PrivacyStrategy.MASK)
SHOWN = "id revision lakeId name owner region complianceLevel datasets { totalCount nodes { name lake { id } } }"


async def lake(graph: Graph, lake_id: str = "eu", level: str | None = "GDPR", **given: Any) -> Any:
    said = {"lakeId": lake_id, "name": f"Lake {lake_id}", "owner": "ann", "region": "eu-central-1", **given}
    return await do(graph, "createDataLake", f"dataLake {{ {SHOWN} }} events {{ type }}", complianceLevel=level, **said)


async def users(graph: Graph, name: str = "d0", **given: Any) -> None:
    await do(graph, "registerDataset", name=name, **({"fields": FIELDS} | given))


def figures(**given: Any) -> dict[str, Any]:
    said = {"lake": "eu", "dataset": "d0", "dataSource": "crm", "recordCount": 12, "containsPii": True}
    return said | given


async def test_a_lake_is_what_was_said_of_it(graph: Graph) -> None:
    made = await lake(graph)
    assert made == {
        "dataLake": {
            "id": "lake:eu",
            "revision": 1,
            "lakeId": "eu",
            "name": "Lake eu",
            "owner": "ann",
            "region": "eu-central-1",
            "complianceLevel": "GDPR",
            "datasets": {"totalCount": 0, "nodes": []},
        },
        "events": [{"type": "DataLakeCreated"}],
    }
    for id in ("eu", "lake:eu"):
        found = await graph.ask(f"query($id: ID!) {{ dataLake(id: $id) {{ {SHOWN} }} }}", id=id)
        assert found["dataLake"] == made["dataLake"]
    found = await graph.ask(f'{{ node(id: "lake:eu") {{ ... on DataLake {{ {SHOWN} }} }} }}')
    assert found["node"] == made["dataLake"]
    assert await graph.ask('{ dataLake(id: "us") { id } }') == {"dataLake": None}


async def test_a_lake_is_standard_unless_said_and_its_id_is_taken_in_any_case(graph: Graph) -> None:
    assert (await lake(graph, "plain", None))["dataLake"]["complianceLevel"] == "STANDARD"
    for taken in ("plain", "Plain"):
        said = {"lakeId": taken, "name": "x", "owner": "ann", "region": "eu"}
        assert (await refused(graph, "createDataLake", **said))[0] == "ALREADY_EXISTS"


async def test_lakes_are_listed_by_name_and_then_by_id(graph: Graph) -> None:
    for lake_id, name in (("c", "North"), ("b", "North"), ("a", "North Sea"), ("d", "East")):
        await lake(graph, lake_id, name=name)
    listed: list[str] = []
    page: Any = None
    while page is None or page["pageInfo"]["hasNextPage"]:
        document = "query($after: String) { dataLakes(first: 1, after: $after) {"
        document += " totalCount nodes { lakeId } pageInfo { endCursor hasNextPage } } }"
        page = (await graph.ask(document, after=page and page["pageInfo"]["endCursor"]))["dataLakes"]
        assert page["totalCount"] == 4
        listed += [node["lakeId"] for node in page["nodes"]]
    assert listed == ["d", "b", "c", "a"]


async def test_a_dataset_comes_into_a_lake_and_its_events_concern_the_lake_from_then_on(graph: Graph) -> None:
    await lake(graph)
    await users(graph)
    await do(graph, "createContract", contractId="c0", dataset="d0")
    ingested = await do(
        graph,
        "ingestDataset",
        f"dataLake {{ {SHOWN} }} events {{ type stream ... on DatasetIngested"
        " { lake { lakeId } dataset { name lake { id } } dataSource recordCount containsPii encryptionEnabled } }",
        **figures(encryptionEnabled=True),
    )
    inside = {"totalCount": 1, "nodes": [{"name": "d0", "lake": {"id": "lake:eu"}}]}
    assert (ingested["dataLake"]["revision"], ingested["dataLake"]["datasets"]) == (2, inside)
    assert ingested["events"] == [
        {
            "type": "DatasetIngested",
            "stream": "lake:eu",
            "lake": {"lakeId": "eu"},
            "dataset": {"name": "d0", "lake": {"id": "lake:eu"}},
            "dataSource": "crm",
            "recordCount": 12,
            "containsPii": True,
            "encryptionEnabled": True,
        }
    ]
    await append(graph, 0, 0)
    told = await graph.ask(
        '{ dataLake(id: "eu") { events { totalCount nodes { type } } }'
        ' events(filter: {lake: "eu"}) { nodes { type } }'
        ' dataset(name: "d0") { revision containsPii encryptionEnabled }'
        ' datasets(filter: {lake: "lake:eu"}) { nodes { name } } }'
    )
    types = ["DataLakeCreated", "DatasetIngested", "DataAppended"]
    assert told == {
        "dataLake": {"events": {"totalCount": 3, "nodes": [{"type": name} for name in types]}},
        "events": {"nodes": [{"type": name} for name in types]},
        "dataset": {"revision": 1, "containsPii": True, "encryptionEnabled": True},
        "datasets": {"nodes": [{"name": "d0"}]},
    }


async def test_figures_are_told_again_and_the_past_keeps_its_own(graph: Graph) -> None:
    await lake(graph)
    await users(graph, fields=[{"name": "a", "type": "int"}])
    await do(graph, "ingestDataset", **figures(containsPii=False))
    again = await do(
        graph,
        "ingestDataset",
        "dataLake { revision } events { position type }",
        **figures(recordCount=13, containsPii=False),
    )
    assert again["dataLake"]["revision"] == 3
    seen = "query($p: BigInt!) { catalog(atPosition: $p) { dataLakes { nodes { revision datasets { totalCount } } }"
    seen += ' dataLake(id: "eu") { name } dataset(name: "d0") { lake { id } containsPii } } }'
    answers = [await graph.ask(seen, p=position) for position in (0, 2, 3, 4)]
    assert [
        (
            [(node["revision"], node["datasets"]["totalCount"]) for node in answer["catalog"]["dataLakes"]["nodes"]],
            answer["catalog"]["dataset"],
        )
        for answer in answers
    ] == [
        ([], None),
        ([(1, 0)], {"lake": None, "containsPii": None}),
        ([(2, 1)], {"lake": {"id": "lake:eu"}, "containsPii": False}),
        ([(3, 1)], {"lake": {"id": "lake:eu"}, "containsPii": False}),
    ]


async def test_a_dataset_is_in_one_lake(graph: Graph) -> None:
    await lake(graph)
    await lake(graph, "us")
    await users(graph)
    await do(graph, "ingestDataset", **figures())
    code, message = await refused(graph, "ingestDataset", **figures(lake="us"))
    assert (code, "'d0' is in lake 'eu'" in message) == ("PRECONDITION_FAILED", True)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"lake": "nowhere"}, "NOT_FOUND"),
        ({"lake": "EU"}, "NOT_FOUND"),
        ({"dataset": "nothing"}, "NOT_FOUND"),
        ({"recordCount": 0}, "BAD_USER_INPUT"),
        ({"dataSource": ""}, "BAD_USER_INPUT"),
        ({"containsPii": None}, "PRECONDITION_FAILED"),
        ({"containsPii": False}, "PRECONDITION_FAILED"),
    ],
)
async def test_what_cannot_be_ingested_is_refused(graph: Graph, given: dict[str, Any], code: str) -> None:
    await lake(graph)
    await users(graph)
    assert (await refused(graph, "ingestDataset", **figures(**given)))[0] == code


async def test_a_subject_key_comes_by_evolve_schema_and_never_goes(graph: Graph) -> None:
    await lake(graph)
    bare = [{"name": "user_id", "type": "string"}, FIELDS[1]]
    await users(graph, fields=bare)
    code, message = await refused(graph, "ingestDataset", **figures())
    assert (code, "with evolveSchema" in message) == ("PRECONDITION_FAILED", True)
    await do(graph, "evolveSchema", dataset="d0", fields=FIELDS)
    await do(graph, "ingestDataset", **figures())
    unmarked = [FIELDS[0], {"name": "email", "type": "string"}]
    for fields in (bare, [FIELDS[1]], unmarked):
        assert (await refused(graph, "evolveSchema", dataset="d0", fields=fields, compatibility="NONE"))[0] == (
            "PRECONDITION_FAILED"
        )
    await do(graph, "evolveSchema", dataset="d0", fields=[*FIELDS, {"name": "city", "type": "string"}])


async def test_the_same_key_ingests_once(graph: Graph) -> None:
    await lake(graph)
    await users(graph)
    select = "dataLake { revision } events { position }"
    once = await do(graph, "ingestDataset", select, idempotencyKey="k", **figures())
    assert await do(graph, "ingestDataset", select, idempotencyKey="k", **figures()) == once
    assert (await refused(graph, "ingestDataset", idempotencyKey="k", **figures(recordCount=9)))[0] == "CONFLICT"


async def test_lakes_are_found_by_name_id_owner_and_region(graph: Graph) -> None:
    await lake(graph, "eu-prod-001", name="Northern data", region="Frankfurt am Main")
    for text in ("northern", "prod", "ann", "frankfurt"):
        found = await graph.ask(
            "query($text: String!) { search(text: $text, kinds: [LAKE]) { nodes { ... on DataLake { lakeId } } } }",
            text=text,
        )
        assert found == {"search": {"nodes": [{"lakeId": "eu-prod-001"}]}}
    everywhere = await graph.ask('{ search(text: "Northern d") { totalCount nodes { __typename } } }')
    assert everywhere == {"search": {"totalCount": 1, "nodes": [{"__typename": "DataLake"}]}}


async def test_only_who_may_change_the_mesh_makes_lakes(graph: Graph) -> None:
    officer = Caller(name="eve", roles=frozenset({Role.COMPLIANCE}))
    document = (
        'mutation { createDataLake(input: {lakeId: "x", name: "x", owner: "x", region: "x"}) { events { type } } }'
    )
    assert (await graph.refused(document, officer))[0] == "FORBIDDEN"


async def published(graph: Graph, *, applied: bool) -> None:
    """The batch b0-0 of d0, published with its e-mail column hidden, or as it was."""
    await do(graph, "createContract", contractId="c0", dataset="d0")
    await append(graph, 0, 0)
    batch, gate = Urn("batch:b0-0"), PublishGate(has_quality_rules=False, personal=(), kept=())
    if applied:
        done = Anonymized(rules=(MASK,), rows=1, changed_rows=1, columns=("email",))
        await record(graph, batch, RecordAnonymization(batch=batch, anonymized=done, attempt=2, bronze=1))
    await record(graph, batch, PublishData(batch=batch, gate=gate, attempt=3, bronze=1, silver=2 if applied else None))


async def test_a_strict_lake_takes_no_dataset_with_personal_columns_published_as_they_were(graph: Graph) -> None:
    await lake(graph, level="STRICT")
    await users(graph, encryptionEnabled=True)
    await published(graph, applied=False)
    code, message = await refused(graph, "ingestDataset", **figures())
    assert (code, "batch 'b0-0' of dataset 'd0'" in message) == ("PRECONDITION_FAILED", True)
    await lake(graph, "mild")
    await do(graph, "ingestDataset", **figures(lake="mild"))


async def test_a_strict_lake_takes_a_dataset_published_with_its_personal_columns_hidden(graph: Graph) -> None:
    await lake(graph, level="STRICT")
    await users(graph, encryptionEnabled=True)
    await published(graph, applied=True)
    await do(graph, "ingestDataset", **figures())


async def test_no_keep_publishes_a_personal_column_from_a_strict_lake(graph: Graph) -> None:
    keep = [{"column": "email", "strategy": "KEEP"}]
    await lake(graph, level="STRICT")
    await users(graph, encryptionEnabled=True)
    await do(graph, "ingestDataset", **figures())
    await do(graph, "createContract", contractId="c0", dataset="d0", privacyRules=keep)
    await append(graph, 0, 0)
    code, message = await refused(graph, "publishData", batchId="b0-0")
    assert (code, "lake 'eu' is STRICT and no KEEP" in message) == ("PRECONDITION_FAILED", True)


MANY = """{ dataLakes { nodes { name datasets(first: 9) { totalCount nodes { name lake { name } } }
  events(first: 9) { totalCount nodes { type ... on DatasetIngested { lake { name } dataset { name } } } } } }
  datasets { nodes { lake { owner } } } }"""


async def test_sends_no_statement_once_for_each_lake_or_dataset(graph: Graph) -> None:
    for n in range(6):
        await lake(graph, f"l{n}")
        for m in range(n + 1):
            await users(graph, f"d{n}-{m}")
            await do(graph, "ingestDataset", **figures(lake=f"l{n}", dataset=f"d{n}-{m}"))
    graph.statements.clear()
    data = await graph.ask(MANY)
    sent = Counter(graph.statements)
    assert [node["datasets"]["totalCount"] for node in data["dataLakes"]["nodes"]] == [1, 2, 3, 4, 5, 6]
    assert max(sent.values()) <= 3, sent.most_common(3)  # lakes are asked for at three depths
    assert sum(sent.values()) <= 15
