"""What checkpoints claim, and whether the key that they name signed it."""

import base64
import binascii
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .finding import Unreadable


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """The log stood at `position` with this hash (hex), says the holder of the key (base64) by the signature."""

    position: int
    hash: str
    at: str
    signature: str
    public_key: str

    @property
    def signed(self) -> bool:
        """Whether this key made this signature."""
        content = f"lakemesh-checkpoint-1\n{self.position}\n{self.hash}\n{self.at}\n"
        return verified(self.public_key, self.signature, content.encode())


@dataclass(frozen=True, kw_only=True, slots=True)
class Succession:
    """`public_key` follows `signed_by`, which signed that. `previous`: digest of the line before it."""

    public_key: str
    at: str
    signature: str
    signed_by: str
    previous: str

    @property
    def signed(self) -> bool:
        """Whether the key before it says so."""
        content = f"lakemesh-checkpoint-key-1\n{self.public_key}\n{self.at}\n{self.previous}\n"
        return verified(self.signed_by, self.signature, content.encode())


def check_key(public_key: str) -> None:
    """Refuse what is no key. Raises: Unreadable."""
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
    except (ValueError, binascii.Error):
        raise Unreadable(
            f"{public_key!r} is no public key: give the base64 of 32 bytes, as checkpoints show it"
        ) from None


def verified(public_key: str, signature: str, content: bytes) -> bool:
    """Whether the Ed25519 key signed the content; both texts are base64."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(base64.b64decode(signature, validate=True), content)
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True
