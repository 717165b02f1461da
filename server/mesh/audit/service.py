"""The audit of access: a read of a lake's rows stands in the log before the first of them goes out."""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum

from server.adapters.store.append import MUST_EXIST, NewEvent, Outcome, StreamCheck
from server.adapters.store.commands import Commands, Decision, Receipt
from server.adapters.store.snapshots import EVERY
from server.kernel.errors import PreconditionFailed
from server.kernel.ids import Kind, name_of, reference
from server.kernel.intent import Intent
from server.kernel.purpose import UNSPECIFIED, check_purpose, check_words
from server.kernel.record import record
from server.mesh.audit.places import Place, ReadPlaces
from server.mesh.dataset.queries import unknown_dataset
from server.mesh.lake.facts import AccessAudited
from server.mesh.lake.state import unknown_lake
from server.mesh.lake.stream import LAKES


class Action(StrEnum):
    """How rows, or what quotes them, leave this server."""

    RECORDS = "records"
    RECORD = "record"
    COUNT = "count"
    STREAM = "stream"
    DOWNLOAD = "download"
    REJECTS = "rejects"
    SAMPLES = "samples"
    PREVIEW = "preview"
    REVEAL = "reveal"


@record
class Reading:
    """Who reads, what for, in which request. `purpose` None: nobody said."""

    accessor: str
    purpose: str | None
    correlation_id: str


@record
class Access:
    """One way in which a dataset was read."""

    dataset: str
    action: str


class AccessAudit:
    """Records who read what, and refuses who does not say why where that is asked."""

    def __init__(self, commands: Commands, places: ReadPlaces) -> None:
        self._commands = commands
        self._places = places

    async def places(self, datasets: Collection[str]) -> Mapping[str, Place]:
        """Where those datasets stand now that are known."""
        return await self._places.of(datasets)

    async def admit(self, dataset: str, purpose: str | None, *, need: str | None = None) -> Place | None:
        """The place of a dataset that may be read with this purpose; None where it is not known.

        `need`: how to give a purpose. Raises: BadUserInput.
        """
        place = (await self.places([dataset])).get(dataset)
        if place is not None:
            place.check(purpose) if need is None else place.check(purpose, need=need)
        return place

    async def record(self, reading: Reading, accesses: Sequence[tuple[Place, Access]]) -> None:
        """Return once these accesses are committed; those of datasets in no lake leave no record.

        Raises: BadUserInput; PostgresAway and Unavailable, and then nothing may be shown.
        """
        for place, _ in accesses:
            place.check(reading.purpose)
        audited = [audited_read(place, access, reading) for place, access in accesses if place.lake is not None]
        if audited:
            await self._append(reading, tuple(audited))

    async def reveal(self, reading: Reading, place: Place) -> None:
        """Return once it is committed that a pseudonym is turned back: on the lake's stream, else on the dataset's."""
        access = Access(dataset=place.dataset, action=Action.REVEAL)
        await self._append(reading, (audited_read(place, access, reading),))

    async def declare(
        self, lake: str, dataset: str, *, accessor: str, action: str, purpose: str, intent: Intent
    ) -> Receipt:
        """Record an access that took place elsewhere. Raises: NotFound, PreconditionFailed, BadUserInput."""
        at, read = reference(Kind.LAKE, lake, field="lake"), reference(Kind.DATASET, dataset, field="dataset")
        reading = Reading(
            accessor=check_words(accessor, field="accessor", need="name who read"),
            purpose=check_purpose(purpose),
            correlation_id=intent.correlation_id,
        )
        access = Access(dataset=read, action=check_words(action, field="action", need="say what was done"))

        async def attempt() -> Decision:
            if not (await self._commands.load(LAKES, at)).version:
                raise unknown_lake(at)
            place = (await self.places([read])).get(read)
            if place is None:
                raise unknown_dataset(read)
            if place.lake != at:
                raise PreconditionFailed(
                    f"dataset {name_of(read)!r} is not in lake {name_of(at)!r}; ingest it with ingestDataset first",
                    field="dataset",
                )
            check = StreamCheck(stream=at, version=MUST_EXIST)
            return Decision(checks=(check,), events=(audited_read(place, access, reading),))

        return await self._commands.perform(intent, attempt)

    async def _append(self, reading: Reading, events: tuple[NewEvent, ...]) -> None:
        """Append, and keep the state of a lake for each EVERY events, so that no later load reads thousands."""
        result = await self._commands.note(Intent.once(reading.accessor, reading.correlation_id), events)
        # a duplicate stands since a try whose answer was lost, with versions that nobody told
        assert result.outcome in (Outcome.APPENDED, Outcome.DUPLICATE), "a dataset stands in a lake that exists"
        for new, version in zip(events, result.versions, strict=False):
            if version % EVERY == 0 and new.stream.startswith(f"{Kind.LAKE}:"):
                await self._commands.keep(LAKES, new.stream)


def audited_read(place: Place, access: Access, reading: Reading) -> NewEvent:
    """The event of one access, on the stream of the lake or, where there is none, of the dataset."""
    event = AccessAudited(
        lake=place.lake,
        accessor=reading.accessor,
        dataset=place.dataset,
        action=access.action,
        purpose=reading.purpose or UNSPECIFIED,
    )
    within = () if place.lake is None else (place.lake,)
    return NewEvent(stream=place.lake or place.dataset, event=event, about=(*within, place.dataset, *place.owners))
