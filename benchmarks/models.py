"""The linear layers of whole models: what bench_sam.py and bench_llama.py run.

A model says which programs there are (`programs()`: by name, with the rows they
run at), in which order layers use them (`sequence()`), and how large the arrays
between them are. Every layer has weights of its own, of the same random numbers.
"""

import dataclasses
import typing

import cases
from programs import Gated, Layer


class Step(typing.NamedTuple):
    """One layer, or its later rows: the program it runs, what it reads and what it
    writes, each from some row on. `goes_on`: it is the layer that ran this program
    last, with other rows."""

    program: str
    source: str
    target: str
    source_row: int = 0
    target_row: int = 0
    goes_on: bool = False


@dataclasses.dataclass(frozen=True)
class Sam:
    """The image encoder of Segment Anything, vit_h: 32 blocks, of which all but four
    attend in windows of 14 x 14 of the 64 x 64 tokens of an image (padded to 25
    windows). Biases and GELU are included; norms and attention itself are not."""

    batch: int = 16
    blocks: int = 32
    width: int = 1280
    hidden: int = 5120
    image: int = 64
    window: int = 14
    #: The last of so many blocks attends to the whole image.
    every: int = 8
    #: The MLPs take so many images at a time, which needs less memory (0: all).
    mlp_images: int = 0

    name = "SAM vit_h"

    @property
    def tokens(self):
        """Rows of what the MLPs read."""
        return self.batch * self.image**2

    @property
    def windows(self):
        """Rows of what attention in windows reads."""
        return self.batch * (-(-self.image // self.window) * self.window) ** 2

    @property
    def mlp_rows(self):
        return (self.mlp_images or self.batch) * self.image**2

    def shapes(self):
        """(rows, K, N, activation) of every program."""
        shapes = {}
        for kind, rows in (("window", self.windows), ("image", self.tokens)):
            shapes[f"qkv-{kind}"] = (rows, self.width, 3 * self.width, None)
            shapes[f"proj-{kind}"] = (rows, self.width, self.width, None)
        rows = self.mlp_rows
        shapes["mlp1"] = (rows, self.width, self.hidden, "gelu")
        shapes["mlp2"] = (rows, self.hidden, self.width, None)
        used = {step.program for step in self.sequence()}
        return {name: shape for name, shape in shapes.items() if name in used}

    def programs(self):
        """int8 products of what they quantize themselves, row by row."""
        return {
            name: Layer(n, k, rows, x="quantized", storage="i8", element="bf16", bias=True,
                        out="bf16", activation=activation)
            for name, (rows, k, n, activation) in self.shapes().items()
        }

    def sequence(self):
        """The output of attention is not there: proj reads what qkv read."""
        steps = []
        for block in range(self.blocks):
            kind = "image" if (block + 1) % self.every == 0 else "window"
            steps.append(Step(f"qkv-{kind}", "x", "wide"))
            steps.append(Step(f"proj-{kind}", "x", "y"))
            for first in range(0, self.tokens, self.mlp_rows):
                later = first > 0
                steps.append(Step("mlp1", "x", "wide", source_row=first, goes_on=later))
                steps.append(Step("mlp2", "wide", "y", target_row=first, goes_on=later))
        return steps


@dataclasses.dataclass(frozen=True)
class Llama:
    """The linear layers of LLaMA-2-7B for one token. `fused`: q, k and v are one
    product, and so are gate and up, with silu(gate) * up in its epilogue; else every
    product stands alone and what follows reads the first of those before it.

    Norms and residuals are not there. silu(gate) * up is about quadratic, so that a
    chain of such squares the size of its numbers in each block, and after ten of them
    there are only zeros or infinities. Therefore a block reads the attention's part
    of the one before, and its own MLP's result is a row of "y", the last of which the
    head reads."""

    kind: str = "int4_g128"
    fused: bool = True
    blocks: int = 32
    width: int = 4096
    hidden: int = 11008
    vocabulary: int = 32000

    name = "LLaMA-2-7B"

    def shapes(self):
        """(rows, K, N, activation) of every program; N of gate and up together."""
        d, h = self.width, self.hidden
        if self.fused:
            shapes = {"qkv": (1, d, 3 * d, None), "gate_up": (1, d, 2 * h, "silu_product")}
        else:
            shapes = {"q": (1, d, d, None), "gate": (1, d, h, None)}
        shapes |= {"o": (1, d, d, None), "down": (1, h, d, None)}
        return shapes | {"head": (1, d, self.vocabulary, None)}

    def programs(self):
        programs = {}
        for name, (m, k, n, activation) in self.shapes().items():
            if activation:
                encoding = {"group": 0, "scale": "f32"} | cases.KINDS[self.kind]
                programs[name] = Gated(n // 2, k, m, kind=self.kind, merged=True, **encoding)
            else:
                programs[name] = cases.linear(self.kind, n, k, m)
        return programs

    def sequence(self):
        qkv, gated = [("q", "q"), ("q", "k"), ("q", "v")], [("gate", "h"), ("gate", "u")]
        if self.fused:
            qkv, gated = [("qkv", "q")], [("gate_up", "h")]
        steps, source = [], "x"
        for block in range(self.blocks):
            steps += [Step(program, source, target) for program, target in qkv]
            steps.append(Step("o", "q", "a"))
            steps += [Step(program, "a", target) for program, target in gated]
            steps.append(Step("down", "h", "y", target_row=block))
            source = "a"
        return steps + [Step("head", "y", "logits", source_row=self.blocks - 1)]

    @property
    def parameters(self):
        """How many weights all layers have."""
        shapes = self.shapes()
        return sum(shapes[s.program][1] * shapes[s.program][2] for s in self.sequence())


#: By the names that descriptions use.
MODELS = {cls.__name__: cls for cls in (Sam, Llama)}


def describe(model):
    """What `from_description` makes the same model of, as JSON has it."""
    return dict(model=type(model).__name__, fields=dataclasses.asdict(model))


def from_description(entry):
    return MODELS[entry["model"]](**entry["fields"])


def sam_models():
    return [Sam(16), Sam(32), Sam(32, mlp_images=16)]


def llama_models():
    """Each storage, with fusions and without."""
    return [
        Llama(kind, fused) for kind in ("int8_weight", "int4_g128") for fused in (True, False)
    ]


def measure_arrays(model):
    """(elements read, elements written) of each step, those before its rows too."""
    shapes, result = model.shapes(), []
    for step in model.sequence():
        rows, k, n, activation = shapes[step.program]
        written = n // 2 if activation == "silu_product" else n
        result.append(((step.source_row + rows) * k, (step.target_row + rows) * written))
    return result


@dataclasses.dataclass
class Array:
    """What one or several steps write and later ones read: `size` bytes at `offset`,
    from step `first` to step `last`."""

    size: int
    first: int
    last: int
    offset: int = 0

    def meets(self, other):
        return self.first <= other.last and other.first <= self.last


def plan_memory(model, element_bytes, spaces, alignment=256):
    """Places what steps write, and the workspace of each (`spaces` bytes), in one
    block of memory: only what is alive at once has places of its own. Returns the
    arrays that each step reads, writes and works in, and the bytes of the block. The
    model's input, "x", is alive throughout."""
    steps, sizes = model.sequence(), measure_arrays(model)
    arrays, current, used = [], {}, []
    largest = max(
        size
        for step, pair in zip(steps, sizes)
        for name, size in ((step.source, pair[0]), (step.target, pair[1]))
        if name == "x"
    )
    current["x"] = Array(largest * element_bytes, 0, len(steps) - 1)
    arrays.append(current["x"])
    for index, (step, (_, written), space) in enumerate(zip(steps, sizes, spaces)):
        source = current[step.source]
        source.last = max(source.last, index)
        if step.target_row == 0 and step.target != "x":
            current[step.target] = Array(0, index, index)
            arrays.append(current[step.target])
        target = current[step.target]
        target.size = max(target.size, written * element_bytes)
        target.last = max(target.last, index)
        arrays.append(Array(space, index, index))
        used.append((source, target, arrays[-1]))
    # The largest first, each at the lowest place that is free as long as it lives.
    placed = []
    for array in sorted(arrays, key=lambda array: -array.size):
        for other in sorted(placed, key=lambda other: other.offset):
            if array.meets(other) and other.offset < array.offset + array.size:
                end = other.offset + other.size
                array.offset = max(array.offset, -(-end // alignment) * alignment)
        placed.append(array)
    return used, max(array.offset + array.size for array in arrays)
