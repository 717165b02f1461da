"""What happened to a batch, told by its files and events alone: the judge of the batch's own rules."""

from dataclasses import dataclass, field

from server.kernel.ids import Urn
from server.kernel.privacy import PrivacyRule, PrivacyStrategy
from server.mesh.batch.commands import (
    AppendData,
    Command,
    EraseSubject,
    ExpireBatch,
    PublishData,
    PublishGate,
    QuarantineBatch,
    RecordAnonymization,
    RecordQuality,
    ReleaseBatch,
    ReplayBatch,
    RevokeConsumption,
)
from server.mesh.batch.facts import (
    BatchExpired,
    BatchQuarantined,
    BatchReplayed,
    ConsumptionGranted,
    ConsumptionRevoked,
    DataAnonymized,
    DataAppended,
    DataPublished,
    Event,
    QualityCheckFailed,
    QualityCheckPassed,
    QuarantineReleased,
    SubjectErased,
)
from server.mesh.batch.state import BatchStatus


def hides(rules: tuple[PrivacyRule, ...]) -> frozenset[str]:
    return frozenset(rule.column for rule in rules if rule.strategy is not PrivacyStrategy.KEEP)


@dataclass(frozen=True)
class File:
    """What really stands in a file: the bronze that it comes from and the columns that nobody can read in it."""

    bronze: int
    hidden: frozenset[str] = frozenset()


@dataclass
class Truth:
    """What happened, told by the events and the files alone."""

    files: dict[int, File] = field(default_factory=dict)
    verdicts: dict[int, bool] = field(default_factory=dict)  # by bronze: what its last check found
    step: BatchStatus | None = None
    bronze: int = 0
    silver: int | None = None
    gold: int | None = None
    quarantined: bool = False
    granted: set[Urn] = field(default_factory=set)
    revoked: set[Urn] = field(default_factory=set)

    @property
    def status(self) -> BatchStatus | None:
        if self.step is BatchStatus.EXPIRED:
            return BatchStatus.EXPIRED
        if self.quarantined:
            return BatchStatus.QUARANTINED
        return BatchStatus.PUBLISHED if self.gold is not None else self.step

    def fit(self, attempt: int, gate: PublishGate) -> bool:
        """Whether consumers may see the file."""
        file = self.files[attempt]
        bare = set(gate.personal) - file.hidden - set(gate.kept)
        return not bare and (self.verdicts.get(file.bronze, False) or not gate.has_quality_rules)

    def allows(self, command: Command) -> bool:  # noqa: C901  # one case for each command
        """Whether the command must be obeyed; else it must be refused."""
        if isinstance(command, AppendData):
            return self.step is None
        if self.step is None:
            return False
        match command:
            case RevokeConsumption(grant=id):
                return id in self.granted
            case _ if self.step is BatchStatus.EXPIRED:
                return False
            case ExpireBatch():
                return True
            case QuarantineBatch():
                return not self.quarantined
            case ReleaseBatch():
                return self.quarantined
            case EraseSubject(made_of=made):
                return made.bronze == self.bronze
            case _ if self.quarantined:
                return False
            case RecordQuality(bronze=bronze, checked=check):
                return bronze == self.bronze and bool(check.results)
            case RecordAnonymization(bronze=bronze, anonymized=done):
                return self.gold is None and bronze == self.bronze and bool(done.rules)
            case PublishData(bronze=bronze, silver=silver, gate=gate, attempt=attempt):
                source = self.files[bronze if silver is None else silver]
                assert self.files[attempt] == source, "the file was copied from its source"
                current = (bronze, silver) == (self.bronze, self.silver)
                return self.gold is None and current and self.fit(attempt, gate)
            case ReplayBatch(replayed=new, bronze=bronze, silver=silver, gate=gate):
                current = (bronze, silver) == (self.bronze, self.silver)
                verdict = self.verdicts.get(new.attempt)
                ready = self.fit(new.attempt, gate) if new.published else True
                return current and verdict is not False and ready and new.published == (self.gold is not None)
            case _:
                id = command.grant
                return self.gold is not None and id not in self.granted | self.revoked

    def record(self, event: Event) -> None:  # noqa: C901  # one case for each event
        """Take over what happened."""
        match event:
            case DataAppended(attempt=attempt):
                self.step, self.bronze = BatchStatus.APPENDED, attempt
            case QualityCheckPassed():
                self.verdicts[self.bronze] = True
                if self.step is not BatchStatus.ANONYMIZED:
                    self.step = BatchStatus.QUALITY_PASSED if self.silver is None else BatchStatus.ANONYMIZED
            case QualityCheckFailed():
                self.verdicts[self.bronze] = False
                self.step = BatchStatus.QUALITY_FAILED
            case DataAnonymized(attempt=attempt):
                self.step, self.silver = BatchStatus.ANONYMIZED, attempt
            case DataPublished(attempt=attempt):
                self.gold = attempt
            case BatchQuarantined():
                self.quarantined = True
            case QuarantineReleased():
                self.quarantined = False
            case BatchReplayed(attempt=attempt, checked=check, anonymized=anonymized, published=published):
                self.bronze, self.silver = attempt, attempt if anonymized else None
                self.gold = attempt if published else None
                self.step = BatchStatus.QUALITY_PASSED if check else BatchStatus.APPENDED
                if anonymized:
                    self.step = BatchStatus.ANONYMIZED
            case SubjectErased():
                self.bronze, self.silver, self.gold = event.bronze, event.silver, event.gold
            case BatchExpired():
                self.step, self.silver, self.gold = BatchStatus.EXPIRED, None, None
            case ConsumptionGranted(grant=id):
                self.granted.add(id)
            case ConsumptionRevoked(grant=id):
                self.granted.remove(id)
                self.revoked.add(id)
