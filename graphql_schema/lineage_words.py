"""The words of lineage in the graph: how an edge came to be, which way is asked, what an external asset is, columns."""

import strawberry

from graphql_schema.enumeration import enumeration
from server.kernel import lineage
from server.mesh.lineage.facts import ColumnLink

LineageType = enumeration(
    lineage.LineageType,
    name="LineageType",
    description="How the target is made of the source.",
    DIRECT="The target holds what the source holds.",
    DERIVED="The target is computed from the source.",
    AGGREGATED="The target sums up many rows of the source.",
)
LineageDirection = enumeration(
    lineage.LineageDirection,
    name="LineageDirection",
    description="Which way lineage is followed.",
    UPSTREAM="What feeds the asset.",
    DOWNSTREAM="What the asset feeds.",
    BOTH="Both.",
)
ExternalKind = enumeration(
    lineage.ExternalKind,
    name="ExternalKind",
    description="What an asset is that only lineage knows.",
    DATASET="Data that is kept somewhere else.",
    JOB="A program that moves data.",
    OTHER="Something else.",
)


@strawberry.type(description="A column of an edge's target and the columns of its source that it is made of.")
class ColumnLineage:
    """A column of an edge's target and what it is made of."""

    target: str = strawberry.field(description="The column of the target.")
    sources: list[str] = strawberry.field(description="The columns of the source whose values stand in it.")
    indirect: list[str] = strawberry.field(
        description="Columns of the source that decide which of its rows count, or how they are grouped and ordered."
    )


def column_lineage(link: ColumnLink) -> ColumnLineage:
    """A link in the graph."""
    return ColumnLineage(target=link.target, sources=list(link.sources), indirect=list(link.indirect))
