from typing import Any, get_args

import pytest

from server.kernel.errors import AlreadyExists, BadUserInput, NotFound, PreconditionFailed
from server.kernel.ids import Urn
from server.kernel.privacy import PrivacyRule, PrivacyStrategy
from server.kernel.quality import QualityRule, Severity
from server.mesh.contract.domain import (
    CONTRACT,
    MAX_RETENTION_DAYS,
    BadRowPolicy,
    Command,
    Contract,
    ContractStatus,
    CreateContract,
    DataContractDefined,
    DataContractRetired,
    DataContractUpdated,
    Event,
    RetireContract,
    Terms,
    UpdateContract,
    values,
)
from tests.given import given

ID, ORDERS = Urn("contract:c1"), Urn("dataset:orders")
TERMS = Terms(
    retention_days=30,
    quality_rules=(QualityRule(column="amount", check="> 0", severity=Severity.WARNING, threshold=0.1),),
    privacy_rules=(PrivacyRule(column="email", strategy=PrivacyStrategy.MASK, params={"keepLast": 2}),),
    on_bad_rows=BadRowPolicy.SET_ASIDE,
    freshness_minutes=60,
    description="orders of the shop",
)
NEW_TERMS = Terms(retention_days=None, description="no rule any more")
DEFINED = DataContractDefined(contract=ID, dataset=ORDERS, contract_version=1, **values(TERMS))
UPDATED = DataContractUpdated(contract=ID, dataset=ORDERS, contract_version=2, **values(NEW_TERMS))
RETIRED = DataContractRetired(contract=ID, reason="replaced")


def terms(**changes: Any) -> Terms:
    return Terms(**values(TERMS) | changes)


def test_defines_a_contract_at_version_1() -> None:
    state = given(CONTRACT).when(CreateContract(contract=ID, dataset=ORDERS, terms=TERMS)).then(DEFINED)
    assert state == Contract(contract=ID, dataset=ORDERS, version=1, terms=TERMS, status=ContractStatus.ACTIVE)


def test_an_update_holds_the_whole_new_terms() -> None:
    state = given(CONTRACT, DEFINED).when(UpdateContract(contract=ID, terms=NEW_TERMS)).then(UPDATED)
    assert state == Contract(contract=ID, dataset=ORDERS, version=2, terms=NEW_TERMS, status=ContractStatus.ACTIVE)


def test_an_update_that_changes_nothing_records_nothing() -> None:
    state = given(CONTRACT, DEFINED).when(UpdateContract(contract=ID, terms=terms())).then()
    assert state == given(CONTRACT, DEFINED).state


def test_a_retired_contract_keeps_its_terms() -> None:
    state = given(CONTRACT, DEFINED, UPDATED).when(RetireContract(contract=ID, reason="replaced")).then(RETIRED)
    assert state == Contract(contract=ID, dataset=ORDERS, version=2, terms=NEW_TERMS, status=ContractStatus.RETIRED)


@pytest.mark.parametrize("history", [[DEFINED], [DEFINED, RETIRED]])
def test_refuses_a_taken_id(history: list[Event]) -> None:
    given(CONTRACT, *history).when(CreateContract(contract=ID, dataset=ORDERS, terms=TERMS)).refuses(
        AlreadyExists, saying="contract 'c1' exists", field="contractId"
    )


@pytest.mark.parametrize("command", [UpdateContract(contract=ID, terms=TERMS), RetireContract(contract=ID, reason="")])
def test_refuses_to_change_an_unknown_contract(command: Command) -> None:
    given(CONTRACT).when(command).refuses(NotFound, saying="contract 'c1' is not known", field="contract")


@pytest.mark.parametrize(
    "command",
    [
        UpdateContract(contract=ID, terms=NEW_TERMS),
        UpdateContract(contract=ID, terms=TERMS),
        RetireContract(contract=ID, reason="again"),
    ],
)
def test_refuses_to_change_a_retired_contract(command: Command) -> None:
    given(CONTRACT, DEFINED, RETIRED).when(command).refuses(
        PreconditionFailed, saying="contract 'c1' is retired; create a new one", field="contract"
    )


BAD_NUMBERS: list[tuple[dict[str, int], str, str]] = [
    ({"retention_days": 0}, "retentionDays 0 is out of bounds: 1 to 36500", "retentionDays"),
    ({"retention_days": -1}, "retentionDays -1 is out of bounds", "retentionDays"),
    ({"retention_days": MAX_RETENTION_DAYS + 1}, "retentionDays 36501 is out of bounds", "retentionDays"),
    ({"freshness_minutes": 0}, "freshnessMinutes 0 is out of bounds: at least 1", "freshnessMinutes"),
]


@pytest.mark.parametrize(("changes", "saying", "field"), BAD_NUMBERS)
def test_refuses_numbers_out_of_bounds(changes: dict[str, int], saying: str, field: str) -> None:
    create = CreateContract(contract=ID, dataset=ORDERS, terms=terms(**changes))
    given(CONTRACT).when(create).refuses(BadUserInput, saying=saying, field=field)
    update = UpdateContract(contract=ID, terms=terms(**changes))
    given(CONTRACT, DEFINED).when(update).refuses(BadUserInput, saying=saying, field=field)


@pytest.mark.parametrize(
    "changes", [{"retention_days": 1}, {"retention_days": MAX_RETENTION_DAYS}, {"freshness_minutes": 1}]
)
def test_takes_numbers_at_their_bounds(changes: dict[str, int]) -> None:
    new = terms(**changes)
    given(CONTRACT).when(CreateContract(contract=ID, dataset=ORDERS, terms=new)).then(
        DataContractDefined(contract=ID, dataset=ORDERS, contract_version=1, **values(new))
    )


def test_its_events_concern_the_dataset() -> None:
    assert CONTRACT.about(None) == ()
    assert CONTRACT.about(given(CONTRACT, DEFINED).state) == (ORDERS,)


def test_every_event_changes_the_state() -> None:
    history: list[Event] = [DEFINED, UPDATED, RETIRED]
    assert {type(event) for event in history} == set(get_args(Event))
    for count in range(len(history)):
        assert given(CONTRACT, *history[:count]).state != given(CONTRACT, *history[: count + 1]).state
