"""A domain's rules, and its row as one truth with its state."""

import pytest

from server.kernel.errors import AlreadyExists, BadUserInput, NotFound
from server.kernel.ids import Urn
from server.mesh.domain.domain import (
    DOMAIN,
    CreateDomain,
    Domain,
    DomainCreated,
    DomainUpdated,
    Event,
    UpdateDomain,
)
from server.mesh.domain.queries import DomainRow
from tests.given import given
from tests.mesh.projected import ReadTables, instant

ID = Urn("domain:sales")
CREATED = DomainCreated(name="sales", owner="ann", description="Whatever is sold.")
UPDATED = DomainUpdated(domain=ID, owner="bob", description="Whatever is sold.")
HISTORY: list[Event] = [CREATED, UPDATED, DomainUpdated(domain=ID, owner="bob", description="")]


def test_creates_a_domain() -> None:
    command = CreateDomain(name="sales", owner="ann", description="Whatever is sold.")
    state = given(DOMAIN).when(command).then(CREATED)
    assert state == Domain(name="sales", owner="ann", description="Whatever is sold.")


def test_refuses_a_name_that_is_taken() -> None:
    command = CreateDomain(name="sales", owner="bob", description="")
    given(DOMAIN, CREATED).when(command).refuses(AlreadyExists, saying="domain 'sales' exists", field="name")


def test_an_update_holds_the_whole_new_terms() -> None:
    state = given(DOMAIN, CREATED).when(UpdateDomain(domain=ID, owner="bob")).then(UPDATED)
    assert state == Domain(name="sales", owner="bob", description="Whatever is sold.")
    emptied = DomainUpdated(domain=ID, owner="ann", description="")
    given(DOMAIN, CREATED).when(UpdateDomain(domain=ID, description="")).then(emptied)


def test_an_update_that_changes_nothing_records_nothing() -> None:
    given(DOMAIN, CREATED).when(UpdateDomain(domain=ID)).then()
    given(DOMAIN, CREATED).when(UpdateDomain(domain=ID, owner="ann", description="Whatever is sold.")).then()


def test_refuses_to_change_what_is_not_there() -> None:
    command = UpdateDomain(domain=ID, owner="bob")
    given(DOMAIN).when(command).refuses(NotFound, saying="domain 'sales' is not known", field="name")


@pytest.mark.parametrize(("owner", "saying"), [("", "empty"), (" \t", "empty"), ("x" * 201, "201 characters")])
def test_refuses_an_owner_that_names_nobody(owner: str, saying: str) -> None:
    create = CreateDomain(name="sales", owner=owner, description="")
    given(DOMAIN).when(create).refuses(BadUserInput, saying=saying, field="owner")
    given(DOMAIN, CREATED).when(UpdateDomain(domain=ID, owner=owner)).refuses(
        BadUserInput, saying=saying, field="owner"
    )


def test_an_owner_and_a_description_may_be_as_long_as_that() -> None:
    command = CreateDomain(name="sales", owner="x" * 200, description="y" * 10_000)
    given(DOMAIN).when(command).then(DomainCreated(name="sales", owner="x" * 200, description="y" * 10_000))
    longer = CreateDomain(name="sales", owner="x", description="y" * 10_001)
    given(DOMAIN).when(longer).refuses(BadUserInput, saying="10001 characters", field="description")


def test_events_are_about_the_domain_itself() -> None:
    assert DOMAIN.about(given(DOMAIN, CREATED).state) == (ID,)


def test_the_row_as_of_every_position_is_the_state_after_it(read_tables: ReadTables) -> None:
    for together in range(1, len(HISTORY) + 1):
        rows = read_tables.after(ID, HISTORY, together=together)
        for position in range(1, len(HISTORY) + 1):
            [row] = rows.standing(DomainRow, position)
            stored = Domain(name=row["name"], owner=row["owner"], description=row["description"])
            assert stored == DOMAIN.fold(HISTORY[:position], None)
            assert (row["id"], row["revision"]) == (ID, position)
            assert (row["created_at"], row["updated_at"]) == (instant(1), instant(position))
