"""Pictures of lineage in the graph: the neighbourhood of an asset as text that other tools draw."""

import asyncio
from typing import Annotated

import strawberry

from graphql_schema.context import Info
from graphql_schema.enumeration import enumeration
from graphql_schema.guard import guarded
from graphql_schema.lineage import asked_around
from graphql_schema.lineage_reads import Direction, Of
from graphql_schema.position import position_of
from server.http.graphql.weight import price
from server.kernel.lineage import LineageDirection as Way
from server.kernel.permission import Permission
from server.mesh.lineage.diagram.write import DiagramFormat as Format
from server.mesh.lineage.diagram.write import written

DiagramFormat = enumeration(
    Format,
    name="DiagramFormat",
    description="What a picture is written in.",
    MERMAID="A Mermaid flowchart, cut to what Mermaid draws.",
    DOT="The DOT language of Graphviz.",
    GRAPHML="GraphML, with what is known of assets and edges as attributes.",
)


@strawberry.type
class LineagePicture:
    """Pictures of lineage on the root and in a catalog."""

    @guarded(
        Permission.CATALOG,
        description="What lies around an asset as a picture: kinds as shapes, edges with type and confidence, the asset"
        " itself emphasised. What is left out is said in the picture. The same state gives the same text.",
        metadata=price(100),
    )
    async def lineage_diagram(
        self,
        info: Info,
        of: Of,
        direction: Direction = Way.BOTH,
        depth: Annotated[
            int | None, strawberry.argument(description="How many edges away at most; null: however far.")
        ] = 3,
        format: Annotated[
            DiagramFormat | None,  # type: ignore[valid-type]
            strawberry.argument(description="What it is written in."),
        ] = Format.MERMAID,
    ) -> str:
        """The text, written in a thread."""
        position = await position_of(self, info)
        root = await info.context.mesh.assets.known(of, field="of", position=position)
        asked = asked_around(root, position, direction or Way.BOTH, depth)
        found = await info.context.sight.around(asked)
        return await asyncio.to_thread(written, found, asked, format or Format.MERMAID)
