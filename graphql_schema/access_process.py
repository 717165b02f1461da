"""Recording accesses that took place elsewhere, and turning pseudonyms back, which is one."""

from typing import Annotated

import strawberry

from graphql_schema.access import AccessRecord, access_record
from graphql_schema.context import Info
from graphql_schema.guard import guarded, mutation
from graphql_schema.payload import EVENTS, KEY, Events, MutationPayload, recorded
from server.http.graphql.weight import price
from server.kernel.permission import Permission
from server.kernel.purpose import check_purpose
from server.mesh.audit.service import Reading

REVEAL = 10  # points; a value opened one by one is not for thousands at once


@strawberry.input(description="An access that took place outside this server.")
class AuditAccessInput:
    """An access that took place outside this server."""

    lake: strawberry.ID = strawberry.field(description="The lake, by URN or id.")
    accessor: str = strawberry.field(description="Who read: 1 to 256 characters.")
    dataset: strawberry.ID = strawberry.field(description="What was read, by URN or name: a dataset of the lake.")
    action: str = strawberry.field(description="What was done: 1 to 256 characters.")
    purpose: str = strawberry.field(
        description="What for: 1 to 256 characters, kept for ever; name no person that was read about."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="An access that was recorded.")
class AccessPayload(MutationPayload):
    """An access that was recorded."""

    access: AccessRecord = strawberry.field(description="The record.")
    events: Events = strawberry.field(description=EVENTS)


@strawberry.type
class AccessMutation:
    """Recording accesses."""

    @mutation("Records an access to a lake's data that took place outside this server.", Permission.COMPLIANCE)
    async def audit_access(
        self, info: Info, input: Annotated[AuditAccessInput, strawberry.argument(description="The access.")]
    ) -> AccessPayload:
        """AuditAccess -> AccessAudited."""
        context = info.context
        receipt = await context.mesh.access_audit.declare(
            input.lake,
            input.dataset,
            accessor=input.accessor,
            action=input.action,
            purpose=input.purpose,
            intent=context.intent("auditAccess", input, input.idempotency_key),
        )
        assert receipt.first is not None, "an access is always recorded"
        row = await context.mesh.access.at_position(receipt.first)
        return AccessPayload(access=access_record(row, receipt.position), events=await recorded(info, receipt))


@strawberry.type
class AccessReads:
    """Pseudonyms on the root."""

    @guarded(
        Permission.COMPLIANCE,
        description="The value behind a pseudonym, of any dataset whose privacy keys are those of the dataset's domain."
        " The access is recorded before the answer; a subject erased from the dataset's lake stays unknown.",
        metadata=price(REVEAL),
    )
    async def reveal_pseudonym(
        self,
        info: Info,
        dataset: Annotated[strawberry.ID, strawberry.argument(description="The dataset, by URN or name.")],
        column: Annotated[str, strawberry.argument(description="The column that holds the pseudonym.")],
        value: Annotated[str, strawberry.argument(description="The pseudonym, exactly as it stands there.")],
        purpose: Annotated[
            str,
            strawberry.argument(
                description="What for: 1 to 256 characters, kept for ever; name no person that is read about."
            ),
        ],
    ) -> str | None:
        """The text, once the access is committed."""
        context = info.context
        reading = Reading(
            accessor=context.caller.name, purpose=check_purpose(purpose), correlation_id=context.correlation_id
        )
        return await context.mesh.reveals.reveal(dataset, column, value, reading)
