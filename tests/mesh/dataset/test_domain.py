from dataclasses import replace
from typing import Any, get_args

import pytest

from server.kernel.compatibility_rules import Compatibility
from server.kernel.errors import AlreadyExists, BadUserInput, NotFound, PreconditionFailed
from server.kernel.fields import Field
from server.kernel.ids import Urn
from server.mesh.dataset.domain import (
    DATASET,
    UPCASTS,
    CompleteReplay,
    Dataset,
    DatasetRegistered,
    DatasetSchemaEvolved,
    Event,
    RegisterDataset,
    ReplayCompleted,
    ReplayedBatch,
    ReplayOutcome,
    ReplayRequested,
    RequestReplay,
)
from tests.given import given

ORDERS = Urn("dataset:orders")
RUN, LATER = Urn("run:1"), Urn("run:2")
FIELDS = (Field(name="id", type="int"), Field(name="email", type="string", pii=True))
REGISTERED = DatasetRegistered(name="orders", fields=FIELDS, contains_pii=True, encryption_enabled=False)
REQUESTED = ReplayRequested(dataset=ORDERS, reason="new rules", run=RUN)
REPORT = (
    ReplayedBatch(batch=Urn("batch:b1"), outcome=ReplayOutcome.REPLAYED, rows_before=3, rows_after=4),
    ReplayedBatch(batch=Urn("batch:b2"), outcome=ReplayOutcome.KEPT, rows_before=5, rows_after=5, reason="why"),
)
WIDER = (*FIELDS, Field(name="town", type="string"))
EVOLVED = DatasetSchemaEvolved(dataset=ORDERS, schema_version=2, fields=WIDER, compatibility=Compatibility.BACKWARD)
COMPLETED = ReplayCompleted(dataset=ORDERS, run=RUN, batches=REPORT)


def register(*fields: Field, contains_pii: bool | None = None) -> RegisterDataset:
    return RegisterDataset(
        dataset=ORDERS, name="orders", fields=fields, contains_pii=contains_pii, encryption_enabled=False
    )


def replay(**changes: Any) -> RequestReplay:
    return RequestReplay(**{"dataset": ORDERS, "reason": "new rules", "run": RUN, "batches": 2} | changes)


def test_registers_a_dataset_at_schema_version_1() -> None:
    state = given(DATASET).when(register(*FIELDS)).then(REGISTERED)
    assert state == Dataset(name="orders", fields=FIELDS, schema_version=1, replay=None)


def test_records_the_place_in_the_mesh_and_keeps_the_domain() -> None:
    product, domain = Urn("product:shop"), Urn("domain:sales")
    command = replace(register(*FIELDS), product=product, domain=domain)
    state = given(DATASET).when(command).then(replace(REGISTERED, product=product, domain=domain))
    assert state == Dataset(name="orders", fields=FIELDS, schema_version=1, domain=domain)
    assert DATASET.about(state) == (ORDERS, domain)
    assert DATASET.about(given(DATASET, REGISTERED).state) == (ORDERS,)


def test_a_dataset_from_before_there_were_domains_stands_nowhere() -> None:
    raw = {"name": "orders", "fields": [], "contains_pii": None, "encryption_enabled": False}
    [lift] = UPCASTS[DatasetRegistered]
    assert lift(raw) == {**raw, "product": None, "domain": None}


def test_stores_types_in_their_one_form() -> None:
    given(DATASET).when(register(Field(name="n", type=" BIGINT "), Field(name="p", type="numeric(10, 2)"))).then(
        DatasetRegistered(
            name="orders",
            fields=(Field(name="n", type="int"), Field(name="p", type="decimal(10,2)")),
            contains_pii=None,
            encryption_enabled=False,
        )
    )


@pytest.mark.parametrize(
    ("fields", "said", "recorded"),
    [
        (FIELDS, None, True),
        (FIELDS, True, True),
        (FIELDS[:1], None, None),
        (FIELDS[:1], True, True),
        (FIELDS[:1], False, False),
    ],
)
def test_a_field_marked_pii_says_that_there_is_personal_data(
    fields: tuple[Field, ...], said: bool | None, recorded: bool | None
) -> None:
    [event] = DATASET.decide(register(*fields, contains_pii=said), None)
    assert isinstance(event, DatasetRegistered)
    assert event.contains_pii is recorded


def test_refuses_to_deny_personal_data_that_a_field_declares() -> None:
    given(DATASET).when(register(*FIELDS, contains_pii=False)).refuses(
        BadUserInput, saying="containsPii is false, but field 'email' is marked pii", field="containsPii"
    )


def test_refuses_a_taken_name() -> None:
    given(DATASET, REGISTERED).when(register(*FIELDS)).refuses(
        AlreadyExists, saying="dataset 'orders' exists", field="name"
    )


def test_refuses_a_dataset_without_field() -> None:
    given(DATASET).when(register()).refuses(BadUserInput, saying="needs at least one field", field="fields")


def test_refuses_a_field_twice_in_another_case() -> None:
    given(DATASET).when(register(Field(name="Straße", type="int"), Field(name="STRASSE", type="int"))).refuses(
        BadUserInput, saying="field 'STRASSE' stands twice (as 'Straße')", field="fields"
    )


def test_refuses_an_unknown_type() -> None:
    given(DATASET).when(register(Field(name="id", type="money"))).refuses(
        BadUserInput, saying="type 'money' is not known", field="type"
    )


def test_requests_and_completes_a_replay() -> None:
    state = given(DATASET, REGISTERED).when(replay()).then(REQUESTED)
    assert state is not None
    assert state.replay == RUN
    complete = CompleteReplay(dataset=ORDERS, run=RUN, batches=REPORT)
    state = given(DATASET, REGISTERED, REQUESTED).when(complete).then(COMPLETED)
    assert state is not None
    assert state.replay is None


def test_replays_again_once_a_replay_is_complete() -> None:
    given(DATASET, REGISTERED, REQUESTED, COMPLETED).when(replay(run=LATER)).then(
        ReplayRequested(dataset=ORDERS, reason="new rules", run=LATER)
    )


def test_refuses_a_replay_while_one_is_under_way() -> None:
    given(DATASET, REGISTERED, REQUESTED).when(replay(run=LATER)).refuses(
        PreconditionFailed, saying="a replay of dataset 'orders' is under way (run:1)", replay=RUN
    )


def test_a_replay_whose_run_failed_bars_no_other() -> None:
    given(DATASET, REGISTERED, REQUESTED).when(replay(run=LATER, ended=RUN)).then(
        ReplayRequested(dataset=ORDERS, reason="new rules", run=LATER)
    )


def test_the_end_of_some_other_replay_frees_nothing() -> None:
    given(DATASET, REGISTERED, REQUESTED).when(replay(run=LATER, ended=Urn("run:0"))).refuses(
        PreconditionFailed, saying="is under way (run:1)", replay=RUN
    )


def test_refuses_a_replay_of_nothing() -> None:
    given(DATASET, REGISTERED).when(replay(batches=0)).refuses(
        PreconditionFailed, saying="dataset 'orders' has no batch to replay"
    )


def test_refuses_a_replay_of_an_unknown_dataset() -> None:
    given(DATASET).when(replay()).refuses(NotFound, saying="'dataset:orders' is not known", field="dataset")


@pytest.mark.parametrize("history", [[REGISTERED], [REGISTERED, REQUESTED, COMPLETED]])
def test_refuses_the_end_of_a_replay_that_is_not_under_way(history: list[Event]) -> None:
    given(DATASET, *history).when(CompleteReplay(dataset=ORDERS, run=RUN, batches=())).refuses(
        PreconditionFailed, saying="run 'run:1' does not replay dataset 'orders' now"
    )


def test_refuses_the_end_of_a_replay_by_another_run() -> None:
    given(DATASET, REGISTERED, REQUESTED).when(CompleteReplay(dataset=ORDERS, run=LATER, batches=())).refuses(
        PreconditionFailed, saying="run 'run:2' does not replay"
    )


def test_refuses_the_end_of_a_replay_of_an_unknown_dataset() -> None:
    given(DATASET).when(CompleteReplay(dataset=ORDERS, run=RUN, batches=())).refuses(
        NotFound, saying="'dataset:orders' is not known", field="dataset"
    )


def test_its_events_concern_the_dataset() -> None:
    assert DATASET.about(None) == ()
    assert DATASET.about(given(DATASET, REGISTERED).state) == (ORDERS,)


def test_every_event_changes_the_state() -> None:
    history: list[Event] = [REGISTERED, EVOLVED, REQUESTED, COMPLETED]
    assert {type(event) for event in history} == set(get_args(Event))
    for count in range(len(history)):
        assert given(DATASET, *history[:count]).state != given(DATASET, *history[: count + 1]).state
