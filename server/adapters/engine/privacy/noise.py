"""Noise: Laplace offsets that depend on the row and the run's key alone, never beyond what the column's type holds."""

import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from server.adapters.engine.batch_table import Expression, ibis_type
from server.adapters.engine.privacy.generalize import held
from server.kernel.fields import DataType, TypeName
from server.kernel.privacy_params import Noise

Column: TypeAlias = Any
"""An Arrow array; pyarrow's hints lose what it holds."""

Floats: TypeAlias = npt.NDArray[np.float64]

EXACT_DIGITS = 15  # of a float: longer decimals are kept a little below their end
LARGEST_INT = 2.0**63 * (1 - 2**-50)
LARGEST_FLOAT = sys.float_info.max * (1 - 2**-50)  # a sum that is rounded up to the very last one is infinite


def offset_column(rule: Noise, kind: DataType, key: bytes) -> Callable[[Column, Column], Column]:
    """What to add to each value of a chunk, given the values as floats and one number of 64 bits for each row."""
    blocks = Cipher(AES(key), ECB())  # noqa: S305  # each block is a number of its own: a keyed function, no text
    limit = largest(kind)

    def offsets(values: Column, rows: Column) -> Column:
        floats: Floats = _numpy(values).astype(np.float64)
        with np.errstate(over="ignore"):
            scale = rule.scale * np.abs(floats) if rule.relative else rule.scale
            noise = np.clip(laplace(_numpy(rows).astype(np.uint64), blocks) * scale, -limit, limit)
            moved = floats + noise
            beyond = np.abs(moved) > limit
            noise[beyond] = np.clip(np.copysign(limit, moved[beyond]) - floats[beyond], -limit, limit)
        return pa.array(noise, pa.float64(), mask=_nulls(values))

    return offsets


def laplace(rows: npt.NDArray[np.uint64], blocks: Cipher[ECB]) -> Floats:
    """One number for each row, of the Laplace distribution of mean 0 and scale 1."""
    counters = np.zeros((len(rows), 2), np.uint64)
    counters[:, 0] = rows
    drawn = np.frombuffer(blocks.encryptor().update(counters.tobytes()), np.uint64).reshape(-1, 2)
    fractions = ((drawn[:, 0] >> np.uint64(11)).astype(np.float64) + 0.5) / 2**53  # above 0 and at most 1
    signs = np.where(drawn[:, 1] & np.uint64(1), 1.0, -1.0)
    result: Floats = signs * -np.log(fractions)
    return result


def noisy(column: Expression, kind: DataType, offset: Expression) -> Expression:
    """The column with the offsets added, rounded to what its type can hold."""
    match kind.name:
        case TypeName.INT:
            return column + offset.round().cast("int64")
        case TypeName.DECIMAL:
            return held(column + offset.round(kind.scale).cast(ibis_type(kind)), kind)
        case _:
            return column + offset


def largest(kind: DataType) -> float:
    """The largest number of the type, or for long ones and floats a float safely below it."""
    if kind.name is TypeName.INT:
        return LARGEST_INT
    if kind.name is TypeName.FLOAT:
        return LARGEST_FLOAT
    digits = float(10**kind.precision - 1)
    whole = digits if kind.precision <= EXACT_DIGITS else digits * (1 - 2**-40)
    return whole / 10.0**kind.scale


def _numpy(column: Column) -> npt.NDArray[Any]:
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.asarray(whole.fill_null(0).to_numpy(zero_copy_only=False))


def _nulls(column: Column) -> npt.NDArray[np.bool_]:
    return np.asarray(column.is_null().to_numpy(zero_copy_only=False), np.bool_)
