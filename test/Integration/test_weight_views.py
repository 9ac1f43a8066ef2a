"""Encoded weights that are joined or sliced after they were dequantized, and
batches of them: products of codes, without a dense tensor of weights. Small
integers and scales that are powers of two, so results are exact."""

import ml_dtypes
import numpy as np
import pytest

from reference_runner import expand_blocks, pack, to_bits

BITS = 4


def encoding(block):
    return ("#quant_tensor.encoding<{storage = ui4, block = [" + ", ".join(map(str, block))
            + "], scale = bf16, zero_point = ui4}>")


def make_weights(rng, name, shape, block, inputs):
    """Adds a weight's parts to `inputs`; its MLIR argument and values."""
    count = [-(-size // (extent or size)) for size, extent in zip(shape, block)]
    codes = rng.integers(0, 16, shape)
    scales, zeros = rng.choice([0.5, 1.0, -2.0], count), rng.integers(0, 16, count)
    inputs |= {f"{name}.codes": pack(codes, BITS).view(np.int8),
               f"{name}.scales": to_bits(scales.astype(ml_dtypes.bfloat16)),
               f"{name}.zero_points": zeros.astype(np.int8)}
    values = (codes - expand_blocks(zeros, block, shape)) * expand_blocks(scales, block, shape)
    return f"tensor<{'x'.join(map(str, shape))}xbf16, {encoding(block)}>", values


def dense(shape, element="bf16"):
    return f"tensor<{'x'.join(map(str, shape))}x{element}>"


def run(tool, tmp_path, text, inputs, exact, shape):
    """Compares the program's result; `shape` is that of the weights it multiplies."""
    source, artifact = tmp_path / "f.mlir", tmp_path / "f.qmlir"
    source.write_text(text)
    tool("quant-compile", source, "-o", artifact)
    np.savez(tmp_path / "in.npz", **inputs)
    listing = tool("quant-run", artifact, "--list")
    # Neither the program nor what prepares it has dense weights, or loops that
    # decode as they go.
    assert dense(shape) not in " ".join(f"tensor<{word}>" for word in listing.split()), listing
    assert "matmul_" in listing and "reduce_" not in listing, listing
    for device in ("cpu", "emulator"):
        output = tmp_path / f"{device}.npz"
        tool("quant-run", artifact, f"--device={device}", "--bits",
             f"--inputs={tmp_path}/in.npz", f"--output={output}")
        np.testing.assert_array_equal(np.load(output)["y"], exact)


NK = ("affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, "
      "affine_map<(m, n, k) -> (m, n)>")
KN = NK.replace("(n, k)", "(k, n)")


def product(m, shape, order, weights):
    """The end of a program: y = x w, of the dense %w that `weights` computes."""
    n, k = shape if order == "nk" else shape[::-1]
    x, w, y = dense((m, k)), dense(shape), dense((m, n), "f32")
    return f"""{weights}
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : {y}
  %i = linalg.fill ins(%zero : f32) outs(%e : {y}) -> {y}
  %y = linalg.matmul indexing_maps = [{NK if order == "nk" else KN}]
      ins(%x, %w : {x}, {w}) outs(%i : {y}) -> {y}
  return %y : {y}
}}
"""


JOINS = {
    "rows": ("nk", 0, [(64, 96), (33, 96)], [1, 32], False),
    "rows inserted": ("nk", 0, [(64, 96), (32, 96), (16, 96)], [1, 32], True),
    "columns": ("nk", 1, [(24, 128), (24, 64)], [1, 32], False),
    "tails": ("nk", 1, [(24, 96), (24, 96)], [1, 64], True),
    "whole tensors": ("nk", 0, [(64, 64), (32, 64)], [0, 0], False),
    "whole rows": ("nk", 1, [(24, 64), (24, 96)], [1, 0], False),
    "K x N": ("kn", 1, [(64, 40), (64, 25)], [32, 1], False),
    "K x N along K": ("kn", 0, [(64, 24), (32, 24)], [32, 1], True),
}


@pytest.mark.parametrize("m", [1, 7, 40])
@pytest.mark.parametrize("name", JOINS)
def test_joins(tool, tmp_path, name, m):
    order, dim, shapes, block, inserts = JOINS[name]
    rng = np.random.default_rng(m)
    inputs, lines, arguments, parts = {}, [], [], []
    for index, shape in enumerate(shapes):
        kind, values = make_weights(rng, f"w{index}", shape, block, inputs)
        parts.append(values)
        arguments.append(f'%w{index}: {kind} {{quant_tensor.name = "w{index}"}}')
        lines.append(f"  %d{index} = quant_tensor.dequantize %w{index} : {kind} -> {dense(shape)}")
    whole = np.concatenate(parts, axis=dim)
    if inserts:
        lines.append(f"  %r0 = tensor.empty() : {dense(whole.shape)}")
        start = 0
        for index, shape in enumerate(shapes):
            offsets = [0, 0]
            offsets[dim] = start
            start += shape[dim]
            result = "%w" if index + 1 == len(shapes) else f"%r{index + 1}"
            lines.append(f"  {result} = tensor.insert_slice %d{index} into %r{index}{offsets} {list(shape)} [1, 1] : "
                         f"{dense(shape)} into {dense(whole.shape)}")
    else:
        names = ", ".join(f"%d{index}" for index in range(len(shapes)))
        lines.append(f"  %w = tensor.concat dim({dim}) {names} : ({', '.join(map(dense, shapes))}) -> {dense(whole.shape)}")
    n, k = whole.shape if order == "nk" else whole.shape[::-1]
    x = rng.integers(-4, 5, (m, k))
    inputs |= {"x": to_bits(x.astype(ml_dtypes.bfloat16))}
    text = (f'func.func @f(%x: {dense((m, k))} {{quant_tensor.name = "x"}}, {", ".join(arguments)})'
            f' -> ({dense((m, n), "f32")} {{quant_tensor.name = "y"}}) {{\n'
            + product(m, whole.shape, order, "\n".join(lines)))
    run(tool, tmp_path, text, inputs, x @ (whole.T if order == "nk" else whole), whole.shape)


SLICES = {
    "rows": ((64, 96), [1, 32], (5, 0), (40, 96)),
    "groups": ((64, 160), [1, 32], (0, 64), (64, 96)),
    "tail": ((64, 104), [1, 32], (0, 64), (64, 40)),
    "within a group": ((64, 128), [1, 128], (8, 32), (16, 64)),
    "expert": ((3, 32, 96), [1, 1, 32], (2, 0, 0), (1, 32, 96)),
    "expert of one scale": ((3, 32, 96), [0, 0, 0], (1, 8, 32), (1, 16, 64)),
}


@pytest.mark.parametrize("name", SLICES)
def test_slices(tool, tmp_path, name):
    shape, block, offsets, sizes = SLICES[name]
    rng, m = np.random.default_rng(4), 5
    inputs = {}
    kind, values = make_weights(rng, "w0", shape, block, inputs)
    taken = values[tuple(slice(o, o + s) for o, s in zip(offsets, sizes))].reshape(sizes[-2:])
    lines = f"""  %d = quant_tensor.dequantize %w0 : {kind} -> {dense(shape)}
  %w = tensor.extract_slice %d{list(offsets)} {list(sizes)} {[1] * len(sizes)} : {dense(shape)} to {dense(taken.shape)}"""
    n, k = taken.shape
    x = rng.integers(-4, 5, (m, k))
    inputs |= {"x": to_bits(x.astype(ml_dtypes.bfloat16))}
    text = (f'func.func @f(%x: {dense((m, k))} {{quant_tensor.name = "x"}}, %w0: {kind} {{quant_tensor.name = "w0"}})'
            f' -> ({dense((m, n), "f32")} {{quant_tensor.name = "y"}}) {{\n' + product(m, taken.shape, "nk", lines))
    run(tool, tmp_path, text, inputs, x @ taken.T, taken.shape)


RESHAPES = {
    "joined rows": ((4, 8, 96), [1, 1, 32], "collapse", "[[0, 1], [2]]", (32, 96)),
    "joined columns": ((24, 3, 32), [1, 1, 0], "collapse", "[[0], [1, 2]]", (24, 96)),
    "one scale": ((4, 8, 96), [0, 0, 0], "collapse", "[[0, 1], [2]]", (32, 96)),
    "split rows": ((32, 96), [16, 32], "expand", "[[0, 1], [2]]", (4, 8, 96)),
    "split rows of one scale": ((32, 96), [0, 0], "expand", "[[0, 1], [2]]", (4, 8, 96)),
}


@pytest.mark.parametrize("name", RESHAPES)
def test_reshapes(tool, tmp_path, name):
    shape, block, kind_of, groups, reshaped = RESHAPES[name]
    rng, m = np.random.default_rng(4), 5
    inputs = {}
    kind, values = make_weights(rng, "w0", shape, block, inputs)
    output = f" output_shape {list(reshaped)}" if kind_of == "expand" else ""
    taken = values.reshape(reshaped)
    lines = f"""  %d = quant_tensor.dequantize %w0 : {kind} -> {dense(shape)}
  %v = tensor.{kind_of}_shape %d {groups}{output} : {dense(shape)} into {dense(reshaped)}"""
    whole = taken if taken.ndim == 2 else taken[2]
    lines += "\n  %w = " + (
        f"tensor.cast %v : {dense(reshaped)} to {dense(reshaped)}" if taken.ndim == 2 else
        f"tensor.extract_slice %v[2, 0, 0] [1, 8, 96] [1, 1, 1] : {dense(reshaped)} to {dense(whole.shape)}")
    n, k = whole.shape
    x = rng.integers(-4, 5, (m, k))
    inputs |= {"x": to_bits(x.astype(ml_dtypes.bfloat16))}
    text = (f'func.func @f(%x: {dense((m, k))} {{quant_tensor.name = "x"}}, %w0: {kind} {{quant_tensor.name = "w0"}})'
            f' -> ({dense((m, n), "f32")} {{quant_tensor.name = "y"}}) {{\n' + product(m, whole.shape, "nk", lines))
    run(tool, tmp_path, text, inputs, x @ whole.T, whole.shape)


# Loops of the activations, the weights and the result, and the weights' blocks.
BATCHES = {
    "N x K": ("bmk", "bnk", "bmn", [1, 1, 32]),
    "K x N": ("bmk", "bkn", "bmn", [1, 32, 1]),
    "one scale": ("bmk", "bnk", "bmn", [0, 0, 0]),
    "shared activations": ("mk", "bnk", "bmn", [1, 1, 32]),
    "vectors": ("bk", "bnk", "bn", [1, 1, 32]),
    "two of them": ("cbmk", "cbnk", "cmbn", [1, 1, 1, 32]),
}


@pytest.mark.parametrize("starts", [False, True])
@pytest.mark.parametrize("name", BATCHES)
def test_batches(tool, tmp_path, name, starts):
    x_loops, w_loops, y_loops, block = BATCHES[name]
    sizes = {"c": 2, "b": 3, "m": 5, "n": 24, "k": 96}
    rng, inputs = np.random.default_rng(6), {}
    shapes = [tuple(sizes[loop] for loop in loops) for loops in (x_loops, w_loops, y_loops)]
    kind, values = make_weights(rng, "w", shapes[1], block, inputs)
    x = rng.integers(-4, 5, shapes[0])
    inputs |= {"x": to_bits(x.astype(ml_dtypes.bfloat16))}
    exact = np.einsum(f"{x_loops},{w_loops}->{y_loops}", x, values)
    loops = [loop for loop in "cbmnk" if loop in x_loops + w_loops]
    maps = ", ".join(f"affine_map<({', '.join(loops)}) -> ({', '.join(each)})>" for each in (x_loops, w_loops, y_loops))
    kinds = ", ".join('"reduction"' if loop == "k" else '"parallel"' for loop in loops)
    y = dense(shapes[2], "f32")
    extra, init = "", f"""  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : {y}
  %i = linalg.fill ins(%zero : f32) outs(%e : {y}) -> {y}"""
    if starts:
        inputs["i"] = rng.integers(-9, 9, shapes[2]).astype(np.float32)
        exact = exact + inputs["i"]
        extra, init = f', %i: {y} {{quant_tensor.name = "i"}}', ""
    text = f"""func.func @f(%x: {dense(shapes[0])} {{quant_tensor.name = "x"}}, %w: {kind} {{quant_tensor.name = "w"}}{extra})
    -> ({y} {{quant_tensor.name = "y"}}) {{
{init}
  %y = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}}
      ins(%x, %w : {dense(shapes[0])}, {kind}) outs(%i : {y}) {{
  ^bb0(%a: bf16, %b: bf16, %o: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %o, %2 : f32
    linalg.yield %3 : f32
  }} -> {y}
  return %y : {y}
}}
"""
    run(tool, tmp_path, text, inputs, exact, shapes[1])


@pytest.mark.parametrize("x_loops, y_loops", [("k", "n"), ("mk", "mn"), ("mk", "nm")])
def test_multiplied_and_summed(tool, tmp_path, x_loops, y_loops):
    """A product that is an elementwise one and a sum."""
    sizes = {"m": 5, "n": 24, "k": 96}
    rng, inputs = np.random.default_rng(8), {}
    kind, values = make_weights(rng, "w", (24, 96), [1, 32], inputs)
    shapes = [tuple(sizes[loop] for loop in loops) for loops in (x_loops, y_loops + "k", y_loops)]
    x = rng.integers(-4, 5, shapes[0])
    inputs |= {"x": to_bits(x.astype(ml_dtypes.bfloat16))}
    loops = ", ".join(y_loops + "k")
    maps = ", ".join(f"affine_map<({loops}) -> ({', '.join(each)})>" for each in (x_loops, "nk", y_loops + "k"))
    kinds = [dense(shapes[0], "bf16"), dense((24, 96)), dense(shapes[1], "f32"), dense(shapes[2], "f32")]
    text = f"""func.func @f(%x: {kinds[0]} {{quant_tensor.name = "x"}}, %w: {kind} {{quant_tensor.name = "w"}}) -> ({kinds[3]} {{quant_tensor.name = "y"}}) {{
  %d = quant_tensor.dequantize %w : {kind} -> {kinds[1]}
  %e = tensor.empty() : {kinds[2]}
  %p = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{', '.join(['"parallel"'] * len(shapes[1]))}]}}
      ins(%x, %d : {kinds[0]}, {kinds[1]}) outs(%e : {kinds[2]}) {{
  ^bb0(%a: bf16, %b: bf16, %o: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    linalg.yield %2 : f32
  }} -> {kinds[2]}
  %zero = arith.constant dense<0.0> : {kinds[3]}
  %y = linalg.reduce {{arith.addf}} ins(%p : {kinds[2]}) outs(%zero : {kinds[3]}) dimensions = [{len(y_loops)}]
  return %y : {kinds[3]}
}}
"""
    run(tool, tmp_path, text, inputs, np.einsum(f"{x_loops},nk->{y_loops}", x, values), (24, 96))
