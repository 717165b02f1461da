"""A strict lake bars personal columns that stand as they were, from publishing and from replays alike."""

import pytest

from server.kernel.errors import PreconditionFailed
from server.kernel.ids import Urn
from server.mesh.batch.commands import PublishData, PublishGate, ReplayBatch
from server.mesh.batch.domain import BATCH
from server.mesh.batch.facts import DataAnonymized, DataPublished
from tests.given import given
from tests.mesh.batch.examples import B1, appended, hidden, replayed

STRICT = PublishGate(has_quality_rules=False, personal=("email",), kept=("email",), strict=Urn("lake:eu"))
KEEPING = PublishGate(has_quality_rules=False, personal=("email",), kept=("email",))
WHY = (
    "lake 'eu' is STRICT and no KEEP lets them through; let the contract hide them with updateContract, and treat them"
    " with anonymizeData"
)
ANONYMIZED = hidden("email")
TREATED = DataAnonymized(
    batch=B1,
    attempt=2,
    rules=ANONYMIZED.rules,
    rows=ANONYMIZED.rows,
    changed_rows=ANONYMIZED.changed_rows,
    columns=ANONYMIZED.columns,
)
PUBLISHED = DataPublished(batch=B1, row_count=4, attempt=3)


def publish(gate: PublishGate, silver: int | None = None) -> PublishData:
    return PublishData(batch=B1, gate=gate, attempt=3, bronze=1, silver=silver)


def test_a_strict_lake_lets_no_kept_column_be_published() -> None:
    fresh = given(BATCH, appended())
    fresh.when(publish(STRICT)).refuses(PreconditionFailed, saying=WHY, columns=["email"])
    fresh.when(publish(KEEPING)).then(PUBLISHED)
    given(BATCH, appended(), TREATED).when(publish(STRICT, silver=2)).then(PUBLISHED)


@pytest.mark.parametrize("treated", [False, True])
def test_a_replay_of_a_published_batch_passes_the_same_gate(treated: bool) -> None:
    event = replayed(anonymized=ANONYMIZED if treated else None, published=True)
    asked = given(BATCH, appended(), PUBLISHED).when(ReplayBatch(replayed=event, gate=STRICT, bronze=1, silver=None))
    if treated:
        asked.then(event)
    else:
        asked.refuses(PreconditionFailed, saying=WHY, columns=["email"])
