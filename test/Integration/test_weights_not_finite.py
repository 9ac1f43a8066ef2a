"""Weights and scales of NaN and infinity: results that depend on one are not
finite, and the others are, bit for bit, what they would be without it.

Each layer runs in the emulator, by every family of kernels, with numbers first
and then with codes or scales that are none planted here and there. Activations
are 0 where these are: 0 times NaN is NaN, and so is 0 times infinity.
"""

import sys

import numpy as np
import pytest

import test_emulated_kernels as emulated
from test_emulated_kernels import library  # noqa: F401

sys.path.insert(0, str(emulated.ROOT / "benchmarks"))
import gpu_check  # noqa: E402
import reference_runner as reference  # noqa: E402
from programs import Layer  # noqa: E402
from weights import DTYPES, float_values, largest_contract  # noqa: E402

#: Of each storage or scale: every kind of code that is no number.
NONE = {
    "f8E4M3FN": [0x7F, 0xFF],
    "f8E5M2": [0x7C, 0xFC, 0x7D, 0x7E, 0xFF],
    "f8E8M0FNU": [0xFF],
    "f16": [0x7E01, 0x7C00, 0xFC00],
    "bf16": [0x7FC1, 0x7F80, 0xFF80],
    "f32": [0x7FC00001, 0x7F800000, 0xFF800000],
}

CODES = [
    Layer(37, 131, storage="f8E4M3FN", group=32, scale="bf16"),
    Layer(37, 131, storage="f8E4M3FN", x="f16", bias=True),
    Layer(37, 131, storage="f8E4M3FN", group=64, scale="f8E8M0FNU", chip="sm_80"),
    Layer(37, 131, storage="f8E4M3FN", group=24, x="f32"),
    # Rows that share a scale do not share what is no number.
    Layer(40, 131, storage="f8E4M3FN", group=32, rows=8, scale="f8E4M3FN"),
    Layer(37, 131, storage="f8E4M3FN", rows=0),
    Layer(37, 131, storage="f8E5M2", group=32, scale="f16"),
    Layer(37, 131, storage="f8E5M2", x="f16"),
    Layer(37, 131, storage="f8E5M2", group=24, scale="f8E8M0FNU", x="f16"),
    Layer(37, 131, storage="f8E5M2", rows=0, group=32, x="f32"),
]

SCALES = [
    Layer(37, 131, storage="i4", group=32, scale="f8E4M3FN"),
    Layer(37, 131, storage="i4", scale="f8E8M0FNU", x="f16"),
    Layer(37, 131, storage="f4E2M1FN", group=32, scale="f8E8M0FNU"),
    Layer(37, 131, storage="f8E4M3FN", group=24, scale="f8E4M3FN", x="f32"),
    Layer(37, 131, storage="ui4", zero="ui4", group=64, scale="f16"),
    Layer(37, 131, storage="i8", scale="f32"),
    Layer(37, 131, storage="i2", group=32, scale="bf16", x="f32"),
]

POINTS = [
    Layer(37, 97, storage="ui4", zero="bf16"),
    Layer(37, 97, storage="ui4", group=32, zero="f16", x="f16"),
    Layer(37, 97, storage="ui4", group=32, zero="f32", x="f32"),
]

#: mma_stream (or reduce) and mma_sync.
ROWS = [1, 13, 33]


def words(array):
    return array.view(f"u{array.dtype.itemsize}")


class Runner:
    def __init__(self, tool, library, tmp_path, layer):
        self.tool, self.library, self.path, self.layer = tool, library, tmp_path, layer
        self.folder = tmp_path / "layer.qmlir"
        source = tmp_path / "layer.mlir"
        source.write_text(layer.mlir())
        tool("quant-compile", source, f"--chip={layer.chip}", "-o", self.folder)

    def kernels(self, rows):
        return emulated.launches(self.library, self.folder, rows)

    def run(self, inputs):
        file, output = self.path / "inputs.npz", self.path / "y.npz"
        np.savez(file, **{n: reference.to_bits(a) for n, a in inputs.items()})
        self.tool("quant-run", self.folder, "--device=emulator", f"--inputs={file}", "--bits",
                  f"--output={output}")
        return np.load(output)["y"].view(DTYPES[self.layer.out])


def check(runner, weights, activations, depends):
    """`weights` are planted ones; `depends` tells for each column whether it has
    to do with them."""
    layer = runner.layer
    for rows in ROWS:
        inputs = activations(rows)
        kernels = runner.kernels(rows)
        assert any(layer.family(rows) in kernel.name.decode() for kernel in kernels)
        before = runner.run(layer.weights() | inputs)
        after = runner.run(weights | inputs)
        exact, bound = layer.reference(layer.weights() | inputs, largest_contract(kernels))
        gpu_check.check_bound(before.astype(np.float64), exact, bound)
        assert not np.isfinite(after[:, depends].astype(np.float32)).any()
        np.testing.assert_array_equal(words(after[:, ~depends]), words(before[:, ~depends]))


def copies(layer):
    return {name: array.copy() for name, array in layer.weights().items()}


@pytest.mark.parametrize("layer", CODES, ids=lambda layer: layer.name)
def test_codes(tool, library, tmp_path, layer):  # noqa: F811
    weights = copies(layer)
    storage = layer.arguments["storage"]
    codes = weights["w.codes"].view(np.uint8)
    assert not np.isfinite(float_values(storage)[NONE[storage]]).any()
    depends = np.zeros(layer.n, bool)
    # The first and the last row and column, and in between; once two in a row.
    planted = [(0, 0), (5, 64), (17, layer.k - 1), (17, 3), (layer.n - 1, 40)]
    for i, (row, column) in enumerate(planted):
        codes[row, column] = NONE[storage][i % len(NONE[storage])]
        depends[row] = True

    def activations(rows):
        inputs = layer.activations(rows)
        inputs["x"][:, [column for _, column in planted]] = 0
        return inputs

    check(Runner(tool, library, tmp_path, layer), weights, activations, depends)


def plant_parameters(layer, part, element):
    """One block in three rows, with no finite value; and what depends on them."""
    weights = copies(layer)
    array = weights[f"w.{part}"]
    depends = np.zeros(layer.n, bool)
    for i, row in enumerate([0, 9, layer.n - 1]):
        words(array)[row, -1 if i else 0] = NONE[element][i % len(NONE[element])]
        depends[row] = True
    return weights, depends


@pytest.mark.parametrize("layer", SCALES, ids=lambda layer: layer.name)
def test_scales(tool, library, tmp_path, layer):  # noqa: F811
    weights, depends = plant_parameters(layer, "scales", layer.arguments["scale"])
    check(Runner(tool, library, tmp_path, layer), weights, layer.activations, depends)


@pytest.mark.parametrize("layer", POINTS, ids=lambda layer: layer.name)
def test_zero_points(tool, library, tmp_path, layer):  # noqa: F811
    weights, depends = plant_parameters(layer, "zero_points", layer.arguments["zero"])
    check(Runner(tool, library, tmp_path, layer), weights, layer.activations, depends)


def test_nan_scale_is_nan(tool, library, tmp_path):  # noqa: F811
    """Not infinity, which a bound below or above would take for a number."""
    layer = Layer(37, 131, storage="i4", group=32, scale="f8E8M0FNU")
    weights, depends = plant_parameters(layer, "scales", "f8E8M0FNU")
    runner = Runner(tool, library, tmp_path, layer)
    for rows in ROWS:
        y = runner.run(weights | layer.activations(rows))
        assert np.isnan(y[:, depends]).all()
