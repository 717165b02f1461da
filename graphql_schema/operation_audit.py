"""The reads of one operation, audited: each action on a dataset once, those of one turn in one append."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from strawberry.dataloader import DataLoader

from server.mesh.audit.places import Place
from server.mesh.audit.service import Access, AccessAudit, Action, Reading

T = TypeVar("T")


class OperationAudit:
    """Lets an operation read rows, and records that it did before they go out."""

    def __init__(self, audit: AccessAudit, reading: Reading) -> None:
        self._audit = audit
        self._reading = reading
        self._places: DataLoader[str, Place | None] = DataLoader(self._find)
        self._records: DataLoader[Access, None] = DataLoader(self._record)

    async def admit(self, dataset: str) -> Place | None:
        """The dataset's place, if it is known. Raises: BadUserInput, where it asks for a purpose and none is given."""
        place = await self._places.load(dataset)
        if place is not None:
            place.check(self._reading.purpose)
        return place

    async def through(self, dataset: str, action: Action, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` reads of the dataset, once the access is committed; a read that fails leaves no record.

        Raises: BadUserInput, as `admit` does.
        """
        place = await self.admit(dataset)
        found = await work()
        if place is not None and place.lake is not None:
            await self._records.load(Access(dataset=dataset, action=action))
        return found

    async def _find(self, datasets: list[str]) -> Sequence[Place | None]:
        places = await self._audit.places(datasets)
        return [places.get(dataset) for dataset in datasets]

    async def _record(self, accesses: list[Access]) -> Sequence[None]:
        known = [(await self._places.load(access.dataset), access) for access in accesses]
        await self._audit.record(self._reading, [(place, access) for place, access in known if place is not None])
        return [None] * len(accesses)
