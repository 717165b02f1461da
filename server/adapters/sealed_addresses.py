"""Addresses that hold what they stand for: sealed, so that nobody reads or makes one, and good for a while."""

import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from server.adapters.sealing import Sealer
from server.kernel.errors import BadUserInput, Forbidden

LIFETIME = timedelta(minutes=15)


class Expiring(Protocol):
    """What an address stands for. `expires`: Unix seconds."""

    @property
    def expires(self) -> int: ...


T = TypeVar("T", bound=Expiring)


class AddressExpired(Forbidden):
    """The address was made by this server and its time is over."""


class SealedAddresses(Generic[T]):
    """Makes and reads addresses of one kind. `purpose` names the kind; `again`: how to come by a new one."""

    def __init__(
        self, sealer: Sealer, clock: Callable[[], datetime], kind: type[T], *, purpose: str, again: str
    ) -> None:
        self._sealer = sealer
        self._clock = clock
        self._asked: TypeAdapter[T] = TypeAdapter(kind)
        self._purpose = purpose
        self._again = again

    def expiry(self) -> datetime:
        """When an address ends that is made now, to the second."""
        return (self._clock() + LIFETIME).replace(microsecond=0)

    def token(self, asked: T) -> str:
        """The last part of the address of this."""
        return self._sealer.seal(self._purpose, zlib.compress(self._asked.dump_json(asked, exclude_none=True)))

    def read(self, token: str) -> T:
        """What an address stands for. Raises: Forbidden, AddressExpired."""
        try:
            asked = self._asked.validate_json(zlib.decompress(self._sealer.open(self._purpose, token)))
        except BadUserInput as refused:
            raise Forbidden(refused.message) from None
        except ValidationError:
            raise AddressExpired(f"this address was made by an earlier version of this server; {self._again}") from None
        if self._clock().timestamp() >= asked.expires:
            expired = datetime.fromtimestamp(asked.expires, UTC).isoformat()
            raise AddressExpired(f"this address expired at {expired}; {self._again}")
        return asked
