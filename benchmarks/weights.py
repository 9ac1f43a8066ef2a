"""Encoded weights and what arithmetic on them may lose."""

import copy
import dataclasses
import functools

import ml_dtypes
import numpy as np

DTYPES = {
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f16": np.dtype(np.float16),
    "f32": np.dtype(np.float32),
    "i32": np.dtype(np.int32),
    "f8E8M0FNU": np.dtype(ml_dtypes.float8_e8m0fnu),
    "f8E4M3FN": np.dtype(ml_dtypes.float8_e4m3fn),
    "f8E5M2": np.dtype(ml_dtypes.float8_e5m2),
}
#: Half the distance between neighbours, relative to the number.
HALF_ULP = {"bf16": 2.0**-9, "f16": 2.0**-12, "f32": 2.0**-25}
#: Beside that, where they are subnormal.
TINY = {"bf16": 2.0**-134, "f16": 2.0**-25, "f32": 2.0**-150}
#: Codebooks by the name of a storage: the type that holds their codes, how an
#: encoding writes them, and what they mean.
NF4 = (
    [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453]
    + [-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0]
    + [0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224]
    + [0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0]
)
CODEBOOKS = {
    "nf4": ("ui4", "nf4", NF4),
    "book3": ("ui3", None, [-1.75, -0.9, -0.3, 0.0, 0.125, 0.7, 1.3, 2.5]),
    "book2": ("ui2", None, [-1.0, -0.26, 0.3, 1.0]),
}
#: What the codes of f4E2M1FN mean.
FP4 = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]


def float_values(storage):
    """What each code of a float storage or codebook means, in float32."""
    if storage in CODEBOOKS:
        return np.float32(CODEBOOKS[storage][2])
    if storage == "f4E2M1FN":
        return np.float32(FP4 + [-value for value in FP4])
    return np.arange(256, dtype=np.uint8).view(DTYPES[storage]).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Encoding:
    """A #quant_tensor.encoding of an N×K weight, in blocks of rows × group (0: the
    whole of N or K). Its text is the attribute's."""

    storage: str
    group: int
    scale: str
    zero: str | None = None
    rows: int = 1

    def __str__(self):
        zero = f", zero_point = {self.zero}" if self.zero else ""
        storage, book = self.storage, ""
        if self.storage in CODEBOOKS:
            storage, written, values = CODEBOOKS[self.storage]
            book = f", codebook = {written or values}"
        return (
            f"storage = {storage}, block = [{self.rows}, {self.group}], "
            f"scale = {self.scale}{zero}{book}"
        )

    @property
    def is_float(self):
        """Whether codes mean what a table says."""
        return self.storage.startswith("f") or self.storage in CODEBOOKS

    @property
    def bits(self):
        if self.storage in CODEBOOKS:
            return int(CODEBOOKS[self.storage][0].lstrip("ui"))
        return int(self.storage[1] if self.is_float else self.storage.lstrip("ui"))

    @property
    def limits(self):
        """The smallest code, and one more than the largest."""
        if self.storage.startswith("i"):
            return -(1 << self.bits - 1), 1 << self.bits - 1
        return 0, 1 << self.bits


def find_nearest(table, values):
    """For each of `values` the index in `table` of the finite entry next to it."""
    finite = np.flatnonzero(np.isfinite(table))
    order = finite[np.argsort(table[finite], kind="stable")]
    entries = table[order]
    above = np.clip(np.searchsorted(entries, values), 1, len(entries) - 1)
    is_below = values - entries[above - 1] <= entries[above] - values
    return order[above - is_below].astype(np.int16)


class Weight:
    """An encoded N×K weight: random, or `values` by the absmax of each block
    (signed integers and floats only)."""

    def __init__(self, encoding, n, k, seed=0, values=None):
        rng = np.random.default_rng([n, k, seed])
        rows, group = encoding.rows or n, encoding.group or k
        self.encoding = encoding
        self.shape, self.block = (n, k), (rows, group)
        low, high = encoding.limits
        blocks = (-(-n // rows), -(-k // group))
        scale_type = DTYPES[encoding.scale]
        if values is None:
            codes = rng.integers(low, high, (n, k), dtype=np.int16)
            if encoding.is_float:
                # Those of NaN and infinity are planted where they are wanted.
                finite = np.flatnonzero(np.isfinite(float_values(encoding.storage)))
                codes = finite.astype(np.int16)[codes % len(finite)]
            scales = rng.uniform(0.002, 0.02, blocks).astype(scale_type)
        else:
            largest = np.zeros(blocks, np.float32)
            places = np.arange(n)[:, None] // rows, np.arange(k)[None] // group
            np.maximum.at(largest, places, np.abs(values))
            table = float_values(encoding.storage) if encoding.is_float else None
            most = high - 1 if table is None else np.nanmax(np.abs(table[np.isfinite(table)]))
            scales = largest / np.float32(most)
            scales = np.where(scales == 0, np.float32(1), scales).astype(scale_type)
            quotient = values / self._expand(scales.astype(np.float32))
            if table is None:
                codes = np.clip(np.rint(quotient), low, high - 1).astype(np.int16)
            else:
                codes = find_nearest(table, quotient)
        self.arrays = {"codes": pack(codes, encoding.bits), "scales": scales}
        self._codes, self._points = codes, 0
        if encoding.is_float:
            self._codes = float_values(encoding.storage)[codes]
        if encoding.zero in DTYPES:
            points = rng.uniform(0, high, blocks).astype(DTYPES[encoding.zero])
        elif encoding.zero:
            # Integers of fewer than 8 bits lie in bytes.
            points = rng.integers(low, high, blocks).astype(np.int8)
        if encoding.zero:
            self.arrays["zero_points"] = points
            exact = points.view(np.uint8) if encoding.zero == "ui8" else points
            self._points = self._expand(exact.astype(np.float64))

    def _expand(self, parameters):
        """Parameters of blocks, repeated for every element."""
        for axis, (extent, size) in enumerate(zip(self.block, self.shape)):
            parameters = np.repeat(parameters, extent, axis=axis)
            parameters = np.take(parameters, np.arange(size), axis=axis)
        return parameters

    @functools.cached_property
    def codes(self):
        """The codes less their zero points."""
        return self._codes.astype(np.float64) - self._points

    @functools.cached_property
    def scales(self):
        """The scale of each value."""
        return self._expand(self.arrays["scales"].astype(np.float64))

    @functools.cached_property
    def values(self):
        """The logical values, exactly."""
        return self.codes * self.scales

    def take(self, indices):
        """The rows of those indices, as a weight of blocks of one row."""
        indices = np.asarray(indices)
        result = copy.copy(self)
        result.block = (1, self.block[1])
        for name in ("codes", "scales", "values"):
            result.__dict__.pop(name, None)
        result.shape = (len(indices), self.shape[1])
        result._codes = self._codes[indices]
        if np.ndim(self._points):
            result._points = self._points[indices]
        result.arrays = {
            name: array[indices if name == "codes" else indices // self.block[0]]
            for name, array in self.arrays.items()
        }
        return result

    def rescale(self, factor):
        """Multiplies all scales, which must be of a type that holds the products."""
        scales = self.arrays["scales"]
        self.arrays["scales"] = (scales.astype(np.float32) * factor).astype(scales.dtype)
        for name in ("scales", "values"):
            self.__dict__.pop(name, None)

    def center(self):
        """Makes 0 of the lowest code of signed integers, which has no counterpart: the
        sum of many weights is then about 0, and does not grow with their number."""
        lowest, end = self.encoding.limits
        assert lowest == -end and not self.encoding.zero, "codes of another kind"
        codes = np.where(self._codes == lowest, self._codes.dtype.type(0), self._codes)
        self._codes = codes
        self.arrays["codes"] = pack(codes, self.encoding.bits)
        for name in ("codes", "values"):
            self.__dict__.pop(name, None)

    def inputs(self, name):
        return {f"{name}.{part}": array for part, array in self.arrays.items()}


def contract_bound(x, weight, contract):
    """|y - x wᵀ| of a kernel that accumulates floats, without its last rounding."""
    u_acc, u_decode, offset = contract
    magnitude = np.abs(x) @ np.abs(weight.values).T
    spread = np.abs(x) @ np.abs(weight.scales).T
    growth = x.shape[1] * u_acc
    return (
        growth / (1 - growth) * (magnitude + abs(offset) * spread)
        + u_decode * magnitude
    )


def largest_contract(kernels):
    """The loosest of the kernels' contracts: (u_acc, u_decode, offset)."""
    stated = [(k.u_acc, k.u_decode, abs(k.offset)) for k in kernels]
    return tuple(np.max([(0.0, 0.0, 0.0), *stated], axis=0))


def quantize_rows(x):
    """Symmetric 8-bit quantization of each row, as the definition does it: f32
    scale = absmax / 127, nearest even; codes and scales."""
    x = x.astype(np.float32)
    if x.size == 0:
        return x, np.ones((x.shape[0], 1), np.float32)
    scale = (np.abs(x).max(axis=1, keepdims=True) / np.float32(127)).astype(
        np.float32
    )
    safe = np.where(scale == 0, np.float32(1), scale)
    codes = np.clip(np.rint((x / safe).astype(np.float32)), -128, 127)
    return codes, safe


def pack(codes, bits):
    """Rows of codes as little-endian bit streams padded to bytes, in int8."""
    codes = codes.astype(np.uint8)
    if bits == 8:
        return codes.view(np.int8)
    codes &= np.uint8((1 << bits) - 1)
    if bits == 4 and codes.shape[1] % 2 == 0:
        # What is timed is large; the general way takes seconds.
        return (codes[:, ::2] | codes[:, 1::2] << 4).view(np.int8)
    stream = np.unpackbits(codes[:, :, None], axis=2, bitorder="little")[:, :, :bits]
    stream = stream.reshape(codes.shape[0], -1)
    return np.packbits(stream, axis=1, bitorder="little").view(np.int8)


def from_bf16(bits):
    """float32 of the bits of bf16 numbers."""
    return (bits.astype(np.uint32) << 16).view(np.float32)
