"""The datasets that quality rules look into, and whether they have what the rules name."""

import asyncio
from collections.abc import Sequence

from server.kernel.errors import BadUserInput, NotFound
from server.kernel.fields import Field
from server.kernel.quality import QualityRule
from server.kernel.quality_references import referenced_field, references
from server.mesh.dataset.queries import DatasetQueries, DatasetRow, fields_of


async def referenced_datasets(
    datasets: DatasetQueries, rules: Sequence[QualityRule], fields: Sequence[Field]
) -> dict[str, DatasetRow]:
    """The datasets by the names that the rules write, for rules that fit `fields`.

    Raises: NotFound, where there is no such dataset; BadUserInput, where it has no such column or one of another type.
    """
    found: dict[str, DatasetRow] = {}
    for rule, refers in await asyncio.to_thread(references, rules):
        try:
            found[refers.dataset] = await datasets.known(refers.dataset, field="check")
        except NotFound as refused:
            raise NotFound(f"check {rule.check[:80]!r}: {refused.message}", field="check") from None
        referenced_field(rule, refers, fields, fields_of(found[refers.dataset]))
    return found


async def broken_reference(
    datasets: DatasetQueries, rules: Sequence[QualityRule], fields: Sequence[Field]
) -> str | None:
    """Why a rule that was right when it was written no longer finds what it names."""
    try:
        await referenced_datasets(datasets, rules, fields)
    except (NotFound, BadUserInput) as refused:
        return refused.message
    return None
