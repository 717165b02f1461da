"""URNs: the readable, stable ids of everything in the graph."""

import re
from enum import StrEnum
from typing import NewType

from server.kernel.errors import BadUserInput

Urn = NewType("Urn", str)

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)


class Kind(StrEnum):
    """What a URN names: the part before the colon."""

    DOMAIN = "domain"
    PRODUCT = "product"
    DATASET = "dataset"
    EXTERNAL = "external"
    LINEAGE = "lineage"
    CONTRACT = "contract"
    BATCH = "batch"
    GRANT = "grant"
    LAKE = "lake"
    DELETION = "deletion"
    RUN = "run"
    EVENT = "event"


def check_name(name: str, *, field: str) -> str:
    """`name` itself, if it may be a name. Raises: BadUserInput."""
    if not NAME_PATTERN.fullmatch(name):
        raise BadUserInput(
            f"{field} {name[:140]!r} is not a name: 1 to 128 letters, digits, '.', '_' or '-',"
            " starting with a letter or a digit",
            field=field,
        )
    return name


def urn(kind: Kind, name: str) -> Urn:
    """The URN of a thing whose name is known to be well formed."""
    return Urn(f"{kind}:{name}")


def reference(kind: Kind, text: str, *, field: str) -> Urn:
    """The URN meant by a client that may write the URN or the bare name. Raises: BadUserInput."""
    return urn(kind, check_name(text.removeprefix(f"{kind}:"), field=field))


def name_of(identifier: Urn) -> str:
    """The part of a URN after its kind."""
    return identifier.partition(":")[2]
