"""Raw text without what is cut from it: every other byte as it came, in one pass and little memory."""

import codecs
import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from server.adapters.engine.erasure.files import Cut
from server.adapters.engine.erasure.raw_text import PIECE_BYTES, pieces_of
from server.adapters.engine.ingest.text_file import PLAIN
from server.adapters.storage.durable import refusing_when_full

_MARKS = {
    "utf-16": ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")),
    "utf-32": ((codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be")),
}


def cut_out(raw: Path, cuts: Iterable[Cut], encoding: str, target: Path) -> tuple[str, int]:
    """Write the text of `raw` without the cuts, which ascend; SHA-256 (hex) and size of what was written.

    Text that is not UTF-8 is written anew in its encoding.
    """
    decoded = target.with_name(f"{target.name}.utf8")
    try:
        with refusing_when_full():
            if encoding not in PLAIN:
                with decoded.open("wb") as file:
                    file.writelines(pieces_of(raw, encoding))
            with (decoded if encoding not in PLAIN else raw).open("rb") as text, target.open("wb") as file:
                kept = _Kept(file, _encoder(raw, encoding))
                _keep_between(text, cuts, kept)
                kept.finish()
                return kept.digest.hexdigest(), kept.size
    finally:
        decoded.unlink(missing_ok=True)


def _keep_between(text: BinaryIO, cuts: Iterable[Cut], kept: "_Kept") -> None:
    done = 0
    for cut in cuts:
        _keep(text, done, cut.start, kept)
        if cut.instead is not None:
            kept.write(cut.instead)
        done = cut.behind
    _keep(text, done, None, kept)


def _keep(text: BinaryIO, start: int, stop: int | None, kept: "_Kept") -> None:
    text.seek(start)
    size = PIECE_BYTES
    while size and (octets := text.read(size if stop is None else min(size, stop - text.tell()))):
        if text.tell() == start + len(octets):
            kept.join(octets)
        kept.write(octets)


class _Kept:
    """Takes UTF-8 and writes it in the file's encoding."""

    def __init__(self, file: BinaryIO, encode: Callable[[bytes, bool], bytes] | None) -> None:
        self._file = file
        self._encode = encode
        self._last = b""
        self.digest = hashlib.sha256()
        self.size = 0

    def join(self, octets: bytes) -> None:
        """Before a stretch behind a cut: a CR and a LF that now meet stay two line ends."""
        if self._last == b"\r" and octets.startswith(b"\n"):
            self.write(b"\n")

    def write(self, octets: bytes) -> None:
        self._last = octets[-1:] or self._last
        self._put(octets if self._encode is None else self._encode(octets, False))

    def finish(self) -> None:
        if self._encode is not None:
            self._put(self._encode(b"", True))

    def _put(self, octets: bytes) -> None:
        self._file.write(octets)
        self.digest.update(octets)
        self.size += len(octets)


def _encoder(raw: Path, encoding: str) -> Callable[[bytes, bool], bytes] | None:
    if encoding in PLAIN:
        return None
    with raw.open("rb") as file:
        head = file.read(4)
    mark, codec = next((found for found in _MARKS.get(encoding, ()) if head.startswith(found[0])), (b"", encoding))
    decoder = codecs.getincrementaldecoder("utf-8")()
    encoder = codecs.getincrementalencoder(codec)()
    waiting = [mark]

    def encode(octets: bytes, final: bool) -> bytes:
        return (waiting.pop() if waiting else b"") + encoder.encode(decoder.decode(octets, final), final)

    return encode
