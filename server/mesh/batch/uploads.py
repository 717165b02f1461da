"""Addresses to which files are sent."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from server.adapters.storage import layout
from server.adapters.storage.signing import LONGEST_LIFETIME, Signer
from server.kernel.address import Address
from server.kernel.errors import BadUserInput


class Uploads:
    """Makes upload addresses."""

    def __init__(self, signer: Signer, clock: Callable[[], datetime], max_bytes: int) -> None:
        self._signer = signer
        self._clock = clock
        self._max_bytes = max_bytes

    def address(self, filename: str, seconds: int) -> tuple[Address, str]:
        """An address for one PUT, and the `fileUrl` under which its file is appended. Raises: BadUserInput."""
        longest = int(LONGEST_LIFETIME.total_seconds())
        if not 1 <= seconds <= longest:
            raise BadUserInput(f"expiresInSeconds {seconds} is out of bounds: 1 to {longest}", field="expiresInSeconds")
        if not filename.strip():
            raise BadUserInput("filename is empty; say what the file is called", field="filename")
        key = layout.landing(uuid.uuid4(), filename)
        expires_at = self._clock() + timedelta(seconds=seconds)
        path = self._signer.sign("PUT", key, expires_at, max_bytes=self._max_bytes)
        return Address(path=path, method="PUT", headers={}, expires_at=expires_at), key
