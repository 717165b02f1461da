"""A person's rows gone from a batch: what is swapped, what stays, and what was made of the old files is refused."""

from typing import Any

import pytest

from server.kernel.errors import Conflict, NotFound, PreconditionFailed
from server.mesh.batch.commands import (
    EraseSubject,
    FilesMade,
    PublishData,
    RecordAnonymization,
    RecordQuality,
    ReplayBatch,
)
from server.mesh.batch.domain import BATCH
from server.mesh.batch.facts import Event
from server.mesh.batch.state import BatchStatus
from server.mesh.retention.named import named_by_log
from tests.given import given
from tests.mesh.batch.examples import (
    APPENDED,
    B1,
    EXPIRED,
    OPEN,
    PUBLISHED,
    QUARANTINED,
    anonymized,
    checked,
    erased,
    hidden,
    replayed,
    result,
)

MADE = FilesMade(raw="ab" * 32, bronze=1, silver=None, gold=None)


@pytest.mark.parametrize("history", [[], [QUARANTINED]])
def test_new_files_and_counts_take_the_place_of_the_old(history: list[Event]) -> None:
    event = erased()
    state = given(BATCH, APPENDED, *history).when(EraseSubject(erased=event, made_of=MADE)).then(event)
    assert state is not None
    assert (state.raw_digest, state.checksum, state.bronze) == ("cd" * 32, "ab" * 32, 9)
    assert (state.row_count, state.rejected_row_count, state.size_bytes) == (2, 0, 50)
    assert (state.status is BatchStatus.QUARANTINED) is bool(history)
    assert named_by_log(state).raw == {"cd" * 32}


def test_a_published_batch_stays_published() -> None:
    event = erased(gold=9)
    before = given(BATCH, APPENDED, PUBLISHED).state
    assert before is not None
    made = FilesMade(raw="ab" * 32, bronze=1, silver=None, gold=before.gold)
    state = given(BATCH, APPENDED, PUBLISHED).when(EraseSubject(erased=event, made_of=made)).then(event)
    assert state is not None
    assert (state.status, state.gold) == (BatchStatus.PUBLISHED, 9)


@pytest.mark.parametrize(
    "made",
    [
        FilesMade(raw="ee" * 32, bronze=1, silver=None, gold=None),
        FilesMade(raw="ab" * 32, bronze=2, silver=None, gold=None),
        FilesMade(raw="ab" * 32, bronze=1, silver=3, gold=None),
        FilesMade(raw="ab" * 32, bronze=1, silver=None, gold=3),
    ],
)
def test_refuses_what_was_made_of_other_files(made: FilesMade) -> None:
    given(BATCH, APPENDED).when(EraseSubject(erased=erased(), made_of=made)).refuses(
        Conflict, saying="batch 'b1' got new files while this worked on its old ones; ask again"
    )


def test_refuses_a_batch_that_is_not_there_or_not_any_more() -> None:
    command = EraseSubject(erased=erased(), made_of=MADE)
    given(BATCH).when(command).refuses(NotFound, saying="batch 'b1' is not known; append it first", field="batchId")
    given(BATCH, APPENDED, EXPIRED).when(command).refuses(
        PreconditionFailed, saying="batch 'b1' has expired and its rows are gone; append a new one"
    )


@pytest.mark.parametrize(
    "command",
    [
        RecordQuality(batch=B1, checked=checked(result(True)), bronze=1),
        RecordAnonymization(batch=B1, anonymized=hidden("email"), attempt=12, bronze=1),
        PublishData(batch=B1, gate=OPEN, attempt=12, bronze=1, silver=None),
        ReplayBatch(replayed=replayed(), gate=OPEN, bronze=1, silver=None),
    ],
    ids=lambda command: type(command).__name__,
)
def test_what_was_made_of_the_old_bronze_does_not_come_back(command: Any) -> None:
    given(BATCH, APPENDED, erased()).when(command).refuses(
        Conflict, saying="batch 'b1' got new files while this worked on its old ones; ask again"
    )


def test_what_was_said_of_the_batch_stands() -> None:
    before = given(BATCH, APPENDED, anonymized("email")).state
    after = given(BATCH, APPENDED, anonymized("email"), erased(silver=9)).state
    assert before is not None
    assert after is not None
    assert (after.status, after.privacy_rules, after.quality) == (before.status, before.privacy_rules, before.quality)
    assert after.silver == 9
