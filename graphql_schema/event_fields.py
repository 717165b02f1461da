"""How the data of events appears in the graph: a description for each field, a graph type for each kind of value."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON

from graphql_schema.compliance_level import ComplianceLevel
from graphql_schema.csv_options import CsvOptions, csv_options
from graphql_schema.enumeration import enumeration
from graphql_schema.field import Field, field
from graphql_schema.lineage_words import ColumnLineage, ExternalKind, LineageType, column_lineage
from graphql_schema.product_status import DataProductStatus
from graphql_schema.report import QualityResult, quality_result
from graphql_schema.rules import PrivacyRule, QualityRule, privacy_rule, quality_rule
from graphql_schema.scalars import BigInt
from graphql_schema.schema_version import SchemaCompatibility
from server.kernel import fields, privacy, quality
from server.kernel.compatibility_rules import Compatibility
from server.kernel.files import CsvOptions as CsvTerms
from server.kernel.files import FileFormat
from server.kernel.ids import Urn
from server.mesh.batch.facts import Anonymized, Checked
from server.mesh.contract.domain import BadRowPolicy
from server.mesh.dataset.domain import ReplayedBatch, ReplayOutcome
from server.mesh.lineage.facts import ColumnLink, Introduced
from server.mesh.product.facts import ProductStatus

Outcome = enumeration(
    ReplayOutcome,
    name="ReplayOutcome",
    description="What a replay did with a batch.",
    REPLAYED="It has new files.",
    KEPT="It keeps its old files, for a reason.",
)


@strawberry.type(name="ReplayedBatch", description="One batch in a replay's report.")
class ReplayedBatchNode:
    """One batch in a replay's report."""

    batch: strawberry.ID = strawberry.field(description="The batch's URN.")
    outcome: Outcome = strawberry.field(description="New files, or its old ones kept.")  # type: ignore[valid-type]
    rows_before: BigInt = strawberry.field(description="Rows in bronze before.")
    rows_after: BigInt = strawberry.field(description="Rows in bronze after.")
    reason: str | None = strawberry.field(description="Why the old files were kept.")


@strawberry.type(description="A quality check within a replay.")
class ReplayCheck:
    """A quality check within a replay."""

    checked_rows: BigInt = strawberry.field(description="How many rows were looked at.")
    results: list[QualityResult] = strawberry.field(description="One for each rule.")


@strawberry.type(description="An anonymisation within a replay.")
class ReplayAnonymization:
    """An anonymisation within a replay."""

    rules: list[PrivacyRule] = strawberry.field(description="The rules that were applied.")
    rows: BigInt = strawberry.field(description="How many rows there are.")
    changed_rows: BigInt = strawberry.field(description="How many rows really differ.")
    columns: list[str] = strawberry.field(description="The columns in which values differ.")
    k_anonymity: BigInt | None = strawberry.field(
        description="Rows of the smallest group with equal quasi-identifiers; null where there are none."
    )


@strawberry.type(description="An external asset that an edge mentioned first.")
class IntroducedAsset:
    """An external asset that an edge mentioned first."""

    asset: strawberry.ID = strawberry.field(description="The asset's URN.")
    kind: ExternalKind = strawberry.field(description="What it is.")  # type: ignore[valid-type]


def _introduced(one: Introduced) -> IntroducedAsset:
    return IntroducedAsset(asset=strawberry.ID(one.asset), kind=one.kind)


def _replayed(one: ReplayedBatch) -> ReplayedBatchNode:
    return ReplayedBatchNode(
        batch=strawberry.ID(one.batch),
        outcome=one.outcome,
        rows_before=BigInt(one.rows_before),
        rows_after=BigInt(one.rows_after),
        reason=one.reason,
    )


def _results(results: tuple[quality.RuleResult, ...], attempt: int = 0) -> list[QualityResult]:
    return [quality_result(result, index, attempt, None) for index, result in enumerate(results)]


def _check(checked: Checked) -> ReplayCheck:
    return ReplayCheck(checked_rows=BigInt(checked.checked_rows), results=_results(checked.results, checked.attempt))


def _anonymization(done: Anonymized) -> ReplayAnonymization:
    return ReplayAnonymization(
        rules=[privacy_rule(rule) for rule in done.rules],
        rows=BigInt(done.rows),
        changed_rows=BigInt(done.changed_rows),
        columns=list(done.columns),
        k_anonymity=None if done.k_anonymity is None else BigInt(done.k_anonymity),
    )


def _each(convert: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:  # whatever the tuple holds
    return lambda values: [convert(value) for value in values]


# By the type of the record's field: the graph type and how its value becomes one.
VALUES: dict[Any, tuple[Any, Callable[[Any], Any]]] = {
    str: (str, str),
    str | None: (str | None, str),
    Urn: (strawberry.ID, strawberry.ID),
    bool: (bool, bool),
    bool | None: (bool | None, bool),
    int: (BigInt, int),
    int | None: (BigInt | None, int),
    datetime: (datetime, lambda value: value),
    BadRowPolicy: (str, str),
    Compatibility: (SchemaCompatibility, lambda value: value),
    ComplianceLevel: (ComplianceLevel, lambda value: value),
    FileFormat: (str, str),
    ProductStatus: (DataProductStatus, lambda value: value),
    CsvTerms: (CsvOptions, csv_options),
    float: (float, float),
    LineageType: (LineageType, lambda value: value),
    dict[str, Any]: (JSON, lambda value: value),
    tuple[str, ...]: (list[str], list),
    tuple[Urn, ...]: (list[strawberry.ID], list),
    tuple[ColumnLink, ...]: (list[ColumnLineage], _each(column_lineage)),
    tuple[Introduced, ...]: (list[IntroducedAsset], _each(_introduced)),
    tuple[fields.Field, ...]: (list[Field], _each(field)),
    tuple[quality.QualityRule, ...]: (list[QualityRule], _each(quality_rule)),
    tuple[privacy.PrivacyRule, ...]: (list[PrivacyRule], _each(privacy_rule)),
    tuple[quality.RuleResult, ...]: (list[QualityResult], _results),
    tuple[ReplayedBatch, ...]: (list[ReplayedBatchNode], _each(_replayed)),
    Checked | None: (ReplayCheck | None, _check),
    Anonymized | None: (ReplayAnonymization | None, _anonymization),
}

# By the name of the field, or by type and name where a name means different things.
DESCRIPTIONS: dict[str, str] = {
    "LineageRegistered.columns": "The columns of the target and what they are made of; empty where nobody knows.",
    "SubjectErased.bronze": "The attempt whose file of typed rows counts from here on.",
    "SubjectErased.gold": "The attempt whose published file counts from here on; null where there is none.",
    "SubjectErased.silver": "The attempt whose anonymised file counts from here on; null where there is none.",
    "SubjectErased.size_bytes": "Size of the raw file that counts now.",
    "accessor": "Who read.",
    "action": "What was done with the data.",
    "again": "Whether the edge stood already, and this changes it.",
    "anonymized": "What the privacy rules did; null where there is no silver file.",
    "attempt": "The attempt whose files count from here on.",
    "batch": "The batch, as it stood just after the event.",
    "batches": "Every batch that was looked at.",
    "changed_rows": "How many rows really differ.",
    "checked": "What the quality check found; null where there was no rule.",
    "checked_rows": "How many rows were looked at.",
    "checksum": "SHA-256 of the uploaded file, hex.",
    "columns": "The columns in which values differ.",
    "columns_unknown": "Why no columns are known although SQL was given.",
    "compliance_level": "How strictly the lake guards personal data.",
    "compatibility": "Which readers the change was checked for.",
    "confidence": "How sure the edge is, above 0 and at most 1.",
    "consumer": "Who may read.",
    "csv": "How the producer writes CSV.",
    "contains_pii": "Whether it holds personal data; null where nobody has said.",
    "contract": "The contract, as it stood just after the event.",
    "contract_version": "The version of the contract.",
    "data_source": "Where the data comes from.",
    "days_left": "Days before the deadline.",
    "deadline": "By when the subject must be erased.",
    "deletion": "The request for erasure.",
    "datasets": "The datasets that it leaves, which now stand in no product.",
    "dataset": "The dataset, as it stood just after the event.",
    "description": "What it is about.",
    "domain": "The domain, as it stood just after the event.",
    "encryption_enabled": "Whether it is encrypted at rest.",
    "erased": "The rows that went, by batch and layer.",
    "erased_bronze": "Typed rows that went.",
    "erased_gold": "Published rows that went.",
    "erased_rejects": "Rows set aside that went.",
    "erased_silver": "Anonymised rows that went.",
    "expires_at": "When it ends by itself.",
    "externals": "The external assets that it mentions first.",
    "fields": "The columns in order.",
    "file_url": "What was uploaded.",
    "format": "How the rows are written, or were in the file that came.",
    "freshness_minutes": "How long after the last batch the next is due.",
    "grant": "The grant, as it stood just after the event.",
    "k_anonymity": "Rows of the smallest group with equal quasi-identifiers; null where there are none.",
    "lake": "The data lake, as it stood just after the event.",
    "lineage_type": "How the target is made of the source.",
    "loop": "The loop that the edge closes, from its source round to its source; empty where it closes none.",
    "metadata": "Whatever else was said of it.",
    "name": "Its name.",
    "owner": "Who answers for it.",
    "objects_deleted": "Files that are gone.",
    "on_bad_rows": "What happens to rows that do not fit.",
    "privacy_rules": "What must be hidden.",
    "product": "The data product, as it stood just after the event, or before where the event took it away.",
    "published": "Whether there is a gold file.",
    "purpose": "What for.",
    "quality_rules": "What clean data is.",
    "raw": "SHA-256 of the raw file that counts now, hex; null: the upload's.",
    "reason": "Why.",
    "record_count": "How many records came.",
    "region": "Where its data stands.",
    "rejected_row_count": "Rows that did not fit the schema.",
    "requested_by": "Who asked for it.",
    "results": "One for each rule, in the order of the rules.",
    "retention_days": "Days that a batch is kept.",
    "row_count": "How many rows there are.",
    "rows": "How many rows there are.",
    "rules": "The rules that were applied.",
    "run": "The run that did it.",
    "schema_version": "The version of the dataset's schema.",
    "size_bytes": "Size of the uploaded file.",
    "status": "Whether consumers should count on it.",
    "subject_digest": "A keyed digest of the subject's id, hex.",
    "subject_encrypted": "The subject's id under a key of its own, which is destroyed with the erasure.",
    "tags": "Short words by which it is found.",
    "unreached": "What this server cannot reach, in words.",
    "version": "Its semantic version.",
    "source": "What the target is made of.",
    "target": "What is made of the source.",
    "transformation": "How the target is made.",
}
