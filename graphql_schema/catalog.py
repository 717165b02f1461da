"""The whole catalog at one position: what stands on the root, as of any time."""

from datetime import datetime
from typing import Annotated

import strawberry

from graphql_schema.analytics import AnalyticsReads
from graphql_schema.batch import BatchReads
from graphql_schema.column_lineage import ColumnReads
from graphql_schema.context import Info
from graphql_schema.contract import ContractReads
from graphql_schema.dataset import DatasetReads
from graphql_schema.domain import DomainReads
from graphql_schema.guard import guarded
from graphql_schema.lake import LakeReads
from graphql_schema.lineage_picture import LineagePicture
from graphql_schema.lineage_reads import LineageReads
from graphql_schema.product import ProductReads
from graphql_schema.scalars import BigInt
from server.kernel.permission import Permission


@strawberry.type(description="The whole catalog as it stood just after an instant or a log position.")
class Catalog(
    DomainReads,
    ProductReads,
    DatasetReads,
    ContractReads,
    BatchReads,
    LakeReads,
    LineageReads,
    LineagePicture,
    ColumnReads,
    AnalyticsReads,
):
    """The catalog at a position."""

    position: BigInt = strawberry.field(description="The log position that it reflects; 0 before the first event.")
    as_of: datetime = strawberry.field(description="The instant that was asked for, or of the position.")


@strawberry.type
class CatalogQuery:
    """The catalog on the root."""

    @guarded(
        Permission.CATALOG,
        description="The whole catalog as it stood just after an instant or a log position. With neither: now.",
    )
    async def catalog(
        self,
        info: Info,
        as_of: Annotated[datetime | None, strawberry.argument(description="An instant, not in the future.")] = None,
        at_position: Annotated[BigInt | None, strawberry.argument(description="A log position.")] = None,
    ) -> Catalog:
        """The catalog at a position."""
        events = info.context.mesh.events
        position = await events.position(as_of, at_position)
        instant = as_of or await events.instant(position)
        return Catalog(position=BigInt(position), as_of=instant)
