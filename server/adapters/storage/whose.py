"""Whose an object is: the layout's keys read back."""

import re
from enum import StrEnum
from typing import TypeAlias

from server.adapters.storage.layout import LandingFile, landing_file
from server.kernel.ids import NAME_PATTERN
from server.kernel.record import record

_NAME = NAME_PATTERN.pattern
_OF_BATCH = re.compile(rf"({_NAME})/(raw|bronze|silver|gold)/({_NAME})/([0-9a-f]+)(\.[a-z0-9.]+)", re.ASCII)
_COPY = re.compile(rf"({_NAME})/compact/[a-z]+/[0-9]+\.parquet", re.ASCII)
_DELTA_LOG = re.compile(rf"{_NAME}/gold/_delta_log/.+", re.ASCII)
_CHECKPOINT = re.compile(r"_checkpoints/[0-9]{19}\.json", re.ASCII)
_ALIGNED = re.compile(r"\.[0-9a-f]{12}\.parquet", re.ASCII)


class What(StrEnum):
    """What a file holds of its batch."""

    RAW = "raw"
    BRONZE = "bronze"
    REJECTS = "rejects"
    SAMPLES = "samples"
    SILVER = "silver"
    GOLD = "gold"


@record
class BatchFile:
    """A file of one batch. `mark`: the attempt in decimal, or of raw the digest of its bytes in hex."""

    dataset: str
    batch: str
    what: What
    mark: str


@record
class Copy:
    """A copy of many batches of a dataset, kept for reading."""

    dataset: str


@record
class DeltaLog:
    """A file of a Delta log, which looks after itself."""


@record
class CheckpointFile:
    """A signed checkpoint of the log, kept for good."""


Owned: TypeAlias = LandingFile | BatchFile | Copy | DeltaLog | CheckpointFile


def owner_of(key: str) -> Owned | None:
    """Whose the object under `key` is; None where the layout has no such key."""
    if landed := landing_file(key):
        return landed
    if found := _OF_BATCH.fullmatch(key):
        dataset, layer, batch, mark, suffix = found.groups()
        what = _what(layer, mark, suffix)
        return None if what is None else BatchFile(dataset=dataset, batch=batch, what=what, mark=mark)
    if copy := _COPY.fullmatch(key):
        return Copy(dataset=copy[1])
    if _CHECKPOINT.fullmatch(key):
        return CheckpointFile()
    return DeltaLog() if _DELTA_LOG.fullmatch(key) else None


def _what(layer: str, mark: str, suffix: str) -> What | None:
    if layer == "raw":
        return What.RAW if len(mark) == 64 and (suffix.count(".") == 1 or suffix == ".gaps.json") else None
    if not mark.isdecimal():
        return None
    match layer, suffix:
        case "bronze", ".rejects.parquet":
            return What.REJECTS
        case "bronze", ".samples.json":
            return What.SAMPLES
        case _, ".parquet":
            return What(layer)
        case "gold", _ if _ALIGNED.fullmatch(suffix):
            return What.GOLD
        case _:
            return None
