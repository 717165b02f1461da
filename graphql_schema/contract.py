"""Contracts in the graph."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from graphql_schema import batch as batches
from graphql_schema import dataset as datasets
from graphql_schema import event_log as events
from graphql_schema.context import Info
from graphql_schema.csv_options import CsvOptions, CsvOptionsInput, csv_options, given_csv
from graphql_schema.enumeration import enumeration
from graphql_schema.guard import guarded, mutation
from graphql_schema.node import Node
from graphql_schema.paging import After, Connection, First, connection, request
from graphql_schema.payload import EVENTS, KEY, Events, MutationPayload, recorded
from graphql_schema.position import position_of
from graphql_schema.rules import (
    PrivacyRule,
    PrivacyRuleInput,
    QualityRule,
    QualityRuleInput,
    given_privacy,
    given_quality,
    privacy_rule,
    quality_rule,
)
from server.adapters.store.commands import Receipt
from server.kernel.ids import Kind, Urn, reference
from server.kernel.permission import Permission
from server.mesh.contract import domain
from server.mesh.contract.queries import ContractRow, terms_of_row
from server.mesh.contract.queries import contracts as listing

if TYPE_CHECKING:
    from graphql_schema.batch import Batch
    from graphql_schema.dataset import Dataset
    from graphql_schema.event import Event

ContractStatus = enumeration(
    domain.ContractStatus,
    name="ContractStatus",
    description="Whether batches may still come under a contract.",
    ACTIVE="They may.",
    RETIRED="None may; those that came before go on.",
)
BadRowPolicy = enumeration(
    domain.BadRowPolicy,
    name="BadRowPolicy",
    description="What happens to a batch with rows that do not fit.",
    REJECT_BATCH="The whole file is refused.",
    SET_ASIDE="They are set aside with line and reason; the others become the batch.",
)


@strawberry.type(description="What the batches of a dataset must satisfy, and what must be hidden in them.")
class DataContract(Node):
    """A contract at a position."""

    position: strawberry.Private[int]
    dataset_id: strawberry.Private[str]
    revision: int = strawberry.field(description="The version of its stream: what `expectedVersion` takes.")
    contract_id: str = strawberry.field(description="Its id, as it was chosen.")
    version: int = strawberry.field(
        description="1 at its definition, one more at each update. A batch keeps the version that it came under."
    )
    status: ContractStatus = strawberry.field(description="Whether batches may still come under it.")  # type: ignore[valid-type]
    retention_days: int | None = strawberry.field(description="Days that a batch is kept; null for ever.")
    quality_rules: list[QualityRule] = strawberry.field(description="What clean data is.")
    privacy_rules: list[PrivacyRule] = strawberry.field(description="What must be hidden.")
    on_bad_rows: BadRowPolicy = strawberry.field(description="What happens to rows that do not fit.")  # type: ignore[valid-type]
    csv: CsvOptions = strawberry.field(description="How the producer writes CSV.")
    freshness_minutes: int | None = strawberry.field(description="How long after the last batch the next is due.")
    description: str = strawberry.field(description="What it is about.")
    defined_at: datetime = strawberry.field(description="When it was defined.")

    @strawberry.field(description="The dataset that it is for.")
    async def dataset(self, info: Info) -> Annotated["Dataset", strawberry.lazy("graphql_schema.dataset")]:
        """Its dataset."""
        row = await info.context.load("dataset", self.position, self.dataset_id)
        return datasets.dataset_node(row, self.position)

    @strawberry.field(description="The batches that came under it, oldest first.")
    async def batches(
        self, info: Info, first: First = 50, after: After = None
    ) -> Connection[Annotated["Batch", strawberry.lazy("graphql_schema.batch")]]:
        """A page of batches."""
        every = batches.batch_listing(None, parent="contract")
        page = await info.context.children(every, request(first, after), self.position, self.id)
        return connection(page, lambda row: batches.batch_node(row, page.position))

    @guarded(Permission.AUDIT, description="What happened to it, oldest first.")
    async def events(
        self, info: Info, first: First = 50, after: After = None
    ) -> Connection[Annotated["Event", strawberry.lazy("graphql_schema.event")]]:
        """A page of events up to the position."""
        return await events.events_of(info, self.id, self.position, first, after)


@strawberry.input(description="A contract to be defined.")
class CreateContractInput:
    """A contract to be defined."""

    contract_id: str | None = strawberry.field(default=None, description="Its id; made where none is given.")
    dataset: strawberry.ID = strawberry.field(description="The dataset, by URN or name.")
    retention_days: int | None = strawberry.field(default=None, description="Days that a batch is kept; at least 1.")
    quality_rules: list[QualityRuleInput] | None = strawberry.field(
        default_factory=list, description="What clean data is."
    )
    privacy_rules: list[PrivacyRuleInput] | None = strawberry.field(
        default_factory=list, description="What must be hidden."
    )
    on_bad_rows: BadRowPolicy | None = strawberry.field(  # type: ignore[valid-type]
        default=domain.BadRowPolicy.REJECT_BATCH, description="What happens to rows that do not fit."
    )
    csv: CsvOptionsInput | None = strawberry.field(default=None, description="How the producer writes CSV.")
    freshness_minutes: int | None = strawberry.field(
        default=None, description="How long after the last batch the next is due."
    )
    description: str | None = strawberry.field(default="", description="What it is about.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="New terms of a contract: what is absent stays, an explicit null removes.")
class UpdateContractInput:
    """New terms of a contract."""

    contract: strawberry.ID = strawberry.field(description="The contract, by URN or id.")
    retention_days: strawberry.Maybe[int | None] = strawberry.field(
        description="Days that a batch is kept; null for ever."
    )
    quality_rules: strawberry.Maybe[list[QualityRuleInput] | None] = strawberry.field(
        description="What clean data is; null for no rule."
    )
    privacy_rules: strawberry.Maybe[list[PrivacyRuleInput] | None] = strawberry.field(
        description="What must be hidden; null for no rule."
    )
    on_bad_rows: strawberry.Maybe[BadRowPolicy | None] = strawberry.field(  # type: ignore[valid-type]
        description="What happens to rows that do not fit; null for REJECT_BATCH."
    )
    csv: strawberry.Maybe[CsvOptionsInput | None] = strawberry.field(
        description="How the producer writes CSV, whole; null for plain CSV."
    )
    freshness_minutes: strawberry.Maybe[int | None] = strawberry.field(
        description="How long after the last batch the next is due."
    )
    description: strawberry.Maybe[str | None] = strawberry.field(description="What it is about.")
    expected_version: int | None = strawberry.field(
        default=None, description="The `revision` that the change rests on; CONFLICT where it differs."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A contract to be ended.")
class RetireContractInput:
    """A contract to be ended."""

    contract: strawberry.ID = strawberry.field(description="The contract, by URN or id.")
    reason: str = strawberry.field(description="Why.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="A contract that was defined or changed.")
class ContractPayload(MutationPayload):
    """A contract that was defined or changed."""

    contract: DataContract = strawberry.field(description="The contract as it now stands.")
    events: Events = strawberry.field(description=EVENTS)


@strawberry.type
class ContractReads:
    """Contracts on the root and in a catalog."""

    @guarded(Permission.CATALOG, description="A contract by URN or id.")
    async def contract(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="URN or id.")]
    ) -> DataContract | None:
        """The contract, or null."""
        position = await position_of(self, info)
        row = await info.context.mesh.contracts.find(id, position)
        return None if row is None else contract_node(row, position)

    @guarded(Permission.CATALOG, description="Contracts by id, of one dataset or of all.")
    async def contracts(
        self,
        info: Info,
        dataset: Annotated[strawberry.ID | None, strawberry.argument(description="URN or name.")] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[DataContract]:
        """A page of contracts."""
        position = await position_of(self, info)
        only = None if dataset is None else reference(Kind.DATASET, dataset, field="dataset")
        page = await info.context.mesh.reader.page(listing(only), request(first, after), position)
        return connection(page, lambda row: contract_node(row, page.position))


@strawberry.type
class ContractMutation:
    """What may be done to contracts."""

    @mutation("Defines a contract for a dataset.")
    async def create_contract(
        self, info: Info, input: Annotated[CreateContractInput, strawberry.argument(description="The contract.")]
    ) -> ContractPayload:
        """CreateContract -> DataContractDefined."""
        context = info.context
        terms = domain.Terms(
            retention_days=input.retention_days,
            quality_rules=given_quality(input.quality_rules),
            privacy_rules=given_privacy(input.privacy_rules),
            on_bad_rows=input.on_bad_rows or domain.BadRowPolicy.REJECT_BATCH,
            csv=given_csv(input.csv),
            freshness_minutes=input.freshness_minutes,
            description=input.description or "",
        )
        contract, receipt = await context.mesh.contract_service.create(
            input.contract_id,
            input.dataset,
            terms,
            intent=context.intent("createContract", input, input.idempotency_key),
        )
        return await payload(info, contract, receipt)

    @mutation("Replaces terms of a contract. Batches keep the version that they came under.")
    async def update_contract(
        self, info: Info, input: Annotated[UpdateContractInput, strawberry.argument(description="The new terms.")]
    ) -> ContractPayload:
        """UpdateContract -> DataContractUpdated."""
        context = info.context
        contract, receipt = await context.mesh.contract_service.update(
            input.contract,
            given_change(input),
            expected=input.expected_version,
            intent=context.intent("updateContract", input, input.idempotency_key),
        )
        return await payload(info, contract, receipt)

    @mutation("Ends a contract: nothing is appended under it any more.")
    async def retire_contract(
        self, info: Info, input: Annotated[RetireContractInput, strawberry.argument(description="The contract.")]
    ) -> ContractPayload:
        """RetireContract -> DataContractRetired."""
        context = info.context
        contract, receipt = await context.mesh.contract_service.retire(
            input.contract, input.reason, intent=context.intent("retireContract", input, input.idempotency_key)
        )
        return await payload(info, contract, receipt)


async def payload(info: Info, contract: Urn, receipt: Receipt) -> ContractPayload:
    """The contract as the command left it."""
    row = await info.context.mesh.contracts.known(contract, position=receipt.position)
    return ContractPayload(contract=contract_node(row, receipt.position), events=await recorded(info, receipt))


def given_change(input: UpdateContractInput) -> dict[str, Any]:  # values of Terms by name
    """The terms that a client wants changed; an explicit null is the term's empty value."""
    change: dict[str, Any] = {}
    if input.retention_days is not None:
        change["retention_days"] = input.retention_days.value
    if input.quality_rules is not None:
        change["quality_rules"] = given_quality(input.quality_rules.value)
    if input.privacy_rules is not None:
        change["privacy_rules"] = given_privacy(input.privacy_rules.value)
    if input.on_bad_rows is not None:
        change["on_bad_rows"] = input.on_bad_rows.value or domain.BadRowPolicy.REJECT_BATCH
    if input.csv is not None:
        change["csv"] = given_csv(input.csv.value)
    if input.freshness_minutes is not None:
        change["freshness_minutes"] = input.freshness_minutes.value
    if input.description is not None:
        change["description"] = input.description.value or ""
    return change


def contract_node(row: ContractRow, position: int) -> DataContract:
    """A contract in the graph."""
    terms = terms_of_row(row)
    return DataContract(
        id=strawberry.ID(row.id),
        position=position,
        dataset_id=row.dataset,
        revision=row.revision,
        contract_id=row.contract_id,
        version=row.version,
        status=domain.ContractStatus(row.status),
        retention_days=terms.retention_days,
        quality_rules=[quality_rule(rule) for rule in terms.quality_rules],
        privacy_rules=[privacy_rule(rule) for rule in terms.privacy_rules],
        on_bad_rows=terms.on_bad_rows,
        csv=csv_options(terms.csv),
        freshness_minutes=terms.freshness_minutes,
        description=terms.description,
        defined_at=row.defined_at,
    )
