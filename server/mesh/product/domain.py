"""A data product's rules: what it must say, and which version a change of its schema needs."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, assert_never

from server.kernel.compatibility_rules import breaks_for_consumers, listed, told
from server.kernel.decider import Decider
from server.kernel.errors import AlreadyExists, NotFound, PreconditionFailed
from server.kernel.fields import Field, check_fields
from server.kernel.ids import Urn, name_of
from server.kernel.ownership import check_description, check_owner
from server.kernel.record import record
from server.kernel.semantic_version import parse_version
from server.mesh.product.facts import (
    DataProductActivated,
    DataProductDeactivated,
    DataProductDeleted,
    DataProductDeprecated,
    DataProductRegistered,
    DataProductUpdated,
    Event,
    ProductStatus,
    StatusChanged,
)
from server.mesh.product.state import Product, State, Terms, evolve
from server.mesh.product.tags import check_tags

NAMED_GRANTS = 5  # in the sentence of a refusal; its details name more


@record
class RegisterProduct:
    """Give a product its name, in a domain that is known to exist."""

    name: str
    domain: Urn
    terms: Terms


@record
class UpdateProduct:
    """Change terms or the status of a product; None leaves each as it is."""

    product: Urn
    owner: str | None = None
    description: str | None = None
    fields: tuple[Field, ...] | None = None
    tags: tuple[str, ...] | None = None
    version: str | None = None
    status: ProductStatus | None = None


@record
class DeleteProduct:
    """Take a product away. `granted`: batches of its datasets that consumers may read now, with their grants."""

    product: Urn
    reason: str | None
    datasets: tuple[Urn, ...]
    granted: Mapping[Urn, Sequence[Urn]]


Command: TypeAlias = RegisterProduct | UpdateProduct | DeleteProduct


def decide(command: Command, state: State) -> Sequence[Event]:
    """What the command records. Raises: Refused."""
    match command:
        case RegisterProduct(name=name, domain=domain, terms=terms):
            if state is not None:
                raise AlreadyExists(f"data product {state.name!r} exists; choose another name", field="name")
            return [
                DataProductRegistered(
                    name=name, domain=domain, status=ProductStatus.ACTIVE, **values(checked_terms(terms))
                )
            ]
        case UpdateProduct(product=product):
            return updated(command, existing(product, state))
        case DeleteProduct(product=product, reason=reason, datasets=datasets, granted=granted):
            known = existing(product, state)
            if granted:
                raise still_granted(known.name, granted)
            return [DataProductDeleted(product=product, reason=reason, datasets=datasets)]
        case _:
            assert_never(command)


def updated(command: UpdateProduct, known: Product) -> Sequence[Event]:
    """New terms where they differ, a new status where it differs. Raises: BadUserInput, PreconditionFailed."""
    old = known.terms
    new = checked_terms(
        Terms(
            owner=old.owner if command.owner is None else command.owner,
            description=old.description if command.description is None else command.description,
            fields=old.fields if command.fields is None else command.fields,
            tags=old.tags if command.tags is None else command.tags,
            version=old.version if command.version is None else command.version,
        )
    )
    check_version(known.name, old, new)
    events: list[Event] = []
    if new != old:
        events.append(DataProductUpdated(product=command.product, **values(new)))
    if command.status is not None and command.status is not known.status:
        events.append(status_changed(command.product, command.status))
    return events


def check_version(name: str, old: Terms, new: Terms) -> None:
    """Refuse a version that goes down, or that says less than the change of schema does.

    Raises: PreconditionFailed; its details name every break.
    """
    before, after = parse_version(old.version), parse_version(new.version)
    if after < before:
        raise PreconditionFailed(
            f"data product {name!r} stands at version {before}, and a version never goes down to {after};"
            f" give {before} or a higher one",
            field="version",
            version=old.version,
        )
    if new.fields == old.fields:
        return
    broken = breaks_for_consumers(old.fields, new.fields)
    if broken and after.major == before.major:
        raise PreconditionFailed(
            f"this schema of data product {name!r} breaks its consumers: {told(broken)};"
            f" give it version {before.major + 1}.0.0 or mend what is named",
            field="version",
            version=old.version,
            needed=f"{before.major + 1}.0.0",
            breaks=listed(broken),
        )
    if after == before:
        raise PreconditionFailed(
            f"data product {name!r} has another schema at version {before}; give the new one a higher version,"
            f" such as {before.major}.{before.minor + 1}.0",
            field="version",
            version=old.version,
            needed=f"{before.major}.{before.minor}.{before.patch + 1}",
        )


def checked_terms(terms: Terms) -> Terms:
    """The terms in the form that is stored, if they are within bounds. Raises: BadUserInput."""
    return Terms(
        owner=check_owner(terms.owner),
        description=check_description(terms.description),
        fields=check_fields(terms.fields),
        tags=check_tags(terms.tags),
        version=str(parse_version(terms.version)),
    )


def values(terms: Terms) -> dict[str, Any]:  # the values of Terms by name
    """The terms by name, for an event that carries them."""
    return {name: getattr(terms, name) for name in Terms.__dataclass_fields__}


def status_changed(product: Urn, status: ProductStatus) -> StatusChanged:
    """The event that a new status is."""
    match status:
        case ProductStatus.ACTIVE:
            return DataProductActivated(product=product)
        case ProductStatus.DEPRECATED:
            return DataProductDeprecated(product=product)
        case ProductStatus.INACTIVE:
            return DataProductDeactivated(product=product)
        case _:
            assert_never(status)


def existing(product: Urn, state: State) -> Product:
    """The product's state. Raises: NotFound."""
    if state is None:
        raise NotFound(
            f"data product {name_of(product)!r} is not known; register it with registerDataProduct", field="name"
        )
    return state


def still_granted(name: str, granted: Mapping[Urn, Sequence[Urn]]) -> PreconditionFailed:
    """The refusal to delete a product whose rows consumers may still read."""
    grants = [f"{grant} on {batch}" for batch, given in granted.items() for grant in given]
    more = f" and {len(grants) - NAMED_GRANTS} more" if len(grants) > NAMED_GRANTS else ""
    return PreconditionFailed(
        f"consumers may still read data product {name!r}: {', '.join(grants[:NAMED_GRANTS])}{more};"
        " revoke the grants with revokeConsumption, or wait until they end",
        grants=[{"batch": batch, "grants": list(given)} for batch, given in granted.items()],
    )


def about(state: State) -> tuple[Urn, ...]:
    """The product itself and its domain."""
    return (Urn(f"product:{state.name}"), state.domain) if state is not None else ()


PRODUCT: Decider[Command, Event, State] = Decider(initial=None, decide=decide, evolve=evolve, about=about)
