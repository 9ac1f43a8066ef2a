"""Products whose body converts or decodes one operand, as `linalg.matmul` of
bf16 and i8 does, and 8-bit floats that are scaled in front of one: the codes
are decoded inside of a kernel for products, and results are near to float64."""

import random

import ml_dtypes
import numpy as np
import pytest

import reference_runner as reference

ELEMENTS = {
    "bf16": ml_dtypes.bfloat16, "f16": np.float16, "f32": np.float32, "i8": np.int8,
    "f8E4M3FN": ml_dtypes.float8_e4m3fn, "f8E5M2": ml_dtypes.float8_e5m2,
}
HEAD = """
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(n, k) -> (n, k)>
"""
N, K = 40, 96


def values(rng, element, shape):
    if element == "i8":
        return rng.integers(-128, 128, shape, dtype=np.int8)
    return rng.standard_normal(shape).astype(ELEMENTS[element])


def check(tool, tmp_path, text, inputs, exact, magnitude, kernel):
    results, manifest = reference.run_artifact(tool, tmp_path, text, inputs)
    names = [each["name"] for each in manifest["kernels"]]
    assert any(name.startswith("matmul") and kernel in name for name in names), names
    # As exact as 16-bit floats are, whatever is rounded to them on the way.
    bound = 2.0**-8 * magnitude + 1e-4
    for y in results:
        y = y.view(np.float32).astype(np.float64)
        assert (np.isnan(y) == np.isnan(exact)).all()
        wrong = np.abs(y - exact) > bound
        assert not wrong.any(), (y[wrong], exact[wrong])


def function(arguments, m, body):
    text = ", ".join(f'%{name}: tensor<{kind}> {{quant_tensor.name = "{name}"}}'
                     for name, kind in arguments.items())
    y = f"tensor<{m}x{N}xf32>"
    return HEAD + f"""func.func @f({text}) -> {y} {{
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : {y}
  %init = linalg.fill ins(%zero : f32) outs(%empty : {y}) -> {y}
  {body}
  return %y : {y}
}}
"""


@pytest.mark.parametrize("m", [1, 21])
@pytest.mark.parametrize("x, w, order, unsigned, kernel", [
    ("bf16", "i8", "nk", False, ""), ("bf16", "i8", "kn", True, ""), ("f16", "i8", "kn", False, ""),
    ("f32", "i8", "nk", False, "reduce"), ("i8", "i8", "kn", False, "mma"),
    ("bf16", "f8E4M3FN", "nk", False, ""), ("f16", "f8E5M2", "nk", False, ""),
])
def test_named(tool, tmp_path, m, x, w, order, unsigned, kernel):
    """linalg.matmul of two types."""
    rng = np.random.default_rng(m)
    shape = (N, K) if order == "nk" else (K, N)
    X, W, Y = f"{m}x{K}x{x}", f"{shape[0]}x{shape[1]}x{w}", f"tensor<{m}x{N}xf32>"
    cast = " {cast = #linalg.type_fn<cast_unsigned>}" if unsigned else ""
    text = function({"x": X, "w": W}, m, f"""
  %y = linalg.matmul indexing_maps = [#mk, #{order}, #mn]{cast} ins(%x, %w : tensor<{X}>, tensor<{W}>)
      outs(%init : {Y}) -> {Y}""")
    inputs = {"x": values(rng, x, (m, K)), "w": values(rng, w, shape)}
    if w == "f8E4M3FN":
        inputs["w"][3, 5] = np.nan
    wide = [(inputs[name].view(np.uint8) if unsigned and name == "w" else inputs[name]).astype(np.float64)
            for name in "xw"]
    right = wide[1].T if order == "nk" else wide[1]
    check(tool, tmp_path, text, inputs, wide[0] @ right, np.abs(wide[0]) @ np.abs(np.nan_to_num(right)),
          kernel or "matmul")


@pytest.mark.parametrize("m", [1, 21])
@pytest.mark.parametrize("grouped", [False, True])
def test_decoded_in_the_body(tool, tmp_path, m, grouped):
    """(w - z) * s in the body, by rows or groups of 32 columns."""
    rng = np.random.default_rng(m)
    groups = 3 if grouped else 1
    read = "(n, k floordiv 32)" if grouped else "(n, 0)"
    P, Y = f"{N}x{groups}xf32", f"tensor<{m}x{N}xf32>"
    text = function({"x": f"{m}x{K}xbf16", "w": f"{N}x{K}xi8", "s": P, "z": P}, m, f"""
  %y = linalg.generic {{indexing_maps = [#mk, #nk, affine_map<(m, n, k) -> {read}>, affine_map<(m, n, k) -> {read}>, #mn],
                       iterator_types = ["parallel", "parallel", "reduction"]}}
      ins(%x, %w, %s, %z : tensor<{m}x{K}xbf16>, tensor<{N}x{K}xi8>, tensor<{P}>, tensor<{P}>) outs(%init : {Y}) {{
  ^bb0(%a: bf16, %c: i8, %scale: f32, %zero_point: f32, %o: f32):
    %0 = arith.sitofp %c : i8 to f32
    %1 = arith.subf %0, %zero_point : f32
    %2 = arith.mulf %1, %scale : f32
    %3 = arith.extf %a : bf16 to f32
    %4 = arith.mulf %3, %2 : f32
    %5 = arith.addf %o, %4 : f32
    linalg.yield %5 : f32
  }} -> {Y}""")
    inputs = {"x": values(rng, "bf16", (m, K)), "w": values(rng, "i8", (N, K)),
              "s": rng.uniform(0.01, 0.02, (N, groups)).astype(np.float32),
              "z": rng.integers(-8, 8, (N, groups)).astype(np.float32)}
    x, w, s, z = (inputs[name].astype(np.float64) for name in "xwsz")
    s, z = (np.repeat(a, K // groups, 1) for a in (s, z))
    check(tool, tmp_path, text, inputs, x @ ((w - z) * s).T, np.abs(x) @ ((np.abs(w) + np.abs(z)) * s).T, "matmul")


class RandomBody:
    """A product whose body decodes one operand: codes of some type in some order,
    with a zero point and a scale per tensor, row or group that the body reads or
    sees from outside."""

    def __init__(self, seed):
        rng, numbers = random.Random(seed), np.random.default_rng(seed)
        group, groups = rng.choice([16, 32]), rng.choice([2, 3])
        sizes = {"b": 2, "m": rng.choice([1, 3, 17, 40]), "n": rng.choice([8, 24, 38]),
                 "k": group * groups, "g": groups, "q": group}
        # K as it is, or in groups of its own.
        split = rng.random() < 0.25
        contracted = ["g", "q"] if split else ["k"]
        batch = ["b"] if rng.random() < 0.3 else []
        self.loops = [*batch, "m", "n", *contracted]
        self.kinds = ["parallel"] * (len(self.loops) - len(contracted)) + ["reduction"] * len(contracted)
        self.out, x_loops = [*batch, "m", "n"], [*batch, "m", *contracted]
        w_loops = rng.choice([["n", *contracted], [*contracted, "n"]])
        self.sizes, self.arguments, self.inputs, self.body = sizes, [], [], []

        x = rng.choice(["bf16", "f16", "f32"])
        shape = [sizes[loop] for loop in x_loops]
        self.read("x", x_loops, x, values(numbers, x, shape))
        left = self.arguments[-1][2].astype(np.float64)
        w = rng.choice(["i8", "i8", "i4", "f8E4M3FN"])
        self.unsigned = w[0] == "i" and rng.random() < 0.4
        shape = [sizes[loop] for loop in w_loops]
        if w[0] == "i":
            low = 0 if self.unsigned else -(1 << (int(w[1]) - 1))
            codes = numbers.integers(low, low + (1 << int(w[1])), shape)
            stored = codes.astype(np.uint8).view(np.int8) if w == "i8" else reference.pack(codes, 4).view(np.int8)
        else:
            codes = stored = values(numbers, w, shape)
        self.read("w", w_loops, w, stored)
        right = codes.astype(np.float64)

        def along(array, loops):
            """An array of some of n, g as one that is added to the codes."""
            array = array.astype(np.float64)
            if "g" in loops and not split:
                array = np.repeat(array, group, -1)
            names = [("k" if loop == "g" and not split else loop) for loop in loops]
            array = np.transpose(array, np.argsort([w_loops.index(loop) for loop in names]))
            return np.expand_dims(array, [i for i, loop in enumerate(w_loops) if loop not in names])

        def parameter(name, element, low, high):
            """Its value in the body, and as an array."""
            loops = rng.choice([["n"], ["n", "g"], [], None, "constant"])
            draw = lambda shape: (numbers.integers(low, high, shape).astype(np.int32) if element == "i32"
                                  else numbers.uniform(low, high, shape).astype(np.float32))
            array = draw([sizes[loop] for loop in loops] if isinstance(loops, list) else ())
            if loops == "constant":
                text = str(int(array)) if element == "i32" else f"{float(array)!r}"
                self.body.append(f"%c{name} = arith.constant {text} : {element}")
                return f"%c{name}", array
            if loops is None:
                self.arguments.append((name, element, array))
                return f"%{name}", array
            reads = [f"k floordiv {group}" if loop == "g" and not split else loop for loop in loops]
            self.read(name, loops, element, array, reads)
            return f"%_{name}", along(array, loops)

        value = "%_w"
        sign = "u" if self.unsigned else "s"
        has_zero = w[0] == "i" and rng.random() < 0.6
        if has_zero and rng.random() < 0.5:
            zero, array = parameter("z", "i32", -20, 20)
            self.body += [f"%wide = arith.ext{sign}i {value} : {w} to i32",
                          f"%moved = arith.subi %wide, {zero} : i32", "%f = arith.sitofp %moved : i32 to f32"]
            right = right - array
        elif w[0] == "i":
            name = "%wide" if has_zero else "%f"
            self.body.append(f"{name} = arith.{sign}itofp {value} : {w} to f32")
            if has_zero:
                zero, array = parameter("z", "f32", -20, 20)
                self.body.append(f"%f = arith.subf %wide, {zero} : f32")
                right = right - array
        else:
            self.body.append(f"%f = arith.extf {value} : {w} to f32")
        value = "%f"
        if rng.random() < 0.8:
            scale, array = parameter("s", "f32", 0.5, 1.5)
            self.body.append(f"%scaled = arith.mulf {', '.join(rng.sample([value, scale], 2))} : f32")
            value, right = "%scaled", right * array
        factors = [value, "%_x"]
        if x != "f32":
            self.body.append(f"%xf = arith.extf %_x : {x} to f32")
            factors[1] = "%xf"
        self.body += [f"%p = arith.mulf {', '.join(rng.sample(factors, 2))} : f32",
                      f"%t = arith.addf {', '.join(rng.sample(['%p', '%o'], 2))} : f32"]
        rng.shuffle(self.inputs)
        equation = f"{''.join(x_loops)},{''.join(w_loops)}->{''.join(self.out)}"
        self.exact = np.einsum(equation, left, right)
        self.magnitude = np.einsum(equation, np.abs(left), np.abs(right) + (32.0 if has_zero else 0.0))

    def read(self, name, loops, element, array, reads=None):
        kind = f"tensor<{''.join(f'{self.sizes[loop]}x' for loop in loops)}{element}>"
        self.arguments.append((name, kind, array))
        self.inputs.append((name, kind, element, reads or loops))

    def mlir(self):
        y = f"tensor<{''.join(f'{self.sizes[loop]}x' for loop in self.out)}f32>"
        map_of = lambda reads: f"affine_map<({', '.join(self.loops)}) -> ({', '.join(reads)})>"
        return f"""
func.func @f({', '.join(f'%{n}: {k} {{quant_tensor.name = "{n}"}}' for n, k, _ in self.arguments)}) -> {y} {{
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : {y}
  %init = linalg.fill ins(%zero : f32) outs(%empty : {y}) -> {y}
  %y = linalg.generic {{indexing_maps = [{', '.join(map_of(i[3]) for i in self.inputs)}, {map_of(self.out)}],
                       iterator_types = [{', '.join(f'"{kind}"' for kind in self.kinds)}]}}
      ins({', '.join('%' + i[0] for i in self.inputs)} : {', '.join(i[1] for i in self.inputs)})
      outs(%init : {y}) {{
  ^bb0({', '.join(f'%_{i[0]}: {i[2]}' for i in self.inputs)}, %o: f32):
    {chr(10).join(self.body)}
    linalg.yield %t : f32
  }} -> {y}
  return %y : {y}
}}
"""


@pytest.mark.parametrize("seed", range(24))
def test_random_bodies(tool, tmp_path, seed):
    program = RandomBody(seed)
    inputs = {name: array for name, _, array in program.arguments}
    check(tool, tmp_path, program.mlir(), inputs, program.exact, program.magnitude, "matmul")


def scaled(name, rows, element, scale, read):
    """Lines that decode %<name> by %s<name> to %d<name> in bf16."""
    kind = scale.split("x")[-1]
    wide = f"%wide = arith.extf %s : {kind} to f32" if kind != "f32" else ""
    factor = "%wide" if wide else "%s"
    return f"""
  %e{name} = tensor.empty() : tensor<{rows}x256xbf16>
  %d{name} = linalg.generic {{indexing_maps = [#id, affine_map<(n, k) -> {read}>, #id],
                            iterator_types = ["parallel", "parallel"]}}
      ins(%{name}, %s{name} : tensor<{rows}x256x{element}>, tensor<{scale}>) outs(%e{name} : tensor<{rows}x256xbf16>) {{
  ^bb0(%c: {element}, %s: {kind}, %o: bf16):
    {wide}
    %0 = arith.extf %c : {element} to f32
    %1 = arith.mulf %0, {factor} : f32
    %2 = arith.truncf %1 : f32 to bf16
    linalg.yield %2 : bf16
  }} -> tensor<{rows}x256xbf16>"""


#: Element, scales and how they are read of the activations (none: bf16 as it is) and of the weights.
FLOATS = {
    "weights": (None, ("f8E4M3FN", f"{N}xbf16", "(n)")),
    "weights-mxfp8": (None, ("f8E5M2", f"{N}x8xf8E8M0FNU", "(n, k floordiv 32)")),
    "rows": (("f8E4M3FN", "21xf32", "(n)"), ("f8E5M2", f"{N}xf32", "(n)")),
    "blocks": (("f8E4M3FN", "21x2xf32", "(n, k floordiv 128)"),
               ("f8E4M3FN", "1x2xf32", "(n floordiv 64, k floordiv 128)")),
}


@pytest.mark.parametrize("name", FLOATS)
def test_scaled_floats(tool, tmp_path, name):
    """8-bit floats times a scale, in front of a product of bf16."""
    rng = np.random.default_rng(3)
    arguments, inputs, lines, factors = {}, {}, "", []
    for letter, rows, side in zip("xw", (21, N), FLOATS[name]):
        if not side:
            arguments[letter] = f"{rows}x256xbf16"
            inputs[letter] = values(rng, "bf16", (rows, 256))
            factors.append((f"%{letter}", inputs[letter].astype(np.float64)))
            continue
        element, scale, read = side
        *shape, kind = scale.split("x")
        shape = tuple(map(int, shape))
        arguments |= {letter: f"{rows}x256x{element}", f"s{letter}": scale}
        inputs[letter] = values(rng, element, (rows, 256))
        if kind == "f8E8M0FNU":
            scales = np.exp2(rng.integers(-2, 3, shape)).astype(ml_dtypes.float8_e8m0fnu)
        else:
            scales = rng.uniform(0.5, 1, shape).astype(ELEMENTS[kind])
        inputs[f"s{letter}"] = scales
        lines += scaled(letter, rows, element, scale, read)
        wide = scales.astype(np.float64).reshape(shape if len(shape) == 2 else (*shape, 1))
        block = [1 if wide.shape[0] == rows else 0, 256 // wide.shape[1]]
        wide = reference.expand_blocks(wide, block, (rows, 256))
        factors.append((f"%d{letter}", inputs[letter].astype(np.float64) * wide))
    (x, left), (w, right) = factors
    text = function(arguments, 21, f"""{lines}
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins({x}, {w} : tensor<21x256xbf16>, tensor<{N}x256xbf16>)
      outs(%init : tensor<21x{N}xf32>) -> tensor<21x{N}xf32>""")
    check(tool, tmp_path, text, inputs, left @ right.T, np.abs(left) @ np.abs(right).T,
          "wgmma_decode" if name.startswith("weights") else "wgmma")


#: Storage of the activations, whose rows have a scale each, and of the weights with their blocks.
CODES = {
    "nibbles": ("f8E4M3FN", "i4", [1, 32]), "bytes": ("f8E5M2", "i8", [1, 0]),
    "blocks of rows": ("f8E4M3FN", "i8", [8, 32]),
}


@pytest.mark.parametrize("m", [1, 7, 40])
@pytest.mark.parametrize("name", CODES)
def test_encoded_floats(tool, tmp_path, name, m):
    """Activations in 8-bit floats are multiplied with decoded weights. Small
    integers and scales that are powers of two, so results are exact."""
    storage, weights, block = CODES[name]
    rng = np.random.default_rng(m)
    x, w = rng.integers(-4, 5, (m, K)), rng.integers(-8, 8, (N, K))
    sx = rng.choice([0.5, 1.0, 2.0], (m, 1)).astype(np.float32)
    sw = rng.choice([0.5, 1.0, -2.0], [-(-size // (extent or size)) for size, extent in zip((N, K), block)])
    packed = reference.pack(w, 4).view(np.int8) if weights == "i4" else w.astype(ELEMENTS[weights])
    text = HEAD + f"""
#x = #quant_tensor.encoding<{{storage = {storage}, block = [1, 0], scale = f32}}>
#w = #quant_tensor.encoding<{{storage = {weights}, block = {block}, scale = bf16}}>
func.func @f(%x: tensor<{m}x{K}xbf16, #x>, %w: tensor<{N}x{K}xbf16, #w>) -> tensor<{m}x{N}xf32> {{
  %zero = arith.constant dense<0.0> : tensor<{m}x{N}xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<{m}x{K}xbf16, #x>, tensor<{N}x{K}xbf16, #w>)
      outs(%zero : tensor<{m}x{N}xf32>) -> tensor<{m}x{N}xf32>
  return %y : tensor<{m}x{N}xf32>
}}
"""
    results, manifest = reference.run_artifact(tool, tmp_path, text, {
        "arg0.codes": x.astype(ELEMENTS[storage]), "arg0.scales": sx,
        "arg1.codes": packed, "arg1.scales": sw.astype(ml_dtypes.bfloat16)})
    for y in results:
        np.testing.assert_array_equal(y.view(np.float32), (x * sx) @ (w * reference.expand_blocks(sw, block, (N, K))).T)
    names = [kernel["name"] for kernel in manifest["kernels"]]
    assert any(name.startswith("matmul") for name in names) and not any("reduce_" in name for name in names), names
