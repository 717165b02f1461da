"""Subjects of erasure: their ids sealed under a key of each request, and known again by a keyed digest.

The clear id lives in this process alone. What the log holds is the sealed text, unreadable once its key is destroyed,
and the digest, which whoever has the key ring can compare and nobody can turn back.
"""

import base64
import hmac
import os
from datetime import datetime
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from server.adapters.key_ring import KeyRing
from server.adapters.subject_keys import SubjectKeys
from server.kernel.errors import PreconditionFailed
from server.kernel.ids import Kind, Urn, name_of, urn
from server.kernel.record import record
from server.kernel.subject import check_subject, normalised

NONCE_BYTES = 12
PADDED = 256  # bytes; sealed ids have their length in whole numbers of it, so that it tells little of the id


@record
class Sealed:
    """What the request's event says of its subject. `digest` is hex, `encrypted` base64."""

    deletion: Urn
    digest: str
    encrypted: str


class Subjects:
    """Seals ids (AES-256-GCM, NIST SP 800-38D, bound to the request) and digests them (HMAC-SHA256, RFC 2104)."""

    def __init__(self, ring: KeyRing, keys: SubjectKeys) -> None:
        self._ring = ring
        self._keys = keys

    def seal(self, lake: Urn, subject_id: str) -> Sealed:
        """The id for the event of a new request, whose key is made. Raises: BadUserInput."""
        subject = check_subject(subject_id)
        request = uuid4()
        deletion = urn(Kind.DELETION, str(request))
        content = subject.encode()
        content = len(content).to_bytes(2) + content
        content += bytes(-len(content) % PADDED)
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + AESGCM(self._keys.make(request)).encrypt(nonce, content, deletion.encode())
        return Sealed(deletion=deletion, digest=self.digest(lake, subject), encrypted=base64.b64encode(sealed).decode())

    def open(self, deletion: Urn, encrypted: str) -> str | None:
        """The id in its compared form; None once its key is destroyed. Raises: PreconditionFailed."""
        request = UUID(name_of(deletion))
        key = self._keys.read(request)
        if key is None:
            return None
        try:
            sealed = base64.b64decode(encrypted, validate=True)
            content = AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], deletion.encode())
        except (InvalidTag, ValueError):
            raise PreconditionFailed(
                f"the key of {deletion!r} is not the one that its subject was sealed with; restore the folder of"
                " subjects' keys"
            ) from None
        return content[2 : 2 + int.from_bytes(content[:2])].decode()

    def destroy(self, deletion: Urn) -> None:
        """Make the id unreadable for ever; nothing where it is already."""
        self._keys.destroy(UUID(name_of(deletion)))

    def digest(self, lake: Urn, subject_id: str) -> str:
        """The digest by which a subject of this lake is known again, hex. It stays when the keys are destroyed."""
        return hmac.digest(self.digest_key(lake), normalised(subject_id).encode(), "sha256").hex()

    def digest_key(self, lake: Urn) -> bytes:
        """The 32 bytes under which ids of this lake are digested: the same id differs from lake to lake."""
        return hmac.digest(self._ring.first, f"lakemesh subject digest v1\0{lake.lower()}".encode(), "sha256")

    def sealed_before(self, instant: datetime) -> list[Urn]:
        """The requests whose key was made before an instant and still stands."""
        return [urn(Kind.DELETION, str(request)) for request, made_at in self._keys.made() if made_at < instant]
