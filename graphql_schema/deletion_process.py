"""What may be done with erasure requests: made, processed, held, released, rejected."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from graphql_schema.context import Info
from graphql_schema.deletion import GdprDeletion, deletion_node
from graphql_schema.guard import mutation
from graphql_schema.payload import EVENTS, KEY, WAIT, Events, MutationPayload, recorded, recorded_by_run, run_position
from graphql_schema.run import run_node
from server.adapters.store.commands import Receipt
from server.kernel.ids import Urn
from server.kernel.permission import Permission

if TYPE_CHECKING:
    from graphql_schema.run import ProcessRun

DELETION = "The request, by URN or id."


@strawberry.input(description="An erasure to be asked for.")
class RequestGdprDeletionInput:
    """An erasure to be asked for."""

    lake: strawberry.ID = strawberry.field(description="The lake, by URN or id; GDPR or STRICT.")
    subject_id: str = strawberry.field(
        description="The id by which the data knows the person, 3 to 256 characters. It is sealed at once, and made"
        " unreadable when the erasure is done."
    )
    reason: str = strawberry.field(description="Why, without the id: it is kept for ever.")
    requested_by: str = strawberry.field(
        description="Who asks, or who handles it, in 1 to 200 characters without the id: it is kept for ever."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="An erasure to be done.")
class ProcessGdprDeletionInput:
    """An erasure to be done."""

    deletion: strawberry.ID = strawberry.field(description=DELETION)
    even_if_common: bool | None = strawberry.field(
        default=False,
        description="Erase also where more than one row in 10 of a dataset holds the id, which hardly means one person"
        " then. Otherwise such a run is refused before anything is erased.",
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)
    wait_seconds: float | None = strawberry.field(default=30, description=WAIT)


@strawberry.input(description="A decision on an erasure request.")
class DecideGdprDeletionInput:
    """A decision on an erasure request."""

    deletion: strawberry.ID = strawberry.field(description=DELETION)
    reason: str = strawberry.field(description="Why, without the subject's id: it is kept for ever.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


Decision = Annotated[DecideGdprDeletionInput, strawberry.argument(description="The request, and why.")]


@strawberry.type(description="An erasure request that was made or changed.")
class DeletionPayload(MutationPayload):
    """An erasure request that was made or changed."""

    deletion: GdprDeletion = strawberry.field(description="The request as it now stands.")
    run: Annotated["ProcessRun", strawberry.lazy("graphql_schema.run")] | None = strawberry.field(
        description="The run that erases; null where none was asked for."
    )
    events: Events = strawberry.field(description=EVENTS)


@strawberry.type
class DeletionMutation:
    """What may be done with erasure requests."""

    @mutation("Owes a subject the erasure of its rows in a lake within 30 days.", permission=Permission.COMPLIANCE)
    async def request_gdpr_deletion(
        self, info: Info, input: Annotated[RequestGdprDeletionInput, strawberry.argument(description="The request.")]
    ) -> DeletionPayload:
        """RequestDeletion -> GDPRDeletionRequested."""
        context = info.context
        deletion, receipt = await context.mesh.deletion_service.request(
            input.lake,
            input.subject_id,
            input.reason,
            input.requested_by,
            intent=context.intent("requestGdprDeletion", input, input.idempotency_key),
        )
        return await payload(info, deletion, receipt)

    @mutation(
        "Erases a subject's rows in every batch and layer of the lake, and whatever else holds the id; while a run is"
        " at it, that run is answered.",
        permission=Permission.COMPLIANCE,
    )
    async def process_gdpr_deletion(
        self, info: Info, input: Annotated[ProcessGdprDeletionInput, strawberry.argument(description="The request.")]
    ) -> DeletionPayload:
        """A run of kind ERASE -> SubjectErased for each batch, GDPRDeletionCompleted."""
        context, mesh = info.context, info.context.mesh
        intent = context.intent("processGdprDeletion", input, input.idempotency_key)
        asked = await mesh.deletion_service.check_silent(input.deletion, intent)
        run = await mesh.erasures.process(
            asked.id,
            intent=intent,
            wait_seconds=context.wait(input.wait_seconds),
            even_if_common=bool(input.even_if_common),
        )
        position = await run_position(info, run)
        row = await mesh.deletions.known(asked.id, position=position)
        return DeletionPayload(
            deletion=deletion_node(row, position),
            run=run_node(run, position),
            events=await recorded_by_run(info, run),
        )

    @mutation("Lets a request rest: a law or a court wants the rows kept for now.", permission=Permission.COMPLIANCE)
    async def hold_gdpr_deletion(self, info: Info, input: Decision) -> DeletionPayload:
        """HoldDeletion -> GDPRDeletionHeld."""
        context = info.context
        deletion, receipt = await context.mesh.deletion_service.hold(
            input.deletion, input.reason, intent=context.intent("holdGdprDeletion", input, input.idempotency_key)
        )
        return await payload(info, deletion, receipt)

    @mutation("Ends a hold; the deadline stays what it was.", permission=Permission.COMPLIANCE)
    async def release_gdpr_deletion(self, info: Info, input: Decision) -> DeletionPayload:
        """ReleaseDeletion -> GDPRDeletionReleased."""
        context = info.context
        deletion, receipt = await context.mesh.deletion_service.release(
            input.deletion, input.reason, intent=context.intent("releaseGdprDeletion", input, input.idempotency_key)
        )
        return await payload(info, deletion, receipt)

    @mutation(
        "Turns a request down: nothing is erased, and the subject's id is forgotten.", permission=Permission.COMPLIANCE
    )
    async def reject_gdpr_deletion(self, info: Info, input: Decision) -> DeletionPayload:
        """RejectDeletion -> GDPRDeletionRejected."""
        context = info.context
        deletion, receipt = await context.mesh.deletion_service.reject(
            input.deletion, input.reason, intent=context.intent("rejectGdprDeletion", input, input.idempotency_key)
        )
        return await payload(info, deletion, receipt)


async def payload(info: Info, deletion: Urn, receipt: Receipt) -> DeletionPayload:
    """The request as the command left it."""
    row = await info.context.mesh.deletions.known(deletion, position=receipt.position)
    node = deletion_node(row, receipt.position)
    return DeletionPayload(deletion=node, run=None, events=await recorded(info, receipt))
