"""Programs of row-local ops: per-token int8 quantization, alone and behind a
norm or a gated activation. What bench_rows.py times and the tests run."""

import numpy as np

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
    result = "%q"
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
    if kind == "gate":
        return x / (1 + np.exp(-x)) * inputs["up"].astype(np.float64)
    return x
