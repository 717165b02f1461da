"""An intent: who asks for a change, under which correlation id and idempotency key."""

import hashlib
import hmac
import uuid
from typing import Any

import orjson

from server.kernel.errors import BadUserInput
from server.kernel.record import record

LONGEST_KEY = 255  # characters; the database indexes keys, and longer texts do not fit


@record
class Intent:
    """What every command carries besides itself.

    `key` is unique for each principal and client key, or random where the client gave none; `digest` is the keyed
    digest of the input, never the input.
    """

    actor: str
    correlation_id: str
    key: str
    digest: bytes
    keyed: bool

    @classmethod
    def once(cls, actor: str, correlation_id: str) -> "Intent":
        """The intent of what nobody asks for by a key of theirs: it is no repetition of another."""
        return cls(actor=actor, correlation_id=correlation_id, key=f"~{uuid.uuid4()}", digest=b"", keyed=False)

    def seed(self) -> bytes:
        """32 bytes for an id that the client did not choose; the same again where it repeats its command by key."""
        source = self.key if self.keyed else str(uuid.uuid4())
        return hashlib.sha256(source.encode()).digest()


def intent(
    *,
    actor: str,
    correlation_id: str,
    mutation: str,
    arguments: dict[str, Any],  # the coerced input as JSON
    client_key: str | None,
    secret: bytes,
) -> Intent:
    """The intent behind one mutation. The digest is HMAC-SHA256 over the mutation's name and its canonical input.

    Raises: BadUserInput where the client's key is empty or too long.
    """
    if client_key is not None and not 1 <= len(client_key) <= LONGEST_KEY:
        raise BadUserInput(
            f"idempotencyKey has {len(client_key)} characters; give it 1 to {LONGEST_KEY}, or leave it out",
            field="idempotencyKey",
        )
    body = orjson.dumps([mutation, arguments], option=orjson.OPT_SORT_KEYS)
    return Intent(
        actor=actor,
        correlation_id=correlation_id,
        key=f"{actor}|{client_key}" if client_key is not None else f"~{uuid.uuid4()}",
        digest=hmac.digest(secret, body, hashlib.sha256),
        keyed=client_key is not None,
    )
