"""Creating records through the graph."""

from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry.scalars import JSON

from graphql_schema import batch as batches
from graphql_schema.context import Info
from graphql_schema.guard import mutation
from graphql_schema.payload import EVENTS, KEY, Events, MutationPayload, recorded
from server.kernel.records import read_records
from server.mesh.record.creation import Created

if TYPE_CHECKING:
    from graphql_schema.batch import Batch

DATASET = "The dataset, by URN or name."
CONTRACT = "The contract, by URN or id."


@strawberry.input(description="A record to be created.")
class CreateRecordInput:
    """A record to be created."""

    dataset: strawberry.ID = strawberry.field(description=DATASET)
    contract_id: strawberry.ID = strawberry.field(description=CONTRACT)
    values: JSON = strawberry.field(description="An object: column -> value.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="Records to be created together.")
class CreateRecordsInput:
    """Records to be created together."""

    dataset: strawberry.ID = strawberry.field(description=DATASET)
    contract_id: strawberry.ID = strawberry.field(description=CONTRACT)
    records: list[JSON] = strawberry.field(description="1 to 10,000 objects: column -> value.")
    batch_id: str | None = strawberry.field(default=None, description="The batch's id; made where none is given.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="Records that were created.")
class RecordsPayload(MutationPayload):
    """Records that were created."""

    ids: list[strawberry.ID] = strawberry.field(description="Their `_id`s, in the order of the input.")
    batch: Annotated["Batch", strawberry.lazy("graphql_schema.batch")] = strawberry.field(
        description="The batch that holds them."
    )
    events: Events = strawberry.field(description=EVENTS)


@strawberry.type
class RecordMutation:
    """What may be done with single records."""

    @mutation("Creates one record, as a batch of its own.")
    async def create_record(
        self, info: Info, input: Annotated[CreateRecordInput, strawberry.argument(description="The record.")]
    ) -> RecordsPayload:
        """AppendData -> DataAppended."""
        given = read_records([input.values], alone=True)
        created = await info.context.mesh.record_creation.create(
            input.dataset,
            input.contract_id,
            given,
            None,
            intent=info.context.intent("createRecord", input, input.idempotency_key),
        )
        return await payload(info, created)

    @mutation("Creates records as one batch: all of them, or none.")
    async def create_records(
        self, info: Info, input: Annotated[CreateRecordsInput, strawberry.argument(description="The records.")]
    ) -> RecordsPayload:
        """AppendData -> DataAppended."""
        given = read_records(input.records)
        created = await info.context.mesh.record_creation.create(
            input.dataset,
            input.contract_id,
            given,
            input.batch_id,
            intent=info.context.intent("createRecords", input, input.idempotency_key),
        )
        return await payload(info, created)


async def payload(info: Info, created: Created) -> RecordsPayload:
    """The records with their batch as the command left it."""
    position = created.receipt.position
    row = await info.context.mesh.batches.known(created.batch, position=position)
    return RecordsPayload(
        ids=[strawberry.ID(id) for id in created.ids],
        batch=batches.batch_node(row, position),
        events=await recorded(info, created.receipt),
    )
