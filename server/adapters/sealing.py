"""Sealed texts: content that only this server can read or make, for cursors and addresses that hold values of rows."""

import base64
import binascii
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from server.kernel.errors import BadUserInput

NONCE_BYTES = 12
TAG_BYTES = 16
LONGEST = 1_000_000  # characters of a sealed text that are looked at


class Sealer:
    """AES-256-GCM (NIST SP 800-38D) under a key derived from `key`, 32 bytes; each text is bound to its purpose."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(hmac.digest(key, b"lakemesh sealing v1", "sha256"))

    def seal(self, purpose: str, content: bytes) -> str:
        """`content` as text that is safe in an address; the same content gives another text each time."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, content, purpose.encode())
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, purpose: str, text: str) -> bytes:
        """What was sealed for this purpose. Raises: BadUserInput, for anything else."""
        sealed = _bytes_of(text)
        if sealed is not None:
            try:
                return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], purpose.encode())
            except InvalidTag:
                sealed = None
        raise BadUserInput(f"this {purpose} was not made by this server; use it exactly as it was given")


def _bytes_of(text: str) -> bytes | None:
    if len(text) > LONGEST or not text.isascii():
        return None
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    return sealed if len(sealed) >= NONCE_BYTES + TAG_BYTES else None
