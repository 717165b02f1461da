"""The keys of one scope and one run: what tokens, pseudonyms and noise are made with, and how pseudonyms are read."""

import base64
import binascii
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from server.kernel.record import record

MESH = "mesh"
"""The scope of datasets that belong to no domain."""

SECRET_BYTES = 32
BLOCK = 16  # bytes to which a pseudonym's text is filled up: short values do not show their length
FILL = b"\x80"


@record
class PrivacyKeys:
    """Keys of one version of the secret. `noise` belongs to one run; `token` has 32 bytes, `pseudonym` 64."""

    version: int
    token: bytes
    pseudonym: bytes
    noise: bytes

    def noise_of(self, column: str) -> bytes:
        """The key of one column's noise, 32 bytes."""
        return derived(self.noise, f"column {column}", SECRET_BYTES)


def privacy_keys(secret: bytes, version: int, scope: str, run: str) -> PrivacyKeys:
    """The keys that a version's secret gives to a scope. `run` names the work whose noise must not repeat."""
    # tokens of version 1 outside any domain are older than scopes and keep the secret itself as their key
    plain = version == 1 and scope == MESH
    return PrivacyKeys(
        version=version,
        token=secret if plain else derived(secret, f"token {scope}", SECRET_BYTES),
        pseudonym=pseudonym_key(secret, scope),
        noise=derived(secret, f"noise {scope} {run}", SECRET_BYTES),
    )


def pseudonym_key(secret: bytes, scope: str) -> bytes:
    """The key of a scope's pseudonyms, 64 bytes."""
    return derived(secret, f"pseudonym {scope}", 2 * SECRET_BYTES)


def derived(secret: bytes, purpose: str, length: int) -> bytes:
    """A key of its own for each purpose: HKDF-SHA256 (RFC 5869) without salt."""
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a secret has {SECRET_BYTES} bytes, not {len(secret)}")
    return HKDF(SHA256(), length, salt=None, info=f"lakemesh privacy v1 {purpose}".encode()).derive(secret)


def pseudonymizer(key: bytes) -> Callable[[str], str]:
    """Texts as pseudonyms: AES-256-SIV (RFC 5297) without nonce, urlsafe base64: equal for equal texts."""
    cipher = AESSIV(key)

    def pseudonym(text: str) -> str:
        content = text.encode() + FILL
        filled = content.ljust(-(-len(content) // BLOCK) * BLOCK, b"\0")
        return base64.urlsafe_b64encode(cipher.encrypt(filled, None)).decode().rstrip("=")

    return pseudonym


def revealed(key: bytes, pseudonym: str) -> str | None:
    """The text behind a pseudonym; None where this key did not make it."""
    try:
        sealed = base64.b64decode(pseudonym + "=" * (-len(pseudonym) % 4), altchars=b"-_", validate=True)
        filled = AESSIV(key).decrypt(sealed, None)
    except (binascii.Error, ValueError, InvalidTag):
        return None
    return filled.rstrip(b"\0")[: -len(FILL)].decode()
