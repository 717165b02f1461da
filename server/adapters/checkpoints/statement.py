"""What a checkpoint states, to the byte: that the log stood at this position with this hash at this time."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from server.adapters.checkpoints.signing import CheckpointKey
from server.kernel.record import record


@record
class Checkpoint:
    """A signed statement. `hash`: hex; `at`: as `instant_text` writes it; `signature`, `public_key`: base64."""

    position: int
    hash: str
    at: str
    signature: str
    public_key: str

    @property
    def line(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "position": self.position,
            "hash": self.hash,
            "at": self.at,
            "signature": self.signature,
            "publicKey": self.public_key,
        }


@record
class NewKey:
    """A rotation: from here on `public_key` signs, says the key that signed before."""

    public_key: str
    at: str
    signature: str
    signed_by: str

    @property
    def line(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "publicKey": self.public_key,
            "at": self.at,
            "signature": self.signature,
            "signedBy": self.signed_by,
        }


def sign_checkpoint(key: CheckpointKey, position: int, hash: str, at: datetime) -> Checkpoint:
    """The statement of the key that the log stands at `position` with this hash."""
    instant = instant_text(at)
    signed = key.signed(f"lakemesh-checkpoint-1\n{position}\n{hash}\n{instant}\n".encode())
    return Checkpoint(
        position=position, hash=hash, at=instant, signature=signed.signature, public_key=signed.public_key
    )


def sign_new_key(key: CheckpointKey, public_key: str, at: datetime, previous: str) -> NewKey:
    """The statement of the key that another follows it. `previous`: digest of the line before it in the file, hex."""
    instant = instant_text(at)
    signed = key.signed(f"lakemesh-checkpoint-key-1\n{public_key}\n{instant}\n{previous}\n".encode())
    return NewKey(public_key=public_key, at=instant, signature=signed.signature, signed_by=signed.public_key)


def instant_text(at: datetime) -> str:
    """RFC 3339 in UTC to the second, `2026-01-31T12:00:00+00:00`: exactly as the graph prints it."""
    return at.astimezone(UTC).replace(microsecond=0).isoformat()


def written(entry: Checkpoint | NewKey, previous: str) -> bytes:
    """The entry as a line of the file, without its end."""
    return json.dumps({**entry.line, "previous": previous}, separators=(",", ":")).encode()


def read(line: bytes) -> Checkpoint | NewKey:
    """A line of the file. Raises: ValueError, KeyError, TypeError, for a line that this server did not write."""
    found: Mapping[str, Any] = json.loads(line)
    if "signedBy" in found:
        return NewKey(
            public_key=found["publicKey"],
            at=found["at"],
            signature=found["signature"],
            signed_by=found["signedBy"],
        )
    return Checkpoint(
        position=found["position"],
        hash=found["hash"],
        at=found["at"],
        signature=found["signature"],
        public_key=found["publicKey"],
    )
