"""Analytics of a mesh made by hand, whole answers, now and as of."""

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

import networkx as nx
import pytest
from graphql import parse

from graphql_schema.schema import build_schema
from server.http.graphql.weight import weigh
from server.kernel.caller import Caller, Role
from server.kernel.ids import Kind, urn
from server.kernel.privacy import PrivacyRule, PrivacyStrategy
from server.kernel.quality import QualityRule, RuleResult
from server.mesh.batch.commands import (
    GrantConsumption,
    PublishData,
    PublishGate,
    RecordAnonymization,
    RecordQuality,
)
from server.mesh.batch.facts import Anonymized, Checked
from tests.graph.batches import append, do
from tests.graph.conftest import Graph
from tests.graph.lineages import link, unlink

EVERYTHING = """{
  domains { domain { name } products active deprecated inactive datasets batches publishedRows }
  lineageStats { assets edges direct derived aggregated averageConfidence roots leaves components longestChain cyclic }
  domainDependencies { source { name } target { name } edges }
  criticalAssets { asset { id } score }
  orphans { id }
  cycles { id }
  consumption { consumer grants batches }
}"""
NO_LINEAGE = {
    "assets": 0,
    "edges": 0,
    "direct": 0,
    "derived": 0,
    "aggregated": 0,
    "averageConfidence": None,
    "roots": 0,
    "leaves": 0,
    "components": 0,
    "longestChain": 0,
    "cyclic": False,
}
FIELDS = 7  # each is one turn of statements, which others may share
FIGURES = ("products", "active", "deprecated", "inactive", "datasets", "batches", "publishedRows")


async def test_an_empty_mesh_answers_zeros_and_empty_lists(graph: Graph) -> None:
    nothing = {
        "domains": [],
        "lineageStats": NO_LINEAGE,
        "domainDependencies": [],
        "criticalAssets": [],
        "orphans": [],
        "cycles": [],
        "consumption": [],
    }
    assert await graph.ask(f"{{ analytics {EVERYTHING} catalog(atPosition: 0) {{ analytics {EVERYTHING} }} }}") == {
        "analytics": nothing,
        "catalog": {"analytics": nothing},
    }


async def test_answers_about_a_mesh_now_and_as_of(graph: Graph) -> None:
    await describe(graph)
    before = await position(graph)
    await connect(graph)
    straight = await position(graph)
    await close_loops(graph)
    data = await graph.ask(f"{{ analytics {EVERYTHING} }}")
    counts = [
        domain("idle"),
        domain("marketing", products=2, active=1, inactive=1, datasets=1, batches=1),
        domain("sales", products=2, active=1, deprecated=1, datasets=1, batches=2, publishedRows=1),
    ]
    consumption = [
        {"consumer": "dashboards", "grants": 2, "batches": 1},
        {"consumer": "audit", "grants": 1, "batches": 1},
    ]
    assert data["analytics"] == {
        "domains": counts,
        "lineageStats": {
            "assets": 6,
            "edges": 7,
            "direct": 5,
            "derived": 1,
            "aggregated": 1,
            "averageConfidence": pytest.approx(0.9),
            "roots": 1,
            "leaves": 0,
            "components": 1,
            "longestChain": 2,
            "cyclic": True,
        },
        "domainDependencies": [depends("marketing", "sales", 1), depends("sales", "marketing", 2)],
        "criticalAssets": scores(
            ("external:crm/customers", 5),
            ("product:customers", 4),
            ("dataset:d0", 3),
            ("dataset:d1", 3),
            ("product:campaigns", 3),
            ("product:orders", 3),
        ),
        "orphans": ids("dataset:free", "product:lonely"),
        "cycles": [ids("dataset:d0", "product:campaigns", "dataset:d1", "product:orders")],
        "consumption": consumption,
    }
    assert await at(graph, straight) == {
        "domains": counts,
        "lineageStats": {
            "assets": 6,
            "edges": 5,
            "direct": 3,
            "derived": 1,
            "aggregated": 1,
            "averageConfidence": pytest.approx(4.3 / 5),
            "roots": 2,
            "leaves": 1,
            "components": 1,
            "longestChain": 3,
            "cyclic": False,
        },
        "domainDependencies": [depends("sales", "marketing", 2)],
        "criticalAssets": scores(
            ("external:crm/customers", 3),
            ("product:orders", 3),
            ("dataset:d0", 2),
            ("product:customers", 2),
            ("product:campaigns", 1),
            ("dataset:d1", 0),
        ),
        "orphans": ids("dataset:free", "product:lonely"),
        "cycles": [],
        "consumption": consumption,
    }
    everything = ("dataset:d0", "dataset:d1", "dataset:free")
    products = ("product:campaigns", "product:customers", "product:lonely", "product:orders")
    assert await at(graph, before) == {
        "domains": counts,
        "lineageStats": NO_LINEAGE,
        "domainDependencies": [],
        "criticalAssets": [],
        "orphans": ids(*everything, *products),
        "cycles": [],
        "consumption": consumption,
    }


async def test_ranks_by_pagerank_and_betweenness(graph: Graph) -> None:
    await describe(graph)
    await connect(graph)
    data = await graph.ask(
        "{ analytics { ranks: criticalAssets(by: PAGERANK, first: 2) { asset { name } score }"
        " between: criticalAssets(by: BETWEENNESS, first: 2) { asset { name } score } } }"
    )
    ranks, between = data["analytics"]["ranks"], data["analytics"]["between"]
    assert [each["asset"]["name"] for each in ranks] == ["customers", "orders"]  # the external one and the product
    backwards = nx.DiGraph(["01", "12", "23", "42", "54"]).reverse()
    assert [each["score"] for each in ranks] == [pytest.approx(nx.pagerank(backwards)["0"], abs=1e-6)] * 2
    # 4 of the 20 ordered pairs of others have campaigns between them: both chains' first two before d1
    assert between == [
        {"asset": {"name": "campaigns"}, "score": pytest.approx(4 / 20)},
        {"asset": {"name": "d0"}, "score": pytest.approx(2 / 20)},
    ]


async def test_an_answer_follows_the_next_change(graph: Graph) -> None:
    await describe(graph)
    await connect(graph)
    asked = "{ analytics { lineageStats { edges } domainDependencies { edges } } }"
    assert await graph.ask(asked) == {"analytics": {"lineageStats": {"edges": 5}, "domainDependencies": [{"edges": 2}]}}
    await unlink(graph, "dataset:d0", "product:campaigns")
    assert await graph.ask(asked) == {"analytics": {"lineageStats": {"edges": 4}, "domainDependencies": [{"edges": 1}]}}


async def test_first_bounds_each_list(graph: Graph) -> None:
    await describe(graph)
    await connect(graph)
    await close_loops(graph)
    data = await graph.ask(
        "{ analytics { criticalAssets(first: 1) { score } orphans(first: 1) { id } cycles(first: 0) { id }"
        " consumption(first: 1) { consumer } none: criticalAssets(first: 0) { score } } }"
    )
    assert data["analytics"] == {
        "criticalAssets": [{"score": 5}],
        "orphans": [{"id": "dataset:free"}],
        "cycles": [],
        "consumption": [{"consumer": "dashboards"}],
        "none": [],
    }
    for field in ("criticalAssets(first: %d) { score }", "orphans(first: %d) { id }", "cycles(first: %d) { id }"):
        code, message = await graph.refused(f"{{ analytics {{ {field % -1} }} }}")
        assert (code, message) == ("BAD_USER_INPUT", "first -1 is negative; ask for 0 to 500")
        code, message = await graph.refused(f"{{ analytics {{ {field % 501} }} }}")
        assert (code, message) == ("LIMIT_EXCEEDED", "first 501 is over the limit of 500; ask for less")
    assert (await graph.refused("{ analytics { consumption(first: 501) { grants } } }"))[0] == "LIMIT_EXCEEDED"


async def test_consumption_is_read_only_by_who_may_read_rows(graph: Graph, anonymous: Caller) -> None:
    asked = "{ analytics { consumption { grants } } }"
    assert await graph.ask("{ analytics { orphans { id } } }", caller=anonymous) == {"analytics": {"orphans": []}}
    assert (await graph.refused(asked, caller=anonymous))[0] == "UNAUTHENTICATED"
    maker = Caller(name="maker", roles=frozenset({Role.PRODUCER}))
    assert (await graph.refused(asked, caller=maker))[0] == "FORBIDDEN"
    assert await graph.ask(asked) == {"analytics": {"consumption": []}}


def test_weighs_each_answer_by_its_work() -> None:
    schema = build_schema()._schema
    dear = {
        "{ analytics { domains { products } lineageStats { edges } } }": 43,  # 1 + 20 + 10 x 0.1 + 20 + 0.1, rounded up
        "{ analytics { domainDependencies { edges } } }": 52,
        "{ analytics { criticalAssets(first: 100) { score } } }": 111,
        "{ analytics { orphans(first: 100) { id } } }": 61,
        "{ analytics { cycles { id } } }": 52,
        "{ analytics { consumption(first: 100) { grants } } }": 31,
    }
    for text, cost in dear.items():
        assert weigh(schema, parse(text), None, {}).cost == cost, text


async def test_the_number_of_statements_does_not_depend_on_the_number_of_rows(graph: Graph) -> None:
    await describe(graph)
    await connect(graph)
    await close_loops(graph)
    for number in range(20):
        await create_domain(graph, f"more{number}")
        await register_product(graph, f"p{number}", f"more{number}")
        await link(graph, "product:orders", f"product:p{number}")
        await link(graph, f"product:p{number}", f"external:crm/{number}")
        await link(graph, f"external:crm/{number}", f"product:p{number}")
    graph.statements.clear()
    data = await graph.ask(f"{{ analytics {EVERYTHING} }}")
    lengths = [len(data["analytics"][name]) for name in ("domains", "domainDependencies", "criticalAssets", "cycles")]
    assert lengths == [23, 22, 10, 10]
    sent = Counter(graph.statements)
    assert sum(sent.values()) <= FIELDS * 5, sent.most_common(5)
    assert max(sent.values()) <= FIELDS, sent.most_common(3)


async def describe(graph: Graph) -> None:
    """Three domains, four products, three datasets, three batches of which one is published, three grants."""
    for name in ("sales", "marketing", "idle"):
        await create_domain(graph, name)
    for name, of in (("orders", "sales"), ("customers", "sales"), ("campaigns", "marketing"), ("lonely", "marketing")):
        await register_product(graph, name, of)
    for name, status in (("customers", "DEPRECATED"), ("campaigns", "INACTIVE")):
        await graph.ask(
            "mutation($n: ID!, $s: DataProductStatus!) {"
            " updateDataProduct(input: {name: $n, status: $s}) { dataProduct { id } } }",
            n=name,
            s=status,
        )
    for given in ('name: "d0", product: "orders"', 'name: "d1", domain: "marketing"', 'name: "free"'):
        await graph.ask(
            f'mutation {{ registerDataset(input: {{{given}, schema: {{a: "int"}}}}) {{ dataset {{ id }} }} }}'
        )
    for dataset, batch in ((0, 0), (0, 1), (1, 0)):
        await append(graph, dataset, batch)
    await publish(graph, "b0-0")
    for consumer in ("dashboards", "audit", "dashboards"):
        await grant(graph, "b0-0", consumer)


async def connect(graph: Graph) -> None:
    """Five edges without a loop."""
    await link(graph, "product:orders", "dataset:d0")
    await link(graph, "dataset:d0", "product:campaigns", lineageType="DERIVED", confidence=0.5)
    await link(graph, "external:crm/customers", "product:customers")
    await link(graph, "product:customers", "product:campaigns", lineageType="AGGREGATED", confidence=0.8)
    await link(graph, "product:campaigns", "dataset:d1")


async def close_loops(graph: Graph) -> None:
    """Two edges that lead back."""
    await link(graph, "dataset:d1", "product:campaigns")
    await link(graph, "dataset:d1", "product:orders")


async def create_domain(graph: Graph, name: str) -> None:
    await graph.ask('mutation($n: String!) { createDomain(input: {name: $n, owner: "o"}) { domain { id } } }', n=name)


async def register_product(graph: Graph, name: str, of: str) -> None:
    await graph.ask(
        "mutation($n: String!, $d: ID!) {"
        ' registerDataProduct(input: {name: $n, domain: $d, owner: "o", schema: {a: "int"}}) { dataProduct { id } } }',
        n=name,
        d=of,
    )


async def publish(graph: Graph, name: str) -> None:
    batch = urn(Kind.BATCH, name)
    rule = QualityRule(column="a", check="> 0")
    result = RuleResult(rule=rule, passed=True, failed_rows=0, failed_fraction=0.0)
    checked = Checked(checked_rows=1, results=(result,), attempt=2)
    await do(graph, batch, RecordQuality(batch=batch, checked=checked, bronze=1))
    keep = PrivacyRule(column="a", strategy=PrivacyStrategy.KEEP)
    done = Anonymized(rules=(keep,), rows=1, changed_rows=0, columns=())
    await do(graph, batch, RecordAnonymization(batch=batch, anonymized=done, attempt=2, bronze=1))
    gate = PublishGate(has_quality_rules=True, personal=(), kept=())
    await do(graph, batch, PublishData(batch=batch, gate=gate, attempt=3, bronze=1, silver=2))


async def grant(graph: Graph, name: str, consumer: str) -> None:
    batch = urn(Kind.BATCH, name)
    command = GrantConsumption(
        batch=batch,
        grant=urn(Kind.GRANT, str(uuid.uuid4())),
        consumer=consumer,
        purpose=None,
        format="PARQUET",
        expires_at=datetime.now(UTC) + timedelta(hours=1),
    )
    await do(graph, batch, command)


async def position(graph: Graph) -> int:
    data = await graph.ask("{ serverInfo { position } }")
    return int(data["serverInfo"]["position"])


async def at(graph: Graph, position: int) -> object:
    data = await graph.ask(f"{{ catalog(atPosition: {position}) {{ analytics {EVERYTHING} }} }}")
    return data["catalog"]["analytics"]


def domain(name: str, **figures: int) -> dict[str, object]:
    return {"domain": {"name": name}, **dict.fromkeys(FIGURES, 0), **figures}


def depends(source: str, target: str, edges: int) -> dict[str, object]:
    return {"source": {"name": source}, "target": {"name": target}, "edges": edges}


def scores(*pairs: tuple[str, int]) -> list[dict[str, object]]:
    return [{"asset": {"id": id}, "score": score} for id, score in pairs]


def ids(*urns: str) -> list[dict[str, str]]:
    return [{"id": each} for each in urns]
