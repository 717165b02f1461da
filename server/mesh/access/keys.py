"""The admin key: made or taken over at start, known by its hash, asked for at every door."""

import hashlib
import hmac
import secrets

import asyncpg

from server.kernel.caller import ANONYMOUS, Caller, Role
from server.kernel.errors import Unauthenticated

ADMIN = "admin"
SHORTEST_KEY = 16  # characters; a shorter one can be guessed
_KEY_BYTES = 32

_TAKE_OVER = """
insert into credential (name, hash) values ($1, $2)
on conflict (name) do update set hash = excluded.hash, created_at = clock_timestamp()
where credential.hash <> excluded.hash
"""


class KeyTooShort(ValueError):
    """API_KEY can be guessed."""


class Keys:
    """The keys that the server knows. Their hashes are read anew when an unknown one is shown."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._hash: bytes | None = None

    async def prepare(self, given: str) -> str | None:
        """Take over `given`, or make a key where there is none yet; the new key is answered once, to be printed.

        Raises: KeyTooShort.
        """
        if given:
            if len(given) < SHORTEST_KEY:
                raise KeyTooShort(f"API_KEY has {len(given)} characters; give it at least {SHORTEST_KEY}")
            await self._pool.execute(_TAKE_OVER, ADMIN, digest(given))
            return None
        made = f"lmk_{secrets.token_urlsafe(_KEY_BYTES)}"
        status = await self._pool.execute(
            "insert into credential (name, hash) values ($1, $2) on conflict do nothing", ADMIN, digest(made)
        )
        return made if status == "INSERT 0 1" else None

    async def caller(self, authorization: str | None) -> Caller:
        """Who shows this Authorization header. Raises: Unauthenticated."""
        if authorization is None:
            return ANONYMOUS
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Unauthenticated("the Authorization header is not of the form 'Bearer <key>'; send the key that way")
        if not await self._known(digest(key.strip())):
            raise Unauthenticated("this key is not known; send the one that was printed at the server's first start")
        return Caller(name=ADMIN, roles=frozenset({Role.ADMIN}))

    async def _known(self, shown: bytes) -> bool:
        if self._hash is not None and hmac.compare_digest(self._hash, shown):
            return True
        self._hash = await self._pool.fetchval("select hash from credential where name = $1", ADMIN)
        return self._hash is not None and hmac.compare_digest(self._hash, shown)


def digest(key: str) -> bytes:
    """SHA-256 of a key. A key has full entropy, so a fast hash is right."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
