"""Batches recorded without files, for tests of what the graph says of them."""

import uuid
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
    """The batch b<n>-<m> of dataset d<n> under contract c<n>."""
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
    """Run a command on a batch."""
    intent = Intent(actor="admin", correlation_id="fill", key=f"~{uuid.uuid4()}", digest=b"", keyed=False)
    await graph.parts.commands.execute(BATCHES, batch, command, intent)
