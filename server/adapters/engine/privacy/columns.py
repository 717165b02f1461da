"""Masks, tokens and pseudonyms of a whole column, chunk by chunk: each value alone, so chunking changes nothing."""

import hmac
import unicodedata
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from server.adapters.engine.on_demand import compute
from server.adapters.engine.privacy.keys import pseudonymizer
from server.kernel.privacy_mask import EMAIL, EMAIL_HEAD, EMAIL_MASK, hides, masked

Texts: TypeAlias = Any
"""An Arrow array of strings; pyarrow's hints lose what its array holds at the first step."""

ColumnFunction: TypeAlias = Callable[[Texts], Texts]

KEY_BYTES = 32
REMEMBERED = 65_536  # values whose token is kept, which spares columns of few values the cipher
REMEMBERED_LENGTH = 100  # characters; both bound the memory of a column to some 30 MB

_HIDES = np.array([byte > 127 or hides(chr(byte)) for byte in range(256)])
_STARRED = np.where(_HIDES, ord("*"), np.arange(256)).astype(np.uint8)


def mask_column(keep_last: int) -> ColumnFunction:
    """`masked` for each text of a chunk; null stays null."""

    def mask(chunk: Texts) -> Texts:
        functions = compute()
        texts = _plain(chunk)
        result, foreign = _starred(texts, keep_last)
        if foreign.any():
            one_by_one = [masked(text, keep_last) for text in texts.filter(pa.array(foreign)).to_pylist()]
            result = functions.replace_with_mask(result, pa.array(foreign), pa.array(one_by_one, pa.string()))
        addresses: Texts = functions.match_substring_regex(texts, f"^(?:{EMAIL})\\z")
        if functions.any(addresses).as_py():
            result = functions.if_else(
                addresses, functions.replace_substring_regex(texts, EMAIL_HEAD, EMAIL_MASK), result
            )
        return result

    return mask


def token_column(key: bytes, version: int, *, normalize: bool = False) -> ColumnFunction:
    """`h<version>:` and the HMAC-SHA256 (RFC 2104) of each text's UTF-8 in hex: 67 characters; null stays null.

    `normalize`: texts that differ in case, outer spaces or composition have one token.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"a token key has {KEY_BYTES} bytes, not {len(key)}")
    keyed = hmac.new(key, digestmod="sha256")

    def token(text: str) -> str:
        digest = keyed.copy()
        digest.update((normalized(text) if normalize else text).encode())
        return f"h{version}:{digest.hexdigest()}"

    return _each_once(token)


def pseudonym_column(key: bytes, version: int) -> ColumnFunction:
    """`p<version>:` and the pseudonym of each text, which the key turns back; null stays null."""
    pseudonym = pseudonymizer(key)
    return _each_once(lambda text: f"p{version}:{pseudonym(text)}")


def normalized(text: str) -> str:
    """The form in which texts that people take for the same are the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).strip().casefold())


def _each_once(make: Callable[[str], str]) -> ColumnFunction:
    """Each distinct text of a chunk made once, those of few and short values once for the whole column."""
    remembered: dict[str, str] = {}

    def made(text: str) -> str:
        if known := remembered.get(text):
            return known
        fresh = make(text)
        if len(remembered) < REMEMBERED and len(text) <= REMEMBERED_LENGTH:
            remembered[text] = fresh
        return fresh

    def column(chunk: Texts) -> Texts:
        encoded = _plain(chunk).dictionary_encode()
        distinct = pa.array([made(text) for text in encoded.dictionary.to_pylist()], pa.string())
        return distinct.take(encoded.indices)

    return column


def _plain(chunk: Texts) -> Texts:
    whole = chunk.combine_chunks() if isinstance(chunk, pa.ChunkedArray) else chunk
    return whole.cast(pa.string())


def _starred(texts: Texts, keep_last: int) -> tuple[Texts, npt.NDArray[np.bool_]]:
    """The masks of the ASCII texts, byte by byte at once, and which texts hold other characters."""
    validity, offsets, content = texts.buffers()
    if offsets is None or content is None or not len(texts):
        return texts, np.zeros(len(texts), np.bool_)
    places = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    original = np.frombuffer(content, np.uint8)[: places[-1]]
    starred = _STARRED.take(original)
    long_ends = places[1:][_count(_HIDES.take(original), places) >= 2 * keep_last]
    for back in range(1, keep_last + 1):
        starred[long_ends - back] = original[long_ends - back]
    result = pa.StringArray.from_buffers(len(texts), offsets, pa.py_buffer(starred.data), validity, offset=texts.offset)
    return result, _count(original > 127, places) > 0


def _count(flags: npt.NDArray[np.bool_], places: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """How many flags are set in each stretch from one place to the next."""
    counts = np.zeros(len(places) - 1, np.int32)
    filled = places[1:] > places[:-1]  # reduceat would count the flag behind an empty stretch
    if filled.any():
        counts[filled] = np.add.reduceat(flags, places[:-1][filled], dtype=np.int32)
    return counts
