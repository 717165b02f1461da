"""Whole tables by signed address: what an address means, and the rows that it gives when it is used."""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import TypeAlias

import duckdb

from server.adapters.engine.records import stream as records_stream
from server.adapters.engine.records.pages import Rows
from server.adapters.engine.session import Engine
from server.adapters.engine.source import SourceGone
from server.adapters.sealed_addresses import SealedAddresses
from server.adapters.sealing import Sealer
from server.adapters.storage.port import Storage
from server.adapters.store.listing import At
from server.adapters.store.reader import NOW
from server.kernel.address import Address
from server.kernel.data_format import DataFormat
from server.kernel.errors import LimitExceeded, NotFound
from server.kernel.fields import Field
from server.kernel.ids import Urn, name_of
from server.kernel.layer import Layer
from server.kernel.record import record
from server.kernel.row_schema import read_projection
from server.mesh.audit.places import Place
from server.mesh.audit.service import Access, AccessAudit, Action, Reading
from server.mesh.record.queries import LOOKS, Records, Selection, Table, rows_of

Pieces: TypeAlias = AsyncGenerator[bytes]

PREFIX = "/stream/"
ADDRESS = "address"
LONGEST = 8_000  # characters; servers and proxies take little more in a path


@record
class StreamAsked:
    """What an address stands for. `position` None: the rows that stand when it is used; `expires`: Unix seconds.

    `accessor`: for whom it was made, with the purpose that was said then.
    """

    dataset: Urn
    layer: Layer
    selection: Selection
    fields: tuple[str, ...] | None = None
    format: DataFormat
    position: int | None = None
    expires: int
    accessor: str
    purpose: str | None = None


@record
class Opened:
    """A stream whose rows are known. `pieces` makes its bytes, once."""

    filename: str
    media_type: str
    pieces: Callable[[], Pieces]


MEDIA_TYPES: Mapping[DataFormat, str] = {
    DataFormat.CSV: "text/csv; charset=utf-8; header=present",
    DataFormat.NDJSON: "application/x-ndjson",
    DataFormat.PARQUET: "application/vnd.apache.parquet",
    DataFormat.ARROW: "application/vnd.apache.arrow.stream",
}


class RecordStreams:
    """Makes addresses of streams and opens them."""

    def __init__(
        self,
        records: Records,
        engine: Engine,
        storage: Storage,
        sealer: Sealer,
        audit: AccessAudit,
        clock: Callable[[], datetime],
    ) -> None:
        self._records = records
        self._engine = engine
        self._storage = storage
        self._audit = audit
        self._addresses = SealedAddresses(sealer, clock, StreamAsked, purpose=ADDRESS, again="read streamUrl again")

    def address(
        self,
        table: Table,
        selection: Selection,
        fields: tuple[str, ...] | None,
        format: DataFormat,
        *,
        position: int | None,
        reading: Reading,
    ) -> Address:
        """A fresh address; what it asks is checked now, for the table as it stands.

        Raises: BadUserInput, LimitExceeded.
        """
        rows_of(table, selection)
        read_projection(fields, table.fields)
        expires_at = self._addresses.expiry()
        asked = StreamAsked(
            dataset=Urn(table.dataset),
            layer=table.layer,
            selection=selection,
            fields=fields,
            format=format,
            position=position,
            expires=int(expires_at.timestamp()),
            accessor=reading.accessor,
            purpose=reading.purpose,
        )
        token = self._addresses.token(asked)
        if len(token) > LONGEST:
            raise LimitExceeded(
                f"this filter makes an address of {len(token)} characters, {LONGEST} are allowed; ask for fewer"
                " values, or page through records",
                field="where",
                limit=LONGEST,
            )
        return Address(path=f"{PREFIX}{token}", method="GET", headers={}, expires_at=expires_at)

    async def open(self, token: str, purpose: str | None, correlation_id: str) -> Opened:
        """The stream of an address, of the rows that stand now or stood at its position.

        `purpose`: what is said now; what was said when the address was made comes first.
        Raises: Forbidden, AddressExpired, NotFound, BadUserInput, PreconditionFailed.
        """
        asked = self._addresses.read(token)
        reading = Reading(accessor=asked.accessor, purpose=asked.purpose or purpose, correlation_id=correlation_id)
        place = await self._audit.admit(asked.dataset, reading.purpose)
        table = await self._table(asked)
        rows_of(table, asked.selection)
        shown = read_projection(asked.fields, table.fields)
        return Opened(
            filename=f"{table.name}-{table.layer.lower()}.{asked.format.lower()}",
            media_type=MEDIA_TYPES[asked.format],
            pieces=partial(self._audited, partial(self._pieces, table, asked, shown), reading, place),
        )

    async def _table(self, asked: StreamAsked) -> Table:
        at = At(asked.dataset, NOW if asked.position is None else asked.position)
        tables = await self._records.tables(asked.layer, [at])
        if at not in tables:
            raise NotFound(f"dataset {name_of(asked.dataset)!r} is not there any more")
        return tables[at]

    async def _audited(self, read: Callable[[], Pieces], reading: Reading, place: Place | None) -> Pieces:
        """The bytes; before the first, or the end where there are none, it is committed that they were read."""
        pieces = read()
        try:
            piece = await anext(pieces, None)
            if place is not None:
                await self._audit.record(reading, [(place, Access(dataset=place.dataset, action=Action.STREAM))])
            while piece is not None:
                yield piece
                piece = await anext(pieces, None)
        finally:
            await pieces.aclose()

    async def _pieces(self, table: Table, asked: StreamAsked, shown: tuple[Field, ...]) -> Pieces:
        """The bytes; files that go before the first of them is read are looked for again."""
        for look in range(LOOKS):
            rows = rows_of(table, asked.selection)
            pieces = self._engine.stream(partial(self._produce, rows, shown, asked.format))
            begun = False
            try:
                async for piece in pieces:
                    begun = True
                    yield piece
            except SourceGone:
                if begun or look == LOOKS - 1:
                    raise
                table = await self._records.again(table)
            else:
                return
            finally:
                await pieces.aclose()

    def _produce(
        self, rows: Rows, shown: tuple[Field, ...], format: DataFormat, cursor: duckdb.DuckDBPyConnection
    ) -> Iterator[bytes]:
        match format:
            case DataFormat.NDJSON:
                return records_stream.ndjson(cursor, rows, shown)
            case DataFormat.CSV:
                return records_stream.csv(cursor, rows, shown)
            case DataFormat.ARROW:
                return records_stream.arrow(cursor, rows, shown)
            case DataFormat.PARQUET:
                return records_stream.parquet(cursor, rows, shown, self._storage.staging())
