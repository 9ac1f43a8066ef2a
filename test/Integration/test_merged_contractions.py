"""q, k and v in one kernel: weights joined once, results read as slices."""

import json

import ml_dtypes
import numpy as np
import pytest

import reference_runner as reference
from test_group_order import Case

K, HEADS, WIDTH = 96, 3, 16
SIZES = {"q": HEADS * WIDTH, "k": 32, "v": 21}


def program(rows, cases, *, int8=False):
    """|q| with heads outermost, -k and 2 v transposed, as attention wants them: no
    epilogue takes what changes places."""
    x = f"tensor<{rows}x{K}xbf16>"
    dynamic = rows == "?"
    size = "(%m)" if dynamic else "()"
    arguments = [f'%x: {x} {{quant_tensor.name = "x"}}']
    body, results = [], []
    for name, case in cases.items():
        weight = f"tensor<{case.n}x{K}xbf16, #w>"
        y = f"tensor<{rows}x{case.n}xf32>"
        arguments.append(f'%w{name}: {weight} {{quant_tensor.name = "{name}"}}')
        lhs, lhs_type = ("%xq", f"tensor<{rows}x{K}xbf16, #token>") if int8 else ("%x", x)
        body.append(f"""
  %e{name} = tensor.empty{size} : {y}
  %i{name} = linalg.fill ins(%zero : f32) outs(%e{name} : {y}) -> {y}
  %{name} = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins({lhs}, %w{name} : {lhs_type}, {weight})
      outs(%i{name} : {y}) -> {y}""")
    split = f"tensor<{rows}x{HEADS}x{WIDTH}xf32>"
    wide = f"tensor<{HEADS}x{rows}x{WIDTH}xf32>"
    sizes = f"[{'%m' if dynamic else rows}, {HEADS}, {WIDTH}]"
    body.append(f"""
  %split = tensor.expand_shape %q [[0], [1, 2]] output_shape {sizes}
      : tensor<{rows}x{SIZES["q"]}xf32> into {split}
  %e3 = tensor.empty{size} : {wide}
  %r0 = linalg.generic {{indexing_maps = [#id3, #heads], iterator_types = ["parallel", "parallel", "parallel"]}}
      ins(%split : {split}) outs(%e3 : {wide}) {{
  ^bb0(%a: f32, %o: f32):
    %b = math.absf %a : f32
    linalg.yield %b : f32
  }} -> {wide}""")
    results.append(wide)
    for index, (name, operation) in enumerate((("k", "arith.negf %a : f32"), ("v", "arith.addf %a, %a : f32"))):
        y, t = f"tensor<{rows}x{SIZES[name]}xf32>", f"tensor<{SIZES[name]}x{rows}xf32>"
        body.append(f"""
  %t{name} = tensor.empty{size} : {t}
  %r{index + 1} = linalg.generic {{indexing_maps = [#mn2, #nm], iterator_types = ["parallel", "parallel"]}}
      ins(%{name} : {y}) outs(%t{name} : {t}) {{
  ^bb0(%a: f32, %o: f32):
    %b = {operation}
    linalg.yield %b : f32
  }} -> {t}""")
        results.append(t)
    quantize = (f"%xq = quant_tensor.quantize %x : {x} -> tensor<{rows}x{K}xbf16, #token>" if int8 else "")
    names = [f'{r} {{quant_tensor.name = "{n}"}}' for r, n in zip(results, ("rq", "rk", "rv"))]
    return f"""
#w = {cases["q"].encoding}
#token = #quant_tensor.encoding<{{storage = i8, block = [1, 0], scale = f32}}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#mn2 = affine_map<(m, n) -> (m, n)>
#nm = affine_map<(m, n) -> (n, m)>
#heads = affine_map<(m, n, k) -> (n, m, k)>
#id3 = affine_map<(m, n, k) -> (m, n, k)>
func.func @f({", ".join(arguments)}) -> ({", ".join(names)}) {{
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : {x}
  {quantize}{"".join(body)}
  return %r0, %r1, %r2 : {", ".join(results)}
}}
"""


def inputs_of(cases, x):
    arrays = {"x": x}
    for name, case in cases.items():
        arrays |= {key.replace("w.", f"{name}."): value for key, value in case.inputs().items()
                   if key != "g"}
    return arrays


def positional(case):
    """As an encoding without an index has it."""
    case.groups = np.sort(case.groups)
    return case


@pytest.mark.parametrize("rows, m, int8, bits, group", [
    (1, 1, False, 4, 32), ("?", 5, False, 4, 32), ("?", 33, False, 8, 96), ("?", 0, False, 4, 32),
    ("?", 9, True, 8, 96)])
def test_merged(tool, tmp_path, rows, m, int8, bits, group):
    cases = {name: positional(Case(n, K, bits, group, zero=not int8 and bits == 4, seed=i))
             for i, (name, n) in enumerate(SIZES.items())}
    if int8:
        for case in cases.values():
            case.encoding = case.encoding.replace(f"block = [1, {group}]", "block = [1, 0]")
    x = np.random.default_rng(1).standard_normal((m, K)).astype(ml_dtypes.bfloat16)
    source = tmp_path / "f.mlir"
    source.write_text(program(rows, cases, int8=int8))
    np.savez(tmp_path / "in.npz", **{k: reference.to_bits(a) for k, a in inputs_of(cases, x).items()})
    outputs, kernels = {}, {}
    for merged in (False, True):
        artifact = tmp_path / f"{merged}.qmlir"
        tool("quant-compile", source, *["--merge-contractions"] * merged, "-o", artifact)
        tool("quant-run", artifact, "--device=emulator", f"--inputs={tmp_path}/in.npz",
             f"--output={tmp_path}/out.npz", "--bits")
        outputs[merged] = dict(np.load(tmp_path / "out.npz"))
        manifest = json.loads((artifact / "manifest.json").read_text())
        (function,) = [f for f in manifest["functions"] if f["name"] == "f"]
        kernels[merged] = json.dumps(function["steps"])
    wide = x.astype(np.float64)
    if int8:
        scales = np.maximum(np.abs(wide).max(1, keepdims=True), 1e-30).astype(np.float32) / np.float32(127)
        wide = np.rint(wide / scales) * scales
    for name, change in (("q", np.abs), ("k", np.negative), ("v", lambda y: 2 * y)):
        exact = change(wide @ cases[name].values().T)
        # What changed places, back.
        got = outputs[True][f"r{name}"].view(np.float32)
        got = np.moveaxis(got, 0, 1).reshape(exact.shape)
        bound = 2.0**-7 * (np.abs(wide) @ np.abs(cases[name].values()).T) + 1e-6
        assert (np.abs(got - exact) <= bound).all()
    # As many launches of other kernels as before: no copies; and one product
    # (of one schedule, where the number of rows is known).
    assert kernels[True].count('"launch": "elementwise') == kernels[False].count('"launch": "elementwise') == 3
    if rows == 1:
        assert kernels[True].count('"launch": "matmul') == 1
        assert kernels[False].count('"launch": "matmul') == 3


def test_slices_are_read_where_they_are(tool, tmp_path):
    """Of one weight whose rows are those of q, k and v, as models have it."""
    case = positional(Case(96, K, 4, 32))
    x = np.random.default_rng(2).standard_normal((7, K)).astype(ml_dtypes.bfloat16)
    text = f"""
#w = {case.encoding}
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>
func.func @f(%x: tensor<?x{K}xbf16> {{quant_tensor.name = "x"}}, %w: {case.type} {{quant_tensor.name = "w"}})
    -> tensor<?x32xf32> {{
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x{K}xbf16>
  %e = tensor.empty(%m) : tensor<?x96xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<?x96xf32>) -> tensor<?x96xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x{K}xbf16>, {case.type})
      outs(%i : tensor<?x96xf32>) -> tensor<?x96xf32>
  %a = tensor.extract_slice %y[0, 16] [%m, 32] [1, 1] : tensor<?x96xf32> to tensor<?x32xf32>
  %b = tensor.extract_slice %y[0, 64] [%m, 32] [1, 1] : tensor<?x96xf32> to tensor<?x32xf32>
  %o = tensor.empty(%m) : tensor<?x32xf32>
  %r = linalg.generic {{indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}}
      ins(%a, %b : tensor<?x32xf32>, tensor<?x32xf32>) outs(%o : tensor<?x32xf32>) {{
  ^bb0(%p: f32, %q: f32, %z: f32):
    %s = arith.subf %p, %q : f32
    linalg.yield %s : f32
  }} -> tensor<?x32xf32>
  return %r : tensor<?x32xf32>
}}
"""
    inputs = {"x": x, **{k: v for k, v in case.inputs().items() if k != "g"}}
    results, manifest = reference.run_artifact(tool, tmp_path, text, inputs)
    wide = x.astype(np.float64)
    y = wide @ case.values().T
    bound = 2.0**-7 * (np.abs(wide) @ np.abs(case.values()).T).sum(1, keepdims=True)
    for bits in results:
        assert (np.abs(bits.view(np.float32) - (y[:, 16:48] - y[:, 64:])) <= bound).all()
    (function,) = [f for f in manifest["functions"] if f["name"] == "f"]
    assert json.dumps(function["steps"]).count('"launch": "elementwise') == 1
