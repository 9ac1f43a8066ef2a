"""Operands: random ones, and those on which instructions go wrong."""

import itertools

import ml_dtypes
import numpy as np

from .case import words

INTEGER_EDGES = np.array(
    [0, 1, 2, 31, 32, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1,
     2**31, 2**31 + 1, 2**32 - 1, 2**32 - 2, 0x80808080, 0x7F7F7F7F, 0xFF00FF00],
    np.uint32,
)

DTYPES = {
    "f32": np.dtype(np.float32),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "e4m3": np.dtype(ml_dtypes.float8_e4m3fn),
    "e5m2": np.dtype(ml_dtypes.float8_e5m2),
}
UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32}
#: Exponent and mantissa bits.
FIELDS = {"f32": (8, 23), "f16": (5, 10), "bf16": (8, 7), "e4m3": (4, 3), "e5m2": (5, 2),
          "tf32": (8, 10)}


def float_edges(type):
    """Bits of the floats at the borders of the format, both signs."""
    exponent, mantissa = FIELDS[type]
    ones = (1 << mantissa) - 1
    top = ((1 << exponent) - 1) << mantissa
    one = ((1 << (exponent - 1)) - 1) << mantissa
    edges = [0, 1, 2, 3, ones, ones - 1, ones + 1, ones + 2,  # zero to normal
             one - 1, one, one + 1, one + (1 << mantissa), one + (1 << mantissa - 1),
             top - 1, top - 2, top, top + 1, top + ones, top + (1 << mantissa - 1),
             one + (mantissa << mantissa), one + (mantissa + 1 << mantissa)]
    sign = 1 << (exponent + mantissa)
    edges = sorted({e | s for e in edges if e < sign for s in (0, sign)})
    return np.array(edges, UNSIGNED[max(1, (exponent + mantissa + 1) // 8)])


def int_pairs(rs, count, arity=2):
    """Columns of 32-bit integers: each tuple of edges, then random words."""
    return _tuples(rs, count, arity, INTEGER_EDGES, np.uint32)


def float_tuples(rs, count, arity, type):
    """Columns of float bits: tuples of edges, then random ones of three kinds."""
    dtype = UNSIGNED[DTYPES[type].itemsize]
    columns = _tuples(rs, count, arity, float_edges(type), dtype)
    # From a third on: of like exponents, so that sums round and cancel.
    third = max(count // 3, min(count, len(float_edges(type)) ** arity))
    exponent, mantissa = FIELDS[type]
    bias = (1 << exponent - 1) - 1
    n = count - third
    center = rs.randint(1, (1 << exponent) - 1, n)
    # Half of them around one, where products stay near.
    center[: n // 2] = bias
    for i in range(arity):
        e = np.clip(center + rs.randint(-3, 4, n), 0, (1 << exponent) - 2)
        bits = rs.randint(0, 2, n) << (exponent + mantissa) | e << mantissa
        bits |= rs.randint(0, 1 << mantissa, n)
        columns[i][third:] = bits.astype(dtype)
    return columns


def _tuples(rs, count, arity, edges, dtype):
    product = np.array(list(itertools.islice(itertools.product(edges, repeat=arity), 20000)))
    if len(product) > count // 3:
        product = product[rs.permutation(len(product))[: count // 3]]
    columns = []
    size = np.dtype(dtype).itemsize
    for i in range(arity):
        column = np.frombuffer(rs.bytes(size * count), dtype).copy()
        column[: len(product)] = product[:, i]
        columns.append(column)
    return columns


def to_bits(values, type):
    """Bits of float64 values rounded to a format."""
    if type == "tf32":
        return values.astype(np.float32).view(np.uint32)
    with np.errstate(over="ignore"):
        return values.astype(DTYPES[type]).view(UNSIGNED[DTYPES[type].itemsize])


STYLES = ("normal", "wide", "raw", "cancel", "sparse", "tiny", "special", "powers", "under")


def matrix_floats(rs, shape, type, style):
    """Bits of matrix elements, in one of the styles."""
    exponent, mantissa = FIELDS[type]
    bias = (1 << exponent - 1) - 1
    low, high = 1 - bias - mantissa, bias
    normal = rs.standard_normal(shape)
    if style == "normal":
        return to_bits(normal, type)
    if style == "cancel":  # neighbours that all but cancel
        values = normal.copy()
        values[..., 1::2] = -values[..., 0::2]
        nudge = 1 + (rs.randint(0, 4, shape) == 0) * 2.0 ** -mantissa
        return to_bits(values * nudge, type)
    if style == "sparse":
        spread = min(12, bias - 1)
        values = normal * 2.0 ** rs.randint(-spread, spread, shape)
        return to_bits(values * (rs.randint(0, 3, shape) == 0), type)
    if style == "tiny":
        scale = 2.0 ** (rs.randint(0, mantissa + 6, shape) + low)
        return to_bits(normal * scale, type)
    if style == "under":  # products around the smallest f32, where there are any
        scale = 2.0 ** (rs.randint(-4, 5, shape) - min(75, bias - 5))
        return to_bits(normal * scale, type)
    if style == "powers":
        span = min(bias - 1, 14)
        sign = 1 - 2 * rs.randint(0, 2, shape)
        return to_bits(sign * 2.0 ** rs.randint(-span, span + 1, shape), type)
    if style == "wide":
        span = min(bias - 1, 20)
        return to_bits(normal * 2.0 ** rs.randint(-span, span + 1, shape), type)
    # raw: any bits; special keeps inf and NaN, one in some dozens.
    if type == "tf32":
        bits = words(rs, *shape).copy()
        bad = (bits >> 23 & 0xFF) == 0xFF
    else:
        size = DTYPES[type].itemsize
        bits = np.frombuffer(rs.bytes(size * normal.size), UNSIGNED[size]).reshape(shape).copy()
        with np.errstate(invalid="ignore"):
            bad = ~np.isfinite(bits.view(DTYPES[type]).astype(np.float64))
    bits[bad] = 0
    if style == "special":
        edges = float_edges("f32" if type == "tf32" else type)
        chosen = edges[rs.randint(0, len(edges), shape)]
        bits = np.where(rs.randint(0, 40, shape) == 0, chosen, bits).astype(bits.dtype)
        keep = rs.randint(0, 3, shape) == 0
        bits = np.where(keep, bits, to_bits(normal, type)).astype(bits.dtype)
    return bits


def accumulator_floats(rs, shape, style, width=32):
    """Bits of f32 (or f16) accumulators to go with elements of a style."""
    normal = rs.standard_normal(shape)
    type = "f32" if width == 32 else "f16"
    if style == "normal":
        return to_bits(normal, type)
    if style == "cancel":
        return to_bits(normal * 2.0 ** rs.randint(-24, 1, shape), type)
    if style == "under":
        scale = 2.0 ** rs.randint(-12, 3, shape)
        keep = rs.randint(0, 3, shape) > 0
        return to_bits(normal * scale * 2.0 ** (-140 if width == 32 else -18) * keep, type)
    if style == "tiny":
        # From nothing to what is large beside the products.
        return to_bits(normal * 2.0 ** rs.randint(-149, -100, shape), type) * (
            rs.randint(0, 3, shape) > 0).astype(UNSIGNED[width // 8])
    if style == "powers":
        return to_bits((1 - 2 * rs.randint(0, 2, shape)) * 2.0 ** rs.randint(-20, 20, shape), type)
    if style == "special":
        edges = float_edges(type)
        chosen = edges[rs.randint(0, len(edges), shape)]
        return np.where(rs.randint(0, 4, shape) == 0, chosen, to_bits(normal, type)).astype(edges.dtype)
    span = 40 if width == 32 else 12
    return to_bits(normal * 2.0 ** rs.randint(-span, span, shape), type)
