"""A picture as GraphML, for tools that calculate with graphs as well as draw them."""

import importlib
import re
from typing import Any

from server.mesh.lineage.diagram.picture import Picture

# XML 1.0, section 2.2: what a document cannot hold even escaped
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def graphml(shown: Picture) -> str:
    """The graph by URN, everything that is known of assets and edges as attributes."""
    networkx = _networkx()
    graph = networkx.DiGraph(title=shown.title, missing=shown.missing or "")
    for box in shown.boxes:
        graph.add_node(
            box.urn,
            name=_NOT_XML.sub("\ufffd", box.name),
            kind=box.kind.value,
            depth=box.depth,
            confidence=box.confidence,
            root=box.number == 0,
        )
    for arrow in shown.arrows:
        ends = shown.boxes[arrow.source].urn, shown.boxes[arrow.target].urn
        graph.add_edge(*ends, type=arrow.type.value, confidence=arrow.confidence)
    return "\n".join(networkx.generate_graphml(graph)) + "\n"


def _networkx() -> Any:  # the module, loaded in a worker thread: nothing else that the server does at start needs it
    return importlib.import_module("networkx")
