"""Signed addresses: who holds one may read or write one object for a while."""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from server.adapters.storage.layout import LABEL_PATTERN, check_key, file_label
from server.kernel.errors import BadUserInput, Forbidden
from server.kernel.ids import NAME_PATTERN
from server.kernel.record import record

Method: TypeAlias = Literal["GET", "PUT"]
PREFIX = "/storage/"
DEFAULT_LIFETIME = timedelta(minutes=15)
LONGEST_LIFETIME = timedelta(hours=1)

# Clients of Delta Sharing take an address for a presigned one by the name X-Amz-Signature.
_KEY_ID, _EXPIRES, _SIGNATURE = "X-Amz-Credential", "X-Amz-Expires", "X-Amz-Signature"
_MAX_BYTES, _FILENAME, _GRANT = "max-bytes", "filename", "grant"
_NEEDED = {_KEY_ID, _EXPIRES, _SIGNATURE}
_FORMS: Mapping[str, re.Pattern[str]] = {
    _KEY_ID: re.compile(r"[0-9a-f]{16}"),
    _EXPIRES: re.compile(r"[1-9][0-9]{0,10}"),
    _MAX_BYTES: re.compile(r"0|[1-9][0-9]{0,18}"),
    _FILENAME: LABEL_PATTERN,
    _GRANT: NAME_PATTERN,
    _SIGNATURE: re.compile(r"[0-9a-f]{64}"),
}
_NEXT_STEP = "ask for a new address and use it as it is"


@record
class Permit:
    """What a genuine address allows. `grant`: the bare name of the grant it was made for; GET stands for HEAD too."""

    method: Method
    key: str
    expires_at: datetime
    max_bytes: int | None = None
    filename: str | None = None
    grant: str | None = None


class Signer:
    """Makes and checks addresses: HMAC-SHA256 (RFC 2104), hex.

    `keys`: 32 bytes each, the newest first; it signs, the others are still accepted.
    """

    def __init__(self, keys: Sequence[bytes], clock: Callable[[], datetime]) -> None:
        assert keys, "a signer needs a key"
        self._keys = {_id_of(key): key for key in keys}
        self._newest = _id_of(keys[0])
        self._clock = clock

    def sign(
        self,
        method: Method,
        key: str,
        expires_at: datetime,
        *,
        max_bytes: int | None = None,
        filename: str | None = None,
        grant: str | None = None,
    ) -> str:
        """An address, from the server's root: '/storage/<key>?...'. Expiry counts in whole seconds.

        `filename`: the name offered to who downloads; `grant`: a grant's bare name.
        """
        assert expires_at <= self._clock() + LONGEST_LIFETIME, "an address lives for an hour at most"
        assert grant is None or NAME_PATTERN.fullmatch(grant), "a grant stands in an address by its bare name"
        values = {_KEY_ID: self._newest, _EXPIRES: str(int(expires_at.timestamp()))}
        if max_bytes is not None:
            values[_MAX_BYTES] = str(max_bytes)
        if filename is not None:
            values[_FILENAME] = file_label(filename)
        if grant is not None:
            values[_GRANT] = grant
        values[_SIGNATURE] = self._signature(method, check_key(key), values)
        return f"{PREFIX}{key}?" + "&".join(f"{name}={value}" for name, value in values.items())

    def verify(self, method: str, raw_path: bytes, query: bytes) -> Permit:
        """What the address allows now. `raw_path` and `query` as they came over the wire, nothing decoded.

        Raises: BadUserInput, for what is not an address of ours; Forbidden, for a forged or expired one.
        """
        key = _key_of(raw_path)
        values = _values_of(query)
        allowed: Method = "PUT" if method == "PUT" else "GET"
        expected = self._signature(allowed, key, values) if values[_KEY_ID] in self._keys else ""
        if method not in ("GET", "HEAD", "PUT") or not hmac.compare_digest(
            values[_SIGNATURE].encode(), expected.encode()
        ):
            raise Forbidden(f"this address was not made for this method and path by this server; {_NEXT_STEP}")
        expires_at = datetime.fromtimestamp(int(values[_EXPIRES]), UTC)
        if self._clock() >= expires_at:
            raise Forbidden(f"this address expired at {expires_at.isoformat()}; ask for a new one")
        return Permit(
            method=allowed,
            key=key,
            expires_at=expires_at,
            max_bytes=int(values[_MAX_BYTES]) if _MAX_BYTES in values else None,
            filename=values.get(_FILENAME),
            grant=values.get(_GRANT),
        )

    def _signature(self, method: Method, key: str, values: Mapping[str, str]) -> str:
        """No part can hold a NUL and none is empty, so a text has one reading; an absent part is empty."""
        parts = ["v1", method, key, *(values.get(name, "") for name in _FORMS if name != _SIGNATURE)]
        return hmac.new(self._keys[values[_KEY_ID]], "\0".join(parts).encode(), hashlib.sha256).hexdigest()


def _id_of(key: bytes) -> str:
    return hashlib.sha256(b"key id\0" + key).hexdigest()[:16]


def _key_of(raw_path: bytes) -> str:
    try:
        path = raw_path.decode("ascii")
    except UnicodeDecodeError:
        raise BadUserInput(f"this path is not one of a signed address; {_NEXT_STEP}") from None
    if not path.startswith(PREFIX):
        raise BadUserInput(f"this path is not one of a signed address; {_NEXT_STEP}")
    return check_key(path.removeprefix(PREFIX))  # no key holds a '%': nothing here is ever decoded


def _values_of(query: bytes) -> dict[str, str]:
    values: dict[str, str] = {}
    for part in query.decode("latin-1").split("&") if query else ():
        name, _, value = part.partition("=")
        if name not in _FORMS:
            raise BadUserInput(f"parameter {name[:40]!r} is not one of a signed address; {_NEXT_STEP}")
        if name in values:
            raise BadUserInput(f"parameter {name!r} stands twice in this address; {_NEXT_STEP}")
        if not _FORMS[name].fullmatch(value):
            raise BadUserInput(f"parameter {name!r} of this address is not well formed; {_NEXT_STEP}")
        values[name] = value
    if missing := sorted(_NEEDED - values.keys()):
        raise BadUserInput(f"this address lacks {', '.join(missing)}; {_NEXT_STEP}")
    return values
