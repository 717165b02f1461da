"""Looking before anonymising: what rules would do to a batch, and which rules it may need."""

from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from graphql_schema.context import Info
from graphql_schema.guard import guarded
from graphql_schema.rules import PrivacyRuleInput, PrivacyStrategy, given_privacy
from graphql_schema.scalars import BigInt
from server.adapters.engine.privacy.preview import Preview
from server.http.graphql.weight import price
from server.kernel.permission import Permission
from server.kernel.personal import Suggestion
from server.mesh.audit.service import Action

BATCH = "The batch, by URN or id."
SAMPLE_ROWS = 5
WHOLE_BATCH = 500  # points of a question for which a whole batch is read


@strawberry.type(description="What privacy rules would do to a batch. Nothing was recorded and no file stays.")
class AnonymizationPreview:
    """What privacy rules would do to a batch."""

    rows: BigInt = strawberry.field(description="How many rows there are.")
    changed_rows: BigInt = strawberry.field(description="How many rows would really differ.")
    columns: list[str] = strawberry.field(description="The columns with a rule other than KEEP.")
    warnings: list[str] = strawberry.field(description="What to think of before applying the rules; no values.")
    before: list[JSON] = strawberry.field(
        description="The first rows that would change, as they are, personal columns in clear; then others."
    )
    after: list[JSON] = strawberry.field(description="The same rows as they would be, in the same order.")
    quasi_identifiers: list[str] = strawberry.field(
        description="Columns by which rows could be matched with what is known of a person: those made coarser, and"
        " personal ones that stay as they are."
    )
    k_anonymity: BigInt | None = strawberry.field(
        description="Rows of the smallest group with equal quasi-identifiers; null where there are none."
    )


@strawberry.type(description="A column whose values look personal, and what could be done with it.")
class PrivacySuggestion:
    """A column that should be marked pii."""

    column: str = strawberry.field(description="The column; it should be marked pii.")
    kind: str = strawberry.field(
        description="EMAIL, PHONE, IBAN, CREDIT_CARD, IP, NATIONAL_ID, NAME, ADDRESS, DATE_OF_BIRTH or OTHER."
    )
    matched_fraction: float = strawberry.field(
        description="The fraction of the different values looked at that are of this kind, 0 to 1."
    )
    strategy: PrivacyStrategy = strawberry.field(description="A strategy that fits.")  # type: ignore[valid-type]


@strawberry.type
class PrivacyReads:
    """Previews and suggestions on the root."""

    @guarded(
        Permission.ROWS,
        description="What anonymizeData would do, without doing it: records nothing.",
        metadata=price(WHOLE_BATCH),
    )
    async def preview_anonymization(
        self,
        info: Info,
        batch_id: Annotated[strawberry.ID, strawberry.argument(description=BATCH)],
        rules: Annotated[
            list[PrivacyRuleInput] | None, strawberry.argument(description="The rules; without: the contract's.")
        ] = None,
        sample_rows: Annotated[
            int | None, strawberry.argument(description="How many rows to show at most: 0 to 100.")
        ] = SAMPLE_ROWS,
    ) -> AnonymizationPreview:
        """The batch rewritten, measured and thrown away."""
        previews = info.context.mesh.previews
        dataset = await previews.dataset(batch_id)
        found = await info.context.audit.through(
            dataset,
            Action.PREVIEW,
            lambda: previews.anonymization(
                batch_id,
                None if rules is None else given_privacy(rules),
                SAMPLE_ROWS if sample_rows is None else sample_rows,
            ),
        )
        return preview_node(found)

    @guarded(
        Permission.ROWS,
        description="Columns whose values look personal, in the order of the schema.",
        metadata=price(WHOLE_BATCH),
    )
    async def suggest_privacy_rules(
        self, info: Info, batch_id: Annotated[strawberry.ID, strawberry.argument(description=BATCH)]
    ) -> list[PrivacySuggestion]:
        """Kinds and fractions; never a value."""
        return [suggestion_node(one) for one in await info.context.mesh.previews.suggestions(batch_id)]


def preview_node(found: Preview) -> AnonymizationPreview:
    """A preview in the graph."""
    return AnonymizationPreview(
        rows=BigInt(found.rows),
        changed_rows=BigInt(found.changed_rows),
        columns=list(found.columns),
        warnings=list(found.warnings),
        before=[JSON(row) for row in found.before],
        after=[JSON(row) for row in found.after],
        quasi_identifiers=list(found.quasi_identifiers),
        k_anonymity=None if found.k_anonymity is None else BigInt(found.k_anonymity),
    )


def suggestion_node(found: Suggestion) -> PrivacySuggestion:
    """A suggestion in the graph."""
    return PrivacySuggestion(
        column=found.column,
        kind=found.kind.value,
        matched_fraction=found.matched_fraction,
        strategy=found.strategy,
    )
