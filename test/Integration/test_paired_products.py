"""Gate and up of a gated MLP in one kernel: plain linalg in, weights in turn in the
prepare function, one launch for both products and what follows them."""

import json

import ml_dtypes
import numpy as np
import pytest

import reference_runner as reference
from test_group_order import Case

ELEMENTS = {"bf16": ml_dtypes.bfloat16, "f16": np.float16, "f32": np.float32}
#: Half a unit in the last place of decoded weights, and of results.
ROUNDING = {"bf16": 2.0**-8, "f16": 2.0**-11, "f32": 2.0**-24}

SILU = """
    %minus = arith.negf %g : f32
    %exp = math.exp %minus : f32
    %below = arith.addf %exp, %one : f32
    %act = arith.divf %g, %below : f32"""
GELU = """
    %z = arith.mulf %g, %root : f32
    %erf = math.erf %z : f32
    %above = arith.addf %erf, %one : f32
    %share = arith.mulf %above, %half : f32
    %act = arith.mulf %g, %share : f32"""


def silu(x):
    return x / (1 + np.exp(-x))


def gelu(x):
    from math import erf

    return x * 0.5 * (1 + np.vectorize(erf, otypes=[float])(x / np.sqrt(2)))


def program(case, rows, x, *, activation, extras, out):
    """act(gate x + bg) * (up x + bu) + residual, each of the three where `extras`, in
    `out`: codes with the scale 0.5 where that is i8."""
    n, k, dynamic = case.n, case.k, rows == "?"
    size = "(%m)" if dynamic else "()"
    xs, acc = f"tensor<{rows}x{k}x{x}>", f"tensor<{rows}x{n}xf32>"
    ys = f"tensor<{rows}x{n}x{out}>"
    arguments = [f'%x: {xs} {{quant_tensor.name = "x"}}']
    arguments += [f'%{w}: {case.type.replace("bf16", x)} {{quant_tensor.name = "{w}"}}' for w in ("wg", "wu")]
    body, ins, maps, block = "", ["%pg", "%pu"], ["#id", "#id"], ["%g0: f32", "%u0: f32"]
    types = [acc, acc]
    if extras:
        for name, kind, place in (("bg", f"tensor<{n}xf32>", "#row"), ("bu", f"tensor<{n}xf32>", "#row"),
                                  ("r", acc, "#id")):
            arguments.append(f'%{name}: {kind} {{quant_tensor.name = "{name}"}}')
            ins.append(f"%{name}")
            types.append(kind)
            maps.append(place)
            block.append(f"%e{name}: f32")
    for side, w in (("g", "wg"), ("u", "wu")):
        weight = case.type.replace("bf16", x)
        body += f"""
  %p{side} = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %{w} : {xs}, {weight})
      outs(%i : {acc}) -> {acc}"""
    add = (lambda name, a, b: f"\n    %{name} = arith.addf {a}, {b} : f32") if extras else (
        lambda name, a, b: f"\n    %{name} = arith.addf {a}, %none : f32")
    inner = add("g", "%g0", "%ebg") + add("u", "%u0", "%ebu") + (SILU if activation is silu else GELU)
    inner += "\n    %h0 = arith.mulf %act, %u : f32" + add("h", "%h0", "%er")
    if out == "i8":
        inner += """
    %q0 = arith.mulf %h, %two : f32
    %q1 = math.roundeven %q0 : f32
    %q2 = arith.maximumf %q1, %low : f32
    %q3 = arith.minimumf %q2, %high : f32
    %res = arith.fptosi %q3 : f32 to i8"""
    elif out != "f32":
        inner += f"\n    %res = arith.truncf %h : f32 to {out}"
    result = "%h" if out == "f32" else "%res"
    return f"""
#w = {case.encoding}
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (n)>
func.func @f({", ".join(arguments)}) -> {ys} {{
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : {xs}
  %e = tensor.empty{size} : {acc}
  %i = linalg.fill ins(%zero : f32) outs(%e : {acc}) -> {acc}{body}
  %o = tensor.empty{size} : {ys}
  %y = linalg.generic {{indexing_maps = [{", ".join(maps)}, #id], iterator_types = ["parallel", "parallel"]}}
      ins({", ".join(ins)} : {", ".join(types)}) outs(%o : {ys}) {{
  ^bb0({", ".join(block)}, %old: {out}):
    %none = arith.constant -0.0 : f32
    %one = arith.constant 1.0 : f32
    %two = arith.constant 2.0 : f32
    %half = arith.constant 0.5 : f32
    %root = arith.constant 0.70710678118654752 : f32
    %low = arith.constant -128.0 : f32
    %high = arith.constant 127.0 : f32{inner}
    linalg.yield {result} : {out}
  }} -> {ys}
  return %y : {ys}
}}
"""


def sorted_case(n, k, bits, group, zero, seed):
    case = Case(n, k, bits, group, zero=zero, seed=seed)
    case.groups = np.sort(case.groups)
    if group >= k:
        case.encoding = case.encoding.replace(f"block = [1, {group}]", "block = [1, 0]")
    return case


#: bits, columns of a group, zero points.
FORMATS = {"int4-g128": (4, 128, False), "uint4-zp": (4, 64, True), "int8": (8, 256, False)}


@pytest.mark.parametrize("m", [1, 3, 16, 17, 65])
@pytest.mark.parametrize("weights", FORMATS)
@pytest.mark.parametrize("x, out, extras, activation", [
    ("bf16", "bf16", False, silu), ("f16", "f32", True, gelu), ("bf16", "i8", True, silu)],
    ids=["bf16", "f16-residual", "bf16-codes"])
def test_gated(tool, tmp_path, m, weights, x, out, extras, activation):
    check(tool, tmp_path, m, weights, x, out, extras, activation)


@pytest.mark.parametrize("chip", ["sm_80", "sm_89"])
def test_other_chips(tool, tmp_path, chip):
    check(tool, tmp_path, 21, "int4-g128", "bf16", "bf16", True, silu, f"--chip={chip}")


def test_no_tensor_cores(tool, tmp_path):
    """Activations in f32."""
    check(tool, tmp_path, 3, "uint4-zp", "f32", "f32", True, silu)


def test_any_number_of_rows(tool, tmp_path):
    for m in (0, 1, 9, 33):
        check(tool, tmp_path, m, "int4-g128", "bf16", "bf16", False, silu, rows="?")


def check(tool, tmp_path, m, weights, x, out, extras, activation, *options, rows=None):
    n, k = 37, 256
    bits, group, zero = FORMATS[weights]
    gate, up = (sorted_case(n, k, bits, group, zero, seed) for seed in (1, 2))
    rng = np.random.default_rng(m)
    inputs = {"x": (rng.standard_normal((m, k)) / 2).astype(ELEMENTS[x])}
    for name, case in (("wg", gate), ("wu", up)):
        inputs |= {key.replace("w.", f"{name}."): a for key, a in case.inputs().items() if key != "g"}
    if extras:
        inputs |= {"bg": rng.standard_normal(n).astype(np.float32),
                   "bu": rng.standard_normal(n).astype(np.float32),
                   "r": rng.standard_normal((m, n)).astype(np.float32)}
    source = tmp_path / "f.mlir"
    source.write_text(program(gate, rows or m, x, activation=activation, extras=extras, out=out))
    np.savez(tmp_path / "in.npz", **{name: reference.to_bits(a) for name, a in inputs.items()})
    artifact = tmp_path / "f.qmlir"
    tool("quant-compile", source, "--merge-contractions", *options, "-o", artifact)

    # One launch for each schedule, of which one runs; nothing in front or behind.
    manifest = json.loads((artifact / "manifest.json").read_text())
    (function,) = [f for f in manifest["functions"] if f["name"] == "f"]
    steps = json.dumps(function["steps"])
    assert steps.count('"launch": "') == steps.count('"launch": "matmul')
    if rows is None:
        assert steps.count('"launch": "') == 1

    wide = inputs["x"].astype(np.float64)
    product = lambda case: (wide @ case.values().T, 2 * ROUNDING[x] * (np.abs(wide) @ np.abs(case.values()).T))
    (g, g_error), (u, u_error) = product(gate), product(up)
    if extras:
        g, u = g + inputs["bg"], u + inputs["bu"]
    exact = activation(g) * u
    error = 1.2 * g_error * (np.abs(u) + u_error) + np.abs(activation(g)) * u_error
    error += 2.0**-16 * np.abs(exact) + 1e-5
    if extras:
        exact = exact + inputs["r"]
    for device in ("cpu", "emulator"):
        tool("quant-run", artifact, f"--device={device}", "--bits", f"--inputs={tmp_path}/in.npz",
             f"--output={tmp_path}/out.npz")
        got = np.load(tmp_path / "out.npz")["result0"]
        assert got.shape == (m, n)
        if out == "i8":
            got, wanted, bound = got.view(np.int8).astype(np.float64), 2 * exact, 2 * error + 0.5
            wanted = np.clip(wanted, -128, 127)
        else:
            got, wanted = got.view(ELEMENTS[out]).astype(np.float64), exact
            bound = error + ROUNDING[out] * (np.abs(exact) + error)
        assert (np.abs(got - wanted) <= bound).all(), device
