"""The checkpoint key: an Ed25519 seed in a private file outside the database, which signs what must be provable."""

import base64
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.adapters.keys import load_key
from server.kernel.errors import PreconditionFailed
from server.kernel.record import record


@record
class Signed:
    """A signature and the key that made it, both base64: of 64 and of 32 raw bytes (RFC 8032)."""

    signature: str
    public_key: str


class CheckpointKey:
    """The key of a file, made where there is none, read anew when a rotation replaced it.

    Raises: PreconditionFailed, at any use, for a file that is not private to its owner or not a key.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seed = load_key(path)
        self._key = Ed25519PrivateKey.from_private_bytes(self._seed)

    @property
    def public_key(self) -> str:
        """Base64 of the 32 raw bytes."""
        return public_text(self._current())

    def sign(self, content: bytes) -> str:
        """The signature of `content`, base64."""
        return self.signed(content).signature

    def signed(self, content: bytes) -> Signed:
        """The signature of `content` with the key that made it, also while the key is being rotated."""
        key = self._current()
        return Signed(signature=_text(key.sign(content)), public_key=public_text(key))

    def _current(self) -> Ed25519PrivateKey:
        if not self.path.exists():  # a new one in its place would sign what nobody can trace to the old one
            raise PreconditionFailed(
                f"key file {self.path.name!r} is gone: restore it, or start the server anew to begin with a new key"
            )
        seed = load_key(self.path)
        if seed != self._seed:
            self._seed, self._key = seed, Ed25519PrivateKey.from_private_bytes(seed)
        return self._key


def public_text(key: Ed25519PrivateKey) -> str:
    """The public half as base64 of its 32 raw bytes."""
    return _text(key.public_key().public_bytes_raw())


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
