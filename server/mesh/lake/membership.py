"""The lake that a dataset is in, and what must still hold for a decision that rests on it.

A dataset that is in a lake stays there, and a lake keeps its level: only that it is in none may change.
"""

import asyncpg

from server.adapters.store.append import Check, QuietCheck
from server.kernel.compliance import ComplianceLevel
from server.kernel.ids import Urn
from server.kernel.record import record
from server.kernel.recorded import FOREVER
from server.mesh.lake.facts import DatasetIngested
from server.mesh.lake.level_rules import LakeRules

# One statement: the position and the rows are of one moment.
_SQL = f"""
select h.position, l.id, l.compliance_level, d.contains_pii from event_head h
left join dataset d on d.id = $1 and d.valid_to = {FOREVER}
left join lake l on l.id = d.lake and l.valid_to = {FOREVER}
"""  # noqa: S608  # a number of ours


@record
class Membership:
    """The rules of the lake that a dataset is in, None for none, as it stood just after `position`.

    `contains_pii`: whether the dataset holds personal data; None where nobody has said.
    """

    rules: LakeRules | None
    contains_pii: bool | None
    position: int
    checks: tuple[Check, ...]


class Memberships:
    """Answers which lakes datasets are in now."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def of(self, dataset: str) -> Membership:
        """The lake of a dataset."""
        row = await self._pool.fetchrow(_SQL, dataset)
        assert row is not None, "the log has a head"
        position = int(row["position"])
        if row["id"] is not None:
            rules = LakeRules(lake=Urn(row["id"]), level=ComplianceLevel(row["compliance_level"]))
            return Membership(rules=rules, contains_pii=row["contains_pii"], position=position, checks=())
        quiet = QuietCheck(thing=Urn(dataset), types=(DatasetIngested,), position=position)
        return Membership(rules=None, contains_pii=row["contains_pii"], position=position, checks=(quiet,))
