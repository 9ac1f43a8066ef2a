"""Random integer arithmetic on bytes: whatever import-dequantize takes for a
decoding has the value that it had, for all 256 bytes."""

import random

import numpy as np
import pytest

import quantmlir

WIDTH = {"i4": 4, "i8": 8, "i16": 16, "i32": 32}
BYTES = np.arange(256, dtype=np.uint8).reshape(16, 16).view(np.int8)


class Body:
    """A chain of scalar ops, from `%a` of a type to another type."""

    def __init__(self, rng, source, target):
        self.rng, self.lines, self.value, self.type = rng, [], "%a", source
        for _ in range(rng.randint(0, 4)):
            self.step(to_float=target not in WIDTH)
        self.finish(target)

    def emit(self, op, constant=None, to=None):
        name = f"%v{len(self.lines)}"
        if constant is not None:
            self.lines.append(f"{name}c = arith.constant {constant} : {self.type}")
            self.lines.append(f"{name} = arith.{op} {self.value}, {name}c : {self.type}")
        else:
            self.lines.append(f"{name} = arith.{op} {self.value} : {self.type} to {to}")
            self.type = to
        self.value = name

    def step(self, to_float):
        rng, width = self.rng, WIDTH.get(self.type)
        if width is None:
            op, constant = rng.choice([("subf", "8.0"), ("addf", "0.5"), ("mulf", "0.25")])
            return self.emit(op, constant)
        wider = [t for t in WIDTH if WIDTH[t] > width]
        narrower = [t for t in WIDTH if WIDTH[t] < width]
        kind = rng.choice(
            ["mask", "shift", "shift", "divide", "widen", "narrow", "offset", "float"])
        if kind == "mask" and width > 4:
            op, constant = rng.choice([("andi", 15)] * 3 + [
                ("andi", 7), ("andi", -16), ("andi", 240), ("xori", 8)])
            self.emit(op, constant if width > 8 or constant != 240 else -16)
        elif kind == "divide" and width > 4:
            self.emit(rng.choice(["divui", "remui", "divsi", "remsi"]), rng.choice([16, 16, 8]))
        elif kind == "shift" and width > 4:
            self.emit(rng.choice(["shrui", "shrui", "shrsi", "shli"]), rng.choice([4, 4, 4, 3]))
        elif kind == "widen" and wider:
            self.emit(rng.choice(["extsi", "extui"]), to=rng.choice(wider))
        elif kind == "narrow" and narrower:
            self.emit("trunci", to=rng.choice(narrower))
        elif kind == "offset" and width > 4:
            self.emit(rng.choice(["subi", "addi"]), rng.choice([8, 8, -8, 64, 100]))
        elif kind == "float" and to_float:
            self.emit(rng.choice(["sitofp", "uitofp"]), to=rng.choice(["f32", "f16"]))

    def finish(self, target):
        if self.type == target:
            return
        have, want = WIDTH.get(self.type), WIDTH.get(target)
        if have and want:
            self.emit("trunci" if have > want else self.rng.choice(["extsi", "extui"]), to=target)
        elif have:
            self.emit(self.rng.choice(["sitofp", "uitofp"]), to=target)
        else:
            self.emit("extf" if target == "f32" else "truncf", to=target)


def elementwise(rng, name, operand, shape, source, target):
    body = Body(rng, source, target)
    dims = "x".join(map(str, shape))
    return f"""
  {name}e = tensor.empty() : tensor<{dims}x{target}>
  {name} = linalg.generic {{indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}}
      ins({operand} : tensor<{dims}x{source}>) outs({name}e : tensor<{dims}x{target}>) {{
  ^bb0(%a: {source}, %o: {target}):
    {chr(10).join(body.lines)}
    linalg.yield {body.value} : {target}
  }} -> tensor<{dims}x{target}>"""


def program(seed):
    """One decoding of bytes, or two that are put beside each other."""
    rng = random.Random(seed)
    shape = (16, 16)
    if rng.random() < 0.3:
        body = elementwise(rng, "%y", "%w", shape, "i8", "f32")
    else:
        middle = rng.choice(["i8", "i8", "i4", "i4", "f16", "i32"])
        axis = rng.choice([0, 1])
        shape = (32, 16) if axis == 0 else (16, 32)
        half, whole = f"tensor<16x16x{middle}>", f"tensor<{shape[0]}x{shape[1]}x{middle}>"
        body = elementwise(rng, "%lo", "%w", (16, 16), "i8", middle)
        body += elementwise(rng, "%hi", "%w", (16, 16), "i8", middle)
        if rng.random() < 0.5:
            body += f"\n  %j = tensor.concat dim({axis}) %lo, %hi : ({half}, {half}) -> {whole}"
        else:
            offsets, strides = ("[1, 0]", "[2, 1]") if axis == 0 else ("[0, 1]", "[1, 2]")
            body += f"""
  %je = tensor.empty() : {whole}
  %j0 = tensor.insert_slice %lo into %je[0, 0] [16, 16] {strides} : {half} into {whole}
  %j = tensor.insert_slice %hi into %j0{offsets} [16, 16] {strides} : {half} into {whole}"""
        body += elementwise(rng, "%y", "%j", shape, middle, "f32")
    result = f"tensor<{shape[0]}x{shape[1]}xf32>"
    return f"""#id = affine_map<(i, j) -> (i, j)>
func.func @f(%w: tensor<16x16xi8>) -> {result} {{{body}
  return %y : {result}
}}
"""


@pytest.mark.parametrize("start", range(0, 200, 100))
def test_what_is_imported_keeps_its_value(start):
    imported = 0
    for seed in range(start, start + 100):
        text = program(seed)
        after = quantmlir.optimize(text, "import-dequantize")
        if "quant_tensor.assemble" not in after:
            continue
        imported += 1
        before, after = (next(iter(quantmlir.Reference(each).run(arg0=BYTES).values()))
                         for each in (text, after))
        np.testing.assert_allclose(after, before, rtol=2e-3, atol=2e-3, err_msg=f"seed {seed}")
    # The generator hits the forms that are recognised, too.
    assert imported >= 10, imported
