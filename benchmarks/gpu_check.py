"""Runs every artifact of a folder on random inputs and compares the results
with float64 within the numeric contract of the kernels.

    python benchmarks/gpu_check.py ARTIFACTS [--json report.json]

Outputs and workspace are poisoned before each run, and guard bytes around the
output show writes outside it. Each run is repeated: the bits must be the same.
"""

import argparse
import concurrent.futures
import concurrent.futures.process
import datetime
import json
import math
import multiprocessing
import os
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import artifact as rt  # noqa: E402
import cases  # noqa: E402
import programs  # noqa: E402
from loaded import POISON, Loaded, upload  # noqa: E402
from weights import DTYPES, from_bf16, largest_contract  # noqa: E402

GUARD = 4096


class Failure(Exception):
    """A wrong result; the text says what and where."""


class ContextLost(Exception):
    """The driver failed; nothing more can be learned in this process."""


class Runner(Loaded):
    """A case's artifact, its output poisoned and guarded."""

    def __init__(self, context, folder, case):
        super().__init__(context, folder)
        self.case = case

    def run(self, inputs, prepared, rows):
        """The output's bits, and the largest contract of the kernels run."""
        function = self.function
        plan = self.plan_for(inputs)
        memory = dict(prepared)
        for buffer in function.by_role(rt.INPUT, rt.WEIGHT):
            memory[buffer.name] = upload(self.context, inputs[buffer.name])
        addresses = {name: m.address for name, m in memory.items()}
        output = self.output()
        size = plan.bytes(output)
        guarded = self.context.allocate(size + 2 * GUARD)
        guarded.write(bytes([POISON]) * guarded.size)
        addresses[output.name] = guarded.address + GUARD
        space = self.context.allocate(plan.workspace_bytes)
        if space.size:
            space.write(bytes([POISON]) * space.size)
        self.executable.launch(plan, addresses, (space.address, space.size))
        self.context.synchronize()
        data = np.frombuffer(guarded.read(), np.uint8)
        before, result, after = np.split(data, [GUARD, GUARD + size])
        if (before != POISON).any() or (after != POISON).any():
            raise Failure("wrote outside the output")
        *leading, columns = plan.shape(output)
        if (math.prod(leading), columns) != (rows, self.case.columns):
            raise Failure(f"the output has shape {plan.shape(output)}")
        if output.element != self.case.out:
            raise Failure(f"the output has elements of {output.element}")
        kernels = [kernel for kernel, _ in plan.launches()]
        result = result.view(DTYPES[self.case.out])
        return (
            result.reshape(rows, self.case.columns),
            largest_contract(kernels),
            [kernel.name.decode() for kernel in kernels],
        )


def compare(case, inputs, result, contract):
    """The largest error as a fraction of its bound; raises beyond 1."""
    exact, bound = case.reference(inputs, contract)
    if result.size == 0:
        return 0.0
    # Rows of several dimensions.
    exact, bound = exact.reshape(result.shape), bound.reshape(result.shape)
    # Poison is a NaN; as an integer it is a legal -1, and wrong soon enough.
    raw = np.ascontiguousarray(result).view(np.uint8).reshape(*result.shape, -1)
    missing = int((raw == POISON).all(axis=-1).sum())
    if missing and result.dtype.kind != "i":
        raise Failure(f"{missing} of {result.size} elements were never written")
    return check_bound(result.astype(np.float64), exact, bound)


def check_bound(got, exact, bound):
    """The largest error as a fraction of its bound; raises beyond 1."""
    error = np.abs(got - exact)
    ratio = np.where(np.isfinite(got), error / bound, np.inf)
    worst = np.unravel_index(np.argmax(ratio), ratio.shape)
    if not ratio[worst] <= 1:
        wrong = int((~(ratio <= 1)).sum())
        raise Failure(
            f"{wrong} of {ratio.size} elements off, worst y{list(map(int, worst))}"
            f" = {got[worst]}, exact {exact[worst]}, bound {bound[worst]}"
        )
    return float(ratio[worst])


def model_layers(folder, case):
    """(name, float32 weight) of a model's layers that `case` can run: those of
    its shape in the model.npz that build_artifacts.py --model wrote."""
    path = os.path.join(folder, os.pardir, "model.npz")
    kind = getattr(case, "kind", None)
    if kind and case.m is None and os.path.exists(path):
        with np.load(path) as model:
            for name in model.files:
                if model[name].shape == (case.n, case.k):
                    yield name, from_bf16(model[name])


def check_case(context, folder, case):
    """Yields a record of each run: random weights, then a real model's."""
    runner = Runner(context, folder, case)
    sizes = [case.m] if case.m is not None else cases.CHECK_ROWS
    yield from check_weights(runner, sizes, {})
    for name, weight in model_layers(folder, case):
        case.use_weight(weight)
        yield from check_weights(runner, cases.MODEL_ROWS, dict(layer=name))


def check_weights(runner, sizes, about):
    """Yields a record of the runs of each number of rows."""
    case = runner.case
    weights = case.weights()
    prepared = runner.prepare(lambda buffer, _: weights[buffer.name])
    for rows in sizes:
        inputs = weights | case.activations(rows)
        record = dict(case=case.name, m=rows, **about)
        try:
            result, contract, kernels = runner.run(inputs, prepared, rows)
            record["kernels"] = kernels
            record["worst"] = compare(case, inputs, result, contract)
            again, _, _ = runner.run(inputs, prepared, rows)
            if result.tobytes() != again.tobytes():
                raise Failure("two runs gave different bits")
        except Failure as error:
            record["error"] = str(error)
        except rt.RuntimeFailure as error:
            record["error"] = str(error)
            if error.status == rt.DRIVER_ERROR:
                yield record
                raise ContextLost from error
        yield record


_context = None


def check_entry(folder, entry):
    """All records of one case and the device's name, in a worker process.

    The last says whether the process can go on.
    """
    global _context
    records = []
    try:
        _context = _context or rt.Context(rt.Library())
        case = programs.from_description(entry)
        path = os.path.join(folder, entry["artifact"])
        for record in check_case(_context, path, case):
            records.append(record)
    except ContextLost:
        return records, _context.name, False
    except rt.RuntimeFailure as error:
        records.append(dict(case=entry["name"], error=str(error)))
        healthy = error.status != rt.DRIVER_ERROR
        return records, _context.name if _context else "no device", healthy
    return records, _context.name, True


class Worker:
    """A process that checks cases; replaced after a kernel took its context."""

    def __init__(self):
        self.pool = None

    def check(self, folder, entry):
        if self.pool is None:
            self.pool = concurrent.futures.ProcessPoolExecutor(
                1, mp_context=multiprocessing.get_context("spawn")
            )
        try:
            future = self.pool.submit(check_entry, folder, entry)
            records, device, healthy = future.result()
        except concurrent.futures.process.BrokenProcessPool:
            error = "the process died"
            records, device, healthy = [], "unknown", False
            records.append(dict(case=entry["name"], error=error))
        if not healthy:
            self.close()
        return records, device

    def close(self):
        if self.pool is not None:
            self.pool.shutdown()
            self.pool = None


def print_case(name, records):
    failed = [record for record in records if "error" in record]
    worst = max((record.get("worst", 0) for record in records), default=0)
    print(
        f"{'FAIL' if failed else 'ok':4} {name}: {len(records)} runs, "
        f"{len(failed)} failed, worst error {worst:.2f} of its bound",
        flush=True,
    )
    for record in failed[:3]:
        print(f"     M={record.get('m')}: {record['error']}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("artifacts", help="a step's folder that build_artifacts.py made")
    parser.add_argument("--json", help="where to write all records")
    parser.add_argument("--only", default="", help="names that contain this")
    options = parser.parse_args()

    with open(os.path.join(options.artifacts, "index.json")) as file:
        index = json.load(file)
    worker = Worker()
    records, device = [], "no device"
    for entry in index["cases"]:
        name = entry["name"]
        if options.only not in name:
            continue
        if "artifact" in entry:
            found, device = worker.check(options.artifacts, entry)
        else:
            found = [dict(case=name, error="did not compile")]
        records += found
        print_case(name, found)
    worker.close()
    failures = sum("error" in record for record in records)
    print(f"{len(records) - failures} runs passed, {failures} failed on {device}")
    if options.json:
        report = dict(
            date=datetime.datetime.now(datetime.timezone.utc).isoformat(),
            gpu=device,
            commit=index["commit"],
            records=records,
        )
        with open(options.json, "w") as file:
            json.dump(report, file, indent=1)
    return 1 if failures or not records else 0


if __name__ == "__main__":
    sys.exit(main())
