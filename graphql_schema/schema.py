"""The whole schema, put together from the slices' files."""

from collections.abc import Sequence

import strawberry

from graphql_schema.access_process import AccessMutation, AccessReads
from graphql_schema.analytics import AnalyticsReads
from graphql_schema.batch import BatchReads
from graphql_schema.batch_process import BatchMutation
from graphql_schema.catalog import CatalogQuery
from graphql_schema.checkpoint import CheckpointReads
from graphql_schema.column_lineage import ColumnReads
from graphql_schema.compliance import ComplianceReads
from graphql_schema.contract import ContractMutation, ContractReads
from graphql_schema.dataset import DatasetMutation, DatasetReads
from graphql_schema.deletion import DeletionReads
from graphql_schema.deletion_process import DeletionMutation
from graphql_schema.diff import DiffReads
from graphql_schema.domain import DomainMutation, DomainReads
from graphql_schema.event_log import EventQueries, EventSubscription
from graphql_schema.event_types import EVENT_TYPES
from graphql_schema.external_asset import ExternalAsset
from graphql_schema.grant import GrantMutation
from graphql_schema.impact import ImpactQuery
from graphql_schema.lake import LakeMutation, LakeReads
from graphql_schema.lineage_live import LineageSubscription
from graphql_schema.lineage_picture import LineagePicture
from graphql_schema.lineage_process import LineageMutation
from graphql_schema.lineage_reads import LineageReads
from graphql_schema.nodes import NodeQuery
from graphql_schema.privacy import PrivacyReads
from graphql_schema.product import ProductReads
from graphql_schema.product_change import ProductMutation
from graphql_schema.record_creation import RecordMutation
from graphql_schema.run import RunQuery, RunSubscription
from graphql_schema.scalars import CONFIG
from graphql_schema.search import SearchReads
from graphql_schema.server_info import ServerQuery
from server.http.graphql.errors import Schema
from server.http.graphql.execution import Execution
from server.http.graphql.guards import guards
from server.http.graphql.limits import Limits


@strawberry.type(description="Everything that can be asked. Without `catalog`, it is about now.")
class Query(
    NodeQuery,
    CatalogQuery,
    DomainReads,
    ProductReads,
    DatasetReads,
    ContractReads,
    BatchReads,
    LakeReads,
    LineageReads,
    AnalyticsReads,
    LineagePicture,
    ColumnReads,
    ImpactQuery,
    PrivacyReads,
    AccessReads,
    SearchReads,
    EventQueries,
    ComplianceReads,
    CheckpointReads,
    DeletionReads,
    DiffReads,
    RunQuery,
    ServerQuery,
):
    """Everything that can be asked."""


@strawberry.type(description="Everything that can be done: one mutation for each process.")
class Mutation(
    DomainMutation,
    ProductMutation,
    DatasetMutation,
    ContractMutation,
    BatchMutation,
    LakeMutation,
    DeletionMutation,
    LineageMutation,
    GrantMutation,
    RecordMutation,
    AccessMutation,
):
    """Everything that can be done."""


@strawberry.type(description="Everything that can be followed live.")
class Subscription(EventSubscription, RunSubscription, LineageSubscription):
    """Everything that can be followed live."""


def build_schema(limits: Limits | None = None) -> Schema:
    """The schema, with the guards of these limits."""
    extensions: Sequence[object] = guards(limits or Limits())
    return Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[*EVENT_TYPES.values(), ExternalAsset],
        config=CONFIG,
        execution_context_class=Execution,
        extensions=list(extensions),  # type: ignore[arg-type]  # factories of extensions
    )
