"""The parts of lineage put together: the graph in memory, who reads it and who decides on it."""

from contextlib import AsyncExitStack

from server.adapters.side_process.process import SideProcess
from server.assembly.tools import clock
from server.database import Database, Store
from server.kernel.record import record
from server.mesh.lineage.analytics.census import Census
from server.mesh.lineage.analytics.graph import LineageAnalytics
from server.mesh.lineage.assets import Assets
from server.mesh.lineage.columns.from_sql import SqlColumns
from server.mesh.lineage.columns.graphs import ColumnGraphs
from server.mesh.lineage.following.follower import LineageFollower
from server.mesh.lineage.impact import Impacts
from server.mesh.lineage.queries import LineageQueries
from server.mesh.lineage.service import LineageService
from server.settings import Settings


@record
class LineageParts:
    """What follows the log, what answers and what decides."""

    assets: Assets
    follower: LineageFollower
    queries: LineageQueries
    analytics: LineageAnalytics
    census: Census
    service: LineageService
    columns: ColumnGraphs
    impacts: Impacts


def open_lineage(settings: Settings, database: Database, store: Store, stack: AsyncExitStack) -> LineageParts:
    """Connect what works on the graph; it loads when `follower` is started or asked, and ends with the stack."""
    side = SideProcess()
    stack.push_async_callback(side.stop)
    follower = LineageFollower(database.pool)
    stack.push_async_callback(follower.stop)
    analytics = _analytics(database, follower, stack)
    assets = Assets(store.reader)
    read = SqlColumns(side, store.reader)
    queries = LineageQueries(store.reader, follower, settings.max_lineage_assets)
    columns = ColumnGraphs(database.pool, follower, store.reader)
    return LineageParts(
        assets=assets,
        follower=follower,
        queries=queries,
        analytics=analytics,
        census=Census(database.pool),
        service=LineageService(store.commands, store.reader, assets, follower, read, settings.max_lineage_entries),
        columns=columns,
        impacts=Impacts(database.pool, columns, clock),
    )


def _analytics(database: Database, follower: LineageFollower, stack: AsyncExitStack) -> LineageAnalytics:
    """Analytics with a process of their own: what takes them long must not keep SQL from being read."""
    side = SideProcess()
    stack.push_async_callback(side.stop)
    analytics = LineageAnalytics(database.pool, follower, side)
    stack.push_async_callback(analytics.stop)
    return analytics
