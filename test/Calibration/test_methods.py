"""SmoothQuant's and AWQ's searches, GPTQ and rotations as passes over one IR."""

import ml_dtypes
import numpy as np
import pytest
import quantmlir
from safetensors.numpy import load_file, save_file

MODEL = """
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#out = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (n)>
func.func @f(%x: tensor<?x48xT> {{quant_tensor.name = "x"}}{arguments}) -> (tensor<?x20xT> {{quant_tensor.name = "y"}}) {{
{constants}
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : T
  %m = tensor.dim %x, %c0 : tensor<?x48xT>
  %e64 = tensor.empty(%m) : tensor<?x64xT>
  %e20 = tensor.empty(%m) : tensor<?x20xT>
  %z64 = linalg.fill ins(%zero : T) outs(%e64 : tensor<?x64xT>) -> tensor<?x64xT>
  %z20 = linalg.fill ins(%zero : T) outs(%e20 : tensor<?x20xT>) -> tensor<?x20xT>
  %g = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %gate : tensor<?x48xT>, tensor<64x48xT>) outs(%z64 : tensor<?x64xT>) -> tensor<?x64xT>
  %u = linalg.matmul ins(%x, %up : tensor<?x48xT>, tensor<48x64xT>) outs(%z64 : tensor<?x64xT>) -> tensor<?x64xT>
  %s = linalg.generic {{indexing_maps = [#out, #out, #out], iterator_types = ["parallel", "parallel"]}}
      ins(%g, %u : tensor<?x64xT>, tensor<?x64xT>) outs(%e64 : tensor<?x64xT>) {{
  ^bb0(%a: T, %b: T, %o: T):
    %0 = arith.maximumf %a, %zero : T
    %1 = arith.mulf %0, %b : T
    linalg.yield %1 : T
  }} -> tensor<?x64xT>
  %d = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%s, %down : tensor<?x64xT>, tensor<64x64xT>) outs(%z64 : tensor<?x64xT>) -> tensor<?x64xT>
  %h = linalg.generic {{indexing_maps = [#out, #row, #out], iterator_types = ["parallel", "parallel"]}}
      ins(%d, %bias : tensor<?x64xT>, tensor<64xT>) outs(%e64 : tensor<?x64xT>) {{
  ^bb0(%a: T, %b: T, %o: T):
    %0 = arith.addf %a, %b : T
    linalg.yield %0 : T
  }} -> tensor<?x64xT>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%h, %head : tensor<?x64xT>, tensor<20x64xT>) outs(%z20 : tensor<?x20xT>) -> tensor<?x20xT>
  return %y : tensor<?x20xT>
}}
"""
SHAPES = {"gate": (64, 48), "up": (48, 64), "down": (64, 64), "bias": (64,), "head": (20, 64)}
#: Layers, whether their weight lies K×N.
LAYERS = {"gate": False, "up": True, "down": False, "head": False}
KINDS = "kinds=minmax,absmean,histogram,xtx,rows"


def write_model(path, weights, constants, element="f32"):
    """The model with its weights as arguments, or as constants in the text."""
    arguments, body = "", ""
    for name, shape in SHAPES.items():
        kind = "tensor<" + "x".join(map(str, shape)) + "xT>"
        if constants:
            data = weights[name].tobytes().hex().upper()
            body += f'  %{name} = arith.constant dense<"0x{data}"> : {kind} loc("{name}.weight")\n'
        else:
            arguments += f', %{name}: {kind} {{quant_tensor.name = "{name}.weight", quant_tensor.weight}}'
    text = MODEL.format(arguments=arguments, constants=body)
    path.write_text(text.replace("xT>", f"x{element}>").replace(": T", f": {element}"))


def network(w, x):
    w = {name: value.astype(np.float64) for name, value in w.items()}
    x = x.astype(np.float64)
    s = np.maximum(x @ w["gate"].T, 0) * (x @ w["up"])
    return (s @ w["down"].T + w["bias"]) @ w["head"].T


@pytest.fixture(params=["arguments", "constants"])
def model(request, tool, tmp_path):
    """(folder, weights, x, samples, whether weights are constants), calibrated."""
    rng = np.random.default_rng(12)
    weights = {name: (rng.standard_normal(shape) * 0.2).astype(np.float32)
               for name, shape in SHAPES.items()}
    is_constant = request.param == "constants"
    write_model(tmp_path / "m.mlir", weights, is_constant)
    np.savez(tmp_path / "w.npz", **{f"{n}.weight": w for n, w in weights.items()})
    samples = rng.standard_normal((6, 50, 48)).astype(np.float32)
    # Channels that stand out, and those that depend on each other.
    samples[..., 5] *= 30
    samples[..., 20:30] += samples[..., :10] * 2
    np.savez(tmp_path / "samples.npz", x=samples)
    x = samples.reshape(-1, 48)[17:40] * np.float32(0.9)
    np.savez(tmp_path / "x.npz", x=x)
    calibrate(tool, tmp_path, "m.mlir", "s.safetensors")
    return tmp_path, weights, x, samples.reshape(-1, 48), is_constant


def calibrate(tool, folder, text, out):
    tool("quant-opt", f"--quant-tensor-insert-observers={KINDS} weights=true", folder / text,
         "--mlir-print-debuginfo", "-o", folder / "observed.mlir")
    inputs = [] if "w.npz" not in {p.name for p in folder.iterdir()} else [f"--inputs={folder}/w.npz"]
    tool("quant-run", folder / "observed.mlir", f"--calibrate={folder}/samples.npz",
         *given(folder, text, inputs), f"--stats={folder / out}")


def given(folder, text, inputs):
    return inputs if "quant_tensor.weight" in (folder / text).read_text() else []


def run(tool, folder, text, device="cpu", codes=None):
    tool("quant-compile", folder / text, "-o", folder / "m.qmlir")
    inputs = given(folder, text, [f"--inputs={codes or folder / 'w.npz'}"])
    tool("quant-run", folder / "m.qmlir", *inputs, f"--inputs={folder}/x.npz",
         f"--device={device}", f"--output={folder}/y.npz")
    return np.load(folder / "y.npz")["y"]


def passes(tool, folder, source, target, *options):
    """Runs passes; their remarks."""
    result = tool("quant-opt", *options, folder / source, "-o", folder / target,
                  "--mlir-print-debuginfo", "--remarks-filter=.*", check=False)
    assert result.returncode == 0, result.stderr
    return result.stderr


def loss(y, exact):
    return ((y - exact) ** 2).sum() / (exact ** 2).sum()


def test_rows_are_some_of_all_whatever_their_order(tool, model):
    folder, _, _, samples, _ = model
    rows = load_file(folder / "s.safetensors")["gate.input.rows"]
    assert rows.shape == (300, 48)
    known = {row.tobytes() for row in samples}
    assert {row.tobytes() for row in rows} == known
    # More rows than are kept, in two orders, and in two runs.
    many = np.random.default_rng(3).standard_normal((20, 40, 48)).astype(np.float32)
    many[3] = many[4]
    found = []
    for order in (many, many[::-1].copy()):
        np.savez(folder / "samples.npz", x=order)
        calibrate(tool, folder, "m.mlir", "a.safetensors")
        found.append(load_file(folder / "a.safetensors")["gate.input.rows"])
    for part, name in ((many[:9], "b"), (many[9:], "c")):
        np.savez(folder / "samples.npz", x=part)
        calibrate(tool, folder, "m.mlir", f"{name}.safetensors")
    tool("quant-run", f"--merge={folder}/b.safetensors", f"--merge={folder}/c.safetensors",
         f"--stats={folder}/d.safetensors")
    found.append(load_file(folder / "d.safetensors")["gate.input.rows"])
    assert found[0].shape == (512, 48)
    assert len({row.tobytes() for row in found[0]}) == 512
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)


def smooth(tool, folder, search, *more):
    return passes(tool, folder, "m.mlir", "smooth.mlir",
                  f"--quant-tensor-smooth-activations=stats={folder}/s.safetensors search={search} "
                  f"values={folder}/w.npz smoothed-stats={folder}/t.safetensors " + " ".join(more))


@pytest.mark.parametrize("search", ["int8/int8,token", "int8/int8,tensor,static", "int4,group=16"])
def test_search_for_alpha(tool, model, search):
    """As quantmlir's search in Python finds it; statistics follow; the float output stays."""
    folder, weights, x, samples, _ = model
    remarks = smooth(tool, folder, search)
    kind = "AWQ" if search.startswith("int4") else "SmoothQuant"
    assert f"smooths the input of 'gate', 'up', alpha " in remarks and f"of {kind}" in remarks
    exact = network(weights, x)
    np.testing.assert_allclose(run(tool, folder, "smooth.mlir"), exact, rtol=1e-4,
                               atol=1e-5 * np.abs(exact).max())
    pair = [weights["gate"], weights["up"].T.copy()]
    if kind == "AWQ":
        made = quantmlir.awq(np.concatenate(pair), np.abs(samples).mean(0, dtype=np.float64),
                             quantmlir.hessian(samples), search, clip=False)
        alpha, scales = made.report["alpha"], made.channel_scales
    else:
        alpha, scales, _ = quantmlir.search_smooth_alpha(
            samples, pair, search.replace(",static", ""))
    assert f"alpha {alpha:.2f} of" in remarks
    seen = load_file(folder / "t.safetensors")
    np.testing.assert_allclose(seen["gate.input.max"], samples.max(0) / scales, rtol=1e-5)
    assert "gate.weight.max" not in seen and "gate.input.histogram" not in seen
    # What another calibration of the smoothed model sees.
    calibrate(tool, folder, "smooth.mlir", "again.safetensors")
    again = load_file(folder / "again.safetensors")
    for name in LAYERS:
        for what in ("xtx", "absmean", "min", "max"):
            key = f"{name}.input.{what}"
            scale = np.abs(again[key]).max()
            np.testing.assert_allclose(seen[key], again[key], rtol=2e-3, atol=1e-4 * scale, err_msg=key)


def test_smoothquant_levels(tool, model):
    """O1, O2 and O3 of the smoothed model lose less than without smoothing."""
    folder, weights, x, _, _ = model
    exact = network(weights, x)
    levels = {"O1": "int8/int8,token", "O2": "int8/int8,tensor", "O3": "int8/int8,tensor,static"}
    for level, scheme in levels.items():
        smooth(tool, folder, scheme)
        losses = []
        for source, stats in (("m.mlir", "s"), ("smooth.mlir", "t")):
            passes(tool, folder, source, "q.mlir",
                   f"--quant-tensor-quantize-model=scheme={scheme} stats={folder}/{stats}.safetensors")
            losses.append(loss(run(tool, folder, "q.mlir"), exact))
        assert losses[1] < losses[0] / 1.5, (level, losses)


@pytest.mark.parametrize("method", ["gptq", "awq", "awq+gptq"])
def test_methods_of_quantize_model(tool, model, method):
    folder, weights, x, samples, is_constant = model
    exact = network(weights, x)
    scheme = "int3,group=16,asymmetric"
    losses = {}
    for name in ("round", method):
        options = f"scheme={scheme} method={name} stats={folder}/s.safetensors values={folder}/w.npz"
        codes = None
        if not is_constant and name.endswith("gptq"):
            codes = folder / "codes.safetensors"
            options += f" weights=arguments codes={codes}"
        remarks = passes(tool, folder, "m.mlir", "q.mlir", "--quant-tensor-quantize-model=" + options)
        if codes:
            # What is no layer's weight is given as it is.
            tensors = load_file(codes)
            tensors["bias.weight"] = weights["bias"]
            np.savez(folder / "codes.npz", **tensors)
            codes = folder / "codes.npz"
        y = run(tool, folder, "q.mlir", codes=codes)
        losses[name] = loss(y, exact)
        np.testing.assert_allclose(run(tool, folder, "q.mlir", "emulator", codes), y, rtol=2e-2,
                                   atol=2e-2 * np.abs(y).max())
        if name.endswith("gptq"):
            assert remarks.count("GPTQ's loss 0.") == len(LAYERS), remarks
    assert losses[method] < 0.7 * losses["round"], losses


@pytest.mark.parametrize("model", ["arguments"], indirect=True)
def test_gptq_in_a_pass_is_gptq(tool, model):
    """The codes of each layer are those that quantmlir.gptq makes, transposed where the weight is."""
    folder, weights, _, _, _ = model
    passes(tool, folder, "m.mlir", "q.mlir",
           f"--quant-tensor-quantize-model=scheme=int8,group=16 method=gptq stats={folder}/s.safetensors "
           f"values={folder}/w.npz weights=arguments codes={folder}/codes.safetensors")
    tensors = load_file(folder / "codes.safetensors")
    statistics = load_file(folder / "s.safetensors")
    for name, is_transposed in LAYERS.items():
        w = weights[name].T.copy() if is_transposed else weights[name]
        made = quantmlir.gptq(w, statistics[f"{name}.input.xtx"].astype(np.float64), "int8,group=16")
        for part in ("codes", "scales"):
            expected = getattr(made, part)
            np.testing.assert_array_equal(tensors[f"{name}.weight.{part}"],
                                          expected.T if is_transposed else expected)


@pytest.mark.parametrize("model", ["arguments"], indirect=True)
def test_alpha_is_searched_under_the_scheme_of_each_layer(tool, model):
    """Layers that read one value and are quantized differently: their losses add up."""
    folder, weights, _, samples, _ = model
    schemes = {"gate": "int3,group=16", "up": "int2,group=8"}
    remarks = smooth(tool, folder, schemes["gate"], f"overrides=up={schemes['up']};[dh]*=none")
    mean, hessian = np.abs(samples).mean(0, dtype=np.float64), quantmlir.hessian(samples)
    searched = {name: np.array(quantmlir.awq(w, mean, hessian, schemes[name], clip=False).report["searched"])
                for name, w in (("gate", weights["gate"]), ("up", weights["up"].T.copy()))}
    alpha = (searched["gate"] + searched["up"]).argmin() / 20
    # Under one scheme for both it would be another.
    assert alpha != searched["gate"].argmin() / 20 or alpha != searched["up"].argmin() / 20
    assert f"smooths the input of 'gate', 'up', alpha {alpha:.2f} of AWQ" in remarks, (alpha, remarks)
    # One that quantizes activations makes it SmoothQuant's search for both.
    remarks = smooth(tool, folder, schemes["gate"], "overrides=up=int8/int8,token;[dh]*=none")
    assert "smooths the input of 'gate', 'up', alpha" in remarks and "of SmoothQuant" in remarks


@pytest.mark.parametrize("model", ["arguments"], indirect=True)
def test_smoothed_weights_as_arguments(tool, model):
    """The quantizer takes the float weights as they were, and smooths them."""
    folder, weights, x, _, _ = model
    smooth(tool, folder, "int8/int8,token")
    for emit in ("quantizer", "model"):
        passes(tool, folder, "smooth.mlir", f"{emit}.mlir",
               f"--quant-tensor-quantize-model=scheme=int8/int8,token weights=arguments emit={emit}")
    assert "encoding" in (folder / "model.mlir").read_text().split("{\n")[0]
    tool("quant-compile", folder / "quantizer.mlir", "-o", folder / "q.qmlir")
    tool("quant-run", folder / "q.qmlir", f"--inputs={folder}/w.npz", f"--output={folder}/q.safetensors")
    tensors = load_file(folder / "q.safetensors")
    assert {f"{name}.weight.codes" for name in LAYERS} <= tensors.keys()
    # The bias took a factor, too; the program multiplies it itself.
    np.savez(folder / "codes.npz", **tensors, **{"bias.weight": weights["bias"]})
    y = run(tool, folder, "model.mlir", codes=folder / "codes.npz")
    passes(tool, folder, "smooth.mlir", "inplace.mlir", "--quant-tensor-quantize-model=scheme=int8/int8,token")
    np.testing.assert_array_equal(y, run(tool, folder, "inplace.mlir"))


def test_rotation(tool, model):
    """The output stays; what can be folded is; int4 loses less; statistics follow."""
    folder, weights, x, samples, is_constant = model
    exact = network(weights, x)
    remarks = passes(tool, folder, "m.mlir", "rotated.mlir",
                     f"--quant-tensor-rotate-activations=stats={folder}/s.safetensors rotated-stats={folder}/r.safetensors")
    assert "rotates the input of 'gate', 'up'" in remarks
    assert "rotates the input of 'head', folded into 'down' and 1 vector" in remarks
    for device in ("cpu", "emulator"):
        np.testing.assert_allclose(run(tool, folder, "rotated.mlir", device), exact, rtol=1e-4,
                                   atol=1e-5 * np.abs(exact).max())
    seen = load_file(folder / "r.safetensors")
    rotated = quantmlir.rotate(samples)
    np.testing.assert_allclose(seen["gate.input.xtx"], rotated.T.astype(np.float64) @ rotated, rtol=1e-4,
                               atol=1e-4 * np.abs(seen["gate.input.xtx"]).max())
    assert "gate.input.max" not in seen
    losses = []
    for source in ("m.mlir", "rotated.mlir"):
        passes(tool, folder, source, "q.mlir", "--quant-tensor-quantize-model=scheme=int8/int8,token")
        losses.append(loss(run(tool, folder, "q.mlir", "emulator"), exact))
    assert losses[1] < losses[0] / 2
    # GPTQ of the rotated model, by its statistics.
    options = f"scheme=int4,group=16 method=gptq stats={folder}/r.safetensors"
    if is_constant:
        assert "GPTQ's loss 0." in passes(tool, folder, "rotated.mlir", "q.mlir",
                                          "--quant-tensor-quantize-model=" + options)
        assert loss(run(tool, folder, "q.mlir"), exact) < 0.05


def test_rotation_of_bf16_and_of_other_sizes(tool, tmp_path):
    """K without a construction is left alone, and bf16 weights round once."""
    text = """
#mk = affine_map<(b, m, n, k) -> (b, m, k)>
#nk = affine_map<(b, m, n, k) -> (n, k)>
#mn = affine_map<(b, m, n, k) -> (b, m, n)>
func.func @f(%x: tensor<2x3xKxbf16> {quant_tensor.name = "x"},
    %w: tensor<8xKxbf16> {quant_tensor.name = "w", quant_tensor.weight},
    %i: tensor<2x3x8xf32> {quant_tensor.name = "i"}) -> (tensor<2x3x8xf32> {quant_tensor.name = "y"}) {
  %y = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<2x3xKxbf16>, tensor<8xKxbf16>) outs(%i : tensor<2x3x8xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %c, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<2x3x8xf32>
  return %y : tensor<2x3x8xf32>
}
"""
    for k, said in ((96, "rotates the input of 'w'"), (92, "no Hadamard matrix of order 92")):
        (tmp_path / "m.mlir").write_text(text.replace("xKx", f"x{k}x"))
        remarks = passes(tool, tmp_path, "m.mlir", "r.mlir", "--quant-tensor-rotate-activations")
        assert said in remarks, remarks
        rng = np.random.default_rng(k)
        x, w = (rng.standard_normal(s).astype(ml_dtypes.bfloat16) for s in ((2, 3, k), (8, k)))
        i = rng.standard_normal((2, 3, 8)).astype(np.float32)
        np.savez(tmp_path / "in.npz", x=x.view(np.uint16), w=w.view(np.uint16), i=i)
        tool("quant-compile", tmp_path / "r.mlir", "-o", tmp_path / "r.qmlir")
        exact = x.astype(np.float64) @ w.astype(np.float64).T + i
        for device in ("cpu", "emulator"):
            tool("quant-run", tmp_path / "r.qmlir", "--bits", f"--inputs={tmp_path}/in.npz",
                 f"--output={tmp_path}/y.npz", f"--device={device}")
            np.testing.assert_allclose(np.load(tmp_path / "y.npz")["y"], exact, atol=0.02 * np.sqrt(k))


SHARED = """
#mk = affine_map<(b, m, n, k) -> (b, m, k)>
#nk = affine_map<(b, m, n, k) -> (n, k)>
#kn = affine_map<(b, m, n, k) -> (k, n)>
#mn = affine_map<(b, m, n, k) -> (b, m, n)>
#id = affine_map<(b, m, n) -> (b, m, n)>
func.func @f(%x: tensor<2x?x40xbf16> {quant_tensor.name = "x"},
    %w: tensor<40x40xbf16> {quant_tensor.name = "model.layers.0.w.weight", quant_tensor.weight})
    -> (tensor<2x?x40xf32> {quant_tensor.name = "y"}) {
  %c1 = arith.constant 1 : index
  %m = tensor.dim %x, %c1 : tensor<2x?x40xbf16>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%m) : tensor<2x?x40xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2x?x40xf32>) -> tensor<2x?x40xf32>
  %a = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<2x?x40xbf16>, tensor<40x40xbf16>) outs(%i : tensor<2x?x40xf32>) {
  ^bb0(%p: bf16, %q: bf16, %o: f32):
    %1 = arith.extf %p : bf16 to f32
    %2 = arith.extf %q : bf16 to f32
    %3 = arith.mulf %1, %2 : f32
    %4 = arith.addf %o, %3 : f32
    linalg.yield %4 : f32
  } -> tensor<2x?x40xf32>
  %eh = tensor.empty(%m) : tensor<2x?x40xbf16>
  %h = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%a : tensor<2x?x40xf32>) outs(%eh : tensor<2x?x40xbf16>) {
  ^bb0(%p: f32, %o: bf16):
    %1 = arith.truncf %p : f32 to bf16
    linalg.yield %1 : bf16
  } -> tensor<2x?x40xbf16>
  %b = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%h, %w : tensor<2x?x40xbf16>, tensor<40x40xbf16>) outs(%i : tensor<2x?x40xf32>) {
  ^bb0(%p: bf16, %q: bf16, %o: f32):
    %1 = arith.extf %p : bf16 to f32
    %2 = arith.extf %q : bf16 to f32
    %3 = arith.mulf %1, %2 : f32
    %4 = arith.addf %o, %3 : f32
    linalg.yield %4 : f32
  } -> tensor<2x?x40xf32>
  return %b : tensor<2x?x40xf32>
}
"""


def test_a_shared_weight_of_bf16(tool, tmp_path):
    """Two layers read one weight, each its own way round, rows in two dimensions."""
    rng = np.random.default_rng(8)
    w = (rng.standard_normal((40, 40)) * 0.15).astype(ml_dtypes.bfloat16)
    samples = rng.standard_normal((5, 2, 7, 40))
    samples[..., 3] *= 20
    samples = samples.astype(ml_dtypes.bfloat16)
    (tmp_path / "m.mlir").write_text(SHARED)
    np.savez(tmp_path / "w.npz", **{"model.layers.0.w.weight": w.view(np.uint16)})
    np.savez(tmp_path / "samples.npz", x=samples.view(np.uint16))
    np.savez(tmp_path / "x.npz", x=samples[0].view(np.uint16))
    stats = tmp_path / "s.safetensors"
    tool("quant-opt", f"--quant-tensor-insert-observers={KINDS} weights=true", tmp_path / "m.mlir",
         "-o", tmp_path / "o.mlir")
    tool("quant-run", tmp_path / "o.mlir", "--bits", f"--calibrate={tmp_path}/samples.npz",
         f"--inputs={tmp_path}/w.npz", f"--stats={stats}")
    seen = load_file(stats)
    rows = samples.reshape(-1, 40).astype(np.float32)
    np.testing.assert_array_equal(seen["model.layers.0.w.input.max"], rows.max(0))
    wide = w.astype(np.float64)
    h = (samples[0].astype(np.float64) @ wide.T).astype(np.float32).astype(ml_dtypes.bfloat16)
    exact = h.astype(np.float64) @ wide
    for most, pipeline in (
            (0.01, [f"--quant-tensor-smooth-activations=stats={stats}"]),
            (0.01, ["--quant-tensor-rotate-activations"]),
            (0.06, ["--quant-tensor-quantize-model=scheme=int5,group=8,asymmetric"]),
            (0.06, [f"--quant-tensor-quantize-model=scheme=int7/int8,tensor,static stats={stats}"]),
            (0.02, [f"--quant-tensor-quantize-model=scheme=int8/int8,token,static-outliers=8 stats={stats}"]),
            (0.02, [f"--quant-tensor-smooth-activations=stats={stats}", "--quant-tensor-rotate-activations",
                    "--quant-tensor-quantize-model=scheme=int8/int8,token"])):
        passes(tool, tmp_path, "m.mlir", "q.mlir", *pipeline)
        tool("quant-compile", tmp_path / "q.mlir", "-o", tmp_path / "q.qmlir")
        for device in ("cpu", "emulator"):
            tool("quant-run", tmp_path / "q.qmlir", "--bits", f"--inputs={tmp_path}/w.npz",
                 f"--inputs={tmp_path}/x.npz", f"--output={tmp_path}/y.npz", f"--device={device}")
            error = np.linalg.norm(np.load(tmp_path / "y.npz")["y"] - exact) / np.linalg.norm(exact)
            assert error < most, (pipeline, device, error)


@pytest.mark.parametrize("model", ["arguments"], indirect=True)
def test_bad_rows(tool, model):
    folder, _, _, _, _ = model
    statistics = load_file(folder / "s.safetensors")
    rows = statistics["gate.input.rows"]
    for changed, said in (
            (np.ones((301, 48), np.float32), "'gate.input.rows' is 301x48xf32, expected at most 300 rows"),
            (rows[:, :47].copy(), "'gate.input.rows' is 300x47xf32, expected 300x48xf32"),
            (np.where(rows > 2, np.inf, rows).astype(np.float32), "'gate.input.rows' is not finite at"),
            (rows.reshape(-1), "'gate.input.rows' is 14400xf32"),
            (rows.astype(np.float64), "'gate.input.rows' is 300x48xf64"),
            (rows[:0], "no rows of 'gate.input' were kept"),
            (None, "the statistic rows of 'gate.input' was not kept")):
        tensors = {**statistics, "gate.input.rows": changed}
        save_file({name: value for name, value in tensors.items() if value is not None},
                  folder / "bad.safetensors", metadata={"format": "quantmlir.statistics", "version": "1"})
        result = tool("quant-opt", f"--quant-tensor-smooth-activations=stats={folder}/bad.safetensors "
                      f"search=int8/int8,token values={folder}/w.npz", folder / "m.mlir", check=False)
        assert result.returncode == 1 and said in result.stderr, result.stderr


@pytest.mark.parametrize("model", ["arguments"], indirect=True)
@pytest.mark.parametrize("options, said", [
    ("scheme=int4 method=gptq", "method=gptq needs statistics (stats=file)"),
    ("scheme=int4 method=gptq stats={s}", "GPTQ's codes of an argument are another file: weights=arguments codes=file"),
    ("scheme=int4 method=gptq stats={s} weights=arguments codes=q.safetensors",
     "its weight is not known: the values of argument 'gate.weight' are not known (values=file)"),
    ("scheme=int4 method=gptq stats={s} weights=arguments codes=q.safetensors values={x}", "has no 'gate.weight'"),
    ("scheme=int4 codes=q.safetensors", "codes=file is for GPTQ's codes of weights=arguments"),
    ("scheme=int8/int8,token,outliers=6 method=gptq stats={s}", "has no form with outliers: GPTQ does not know of them"),
    ("scheme=int4 method=awq stats={s} values={bad}", "'gate.weight' is 64x47xf32, expected 64x48xf32"),
    ("scheme=int4 method=awq stats={s} values={nan}", "is NaN or infinite"),
    ("scheme=int4 method=awq stats={s} values={huge}", "of 'gate': the weight at [0, 0] is 1.0"),
    ("scheme=int4 method=magic", "'magic' is no method"),
])
def test_what_methods_refuse(tool, model, options, said):
    folder, weights, _, _, _ = model
    for name, values in (("bad", weights["gate"][:, :47]), ("nan", np.where(weights["gate"] > 0.5, np.nan, weights["gate"])),
                         ("huge", np.full_like(weights["gate"], 1e38))):
        np.savez(folder / f"{name}.npz", **{f"{n}.weight": w for n, w in weights.items() if n != "gate"},
                 **{"gate.weight": values.astype(np.float32)})
    options = options.format(s=folder / "s.safetensors", x=folder / "x.npz", bad=folder / "bad.npz",
                             nan=folder / "nan.npz", huge=folder / "huge.npz").replace("q.safetensors", str(folder / "q.safetensors"))
    result = tool("quant-opt", "--quant-tensor-quantize-model=" + options, folder / "m.mlir", check=False)
    assert result.returncode == 1 and said in result.stderr, result.stderr
    assert not (folder / "q.safetensors").exists()


def test_weights_of_a_called_function_are_not_in_a_file(tool, tmp_path):
    """What a file calls like a parameter need not be what the callers give."""
    (tmp_path / "m.mlir").write_text("""
func.func private @g(%x: tensor<4x8xf32>, %w: tensor<8x6xf32> {quant_tensor.name = "w", quant_tensor.weight},
    %i: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %y = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%i : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %y : tensor<4x6xf32>
}
func.func @f(%x: tensor<4x8xf32>, %a: tensor<8x6xf32>, %i: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %y = call @g(%x, %a, %i) : (tensor<4x8xf32>, tensor<8x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
  return %y : tensor<4x6xf32>
}
""")
    np.savez(tmp_path / "w.npz", w=np.ones((8, 6), np.float32))
    save_file({"w.input.xtx": np.eye(8, dtype=np.float32), "w.input.absmean": np.ones(8), "w.input.count": np.array([9, 8])},
              tmp_path / "s.safetensors", metadata={"format": "quantmlir.statistics", "version": "1"})
    for method, more in (("awq", ""), ("gptq", f"weights=arguments codes={tmp_path}/c.safetensors")):
        result = tool("quant-opt", f"--quant-tensor-quantize-model=scheme=int4 method={method} {more} "
                      f"stats={tmp_path}/s.safetensors values={tmp_path}/w.npz", tmp_path / "m.mlir", check=False)
        assert result.returncode == 1, result.stdout
        assert "of 'w': its weight is not known: argument 'w' of '@g' is what its callers give" in result.stderr
