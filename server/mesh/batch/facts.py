"""What happened to batches: the events of a batch's stream."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from server.kernel.codec import Raw, Upcast
from server.kernel.files import FileFormat
from server.kernel.ids import Urn
from server.kernel.privacy import PrivacyRule
from server.kernel.quality import RuleResult
from server.kernel.record import record


@record
class Checked:
    """The outcome of a quality check on bronze. `attempt` names the file of the samples; values stand there only."""

    checked_rows: int
    results: tuple[RuleResult, ...]
    attempt: int


@record
class Anonymized:
    """The outcome of privacy rules. `columns` are those that changed; `changed_rows` are rows that really differ.

    `k_anonymity`: rows of the smallest group with equal quasi-identifiers; None where there are none.
    """

    rules: tuple[PrivacyRule, ...]
    rows: int
    changed_rows: int
    columns: tuple[str, ...]
    k_anonymity: int | None = None


@record
class DataAppended:
    """A batch exists: its file was read, typed and stored. `checksum`: SHA-256 of the upload, hex."""

    batch: Urn
    dataset: Urn
    contract: Urn
    contract_version: int
    schema_version: int
    file_url: str | None
    checksum: str
    size_bytes: int
    row_count: int
    rejected_row_count: int
    attempt: int
    format: FileFormat


@record
class QualityCheckPassed(Checked):
    """The batch satisfies its rules."""

    batch: Urn


@record
class QualityCheckFailed(Checked):
    """The batch breaks rules; `reason` names them."""

    batch: Urn
    reason: str


@record
class DataAnonymized(Anonymized):
    """The batch has a silver file in which the rules were applied."""

    batch: Urn
    attempt: int


@record
class DataPublished:
    """The batch has a gold file that consumers may be granted."""

    batch: Urn
    row_count: int
    attempt: int


@record
class BatchQuarantined:
    """The batch is set apart: consumers see nothing of it."""

    batch: Urn
    reason: str


@record
class QuarantineReleased:
    """What stood before the quarantine stands again."""

    batch: Urn
    reason: str


@record
class BatchReplayed:
    """The batch was made again from its raw file; the files of `attempt` replace the old ones in one step.

    `checked` None: no rule to check. `anonymized` None: no silver file. `published`: there is a gold file.
    """

    batch: Urn
    contract_version: int
    schema_version: int
    row_count: int
    rejected_row_count: int
    attempt: int
    checked: Checked | None
    anonymized: Anonymized | None
    published: bool


@record
class ConsumptionGranted:
    """A consumer may read the published batch until `expires_at`."""

    grant: Urn
    batch: Urn
    consumer: str
    purpose: str | None
    format: str
    expires_at: datetime


@record
class ConsumptionRevoked:
    """The grant ended before its time."""

    grant: Urn
    reason: str | None


@record
class BatchExpired:
    """The batch's time was over at `expires_at`: its rows are in no layer any more."""

    batch: Urn
    expires_at: datetime
    reason: str


@record
class SubjectErased:
    """A person's rows are gone from the batch's files; those of `bronze`, `silver`, `gold` replace the old ones.

    `raw`: SHA-256 of the raw file that counts now, hex; None: it is the upload's still. The counts are of what is left;
    `erased_*` say how many rows, and how many set aside, went with this event.
    """

    batch: Urn
    deletion: Urn
    raw: str | None
    bronze: int
    silver: int | None
    gold: int | None
    row_count: int
    rejected_row_count: int
    size_bytes: int
    erased_bronze: int
    erased_silver: int
    erased_gold: int
    erased_rejects: int


Event: TypeAlias = (
    DataAppended
    | QualityCheckPassed
    | QualityCheckFailed
    | DataAnonymized
    | DataPublished
    | BatchQuarantined
    | QuarantineReleased
    | BatchReplayed
    | ConsumptionGranted
    | ConsumptionRevoked
    | BatchExpired
    | SubjectErased
)


def with_format(raw: Raw) -> Raw:
    """DataAppended 1 -> 2: every file was CSV."""
    return raw | {"format": FileFormat.CSV.value}


def with_k_anonymity(raw: Raw) -> Raw:
    """DataAnonymized 1 -> 2: nobody had counted."""
    return raw | {"k_anonymity": None}


def with_k_anonymity_inside(raw: Raw) -> Raw:
    """BatchReplayed 1 -> 2: as in DataAnonymized."""
    anonymized: Raw | None = raw["anonymized"]
    return raw | {"anonymized": None if anonymized is None else with_k_anonymity(anonymized)}


UPCASTS: Mapping[type, Sequence[Upcast]] = {
    DataAppended: (with_format,),
    DataAnonymized: (with_k_anonymity,),
    BatchReplayed: (with_k_anonymity_inside,),
}
