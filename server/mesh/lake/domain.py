"""A lake's rules: it is created once, at a level for good, and takes datasets in as the level allows."""

from collections.abc import Sequence
from typing import assert_never

from server.kernel.decider import Decider
from server.kernel.errors import AlreadyExists, BadUserInput, PreconditionFailed
from server.kernel.ids import Urn, name_of
from server.kernel.ownership import check_owner
from server.kernel.text import said
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
from server.mesh.lake.deletion_rules import decide_deletion
from server.mesh.lake.facts import DataLakeCreated, DatasetIngested, Event
from server.mesh.lake.level_rules import LakeRules
from server.mesh.lake.state import DataLake, State, evolve, existing

LONGEST_WORDS = 200  # characters of a name, a region or a data source


def decide(command: Command, state: State) -> Sequence[Event]:
    """What the command records. Raises: Refused."""
    match command:
        case CreateLake(lake=lake):
            if state is not None:
                raise AlreadyExists(f"data lake {name_of(lake)!r} exists; choose another lakeId", field="lakeId")
            return [created(command)]
        case IngestDataset(lake=lake):
            return ingested(command, existing(lake, state))
        case (
            RequestDeletion()
            | HoldDeletion()
            | ReleaseDeletion()
            | RejectDeletion()
            | WarnOfDeadline()
            | MarkOverdue()
            | CompleteDeletion()
            | ReportReappearance()
        ):
            return decide_deletion(command, state)
        case _:
            assert_never(command)


def created(command: CreateLake) -> DataLakeCreated:
    """The first event. Raises: BadUserInput."""
    return DataLakeCreated(
        lake=command.lake,
        name=said(command.name, field="name", longest=LONGEST_WORDS),
        owner=check_owner(command.owner),
        region=said(command.region, field="region", longest=LONGEST_WORDS),
        compliance_level=command.compliance_level,
    )


def ingested(command: IngestDataset, known: DataLake) -> Sequence[DatasetIngested]:
    """The dataset with its figures; nothing where they stand already. Raises: BadUserInput, PreconditionFailed."""
    source = said(command.data_source, field="dataSource", longest=LONGEST_WORDS)
    if command.record_count < 1:
        raise BadUserInput(
            f"recordCount is {command.record_count}; say how many records, 1 or more", field="recordCount"
        )
    if command.elsewhere is not None:
        raise PreconditionFailed(
            f"dataset {name_of(command.dataset)!r} is in lake {name_of(command.elsewhere)!r}, and a dataset is in one"
            " lake only; name that lake to record new figures, or ingest another dataset",
            field="lake",
        )
    check_not_lowered(command)
    LakeRules(lake=known.lake, level=known.level).check_ingest(command)
    event = DatasetIngested(
        lake=known.lake,
        dataset=command.dataset,
        data_source=source,
        record_count=command.record_count,
        contains_pii=command.known_pii if command.contains_pii is None else command.contains_pii,
        encryption_enabled=bool(command.encryption_enabled) or command.known_encryption,
    )
    return [event]


def check_not_lowered(command: IngestDataset) -> None:
    """Refuse to take back that a dataset holds personal data. Raises: PreconditionFailed."""
    if command.contains_pii is not False:
        return
    marked = [field.name for field in command.fields if field.pii]
    if marked or command.known_pii:
        why = f"its field {marked[0]!r} is marked pii" if marked else "it was said before"
        raise PreconditionFailed(
            f"dataset {name_of(command.dataset)!r} holds personal data ({why}), and that is never taken back;"
            " say containsPii true",
            field="containsPii",
        )


def about(state: State) -> tuple[Urn, ...]:
    """The lake itself, so that one filter finds its events and those of the datasets in it."""
    return (state.lake,) if state is not None else ()


LAKE: Decider[Command, Event, State] = Decider(initial=None, decide=decide, evolve=evolve, about=about)
