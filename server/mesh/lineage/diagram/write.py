"""The formats of pictures, and a neighbourhood written in each."""

from enum import StrEnum
from typing import assert_never

from server.mesh.lineage.diagram.dot import dot
from server.mesh.lineage.diagram.graphml import graphml
from server.mesh.lineage.diagram.mermaid import mermaid
from server.mesh.lineage.diagram.picture import picture
from server.mesh.lineage.neighbourhood import Asked, Neighbourhood


class DiagramFormat(StrEnum):
    """What a picture is written in."""

    MERMAID = "MERMAID"
    DOT = "DOT"
    GRAPHML = "GRAPHML"


def written(found: Neighbourhood, asked: Asked, format: DiagramFormat) -> str:
    """The picture as text; the same state gives the same text."""
    shown = picture(found, asked)
    match format:
        case DiagramFormat.MERMAID:
            return mermaid(shown)
        case DiagramFormat.DOT:
            return dot(shown)
        case DiagramFormat.GRAPHML:
            return graphml(shown)
        case _:
            assert_never(format)
