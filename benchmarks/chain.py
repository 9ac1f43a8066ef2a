"""A model's layers in the order they run, through the runtime alone."""

import os

import numpy as np
from gpu_check import Failure, compare
from loaded import POISON, Loaded, upload
from models import plan_memory
from weights import DTYPES, largest_contract

import artifact as rt

#: Rows (of either end) and columns of a result that are compared with float64.
SAMPLE = 48
#: How much larger or smaller than 1 results may be. Beyond that, a chain is on its way
#: to infinities or zeros, which would agree with anything.
LARGEST = 16.0
#: Rows of activations that are drawn; they are repeated.
DRAWN = 4096
BF16 = DTYPES["bf16"]


class View:
    """Part of a block of memory."""

    def __init__(self, memory, offset, size):
        assert offset + size <= memory.size
        self.memory, self.offset, self.size = memory, offset, size
        self.address = memory.address + offset

    def apart(self, other):
        """Whether two parts of the same block have nothing in common."""
        return self.offset + self.size <= other.offset or other.offset + other.size <= self.offset

    def read(self, offset, size):
        return self.memory.read(self.offset + offset, size)

    def write(self, data, offset=0):
        self.memory.write(data, self.offset + offset)


class Program:
    """One of a model's programs; each layer that runs it has operands of its own."""

    def __init__(self, context, folder, case):
        self.context, self.case = context, case
        self.loaded = Loaded(context, folder)
        self.plan = rt.Plan(self.loaded.function)
        self.weights = case.weights() | {
            name: array for name, array in case.activations(0).items() if name != "x"
        }
        #: Weights on the device as they are given, which layers prepare theirs from.
        self.raw = {}

    def _upload_raw(self, buffer, shape):
        if buffer.name not in self.raw:
            self.raw[buffer.name] = upload(self.context, self.weights[buffer.name])
        return self.raw[buffer.name]

    def make_operands(self):
        """Weights on the device, as the main function reads them."""
        memory = self.loaded.prepare(self._upload_raw)
        for buffer in self.loaded.function.by_role(rt.INPUT, rt.WEIGHT):
            if buffer.name != "x":
                memory[buffer.name] = upload(self.context, self.weights[buffer.name])
        return memory

    def bind(self, operands, x, y, space):
        addresses = {name: m.address for name, m in operands.items()}
        addresses |= {"x": x.address, self.loaded.output().name: y.address}
        return self.loaded.executable.bind(self.plan, addresses, (space.address, space.size))

    def kernels(self):
        return [kernel for kernel, _ in self.plan.launches()]

    def check(self, x, y):
        """The worst error of a sample of y, as a fraction of its bound."""
        case = self.case
        rows = min(case.m, SAMPLE)
        width = case.columns
        columns = np.sort(np.random.default_rng(0).permutation(width)[:SAMPLE])
        part, worst = case.take(columns), 0.0
        contract = largest_contract(self.kernels())
        for first in sorted({0, case.m - rows}):
            inputs = {n: a for n, a in self.weights.items() if n == "bias"}
            inputs["x"] = read_rows(x, first, rows, case.k)
            if "bias" in inputs:
                inputs["bias"] = inputs["bias"][columns]
            got = read_rows(y, first, rows, width)[:, columns]
            worst = max(worst, compare(part, inputs, got, contract))
        return worst


def read_rows(memory, first, rows, width):
    """Rows of a bf16 array on the device."""
    size = BF16.itemsize * width
    data = memory.read(first * size, rows * size)
    return np.frombuffer(data, BF16).reshape(rows, width)


class Chain:
    """All layers of a model. `folder` has the artifact of each program, by the name
    of its case."""

    def __init__(self, context, folder, model):
        self.context, self.model = context, model
        self.steps = model.sequence()
        self.programs = {}
        for name, case in model.programs().items():
            keep_size(case)
            path = os.path.join(folder, case.name)
            self.programs[name] = Program(context, path, case)
        spaces = [self.programs[s.program].plan.workspace_bytes for s in self.steps]
        arrays, size = plan_memory(model, BF16.itemsize, spaces)
        self.block = context.allocate(size)
        self.input = View(self.block, arrays[0][0].offset, arrays[0][0].size)
        #: Of each step, the rows it reads and those it writes.
        self.ends, self.launches = [], []
        self.spaces = []
        self.operands, current = [], {}
        for step, (source, target, space) in zip(self.steps, arrays):
            program = self.programs[step.program]
            case = program.case
            if not step.goes_on:
                current[step.program] = program.make_operands()
                self.operands.append(current[step.program])
            operands = current[step.program]
            x = self._rows(source, step.source_row, case.m, case.k)
            y = self._rows(target, step.target_row, case.m, case.columns)
            space = View(self.block, space.offset, space.size)
            self.ends.append((x, y))
            self.spaces.append(space)
            self.launches.append(program.bind(operands, x, y, space))
        for program in self.programs.values():
            program.raw.clear()
        self.write_input()

    def _rows(self, array, first, rows, width):
        size = BF16.itemsize * width
        return View(self.block, array.offset + first * size, rows * size)

    def write_input(self):
        """Random numbers into "x", which layers may overwrite."""
        x, width = self.input, self.model.width
        rows = x.size // BF16.itemsize // width
        rng = np.random.default_rng(1)
        drawn = rng.standard_normal((min(rows, DRAWN), width), dtype=np.float32).astype(BF16)
        data = np.resize(drawn, (rows, width))
        x.write(data.tobytes())

    @property
    def allocated(self):
        """Bytes of weights, arrays and workspace: all that there is while it runs."""
        return self.context.allocated

    def run(self, stream=None):
        for launch in self.launches:
            launch(stream)

    def check(self):
        """Runs layer by layer; the worst error of any program in its first layer,
        as a fraction of its bound. Each layer's results must be about as large as x.
        Then all layers at once must give the same bits, wherever nothing later is
        written over them."""
        self.write_input()
        worst, seen = {}, set()
        for index, (step, launch, (x, y)) in enumerate(
            zip(self.steps, self.launches, self.ends)
        ):
            program = self.programs[step.program]
            first = step.program not in seen
            if first:
                seen.add(step.program)
                poison_ends(y, program.case)
            launch(None)
            self.context.synchronize()
            if first:
                try:
                    worst[step.program] = program.check(x, y)
                except Failure as error:
                    raise Failure(f"{step.program}: {error}") from error
            size = measure_size(self.result(index))
            if not 1 / LARGEST <= size <= LARGEST:
                raise Failure(f"{step.program}, step {index}: results of the size {size}")
        kept = self.find_kept()
        expected = [self.result(index).tobytes() for index in kept]
        self.write_input()
        self.run()
        self.context.synchronize()
        for index, bits in zip(kept, expected):
            if self.result(index).tobytes() != bits:
                program = self.steps[index].program
                raise Failure(
                    f"{program}, step {index}: layers at once give other bits than one by one"
                )
        return worst

    def find_kept(self):
        """The steps whose results are there at the end, with their first rows."""
        kept, written = [], []
        for index in reversed(range(len(self.steps))):
            _, y = self.ends[index]
            if all(y.apart(other) for other in written):
                kept.append(index)
            written += [y, self.spaces[index]]
        return kept

    def result(self, index):
        """The first rows of what step `index` wrote."""
        case = self.programs[self.steps[index].program].case
        return read_rows(self.ends[index][1], 0, min(case.m, SAMPLE), case.columns)

    def kernel_names(self):
        return {
            name: [kernel.name.decode() for kernel in program.kernels()]
            for name, program in self.programs.items()
        }


def keep_size(case):
    """Takes the mean from weights and scales them, so that results are about as large
    as x: layers follow one another."""
    weights = [case.gate, case.up] if hasattr(case, "gate") else [case.weight]
    for weight in weights:
        weight.center()
        # Of all scales, since rows differ most by theirs, and of some codes.
        some = weight.take(range(min(SAMPLE, case.n))).codes
        size = measure_size(weight.arrays["scales"]) * measure_size(some)
        weight.rescale(1 / (size * np.sqrt(case.k)))


def measure_size(array):
    """The root of the mean square."""
    return float(np.sqrt(np.mean(np.square(array.astype(np.float64)))))


def poison_ends(memory, case):
    """The rows that are read back, before they are written."""
    rows = min(case.m, SAMPLE)
    size = BF16.itemsize * case.columns
    for first in (0, case.m - rows):
        memory.write(bytes([POISON]) * (rows * size), first * size)
