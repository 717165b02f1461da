"""A picture as a Mermaid flowchart, within what Mermaid draws unless it is told otherwise."""

from dataclasses import replace

from server.kernel.ids import Kind
from server.kernel.lineage import LineageType
from server.mesh.lineage.diagram.picture import Arrow, Box, Picture

# Mermaid refuses more than 500 edges and 50,000 characters; a text cannot allow itself more.
MOST_ARROWS = 480
MOST_CHARACTERS = 45_000

_SHAPES = {Kind.PRODUCT: ('(["', '"])'), Kind.DATASET: ('[("', '")]'), Kind.EXTERNAL: ('[/"', '"/]')}
_LINES = {LineageType.DIRECT: "-->", LineageType.DERIVED: "-.->", LineageType.AGGREGATED: "==>"}
# What would end a label, begin a comment, a directive, an entity or Markdown.
_ESCAPES = str.maketrans({sign: f"#{ord(sign)};" for sign in "\"#%&'<>\\`{}[]|*_~"})


def mermaid(shown: Picture) -> str:
    """The flowchart: rounded products, cylinders for datasets, slanted external assets, a thick border for the root."""
    shown = _fitting(shown)
    lines = ["flowchart LR", f"  %% {shown.title}"]
    if shown.missing:
        lines.append(f"  %% {shown.missing}")
    lines += [_box(box) for box in shown.boxes]
    lines += [_arrow(arrow) for arrow in shown.arrows]
    if shown.missing:
        lines.append(f'  more["… {shown.missing}"]')
        lines.append("  style more stroke-dasharray: 4 4")
    lines.append("  style n0 stroke-width:4px")
    return "\n".join(lines) + "\n"


def _box(box: Box) -> str:
    before, after = _SHAPES[box.kind]
    return f"  n{box.number}{before}{box.label.translate(_ESCAPES)}{after}"


def _arrow(arrow: Arrow) -> str:
    return f'  n{arrow.source} {_LINES[arrow.type]}|"{arrow.label}"| n{arrow.target}'


def _fitting(shown: Picture) -> Picture:
    """The nearest boxes that fit with the arrows among them."""
    by_last: dict[int, list[Arrow]] = {}
    for arrow in shown.arrows:
        by_last.setdefault(max(arrow.source, arrow.target), []).append(arrow)
    arrows = characters = 0
    for box in shown.boxes:
        new = by_last.get(box.number, [])
        arrows += len(new)
        characters += sum(len(_arrow(arrow)) + 1 for arrow in new) + len(_box(box)) + 1
        if box.number and (arrows > MOST_ARROWS or characters > MOST_CHARACTERS):
            return _cut(shown, box.number)
    return shown


def _cut(shown: Picture, boxes: int) -> Picture:
    arrows = tuple(arrow for arrow in shown.arrows if max(arrow.source, arrow.target) < boxes)
    text = f"{len(shown.boxes) - boxes} of the assets do not fit into a Mermaid chart"
    return replace(
        shown, boxes=shown.boxes[:boxes], arrows=arrows, missing=f"{text}, {shown.missing}" if shown.missing else text
    )
