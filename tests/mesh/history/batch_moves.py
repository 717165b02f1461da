"""What may happen to batches in a tale."""

from collections.abc import Sequence
from datetime import timedelta

from server.adapters.store.append import NewEvent
from server.kernel.files import FileFormat
from server.kernel.ids import Kind, Urn, urn
from server.kernel.privacy import PrivacyRule, PrivacyStrategy
from server.kernel.quality import QualityRule, RuleResult
from server.mesh.batch.commands import (
    AppendData,
    EraseSubject,
    ExpireBatch,
    GrantConsumption,
    PublishData,
    PublishGate,
    QuarantineBatch,
    RecordAnonymization,
    RecordQuality,
    ReleaseBatch,
    ReplayBatch,
    RevokeConsumption,
)
from server.mesh.batch.domain import files_made
from server.mesh.batch.facts import Anonymized, BatchReplayed, Checked, DataAppended, SubjectErased
from server.mesh.batch.state import Batch
from server.mesh.batch.stream import BATCHES
from tests.mesh.history.tale import START, Move, Tale

GATE = PublishGate(has_quality_rules=False, personal=(), kept=())
RULE = QualityRule(column="id", check="> 0")


class BatchMoves:
    """The moves, at most so many batches."""

    def __init__(self, tale: Tale, *, batches: int) -> None:
        self.tale = tale
        self.most = batches

    @property
    def moves(self) -> Sequence[Move]:
        """All of them; those that come twice happen twice as often."""
        return (
            self.append,
            self.append,
            self.check,
            self.anonymize,
            self.publish,
            self.publish,
            self.replay,
            self.set_apart,
            self.release,
            self.release,
            self.grant,
            self.revoke,
            self.erase,
            self.expire,
        )

    def append(self) -> Sequence[NewEvent]:
        source, batch = self.tale.source, urn(Kind.BATCH, f"batch{self.tale.source.randrange(self.most)}")
        contract = self.tale.some(Kind.CONTRACT)
        terms = self.tale.streams.get(contract)
        if terms is None:
            return ()
        appended = DataAppended(
            batch=batch,
            dataset=terms.dataset,
            contract=contract,
            contract_version=terms.version,
            schema_version=1,
            file_url=source.choice((None, "landing/rows.csv")),
            checksum="ab" * 32,
            size_bytes=source.randrange(99),
            row_count=source.randrange(99),
            rejected_row_count=source.randrange(3),
            attempt=self.tale.number(),
            format=FileFormat.CSV,
        )
        return self.tale.decide(BATCHES, batch, AppendData(appended=appended))

    def check(self) -> Sequence[NewEvent]:
        batch, known = self._some()
        result = RuleResult(rule=RULE, passed=self.tale.source.random() < 0.6, failed_rows=1, failed_fraction=0.5)
        checked = Checked(checked_rows=2, results=(result,), attempt=self.tale.number())
        command = RecordQuality(batch=batch, checked=checked, bronze=0 if known is None else known.bronze)
        return self.tale.decide(BATCHES, batch, command)

    def anonymize(self) -> Sequence[NewEvent]:
        batch, known = self._some()
        bronze = 0 if known is None else known.bronze
        command = RecordAnonymization(
            batch=batch, anonymized=self._anonymized(), attempt=self.tale.number(), bronze=bronze
        )
        return self.tale.decide(BATCHES, batch, command)

    def publish(self) -> Sequence[NewEvent]:
        batch, known = self._some()
        bronze, silver = (0, None) if known is None else (known.bronze, known.silver)
        command = PublishData(batch=batch, gate=GATE, attempt=self.tale.number(), bronze=bronze, silver=silver)
        return self.tale.decide(BATCHES, batch, command)

    def replay(self) -> Sequence[NewEvent]:
        batch, known = self._some()
        if known is None:
            return ()
        replayed = BatchReplayed(
            batch=batch,
            contract_version=2,
            schema_version=1,
            row_count=self.tale.source.randrange(99),
            rejected_row_count=0,
            attempt=self.tale.number(),
            checked=None,
            anonymized=self.tale.source.choice((None, self._anonymized())),
            published=known.gold is not None,
        )
        command = ReplayBatch(replayed=replayed, gate=GATE, bronze=known.bronze, silver=known.silver)
        return self.tale.decide(BATCHES, batch, command)

    def set_apart(self) -> Sequence[NewEvent]:
        batch, _ = self._some()
        return self.tale.decide(BATCHES, batch, QuarantineBatch(batch=batch, reason="smells"))

    def release(self) -> Sequence[NewEvent]:
        batch, _ = self._some()
        return self.tale.decide(BATCHES, batch, ReleaseBatch(batch=batch, reason=""))

    def grant(self) -> Sequence[NewEvent]:
        batch, _ = self._some()
        command = GrantConsumption(
            batch=batch,
            grant=urn(Kind.GRANT, f"00000000-0000-0000-0000-{self.tale.number():012}"),
            consumer=self.tale.source.choice("ab"),
            purpose=self.tale.source.choice((None, "report")),
            format="PARQUET",
            expires_at=START + timedelta(days=self.tale.number()),
        )
        return self.tale.decide(BATCHES, batch, command)

    def revoke(self) -> Sequence[NewEvent]:
        batch, known = self._some()
        grants = [] if known is None else sorted(set(known.grants) - set(known.revoked))
        if not grants:
            return ()
        return self.tale.decide(BATCHES, batch, RevokeConsumption(batch=batch, grant=grants[0], reason=None))

    def erase(self) -> Sequence[NewEvent]:
        batch, known = self._some()
        if known is None:
            return ()
        erased = SubjectErased(
            batch=batch,
            deletion=urn(Kind.DELETION, "00000000-0000-0000-0000-000000000000"),
            raw="cd" * 32,
            bronze=self.tale.number(),
            silver=None if known.silver is None else self.tale.number(),
            gold=None if known.gold is None else self.tale.number(),
            row_count=max(known.row_count - 1, 0),
            rejected_row_count=known.rejected_row_count,
            size_bytes=known.size_bytes,
            erased_bronze=1,
            erased_silver=0,
            erased_gold=0,
            erased_rejects=0,
        )
        return self.tale.decide(BATCHES, batch, EraseSubject(erased=erased, made_of=files_made(known)))

    def expire(self) -> Sequence[NewEvent]:
        if self.tale.source.random() < 0.9:
            return ()
        batch, _ = self._some()
        return self.tale.decide(BATCHES, batch, ExpireBatch(batch=batch, expires_at=START, reason="its time is over"))

    def _some(self) -> tuple[Urn, Batch | None]:
        batch = self.tale.some(Kind.BATCH)
        return batch, self.tale.streams.get(batch)

    def _anonymized(self) -> Anonymized:
        rules = (PrivacyRule(column="email", strategy=PrivacyStrategy.MASK),)
        return Anonymized(rules=rules, rows=3, changed_rows=self.tale.source.randrange(3), columns=("email",))
