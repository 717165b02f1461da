"""A landed text file read once from front to end: kept, digested, decoded, checked to be text."""

import codecs
import hashlib
import os
from typing import BinaryIO

from server.adapters.engine.ingest.block import breaks_in
from server.kernel.errors import InvalidData
from server.kernel.files import UTF_8
from server.kernel.record import record

PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"PAR1": "Parquet",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"ARROW1": "Arrow",
    b"%PDF-": "PDF",
}
MARKED = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}  # known by their byte order mark
PLAIN = (UTF_8, "utf-8-sig")
CSV = "CSV"  # the only kind that may be in another encoding
NOT_UTF_8 = "is not UTF-8"
OR_ENCODING = ", or let the contract's csv name its encoding"


@record
class Reading:
    """How a text file is read. `kind`: the name of its format in messages; `encoding`: of its characters."""

    kind: str
    encoding: str
    block_bytes: int


class TextFile:
    """One reading of a text file. `pending` is UTF-8 that starts at `offset` of the text, on line `line`.

    `kept` takes the bytes as they come, `decoded` their text in UTF-8 where that differs. `size` counts the bytes.
    """

    def __init__(self, landed: BinaryIO, kept: BinaryIO | None, decoded: BinaryIO | None, reading: Reading) -> None:
        self._landed = landed
        self._kept = kept
        self._decoded = decoded
        self._reading = reading
        self._digest = hashlib.sha256()
        self._decoder = (
            None if reading.encoding in PLAIN else codecs.getincrementaldecoder(reading.encoding)(errors="strict")
        )
        self._length = landed.seek(0, os.SEEK_END)
        landed.seek(0)
        self.pending = b""
        self.offset = 0
        self.line = 1
        self.size = 0

    @property
    def sha256(self) -> str:
        """Of the bytes read, hex."""
        return self._digest.hexdigest()

    @property
    def share(self) -> float:
        """How much of the file was read, 0 to 1."""
        return min(1.0, self.size / self._length) if self._length else 1.0

    def read_on(self) -> bool:
        """Take in the next bytes; whether there were none. Raises: InvalidData."""
        octets = self._landed.read(self._reading.block_bytes)
        if self.size == 0:
            self._check_packed(octets)
        self._digest.update(octets)
        self.size += len(octets)
        if self._kept is not None:
            self._kept.write(octets)
        text = octets if self._decoder is None else self._decode(octets, self._decoder)
        if self._decoded is not None:
            self._decoded.write(text)
        self.pending += text
        self._check_text(final=not octets)
        return not octets

    def advance(self, consumed: int, lines: int) -> None:
        """Let go of what was read."""
        self.pending = self.pending[consumed:]
        self.offset += consumed
        self.line += lines

    def _decode(self, octets: bytes, decoder: codecs.IncrementalDecoder) -> bytes:
        try:
            return decoder.decode(octets, final=not octets).encode()
        except UnicodeError as error:
            sound = b""
            if isinstance(error, UnicodeDecodeError):
                sound = error.object[: error.start].decode(self._reading.encoding, "ignore").encode()
            line = self.line + breaks_in(self.pending + sound)
            raise InvalidData(
                f"line {line} is not {self._reading.encoding}, in which the contract says that its CSV is written;"
                " write the file so, or let the contract's csv name its encoding",
                line=line,
            ) from None

    def _check_packed(self, octets: bytes) -> None:
        known = PACKED | (MARKED if self._reading.encoding in PLAIN else {})
        kind = next((kind for magic, kind in known.items() if octets.startswith(magic)), None)
        if kind and not _is_plain(octets):
            wanted = self._reading.kind
            other = OR_ENCODING if wanted == CSV and kind in MARKED.values() else ""
            raise InvalidData(f"the file is {kind}, not {wanted}; write it as {wanted} in UTF-8 and upload that{other}")

    def _check_text(self, *, final: bool) -> None:
        where, fault = self.pending.find(b"\0"), "holds a NUL byte"
        if where < 0 and self._decoder is None and not self.pending.isascii():
            try:
                codecs.utf_8_decode(self.pending, "strict", final)
            except UnicodeDecodeError as error:
                where, fault = error.start, NOT_UTF_8
        if where < 0:
            return
        line = self.line + breaks_in(self.pending[:where])
        kind = self._reading.kind
        other = OR_ENCODING if kind == CSV and fault == NOT_UTF_8 else ""
        raise InvalidData(
            f"line {line} {fault}; write the file as {kind} in UTF-8 and upload it again{other}", line=line
        )


def _is_plain(octets: bytes) -> bool:
    """Whether a first block is text after all, such as a header whose first name is `PAR1`."""
    return octets.isascii() and b"\0" not in octets
