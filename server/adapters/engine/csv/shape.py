"""The shape of CSV bytes, by vector operations: where lines and records end, whether quotes stand in order."""

import numpy as np
from numpy.typing import NDArray

from server.adapters.engine.ingest.block import Offsets
from server.kernel.record import record

QUOTE, LF, CR = b'"\n\r'


@record
class Shape:
    """`breaks`: offsets just behind each line end. `ends`: those of them that also end a record.

    `orderly`: each quote opens, closes or doubles a field's quote. Only then do `ends` mean anything.
    """

    orderly: bool
    breaks: Offsets
    ends: Offsets
    quotes: Offsets


def shape_of(text: bytes, delimiter: str, *, final: bool) -> Shape:
    """The shape of text that starts where a record starts. Unless `final`, a CR at its very end is left open."""
    octets = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(octets == QUOTE)
    breaks = _breaks(text, octets, final) + 1
    outside = (np.searchsorted(quotes, breaks) & 1) == 0
    return Shape(
        orderly=delimiter.isascii() and _orderly(octets, quotes, delimiter) and not (final and len(quotes) & 1),
        breaks=breaks,
        ends=breaks[outside],
        quotes=quotes,
    )


def fields_in(text: bytes, delimiter: str, shape: Shape, ends: Offsets) -> Offsets:
    """How many fields stand in each of the records that end at `ends`, which follow each other from offset 0."""
    cuts = np.flatnonzero(np.frombuffer(text, np.uint8) == ord(delimiter))
    cuts = cuts[(np.searchsorted(shape.quotes, cuts) & 1) == 0]
    return np.diff(np.searchsorted(cuts, ends), prepend=0) + 1


def _breaks(text: bytes, octets: NDArray[np.uint8], final: bool) -> Offsets:
    """Offsets of the last byte of each line end."""
    if b"\r" not in text:
        return np.flatnonzero(octets == LF)
    ends = octets == LF
    alone = octets == CR
    alone[:-1] &= ~ends[1:]
    if not final:
        alone[-1] = False  # its LF may be the next byte
    return np.flatnonzero(ends | alone)


def _orderly(octets: NDArray[np.uint8], quotes: Offsets, delimiter: str) -> bool:
    """An opening quote stands at a field's start, a closing one at its end; doubled ones touch each other."""
    if len(quotes) == 0:
        return True
    border = np.zeros(256, np.bool_)
    border[[QUOTE, LF, CR, ord(delimiter)]] = True
    opening, closing = quotes[0::2], quotes[1::2]
    before = octets[opening[1:] - 1] if opening[0] == 0 else octets[opening - 1]
    behind = octets[closing[:-1] + 1] if len(closing) and closing[-1] == len(octets) - 1 else octets[closing + 1]
    return bool(border[before].all() and border[behind].all())
