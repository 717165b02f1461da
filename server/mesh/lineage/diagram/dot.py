"""A picture in the DOT language of Graphviz."""

from server.kernel.ids import Kind
from server.kernel.lineage import LineageType
from server.mesh.lineage.diagram.picture import Arrow, Box, Picture

_SHAPES = {Kind.PRODUCT: "box", Kind.DATASET: "cylinder", Kind.EXTERNAL: "parallelogram"}
_LINES = {LineageType.DIRECT: "solid", LineageType.DERIVED: "dashed", LineageType.AGGREGATED: "bold"}


def dot(shown: Picture) -> str:
    """The digraph: boxes for products, cylinders for datasets, slanted external assets, a thick border for the root."""
    lines = [
        "digraph lineage {",
        f"  // {shown.title}",
        "  rankdir=LR;",
        '  node [fontname="sans-serif"];',
        '  edge [fontname="sans-serif", fontsize=10];',
    ]
    if shown.missing:
        lines.insert(2, f"  // {shown.missing}")
        lines.append(f"  more [label={_quoted(f'… {shown.missing}')}, shape=note, style=dashed];")
    lines += [_box(box) for box in shown.boxes]
    lines += [_arrow(arrow) for arrow in shown.arrows]
    return "\n".join([*lines, "}", ""])


def _box(box: Box) -> str:
    thick = ", penwidth=4" if box.number == 0 else ""
    return (
        f"  n{box.number} [label={_quoted(box.label)}, shape={_SHAPES[box.kind]}, tooltip={_quoted(box.urn)}{thick}];"
    )


def _arrow(arrow: Arrow) -> str:
    return f"  n{arrow.source} -> n{arrow.target} [label={_quoted(arrow.label)}, style={_LINES[arrow.type]}];"


def _quoted(text: str) -> str:
    """A quoted text in which nothing is an escape or an entity."""
    return '"' + text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') + '"'
