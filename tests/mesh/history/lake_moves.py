"""What may happen to lakes, deletions and the audit in a tale."""

from collections.abc import Sequence
from datetime import timedelta

from server.adapters.store.append import NewEvent
from server.kernel.compliance import ComplianceLevel
from server.kernel.fields import Field
from server.kernel.ids import Kind, Urn, urn
from server.kernel.layer import Layer
from server.mesh.lake.commands import (
    Command,
    CompleteDeletion,
    CreateLake,
    HoldDeletion,
    IngestDataset,
    MarkOverdue,
    RejectDeletion,
    ReleaseDeletion,
    ReportReappearance,
    RequestDeletion,
    WarnOfDeadline,
)
from server.mesh.lake.facts import AccessAudited, ErasedRows
from server.mesh.lake.stream import LAKES
from tests.mesh.history.tale import START, Move, Tale

KEY = (Field(name="id", type="int", subject_key=True),)


class LakeMoves:
    """The moves. `home`: the lake of each dataset that is in one."""

    def __init__(self, tale: Tale) -> None:
        self.tale = tale
        self.home: dict[Urn, Urn] = {}

    @property
    def moves(self) -> Sequence[Move]:
        """All of them."""
        return (self.create, self.ingest, self.ingest, self.request, self.move, self.move, self.audit, self.audit)

    def create(self) -> Sequence[NewEvent]:
        lake = urn(Kind.LAKE, f"lake{self.tale.source.randrange(5)}")
        level = self.tale.source.choice(tuple(ComplianceLevel))
        command = CreateLake(lake=lake, name="A lake", owner="ann", region="eu", compliance_level=level)
        return self.tale.decide(LAKES, lake, command)

    def ingest(self) -> Sequence[NewEvent]:
        lake, dataset = self.tale.some(Kind.LAKE), self.tale.some(Kind.DATASET)
        if self.tale.streams.get(dataset) is None or self.home.get(dataset, lake) != lake:
            return ()
        command = IngestDataset(
            lake=lake,
            dataset=dataset,
            data_source="crm",
            record_count=self.tale.source.randrange(1, 99),
            contains_pii=True,
            encryption_enabled=True,
            known_pii=None,
            known_encryption=False,
            fields=KEY,
        )
        events = self.tale.decide(LAKES, lake, command)
        self.home[dataset] = lake
        return events

    def request(self) -> Sequence[NewEvent]:
        lake = self.tale.some(Kind.LAKE)
        command = RequestDeletion(
            deletion=urn(Kind.DELETION, f"00000000-0000-0000-0000-{self.tale.number():012}"),
            lake=lake,
            subject_digest=f"{self.tale.source.randrange(20):064x}",
            subject_encrypted="sealed",
            reason="asked",
            requested_by="ann",
            deadline=START + timedelta(days=self.tale.number()),
        )
        return self.tale.decide(LAKES, lake, command)

    def move(self) -> Sequence[NewEvent]:
        lake = self.tale.some(Kind.LAKE)
        known = self.tale.streams.get(lake)
        if known is None or not known.deletions:
            return ()
        deletion = self.tale.source.choice(list(known.deletions))
        batch = self.tale.some(Kind.BATCH)
        stored = self.tale.streams.get(batch)
        if stored is None:
            return ()
        rows = ErasedRows(batch=batch, layer=Layer.BRONZE, rows=2)
        commands: tuple[Command, ...] = (
            HoldDeletion(deletion=deletion, reason="law"),
            ReleaseDeletion(deletion=deletion, reason="over"),
            RejectDeletion(deletion=deletion, reason="no"),
            WarnOfDeadline(deletion=deletion, days_left=self.tale.source.choice((1, 7))),
            MarkOverdue(deletion=deletion),
            CompleteDeletion(deletion=deletion, erased=(rows,), unreached=("copies",), objects_deleted=1),
            ReportReappearance(deletion=deletion, dataset=stored.dataset, batch=batch, rows=1),
        )
        return self.tale.decide(LAKES, lake, self.tale.source.choice(commands))

    def audit(self) -> Sequence[NewEvent]:
        if not self.home:
            return ()
        dataset, lake = self.tale.source.choice(list(self.home.items()))
        accessor = self.tale.source.choice("ab")
        event = AccessAudited(lake=lake, accessor=accessor, dataset=dataset, action="records", purpose="report")
        self.tale.versions[lake] += 1
        return (NewEvent(stream=lake, event=event, about=(lake, dataset)),)
