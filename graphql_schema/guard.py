"""Guards: the permission that a field declares, checked before its resolver runs."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import strawberry
from strawberry.extensions import FieldExtension

from graphql_schema.context import Info
from server.kernel.permission import Permission

# A resolver's own arguments and result: Strawberry passes them through.
Next: TypeAlias = Callable[..., Any]


class Guard(FieldExtension):
    """Asks the caller's roles before the field is resolved. `changes`: the field is a mutation."""

    def __init__(self, permission: Permission, *, changes: bool = False) -> None:
        self.permission = permission
        self.changes = changes

    def resolve(  # type: ignore[override]  # a field may have an argument `source`
        self, next_: Next, source: Any, info: Info, /, **arguments: Any
    ) -> Any:
        """A field that resolves at once."""
        info.context.require(self.permission)
        return next_(source, info, **arguments)

    async def resolve_async(  # type: ignore[override]  # as above
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info, /, **arguments: Any
    ) -> Any:
        """A field that resolves later. Before a change, what was read for an earlier field is forgotten."""
        info.context.require(self.permission)
        if self.changes:
            info.context.renew()
        return await next_(source, info, **arguments)


def guarded(
    permission: Permission, *, description: str, metadata: Mapping[str, Any] | None = None, changes: bool = False
) -> Callable[[Callable[..., Any]], Any]:
    """A field that declares the permission it needs; it stands in docs/permissions.md."""

    def decorate(resolver: Callable[..., Any]) -> Any:
        return strawberry.field(
            resolver=resolver,
            description=description,
            extensions=[Guard(permission, changes=changes)],
            metadata={"permission": permission, **(metadata or {})},
        )

    return decorate


def mutation(description: str, permission: Permission = Permission.CHANGE) -> Callable[[Callable[..., Any]], Any]:
    """A mutation, with the permission that it needs."""
    return guarded(permission, description=description, changes=True)
