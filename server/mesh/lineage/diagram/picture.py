"""What a picture of a neighbourhood shows, whatever it is written in: boxes, arrows and what was left out."""

import unicodedata
from collections.abc import Mapping

from server.kernel.external import parse_external
from server.kernel.ids import Kind, Urn, name_of
from server.kernel.lineage import LineageType
from server.kernel.record import record
from server.mesh.lineage.neighbourhood import Asked, Neighbourhood

LONGEST_LABEL = 80  # characters; the whole name stands in the URN


@record
class Box:
    """An asset. `number`: 0 for the root, then nearest first; `depth` is negative upstream."""

    number: int
    urn: str
    kind: Kind
    name: str
    depth: int
    confidence: float

    @property
    def label(self) -> str:
        """The name on one line, as a picture has room for it."""
        unsafe = (sign in _TURNING or unicodedata.category(sign) in _BREAKING for sign in self.name)
        shown = "".join(" " if wrong else sign for sign, wrong in zip(self.name, unsafe, strict=True))
        return shown if len(shown) <= LONGEST_LABEL else f"{shown[: LONGEST_LABEL - 1]}…"


@record
class Arrow:
    """An edge between two boxes, by their numbers."""

    source: int
    target: int
    type: LineageType
    confidence: float

    @property
    def label(self) -> str:
        """Its type, and how sure it is where that is not certain."""
        return self.type.value if self.confidence == 1 else f"{self.type.value} {self.confidence:.4g}"


@record
class Picture:
    """Boxes by number, arrows by source and target. `title` says what it shows, `missing` what it does not."""

    title: str
    missing: str | None
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


_BREAKING = ("Cc", "Cs", "Zl", "Zp")  # control characters, lone surrogates, separators of lines and paragraphs
_TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # they turn what stands around a name


def picture(found: Neighbourhood, asked: Asked) -> Picture:
    """A neighbourhood as a picture."""
    boxes = [_box(0, found.root, 0, 1.0)]
    boxes += [_box(number, node.urn, node.depth, node.confidence) for number, node in enumerate(found.nodes, 1)]
    numbers: Mapping[str, int] = {box.urn: box.number for box in boxes}
    arrows = sorted((numbers[link.source], numbers[link.target], link.type, link.confidence) for link in found.links)
    far = "any depth" if asked.depth is None else f"depth {asked.depth}"
    return Picture(
        title=f"Lineage of {found.root}, {asked.direction.value}, {far}, at position {found.position}",
        missing=missing(found.left_out, found.total - len(found.nodes), asked.depth),
        boxes=tuple(boxes),
        arrows=tuple(
            Arrow(source=source, target=target, type=type, confidence=confidence)
            for source, target, type, confidence in arrows
        ),
    )


def missing(left_out: str | None, cut: int, depth: int | None) -> str | None:
    """What a picture does not show, in words."""
    match left_out:
        case "size":
            return f"{cut} more assets are not shown"
        case "depth":
            return f"more lies beyond depth {depth}"
        case _:
            return None


def _box(number: int, urn: str, depth: int, confidence: float) -> Box:
    kind = Kind(urn.partition(":")[0])
    name = parse_external(urn, field="id").name if kind is Kind.EXTERNAL else name_of(Urn(urn))
    return Box(number=number, urn=urn, kind=kind, name=name, depth=depth, confidence=confidence)
