"""Judges the demo's results with NumPy in float64, sharing no code with us."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Exact:
    """A result in float64, and what its error bound is made of."""

    value: np.ndarray
    #: Sum over k of |x||w| for each output.
    products: np.ndarray
    #: The same with |scale| in place of |w|.
    scales: np.ndarray
    depth: int
    #: Roundings in f32 after the sum (scales, bias).
    epilogue: int


def unpack(codes, bits, depth):
    """Signed codes of N rows from a little-endian bit stream for each row."""
    if bits == 8:
        return codes.view(np.int8).astype(np.int64)
    octets = codes.view(np.uint8).astype(np.int64)
    pairs = np.stack([octets & 15, octets >> 4], axis=-1)
    nibbles = pairs.reshape(codes.shape[0], -1)[:, :depth]
    return (nibbles ^ 8) - 8


def spread(scales, group, depth):
    """One scale for each element of a row."""
    scales = scales.astype(np.float64)
    return np.repeat(scales, group or depth, axis=1)[:, :depth]


def dequantize(path, weight, shape):
    """The exact values of an encoded weight."""
    return (unpack(weight.codes, path.bits, shape[1])
            * spread(weight.scales, path.group, shape[1]))


def exact_output(path, x, weight, bias, shape):
    w = dequantize(path, weight, shape)
    x = x.astype(np.float64)
    epilogue = 1
    if path.dynamic:
        # Codes are chosen in f32, by definition; after them all is exact.
        single = x.astype(np.float32)
        scale = np.abs(single).max(axis=1, keepdims=True) / np.float32(127)
        x = np.rint(single / scale).astype(np.float64) * scale.astype(np.float64)
        # i32 to f32, two scales, bias.
        epilogue = 4
    magnitude = np.abs(spread(weight.scales, path.group, shape[1]))
    return Exact(x @ w.T + bias, np.abs(x) @ np.abs(w).T + np.abs(bias),
                 np.abs(x) @ magnitude.T, shape[1], epilogue)


def check_output(y, exact, u_acc, u_decode=0.0, offset=0.0):
    """Largest error as a share of what is allowed (docs/Manifest.md)."""
    if not np.all(np.isfinite(y)):
        return np.inf
    # The bias and scales round in f32 whatever the sum does.
    single = 2.0 ** -24
    gamma = exact.depth * u_acc / (1 - exact.depth * u_acc)
    bound = (gamma * (exact.products + abs(offset) * exact.scales)
             + u_decode * exact.products
             + (exact.epilogue + 1) * single * exact.products)
    return float(np.max(np.abs(y.astype(np.float64) - exact.value) / bound))
