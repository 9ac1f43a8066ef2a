"""Programs of row-local ops: per-token int8 quantization, alone and behind a
norm or an activation. What bench_rows.py times and the tests run."""

import math

import numpy as np
from programs import write_gelu
from weights import DTYPES

MAPS = """
#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
#column = affine_map<(m, k) -> (k)>
#only = affine_map<(m) -> (m)>
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
"""


def reduction(result, source, columns, element, body, start):
    return f"""
  %{result}_start = arith.constant {start} : f32
  %{result}_fill = linalg.fill ins(%{result}_start : f32) outs(%rows : tensor<?xf32>) -> tensor<?xf32>
  %{result} = linalg.generic {{indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}}
      ins(%{source} : tensor<?x{columns}x{element}>) outs(%{result}_fill : tensor<?xf32>) {{
  ^bb0(%v: {element}, %acc: f32):
    {body}
    linalg.yield %r : f32
  }} -> tensor<?xf32>"""


def widen(element, name="v"):
    if element == "f32":
        return f"%{name}32 = arith.addf %{name}, %{name}0 : f32".replace(f"%{name}0", "%zero")
    return f"%{name}32 = arith.extf %{name} : {element} to f32"


def program(kind, columns, element):
    """An MLIR function from x (and y, gamma) to codes and scales, or to floats."""
    x = f"tensor<?x{columns}x{element}>"
    f = f"tensor<?x{columns}xf32>"
    lines = [
        "  %c0 = arith.constant 0 : index\n  %zero = arith.constant 0.0 : f32",
        f"  %m = tensor.dim %x, %c0 : {x}",
        "  %rows = tensor.empty(%m) : tensor<?xf32>",
        f"  %wide = tensor.empty(%m) : {f}",
    ]
    arguments = [f'%x: {x} {{quant_tensor.name = "x"}}']
    if kind == "rmsnorm":
        arguments.append(f'%gamma: tensor<{columns}xf32> {{quant_tensor.name = "gamma"}}')
        lines.append(
            reduction(
                "sum", "x", columns, element,
                f"{widen(element)}\n    %s = arith.mulf %v32, %v32 : f32\n"
                "    %r = arith.addf %acc, %s : f32", "0.0",
            )
        )
        lines.append(f"""
  %inv = linalg.generic {{indexing_maps = [#only, #only], iterator_types = ["parallel"]}}
      ins(%sum : tensor<?xf32>) outs(%rows : tensor<?xf32>) {{
  ^bb0(%v: f32, %o: f32):
    %n = arith.constant {float(columns)} : f32
    %eps = arith.constant 1.0e-5 : f32
    %mean = arith.divf %v, %n : f32
    %e = arith.addf %mean, %eps : f32
    %root = math.sqrt %e : f32
    %one = arith.constant 1.0 : f32
    %r = arith.divf %one, %root : f32
    linalg.yield %r : f32
  }} -> tensor<?xf32>
  %y = linalg.generic {{indexing_maps = [#full, #row, #column, #full], iterator_types = ["parallel", "parallel"]}}
      ins(%x, %inv, %gamma : {x}, tensor<?xf32>, tensor<{columns}xf32>) outs(%wide : {f}) {{
  ^bb0(%v: {element}, %i: f32, %g: f32, %o: f32):
    {widen(element)}
    %a = arith.mulf %v32, %i : f32
    %r = arith.mulf %a, %g : f32
    linalg.yield %r : f32
  }} -> {f}""")
    elif kind == "layernorm":
        arguments.append(f'%gamma: tensor<{columns}xf32> {{quant_tensor.name = "gamma"}}')
        arguments.append(f'%beta: tensor<{columns}xf32> {{quant_tensor.name = "beta"}}')
        lines.append(
            reduction(
                "sum", "x", columns, element,
                f"{widen(element)}\n    %r = arith.addf %acc, %v32 : f32", "0.0",
            )
        )
        lines.append(f"""
  %mean = linalg.generic {{indexing_maps = [#only, #only], iterator_types = ["parallel"]}}
      ins(%sum : tensor<?xf32>) outs(%rows : tensor<?xf32>) {{
  ^bb0(%v: f32, %o: f32):
    %n = arith.constant {float(columns)} : f32
    %r = arith.divf %v, %n : f32
    linalg.yield %r : f32
  }} -> tensor<?xf32>
  %centred = linalg.generic {{indexing_maps = [#full, #row, #full], iterator_types = ["parallel", "parallel"]}}
      ins(%x, %mean : {x}, tensor<?xf32>) outs(%wide : {f}) {{
  ^bb0(%v: {element}, %a: f32, %o: f32):
    {widen(element)}
    %r = arith.subf %v32, %a : f32
    linalg.yield %r : f32
  }} -> {f}""")
        lines.append(
            reduction(
                "squares", "centred", columns, "f32",
                "%s = arith.mulf %v, %v : f32\n    %r = arith.addf %acc, %s : f32", "0.0",
            )
        )
        lines.append(f"""
  %y = linalg.generic {{indexing_maps = [#full, #row, #column, #column, #full], iterator_types = ["parallel", "parallel"]}}
      ins(%centred, %squares, %gamma, %beta : {f}, tensor<?xf32>, tensor<{columns}xf32>, tensor<{columns}xf32>) outs(%wide : {f}) {{
  ^bb0(%v: f32, %q: f32, %g: f32, %b: f32, %o: f32):
    %n = arith.constant {float(columns)} : f32
    %eps = arith.constant 1.0e-5 : f32
    %mean_of_squares = arith.divf %q, %n : f32
    %e = arith.addf %mean_of_squares, %eps : f32
    %inverse = math.rsqrt %e : f32
    %scaled = arith.mulf %v, %inverse : f32
    %weighted = arith.mulf %scaled, %g : f32
    %r = arith.addf %weighted, %b : f32
    linalg.yield %r : f32
  }} -> {f}""")
    elif kind == "gelu":
        lines.append(f"""
  %y = linalg.generic {{indexing_maps = [#full, #full], iterator_types = ["parallel", "parallel"]}}
      ins(%x : {x}) outs(%wide : {f}) {{
  ^bb0(%v: {element}, %o: f32):
    {widen(element)}
{write_gelu("%v32")}    linalg.yield %r : f32
  }} -> {f}""")
    elif kind == "gate":
        arguments.append(f'%up: {x} {{quant_tensor.name = "up"}}')
        lines.append(f"""
  %y = linalg.generic {{indexing_maps = [#full, #full, #full], iterator_types = ["parallel", "parallel"]}}
      ins(%x, %up : {x}, {x}) outs(%wide : {f}) {{
  ^bb0(%v: {element}, %w: {element}, %o: f32):
    {widen(element)}
    {widen(element, "w")}
    %one = arith.constant 1.0 : f32
    %n = arith.negf %v32 : f32
    %e = math.exp %n : f32
    %d = arith.addf %one, %e : f32
    %s = arith.divf %v32, %d : f32
    %r = arith.mulf %s, %w32 : f32
    linalg.yield %r : f32
  }} -> {f}""")
    elif kind == "plain":
        lines.append(f"""
  %y = linalg.generic {{indexing_maps = [#full, #full], iterator_types = ["parallel", "parallel"]}}
      ins(%x : {x}) outs(%wide : {f}) {{
  ^bb0(%v: {element}, %o: f32):
    {widen(element)}
    linalg.yield %v32 : f32
  }} -> {f}""")
    lines.append(f"  %q = quant_tensor.quantize %y : {f} -> tensor<?x{columns}xf32, #token>")
    lines.append(
        f"  %codes, %scales = quant_tensor.disassemble %q : tensor<?x{columns}xf32, #token>"
        f" -> tensor<?x{columns}xi8>, tensor<?x1xf32>"
    )
    lines.append(f"  return %codes, %scales : tensor<?x{columns}xi8>, tensor<?x1xf32>")
    return (
        f"{MAPS}func.func @f({', '.join(arguments)}) -> "
        f'(tensor<?x{columns}xi8> {{quant_tensor.name = "codes"}},'
        f' tensor<?x1xf32> {{quant_tensor.name = "scales"}}) {{\n' + "\n".join(lines) + "\n}\n"
    )


def exact(kind, inputs):
    """What is quantized, in float64."""
    x = inputs["x"].astype(np.float64)
    if kind == "rmsnorm":
        inverse = 1 / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-5)
        return x * inverse * inputs["gamma"].astype(np.float64)
    if kind == "layernorm":
        x = x - x.mean(axis=1, keepdims=True)
        inverse = 1 / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-5)
        return x * inverse * inputs["gamma"].astype(np.float64) + inputs["beta"].astype(np.float64)
    if kind == "gelu":
        erf = np.vectorize(math.erf, otypes=[np.float64])
        return 0.5 * x * (1 + erf(x / np.sqrt(2)))
    if kind == "gate":
        return x / (1 + np.exp(-x)) * inputs["up"].astype(np.float64)
    return x


class Rows:
    """One of these programs, for any number of rows."""

    chip = "sm_90a"

    def __init__(self, kind, columns, element="bf16"):
        self.arguments = dict(kind=kind, columns=columns, element=element)
        self.kind, self.columns, self.element = kind, columns, element
        self.name = f"{kind}-{columns}-{element}"

    def mlir(self):
        return program(self.kind, self.columns, self.element)

    def inputs(self, rows):
        """Random arrays by the names of the arguments."""
        rng = np.random.default_rng(self.columns)
        shape = (rows, self.columns)
        arrays = {"x": rng.standard_normal(shape, dtype=np.float32).astype(DTYPES[self.element])}
        if self.kind == "gate":
            up = rng.standard_normal(shape, dtype=np.float32)
            arrays["up"] = up.astype(DTYPES[self.element])
        if self.kind in ("rmsnorm", "layernorm"):
            arrays["gamma"] = rng.uniform(0.5, 2, self.columns).astype(np.float32)
        if self.kind == "layernorm":
            arrays["beta"] = rng.uniform(-1, 1, self.columns).astype(np.float32)
        return arrays

    def check(self, inputs, codes, scales):
        """Raises where codes and scales are not those of what is exact, to the
        rounding of f32 before them."""
        y = exact(self.kind, inputs)
        largest = np.abs(y).max(axis=1, keepdims=True, initial=0)
        wanted = np.where(largest == 0, 1, largest / 127)
        np.testing.assert_allclose(scales, wanted, rtol=4e-6)
        wide = codes.astype(np.float64)
        assert np.all(np.abs(wide - np.clip(y / scales, -128, 127)) <= 0.5 + 2e-3)


#: What bench_rows.py times: kind, rows, columns; bf16 data of 32 MiB and more.
LINES = [
    ("plain", 4096, 4096),
    ("plain", 65536, 1280),
    ("plain", 65536, 5120),
    ("plain", 16384, 11008),
    ("plain", 8192, 28672),
    ("rmsnorm", 16384, 4096),
    ("rmsnorm", 65536, 1280),
    ("layernorm", 16384, 4096),
    ("layernorm", 65536, 1280),
    ("gate", 4096, 11008),
    ("gate", 16384, 11008),
    ("gelu", 16384, 11008),
    ("gelu", 65536, 5120),
    # Rows that nothing was tuned for.
    *(
        (kind, m, k)
        for kind in ("plain", "rmsnorm", "layernorm", "gate", "gelu")
        for m, k in (
            (32768, 768), (16384, 2048), (20000, 3072), (8192, 5120), (8192, 8192),
            (4096, 14336), (4096, 28672),
        )
    ),
]


def bench_cases():
    return [Rows(*case) for case in dict.fromkeys((kind, columns) for kind, _, columns in LINES)]


def bench_lines():
    return [dict(case=Rows(kind, k).name, kind=kind, m=m, k=k) for kind, m, k in LINES]


def small_cases():
    """Rows of one warp and of several, where nothing divides, several rows of a block
    that each have a barrier, and rows that two blocks share, or four."""
    kinds = dict.fromkeys(line[0] for line in LINES)
    return [*(Rows(kind, k) for kind in kinds for k in (131, 1100)),
            *(Rows(kind, 4104) for kind in ("rmsnorm", "layernorm")),
            Rows("layernorm", 16640), Rows("rmsnorm", 40960)]
