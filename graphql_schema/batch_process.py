"""The processes of a batch: upload, append, check, anonymise, publish, quarantine, release."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from graphql_schema import batch as batches
from graphql_schema.context import Info
from graphql_schema.grant import SignedUrl, signed_url
from graphql_schema.guard import mutation
from graphql_schema.payload import EVENTS, KEY, WAIT, Events, MutationPayload, recorded, recorded_by_run, run_position
from graphql_schema.rules import PrivacyRuleInput, QualityRuleInput, given_privacy, given_quality
from graphql_schema.run import run_node
from server.adapters.runs import Run
from server.adapters.store.commands import Receipt
from server.kernel.ids import Kind, Urn, urn

if TYPE_CHECKING:
    from graphql_schema.batch import Batch
    from graphql_schema.run import ProcessRun

BATCH = "The batch, by URN or id."


@strawberry.input(description="An upload address to be made.")
class CreateUploadUrlInput:
    """An upload address to be made."""

    filename: str = strawberry.field(description="What the file is called; a label only.")
    expires_in_seconds: int | None = strawberry.field(default=900, description="How long the address works: 1 to 3600.")


@strawberry.input(description="A file to be appended as a batch.")
class AppendDataInput:
    """A file to be appended as a batch."""

    dataset: strawberry.ID = strawberry.field(description="The dataset, by URN or name.")
    contract_id: strawberry.ID = strawberry.field(description="The contract, by URN or id.")
    batch_id: str | None = strawberry.field(default=None, description="The batch's id; made where none is given.")
    file_url: str = strawberry.field(description="The `fileUrl` that createUploadUrl answered.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)
    wait_seconds: float | None = strawberry.field(default=30, description=WAIT)


@strawberry.input(description="A quality check to be run.")
class RunQualityCheckInput:
    """A quality check to be run."""

    batch_id: strawberry.ID = strawberry.field(description=BATCH)
    rules: list[QualityRuleInput] | None = strawberry.field(
        default=None, description="The rules; without: the contract's."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)
    wait_seconds: float | None = strawberry.field(default=30, description=WAIT)


@strawberry.input(description="An anonymisation to be run.")
class AnonymizeDataInput:
    """An anonymisation to be run."""

    batch_id: strawberry.ID = strawberry.field(description=BATCH)
    rules: list[PrivacyRuleInput] | None = strawberry.field(
        default=None, description="The rules; without: the contract's."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)
    wait_seconds: float | None = strawberry.field(default=30, description=WAIT)


@strawberry.input(description="A batch to be published.")
class PublishDataInput:
    """A batch to be published."""

    batch_id: strawberry.ID = strawberry.field(description=BATCH)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)
    wait_seconds: float | None = strawberry.field(default=30, description=WAIT)


@strawberry.input(description="A batch to be set apart.")
class QuarantineBatchInput:
    """A batch to be set apart."""

    batch_id: strawberry.ID = strawberry.field(description=BATCH)
    reason: str = strawberry.field(description="Why.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A quarantine to be ended.")
class ReleaseBatchInput:
    """A quarantine to be ended."""

    batch_id: strawberry.ID = strawberry.field(description=BATCH)
    reason: str = strawberry.field(description="Why.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="Where to send a file.")
class UploadUrlPayload:
    """Where to send a file."""

    upload_url: SignedUrl = strawberry.field(description="PUT the file there, once.")
    file_url: str = strawberry.field(description="What appendData takes as fileUrl.")


@strawberry.type(description="A batch that was made or changed.")
class BatchPayload(MutationPayload):
    """A batch that was made or changed."""

    batch: Annotated["Batch", strawberry.lazy("graphql_schema.batch")] | None = strawberry.field(
        description="The batch as it now stands; null while a first append is under way."
    )
    run: Annotated["ProcessRun", strawberry.lazy("graphql_schema.run")] | None = strawberry.field(
        description="The run that does the work, or did it; null where none is needed."
    )
    events: Events = strawberry.field(description=EVENTS)


@strawberry.type
class BatchMutation:
    """What may be done to batches."""

    @mutation("Makes an address to which one file can be sent.")
    async def create_upload_url(
        self, info: Info, input: Annotated[CreateUploadUrlInput, strawberry.argument(description="The file.")]
    ) -> UploadUrlPayload:
        """Records nothing: the address itself is the only thing made."""
        seconds = 900 if input.expires_in_seconds is None else input.expires_in_seconds
        address, file_url = info.context.mesh.uploads.address(input.filename, seconds)
        return UploadUrlPayload(upload_url=signed_url(address, info.context.base_url), file_url=file_url)

    @mutation("Reads an uploaded file, types its rows and records them as a batch.")
    async def append_data(
        self, info: Info, input: Annotated[AppendDataInput, strawberry.argument(description="The file.")]
    ) -> BatchPayload:
        """AppendData -> DataAppended."""
        context = info.context
        run = await context.mesh.batch_service.append(
            input.dataset,
            input.contract_id,
            input.batch_id,
            input.file_url,
            intent=context.intent("appendData", input, input.idempotency_key),
            wait_seconds=context.wait(input.wait_seconds),
        )
        return await of_run(info, run)

    @mutation("Judges a batch by the contract's rules, or by others.")
    async def run_quality_check(
        self, info: Info, input: Annotated[RunQualityCheckInput, strawberry.argument(description="The check.")]
    ) -> BatchPayload:
        """RunQualityCheck -> QualityCheckPassed or QualityCheckFailed."""
        context = info.context
        run = await context.mesh.batch_service.check(
            input.batch_id,
            None if input.rules is None else given_quality(input.rules),
            intent=context.intent("runQualityCheck", input, input.idempotency_key),
            wait_seconds=context.wait(input.wait_seconds),
        )
        return await of_run(info, run)

    @mutation("Applies the contract's privacy rules, or others, to a batch.")
    async def anonymize_data(
        self, info: Info, input: Annotated[AnonymizeDataInput, strawberry.argument(description="The rules.")]
    ) -> BatchPayload:
        """AnonymizeData -> DataAnonymized."""
        context = info.context
        run = await context.mesh.batch_service.anonymize(
            input.batch_id,
            None if input.rules is None else given_privacy(input.rules),
            intent=context.intent("anonymizeData", input, input.idempotency_key),
            wait_seconds=context.wait(input.wait_seconds),
        )
        return await of_run(info, run)

    @mutation("Lets consumers be granted a batch.")
    async def publish_data(
        self, info: Info, input: Annotated[PublishDataInput, strawberry.argument(description="The batch.")]
    ) -> BatchPayload:
        """PublishData -> DataPublished."""
        context = info.context
        run = await context.mesh.batch_service.publish(
            input.batch_id,
            intent=context.intent("publishData", input, input.idempotency_key),
            wait_seconds=context.wait(input.wait_seconds),
        )
        return await of_run(info, run)

    @mutation("Sets a batch apart: consumers see nothing of it.")
    async def quarantine_batch(
        self, info: Info, input: Annotated[QuarantineBatchInput, strawberry.argument(description="The batch.")]
    ) -> BatchPayload:
        """QuarantineBatch -> BatchQuarantined."""
        context = info.context
        batch, receipt = await context.mesh.batch_service.quarantine(
            input.batch_id, input.reason, intent=context.intent("quarantineBatch", input, input.idempotency_key)
        )
        return await of_receipt(info, batch, receipt)

    @mutation("Ends a quarantine: what stood before stands again.")
    async def release_batch(
        self, info: Info, input: Annotated[ReleaseBatchInput, strawberry.argument(description="The batch.")]
    ) -> BatchPayload:
        """ReleaseBatch -> QuarantineReleased."""
        context = info.context
        batch, receipt = await context.mesh.batch_service.release(
            input.batch_id, input.reason, intent=context.intent("releaseBatch", input, input.idempotency_key)
        )
        return await of_receipt(info, batch, receipt)


async def of_run(info: Info, run: Run) -> BatchPayload:
    """The batch as the run left it, or as it stands while the run is under way."""
    assert run.batch_id is not None, "these runs work on one batch"
    position = await run_position(info, run)
    row = await info.context.mesh.batches.find(urn(Kind.BATCH, run.batch_id), position)
    batch = None if row is None else batches.batch_node(row, position)
    return BatchPayload(batch=batch, run=run_node(run, position), events=await recorded_by_run(info, run))


async def of_receipt(info: Info, batch: Urn, receipt: Receipt) -> BatchPayload:
    """The batch as the command left it."""
    row = await info.context.mesh.batches.known(batch, position=receipt.position)
    node = batches.batch_node(row, receipt.position)
    return BatchPayload(batch=node, run=None, events=await recorded(info, receipt))
