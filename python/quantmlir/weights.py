"""Quantizing weights: rounding, GPTQ, AWQ, SmoothQuant's scales, rotations.

Matrices are float32 of N rows (outputs) and K columns (inputs). A scheme is
text: "int4,group=128", "int3,channel,asymmetric,mse", "nf4,group=64",
"mxfp4", "fp8,channel" (see quantmlir/Calibration/Scheme.h).
"""

import dataclasses

import numpy as np

from . import _calibration
from .arrays import DTYPES, Encoded, from_bytes


@dataclasses.dataclass(frozen=True)
class QuantizedWeights(Encoded):
    """Codes, scales and zero points of an N×K matrix, as an argument of `run`.

    `encoding` is the text of the `#quant_tensor.encoding` that they are of,
    `shape` the matrix's. `channel_scales`, where AWQ set them, are what the
    layer's inputs are to be divided by. `group_index`, where columns of a group
    are not side by side, is the group of each column: what
    `quant_tensor.dequantize_indexed` takes. `report` says what the method did.
    """

    encoding: str = ""
    shape: tuple = ()
    channel_scales: object = None
    report: dict = dataclasses.field(default_factory=dict)
    _native: object = dataclasses.field(default=None, repr=False, compare=False)

    def dequantize(self):
        """What the codes mean, in float32; of AWQ's for inputs divided by
        `channel_scales`."""
        result = np.empty(self.shape, np.float32)
        self._native.dequantize(result)
        return result

    def to_checkpoint(self, format):
        """The layer's tensors by suffix (".qweight", ...) in a checkpoint of
        `format`: gptq, gptq_v2, awq, pack-quantized, naive-quantized or
        float-quantized. ValueError where it cannot hold them as they are."""
        return {suffix: from_bytes(*parts) for suffix, parts
                in self._native.to_checkpoint(format).items()}

    @property
    def nbytes(self):
        """Bytes of codes, scales and zero points."""
        return sum(part.nbytes for part in
                   (self.codes, self.scales, self.zero_points)
                   if part is not None)


def _matrix(value, what="weights"):
    array = np.asarray(value)
    if array.ndim != 2:
        raise ValueError(f"{what}: expected a matrix, got rank {array.ndim}")
    if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
        raise TypeError(f"{what}: expected floats, got {array.dtype}")
    # Bindings take writable arrays; a copy is made only where one is needed.
    array = np.ascontiguousarray(array, np.float32)
    return array if array.flags.writeable else array.copy()


def _wide(value, what):
    array = np.ascontiguousarray(value, np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{what}: there is a NaN or infinity")
    return array if array.flags.writeable else array.copy()


def _take(native, shape, report=None, channel_scales=None):
    def part(parts):
        return None if parts is None else from_bytes(*parts)

    return QuantizedWeights(
        codes=part(native.codes), scales=part(native.scales),
        zero_points=part(native.zero_points),
        group_index=part(native.group_index), encoding=native.encoding,
        shape=shape, channel_scales=channel_scales, report=report or {},
        _native=native)


def quantize_weights(weights, scheme):
    """Rounds `weights` to nearest under the parameters of the scheme's method.

    Bit for bit what `quant_tensor.choose_params` and `quantize` give. Raises
    ValueError for a scheme that is wrong or weights that are not finite.
    """
    weights = _matrix(weights)
    return _take(_calibration.quantize_weights(weights, scheme), weights.shape)


def from_checkpoint(tensors, format, *, bits=0, signed=True):
    """The weights of one layer of a checkpoint; see `to_checkpoint`.

    `tensors` maps suffixes to arrays. `bits` is needed only where shapes do not
    tell. With `signed`, GPTQ's and AWQ's unsigned codes become signed ones,
    without zero points where all are in the middle. ValueError names the tensor
    that is wrong.
    """
    parts = []
    for suffix, array in tensors.items():
        array = np.asarray(array)
        parts.append((suffix,
                      np.ascontiguousarray(array).reshape(-1).view(np.uint8),
                      list(array.shape), _element_of(suffix, array.dtype)))
    native = _calibration.from_checkpoint(format, parts, bits, signed)
    return _take(native, tuple(native.shape))


def checkpoint_layout(format, bits):
    """The `#quant_tensor.layout` of a format's codes; "" where codes straddle
    words or are whole bytes."""
    return _calibration.checkpoint_layout(format, bits)


def _element_of(name, dtype):
    for element, known in DTYPES.items():
        if known == dtype and element != "index":
            return element
    raise TypeError(f"{name}: no element type is {dtype}")


def hessian(samples, into=None):
    """The sum of x^T x over rows of `samples` (K inputs each), as float64.

    With `into`, adds to it and returns it: any number of batches. It has to be
    writable float64, row by row (ValueError otherwise: a copy would be lost).
    """
    samples = _matrix(samples, "samples")
    if not np.isfinite(samples).all():
        raise ValueError("samples: there is a NaN or infinity")
    if into is None:
        into = np.zeros((samples.shape[1],) * 2)
    if (not isinstance(into, np.ndarray) or into.dtype != np.float64
            or not into.flags.c_contiguous or not into.flags.writeable):
        raise ValueError("into: expected a writable array of float64, row by row")
    _calibration.accumulate_hessian(samples, into)
    return into


def objective(a, b, hessian):
    """||(a - b) X||^2 where `hessian` is X X^T."""
    return _calibration.compute_objective(
        _matrix(a, "a"), _matrix(b, "b"), _wide(hessian, "hessian"))


def gptq(weights, hessian, scheme, *, block_size=128, damping=0.01,
         act_order=False, static_groups=False, ordered_groups=False):
    """Quantizes by GPTQ for inputs of `hessian` (K×K, the sum of x^T x).

    The result's `report` has damping (as it was in the end), damping_steps,
    dead_columns, and objective and rounding_objective: ||(W - What) X||^2 of
    the result and of rounding to nearest. There is no falling back. With
    `act_order`, columns of large inputs come first; with `ordered_groups` as
    well, groups are of columns in that order, and the result has a
    `group_index`.
    """
    weights = _matrix(weights)
    native, report = _calibration.gptq(
        weights, _wide(hessian, "hessian"), scheme, block_size, damping,
        act_order, static_groups, ordered_groups)
    return _take(native, weights.shape, report)


def awq(weights, abs_mean, hessian, scheme, *, grid=20, search_rows=1024,
        clip=True, clip_steps=10):
    """Quantizes by AWQ: codes of W·diag(s) for inputs divided by s.

    `abs_mean` is mean|x| of each input. s is `channel_scales` of the result;
    its `report` has alpha, searched (losses by alpha), clipped and blocks,
    objective and rounding_objective.
    """
    weights = _matrix(weights)
    scales = np.empty(weights.shape[1], np.float32)
    native, report = _calibration.awq(
        weights, _wide(abs_mean, "abs_mean"), _wide(hessian, "hessian"),
        scheme, grid, search_rows, clip, clip_steps, scales)
    return _take(native, weights.shape, report, scales)


def awq_gptq(weights, abs_mean, hessian, scheme, *, grid=20, search_rows=1024,
             block_size=128, damping=0.01, act_order=False, static_groups=False,
             ordered_groups=False):
    """AWQ's `channel_scales` (without clips), then GPTQ of W·diag(s) for inputs
    divided by s.

    The `report` is that of `gptq`, with AWQ's under "awq"; its
    rounding_objective is that of rounding the weights as they were given.
    """
    weights = _matrix(weights)
    scales = np.empty(weights.shape[1], np.float32)
    native, awq_report, report = _calibration.awq_gptq(
        weights, _wide(abs_mean, "abs_mean"), _wide(hessian, "hessian"), scheme,
        grid, search_rows, block_size, damping, act_order, static_groups,
        ordered_groups, scales)
    report = {**report, "awq": awq_report,
              "rounding_objective": awq_report["rounding_objective"]}
    return _take(native, weights.shape, report, scales)


def smooth_scales(input_abs_max, weight_abs_max, alpha=0.5):
    """SmoothQuant's s = max|x|^alpha / max|w|^(1 - alpha) of each channel.

    ValueError where a magnitude is negative, NaN or infinite, or alpha is not
    in [0, 1].
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha = {alpha} is not in [0, 1]")
    inputs = np.array(input_abs_max, np.float32)
    weights = np.array(weight_abs_max, np.float32)
    for name, values in (("input", inputs), ("weight", weights)):
        if not (np.isfinite(values) & (values >= 0)).all():
            raise ValueError(f"{name}_abs_max: a magnitude is negative, NaN or "
                             "infinite")
    scales = np.empty_like(inputs)
    _calibration.compute_smooth_scales(inputs, weights, alpha, scales)
    return scales


def search_smooth_alpha(samples, weights, scheme, *, steps=20):
    """The alpha that loses least on `samples` for `weights`, a list of layers
    that share them, under `scheme` ("int8,channel/int8,token").

    Returns (alpha, scales, {alpha: loss}).
    """
    samples = _matrix(samples, "samples")
    scales = np.empty(samples.shape[1], np.float32)
    alpha, alphas, losses = _calibration.search_smooth_alpha(
        samples, [_matrix(w) for w in weights], scheme, steps, scales)
    return alpha, scales, dict(zip(alphas, losses))


def rotate(rows, *, seed=0, inverse=False):
    """Each row x times the orthogonal Hadamard rotation Q (or Q^T): a new array.

    (X Q)(W Q)^T = X W^T. Sizes of rows are 2^a times an order that there is a
    construction for (ValueError otherwise); `seed` flips signs before.
    """
    rows = _matrix(rows, "rows").copy()
    _calibration.rotate(rows, seed, inverse)
    return rows
