"""The audit trail of a lake by signed address: what an address means, its bytes, and their signed digest."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from functools import partial
from typing import Any

import asyncpg
import orjson
import rfc8785

from server.adapters.checkpoints.signing import CheckpointKey
from server.adapters.sealed_addresses import SealedAddresses
from server.adapters.sealing import Sealer
from server.kernel.address import Address
from server.kernel.data_format import DataFormat
from server.kernel.ids import Urn, name_of
from server.kernel.instants import precise_text
from server.kernel.record import record
from server.mesh.compliance.period import Period, reaches
from server.mesh.compliance.trail import Line, trail_writer
from server.mesh.lake.queries import LakeQueries
from server.mesh.record.streams import MEDIA_TYPES, Opened

PREFIX = "/stream/audit/"
SIGNATURE = "/signature"
ADDRESS = "export address"
STATEMENT = "lakemesh-audit-export-1"
GROUP = 1_000  # events that are read and written at once
STRIDE = 20_000  # positions that one statement looks at: the log is read from end to end once, however few events match

# The condition is written so that it is judged event by event: an index would be walked from its beginning each time.
_GROUP_SQL = """
select position, type, stream, version, meta ->> 'actor', meta ->> 'correlation_id', recorded_at, data::text,
       encode(hash, 'hex')
  from events
 where position > $1 and position <= $2
   and (coalesce(meta -> 'about', '[]'::jsonb) @> $3::text::jsonb or stream = $4)
 order by position
 limit $5
"""


@record
class ExportAsked:
    """What an address stands for: events of a lake behind `after` and up to `upto`. `expires`: Unix seconds."""

    lake: Urn
    since: datetime | None = None
    to: datetime
    after: int
    upto: int
    format: DataFormat
    expires: int


class Tally:
    """What went out so far: how many events, which, and the digest of their bytes."""

    def __init__(self) -> None:
        self.count = 0
        self.first: int | None = None
        self.last: int | None = None
        self.digest = hashlib.sha256()

    def add(self, lines: list[Line]) -> None:
        """These events go out next."""
        self.count += len(lines)
        self.first = lines[0].position if self.first is None else self.first
        self.last = lines[-1].position


class AuditExports:
    """Makes addresses of exports, opens them, and signs what they give."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        lakes: LakeQueries,
        sealer: Sealer,
        key: CheckpointKey,
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._lakes = lakes
        self._key = key
        self._addresses = SealedAddresses(sealer, clock, ExportAsked, purpose=ADDRESS, again="ask exportAudit again")

    async def address(self, lake: str, period: Period, format: DataFormat, *, position: int) -> Address:
        """A fresh address of what the log holds up to a position; it gives the same bytes at each use.

        Raises: BadUserInput, NotFound.
        """
        row = await self._lakes.known(lake, position=position)
        reach = (await reaches(self._pool, period, [position]))[position]
        expires_at = self._addresses.expiry()
        asked = ExportAsked(
            lake=Urn(row.id),
            since=period.since,
            to=reach.to,
            after=reach.after,
            upto=reach.upto,
            format=format,
            expires=int(expires_at.timestamp()),
        )
        return Address(path=f"{PREFIX}{self._addresses.token(asked)}", method="GET", headers={}, expires_at=expires_at)

    async def open(self, token: str) -> Opened:
        """The trail of an address; of NDJSON its last line is the signed digest of those before.

        Raises: Forbidden, AddressExpired.
        """
        asked = self._addresses.read(token)
        return Opened(
            filename=f"{name_of(asked.lake)}-audit.{asked.format.lower()}",
            media_type=MEDIA_TYPES[asked.format],
            pieces=partial(self._signed_trail if asked.format is DataFormat.NDJSON else self._trail, asked, Tally()),
        )

    async def signature(self, token: str) -> bytes:
        """The signed digest of what an address gives, the last line of NDJSON aside: JSON.

        Raises: Forbidden, AddressExpired.
        """
        asked, tally = self._addresses.read(token), Tally()
        async for _ in self._trail(asked, tally):
            continue
        return self._seal(asked, tally)

    async def _signed_trail(self, asked: ExportAsked, tally: Tally) -> AsyncGenerator[bytes]:
        async for piece in self._trail(asked, tally):
            yield piece
        yield self._seal(asked, tally)

    async def _trail(self, asked: ExportAsked, tally: Tally) -> AsyncGenerator[bytes]:
        """The bytes of the events; none of Postgres is held while somebody takes them."""
        writer = trail_writer(asked.format)
        yield _counted(tally, writer.head())
        async for lines in self._groups(asked):
            tally.add(lines)
            yield _counted(tally, await asyncio.to_thread(writer.group, lines))
        yield _counted(tally, writer.end())

    async def _groups(self, asked: ExportAsked) -> AsyncGenerator[list[Line]]:
        after, about = asked.after, orjson.dumps([asked.lake]).decode()
        while after < asked.upto:
            end = min(after + STRIDE, asked.upto)
            rows = await self._pool.fetch(_GROUP_SQL, after, end, about, asked.lake, GROUP)
            if rows:
                yield [Line(*row) for row in rows]
            after = rows[-1]["position"] if len(rows) == GROUP else end

    def _seal(self, asked: ExportAsked, tally: Tally) -> bytes:
        statement = rfc8785.dumps(_statement(asked, tally))
        signed = self._key.signed(statement)
        sealed = {
            "statement": statement.decode(),
            "signature": signed.signature,
            "publicKey": signed.public_key,
        }
        return orjson.dumps(sealed) + b"\n"


def _counted(tally: Tally, piece: bytes) -> bytes:
    tally.digest.update(piece)
    return piece


def _statement(asked: ExportAsked, tally: Tally) -> dict[str, Any]:  # JSON values
    """What is signed."""
    return {
        "statement": STATEMENT,
        "lake": asked.lake,
        "from": None if asked.since is None else precise_text(asked.since),
        "to": precise_text(asked.to),
        "format": asked.format.value,
        "afterPosition": asked.after,
        "uptoPosition": asked.upto,
        "count": tally.count,
        "firstPosition": tally.first,
        "lastPosition": tally.last,
        "sha256": tally.digest.hexdigest(),
    }
