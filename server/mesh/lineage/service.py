"""Commands on lineage: one decision at a time in this process, checked against other processes by the append."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from server.adapters.store.commands import Commands, Decision, Receipt
from server.adapters.store.reader import Reader
from server.kernel.ids import Urn
from server.kernel.intent import Intent
from server.kernel.text import said
from server.mesh.lineage.assets import Assets, End, asset_urn, is_external
from server.mesh.lineage.claims import Claim, check_claim, check_links
from server.mesh.lineage.columns.from_sql import ReadColumns, SqlColumns
from server.mesh.lineage.commands import RegisterLineage, RemoveLineage, Terms
from server.mesh.lineage.domain import decide
from server.mesh.lineage.facts import edge_urn
from server.mesh.lineage.following.follower import LineageFollower
from server.mesh.lineage.projection import terms_of
from server.mesh.lineage.tables import LineageRow
from server.mesh.lineage.turn import TRIES, Turn, new, turn_on


class LineageService:
    """Registers and removes edges. `most`: how many may stand."""

    def __init__(
        self,
        commands: Commands,
        reader: Reader,
        assets: Assets,
        follower: LineageFollower,
        columns: SqlColumns,
        most: int,
    ) -> None:
        self._commands = commands
        self._reader = reader
        self._assets = assets
        self._follower = follower
        self._columns = columns
        self._most = most
        self._alone = asyncio.Lock()

    async def register(self, claim: Claim, *, intent: Intent) -> tuple[Urn, Receipt]:
        """Say that the target is made of the source; again to change it.

        Raises: BadUserInput, NotFound, AlreadyExists, PreconditionFailed, LimitExceeded, Conflict.
        """
        check_claim(claim)
        source, target = asset_urn(claim.source, field="source"), asset_urn(claim.target, field="target")
        edge = edge_urn(source, target)
        if (seen := await self._commands.answered(intent)) is not None:
            return edge, seen
        terms = await self._terms(claim, source, target)
        ends: tuple[End, End] | None = None
        if not (is_external(source) or is_external(target)):  # nothing is introduced: look before all others wait
            ends = await self._ends(claim, source, target)

        async def attempt() -> Decision:
            nonlocal ends
            turn = await self._turn()
            loop, edges = turn.way_back(source, target), turn.graph.size()
            standing = await self._standing(turn, source, target)
            both = ends or await self._ends(claim, source, target)
            ends = None  # where this try fails, one of them may have changed
            command = RegisterLineage(
                source=source,
                target=target,
                terms=terms,
                introduced=tuple(end.introduced for end in both if end.introduced is not None),
                allow_cycle=claim.allow_cycle,
                standing=standing,
                loop=loop,
                edges=edges,
                most=self._most,
            )
            checks = (turn.check, *(end.check for end in both if end.check is not None))
            return Decision(checks=checks, events=tuple(new(event) for event in decide(command)))

        async with self._alone:
            return edge, await self._commands.perform(intent, attempt, tries=TRIES)

    async def remove(self, source: str, target: str, reason: str | None, *, intent: Intent) -> tuple[Urn, Receipt]:
        """Take an edge back. Raises: BadUserInput, NotFound, Conflict."""
        ends = asset_urn(source, field="source"), asset_urn(target, field="target")
        why = None if reason is None else said(reason, field="reason")

        async def attempt() -> Decision:
            turn = await self._turn()
            command = RemoveLineage(source=ends[0], target=ends[1], reason=why, standing=turn.stands(*ends))
            return Decision(checks=(turn.check,), events=tuple(new(event) for event in decide(command)))

        async with self._alone:
            return edge_urn(*ends), await self._commands.perform(intent, attempt, tries=TRIES)

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[Turn]:
        """Declared lineage for a decision on other streams that also concerns edges; no other decision here meanwhile.

        Another process may be faster: then the append is in conflict, and the next try takes a turn of its own.
        """
        async with self._alone:
            yield await self._turn()

    async def _turn(self) -> Turn:
        graph = await self._follower.now()
        return turn_on(graph, self._follower.version)

    async def _terms(self, claim: Claim, source: Urn, target: Urn) -> Terms:
        """What the claim says of the edge; its columns are read from SQL where that is given."""
        read = ReadColumns(columns=claim.columns or (), unknown=None)
        if claim.sql is not None:
            read = await self._columns.read(claim.sql, claim.sql_dialect, source, target)
        return Terms(
            transformation=claim.transformation,
            lineage_type=claim.lineage_type,
            confidence=claim.confidence,
            metadata=claim.metadata,
            columns=read.columns,
            columns_unknown=read.unknown,
        )

    async def _ends(self, claim: Claim, source: Urn, target: Urn) -> tuple[End, End]:
        """Both ends, which have the columns that the claim links."""
        ends = await self._assets.ends(source, target, claim.source_kind, claim.target_kind)
        if claim.columns is not None:
            check_links(claim.columns, *ends)
        return ends

    async def _standing(self, turn: Turn, source: Urn, target: Urn) -> Terms | None:
        """What the edge says, as the turn sees it."""
        if not turn.stands(source, target):
            return None
        row = await self._reader.by_id(LineageRow, edge_urn(source, target), turn.position)
        assert row is not None, "what the graph holds stands in the read table"
        return terms_of(row)
