"""What a lake records: its creation, datasets with their figures, and what each level asks of them."""

from typing import Any

import pytest

from server.kernel.compliance import ComplianceLevel
from server.kernel.errors import AlreadyExists, BadUserInput, NotFound, PreconditionFailed
from server.kernel.fields import Field
from server.kernel.ids import Urn
from server.mesh.lake.commands import BareBatch
from server.mesh.lake.domain import LAKE
from server.mesh.lake.level_rules import LakeRules
from server.mesh.lake.state import DataLake, Ingested
from tests.given import given
from tests.mesh.lake.examples import (
    EU,
    KEYED,
    LEVELS,
    PERSONAL,
    PLAIN,
    US,
    USERS,
    audited,
    create,
    created,
    ingest,
    ingested,
)

GUARDED = [ComplianceLevel.GDPR, ComplianceLevel.STRICT]


def test_a_lake_is_created_once() -> None:
    assert given(LAKE).when(create()).then(created()) == DataLake(
        lake=EU, level=ComplianceLevel.GDPR, datasets={}, deletions={}
    )
    given(LAKE, created()).when(create()).refuses(AlreadyExists, saying="data lake 'eu' exists", field="lakeId")


@pytest.mark.parametrize("field", ["name", "owner", "region"])
@pytest.mark.parametrize(("text", "why"), [(" ", "is empty"), ("x" * 201, "201 characters")])
def test_a_lake_says_who_it_is_in_few_words(field: str, text: str, why: str) -> None:
    said: dict[str, Any] = {field: text}
    given(LAKE).when(create(**said)).refuses(BadUserInput, saying=why, field=field)


@pytest.mark.parametrize("level", LEVELS)
def test_a_dataset_of_which_all_is_said_comes_into_a_lake_of_any_level(level: ComplianceLevel) -> None:
    state = given(LAKE, created(level)).when(ingest()).then(ingested())
    assert state == DataLake(
        lake=EU,
        level=level,
        datasets={
            USERS: Ingested(data_source="crm", record_count=12, contains_pii=True, encryption_enabled=True),
        },
        deletions={},
    )


def test_ingesting_again_records_new_figures() -> None:
    state = given(LAKE, created(), ingested()).when(ingest(record_count=13)).then(ingested(record_count=13))
    assert state is not None
    assert {dataset: one.record_count for dataset, one in state.datasets.items()} == {USERS: 13}


def test_what_is_not_said_in_a_standard_lake_is_what_was_known() -> None:
    silent = ingest(contains_pii=None, encryption_enabled=None, known_pii=None, known_encryption=True, fields=PLAIN)
    told = ingested(contains_pii=None, encryption_enabled=True)
    given(LAKE, created(ComplianceLevel.STANDARD)).when(silent).then(told)


def test_that_a_dataset_was_encrypted_is_not_taken_back() -> None:
    given(LAKE, created()).when(ingest(encryption_enabled=False, known_encryption=True)).then(ingested())


@pytest.mark.parametrize("count", [0, -1])
def test_refuses_figures_of_nothing(count: int) -> None:
    given(LAKE, created()).when(ingest(record_count=count)).refuses(
        BadUserInput, saying=f"recordCount is {count}", field="recordCount"
    )


@pytest.mark.parametrize(("text", "why"), [(" ", "is empty"), ("x" * 201, "201 characters")])
def test_refuses_a_source_that_says_nothing_or_too_much(text: str, why: str) -> None:
    given(LAKE, created()).when(ingest(data_source=text)).refuses(BadUserInput, saying=why, field="dataSource")


def test_refuses_a_lake_that_nobody_created() -> None:
    given(LAKE).when(ingest()).refuses(NotFound, saying="data lake 'eu' is not known", field="lake")


def test_refuses_a_dataset_of_another_lake() -> None:
    given(LAKE, created()).when(ingest(elsewhere=US)).refuses(
        PreconditionFailed, saying="is in lake 'us'", field="lake"
    )


@pytest.mark.parametrize("level", GUARDED)
def test_a_guarded_lake_needs_to_hear_about_personal_data(level: ComplianceLevel) -> None:
    given(LAKE, created(level)).when(ingest(contains_pii=None, known_pii=True)).refuses(
        PreconditionFailed, saying="say containsPii true or false", field="containsPii"
    )


@pytest.mark.parametrize("level", GUARDED)
def test_a_guarded_lake_needs_the_subject_key_of_personal_data(level: ComplianceLevel) -> None:
    for fields in (PERSONAL, PLAIN):
        given(LAKE, created(level)).when(ingest(fields=fields)).refuses(
            PreconditionFailed, saying="as subjectKey with evolveSchema", field="dataset"
        )
    given(LAKE, created(level)).when(ingest(fields=PLAIN, contains_pii=False)).then(ingested(contains_pii=False))


def test_a_standard_lake_asks_neither_for_a_subject_key_nor_for_encryption() -> None:
    plain = ingest(fields=PERSONAL, encryption_enabled=None)
    given(LAKE, created(ComplianceLevel.STANDARD)).when(plain).then(ingested(encryption_enabled=False))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("fields", "known"), [(KEYED, None), (PLAIN, True)])
def test_personal_data_is_never_taken_back(
    level: ComplianceLevel, fields: tuple[Field, ...], known: bool | None
) -> None:
    given(LAKE, created(level)).when(ingest(contains_pii=False, fields=fields, known_pii=known)).refuses(
        PreconditionFailed, saying="that is never taken back; say containsPii true", field="containsPii"
    )


def test_a_strict_lake_needs_encryption() -> None:
    strict = given(LAKE, created(ComplianceLevel.STRICT))
    for said, known in ((None, False), (False, True), (False, False)):
        strict.when(ingest(encryption_enabled=said, known_encryption=known)).refuses(
            PreconditionFailed, saying="say encryptionEnabled true", field="encryptionEnabled"
        )
    strict.when(ingest(encryption_enabled=None, known_encryption=True)).then(ingested())
    given(LAKE, created()).when(ingest(encryption_enabled=None)).then(ingested(encryption_enabled=False))


def test_a_strict_lake_names_the_batch_that_shows_personal_columns() -> None:
    bare = BareBatch(batch=Urn("batch:b1"), columns=("email",))
    given(LAKE, created(ComplianceLevel.STRICT)).when(ingest(bare=bare)).refuses(
        PreconditionFailed,
        saying="batch 'b1' of dataset 'users' is published with the personal columns 'email' as they were",
        field="dataset",
        batch="batch:b1",
        columns=["email"],
    )


def test_an_audited_access_changes_nothing() -> None:
    before = given(LAKE, created(), ingested())
    assert given(LAKE, *before.events, audited()).state == before.state


MARKED = (*KEYED, Field(name="city", type="string"))
ID, EMAIL, CITY = MARKED


@pytest.mark.parametrize("level", GUARDED)
@pytest.mark.parametrize(
    "after",
    [
        (EMAIL, CITY),
        (Field(name="user_id", type="string"), EMAIL),
        (Field(name="user_id", type="string"), EMAIL, Field(name="login", type="string", subject_key=True)),
        (Field(name="user", type="string", subject_key=True), EMAIL),
        (CITY,),
    ],
    ids=["dropped", "unmarked", "moved", "renamed", "nothing personal left"],
)
def test_a_subject_key_stays_in_a_guarded_lake(level: ComplianceLevel, after: tuple[Field, ...]) -> None:
    with pytest.raises(PreconditionFailed, match="'user_id' is the subjectKey of dataset 'users'"):
        LakeRules(lake=EU, level=level).check_evolution(USERS, MARKED, after, personal=True)


@pytest.mark.parametrize("level", GUARDED)
def test_a_pii_mark_stays_as_long_as_its_field_in_a_guarded_lake(level: ComplianceLevel) -> None:
    rules = LakeRules(lake=EU, level=level)
    with pytest.raises(PreconditionFailed, match="'email' of dataset 'users' is marked pii"):
        rules.check_evolution(USERS, MARKED, (ID, Field(name="email", type="string")), personal=True)
    rules.check_evolution(USERS, MARKED, (ID, CITY), personal=True)


@pytest.mark.parametrize("level", GUARDED)
def test_what_becomes_personal_in_a_guarded_lake_needs_a_subject_key(level: ComplianceLevel) -> None:
    rules = LakeRules(lake=EU, level=level)
    marked = (*PLAIN, EMAIL)
    with pytest.raises(PreconditionFailed, match="as subjectKey with evolveSchema"):
        rules.check_evolution(USERS, PLAIN, marked, personal=False)
    rules.check_evolution(USERS, PLAIN, (*marked, ID), personal=False)
    rules.check_evolution(USERS, PLAIN, (*PLAIN, CITY), personal=False)


def test_a_standard_lake_lets_any_schema_come() -> None:
    LakeRules(lake=EU, level=ComplianceLevel.STANDARD).check_evolution(USERS, MARKED, PLAIN, personal=True)
