"""int8 products as other compilers write them: batches, dynamic weights, odd scalings.

Each program is plain linalg. After the fusion no i32 tensor is left: the
manifest names one kernel with mma.sync and no temporary of i32, and the
emulator and the CPU's reference give the exact sum, scaled.
"""

import json

import numpy as np
import pytest

F32 = np.float32


class Product:
    """y = (x w) scaled, with `batch` dimensions in front; extents in `dynamic` are
    "?" in the program. `w` is stored as `order` says; see `mlir`."""

    def __init__(self, batch, m, n, k, dynamic="", order="kn", scales="mn", tail="", unsigned="", x="mk"):
        self.batch, self.m, self.n, self.k = batch, m, n, k
        self.dynamic, self.order, self.scales, self.tail = dynamic, order, scales, tail
        self.unsigned, self.x = unsigned, x
        sizes = "x".join(map(str, [*batch, m, n, k]))
        words = [sizes, f"dynamic_{dynamic}" if dynamic else "", order, f"scales_{scales}"]
        self.id = "-".join(filter(None, words + [tail, f"u_{unsigned}" if unsigned else "", x]))
        self.loops = [f"b{i}" for i in range(len(batch))]

    def extent(self, loop):
        sizes = dict(zip("mnk", (self.m, self.n, self.k))) | dict(zip(self.loops, self.batch))
        return sizes[loop]

    def dims(self, loops):
        def text(loop):
            return "?" if loop[0] in self.dynamic else str(self.extent(loop))

        return "x".join(map(text, loops))

    def shape(self, loops):
        return tuple(map(self.extent, loops))

    def order_of(self, letters):
        """Letters with b for all batch dimensions, as a list of loops."""
        return [loop for letter in letters for loop in (self.loops if letter == "b" else [letter])]

    def mlir(self):
        out = self.loops + ["m", "n"]
        loops = ", ".join(out)
        all_loops = f"{loops}, k"
        self.x_loops = self.order_of(self.x if "b" in self.x else "b" + self.x)
        self.w_loops = self.order_of(self.order if "b" in self.order else "b" + self.order)
        x, w = f"tensor<{self.dims(self.x_loops)}xi8>", f"tensor<{self.dims(self.w_loops)}xi8>"
        acc, y = f"tensor<{self.dims(out)}xi32>", f"tensor<{self.dims(out)}xf32>"
        arguments = [("x", x), ("w", w)]
        lines = [f"%c{i} = arith.constant {i} : index" for i in range(len(out) + 1)]
        sizes = []
        for loop in out:
            if loop[0] in self.dynamic:
                source, where = ("w", self.w_loops) if loop == "n" else ("x", self.x_loops)
                kind = w if loop == "n" else x
                lines.append(f"%{loop} = tensor.dim %{source}, %c{where.index(loop)} : {kind}")
                sizes.append(f"%{loop}")
        sizes = ", ".join(sizes)
        parallel = ", ".join(['"parallel"'] * len(out))

        def affine(results):
            return f"affine_map<({loops}) -> ({', '.join(results)})>"

        extend = ["arith.extui" if side in self.unsigned else "arith.extsi" for side in "xw"]
        lines += [
            "%zero = arith.constant 0 : i32",
            f"%empty = tensor.empty({sizes}) : {acc}",
            f"%start = linalg.fill ins(%zero : i32) outs(%empty : {acc}) -> {acc}",
            "%acc = linalg.generic {indexing_maps = ["
            f"affine_map<({all_loops}) -> ({', '.join(self.x_loops)})>, "
            f"affine_map<({all_loops}) -> ({', '.join(self.w_loops)})>, "
            f"affine_map<({all_loops}) -> ({loops})>], "
            f'iterator_types = [{parallel}, "reduction"]}} ins(%x, %w : {x}, {w})'
            f" outs(%start : {acc}) {{\n  ^bb0(%p: i8, %q: i8, %o: i32):\n"
            f"    %0 = {extend[0]} %p : i8 to i32\n    %1 = {extend[1]} %q : i8 to i32\n"
            "    %2 = arith.muli %0, %1 : i32\n    %3 = arith.addi %o, %2 : i32\n"
            f"    linalg.yield %3 : i32\n  }} -> {acc}",
        ]
        operands, maps, names, body = ["%acc"], [affine(out)], ["%a: i32"], []
        body.append("%f = arith.sitofp %a : i32 to f32")
        value = "%f"
        for index, loop in enumerate(self.scales):
            kept = self.loops + [loop]
            kind = f"tensor<{self.dims(kept)}xf32>"
            arguments.append((f"s{loop}", kind))
            operands.append(f"%s{loop}")
            maps.append(affine(kept))
            names.append(f"%s{index}: f32")
            body.append(f"%v{index} = arith.mulf %s{index}, {value} : f32")
            value = f"%v{index}"
        if self.tail == "residual":
            arguments.append(("r", y))
            operands.append("%r")
            maps.append(affine(out))
            names.append("%res: f32")
            body.append(f"%sum = arith.addf {value}, %res : f32")
            value = "%sum"
        if self.tail == "relu":
            body.append("%z = arith.constant 0.0 : f32")
            body.append(f"%relu = arith.maximumf {value}, %z : f32")
            value = "%relu"
        maps.append(affine(out))
        kinds = ", ".join([acc] + [kind for _, kind in arguments[2:]])
        lines += [
            f"%ye = tensor.empty({sizes}) : {y}",
            f"%y = linalg.generic {{indexing_maps = [{', '.join(maps)}], "
            f"iterator_types = [{parallel}]}} ins({', '.join(operands)} : {kinds})"
            f" outs(%ye : {y}) {{\n  ^bb0({', '.join(names)}, %o: f32):\n    "
            + "\n    ".join(body)
            + f"\n    linalg.yield {value} : f32\n  }} -> {y}",
            f"return %y : {y}",
        ]
        text = ", ".join(f'%{name}: {kind} {{quant_tensor.name = "{name}"}}' for name, kind in arguments)
        code = "\n  ".join(lines)
        return f'func.func @f({text}) -> ({y} {{quant_tensor.name = "y"}}) {{\n  {code}\n}}\n'

    def inputs(self, rng):
        result = {
            "x": rng.integers(-128, 128, self.shape(self.x_loops), dtype=np.int8),
            "w": rng.integers(-128, 128, self.shape(self.w_loops), dtype=np.int8),
        }
        for loop in self.scales:
            scale = rng.uniform(0.01, 0.03, self.shape(self.loops + [loop]))
            result[f"s{loop}"] = scale.astype(F32)
        if self.tail == "residual":
            result["r"] = rng.standard_normal(self.shape(self.loops + ["m", "n"])).astype(F32)
        return result

    def exact(self, inputs):
        def codes(name):
            codes = inputs[name]
            return (codes.view(np.uint8) if name in self.unsigned else codes).astype(np.float64)

        x = [self.x_loops.index(loop) for loop in self.loops + ["m", "k"]]
        w = [self.w_loops.index(loop) for loop in self.loops + ["k", "n"]]
        y = np.transpose(codes("x"), x) @ np.transpose(codes("w"), w)
        for loop in self.scales:
            scale = inputs[f"s{loop}"].astype(np.float64)
            y = y * (scale[..., None] if loop == "m" else scale[..., None, :])
        size = np.abs(y)
        if self.tail == "residual":
            y = y + inputs["r"]
            size += np.abs(inputs["r"])
        if self.tail == "relu":
            y = np.maximum(y, 0)
        return y, 6 * 2.0**-24 * size


PRODUCTS = [
    Product((3,), 5, 7, 37),
    Product((3,), 33, 70, 64, order="nk"),
    Product((2,), 130, 136, 160, order="nk", scales="nm"),
    Product((2, 3), 9, 16, 32, order="nk", tail="residual"),
    Product((2, 2), 9, 17, 48, order="nbk", tail="relu"),
    Product((5,), 1, 24, 128, order="nk"),
    Product((5,), 24, 1, 128, order="nk"),
    Product((1,), 8, 8, 16, order="kn", unsigned="x"),
    Product((3,), 40, 33, 64, dynamic="b", order="nk"),
    Product((3,), 1, 33, 64, dynamic="m", order="nk"),
    Product((3,), 150, 33, 64, dynamic="m", order="nk"),
    Product((3,), 0, 33, 64, dynamic="m", order="nk"),
    Product((0,), 8, 33, 64, dynamic="b", order="nk"),
    Product((2,), 20, 65, 37, dynamic="nk", order="nk"),
    Product((2,), 20, 65, 64, dynamic="bmnk", order="kn"),
    Product((), 20, 130, 64, dynamic="n", order="nk"),
    Product((), 20, 30, 640, dynamic="k", order="nk"),
    Product((), 20, 30, 37, dynamic="k", order="nk"),
    Product((), 3, 30, 0, dynamic="mnk", order="nk"),
    Product((), 70, 30, 1, dynamic="mnk", order="kn", scales="n"),
    Product((), 1, 1, 17, order="nk"),
    Product((), 5, 9, 33, order="nk", x="km"),
    Product((2,), 5, 9, 33, order="nk", x="mbk", dynamic="m"),
    Product((), 1, 9, 33, order="kn", x="km"),
    Product((), 9, 1, 33, order="kn"),
]


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.id)
def test_product(tool, tmp_path, product):
    (tmp_path / "f.mlir").write_text(product.mlir())
    artifact = tmp_path / "f.qmlir"
    tool("quant-compile", tmp_path / "f.mlir", "-o", artifact)
    manifest = json.loads((artifact / "manifest.json").read_text())
    names = [kernel["name"] for kernel in manifest["kernels"]]
    multiplies = ["mma_sync" in name or "wgmma" in name for name in names]
    assert all(does or "elementwise" in name for does, name in zip(multiplies, names)), names
    assert any(multiplies), names
    # What there is of temporaries holds codes that are turned round.
    algebra = tool("quant-opt", "--quant-algebra", tmp_path / "f.mlir")
    assert "xi32>" not in algebra, algebra

    inputs = product.inputs(np.random.default_rng(product.k))
    arguments = []
    for name, array in inputs.items():
        np.save(tmp_path / f"{name}.npy", array)
        arguments.append(f"--input={name}={tmp_path}/{name}.npy")
    exact, bound = product.exact(inputs)
    for device in ("cpu", "emulator"):
        output = tmp_path / f"{device}.npz"
        tool("quant-run", artifact, f"--device={device}", *arguments, f"--output={output}")
        y = np.load(output)["y"]
        assert y.shape == exact.shape
        assert (np.abs(y - exact) <= bound).all(), (device, np.abs(y - exact).max())


ATTENTION = """
#q = #quant_tensor.encoding<{storage = i8, block = [1, 1, 0], scale = f32}>
#kv = #quant_tensor.encoding<{storage = i8, block = [1, 0, 1], scale = f32, zero_point = i8}>
func.func @f(%q: tensor<2x?x64xf32, #q> {quant_tensor.name = "q"},
             %k: tensor<2x64x9xf32, #kv> {quant_tensor.name = "k"},
             %init: tensor<2x?x9xf32> {quant_tensor.name = "init"})
    -> (tensor<2x?x9xf32> {quant_tensor.name = "y"}) {
  %y = linalg.batch_matmul ins(%q, %k : tensor<2x?x64xf32, #q>, tensor<2x64x9xf32, #kv>)
      outs(%init : tensor<2x?x9xf32>) -> tensor<2x?x9xf32>
  return %y : tensor<2x?x9xf32>
}
"""


def test_encoded_batches(tool, tmp_path):
    """Both sides encoded with batch dimensions and zero points, onto an init."""
    (tmp_path / "f.mlir").write_text(ATTENTION)
    artifact = tmp_path / "f.qmlir"
    tool("quant-compile", tmp_path / "f.mlir", "-o", artifact)
    kernels = json.loads((artifact / "manifest.json").read_text())["kernels"]
    assert any("mma_sync" in kernel["name"] for kernel in kernels), kernels
    rng = np.random.default_rng(9)
    inputs = {
        "q.codes": rng.integers(-128, 128, (2, 5, 64), dtype=np.int8),
        "q.scales": rng.uniform(0.01, 0.03, (2, 5, 1)).astype(F32),
        "k.codes": rng.integers(-128, 128, (2, 64, 9), dtype=np.int8),
        "k.scales": rng.uniform(0.01, 0.03, (2, 1, 9)).astype(F32),
        "k.zero_points": rng.integers(-128, 128, (2, 1, 9), dtype=np.int8),
        "init": rng.standard_normal((2, 5, 9)).astype(F32),
    }
    arguments = []
    for name, array in inputs.items():
        np.save(tmp_path / f"{name}.npy", array)
        arguments.append(f"--input={name}={tmp_path}/{name}.npy")
    wide = {name: array.astype(np.float64) for name, array in inputs.items()}
    product = wide["q.codes"] @ (wide["k.codes"] - wide["k.zero_points"])
    product *= wide["q.scales"] * wide["k.scales"]
    exact = product + wide["init"]
    bound = 6 * 2.0**-24 * (np.abs(product) + np.abs(wide["init"])) + 1e-5
    for device in ("cpu", "emulator"):
        output = tmp_path / f"{device}.npz"
        tool("quant-run", artifact, f"--device={device}", *arguments, f"--output={output}")
        y = np.load(output)["y"]
        assert (np.abs(y - exact) <= bound).all(), (device, np.abs(y - exact).max())


SEVERAL = """
#mn = affine_map<(m, n) -> (m, n)>
#n = affine_map<(m, n) -> (n)>
func.func @f(%x: tensor<37x80xi8> {quant_tensor.name = "x"}, %w: tensor<80x72xi8> {quant_tensor.name = "w"},
             %s: tensor<72xf32> {quant_tensor.name = "s"})
    -> (tensor<37x72xi8> {quant_tensor.name = "q"}, tensor<37x72xf32> {quant_tensor.name = "y"}) {
  %zero = arith.constant dense<0> : tensor<37x72xi32>
  %e = tensor.empty() : tensor<37x72xf32>
  %f = tensor.empty() : tensor<37x72xi8>
  %acc = linalg.matmul ins(%x, %w : tensor<37x80xi8>, tensor<80x72xi8>) outs(%zero : tensor<37x72xi32>) -> tensor<37x72xi32>
  %r:2 = linalg.generic {indexing_maps = [#mn, #n, #mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%acc, %s : tensor<37x72xi32>, tensor<72xf32>) outs(%f, %e : tensor<37x72xi8>, tensor<37x72xf32>) {
  ^bb0(%a: i32, %b: f32, %o: i8, %p: f32):
    %low = arith.constant -128.0 : f32
    %high = arith.constant 127.0 : f32
    %0 = arith.sitofp %a : i32 to f32
    %1 = arith.mulf %0, %b : f32
    %2 = math.roundeven %1 : f32
    %3 = arith.maximumf %2, %low : f32
    %4 = arith.minimumf %3, %high : f32
    %5 = arith.fptosi %4 : f32 to i8
    linalg.yield %5, %1 : i8, f32
  } -> (tensor<37x72xi8>, tensor<37x72xf32>)
  return %r#0, %r#1 : tensor<37x72xi8>, tensor<37x72xf32>
}
"""


def test_several_results(tool, tmp_path):
    """Values and their codes of one op: the values are what the product stores."""
    (tmp_path / "f.mlir").write_text(SEVERAL)
    artifact = tmp_path / "f.qmlir"
    tool("quant-compile", tmp_path / "f.mlir", "-o", artifact)
    [function] = json.loads((artifact / "manifest.json").read_text())["functions"]
    assert not any(buffer["element"] == "i32" for buffer in function["buffers"])
    rng = np.random.default_rng(4)
    inputs = {"x": rng.integers(-128, 128, (37, 80), dtype=np.int8),
              "w": rng.integers(-128, 128, (80, 72), dtype=np.int8),
              "s": rng.uniform(0.0005, 0.002, 72).astype(F32)}
    np.savez(tmp_path / "in.npz", **inputs)
    y = (inputs["x"].astype(np.int32) @ inputs["w"].astype(np.int32)).astype(F32) * inputs["s"]
    for device in ("cpu", "emulator"):
        tool("quant-run", artifact, f"--device={device}", f"--inputs={tmp_path}/in.npz",
             f"--output={tmp_path}/out.npz")
        with np.load(tmp_path / "out.npz") as outputs:
            np.testing.assert_array_equal(outputs["y"], y)
            np.testing.assert_array_equal(outputs["q"], np.clip(np.rint(y), -128, 127))
