"""The context of one operation: who asks, what the server offers, and what was loaded already."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias, TypeVar

import orjson
import strawberry
from strawberry.dataloader import DataLoader

from graphql_schema.operation_audit import OperationAudit
from server.adapters.store.intervals import Interval
from server.adapters.store.listing import At, Listing
from server.adapters.store.log import StoredEvent
from server.adapters.store.paging import Page, PageRequest
from server.http.graphql.deadline import Deadline
from server.http.graphql.departure import Departure
from server.http.graphql.execution import refuse_listing
from server.kernel.address import Address
from server.kernel.caller import Caller
from server.kernel.errors import PreconditionFailed, Refused
from server.kernel.intent import Intent, intent
from server.kernel.layer import Layer
from server.kernel.permission import Permission, require
from server.mesh.audit.service import Reading
from server.mesh.events.runs import check_wait
from server.mesh.lineage.queries import LineageSight
from server.mesh.mesh import Mesh
from server.mesh.record.queries import Table

R = TypeVar("R", bound=Interval)
T = TypeVar("T")

DEFAULT_WAIT_SECONDS = 30.0
_UNCOUNTED = ("idempotency_key", "wait_seconds")  # they change how an answer comes, not what is asked


class _Many(NamedTuple):
    ids: tuple[str, ...]
    position: int


class Context:
    """Made anew for each operation, on a socket too."""

    def __init__(
        self,
        *,
        mesh: Mesh,
        caller: Caller,
        correlation_id: str,
        deadline: Deadline,
        base_url: str,
        departure: Departure | None = None,
        purpose: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.mesh = mesh
        self.caller = caller
        self.correlation_id = correlation_id
        self.deadline = deadline
        self.base_url = base_url
        self._purpose = purpose
        self._audit: OperationAudit | None = None
        self._departure = departure or Departure()
        self._head: asyncio.Task[int] | None = None
        self._loaders: dict[Hashable, DataLoader[At, Any]] = {}
        self._many: dict[str, DataLoader[_Many, Mapping[str, Any]]] = {}
        self._sight: LineageSight | None = None
        self._listed = 0

    def require(self, permission: Permission) -> None:
        """Refuse a caller without the permission. Raises: Unauthenticated, Forbidden."""
        require(permission, self.caller, public_read=self.mesh.public_read)

    async def now(self) -> int:
        """The log position that this operation is about: read once, so that all its fields agree."""
        if self._head is None:
            self._head = asyncio.create_task(self.mesh.lineages.stood(self.mesh.events.head))
        return await self._head

    @property
    def sight(self) -> LineageSight:
        """The lineage that this operation looks at."""
        if self._sight is None:
            self._sight = LineageSight(self.mesh.lineages)
        return self._sight

    def will_list(self, items: int) -> None:
        """Refuse items that the answer could not list before they are made. Raises: LimitExceeded."""
        self._listed += items
        refuse_listing(self._listed)

    def renew(self) -> None:
        """Forget what was read: the next field, or the next message of a subscription, is about a later moment."""
        self._head = self._sight = self._audit = None
        self._listed = 0
        self._loaders.clear()
        self._many.clear()

    def intent(self, mutation: str, given: Any, client_key: str | None) -> Intent:  # a Strawberry input
        """The intent behind a mutation's input."""
        arguments = orjson.loads(orjson.dumps(given, default=_maybe))
        for name in _UNCOUNTED:
            arguments.pop(name, None)
        return intent(
            actor=self.caller.name,
            correlation_id=self.correlation_id,
            mutation=mutation,
            arguments=arguments,
            client_key=client_key,
            secret=self.mesh.digest_key,
        )

    def wait(self, seconds: float | None) -> float:
        """The wait that a mutation asks for. It does not count against the deadline. Raises: BadUserInput."""
        wait = DEFAULT_WAIT_SECONDS if seconds is None else seconds
        check_wait(wait)
        self.deadline.extend(wait)
        return wait

    def load(self, kind: str, position: int, id: str) -> Any:  # an awaitable of the kind's row or rows
        """What `kind` names of one URN at a position; the loads of one turn go to the database in one statement."""
        return self._loader(kind, self._reads(kind)).load(At(id, position))

    async def rows(self, kind: str, position: int, ids: Collection[str]) -> Mapping[str, Any]:  # the kind's rows
        """As `load`, for many URNs of one kind: what one turn asks for goes to the database in one statement."""
        reading = self._reads(kind)

        async def read(asked: Sequence[_Many]) -> list[Mapping[str, Any]]:
            found = await reading([*{At(id, many.position): None for many in asked for id in many.ids}])
            return [
                {id: found[At(id, many.position)] for id in many.ids if At(id, many.position) in found}
                for many in asked
            ]

        loader = self._many.get(kind)
        if loader is None:
            loader = self._many[kind] = DataLoader(read)
        return await loader.load(_Many(tuple(ids), position))

    def _reads(self, kind: str) -> Callable[[Sequence[At]], Awaitable[Mapping[At, Any]]]:
        mesh = self.mesh
        reads: dict[str, Callable[[Sequence[At]], Awaitable[Mapping[At, Any]]]] = {
            "domain": mesh.domains.by_ids,
            "product": mesh.products.by_ids,
            "dataset": mesh.datasets.by_ids,
            "lake": mesh.lakes.by_ids,
            "deletion": mesh.deletions.by_ids,
            "dataset.schemas": mesh.datasets.schema_histories,
            "external": mesh.lineages.externals,
            "lineage": mesh.lineages.by_ids,
            "contract": mesh.contracts.by_ids,
            "batch": mesh.batches.by_ids,
            "batch.grants": mesh.batches.grants,
            "batch.quality": mesh.batches.quality_reports,
            "batch.privacy": mesh.batches.privacy_reports,
            "grant": mesh.batches.grants_by_ids,
        }
        return reads[kind]

    async def table(self, layer: Layer, dataset: str, position: int) -> Table:
        """Where the rows of a dataset stand; those of one turn are found together. Raises: PreconditionFailed."""

        async def read(asked: Sequence[At]) -> Mapping[At, Table | Refused]:
            try:
                return await self.mesh.records.tables(layer, asked)
            except PreconditionFailed as refused:
                if len(asked) == 1:
                    return {asked[0]: refused}
            found: dict[At, Table | Refused] = {}  # which of them are gone
            for at in asked:
                found.update(await read([at]))
            return found

        table: Table = await self._loader(("table", layer), read).load(At(dataset, position))
        return table

    @property
    def reading(self) -> Reading:
        """Who reads rows here, and what for. Raises: BadUserInput, where the purpose is none."""
        return Reading(accessor=self.caller.name, purpose=self._purpose(), correlation_id=self.correlation_id)

    @property
    def audit(self) -> OperationAudit:
        """The audit of what this operation reads of rows. Raises: BadUserInput, where the purpose is none."""
        if self._audit is None:
            self._audit = OperationAudit(self.mesh.access_audit, self.reading)
        return self._audit

    async def wanted(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` answers; it is cancelled when the client goes."""
        return await self._departure.unless_gone(work)

    async def address(self, grant: str) -> Address | None:
        """A grant's address; those of one turn are made together."""

        async def read(asked: Sequence[At]) -> Mapping[At, Address]:
            made = await self.mesh.grants.addresses([at.id for at in asked])
            return {At(id, 0): address for id, address in made.items()}

        address: Address | None = await self._loader("grant.address", read).load(At(grant, 0))
        return address

    async def children(self, listing: Listing[R], request: PageRequest, position: int, parent: str) -> Page[R]:
        """A parent's page of a listing; the pages of one turn are read, and counted, in one statement each."""
        name = (listing.name, request.first, request.after)
        pages = self._loader(name, lambda asked: self.mesh.reader.pages(listing, request, asked))
        counts = self._loader((*name, "count"), lambda asked: self.mesh.reader.counts(listing, asked))
        page: Page[R] = await pages.load(At(parent, position))
        return replace(page, count=lambda: counts.load(At(parent, page.position)))

    async def events(self, request: PageRequest, position: int, thing: str, *, about: bool) -> Page[StoredEvent]:
        """A thing's page of events up to a position; those of one turn are read together."""
        log = self.mesh.events
        name = ("events", about, request.first, request.after)
        pages = self._loader(name, lambda asked: log.pages(about, request, asked))
        counts = self._loader((*name, "count"), lambda asked: log.counts(about, asked))
        page: Page[StoredEvent] = await pages.load(At(thing, position))
        return replace(page, count=lambda: counts.load(At(thing, position)))

    async def together(
        self, name: Hashable, read: Callable[[Sequence[At]], Awaitable[Mapping[At, T]]], thing: At
    ) -> T | None:
        """What `read` answers of a thing; the things of one turn for which `name` is equal are read together."""
        found: T | None = await self._loader(name, read).load(thing)
        return found

    def _loader(
        self, name: Hashable, read: Callable[[Sequence[At]], Awaitable[Mapping[At, Any]]]
    ) -> DataLoader[At, Any]:
        async def load(asked: Sequence[At]) -> list[Any]:
            found = await read(asked)
            return [found.get(at) for at in asked]

        loader = self._loaders.get(name)
        if loader is None:
            loader = self._loaders[name] = DataLoader(load)
        return loader


def _maybe(value: Any) -> Any:
    """Strawberry's Some as JSON, so that an absent value differs from an explicit null."""
    return {"some": value.value}


Info: TypeAlias = strawberry.Info[Context, None]
