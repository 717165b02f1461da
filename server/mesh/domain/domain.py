"""A domain's rules: a name for good, an owner and a description that may change."""

from collections.abc import Sequence
from typing import TypeAlias, assert_never

from server.kernel.decider import Decider
from server.kernel.errors import AlreadyExists, NotFound
from server.kernel.ids import Urn, name_of
from server.kernel.ownership import check_description, check_owner
from server.kernel.record import record


@record
class CreateDomain:
    """Give a domain its name."""

    name: str
    owner: str
    description: str


@record
class UpdateDomain:
    """Change what is said of a domain; None leaves it as it is."""

    domain: Urn
    owner: str | None = None
    description: str | None = None


Command: TypeAlias = CreateDomain | UpdateDomain


@record
class DomainCreated:
    """A domain exists."""

    name: str
    owner: str
    description: str


@record
class DomainUpdated:
    """The domain has another owner or description; both are given."""

    domain: Urn
    owner: str
    description: str


Event: TypeAlias = DomainCreated | DomainUpdated


@record
class Domain:
    """A domain's state."""

    name: str
    owner: str
    description: str


State: TypeAlias = Domain | None


def decide(command: Command, state: State) -> Sequence[Event]:
    """What the command records. Raises: Refused."""
    match command:
        case CreateDomain(name=name, owner=owner, description=description):
            if state is not None:
                raise AlreadyExists(f"domain {state.name!r} exists; choose another name", field="name")
            return [
                DomainCreated(name=name, owner=check_owner(owner), description=check_description(description)),
            ]
        case UpdateDomain(domain=domain):
            return updated(command, existing(domain, state))
        case _:
            assert_never(command)


def updated(command: UpdateDomain, known: Domain) -> Sequence[DomainUpdated]:
    """The change; nothing where it says what stands already. Raises: BadUserInput."""
    owner = known.owner if command.owner is None else check_owner(command.owner)
    description = known.description if command.description is None else check_description(command.description)
    if (owner, description) == (known.owner, known.description):
        return []
    return [DomainUpdated(domain=command.domain, owner=owner, description=description)]


def evolve(state: State, event: Event) -> State:
    """The state after the event."""
    match event:
        case DomainCreated(name=name, owner=owner, description=description):
            return Domain(name=name, owner=owner, description=description)
        case DomainUpdated(owner=owner, description=description):
            assert state is not None, "a stream starts with DomainCreated"
            return Domain(name=state.name, owner=owner, description=description)
        case _:
            assert_never(event)


def existing(domain: Urn, state: State) -> Domain:
    """The domain's state. Raises: NotFound."""
    if state is None:
        raise NotFound(f"domain {name_of(domain)!r} is not known; create it with createDomain", field="name")
    return state


def about(state: State) -> tuple[Urn, ...]:
    """The domain itself, so that one filter finds its events and those of all that it holds."""
    return (Urn(f"domain:{state.name}"),) if state is not None else ()


DOMAIN: Decider[Command, Event, State] = Decider(initial=None, decide=decide, evolve=evolve, about=about)
