"""What runs on batches are told: their payloads as records."""

from datetime import datetime
from typing import Any, TypeVar

from pydantic import TypeAdapter

from server.kernel.ids import Urn
from server.kernel.privacy import PrivacyRule
from server.kernel.quality import QualityRule
from server.kernel.record import record

T = TypeVar("T")


@record
class AppendPayload:
    """Append the upload `file_url` as this batch."""

    dataset: Urn
    contract: Urn
    batch: Urn
    file_url: str


@record
class CheckPayload:
    """Check the batch by `rules`; None: the contract's when the run begins."""

    batch: Urn
    rules: tuple[QualityRule, ...] | None


@record
class AnonymizePayload:
    """Anonymise the batch by `rules`; None: the contract's when the run begins."""

    batch: Urn
    rules: tuple[PrivacyRule, ...] | None


@record
class PublishPayload:
    """Publish the batch."""

    batch: Urn


@record
class ReplayPayload:
    """Replay the dataset."""

    dataset: Urn
    reason: str


@record
class CompactPayload:
    """Merge the small files of the dataset."""

    dataset: Urn


@record
class ExpirePayload:
    """Let the batch go, if its time is over at the instant `at`."""

    batch: Urn
    at: datetime


@record
class ErasePayload:
    """Erase the subject of this request from its lake. `even_if_common`: however many rows hold the id."""

    lake: Urn
    deletion: Urn
    even_if_common: bool = False


_ADAPTERS: dict[type, TypeAdapter[Any]] = {
    cls: TypeAdapter(cls)
    for cls in (
        AppendPayload,
        CheckPayload,
        AnonymizePayload,
        PublishPayload,
        ReplayPayload,
        CompactPayload,
        ExpirePayload,
        ErasePayload,
    )
}


def dump(payload: object) -> dict[str, Any]:  # JSON
    """A payload as a run keeps it."""
    dumped: dict[str, Any] = _ADAPTERS[type(payload)].dump_python(payload, mode="json")
    return dumped


def load(cls: type[T], stored: Any) -> T:  # JSON
    """A run's payload as its record."""
    payload: T = _ADAPTERS[cls].validate_python(stored)
    return payload
