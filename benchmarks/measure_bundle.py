"""Times every schedule of a tuning bundle that quant-tune made, on this
machine's GPU.

    python benchmarks/measure_bundle.py BUNDLE -o timings.jsonl

Needs Python with NumPy and ml_dtypes, the driver and libquantmlir_runtime.so
(beside this file, or $QUANTMLIR_RUNTIME): no compiler. Data is random. Each schedule's result is
compared with that of the first of its op, which is what would be chosen without
timings: bit for bit where integers are summed, within the bounds that both
kernels declare otherwise. What agrees is timed: calls in a CUDA graph that goes
around copies of the operands of more than 240 MB, so that L2 holds none of them;
the figure is the median of the replays, per call.

Each line of the output is one JSON object, written when it is known. Run again
with the same output, it goes on where it stopped; what is there is kept.
"""

import argparse
import datetime
import json
import os
import sys
import zlib

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import artifact as rt  # noqa: E402
from clock import find_clock  # noqa: E402
from loaded import POISON, Loaded, upload  # noqa: E402
from weights import DTYPES  # noqa: E402

ROTATE_BYTES = 240_000_000
MIN_CALLS = 4
#: Unit roundoff of an output's type; integers are exact.
ROUNDOFF = {"f32": 2.0**-24, "f16": 2.0**-11, "bf16": 2.0**-8}


class Mismatch(Exception):
    """A result that is not the first schedule's; the text says where."""


# ---------------------------------------------------------------------------
# Operands
# ---------------------------------------------------------------------------


def random_array(rng, name, element, shape):
    """Contents for a buffer: what the bits of its type may hold, finite, and of
    the size that data, scales or zero points have."""
    part = name.rpartition(".")[2]
    if element in ("i8", "ui8"):
        return rng.integers(0, 256, shape, dtype=np.uint8)
    if element.startswith("f8"):
        if element == "f8E8M0FNU":
            return rng.integers(120, 128, shape, dtype=np.uint8)
        # No exponent of all ones, so no NaN; scales are positive.
        mask = 0x3F if part == "scales" else 0xBF
        return rng.integers(0, 256, shape, dtype=np.uint8) & np.uint8(mask)
    if element in ("i32", "ui32"):
        return rng.integers(-8, 8, shape, dtype=np.int32)
    if part == "scales":
        values = rng.uniform(0.002, 0.02, shape).astype(np.float32)
    elif part == "zero_points":
        values = rng.uniform(0, 8, shape).astype(np.float32)
    else:
        values = rng.standard_normal(shape, dtype=np.float32)
    if element in ("bf16", "f16", "f32"):
        return values.astype(DTYPES[element])
    raise rt.RuntimeFailure(f"no random data for elements of {element}")


def to_float(data, element):
    """The numbers in the bytes of an output, as float64."""
    types = DTYPES | {"i8": np.dtype(np.int8)}
    return data.view(types[element]).astype(np.float64)


class Program(Loaded):
    """One candidate's artifact, loaded on the device."""

    def plan(self, rows, batch_dims=0):
        """The main function for that many rows of activations."""
        if not self.function.dims:
            return rt.Plan(self.function)
        lhs = next(b for b in self.function.buffers if b.name == "lhs")
        extents = lhs.shape[batch_dims:-1]
        known = int(np.prod([e for e in extents if e >= 0], dtype=np.int64))
        if rows % known:
            raise rt.RuntimeFailure(f"{rows} rows are no multiple of {known}")
        # The first unknown extent of the activations takes all rows, others are
        # 1; those of other operands are the same ones, in the same order.
        unknown = [i for i, e in enumerate(lhs.shape) if e < 0]
        values = []
        for _, index, axis in self.function.dims:
            extents = self.function.buffers[index].shape
            order = sum(e < 0 for e in extents[:axis])
            values.append(rows // known if order == 0 or len(unknown) == 1 else 1)
        return rt.Plan(self.function, values)


def contract_of(plan):
    """The largest of each part of the contracts of a plan's kernels."""
    parts = [(k.u_acc, k.u_decode, abs(k.offset)) for k, _ in plan.launches()]
    return [max(part) for part in zip(*parts)] if parts else [0.0, 0.0, 0.0]


# ---------------------------------------------------------------------------
# Measuring
# ---------------------------------------------------------------------------


class OpMeasurement:
    """All candidates of one op at one number of rows."""

    def __init__(self, context, clock, bundle, op, rows, seed):
        self.context, self.clock, self.bundle = context, clock, bundle
        self.op, self.rows = op, rows
        # The same data in every process, so that a run can go on in the next.
        self.seed = [seed, zlib.crc32(op["op"].encode()), rows]
        self.contents = {}
        #: Memory of prepared weights and of copies of operands, by layout.
        self.operands = {}
        self.expected = None
        self.best = float("inf")

    def data(self, buffer, shape):
        """Contents of a buffer, which do not depend on when it is asked for."""
        if buffer.name not in self.contents:
            rng = np.random.default_rng(
                [*self.seed, zlib.crc32(buffer.name.encode())]
            )
            self.contents[buffer.name] = random_array(
                rng, buffer.name, buffer.element, shape
            )
        return self.contents[buffer.name]

    def load(self, candidate):
        program = Program(self.context, os.path.join(self.bundle, candidate["artifact"]))
        plan = program.plan(self.rows, self.op.get("batch_dims", 0))
        return program, plan

    def get_operands(self, candidate, program, plan, count=1):
        """`count` sets of operands on the device; those of one layout of weights
        are shared by all candidates."""
        layout = candidate.get("weights", "")
        if layout not in self.operands:
            # One layout at a time: copies take memory.
            self.operands.clear()
            memory = program.prepare(self.data)
            for buffer in program.function.by_role(rt.INPUT, rt.WEIGHT):
                memory[buffer.name] = upload(
                    self.context, self.data(buffer, plan.shape(buffer))
                )
            self.operands[layout] = [memory]
        sets = self.operands[layout]
        while len(sets) < count:
            copy = {}
            for name, memory in sets[0].items():
                copy[name] = self.context.allocate(memory.size)
                if memory.size:
                    copy[name].write(memory.read())
            sets.append(copy)
        return sets

    def run(self, candidate, program, plan):
        """The bytes of the result, poisoned before."""
        (operands, *_) = self.get_operands(candidate, program, plan)
        buffer = program.output()
        out = upload(self.context, np.full(plan.bytes(buffer), POISON, np.uint8))
        space = upload(self.context, np.full(plan.workspace_bytes, POISON, np.uint8))
        addresses = {name: m.address for name, m in operands.items()}
        addresses[buffer.name] = out.address
        program.executable.launch(plan, addresses, (space.address, space.size))
        self.context.synchronize()
        return np.frombuffer(out.read(), np.uint8)

    def check(self, candidate, program, plan):
        """How the result agrees with that of the op's first candidate."""
        if self.expected is None:
            first = self.op["candidates"][0]
            if first is candidate:
                first_program, first_plan = program, plan
            else:
                first_program, first_plan = self.load(first)
            data = self.run(first, first_program, first_plan)
            self.expected = data, contract_of(first_plan)
        expected, contract = self.expected
        got = self.run(candidate, program, plan)
        if np.array_equal(got, expected):
            return "equal"
        element = program.output().element
        bound = [a + b for a, b in zip(contract, contract_of(plan))]
        self.compare(to_float(got, element), to_float(expected, element), bound, element)
        return "agrees"

    def compare(self, got, expected, bound, element):
        """Raises Mismatch beyond what two kernels of these contracts may differ
        by on data like ours. A sum of K terms of random signs is smaller than
        that of their sizes by about the root of K, whence the factor."""
        k = next(int(part[2:]) for part in self.op["op"].split() if part[:2] == "k=")
        size = np.sqrt(np.mean(np.square(expected[np.isfinite(expected)]))) or 1.0
        u_acc, u_decode, offset = bound
        tolerance = 2 * np.sqrt(k) * (k * u_acc * (1 + offset) + u_decode) * size
        if tolerance:
            tolerance = tolerance + 4 * ROUNDOFF.get(element, 0) * np.abs(expected)
        error = np.abs(got - expected)
        wrong = ~((error <= tolerance) | (np.isnan(got) & np.isnan(expected)))
        if wrong.any():
            at = int(np.argmax(np.where(np.isnan(error), np.inf, error)))
            raise Mismatch(
                f"{int(wrong.sum())} of {got.size} elements differ from the first "
                f"schedule's: [{at}] is {got.flat[at]}, there {expected.flat[at]}"
            )

    def measure(self, candidate):
        """What is known of a candidate: the fields of its line."""
        program, plan = self.load(candidate)
        result = dict(check=self.check(candidate, program, plan))
        per_set = sum(
            m.size for m in self.get_operands(candidate, program, plan)[0].values()
        )
        copies = 1
        if self.clock.method == "graph":
            copies = max(1, min(512, -(-ROTATE_BYTES // max(1, per_set))))
        sets = self.get_operands(candidate, program, plan, copies)
        out = self.context.allocate(plan.bytes(program.output()))
        space = self.context.allocate(plan.workspace_bytes)
        calls = [
            program.executable.bind(
                plan,
                {n: m.address for n, m in operands.items()}
                | {program.output().name: out.address},
                (space.address, space.size),
            )
            for operands in sets[:copies]
        ]
        calls *= -(-MIN_CALLS // len(calls))
        elapsed = self.clock.time(calls, limit=1.5 * self.best)
        self.best = min(self.best, elapsed)
        result["microseconds"] = round(elapsed, 3)
        result["method"] = self.clock.method
        return result


def read_lines(path):
    """The lines of an output that an earlier run left; an unfinished last one
    is cut off."""
    if not os.path.exists(path):
        return []
    with open(path) as file:
        text = file.read()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        with open(path, "w") as file:
            file.write(whole)
    lines = []
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            lines.append(json.loads(line))
        except ValueError as error:
            raise SystemExit(f"{path}:{number}: not a line of JSON: {error}")
    return lines


def read_bundle(path):
    """The index of a bundle."""
    index = os.path.join(path, "tuning.json")
    try:
        with open(index) as file:
            bundle = json.load(file)
    except (OSError, ValueError) as error:
        raise SystemExit(f"{index}: {error}")
    known = isinstance(bundle, dict) and bundle.get("version") == 1
    if not known or bundle.get("format") != "quantmlir-tuning-bundle":
        raise SystemExit(f"{index}: not a tuning bundle of version 1")
    return bundle


def summarize(bundle, lines):
    """Prints each op's best schedule beside what is chosen without timings."""
    for op in bundle["ops"]:
        chosen = {r: c["schedule"] for c in op["candidates"] for r in c["chosen_for"]}
        for rows in sorted({r for c in op["candidates"] for r in c["rows"]}):
            mine = [x for x in lines if x["op"] == op["op"] and x["rows"] == rows]
            times = {x["schedule"]: x["microseconds"] for x in mine if "microseconds" in x}
            failed = sum("error" in x for x in mine)
            print(f"{op['op']}\n  {rows} rows: {len(times)} measured, {failed} failed")
            if not times:
                continue
            best = min(times, key=times.get)
            print(f"  best {times[best]:.2f} us: {best}")
            if chosen.get(rows) in times:
                own = times[chosen[rows]]
                print(f"  chosen without timings: {own:.2f} us, {own / times[best]:.3f} of it")


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", help="directory made by quant-tune")
    parser.add_argument("-o", "--output", required=True, help="lines of timings")
    parser.add_argument("--only", default="", help="ops whose text contains this")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)

    bundle = read_bundle(options.bundle)
    lines = read_lines(options.output)
    done = {(x["op"], x["rows"], x["schedule"]) for x in lines}
    try:
        context = rt.Context(rt.Library())
    except rt.RuntimeFailure as error:
        sys.exit(f"{parser.prog}: error: {error}")
    clock = find_clock(context)
    failed = sum("error" in line for line in lines)
    with open(options.output, "a") as output:
        for op in bundle["ops"]:
            if options.only not in op["op"]:
                continue
            for rows in sorted({r for c in op["candidates"] for r in c["rows"]}):
                at = OpMeasurement(context, clock, options.bundle, op, rows, options.seed)
                for candidate in op["candidates"]:
                    key = (op["op"], rows, candidate["schedule"])
                    if rows not in candidate["rows"] or key in done:
                        continue
                    line = dict(op=op["op"], rows=rows, schedule=candidate["schedule"])
                    lost = False
                    try:
                        line.update(at.measure(candidate))
                    except (Mismatch, rt.RuntimeFailure) as error:
                        line["error"] = str(error)
                        lost = getattr(error, "status", None) == rt.DRIVER_ERROR
                        failed += 1
                    line["gpu"] = context.name
                    line["date"] = datetime.date.today().isoformat()
                    output.write(json.dumps(line) + "\n")
                    output.flush()
                    lines.append(line)
                    if lost:
                        # The context is gone; a new process goes on behind this
                        # line.
                        print(f"driver failed: {line['error']}", flush=True)
                        script = os.path.abspath(__file__)
                        os.execv(sys.executable, [sys.executable, script, *sys.argv[1:]])
    summarize(bundle, lines)
    print(f"{len(lines)} lines, {failed} failed, on {context.name}")
    return 1 if failed or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
