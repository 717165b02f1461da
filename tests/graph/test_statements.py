"""The number of SQL statements of a query does not depend on the number of rows."""

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

from server.kernel.files import FileFormat
from server.kernel.ids import Kind, Urn, urn
from server.kernel.intent import Intent
from server.kernel.privacy import PrivacyRule, PrivacyStrategy
from server.kernel.quality import QualityRule, RuleResult
from server.mesh.batch.commands import (
    AppendData,
    Command,
    GrantConsumption,
    PublishData,
    PublishGate,
    RecordAnonymization,
    RecordQuality,
)
from server.mesh.batch.facts import Anonymized, Checked, DataAppended
from server.mesh.batch.stream import BATCHES
from tests.graph.conftest import Graph

EVERYTHING = """{
  datasets(first: 50) { totalCount nodes {
    name schemaHistory { version }
    events(first: 2) { totalCount nodes { type } }
    contracts(first: 5) { totalCount nodes {
      contractId dataset { name }
      batches(first: 2) { totalCount nodes { batchId } } events(first: 1) { totalCount nodes { type } }
    } }
    batches(first: 3, filter: {status: PUBLISHED}) { totalCount pageInfo { hasNextPage } nodes {
      batchId dataset { name } contract { contractId }
      qualityReports { passed } privacyReports { rows }
      grants { consumer url { url } batch { batchId } }
      events(first: 2) { totalCount nodes { type } }
    } }
  } }
  events(first: 60) { nodes {
    ... on DataAppended { batch { status } dataset { name } contract { version } }
    ... on ConsumptionGranted { grant { consumer } batch { status } }
  } }
  nodes(ids: ["dataset:d0", "contract:c0", "batch:b0-0"]) { id }
}"""


# The same rows are asked for at this many depths of the query; each depth is one turn, and turns may overlap.
DEPTHS = 5


async def test_sends_no_statement_once_for_each_row(graph: Graph) -> None:
    await fill(graph, datasets=range(12))
    sent = await statements(graph)
    assert max(sent.values()) <= DEPTHS, sent.most_common(3)
    assert sum(sent.values()) < 60


async def test_pins_the_position_once_for_all_fields(graph: Graph) -> None:
    graph.statements.clear()
    await graph.ask("{ a: datasets { totalCount } b: batches { totalCount } c: serverInfo { position } }")
    assert [text for text in graph.statements if "event_head" in text] == ["select position from event_head"]


async def test_pages_of_many_parents_are_those_of_each(graph: Graph) -> None:
    await fill(graph, datasets=range(3))
    data = await graph.ask(
        "{ datasets { nodes { name batches(first: 1) { totalCount pageInfo { hasNextPage hasPreviousPage endCursor }"
        " nodes { batchId } } } } }"
    )
    nodes = data["datasets"]["nodes"]
    assert [(n["name"], n["batches"]["totalCount"], [b["batchId"] for b in n["batches"]["nodes"]]) for n in nodes] == [
        ("d0", 2, ["b0-0"]),
        ("d1", 2, ["b1-0"]),
        ("d2", 2, ["b2-0"]),
    ]
    assert all(n["batches"]["pageInfo"]["hasNextPage"] for n in nodes)
    after = nodes[1]["batches"]["pageInfo"]["endCursor"]
    data = await graph.ask(
        'query($after: String!) { dataset(name: "d1") { batches(first: 5, after: $after) { totalCount'
        " pageInfo { hasNextPage hasPreviousPage } nodes { batchId } } } }",
        after=after,
    )
    assert data["dataset"]["batches"] == {
        "totalCount": 2,
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": True},
        "nodes": [{"batchId": "b1-1"}],
    }


async def statements(graph: Graph) -> Counter[str]:
    """How often the query sends each statement; the answer is looked at, for nothing asked is nothing counted."""
    graph.statements.clear()
    data = await graph.ask(EVERYTHING)
    sent = Counter(text for text in graph.statements if "places" in text or "p.id" in text or "position" in text)
    assert all(n["batches"]["totalCount"] == 1 and n["contracts"]["totalCount"] == 1 for n in data["datasets"]["nodes"])
    assert all(n["batches"]["nodes"][0]["grants"][0]["url"] is not None for n in data["datasets"]["nodes"])
    return sent


async def fill(graph: Graph, datasets: range) -> None:
    """Datasets d<n>, each with a contract and two batches, the first of them published and granted."""
    for n in datasets:
        await graph.ask(
            'mutation($n: String!) { registerDataset(input: {name: $n, schema: {a: "int"}}) { dataset { id } } }',
            n=f"d{n}",
        )
        await graph.ask(
            "mutation($n: ID!, $c: String!) { createContract(input: {dataset: $n, contractId: $c})"
            " { contract { id } } }",
            n=f"d{n}",
            c=f"c{n}",
        )
        for m in range(2):
            await append(graph, n, m)
        batch = urn(Kind.BATCH, f"b{n}-0")
        rule = QualityRule(column="a", check="> 0")
        result = RuleResult(rule=rule, passed=True, failed_rows=0, failed_fraction=0.0)
        await do(
            graph,
            batch,
            RecordQuality(batch=batch, checked=Checked(checked_rows=1, results=(result,), attempt=2), bronze=1),
        )
        keep = PrivacyRule(column="a", strategy=PrivacyStrategy.KEEP)
        done = Anonymized(rules=(keep,), rows=1, changed_rows=0, columns=())
        await do(graph, batch, RecordAnonymization(batch=batch, anonymized=done, attempt=2, bronze=1))
        gate = PublishGate(has_quality_rules=True, personal=(), kept=())
        await do(graph, batch, PublishData(batch=batch, gate=gate, attempt=3, bronze=1, silver=2))
        grant = GrantConsumption(
            batch=batch,
            grant=urn(Kind.GRANT, str(uuid.uuid4())),
            consumer="analytics",
            purpose=None,
            format="PARQUET",
            expires_at=datetime.now(UTC) + timedelta(hours=1),
        )
        await do(graph, batch, grant)


async def append(graph: Graph, n: int, m: int) -> None:
    batch = urn(Kind.BATCH, f"b{n}-{m}")
    appended = DataAppended(
        batch=batch,
        dataset=urn(Kind.DATASET, f"d{n}"),
        contract=urn(Kind.CONTRACT, f"c{n}"),
        contract_version=1,
        schema_version=1,
        file_url=None,
        checksum="0" * 64,
        size_bytes=1,
        row_count=1,
        rejected_row_count=0,
        attempt=1,
        format=FileFormat.CSV,
    )
    await do(graph, batch, AppendData(appended=appended))


async def do(graph: Graph, batch: Urn, command: Command) -> None:
    intent = Intent(actor="admin", correlation_id="fill", key=f"~{uuid.uuid4()}", digest=b"", keyed=False)
    await graph.parts.commands.execute(BATCHES, batch, command, intent)
