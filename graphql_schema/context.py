"""The context of one operation: who asks, what the server offers, and what was loaded already."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import orjson
import strawberry
from strawberry.dataloader import DataLoader

from server.http.graphql.deadline import Deadline
from server.kernel.caller import Caller
from server.kernel.intent import Intent, intent
from server.kernel.permission import Permission, require
from server.mesh.events.runs import check_wait
from server.mesh.mesh import Mesh

DEFAULT_WAIT_SECONDS = 30.0
_UNCOUNTED = ("idempotency_key", "wait_seconds")  # they change how an answer comes, not what is asked


class Context:
    """Made anew for each operation, on a socket too."""

    def __init__(self, *, mesh: Mesh, caller: Caller, correlation_id: str, deadline: Deadline, base_url: str) -> None:
        self.mesh = mesh
        self.caller = caller
        self.correlation_id = correlation_id
        self.deadline = deadline
        self.base_url = base_url
        self._head: int | None = None
        self._loaders: dict[tuple[str, int], DataLoader[str, Any]] = {}

    def require(self, permission: Permission) -> None:
        """Refuse a caller without the permission. Raises: Unauthenticated, Forbidden."""
        require(permission, self.caller, public_read=self.mesh.public_read)

    async def now(self) -> int:
        """The log position that this operation is about: read once, so that all its fields agree."""
        if self._head is None:
            self._head = await self.mesh.events.head()
        return self._head

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
        """What `kind` names of one URN at a position; loads of one turn go to the database together."""
        loader = self._loaders.get((kind, position))
        if loader is None:
            loader = self._loaders[kind, position] = DataLoader(self._batch(kind, position))
        return loader.load(id)

    def _batch(self, kind: str, position: int) -> Any:  # a batch function of the loader
        reads = {
            "dataset": self.mesh.datasets.by_ids,
            "contract": self.mesh.contracts.by_ids,
            "batch": self.mesh.batches.by_ids,
            "grant": self.mesh.batches.grants_by_ids,
            "batch.grants": self.mesh.batches.grants,
            "batch.quality": self.mesh.batches.quality_reports,
            "batch.privacy": self.mesh.batches.privacy_reports,
        }
        read: Any = reads[kind]

        async def load(ids: Sequence[str]) -> list[Any]:
            found = await read(ids, position)
            return [found.get(id) for id in ids]

        return load


def _maybe(value: Any) -> Any:
    """Strawberry's Some as JSON, so that an absent value differs from an explicit null."""
    return {"some": value.value}


Info: TypeAlias = strawberry.Info[Context, None]
