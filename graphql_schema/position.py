"""The position that a reading field is about: that of its catalog, or now on the root."""

from graphql_schema.context import Info


async def position_of(source: object, info: Info) -> int:
    """`source` is a Catalog, which knows its position, or the root, which means now."""
    position = getattr(source, "position", None)
    return position if isinstance(position, int) else await info.context.now()
