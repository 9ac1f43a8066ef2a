"""fake_quantize, outlier_matmul and smoothing, against float64 in NumPy."""

import json
import struct

import ml_dtypes
import numpy as np
import pytest

TOKEN = "#quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>"


def run(tool, folder, text, devices=("cpu", "emulator"), **arrays):
    """Results of @f by device; bf16 goes in as bits."""
    (folder / "f.mlir").write_text(text)
    tool("quant-compile", folder / "f.mlir", "-o", folder / "f.qmlir")
    bits = {n: a.view(np.uint16) if a.dtype == ml_dtypes.bfloat16 else a for n, a in arrays.items()}
    np.savez(folder / "in.npz", **bits)
    for device in devices:
        tool("quant-run", folder / "f.qmlir", "--bits", f"--inputs={folder}/in.npz",
             f"--output={folder}/out.npz", f"--device={device}")
        yield np.load(folder / "out.npz")["y"]


def fake_int8(x, low=-128, high=127, asymmetric=False):
    """Rows of x through int8 and back, in f32 and then float64."""
    x = x.astype(np.float32)
    if asymmetric:
        least = np.minimum(x.min(-1, keepdims=True), 0)
        most = np.maximum(x.max(-1, keepdims=True), 0)
        scale = (most - least) / np.float32(high - low)
        scale = np.where(scale == 0, np.float32(1), scale)
        zero = np.clip(np.rint(low - least / scale), low, high)
    else:
        scale = np.abs(x).max(-1, keepdims=True) / np.float32(high)
        scale = np.where(scale == 0, np.float32(1), scale)
        zero = 0
    codes = np.clip(np.rint(x / scale) + zero, low, high)
    return (codes.astype(np.float64) - zero) * scale


FAKE = """
func.func @f(%x: tensor<?x{k}x{t}> {{quant_tensor.name = "x"}}) -> (tensor<?x{k}x{t}> {{quant_tensor.name = "y"}}) {{
  %y = quant_tensor.fake_quantize %x encoding(#quant_tensor.encoding<{{{e}}}>) : tensor<?x{k}x{t}>
  return %y : tensor<?x{k}x{t}>
}}
"""


@pytest.mark.parametrize("rows", [0, 1, 5])
@pytest.mark.parametrize("encoding, low, high, asymmetric", [
    ("storage = i8, block = [1, 0], scale = f32", -128, 127, False),
    ("storage = i8, block = [1, 0], scale = f32, zero_point = i8", -128, 127, True),
    ("storage = i4, block = [1, 0], scale = f32", -8, 7, False),
    ("storage = i8, block = [1, 0], scale = f32, range = [-4, 3]", -4, 3, False)])
def test_fake_quantize(tool, tmp_path, rows, encoding, low, high, asymmetric):
    x = np.random.default_rng(1).standard_normal((rows, 37), dtype=np.float32) * 3
    if rows > 3:
        x[2] = 0
        x[3] = np.clip(x[3], -0.45, 0.45)
        x[3, 5] = 256  # takes every code from the rest of its row
    for y in run(tool, tmp_path, FAKE.format(k=37, t="f32", e=encoding), x=x):
        np.testing.assert_array_equal(y, fake_int8(x, low, high, asymmetric).astype(np.float32))
        if rows > 3:
            assert abs(y[3, 5] - 256) < 0.5 and np.count_nonzero(y[3]) == 1


def test_fake_quantize_bf16_float_codes(tool, tmp_path):
    x = (np.random.default_rng(2).standard_normal((3, 64)) * 5).astype(ml_dtypes.bfloat16)
    wide = x.astype(np.float32)
    scale = np.abs(wide).max(-1, keepdims=True) / np.float32(448)
    expected = (wide / scale).astype(ml_dtypes.float8_e4m3fn).astype(np.float32) * scale
    text = FAKE.format(k=64, t="bf16", e="storage = f8E4M3FN, block = [1, 0], scale = f32")
    for y in run(tool, tmp_path, text, x=x):
        np.testing.assert_array_equal(y.view(ml_dtypes.bfloat16).astype(np.float32),
                                      expected.astype(ml_dtypes.bfloat16).astype(np.float32))


OUTLIER = """
#w = {token}
func.func @f(%x: tensor<?x{k}x{t}> {{quant_tensor.name = "x"}},
             %w: tensor<{n}x{k}x{t}, #w> {{quant_tensor.name = "w"}}) -> (tensor<?x{n}xf32> {{quant_tensor.name = "y"}}) {{
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x{k}x{t}>
  %e = tensor.empty(%m) : tensor<?x{n}xf32>
  %y = quant_tensor.outlier_matmul ins(%x, %w : tensor<?x{k}x{t}>, tensor<{n}x{k}x{t}, #w>)
      {how} outs(%e : tensor<?x{n}xf32>) -> tensor<?x{n}xf32>
  return %y : tensor<?x{n}xf32>
}}
"""


def outlier_product(x, codes, scales, outliers):
    """The op's definition, in float64, with the int8 part of it in f32 and int."""
    x = x.astype(np.float32)
    rest = np.where(outliers, 0, x)
    product = fake_int8(rest) @ (codes.astype(np.float64) * scales).T
    return product + np.where(outliers, x, 0).astype(np.float64) @ (codes * scales.astype(np.float64)).T


@pytest.mark.parametrize("element", [np.float32, ml_dtypes.bfloat16])
@pytest.mark.parametrize("m, n, k", [(0, 8, 64), (1, 24, 64), (5, 7, 33), (33, 40, 128)])
@pytest.mark.parametrize("how", ["threshold(6.0)", "columns([2, 17, 30])", "columns([])"])
def test_outlier_matmul(tool, tmp_path, element, m, n, k, how):
    rng = np.random.default_rng(m * n)
    x = rng.standard_normal((m, k)).astype(np.float32)
    x[:, [2, 17, 30]] *= 100
    x = np.where(np.isin(np.arange(k), [2, 17, 30]), x, np.clip(x, -5, 5)).astype(element)
    codes = rng.integers(-127, 128, (n, k)).astype(np.int8)
    scales = rng.uniform(0.01, 0.02, (n, 1)).astype(np.float32)
    outliers = (np.abs(x.astype(np.float32)) >= 6).any(0)
    if how.startswith("columns"):
        outliers = np.isin(np.arange(k), [2, 17, 30] if "2" in how else [])
    name = {np.float32: "f32"}.get(element, "bf16")
    expected = outlier_product(x, codes, scales, outliers)
    size = np.abs(x.astype(np.float64)) @ np.abs(codes * scales.astype(np.float64)).T
    for y in run(tool, tmp_path, OUTLIER.format(token=TOKEN, n=n, k=k, t=name, how=how), x=x,
                 **{"w.codes": codes, "w.scales": scales}):
        assert y.shape == (m, n)
        assert (np.abs(y - expected) <= 4e-6 * size + 1e-6).all()


def test_outliers_that_are_not_numbers(tool, tmp_path):
    """NaN and infinity in one row stay there."""
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, (4, 64)).astype(np.float32)
    x[1, 5], x[2, 9] = np.nan, np.inf
    codes = rng.integers(1, 128, (8, 64)).astype(np.int8)
    scales = np.full((8, 1), 0.01, np.float32)
    for y in run(tool, tmp_path, OUTLIER.format(token=TOKEN, n=8, k=64, t="f32", how="threshold(6.0)"),
                 x=x, **{"w.codes": codes, "w.scales": scales}):
        assert not np.isfinite(y[1:3]).any() and np.isfinite(y[[0, 3]]).all()


NET = """
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#out = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (n)>
func.func @f(%x: tensor<?x32xf32> {quant_tensor.name = "x"},
    %gain: tensor<32xf32> {quant_tensor.name = "norm.weight", quant_tensor.weight},
    %bias: tensor<32xf32> {quant_tensor.name = "norm.bias", quant_tensor.weight},
    %q: tensor<24x32xf32> {quant_tensor.name = "q.weight", quant_tensor.weight},
    %v: tensor<32x24xf32> {quant_tensor.name = "v.weight", quant_tensor.weight},
    %vb: tensor<24xf32> {quant_tensor.name = "v.bias", quant_tensor.weight},
    %o: tensor<16x24xf32> {quant_tensor.name = "o.weight", quant_tensor.weight})
    -> (tensor<?x16xf32> {quant_tensor.name = "y"}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x32xf32>
  %e32 = tensor.empty(%m) : tensor<?x32xf32>
  %e24 = tensor.empty(%m) : tensor<?x24xf32>
  %e16 = tensor.empty(%m) : tensor<?x16xf32>
  %z24 = linalg.fill ins(%zero : f32) outs(%e24 : tensor<?x24xf32>) -> tensor<?x24xf32>
  %z16 = linalg.fill ins(%zero : f32) outs(%e16 : tensor<?x16xf32>) -> tensor<?x16xf32>
  %n = linalg.generic {indexing_maps = [#out, #row, #row, #out], iterator_types = ["parallel", "parallel"]}
      ins(%x, %gain, %bias : tensor<?x32xf32>, tensor<32xf32>, tensor<32xf32>) outs(%e32 : tensor<?x32xf32>) {
  ^bb0(%a: f32, %g: f32, %b: f32, %u: f32):
    %0 = arith.mulf %a, %g : f32
    %1 = arith.addf %0, %b : f32
    linalg.yield %1 : f32
  } -> tensor<?x32xf32>
  %qy = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%n, %q : tensor<?x32xf32>, tensor<24x32xf32>) outs(%z24 : tensor<?x24xf32>) -> tensor<?x24xf32>
  %vy = linalg.matmul ins(%n, %v : tensor<?x32xf32>, tensor<32x24xf32>) outs(%z24 : tensor<?x24xf32>) -> tensor<?x24xf32>
  %r = linalg.generic {indexing_maps = [#out, #row, #out], iterator_types = ["parallel", "parallel"]}
      ins(%vy, %vb : tensor<?x24xf32>, tensor<24xf32>) outs(%e24 : tensor<?x24xf32>) {
  ^bb0(%a: f32, %b: f32, %u: f32):
    %0 = arith.addf %a, %b : f32
    %1 = arith.maximumf %0, %zero : f32
    linalg.yield %1 : f32
  } -> tensor<?x24xf32>
  %s = linalg.generic {indexing_maps = [#out, #out, #out], iterator_types = ["parallel", "parallel"]}
      ins(%r, %qy : tensor<?x24xf32>, tensor<?x24xf32>) outs(%e24 : tensor<?x24xf32>) {
  ^bb0(%a: f32, %b: f32, %u: f32):
    %0 = math.tanh %b : f32
    %1 = arith.mulf %a, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?x24xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%s, %o : tensor<?x24xf32>, tensor<16x24xf32>) outs(%z16 : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}
"""


def network(a, x):
    a = {name: value.astype(np.float64) for name, value in a.items()}
    n = x.astype(np.float64) * a["norm.weight"] + a["norm.bias"]
    q, v = n @ a["q.weight"].T, n @ a["v.weight"]
    return np.maximum(v + a["v.bias"], 0) * np.tanh(q) @ a["o.weight"].T


@pytest.fixture
def net(tool, tmp_path):
    rng = np.random.default_rng(4)
    a = {"norm.weight": rng.uniform(0.5, 1.5, 32), "norm.bias": rng.standard_normal(32) * 0.1,
         "q.weight": rng.standard_normal((24, 32)) * 0.05, "v.weight": rng.standard_normal((32, 24)) * 0.2,
         "v.bias": rng.standard_normal(24) * 0.1, "o.weight": rng.standard_normal((16, 24)) * 0.2}
    # Planted outliers: three channels 100 times the rest; and one of zeros.
    a["norm.weight"][[3, 11, 20]] *= 100
    a["norm.bias"][[3, 11, 20]] *= 100
    a["norm.weight"][7] = a["norm.bias"][7] = 0
    a = {name: value.astype(np.float32) for name, value in a.items()}
    # As in a model that was trained so: outliers meet small weights.
    for name, axis in (("q.weight", 1), ("v.weight", 0)):
        np.moveaxis(a[name], axis, 0)[[3, 11, 20]] *= np.float32(0.02)
    np.savez(tmp_path / "w.npz", **a)
    (tmp_path / "m.mlir").write_text(NET)
    samples = rng.standard_normal((8, 9, 32)).astype(np.float32)
    np.savez(tmp_path / "samples.npz", x=samples)
    x = rng.standard_normal((9, 32)).astype(np.float32)
    np.savez(tmp_path / "x.npz", x=x)
    return tmp_path, a, x


def calibrate(tool, folder, model, out):
    tool("quant-opt", "--quant-tensor-insert-observers=weights=true", folder / model,
         "-o", folder / "o.mlir")
    tool("quant-run", folder / "o.mlir", f"--calibrate={folder}/samples.npz",
         f"--inputs={folder}/w.npz", f"--stats={folder / out}")


def run_model(tool, folder, model, device="cpu"):
    tool("quant-compile", folder / model, "-o", folder / "m.qmlir")
    tool("quant-run", folder / "m.qmlir", f"--inputs={folder}/w.npz", f"--inputs={folder}/x.npz",
         f"--device={device}", f"--output={folder}/y.npz")
    return np.load(folder / "y.npz")["y"]


def loss(y, exact):
    return ((y - exact) ** 2).sum() / (exact ** 2).sum()


def test_smoothing_changes_nothing_but_rounding(tool, net):
    folder, a, x = net
    calibrate(tool, folder, "m.mlir", "s.safetensors")
    exact = network(a, x)
    for options in ("", " alpha=0.8", " fold=false", " overrides=o=none"):
        result = tool("quant-opt", f"--quant-tensor-smooth-activations=stats={folder}/s.safetensors{options}",
                      folder / "m.mlir", "-o", folder / "smooth.mlir", "--remarks-filter=.*", check=False)
        assert result.returncode == 0, result.stderr
        if "fold" in options:
            assert "folded into" not in result.stderr
        else:
            # The norm takes them for q and v; o's go through a product and ReLU into v.
            assert "smooths the input of 'q', 'v', folded into 2 vectors" in result.stderr
            assert ("smooths the input of 'o', folded into 'v' and 1 vector" in result.stderr) == (
                "none" not in options)
        for device in ("cpu", "emulator"):
            y = run_model(tool, folder, "smooth.mlir", device)
            np.testing.assert_allclose(y, exact, rtol=2e-5, atol=2e-5 * np.abs(exact).max())


def test_smoothing_and_outliers_recover_int8(tool, net):
    """Channels 100 times the rest: what they cost, and what brings it back."""
    folder, a, x = net
    exact = network(a, x)
    calibrate(tool, folder, "m.mlir", "s.safetensors")
    # The same model without outliers: what int8 costs where nothing stands out.
    calm = dict(a)
    for name in ("norm.weight", "norm.bias"):
        calm[name] = np.where(np.isin(np.arange(32), [3, 11, 20]), a[name] / 100, a[name]).astype(np.float32)
    for name, axis in (("q.weight", 1), ("v.weight", 0)):
        calm[name] = a[name].copy()
        np.moveaxis(calm[name], axis, 0)[[3, 11, 20]] *= 50
    losses = {}

    def quantize(key, scheme, model, stats, device="cpu"):
        tool("quant-opt", f"--quant-tensor-quantize-model=scheme={scheme} stats={folder / stats}",
             folder / model, "-o", folder / "q.mlir")
        y = run_model(tool, folder, "q.mlir", device)
        losses[key] = loss(y, exact)
        return y

    static = "int8/int8,tensor,static"
    quantize("static", static, "m.mlir", "s.safetensors")
    quantize("token", "int8/int8,token", "m.mlir", "s.safetensors")
    tool("quant-opt", f"--quant-tensor-smooth-activations=stats={folder}/s.safetensors",
         folder / "m.mlir", "-o", folder / "smooth.mlir")
    # O3: statistics of the smoothed model.
    calibrate(tool, folder, "smooth.mlir", "smooth.safetensors")
    quantize("smooth static", static, "smooth.mlir", "smooth.safetensors")
    quantize("smooth token", "int8/int8,token", "smooth.mlir", "smooth.safetensors")
    for key, word in (("outliers", "outliers=15"), ("known outliers", "static-outliers=15")):
        first = quantize(key, f"int8/int8,token,{word}", "m.mlir", "s.safetensors")
        second = quantize(key, f"int8/int8,token,{word}", "m.mlir", "s.safetensors", "emulator")
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-3 * np.abs(first).max())
    quantize("both", "int8/int8,token,outliers=15", "smooth.mlir", "smooth.safetensors", "emulator")

    np.savez(folder / "w.npz", **calm)
    np.savez(folder / "kept.npz", x=x)
    exact = network(calm, x)
    calibrate(tool, folder, "m.mlir", "calm.safetensors")
    quantize("calm static", static, "m.mlir", "calm.safetensors")
    quantize("calm token", "int8/int8,token", "m.mlir", "calm.safetensors")
    print(json.dumps(losses, indent=1))
    assert losses["static"] > 4 * losses["calm static"]
    assert losses["smooth static"] < losses["static"] / 3
    assert losses["smooth static"] < 1.2 * losses["calm static"]
    assert losses["smooth token"] < losses["token"] / 2
    assert losses["outliers"] < losses["token"] / 3
    # Columns that are known keep float weights: nothing is left of the outliers.
    # Those that a call finds have codes, coarse where outliers meet weights far
    # below the rest of their rows. Smoothing scales these up.
    assert losses["known outliers"] < 1.2 * losses["calm token"]
    assert losses["both"] < losses["token"] / 2


def write_scales(path, **tensors):
    header, data = {}, b""
    for name, values in tensors.items():
        values = np.asarray(values, np.float32)
        header[name] = {"dtype": "F32", "shape": list(values.shape),
                        "data_offsets": [len(data), len(data) + values.nbytes]}
        data += values.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def test_bad_scales(tool, net):
    folder, _, _ = net
    good = {"q.smooth": np.ones(32), "v.smooth": np.ones(32), "o.smooth": np.full(24, 2)}
    out = folder / "out.mlir"

    def fails(part, options=f"scales={folder}/s.safetensors", **changes):
        tensors = {n: v for n, v in (good | changes).items() if v is not None}
        write_scales(folder / "s.safetensors", **tensors)
        result = tool("quant-opt", f"--quant-tensor-smooth-activations={options}", folder / "m.mlir",
                      "-o", out, check=False)
        assert result.returncode != 0 and part in result.stderr, result.stderr
        assert not out.exists()

    fails("has no 'v.smooth'", **{"v.smooth": None})
    fails("'v.smooth' is 31xf32, expected 32xf32", **{"v.smooth": np.ones(31)})
    for value in (0, -1, np.nan, np.inf, 1e-45):
        fails("at channel 3, which no value can be divided by",
              **{"o.smooth": np.where(np.arange(24) == 3, value, 1)})
    fails("whose scales differ", **{"v.smooth": np.full(32, 2)})
    fails("stats=file or scales=file", options="")
    fails("alpha", options=f"alpha=1.5 scales={folder}/s.safetensors")
    fails("nowhere.safetensors", options=f"stats={folder}/nowhere.safetensors")


CHAIN = """
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @f(%x: tensor<5x16xf32> {quant_tensor.name = "x"},
    %a: tensor<24x16xf32> {quant_tensor.name = "a b/ü.weight", quant_tensor.weight},
    %b: tensor<24x9xf32> {quant_tensor.name = "b=[0].weight", quant_tensor.weight})
    -> (tensor<5x9xf32> {quant_tensor.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %eh = tensor.empty() : tensor<5x24xf32>
  %ih = linalg.fill ins(%zero : f32) outs(%eh : tensor<5x24xf32>) -> tensor<5x24xf32>
  %ey = tensor.empty() : tensor<5x9xf32>
  %iy = linalg.fill ins(%zero : f32) outs(%ey : tensor<5x9xf32>) -> tensor<5x9xf32>
  %h = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %a : tensor<5x16xf32>, tensor<24x16xf32>) outs(%ih : tensor<5x24xf32>) -> tensor<5x24xf32>
  %y = linalg.matmul ins(%h, %b : tensor<5x24xf32>, tensor<24x9xf32>) outs(%iy : tensor<5x9xf32>) -> tensor<5x9xf32>
  return %y : tensor<5x9xf32>
}
"""


@pytest.mark.parametrize("outliers", ["outliers=3", "static-outliers=3"])
def test_layers_one_behind_the_other(tool, tmp_path, outliers):
    """A layer reads what another one's outlier_matmul gives. Names are any text."""
    rng = np.random.default_rng(4)
    a = {"x": rng.standard_normal((5, 16)), "a b/ü.weight": rng.standard_normal((24, 16)),
         "b=[0].weight": rng.standard_normal((24, 9))}
    a = {name: array.astype(np.float32) for name, array in a.items()}
    a["x"][:, 3] *= 40
    np.savez(tmp_path / "in.npz", **a)
    np.savez(tmp_path / "s.npz", x=a["x"][None])
    np.savez(tmp_path / "w.npz", **{name: array for name, array in a.items() if name != "x"})
    (tmp_path / "m.mlir").write_text(CHAIN)
    tool("quant-opt", "--quant-tensor-insert-observers", tmp_path / "m.mlir", "-o", tmp_path / "o.mlir")
    tool("quant-run", tmp_path / "o.mlir", f"--calibrate={tmp_path}/s.npz", f"--inputs={tmp_path}/w.npz",
         f"--stats={tmp_path}/s.safetensors")
    tool("quant-opt", f"--quant-tensor-quantize-model=scheme=int8/int8,token,{outliers} "
         f"stats={tmp_path}/s.safetensors", tmp_path / "m.mlir", "-o", tmp_path / "q.mlir")
    assert (tmp_path / "q.mlir").read_text().count("outlier_matmul") == 2
    tool("quant-compile", tmp_path / "q.mlir", "-o", tmp_path / "q.qmlir")
    assert "a b/ü.weight" in tool("quant-run", tmp_path / "q.qmlir", "--list")
    exact = a["x"].astype(np.float64) @ a["a b/ü.weight"].T @ a["b=[0].weight"]
    for device in ("cpu", "emulator"):
        tool("quant-run", tmp_path / "q.qmlir", f"--inputs={tmp_path}/in.npz",
             f"--output={tmp_path}/y.npz", f"--device={device}")
        y = np.load(tmp_path / "y.npz")["y"]
        assert np.linalg.norm(y - exact) < 0.02 * np.linalg.norm(exact), device
