"""External assets in the graph: what is known only from lineage."""

import strawberry

from graphql_schema.asset import Asset
from graphql_schema.lineage_words import ExternalKind
from server.kernel import lineage
from server.mesh.lineage.queries import ExternalRow


@strawberry.type(description="An asset outside the mesh, known only from lineage.")
class ExternalAsset(Asset):
    """An external asset at a position."""

    namespace: str = strawberry.field(description="Where its name is one of a kind.")
    kind: ExternalKind = strawberry.field(description="What it is.")  # type: ignore[valid-type]


def external_node(row: ExternalRow, position: int) -> ExternalAsset:
    """An external asset in the graph."""
    return ExternalAsset(
        id=strawberry.ID(row.id),
        position=position,
        name=row.name,
        namespace=row.namespace,
        kind=lineage.ExternalKind(row.kind),
    )
