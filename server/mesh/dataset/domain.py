"""A dataset's rules: how it is registered, how its schema may change, when its batches may be replayed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TypeAlias, assert_never

from server.kernel.codec import Raw, Upcast
from server.kernel.compatibility_rules import Break, Compatibility, breaks, listed, told
from server.kernel.decider import Decider
from server.kernel.errors import AlreadyExists, BadUserInput, NotFound, PreconditionFailed
from server.kernel.fields import Field, check_fields
from server.kernel.ids import Urn
from server.kernel.record import record


class ReplayOutcome(StrEnum):
    """What a replay did with one batch: new files, or its old ones kept for a reason."""

    REPLAYED = "replayed"
    KEPT = "kept"


@record
class ReplayedBatch:
    """One batch in a replay's report. Rows are those of bronze."""

    batch: Urn
    outcome: ReplayOutcome
    rows_before: int
    rows_after: int
    reason: str | None = None


@record
class RegisterDataset:
    """Give a dataset its name, its first schema and its place in the mesh: a product of the domain, or none.

    `contains_pii` None: the owner does not say.
    """

    dataset: Urn
    name: str
    fields: tuple[Field, ...]
    product: Urn | None = None
    domain: Urn | None = None
    contains_pii: bool | None
    encryption_enabled: bool


@record
class EvolveSchema:
    """Give a dataset another schema. `stranded`: rules of contracts that it leaves without their columns."""

    dataset: Urn
    fields: tuple[Field, ...]
    compatibility: Compatibility
    stranded: tuple[Break, ...] = ()


@record
class RequestReplay:
    """Reprocess every batch from its raw file. `batches` counts those that can be replayed.

    `ended`: an earlier replay whose run failed before it could complete.
    """

    dataset: Urn
    reason: str
    run: Urn
    batches: int
    ended: Urn | None = None


@record
class CompleteReplay:
    """Report what a replay did."""

    dataset: Urn
    run: Urn
    batches: tuple[ReplayedBatch, ...]


Command: TypeAlias = RegisterDataset | EvolveSchema | RequestReplay | CompleteReplay


@record
class DatasetRegistered:
    """A dataset exists, with schema version 1. `domain` is that of the product, where it has one."""

    name: str
    fields: tuple[Field, ...]
    product: Urn | None = None
    domain: Urn | None = None
    contains_pii: bool | None
    encryption_enabled: bool


@record
class DatasetSchemaEvolved:
    """The dataset has another schema, given whole."""

    dataset: Urn
    schema_version: int
    fields: tuple[Field, ...]
    compatibility: Compatibility


@record
class ReplayRequested:
    """A replay of all batches began."""

    dataset: Urn
    reason: str
    run: Urn


@record
class ReplayCompleted:
    """The replay ended; every batch that it looked at is named."""

    dataset: Urn
    run: Urn
    batches: tuple[ReplayedBatch, ...]


Event: TypeAlias = DatasetRegistered | DatasetSchemaEvolved | ReplayRequested | ReplayCompleted


@record
class Dataset:
    """A dataset's state. `domain` is for good; `replay` is the run that replays it now."""

    name: str
    fields: tuple[Field, ...]
    schema_version: int
    domain: Urn | None = None
    replay: Urn | None = None


State: TypeAlias = Dataset | None


def decide(command: Command, state: State) -> Sequence[Event]:
    """What the command records. Raises: Refused."""
    match command:
        case RegisterDataset():
            if state is not None:
                raise AlreadyExists(f"dataset {state.name!r} exists; choose another name", field="name")
            return [register(command)]
        case EvolveSchema():
            return evolved(command, existing(command.dataset, state))
        case RequestReplay(dataset=dataset, reason=reason, run=run, batches=batches, ended=ended):
            known = existing(dataset, state)
            if known.replay not in (None, ended):
                raise PreconditionFailed(
                    f"a replay of dataset {known.name!r} is under way ({known.replay}); wait for it to end",
                    replay=known.replay,
                )
            if batches == 0:
                raise PreconditionFailed(f"dataset {known.name!r} has no batch to replay; append one first")
            return [ReplayRequested(dataset=dataset, reason=reason, run=run)]
        case CompleteReplay(dataset=dataset, run=run, batches=done):
            known = existing(dataset, state)
            if known.replay != run:
                raise PreconditionFailed(f"run {run!r} does not replay dataset {known.name!r} now")
            return [ReplayCompleted(dataset=dataset, run=run, batches=done)]
        case _:
            assert_never(command)


def register(command: RegisterDataset) -> DatasetRegistered:
    """The first event. A field marked pii says that the dataset contains personal data."""
    fields = check_fields(command.fields)
    personal = [field.name for field in fields if field.pii]
    if personal and command.contains_pii is False:
        raise BadUserInput(
            f"containsPii is false, but field {personal[0]!r} is marked pii; say true or unmark it", field="containsPii"
        )
    return DatasetRegistered(
        name=command.name,
        fields=fields,
        product=command.product,
        domain=command.domain,
        contains_pii=True if personal else command.contains_pii,
        encryption_enabled=command.encryption_enabled,
    )


def evolved(command: EvolveSchema, known: Dataset) -> Sequence[DatasetSchemaEvolved]:
    """The change of schema; nothing where it is the schema that stands. Raises: BadUserInput, PreconditionFailed."""
    fields = check_fields(command.fields)
    if fields == known.fields:
        return []
    asked = command.compatibility
    broken = breaks(known.fields, fields, asked)
    if asked is not Compatibility.NONE:
        broken += command.stranded
    if broken:
        raise PreconditionFailed(
            f"this schema of dataset {known.name!r} is not {asked} compatible with version {known.schema_version}:"
            f" {told(broken)}; mend what is named, or ask for another compatibility (NONE allows everything)",
            breaks=listed(broken),
        )
    return [
        DatasetSchemaEvolved(
            dataset=command.dataset,
            schema_version=known.schema_version + 1,
            fields=fields,
            compatibility=asked,
        )
    ]


def evolve(state: State, event: Event) -> State:
    """The state after the event."""
    match event:
        case DatasetRegistered(name=name, fields=fields, domain=domain):
            return Dataset(name=name, fields=fields, schema_version=1, domain=domain)
        case DatasetSchemaEvolved(fields=fields, schema_version=version):
            return replace(_standing(state), fields=fields, schema_version=version)
        case ReplayRequested(run=run):
            return replace(_standing(state), replay=run)
        case ReplayCompleted():
            return replace(_standing(state), replay=None)
        case _:
            assert_never(event)


def existing(dataset: Urn, state: State) -> Dataset:
    """The dataset's state. Raises: NotFound."""
    if state is None:
        raise NotFound(f"{dataset!r} is not known; register it first", field="dataset")
    return state


def _standing(state: State) -> Dataset:
    assert state is not None, "a stream starts with DatasetRegistered"
    return state


def about(state: State) -> tuple[Urn, ...]:
    """The dataset itself, so that one filter finds its events and those of its batches and contracts; its domain."""
    if state is None:
        return ()
    return (Urn(f"dataset:{state.name}"), *(() if state.domain is None else (state.domain,)))


DATASET: Decider[Command, Event, State] = Decider(initial=None, decide=decide, evolve=evolve, about=about)


def without_place(raw: Raw) -> Raw:
    """DatasetRegistered 1 -> 2: there were no products and no domains."""
    nowhere: Raw = {"product": None, "domain": None}
    return raw | nowhere


UPCASTS: Mapping[type, Sequence[Upcast]] = {DatasetRegistered: (without_place,)}
