"""Compliance in the graph: a lake's report, and its audit trail as a signed file."""

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import strawberry

from graphql_schema import grant as grants
from graphql_schema.context import Info
from graphql_schema.guard import guarded
from graphql_schema.layer import DataFormat
from graphql_schema.node import Node
from graphql_schema.paging import First
from server.adapters.store.listing import At
from server.http.graphql.weight import price
from server.kernel.permission import Permission
from server.mesh.compliance.period import Period
from server.mesh.compliance.report import AccessBy, Figures

if TYPE_CHECKING:
    from graphql_schema.grant import SignedUrl
    from graphql_schema.lake import DataLake

MOST = 100
From = Annotated[
    datetime | None, strawberry.argument(name="from", description="Its beginning, included; without it, everything.")
]
To = Annotated[
    datetime | None,
    strawberry.argument(description="Its end, included; without it, or where it lies ahead, the latest that is known."),
]


@strawberry.type(description="How often a dataset was read, or an accessor read.")
class AccessCount:
    """How often something was read, or somebody read."""

    key: str = strawberry.field(description="The dataset's URN, or the accessor's name.")
    count: int = strawberry.field(description="How many accesses were recorded.")


@strawberry.type(description="What a lake can show for a period.")
class ComplianceReport:
    """A lake's figures, and what they were asked for."""

    at: strawberry.Private[At]
    period: strawberry.Private[Period]
    from_: datetime | None = strawberry.field(name="from", description="As it was asked.")
    to: datetime = strawberry.field(
        description="What the report reaches: as it was asked, else the latest that is known."
    )
    datasets: int = strawberry.field(description="Datasets in the lake at its end.")
    datasets_with_pii: int = strawberry.field(description="Those of them that hold personal data.")
    deletions_requested: int = strawberry.field(description="Erasures requested in the period.")
    deletions_completed: int = strawberry.field(description="Erasures completed in the period.")
    deletions_rejected: int = strawberry.field(description="Requests rejected in the period.")
    deletions_pending: int = strawberry.field(description="Requests that are PENDING at its end.")
    deletions_overdue: int = strawberry.field(description="Requests that are OVERDUE at its end.")
    deletions_held: int = strawberry.field(description="Requests that are HELD at its end.")
    average_completion_hours: float | None = strawberry.field(
        description="From request to completion, of those completed in the period; null where there are none."
    )
    access_events: int = strawberry.field(description="Accesses recorded in the period.")

    @strawberry.field(description="The lake.")
    async def lake(self, info: Info) -> Annotated["DataLake", strawberry.lazy("graphql_schema.lake")]:
        """Whose report it is."""
        return lakes.lake_node(await info.context.load("lake", self.at.position, self.at.id), self.at.position)

    @strawberry.field(description="What was read most in the period, the most first, then by URN.", metadata=price(50))
    async def access_by_dataset(self, info: Info, first: First = MOST) -> list[AccessCount]:
        """The datasets that were read most."""
        return await self._most(info, AccessBy.DATASET, first)

    @strawberry.field(description="Who read most in the period, the most first, then by name.", metadata=price(50))
    async def access_by_accessor(self, info: Info, first: First = MOST) -> list[AccessCount]:
        """The accessors that read most."""
        return await self._most(info, AccessBy.ACCESSOR, first)

    async def _most(self, info: Info, by: AccessBy, first: int | None) -> list[AccessCount]:
        limit = MOST if first is None else first
        read = partial(info.context.mesh.reports.most, by, limit, self.period)
        found = await info.context.together(("accesses", by, limit, self.period), read, self.at)
        return [AccessCount(key=one.key, count=one.count) for one in found or ()]


@strawberry.type
class LakeReport(Node):
    """What every lake answers about its compliance."""

    position: strawberry.Private[int]

    @guarded(
        Permission.COMPLIANCE,
        description="What the lake can show for a period: its deletions, its datasets, who read what.",
        metadata=price(50),
    )
    async def compliance_report(self, info: Info, since: From = None, to: To = None) -> ComplianceReport:
        """The report as of the position, or of an earlier end."""
        at, period = At(self.id, self.position), Period(since=since, to=to)
        read = partial(info.context.mesh.reports.figures, period)
        figures = await info.context.together(("report", period), read, at)
        assert figures is not None, "every lake that is asked for has figures"
        return _report(at, period, figures)


@strawberry.type
class ComplianceReads:
    """The audit trail of a lake, as a file."""

    @guarded(
        Permission.COMPLIANCE,
        description="A signed address of the lake's audit trail: every event that concerns it, in order, up to now. It"
        " works for 15 minutes and gives the same bytes each time; the address followed by `/signature` gives their"
        " digest, signed. NDJSON carries that as its last line too.",
    )
    async def export_audit(
        self,
        info: Info,
        lake: Annotated[strawberry.ID, strawberry.argument(description="The lake, by URN or id.")],
        since: From = None,
        to: To = None,
        format: Annotated[
            DataFormat | None,  # type: ignore[valid-type]
            strawberry.argument(description="How the events are written."),
        ] = DataFormat.NDJSON,
    ) -> Annotated["SignedUrl", strawberry.lazy("graphql_schema.grant")]:
        """An address; nothing is written before it is used."""
        address = await info.context.mesh.audit_exports.address(
            lake,
            Period(since=since, to=to),
            format or DataFormat.NDJSON,
            position=await info.context.now(),
        )
        return grants.signed_url(address, info.context.base_url)


def _report(at: At, period: Period, figures: Figures) -> ComplianceReport:
    return ComplianceReport(
        at=at,
        period=period,
        from_=period.since,
        to=figures.reach.to,
        datasets=figures.datasets,
        datasets_with_pii=figures.datasets_with_pii,
        deletions_requested=figures.requested,
        deletions_completed=figures.completed,
        deletions_rejected=figures.rejected,
        deletions_pending=figures.pending,
        deletions_overdue=figures.overdue,
        deletions_held=figures.held,
        average_completion_hours=figures.average_completion_hours,
        access_events=figures.access_events,
    )


# What this room offers is inherited there.
from graphql_schema import lake as lakes  # noqa: E402
