"""The words of lineage: how an edge came to be, which way is asked, what an external asset is."""

from enum import StrEnum


class LineageType(StrEnum):
    """How the target is made of the source."""

    DIRECT = "DIRECT"
    DERIVED = "DERIVED"
    AGGREGATED = "AGGREGATED"


TYPES = tuple(LineageType)  # an edge's kind, in tables and in memory, is its place here: only ever add at the end


class LineageDirection(StrEnum):
    """UPSTREAM: what feeds an asset; DOWNSTREAM: what it feeds."""

    UPSTREAM = "UPSTREAM"
    DOWNSTREAM = "DOWNSTREAM"
    BOTH = "BOTH"


class ExternalKind(StrEnum):
    """What an asset is that only lineage knows."""

    DATASET = "DATASET"
    JOB = "JOB"
    OTHER = "OTHER"
