"""Which media types a request asks for and sends (RFC 9110, section 12.5.1; GraphQL over HTTP)."""

from functools import lru_cache
from typing import NamedTuple

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
EVENTS = "text/event-stream"
HTML = "text/html"


class Range(NamedTuple):
    """One range of an Accept header."""

    kind: str
    subkind: str
    quality: float


def ranges(accept: str) -> list[Range]:
    """Read an Accept header; what cannot be read is left out."""
    found: list[Range] = []
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        kind, slash, subkind = name.partition("/")
        if not slash or not _is_utf8(parameters):
            continue
        found.append(Range(kind, subkind, _quality(parameters)))
    return found


def quality_of(media_type: str, accepted: list[Range]) -> float:
    """How much `media_type` is wanted, 0 to 1: the most exact range decides."""
    kind, _, subkind = media_type.partition("/")
    for wanted in ((kind, subkind), (kind, "*"), ("*", "*")):
        qualities = [quality for *name, quality in accepted if tuple(name) == wanted]
        if qualities:
            return max(qualities)
    return 0.0


@lru_cache(32)  # clients of one kind send one header
def preferred(accept: str, offers: tuple[str, ...], default: str) -> str | None:
    """The best of `offers`. Among equals one that is named wins, then the earlier; a wildcard alone means `default`."""
    accepted = ranges(accept)

    def rank(at: int) -> tuple[float, bool, int]:
        named = names(accept, offers[at])
        return quality_of(offers[at], accepted), named, -at if named else int(offers[at] == default)

    best = max(range(len(offers)), key=rank)
    return offers[best] if rank(best)[0] > 0 else None


def names(accept: str, media_type: str) -> bool:
    """Whether `media_type` itself is wanted, not through a wildcard."""
    return any(f"{kind}/{subkind}" == media_type and quality > 0 for kind, subkind, quality in ranges(accept))


def is_json(content_type: str) -> bool:
    """Whether a body is declared as JSON in UTF-8."""
    name, *parameters = (piece.strip().lower() for piece in content_type.split(";"))
    return name == JSON and _is_utf8(parameters)


def _is_utf8(parameters: list[str]) -> bool:
    charsets = [value.strip('"') for name, _, value in (p.partition("=") for p in parameters) if name == "charset"]
    return all(charset in ("utf-8", "utf8") for charset in charsets)


def _quality(parameters: list[str]) -> float:
    for name, _, value in (parameter.partition("=") for parameter in parameters):
        if name == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0
