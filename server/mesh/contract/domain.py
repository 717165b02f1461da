"""A contract's rules: its terms are replaced whole, and it ends by being retired."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from enum import StrEnum
from typing import Any, TypeAlias, assert_never

from server.kernel.codec import Raw, Upcast
from server.kernel.decider import Decider
from server.kernel.errors import AlreadyExists, BadUserInput, NotFound, PreconditionFailed
from server.kernel.files import CsvOptions, check_csv
from server.kernel.ids import Urn, name_of
from server.kernel.privacy import PrivacyRule
from server.kernel.quality import QualityRule
from server.kernel.record import record

MAX_RETENTION_DAYS = 36_500  # a hundred years; more is a typing error


class BadRowPolicy(StrEnum):
    """What happens to a batch with rows that do not fit the schema."""

    REJECT_BATCH = "REJECT_BATCH"
    SET_ASIDE = "SET_ASIDE"


class ContractStatus(StrEnum):
    """Whether batches may still come under the contract."""

    ACTIVE = "ACTIVE"
    RETIRED = "RETIRED"


@record
class Terms:
    """What a contract says. `retention_days` counts from the append; `freshness_minutes` between two appends."""

    retention_days: int | None = None
    quality_rules: tuple[QualityRule, ...] = ()
    privacy_rules: tuple[PrivacyRule, ...] = ()
    on_bad_rows: BadRowPolicy = BadRowPolicy.REJECT_BATCH
    freshness_minutes: int | None = None
    description: str = ""
    csv: CsvOptions = CsvOptions()


TERM_NAMES = tuple(field.name for field in fields(Terms))


@record
class CreateContract:
    """Define a contract for a dataset that is known to exist."""

    contract: Urn
    dataset: Urn
    terms: Terms


@record
class UpdateContract:
    """Replace the terms."""

    contract: Urn
    terms: Terms


@record
class RetireContract:
    """End the contract: nothing is appended under it any more."""

    contract: Urn
    reason: str


Command: TypeAlias = CreateContract | UpdateContract | RetireContract


@record
class DataContractDefined(Terms):
    """A contract exists, at version 1."""

    contract: Urn
    dataset: Urn
    contract_version: int


@record
class DataContractUpdated(Terms):
    """The contract has new terms, given whole."""

    contract: Urn
    dataset: Urn
    contract_version: int


@record
class DataContractRetired:
    """The contract ended."""

    contract: Urn
    reason: str


Event: TypeAlias = DataContractDefined | DataContractUpdated | DataContractRetired


@record
class Contract:
    """A contract's state."""

    contract: Urn
    dataset: Urn
    version: int
    terms: Terms
    status: ContractStatus = ContractStatus.ACTIVE


State: TypeAlias = Contract | None


def decide(command: Command, state: State) -> Sequence[Event]:
    """What the command records. Raises: Refused."""
    match command:
        case CreateContract(contract=contract, dataset=dataset, terms=terms):
            if state is not None:
                raise AlreadyExists(
                    f"contract {name_of(contract)!r} exists; choose another contractId", field="contractId"
                )
            terms = checked_terms(terms)
            return [DataContractDefined(contract=contract, dataset=dataset, contract_version=1, **values(terms))]
        case UpdateContract(contract=contract, terms=terms):
            known = active(contract, state)
            terms = checked_terms(terms)
            if terms == known.terms:
                return []
            version = known.version + 1
            return [
                DataContractUpdated(contract=contract, dataset=known.dataset, contract_version=version, **values(terms))
            ]
        case RetireContract(contract=contract, reason=reason):
            active(contract, state)
            return [DataContractRetired(contract=contract, reason=reason)]
        case _:
            assert_never(command)


def evolve(state: State, event: Event) -> State:
    """The state after the event."""
    match event:
        case DataContractDefined() | DataContractUpdated():
            return Contract(
                contract=event.contract,
                dataset=event.dataset,
                version=event.contract_version,
                terms=terms_of(event),
            )
        case DataContractRetired():
            assert state is not None, "a stream starts with DataContractDefined"
            return replace(state, status=ContractStatus.RETIRED)
        case _:
            assert_never(event)


def checked_terms(terms: Terms) -> Terms:
    """The terms in the form that is stored, if they are within bounds. Raises: BadUserInput."""
    days = terms.retention_days
    if days is not None and not 1 <= days <= MAX_RETENTION_DAYS:
        raise BadUserInput(
            f"retentionDays {days} is out of bounds: 1 to {MAX_RETENTION_DAYS}, or null to keep for ever",
            field="retentionDays",
        )
    minutes = terms.freshness_minutes
    if minutes is not None and minutes < 1:
        raise BadUserInput(
            f"freshnessMinutes {minutes} is out of bounds: at least 1, or null", field="freshnessMinutes"
        )
    return replace(terms, csv=check_csv(terms.csv))


def active(contract: Urn, state: State) -> Contract:
    """The contract, known and not retired. Raises: NotFound, PreconditionFailed."""
    if state is None:
        raise NotFound(f"contract {name_of(contract)!r} is not known; create it first", field="contract")
    if state.status is ContractStatus.RETIRED:
        raise PreconditionFailed(f"contract {name_of(contract)!r} is retired; create a new one", field="contract")
    return state


def terms_of(source: Terms) -> Terms:
    """The terms alone of an event that carries them."""
    return Terms(**values(source))


def values(terms: Terms) -> dict[str, Any]:
    """The terms by name, for an event that carries them."""
    return {name: getattr(terms, name) for name in TERM_NAMES}


def about(state: State) -> tuple[Urn, ...]:
    """The dataset that the contract is for."""
    return (state.dataset,) if state is not None else ()


CONTRACT: Decider[Command, Event, State] = Decider(initial=None, decide=decide, evolve=evolve, about=about)


def with_csv(raw: Raw) -> Raw:
    """DataContractDefined and DataContractUpdated 1 -> 2: nothing was said of CSV, so it was plain."""
    plain: Raw = {"delimiter": None, "null_values": [], "encoding": "utf-8", "decimal_separator": "."}
    return raw | {"csv": plain}


UPCASTS: Mapping[type, Sequence[Upcast]] = {DataContractDefined: (with_csv,), DataContractUpdated: (with_csv,)}
