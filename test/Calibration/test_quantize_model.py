"""Models quantized by a scheme: compiled, run in the emulator, against float64.

What NumPy computes here starts from the float weights and the definition of each
scheme, x = (code - zero point) * scale, and from nothing that the compiler made.
"""

import numpy as np
import pytest

MODEL = """
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#out = affine_map<(m, n) -> (m, n)>
func.func @mlp(%x: tensor<?x64xf32> {quant_tensor.name = "x"},
    %up: tensor<48x64xf32> {quant_tensor.name = "up.weight", quant_tensor.weight},
    %down: tensor<48x36xf32> {quant_tensor.name = "down.weight", quant_tensor.weight})
    -> (tensor<?x36xf32> {quant_tensor.name = "y"}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x64xf32>
  %e0 = tensor.empty(%m) : tensor<?x48xf32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<?x48xf32>) -> tensor<?x48xf32>
  %h = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %up : tensor<?x64xf32>, tensor<48x64xf32>) outs(%z0 : tensor<?x48xf32>) -> tensor<?x48xf32>
  %r = linalg.generic {indexing_maps = [#out, #out], iterator_types = ["parallel", "parallel"]}
      ins(%h : tensor<?x48xf32>) outs(%e0 : tensor<?x48xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.maximumf %a, %zero : f32
    linalg.yield %s : f32
  } -> tensor<?x48xf32>
  %e1 = tensor.empty(%m) : tensor<?x36xf32>
  %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?x36xf32>) -> tensor<?x36xf32>
  %y = linalg.matmul ins(%r, %down : tensor<?x48xf32>, tensor<48x36xf32>)
      outs(%z1 : tensor<?x36xf32>) -> tensor<?x36xf32>
  return %y : tensor<?x36xf32>
}
"""

NF4 = np.array([
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
    -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0])


def float_grid(exponent_bits, mantissa_bits, largest):
    """The values of a float type with subnormals, up to `largest`."""
    bias = 2 ** (exponent_bits - 1) - 1
    values = {0.0}
    for e in range(2 ** exponent_bits):
        for m in range(2 ** mantissa_bits):
            fraction = m / 2 ** mantissa_bits
            value = (fraction * 2.0 ** (1 - bias) if e == 0
                     else (1 + fraction) * 2.0 ** (e - bias))
            if value <= largest:
                values |= {value, -value}
    return np.array(sorted(values))


GRIDS = {"fp8": float_grid(4, 3, 448), "fp8_e5m2": float_grid(5, 2, 57344),
         "fp4": float_grid(2, 1, 6), "mxfp4": float_grid(2, 1, 6), "nf4": NF4}


def nearest(grid, x):
    """The grid's value nearest to each x; ties to the even index, as the codes of
    floats do (those of NF4 are not met here)."""
    middle = (grid[1:] + grid[:-1]) / 2
    up = np.searchsorted(middle, x, side="right")
    down = np.searchsorted(middle, x, side="left")
    zero = int(np.searchsorted(grid, 0.0))
    even = np.where((up - zero) % 2 == 0, up, down)
    return grid[even]


def quantize(x, scheme, axis=-1):
    """x on the scheme's grid, rounded back, in float64; blocks along `axis`."""
    words = scheme.split(",")
    kind = words[0]
    x = np.moveaxis(x.astype(np.float32), axis, -1)
    rows, k = x.shape
    group = next((int(w[6:]) for w in words if w.startswith("group=")),
                 {"mxfp4": 32, "fp4": 32, "nf4": 64}.get(kind, 0)) or k
    blocks = [x[:, i:i + group] for i in range(0, k, group)]
    if "tensor" in words:
        blocks = [x.reshape(1, -1)]
    out = []
    for block in blocks:
        largest = np.abs(block).max(-1, keepdims=True)
        zero_point = np.zeros_like(largest)
        if kind.startswith("int"):
            bits = int(kind[3:])
            low, high = -2 ** (bits - 1), 2 ** (bits - 1) - 1
            scale = largest / np.float32(high)
            if "asymmetric" in words:
                smallest = np.minimum(block.min(-1, keepdims=True), 0)
                biggest = np.maximum(block.max(-1, keepdims=True), 0)
                scale = (biggest - smallest) / np.float32(high - low)
            scale = np.where(scale == 0, np.float32(1), scale)
            if "asymmetric" in words:
                zero_point = np.clip(np.rint(low - smallest / scale), low, high)
            codes = np.clip(np.rint(block / scale) + zero_point, low, high)
        else:
            grid = GRIDS[kind]
            scale = largest / np.float32(grid[-1])
            scale = np.where(scale == 0, np.float32(1), scale)
            if kind == "mxfp4":
                scale = (2.0 ** np.ceil(np.log2(scale.astype(np.float64)))).astype(np.float32)
            codes = nearest(grid, np.clip((block / scale).astype(np.float32), grid[0], grid[-1]))
        out.append((codes.astype(np.float64) - zero_point) * scale)
    out = np.concatenate(out, -1).reshape(rows, k)
    return np.moveaxis(out, -1, axis)


def model(x, up, down, scheme):
    """The network in float64 on quantized operands; rounded to f32 where the
    program holds f32."""
    weights, _, activations = scheme.partition("/")
    see = (lambda a: quantize(a, activations)) if activations else (lambda a: a.astype(np.float64))
    h = see(x) @ quantize(up, weights).T
    h = np.maximum(h, 0).astype(np.float32)
    return see(h) @ quantize(down, weights, axis=0)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    rng = np.random.default_rng(5)
    arrays = {"x": rng.standard_normal((7, 64), dtype=np.float32),
              "up.weight": rng.standard_normal((48, 64), dtype=np.float32),
              "down.weight": rng.standard_normal((48, 36), dtype=np.float32)}
    # A row of zeros, and a channel without variance.
    arrays["up.weight"][3] = 0
    arrays["x"][:, 9] = 0
    np.savez(folder / "in.npz", **arrays)
    (folder / "m.mlir").write_text(MODEL)
    return folder, arrays


def run(tool, artifact, inputs, out, device, *more):
    tool("quant-run", artifact, "--function=mlp", f"--inputs={inputs}", f"--output={out}",
         f"--device={device}", *more)
    return np.load(out)["y"]


def distance(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


# int4 rounding noise against the exact product is 15 %: the last number is what
# the whole scheme may lose against float weights.
WEIGHT_ONLY = [("int8", 0.02), ("int8,tensor", 0.03), ("int4,group=16", 0.2), ("int4,group=20", 0.2),
               ("int4,asymmetric,group=16", 0.2), ("int3,group=16", 0.4), ("int2,group=16", 1.0),
               ("int6,group=32", 0.06), ("fp8", 0.08), ("fp8_e5m2", 0.15), ("fp4", 0.25),
               ("mxfp4", 0.3)]
BOTH = [("int8/int8", 0.03), ("int8/int8,tensor", 0.03), ("int8,asymmetric/int8,asymmetric", 0.03),
        ("int8/int8,tensor,asymmetric", 0.03), ("int4,group=16/int8", 0.2), ("fp8/fp8", 0.1),
        ("mxfp4/mxfp4", 0.4)]


@pytest.mark.parametrize("scheme, loss", WEIGHT_ONLY + BOTH)
def test_scheme(tool, tmp_path, data, scheme, loss):
    folder, arrays = data
    x, up, down = arrays["x"], arrays["up.weight"], arrays["down.weight"]
    tool("quant-opt", f"--quant-tensor-quantize-model=scheme={scheme}", folder / "m.mlir",
         "-o", tmp_path / "q.mlir")
    tool("quant-compile", tmp_path / "q.mlir", "-o", tmp_path / "q.qmlir")
    exact = np.maximum(x.astype(np.float64) @ up.T, 0) @ down
    expected = model(x, up, down, scheme)
    assert distance(expected, exact) < loss
    for device in ("cpu", "emulator"):
        y = run(tool, tmp_path / "q.qmlir", folder / "in.npz", tmp_path / "y.npz", device)
        # A hidden value on the edge between two codes may fall to either side.
        bound = 1e-6 if "/" not in scheme else 2e-3
        assert distance(y, expected) < bound, device


def test_weights_as_arguments(tool, tmp_path, data):
    """The quantizer's results are what the model takes; both are the in-place
    model."""
    folder, arrays = data
    scheme = "int4,group=16,asymmetric"
    tool("quant-opt", f"--quant-tensor-quantize-model=scheme={scheme} weights=arguments emit=both",
         folder / "m.mlir", "-o", tmp_path / "q.mlir")
    tool("quant-compile", tmp_path / "q.mlir", "-o", tmp_path / "q.qmlir")
    for device in ("cpu", "emulator"):
        tool("quant-run", tmp_path / "q.qmlir", "--function=mlp.quantize",
             f"--inputs={folder}/in.npz", f"--output={tmp_path}/w.{device}.npz", f"--device={device}")
    codes = {device: np.load(tmp_path / f"w.{device}.npz") for device in ("cpu", "emulator")}
    assert set(codes["cpu"]) == {f"{name}.weight.{part}" for name in ("up", "down")
                                 for part in ("codes", "scales", "zero_points")}
    for name in codes["cpu"]:
        np.testing.assert_array_equal(codes["cpu"][name], codes["emulator"][name])
    np.savez(tmp_path / "in.npz", x=arrays["x"], **codes["cpu"])
    expected = model(arrays["x"], arrays["up.weight"], arrays["down.weight"], scheme)
    for device in ("cpu", "emulator"):
        y = run(tool, tmp_path / "q.qmlir", tmp_path / "in.npz", tmp_path / "y.npz", device)
        assert distance(y, expected) < 1e-6, device


@pytest.mark.parametrize("scheme", ["int8/int8,tensor,static", "int8/int8,tensor,static,asymmetric",
                                    "int8/int8,tensor,static,mse=200", "fp8/fp8,tensor,static",
                                    "int8/int8,tensor,static,percentile=99.99", "int8/int8,tensor,static,kl"])
def test_static(tool, tmp_path, data, scheme):
    """Observe, calibrate, quantize, compile, run: the whole way."""
    folder, arrays = data
    rng = np.random.default_rng(6)
    np.savez(tmp_path / "samples.npz", x=rng.standard_normal((16, 7, 64), dtype=np.float32))
    tool("quant-opt", "--quant-tensor-insert-observers", folder / "m.mlir",
         "-o", tmp_path / "o.mlir")
    np.savez(tmp_path / "w.npz", **{n: a for n, a in arrays.items() if n != "x"})
    tool("quant-run", tmp_path / "o.mlir", f"--calibrate={tmp_path}/samples.npz",
         f"--inputs={tmp_path}/w.npz", f"--stats={tmp_path}/s.safetensors")
    tool("quant-opt", f"--quant-tensor-quantize-model=scheme={scheme} stats={tmp_path}/s.safetensors",
         folder / "m.mlir", "-o", tmp_path / "q.mlir")
    tool("quant-compile", tmp_path / "q.mlir", "-o", tmp_path / "q.qmlir")
    x, up, down = arrays["x"], arrays["up.weight"], arrays["down.weight"]
    exact = np.maximum(x.astype(np.float64) @ up.T, 0) @ down
    results = [run(tool, tmp_path / "q.qmlir", folder / "in.npz", tmp_path / "y.npz", device)
               for device in ("cpu", "emulator")]
    # KL clips a Gaussian's tails as the literature says it does.
    loss = {"fp8": 0.1, "kl": 0.2}
    assert distance(results[0], exact) < next((v for k, v in loss.items() if k in scheme), 0.05)
    assert distance(results[1], results[0]) < 2e-3
