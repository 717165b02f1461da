"""A data product's rules."""

from dataclasses import replace
from typing import Any

import pytest

from server.kernel.compatibility_rules import breaks_for_consumers, listed
from server.kernel.errors import AlreadyExists, BadUserInput, NotFound, PreconditionFailed
from server.kernel.fields import Field
from server.kernel.ids import Urn
from server.mesh.product.domain import (
    PRODUCT,
    DeleteProduct,
    RegisterProduct,
    UpdateProduct,
    values,
)
from server.mesh.product.facts import (
    DataProductActivated,
    DataProductDeactivated,
    DataProductDeleted,
    DataProductDeprecated,
    DataProductRegistered,
    DataProductUpdated,
    ProductStatus,
)
from server.mesh.product.state import Product, Terms
from tests.given import given

ID, SALES = Urn("product:orders"), Urn("domain:sales")
KEY = Field(name="order_id", type="int", nullable=False, primary_key=True)
TOTAL = Field(name="total", type="int", nullable=False)
NOTE = Field(name="note", type="string")
TERMS = Terms(owner="ann", description="As placed.", fields=(KEY, TOTAL), tags=("daily",), version="1.4.2")
REGISTERED = DataProductRegistered(name="orders", domain=SALES, status=ProductStatus.ACTIVE, **values(TERMS))
STATUS_EVENTS = {
    ProductStatus.ACTIVE: DataProductActivated(product=ID),
    ProductStatus.DEPRECATED: DataProductDeprecated(product=ID),
    ProductStatus.INACTIVE: DataProductDeactivated(product=ID),
}


def updated(**changes: Any) -> DataProductUpdated:
    return DataProductUpdated(product=ID, **values(replace(TERMS, **changes)))


def update(**changes: Any) -> UpdateProduct:
    return UpdateProduct(product=ID, **changes)


def test_registers_a_product_that_is_active() -> None:
    command = RegisterProduct(name="orders", domain=SALES, terms=TERMS)
    state = given(PRODUCT).when(command).then(REGISTERED)
    assert state == Product(name="orders", domain=SALES, terms=TERMS, status=ProductStatus.ACTIVE)


def test_stores_what_is_given_in_one_form() -> None:
    given_terms = replace(
        TERMS,
        fields=(replace(KEY, type="bigint", nullable=True), TOTAL),
        tags=(" Daily", "DAILY ", "", "  ", "EU"),
    )
    state = (
        given(PRODUCT)
        .when(RegisterProduct(name="orders", domain=SALES, terms=given_terms))
        .then(replace(REGISTERED, tags=("daily", "eu")))
    )
    assert state is not None


def test_refuses_a_name_that_is_taken() -> None:
    command = RegisterProduct(name="orders", domain=SALES, terms=TERMS)
    given(PRODUCT, REGISTERED).when(command).refuses(AlreadyExists, saying="'orders' exists", field="name")


def test_a_deleted_name_may_be_registered_again_in_another_domain() -> None:
    deleted = DataProductDeleted(product=ID, reason=None, datasets=())
    again = replace(REGISTERED, domain=Urn("domain:trade"), version="0.1.0")
    terms = replace(TERMS, version="0.1.0")
    command = RegisterProduct(name="orders", domain=Urn("domain:trade"), terms=terms)
    state = given(PRODUCT, REGISTERED, DataProductDeprecated(product=ID), deleted).when(command).then(again)
    assert state == Product(name="orders", domain=Urn("domain:trade"), terms=terms, status=ProductStatus.ACTIVE)


@pytest.mark.parametrize(
    ("changes", "saying", "field"),
    [
        ({"owner": " "}, "owner is empty", "owner"),
        ({"owner": "x" * 201}, "201 characters", "owner"),
        ({"description": "x" * 10_001}, "10001 characters", "description"),
        ({"fields": ()}, "at least one field", "fields"),
        ({"fields": (NOTE, replace(NOTE, name="NOTE"))}, "stands twice", "fields"),
        ({"fields": (replace(NOTE, name="e\u0301"), replace(NOTE, name="É"))}, "stands twice", "fields"),
        ({"fields": (replace(NOTE, type="blob"),)}, "'blob' is not known", "type"),
        ({"tags": tuple(f"t{n}" for n in range(21))}, "21 tags", "tags"),
        ({"tags": ("x" * 51,)}, "51 characters", "tags"),
        ({"version": "1.0"}, "MAJOR.MINOR.PATCH", "version"),
        ({"version": "1.0.0-rc.1"}, "pre-release", "version"),
        ({"version": "1.0.0+build"}, "pre-release", "version"),
        ({"version": "01.0.0"}, "leading zeros", "version"),
        ({"version": "1.0.0\n"}, "MAJOR.MINOR.PATCH", "version"),
        ({"version": "1.0.1000000000"}, "9 digits", "version"),
        ({"version": "\u0661.0.0"}, "MAJOR.MINOR.PATCH", "version"),
    ],
)
def test_refuses_what_is_out_of_bounds_in_a_new_product_and_in_a_change(
    changes: dict[str, Any], saying: str, field: str
) -> None:
    register = RegisterProduct(name="orders", domain=SALES, terms=replace(TERMS, **changes))
    given(PRODUCT).when(register).refuses(BadUserInput, saying=saying, field=field)
    given(PRODUCT, REGISTERED).when(update(**changes)).refuses(BadUserInput, saying=saying, field=field)


def test_takes_as_many_tags_as_that_counting_each_once() -> None:
    tags = tuple(f"t{n}" for n in range(20))
    command = RegisterProduct(name="orders", domain=SALES, terms=replace(TERMS, tags=(*tags, "T0", "x" * 0)))
    given(PRODUCT).when(command).then(replace(REGISTERED, tags=tags))


def test_a_change_holds_the_whole_new_terms_and_leaves_what_is_not_named() -> None:
    for changes in (
        {"owner": "bob"},
        {"description": ""},
        {"tags": ()},
        {"version": "1.4.3"},
        {"fields": (KEY, TOTAL, NOTE), "version": "1.5.0"},
    ):
        state = given(PRODUCT, REGISTERED).when(update(**changes)).then(updated(**changes))
        assert state == Product(
            name="orders", domain=SALES, terms=replace(TERMS, **changes), status=ProductStatus.ACTIVE
        )


def test_a_change_that_changes_nothing_records_nothing() -> None:
    given(PRODUCT, REGISTERED).when(update()).then()
    given(PRODUCT, REGISTERED).when(update(status=ProductStatus.ACTIVE, **values(TERMS))).then()


@pytest.mark.parametrize("before", ProductStatus)
@pytest.mark.parametrize("after", ProductStatus)
def test_a_change_of_status_alone_is_one_event(before: ProductStatus, after: ProductStatus) -> None:
    history = [REGISTERED, STATUS_EVENTS[before]] if before is not ProductStatus.ACTIVE else [REGISTERED]
    wanted = [] if before is after else [STATUS_EVENTS[after]]
    state = given(PRODUCT, *history).when(update(status=after)).then(*wanted)
    assert state is not None
    assert (state.status, state.terms) == (after, TERMS)


def test_a_change_of_terms_and_status_is_two_events() -> None:
    command = update(owner="bob", status=ProductStatus.DEPRECATED)
    given(PRODUCT, REGISTERED).when(command).then(updated(owner="bob"), DataProductDeprecated(product=ID))


def test_a_version_never_goes_down() -> None:
    for lower in ("1.4.1", "1.3.9", "0.9.9"):
        given(PRODUCT, REGISTERED).when(update(version=lower)).refuses(
            PreconditionFailed,
            saying=f"a version never goes down to {lower}; give 1.4.2 or a higher one",
            field="version",
            version="1.4.2",
        )
    given(PRODUCT, REGISTERED).when(update(version="1.10.0")).then(updated(version="1.10.0"))


def test_another_schema_needs_a_higher_version() -> None:
    fields = (KEY, TOTAL, NOTE)
    given(PRODUCT, REGISTERED).when(update(fields=fields)).refuses(
        PreconditionFailed, saying="such as 1.5.0", field="version", version="1.4.2", needed="1.4.3"
    )
    given(PRODUCT, REGISTERED).when(update(fields=fields, version="1.4.3")).then(
        updated(fields=fields, version="1.4.3")
    )


def test_a_schema_that_breaks_readers_needs_a_higher_major_version_and_every_break_is_named() -> None:
    fields = (KEY, replace(TOTAL, nullable=True, type="string"))
    broken = breaks_for_consumers(TERMS.fields, fields)
    assert [one.column for one in broken] == ["total", "total"]
    for version in ("1.4.2", "1.4.3", "1.99.0"):
        given(PRODUCT, REGISTERED).when(update(fields=fields, version=version)).refuses(
            PreconditionFailed,
            saying=f"{broken[0]}; {broken[1]}; give it version 2.0.0",
            field="version",
            version="1.4.2",
            needed="2.0.0",
            breaks=listed(broken),
        )
    given(PRODUCT, REGISTERED).when(update(fields=fields, version="2.0.0")).then(
        updated(fields=fields, version="2.0.0")
    )


def test_a_wider_type_breaks_no_reader() -> None:
    fields = (KEY, replace(TOTAL, type="decimal"))
    given(PRODUCT, REGISTERED).when(update(fields=fields, version="1.5.0")).then(
        updated(fields=fields, version="1.5.0")
    )


def test_a_deletion_names_the_datasets_that_it_leaves() -> None:
    left = (Urn("dataset:a"), Urn("dataset:b"))
    command = DeleteProduct(product=ID, reason="replaced", datasets=left, granted={})
    state = (
        given(PRODUCT, REGISTERED).when(command).then(DataProductDeleted(product=ID, reason="replaced", datasets=left))
    )
    assert state is None


def test_refuses_to_delete_what_consumers_may_still_read_and_names_it() -> None:
    granted = {
        Urn("batch:b1"): [Urn("grant:g1"), Urn("grant:g2")],
        Urn("batch:b2"): [Urn(f"grant:g{n}") for n in range(3, 8)],
    }
    command = DeleteProduct(product=ID, reason=None, datasets=(), granted=granted)
    given(PRODUCT, REGISTERED).when(command).refuses(
        PreconditionFailed,
        saying="grant:g1 on batch:b1, grant:g2 on batch:b1, grant:g3 on batch:b2, grant:g4 on batch:b2,"
        " grant:g5 on batch:b2 and 2 more; revoke the grants",
        grants=[
            {"batch": "batch:b1", "grants": ["grant:g1", "grant:g2"]},
            {"batch": "batch:b2", "grants": ["grant:g3", "grant:g4", "grant:g5", "grant:g6", "grant:g7"]},
        ],
    )


@pytest.mark.parametrize(
    "history", [[], [REGISTERED, DataProductDeleted(product=ID, reason=None, datasets=())]], ids=["never", "deleted"]
)
def test_refuses_to_change_or_delete_what_is_not_there(history: list[Any]) -> None:
    delete = DeleteProduct(product=ID, reason=None, datasets=(), granted={})
    for command in (update(owner="bob"), delete):
        given(PRODUCT, *history).when(command).refuses(
            NotFound, saying="data product 'orders' is not known", field="name"
        )


def test_events_are_about_the_product_and_its_domain() -> None:
    assert PRODUCT.about(given(PRODUCT, REGISTERED).state) == (ID, SALES)
    assert PRODUCT.about(None) == ()
