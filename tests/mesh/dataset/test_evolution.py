from dataclasses import replace

import pytest

from server.kernel.compatibility_rules import Compatibility, break_of_contract
from server.kernel.errors import BadUserInput, NotFound, PreconditionFailed
from server.kernel.fields import Field
from server.mesh.dataset.domain import DATASET, Dataset, DatasetSchemaEvolved, EvolveSchema
from tests.given import given
from tests.mesh.dataset.test_domain import COMPLETED, EVOLVED, FIELDS, ORDERS, REGISTERED, REQUESTED, RUN, WIDER

ID, EMAIL = FIELDS
STRANDED = break_of_contract("c1", "email", "email MASK", "column 'email' is not in the schema")
WITHOUT_EMAIL = {
    "column": "email",
    "change": "rule of a contract no longer fits",
    "from": "contract 'c1': email MASK",
    "to": None,
    "why": "column 'email' is not in the schema",
}


def evolve(*fields: Field, compatibility: Compatibility = Compatibility.BACKWARD) -> EvolveSchema:
    return EvolveSchema(dataset=ORDERS, fields=fields, compatibility=compatibility)


def test_a_stranded_rule_about_the_whole_batch_is_told_as_such() -> None:
    stranded = break_of_contract("c1", "", "unique with (a, b)", "column 'b' is not in the schema")
    told = "the whole batch: rule of a contract no longer fits (contract 'c1': unique with (a, b)), column 'b' is not"
    assert str(stranded) == f"{told} in the schema"


def test_another_schema_is_the_next_version() -> None:
    state = given(DATASET, REGISTERED).when(evolve(*WIDER)).then(EVOLVED)
    assert state == Dataset(name="orders", fields=WIDER, schema_version=2, replay=None)


def test_versions_go_on_and_a_replay_under_way_goes_on_too() -> None:
    state = (
        given(DATASET, REGISTERED, REQUESTED, EVOLVED)
        .when(evolve(*FIELDS))
        .then(
            DatasetSchemaEvolved(dataset=ORDERS, schema_version=3, fields=FIELDS, compatibility=Compatibility.BACKWARD)
        )
    )
    assert state == Dataset(name="orders", fields=FIELDS, schema_version=3, replay=RUN)


@pytest.mark.parametrize("compatibility", Compatibility)
def test_the_schema_that_stands_records_nothing(compatibility: Compatibility) -> None:
    given(DATASET, REGISTERED, EVOLVED).when(evolve(*WIDER, compatibility=compatibility)).then()
    spelled = replace(ID, type=" BIGINT ")
    given(DATASET, REGISTERED, COMPLETED).when(evolve(spelled, EMAIL, compatibility=compatibility)).then()


def test_another_order_or_description_is_another_version() -> None:
    for fields in ((EMAIL, ID), (ID, replace(EMAIL, description="Where to write."))):
        given(DATASET, REGISTERED).when(evolve(*fields, compatibility=Compatibility.FULL)).then(
            replace(EVOLVED, fields=fields, compatibility=Compatibility.FULL)
        )


def test_refuses_what_breaks_the_mode_and_names_every_break() -> None:
    new = (replace(ID, type="string"), EMAIL, Field(name="town", type="string", nullable=False))
    given(DATASET, REGISTERED).when(evolve(*new)).refuses(
        PreconditionFailed,
        saying="this schema of dataset 'orders' is not BACKWARD compatible with version 1: column 'id': type replaced"
        " (int to string), not every old value has the new type; column 'town': required column added"
        " (string, required), old rows have no value for it; mend what is named",
        breaks=[
            {
                "column": "id",
                "change": "type replaced",
                "from": "int",
                "to": "string",
                "why": "not every old value has the new type",
            },
            {
                "column": "town",
                "change": "required column added",
                "from": None,
                "to": "string, required",
                "why": "old rows have no value for it",
            },
        ],
    )


def test_none_lets_everything_pass() -> None:
    new = (Field(name="other", type="json", nullable=False),)
    command = replace(evolve(*new, compatibility=Compatibility.NONE), stranded=(STRANDED,))
    given(DATASET, REGISTERED).when(command).then(replace(EVOLVED, fields=new, compatibility=Compatibility.NONE))


@pytest.mark.parametrize("compatibility", [mode for mode in Compatibility if mode is not Compatibility.NONE])
def test_refuses_to_leave_a_rule_of_a_contract_behind(compatibility: Compatibility) -> None:
    command = replace(evolve(ID, compatibility=compatibility), stranded=(STRANDED,))
    given(DATASET, REGISTERED).when(command).refuses(
        PreconditionFailed, saying="(contract 'c1': email MASK)", breaks=[WITHOUT_EMAIL]
    )


def test_refuses_what_is_no_schema() -> None:
    given(DATASET, REGISTERED).when(evolve()).refuses(BadUserInput, saying="at least one field", field="fields")
    given(DATASET, REGISTERED).when(evolve(ID, replace(ID, name="ID"))).refuses(
        BadUserInput, saying="field 'ID' stands twice (as 'id')", field="fields"
    )


def test_refuses_an_unknown_dataset() -> None:
    given(DATASET).when(evolve(*WIDER)).refuses(NotFound, saying="'dataset:orders' is not known", field="dataset")
