"""A batch's rules: what may be done to it, and when."""

from collections.abc import Sequence
from typing import assert_never

from server.kernel.decider import Decider
from server.kernel.errors import AlreadyExists, Conflict, NotFound, PreconditionFailed
from server.kernel.ids import Urn, name_of
from server.kernel.privacy import PrivacyRule
from server.kernel.quality import broken_rules
from server.mesh.batch.commands import (
    AppendData,
    Command,
    EraseSubject,
    ExpireBatch,
    FilesMade,
    GrantConsumption,
    PublishData,
    PublishGate,
    QuarantineBatch,
    RecordAnonymization,
    RecordQuality,
    ReleaseBatch,
    ReplayBatch,
    RevokeConsumption,
)
from server.mesh.batch.facts import (
    Anonymized,
    BatchExpired,
    BatchQuarantined,
    BatchReplayed,
    Checked,
    ConsumptionGranted,
    ConsumptionRevoked,
    DataAnonymized,
    DataPublished,
    Event,
    QualityCheckFailed,
    QualityCheckPassed,
    QuarantineReleased,
)
from server.mesh.batch.state import Batch, BatchStatus, Quality, State, evolve, left_as_it_was


def decide(command: Command, state: State) -> Sequence[Event]:  # noqa: C901  # one case for each command
    """What the command records. Raises: Refused."""
    match command:
        case AppendData(appended=appended):
            if state is not None:
                raise AlreadyExists(
                    f"batch {name_of(appended.batch)!r} exists; choose another batchId", field="batchId"
                )
            return [appended]
        case RecordQuality(batch=batch, checked=checked, bronze=bronze):
            known = ready(batch, state)
            check_current(known, unchanged=bronze == known.bronze)
            check_rules(known, "quality", checked.results)
            return [quality_event(batch, checked)]
        case RecordAnonymization(batch=batch, anonymized=anonymized, attempt=attempt, bronze=bronze):
            known = unpublished(batch, state, "anonymised")
            check_current(known, unchanged=bronze == known.bronze)
            check_rules(known, "privacy", anonymized.rules)
            return [anonymized_event(batch, anonymized, attempt)]
        case PublishData(batch=batch, gate=gate, attempt=attempt, bronze=bronze, silver=silver):
            known = publishable(batch, state, gate)
            check_current(known, unchanged=(bronze, silver) == (known.bronze, known.silver))
            return [DataPublished(batch=batch, row_count=known.row_count, attempt=attempt)]
        case QuarantineBatch(batch=batch, reason=reason):
            if unexpired(batch, state).quarantined is not None:
                raise PreconditionFailed(f"batch {name_of(batch)!r} is quarantined already")
            return [BatchQuarantined(batch=batch, reason=reason)]
        case ReleaseBatch(batch=batch, reason=reason):
            if unexpired(batch, state).quarantined is None:
                raise PreconditionFailed(f"batch {name_of(batch)!r} is not quarantined; there is nothing to release")
            return [QuarantineReleased(batch=batch, reason=reason)]
        case ReplayBatch(replayed=replayed, gate=gate, bronze=bronze, silver=silver):
            known = ready(replayed.batch, state)
            check_current(known, unchanged=(bronze, silver) == (known.bronze, known.silver))
            return [replayable(state, replayed, gate)]
        case GrantConsumption():
            return [granted(command, state)]
        case RevokeConsumption(batch=batch, grant=grant, reason=reason):
            known = existing(batch, state)
            if grant in known.revoked:
                raise PreconditionFailed(f"{grant!r} is revoked already", field="grant")
            if grant not in known.grants:
                raise NotFound(f"{grant!r} is not known", field="grant")
            return [ConsumptionRevoked(grant=grant, reason=reason)]
        case ExpireBatch(batch=batch, expires_at=expires_at, reason=reason):
            unexpired(batch, state)
            return [BatchExpired(batch=batch, expires_at=expires_at, reason=reason)]
        case EraseSubject(erased=erased, made_of=made_of):
            known = unexpired(erased.batch, state)
            check_current(known, unchanged=made_of == files_made(known))
            return [erased]
        case _:
            assert_never(command)


def existing(batch: Urn, state: State) -> Batch:
    """The batch. Raises: NotFound."""
    if state is None:
        raise NotFound(f"batch {name_of(batch)!r} is not known; append it first", field="batchId")
    return state


def unexpired(batch: Urn, state: State) -> Batch:
    """The batch, its rows still there. Raises: NotFound, PreconditionFailed."""
    known = existing(batch, state)
    if known.step is BatchStatus.EXPIRED:
        raise PreconditionFailed(f"batch {name_of(batch)!r} has expired and its rows are gone; append a new one")
    return known


def ready(batch: Urn, state: State) -> Batch:
    """The batch, neither expired nor set apart. Raises: NotFound, PreconditionFailed."""
    known = unexpired(batch, state)
    if known.quarantined is not None:
        raise PreconditionFailed(
            f"batch {name_of(batch)!r} is quarantined ({known.quarantined}); release it with releaseBatch first"
        )
    return known


def anonymized_event(batch: Urn, anonymized: Anonymized, attempt: int) -> DataAnonymized:
    """What the privacy rules did."""
    return DataAnonymized(
        batch=batch,
        attempt=attempt,
        rules=anonymized.rules,
        rows=anonymized.rows,
        changed_rows=anonymized.changed_rows,
        columns=anonymized.columns,
        k_anonymity=anonymized.k_anonymity,
    )


def check_current(known: Batch, *, unchanged: bool) -> None:
    """Refuse what was made of files that are not the batch's any more. Raises: Conflict."""
    if not unchanged:
        raise Conflict(f"batch {name_of(known.batch)!r} got new files while this worked on its old ones; ask again")


def files_made(known: Batch) -> FilesMade:
    """The batch's files as they count now."""
    return FilesMade(raw=known.raw_digest, bronze=known.bronze, silver=known.silver, gold=known.gold)


def check_rules(known: Batch, kind: str, rules: Sequence[object]) -> None:
    """Refuse work by no rule at all, which would vouch for rows unseen. Raises: PreconditionFailed."""
    if not rules:
        raise PreconditionFailed(
            f"batch {name_of(known.batch)!r} has no {kind} rules to go by: give rules, or add some to its contract"
        )


def unpublished(batch: Urn, state: State, participle: str) -> Batch:
    """The batch, ready and not published. Raises: NotFound, PreconditionFailed."""
    known = ready(batch, state)
    if known.gold is not None:
        rest = "already" if participle == "published" else f"and cannot be {participle} any more; append a new one"
        raise PreconditionFailed(f"batch {name_of(batch)!r} is published {rest}")
    return known


def publishable(batch: Urn, state: State, gate: PublishGate) -> Batch:
    """The batch, if consumers may see it. Raises: NotFound, PreconditionFailed."""
    known = unpublished(batch, state, "published")
    if gate.has_quality_rules and known.quality is not Quality.PASSED:
        raise PreconditionFailed(
            f"batch {name_of(batch)!r} is {known.step.value}; its contract has quality rules,"
            " so runQualityCheck must pass first",
            status=known.step.value,
        )
    check_personal(batch, known.privacy_rules if known.silver else (), gate)
    return known


def check_personal(batch: Urn, applied: Sequence[PrivacyRule], gate: PublishGate) -> None:
    """Refuse personal columns that stand as they were. Raises: PreconditionFailed."""
    bare = left_as_it_was(gate.personal, applied, () if gate.strict is not None else gate.kept)
    if bare:
        needed = (
            "anonymizeData must treat them, or the contract must KEEP them"
            if gate.strict is None
            else f"lake {name_of(gate.strict)!r} is STRICT and no KEEP lets them through; let the contract hide them"
            " with updateContract, and treat them with anonymizeData"
        )
        raise PreconditionFailed(
            f"batch {name_of(batch)!r} holds the personal columns {', '.join(map(repr, bare))} as they were; {needed}",
            columns=list(bare),
        )


def quality_event(batch: Urn, checked: Checked) -> QualityCheckPassed | QualityCheckFailed:
    """The event that a check's results amount to."""
    broken = broken_rules(checked.results)
    if not broken:
        return QualityCheckPassed(
            batch=batch, checked_rows=checked.checked_rows, results=checked.results, attempt=checked.attempt
        )
    named = "; ".join(f"{rule.column or 'batch'} {rule.check}" for rule in broken)
    return QualityCheckFailed(
        batch=batch,
        checked_rows=checked.checked_rows,
        results=checked.results,
        attempt=checked.attempt,
        reason=f"{len(broken)} of {len(checked.results)} rules broken: {named}",
    )


def replayable(state: State, replayed: BatchReplayed, gate: PublishGate) -> BatchReplayed:
    """The replay, if it passes what publishing asks. Raises: NotFound, PreconditionFailed."""
    batch = replayed.batch
    known = ready(batch, state)
    if replayed.published != (known.gold is not None):
        raise PreconditionFailed(f"batch {name_of(batch)!r} was published or withdrawn meanwhile; replay it again")
    if replayed.checked is not None and isinstance(event := quality_event(batch, replayed.checked), QualityCheckFailed):
        raise PreconditionFailed(event.reason)
    if replayed.published:
        if gate.has_quality_rules and replayed.checked is None:
            raise PreconditionFailed(f"batch {name_of(batch)!r} was not checked in the replay")
        applied = replayed.anonymized.rules if replayed.anonymized is not None else ()
        check_personal(batch, applied, gate)
    return replayed


def granted(command: GrantConsumption, state: State) -> ConsumptionGranted:
    """The grant, if consumers may see the batch. Raises: NotFound, PreconditionFailed."""
    known = ready(command.batch, state)
    if known.gold is None:
        raise PreconditionFailed(
            f"batch {name_of(command.batch)!r} is {known.status.value}, not PUBLISHED; publishData comes first",
            status=known.status.value,
        )
    if command.grant in (*known.grants, *known.revoked):
        raise AlreadyExists(f"{command.grant!r} exists; a new grant needs an id of its own", field="grant")
    return ConsumptionGranted(
        grant=command.grant,
        batch=command.batch,
        consumer=command.consumer,
        purpose=command.purpose,
        format=command.format,
        expires_at=command.expires_at,
    )


def about(state: State) -> tuple[Urn, ...]:
    """The dataset that the batch belongs to."""
    return (state.dataset,) if state is not None else ()


BATCH: Decider[Command, Event, State] = Decider(initial=None, decide=decide, evolve=evolve, about=about)
