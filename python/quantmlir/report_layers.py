"""What a scheme does to each layer of a weights file."""

import dataclasses
import fnmatch
import functools

import numpy as np
from safetensors import SafetensorError, safe_open

from . import weights as quantization

METHODS = ("round", "gptq", "awq", "awq+gptq")


class ReportError(Exception):
    """A message for the user; it names the file or tensor."""


@dataclasses.dataclass(frozen=True)
class Try:
    """A scheme and how codes are found under it."""

    scheme: str
    method: str = "round"

    @property
    def name(self):
        return f"{self.scheme} {self.method}"


@dataclasses.dataclass(frozen=True)
class LayerError:
    """How far a layer's weights and outputs are from what they were.

    Decibels are 10 log10 of signal over error, both as sums of squares; those of
    the output are over the rows that calibration saw, None without statistics.
    """

    layer: str
    weight_db: float
    output_db: float | None
    cosine: float
    max_error: float
    bytes_before: int
    bytes_after: int

    @property
    def hurt(self):
        """What layers are sorted by: higher is worse."""
        return -(self.weight_db if self.output_db is None else self.output_db)


def _decibels(signal, error):
    if error == 0:
        return float("inf")
    return float(10 * np.log10(signal / error)) if signal else float("-inf")


class WeightsFile:
    """The layers of a safetensors file: matrices of floats called `*.weight`."""

    def __init__(self, path, pattern="*"):
        self.path = path
        try:
            self._file = safe_open(path, "np")
            keys = sorted(self._file.keys())
        except (SafetensorError, OSError) as error:
            raise ReportError(f"{path}: {error}") from None
        self.layers = []
        for key in keys:
            name = key.removesuffix(".weight")
            piece = self._file.get_slice(key)
            if (name != key and len(piece.get_shape()) == 2
                    and piece.get_dtype() in ("F32", "F16", "BF16")
                    and fnmatch.fnmatch(name, pattern)):
                self.layers.append(name)
        if not self.layers:
            raise ReportError(f"{path}: no layer is called like '{pattern}' "
                              "(float matrices named *.weight)")

    def read(self, layer):
        """(weights in float32, bytes in the file); finite, or an error."""
        stored = self._file.get_tensor(layer + ".weight")
        matrix = stored.astype(np.float32)
        if not np.isfinite(matrix).all():
            raise ReportError(f"{self.path}: {layer}.weight: there is a NaN or "
                              "infinity")
        return matrix, stored.nbytes


class StatisticsFile:
    """What `quant-run --calibrate` saw of the layers' inputs."""

    def __init__(self, path):
        self.path = path
        try:
            self._file = safe_open(path, "np")
            self._keys = set(self._file.keys())
            metadata = self._file.metadata() or {}
        except (SafetensorError, OSError) as error:
            raise ReportError(f"{path}: {error}") from None
        if metadata.get("format") != "quantmlir.statistics":
            raise ReportError(f"{path}: not a statistics file")

    def get(self, layer, kind):
        key = f"{layer}.input.{kind}"
        return self._file.get_tensor(key) if key in self._keys else None

    def require(self, layer, kind, shape):
        value = self.get(layer, kind)
        if value is None:
            raise ReportError(f"{self.path}: {layer}.input has no {kind}")
        if value.shape != shape:
            raise ReportError(f"{self.path}: {layer}.input.{kind} is of shape "
                              f"{value.shape}, expected {shape}")
        return value


class Layer:
    """A layer's weights and what calibration saw of its inputs, read once for all
    that is tried on it."""

    def __init__(self, name, weights, statistics):
        self.name = name
        self.matrix, self.stored_bytes = weights.read(name)
        self._statistics = statistics

    def _require(self, kind, user):
        if self._statistics is None:
            raise ReportError(f"{user} needs --statistics")
        channels = self.matrix.shape[1]
        shape = (channels, channels) if kind == "xtx" else (channels,)
        return self._statistics.require(self.name, kind, shape)

    @functools.cached_property
    def hessian(self):
        """The sum of x^T x in float64, None without statistics of it."""
        if (self._statistics is None
                or self._statistics.get(self.name, "xtx") is None):
            return None
        return self._require("xtx", "").astype(np.float64)

    @functools.cached_property
    def output_signal(self):
        return quantization.objective(self.matrix, np.zeros_like(self.matrix),
                                      self.hessian)

    def apply(self, attempt):
        """(quantized weights, what they mean for the layer's own inputs)."""
        matrix, hessian = self.matrix, self.hessian
        if attempt.method == "round":
            made = quantization.quantize_weights(matrix, attempt.scheme)
            return made, made.dequantize()
        if hessian is None:
            # Says which of them is missing.
            self._require("xtx", attempt.method)
        if attempt.method == "gptq":
            made = quantization.gptq(matrix, hessian, attempt.scheme)
            return made, made.dequantize()
        mean = self._require("absmean", attempt.method)
        method = quantization.awq if attempt.method == "awq" else quantization.awq_gptq
        made = method(matrix, mean, hessian, attempt.scheme)
        return made, made.dequantize() / made.channel_scales

    def measure(self, attempt):
        """(LayerError, the values that the codes mean)."""
        made, values = self.apply(attempt)
        exact, found = self.matrix.astype(np.float64), values.astype(np.float64)
        error = exact - found
        signal, noise = float(np.sum(exact * exact)), float(np.sum(error * error))
        output = None
        if self.hessian is not None:
            output = _decibels(self.output_signal, quantization.objective(
                self.matrix, values, self.hessian))
        norms = np.sqrt(signal * np.sum(found * found))
        cosine = float(np.sum(exact * found) / norms) if norms else float(noise == 0)
        extra = made.channel_scales
        return LayerError(
            self.name, _decibels(signal, noise), output, cosine,
            float(np.abs(error).max(initial=0)), self.stored_bytes,
            made.nbytes + (0 if extra is None else extra.nbytes)), values


def totals(errors):
    """One line for all layers: bytes, and decibels of the mean error."""
    def mean(decibels):
        # The mean of error over signal, each layer counting alike.
        return _decibels(1.0, float(np.mean([10 ** (-d / 10) for d in decibels])))

    outputs = [e.output_db for e in errors]
    return {"bytes_before": sum(e.bytes_before for e in errors),
            "bytes_after": sum(e.bytes_after for e in errors),
            "weight_db": mean([e.weight_db for e in errors]),
            "output_db": None if None in outputs else mean(outputs),
            "worst_layer": max(errors, key=lambda e: e.hurt).layer}
