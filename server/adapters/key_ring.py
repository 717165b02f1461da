"""The key ring: one secret for each version in a private file, never replaced, only added to."""

import base64
import secrets
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from server.adapters.engine.privacy.keys import SECRET_BYTES, PrivacyKeys, privacy_keys, pseudonym_key, revealed
from server.adapters.keys import load_key, read_private, write_private
from server.adapters.path_lock import path_locked
from server.adapters.storage.durable import sync_folder
from server.kernel.errors import BadUserInput, PreconditionFailed

FORMAT = 2  # format 1 is the bare secret of version 1, as every ring begins
MOST_BYTES = 1_000_000


class KeyRing:
    """The secrets of a file, read anew whenever it changed. What was read for one piece of work stays for all of it.

    Raises: PreconditionFailed, at any use, for a file that is not private, not a key ring, or not this one any more.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            load_key(path)
        self._path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._secrets: Mapping[int, bytes] = {}
        self._current()

    @property
    def first(self) -> bytes:
        """The secret of version 1: digests that must never change are keyed with it."""
        return self._secrets[1]

    @property
    def version(self) -> int:
        """The version with which new values are made."""
        return max(self._current())

    def keys(self, scope: str, run: str) -> PrivacyKeys:
        """The newest keys of a scope. `run` names the work, so that its noise does not repeat."""
        known = self._current()
        newest = max(known)
        return privacy_keys(known[newest], newest, scope, run)

    def reveal(self, scope: str, value: str) -> str:
        """The text behind a pseudonym of any version. Raises: BadUserInput, for what is none of this scope."""
        head, _, pseudonym = value.partition(":")
        version = int(head[1:]) if head[:1] == "p" and head[1:].isdecimal() and len(head) < 8 else 0
        secret = self._current().get(version)
        text = None if secret is None else revealed(pseudonym_key(secret, scope), pseudonym)
        if text is None:
            raise BadUserInput(
                "this value is no pseudonym that the keys of this dataset made; give it exactly as it is"
            )
        return text

    def rotate(self) -> int:
        """Add a version with a new secret; its number. Servers that run use it from their next piece of work on."""
        with path_locked(self._path.parent):  # rotations one after another
            known = self._current()
            version = max(known) + 1
            _write(self._path, {**known, version: secrets.token_bytes(SECRET_BYTES)})
        return version

    def _current(self) -> Mapping[int, bytes]:
        with self._lock:
            try:
                found = self._path.stat()
            except FileNotFoundError:
                raise PreconditionFailed(
                    f"key file {self._path.name!r} is gone: restore it; without it old values cannot be joined or read"
                ) from None
            seen = (found.st_ino, found.st_mtime_ns, found.st_size)
            if seen != self._seen:
                read = read_ring(self._path)
                if any(read.get(version) != secret for version, secret in self._secrets.items()):
                    raise PreconditionFailed(
                        f"key file {self._path.name!r} lost or changed a key that it had: restore it, and add"
                        " versions with 'lakemesh key rotate-privacy' only"
                    )
                self._secrets, self._seen = read, seen
            return self._secrets


def read_ring(path: Path) -> Mapping[int, bytes]:
    """The secrets by version, from 1 without a gap. Raises: PreconditionFailed."""
    content = read_private(path, MOST_BYTES)
    if len(content) == SECRET_BYTES:
        return {1: content}
    try:
        ring: Any = orjson.loads(content)
        held = {one["version"]: base64.b64decode(one["secret"], validate=True) for one in ring["keys"]}
        sound = ring["format"] == FORMAT and list(held) == list(range(1, len(ring["keys"]) + 1)) and held
    except (ValueError, TypeError, KeyError):
        held, sound = {}, False
    if not sound or any(len(secret) != SECRET_BYTES for secret in held.values()):
        raise PreconditionFailed(
            f"key file {path.name!r} does not hold a key ring: {SECRET_BYTES} bytes, or keys in format {FORMAT};"
            " restore it, or remove it to get a new key"
        )
    return held


def _write(path: Path, held: Mapping[int, bytes]) -> None:
    """The ring in place of the old file, in one step."""
    keys = [{"version": version, "secret": base64.b64encode(secret).decode()} for version, secret in held.items()]
    staged = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        write_private(staged, orjson.dumps({"format": FORMAT, "keys": keys}, option=orjson.OPT_INDENT_2))
        staged.replace(path)
        sync_folder(path.parent)
    finally:
        staged.unlink(missing_ok=True)
