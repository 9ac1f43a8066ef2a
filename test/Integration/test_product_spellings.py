"""Integer products with zero points as other compilers write them: in the body
of the contraction or in elementwise ops in front of it, per tensor, row or
column, signed or not, with weights that are repeated for each batch. Each
reaches a kernel for integer products, leaves no i32 matrix behind, and is
compared with exact arithmetic on the CPU and in the emulator."""

import random

import numpy as np
import pytest

import reference_runner as reference


class Side:
    """One operand: its codes and its zero point, in integers and as MLIR."""

    def __init__(self, rng, numbers, name, loops, sizes, k, shared):
        self.name, self.loops = name, loops
        self.shape = [sizes[loop] for loop in loops]
        self.bits = rng.choice([8, 8, 8, 4])
        if self.shape[-1] % 2:
            self.bits = 8
        self.unsigned = rng.random() < 0.4
        low = 0 if self.unsigned else -(1 << (self.bits - 1))
        self.codes = numbers.integers(low, low + (1 << self.bits), self.shape)
        self.kind = rng.choice(["none", "constant", "scalar", "tensor", "rows"])
        self.in_front = rng.random() < 0.5
        rows = [loop for loop in loops if loop != k and loop not in shared]
        if self.kind == "rows" and not rows:
            self.kind = "tensor"
        self.zero_loops = rows if self.kind == "rows" else []
        self.element = {"rows": rng.choice(["i8", "i32"]), "tensor": "i32"}.get(self.kind, "i32")
        top = 128 if self.element == "i8" else 300
        self.zero = numbers.integers(-top, top, [sizes[loop] for loop in self.zero_loops])

    @property
    def type(self):
        return f"tensor<{'x'.join(map(str, self.shape))}xi{self.bits}>"

    @property
    def zero_type(self):
        if self.kind == "scalar":
            return "i32"
        return f"tensor<{''.join(f'{n}x' for n in self.zero.shape)}{self.element}>"

    def values(self):
        """Codes less zero points, which runs along the rows of the codes."""
        if self.kind == "none":
            return self.codes
        shape = [size if loop in self.zero_loops else 1
                 for loop, size in zip(self.loops, self.shape)]
        return self.codes - self.zero.reshape(shape)

    def arguments(self):
        """[(MLIR, array)] of what the function takes for this side."""
        packed = self.codes.astype(np.uint8 if self.unsigned else np.int8).view(np.int8)
        if self.bits == 4:
            packed = reference.pack(self.codes, 4).view(np.int8)
        arguments = [(f"%{self.name}: {self.type}", packed)]
        if self.kind not in ("none", "constant"):
            dtype = np.int8 if self.element == "i8" else np.int32
            arguments.append((f"%z{self.name}: {self.zero_type}", self.zero.astype(dtype)))
        return arguments

    def offset(self, code, zero):
        """Lines that compute %d<name> from a code and, if it is one, an element
        of a zero point's tensor."""
        name = self.name
        lines = [f"%w{name} = arith.ext{'u' if self.unsigned else 's'}i {code} : i{self.bits} to i32"]
        if self.kind == "none":
            return lines, f"%w{name}"
        if self.kind == "constant":
            lines.append(f"%k{name} = arith.constant {int(self.zero)} : i32")
            zero = f"%k{name}"
        elif self.kind == "scalar":
            zero = f"%z{name}"
        elif self.element == "i8":
            lines.append(f"%v{name} = arith.extsi {zero} : i8 to i32")
            zero = f"%v{name}"
        lines.append(f"%d{name} = arith.subi %w{name}, {zero} : i32")
        return lines, f"%d{name}"

    def has_zero_input(self):
        return self.kind in ("tensor", "rows")


def affine(loops, results):
    return f"affine_map<({', '.join(loops)}) -> ({', '.join(results)})>"


def generic(loops, kinds, inputs, result, body):
    """A linalg.generic: inputs are (value, type, loops), the result is (init,
    type, loops); `body` has its lines and what it yields."""
    maps = ", ".join(affine(loops, each[2]) for each in [*inputs, result])
    arguments = ", ".join(f"%{'abcd'[i]}: {element_of(each[1])}" for i, each in enumerate(inputs))
    lines, value = body
    return f"""linalg.generic {{indexing_maps = [{maps}], iterator_types = [{', '.join(f'"{kind}"' for kind in kinds)}]}}
      ins({', '.join(each[0] for each in inputs)} : {', '.join(each[1] for each in inputs)})
      outs({result[0]} : {result[1]}) {{
  ^bb0({arguments}, %o: {element_of(result[1])}):
    {chr(10).join(lines)}
    linalg.yield {value} : {element_of(result[1])}
  }} -> {result[1]}"""


def element_of(type):
    return type.rstrip(">").split("x")[-1].removeprefix("tensor<")


def program(seed):
    """MLIR, its arguments, the exact result, and the extents of the result."""
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    sizes = {"m": rng.choice([2, 5, 16, 17, 33]), "n": rng.choice([8, 16, 24, 40]),
             "k": rng.choice([16, 32, 64, 50]), "b": rng.choice([2, 3])}
    batched = rng.random() < 0.4
    repeats = batched and rng.random() < 0.6
    batch = ["b"] if batched else []
    left = Side(rng, numbers, "x", [*batch, "m", "k"], sizes, "k", batch)
    order = rng.choice([["n", "k"], ["k", "n"]])
    right = Side(rng, numbers, "w", order if repeats or not batched else ["b", *order],
                 sizes, "k", [] if repeats else batch)
    loops = [*batch, "m", "n", "k"]
    out = [*batch, "m", "n"]
    shape = [sizes[loop] for loop in out]
    extents = "x".join(map(str, shape))
    lines, inputs, body, factors = [], [], [], []
    for side in (left, right):
        value, type, reads = f"%{side.name}", side.type, side.loops
        if side is right and repeats:
            type = f"tensor<{sizes['b']}x{side.type.removeprefix('tensor<')}"
            lines.append(f"""%rep = tensor.empty() : {type}
  %r = linalg.broadcast ins(%w : {side.type}) outs(%rep : {type}) dimensions = [0]""")
            value, reads = "%r", ["b", *side.loops]
        zero = [(f"%z{side.name}", side.zero_type, side.zero_loops)] if side.has_zero_input() else []
        if side.in_front:
            wide = type.replace(f"xi{side.bits}>", "xi32>")
            lines.append(f"%e{side.name} = tensor.empty() : {wide}")
            lines.append(f"%f{side.name} = " + generic(
                reads, ["parallel"] * len(reads), [(value, type, reads), *zero],
                (f"%e{side.name}", wide, reads), side.offset("%a", "%b")))
            inputs.append((f"%f{side.name}", wide, reads))
            factors.append(f"%{'abcd'[len(inputs) - 1]}")
            continue
        inputs.append((value, type, reads))
        code = f"%{'abcd'[len(inputs) - 1]}"
        inputs += zero
        steps, factor = side.offset(code, f"%{'abcd'[len(inputs) - 1]}")
        body += steps
        factors.append(factor)
    if rng.random() < 0.3:
        factors.reverse()
    body += [f"%p = arith.muli {factors[0]}, {factors[1]} : i32", "%s = arith.addi %o, %p : i32"]
    lines.append(f"%init = arith.constant dense<3> : tensor<{extents}xi32>")
    lines.append("%y = " + generic(loops, ["parallel"] * len(out) + ["reduction"], inputs,
                                   ("%init", f"tensor<{extents}xi32>", out), (body, "%s")))
    lines.append(f"""%g = arith.sitofp %y : tensor<{extents}xi32> to tensor<{extents}xf32>
  %t = tensor.splat %scale : tensor<{extents}xf32>
  %q = arith.mulf %g, %t : tensor<{extents}xf32>
  return %q : tensor<{extents}xf32>""")
    arguments = [*left.arguments(), *right.arguments(),
                 ("%scale: f32", np.array(0.125, np.float32))]
    text = (f"func.func @f({', '.join(each[0] for each in arguments)}) -> tensor<{extents}xf32> {{\n  "
            + "\n  ".join(lines) + "\n}\n")
    equation = f"{''.join(left.loops)},{''.join(right.loops)}->{''.join(out)}"
    exact = (np.einsum(equation, left.values(), right.values()) + 3) * 0.125
    return text, {f"arg{i}": each[1] for i, each in enumerate(arguments)}, exact


@pytest.mark.parametrize("seed", range(16))
def test_random_products(tool, tmp_path, seed):
    text, inputs, exact = program(seed)
    results, manifest = reference.run_artifact(tool, tmp_path, text, inputs)
    kernels = [kernel["name"] for kernel in manifest["kernels"]]
    assert any("mma" in name for name in kernels), kernels
    matrices = [buffer for function in manifest["functions"] for buffer in function["buffers"]
                if buffer["role"] == "temporary" and buffer["element"] == "i32"
                and np.prod(buffer["shape"]) >= exact.size]
    assert not matrices
    for y in results:
        np.testing.assert_array_equal(y, exact.astype(np.float32))
