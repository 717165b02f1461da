"""Where datasets stand now, as the audit of access needs to know it: the lake, its level, their owners."""

from collections.abc import Collection, Mapping

import asyncpg

from server.kernel.compliance import ComplianceLevel
from server.kernel.errors import BadUserInput
from server.kernel.ids import Urn, name_of
from server.kernel.purpose import HEADER
from server.kernel.record import record
from server.kernel.recorded import FOREVER

_PLACES_SQL = f"""
select d.id, d.lake, d.product, d.domain, l.compliance_level from dataset d
left join lake l on l.id = d.lake and l.valid_to = {FOREVER}
where d.id = any($1::text[]) and d.valid_to = {FOREVER}
"""  # noqa: S608  # a number of ours


@record
class Place:
    """A dataset's place: the lake that it is in with its level, or neither; its product and domain as `owners`."""

    dataset: Urn
    lake: Urn | None
    level: ComplianceLevel | None
    owners: tuple[Urn, ...]

    @property
    def asks_purpose(self) -> bool:
        """Whether nobody may read it without saying why."""
        return self.level is not None and self.level.guards_subjects

    def check(self, purpose: str | None, *, need: str = f"send it as the header {HEADER}") -> None:
        """Refuse a read without purpose where the lake asks for one. Raises: BadUserInput."""
        if purpose is None and self.asks_purpose:
            assert self.lake is not None, "a level is that of a lake"
            raise BadUserInput(
                f"dataset {name_of(self.dataset)!r} is in lake {name_of(self.lake)!r} of level {self.level}, where"
                f" each read needs a purpose; {need}",
                field="purpose",
            )


class ReadPlaces:
    """Looks places up, many in one statement."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def of(self, datasets: Collection[str]) -> Mapping[str, Place]:
        """The places of those datasets that are known."""
        rows = await self._pool.fetch(_PLACES_SQL, list(datasets))
        return {row["id"]: _place(row) for row in rows}


def _place(row: asyncpg.Record) -> Place:
    return Place(
        dataset=Urn(row["id"]),
        lake=None if row["lake"] is None else Urn(row["lake"]),
        level=None if row["compliance_level"] is None else ComplianceLevel(row["compliance_level"]),
        owners=tuple(Urn(row[name]) for name in ("product", "domain") if row[name] is not None),
    )
