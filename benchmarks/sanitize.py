"""Runs small shapes of every family of kernels, all with tails, under NVIDIA's
compute-sanitizer, and keeps its log.

    python benchmarks/sanitize.py ARTIFACTS/sanitize --log sanitizer.log

Fails on any finding, on any wrong result, and where a tool does not say at its end
that it found nothing. One kind of finding is excused, see `Hazards`, and counted in
the log. Without compute-sanitizer there is nothing to learn: `--run` alone runs the
same kernels (it is what the tools run).
"""

import argparse
import collections
import concurrent.futures
import datetime
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import artifact as rt  # noqa: E402
import cases  # noqa: E402
import programs  # noqa: E402
from gpu_check import Failure, Runner, compare  # noqa: E402
from loaded import POISON, Loaded, upload  # noqa: E402
from report import find_versions  # noqa: E402
from rows import Rows  # noqa: E402

TOOLS = ["memcheck", "racecheck", "synccheck", "initcheck"]
#: What a tool says at its end: how much it found.
SUMMARY = {
    "memcheck": r"ERROR SUMMARY: (\d+) errors?",
    "racecheck": r"RACECHECK SUMMARY: (\d+) hazards? displayed \(\d+ errors?, \d+ warnings?\)",
    "synccheck": r"ERROR SUMMARY: (\d+) errors?",
    "initcheck": r"ERROR SUMMARY: (\d+) errors?",
}
#: Every hazard with its threads: an analysis of them does not say which.
OPTIONS = {
    "racecheck": ["--racecheck-report", "hazard", "--racecheck-detect-level", "info",
                  "--print-limit", "4000000", "--show-backtrace", "no"],
}
#: So many lines about hazards are kept; there are four for every byte.
HAZARD_LINES = 40
#: The status by which a tool says that it found something.
FOUND = 86


# ---------------------------------------------------------------------------
# What runs under a tool
# ---------------------------------------------------------------------------


def run_rows(context, folder, case):
    """Codes and scales of some rows, compared with float64."""
    loaded = Loaded(context, folder)
    inputs = case.inputs(13)
    plan = loaded.plan_for(inputs)
    memory = {name: upload(context, array) for name, array in inputs.items()}
    for buffer in loaded.function.by_role(rt.OUTPUT):
        poison = np.full(plan.bytes(buffer), POISON, np.uint8)
        memory[buffer.name] = upload(context, poison)
    space = context.allocate(plan.workspace_bytes)
    addresses = {name: m.address for name, m in memory.items()}
    loaded.executable.launch(plan, addresses, (space.address, space.size))
    context.synchronize()
    codes = np.frombuffer(memory["codes"].read(), np.int8).reshape(13, -1)
    scales = np.frombuffer(memory["scales"].read(), np.float32).reshape(13, 1)
    try:
        case.check(inputs, codes, scales)
    except AssertionError as error:
        raise Failure(str(error) or "wrong codes") from error


def run_case(context, folder, case):
    runner = Runner(context, folder, case)
    weights = case.weights()
    prepared = runner.prepare(lambda buffer, _: weights[buffer.name])
    for rows in cases.SANITIZE_ROWS if case.m is None else [case.m]:
        inputs = weights | case.activations(rows)
        result, contract, _ = runner.run(inputs, prepared, rows)
        compare(case, inputs, result, contract)


def run_all(folder, only):
    """Runs every case; how many failed."""
    with open(os.path.join(folder, "index.json")) as file:
        index = json.load(file)
    context = rt.Context(rt.Library())
    print(f"device: {context.name}", flush=True)
    failed = ran = 0
    for entry in index["cases"]:
        if only not in entry["name"]:
            continue
        ran += 1
        try:
            if "artifact" not in entry:
                raise Failure("did not compile")
            path = os.path.join(folder, entry["artifact"])
            if entry["program"] == "Rows":
                run_rows(context, path, Rows(**entry["arguments"]))
            else:
                run_case(context, path, programs.from_description(entry))
            print(f"{entry['name']} ok", flush=True)
        except (Failure, rt.RuntimeFailure) as error:
            print(f"{entry['name']} FAILED: {error}", flush=True)
            failed += 1
            if getattr(error, "status", None) == rt.DRIVER_ERROR:
                break  # The context is gone.
    print(f"{ran} cases, {failed} failed", flush=True)
    return failed if ran else 1


# ---------------------------------------------------------------------------
# The tools
# ---------------------------------------------------------------------------


def find_sanitizer():
    for path in (os.environ.get("COMPUTE_SANITIZER"), shutil.which("compute-sanitizer"),
                 "/usr/local/cuda/bin/compute-sanitizer"):
        if path and os.path.exists(path):
            return path
    raise SystemExit("compute-sanitizer not found; set COMPUTE_SANITIZER to its path")


def get_version(sanitizer):
    done = subprocess.run([sanitizer, "--version"], capture_output=True, text=True)
    found = re.search(r"[Vv]ersion ([0-9.]+)", done.stdout)
    return found.group(1) if found else "unknown"


class Hazards:
    """What racecheck reports, and which of it is no race.

    Excused is a copy that writes over what `wgmma_decode` read before (write after
    read), the read by a lane other than the first of a warp. There, a warp reads a
    stage by `ldmatrix`, one instruction of all its lanes, and its first lane arrives at
    the barrier that gives the stage back, behind a barrier of the warp. ptxas leaves
    that one out, since the warp is converged anyway; racecheck follows each lane by
    itself, and sees the arrival order the first lane's reads only. So of the same two
    instructions it must have nothing against a first lane: whatever the kernel did
    wrong would be wrong for that one, too. (Kernels in which every lane arrives are
    clean, and up to 3 % slower.) Nothing else is excused."""

    WARP, WARPGROUP, FAMILY = 32, 128, "matmul_wgmma_decode_"

    def __init__(self):
        #: By what is excused in a hazard, or None: how many.
        self.counts = collections.Counter()
        #: Pairs of instructions of which a first lane has a hazard.
        self.first = set()
        self._kind, self._ends = None, {}

    def add(self, line):
        """Whether a line belongs to a hazard."""
        if not line.startswith("==="):
            return False  # of the program, which may come in between
        if "hazard detected" in line:
            self.end()
            self._kind = re.search(r"Potential (\w+) hazard detected", line)[1]
            return True
        if self._kind is None:
            return False
        if "SUMMARY" in line:
            self.end()
            return False
        pattern = r"(Read|Write) Thread \((\d+),0,0\).* at (\w+)\+(0x[0-9a-f]+)"
        if " Thread " in line and (found := re.search(pattern, line)):
            self._ends[found[1]] = int(found[2]), found[3], found[4]
        return True

    def end(self):
        """Counts the hazard whose lines are over, if there is one."""
        if self._kind is None:
            return
        excused = None
        if self._kind == "WAR" and self._ends.keys() == {"Read", "Write"}:
            (reader, kernel, read), (writer, writing, write) = map(
                self._ends.get, ("Read", "Write")
            )
            if (
                kernel == writing
                and kernel.startswith(self.FAMILY)
                and writer < self.WARPGROUP <= reader
            ):
                excused = kernel, read, write
                if reader % self.WARP == 0:
                    self.first.add(excused)
        self.counts[excused] += 1
        self._kind, self._ends = None, {}

    @property
    def excused(self):
        return sum(n for pair, n in self.counts.items() if pair and pair not in self.first)

    def describe(self):
        """A line for each pair of instructions."""
        for pair, count in sorted(self.counts.items(), key=str):
            if pair is None or pair in self.first:
                yield f"# NOT excused: {count} hazards {pair or ''}"
            else:
                kernel, read, write = pair
                yield (
                    f"# excused: {count} WAR hazards of bytes, {kernel}: ldmatrix at +{read}, "
                    f"lanes 1 to 31, and the bulk copy at +{write}"
                )


def run_tool(sanitizer, tool, folder, only, log, limit):
    """Whether a tool's run is clean, and what to say of it. Its output goes into the
    log, but few of the hazards, which racecheck reports by the byte. A tool that runs for
    `limit` seconds is ended: a kernel may wait for ever, or a tool report for as long."""
    options = OPTIONS.get(tool, [])
    command = [sanitizer, "--tool", tool, "--error-exitcode", str(FOUND), *options]
    inner = [sys.executable, os.path.abspath(__file__), folder, "--run", "--only", only]
    log.write(
        f"\n$ compute-sanitizer {' '.join(['--tool', tool, *options])} "
        "python benchmarks/sanitize.py --run\n"
    )
    log.flush()
    process = subprocess.Popen(
        command + inner, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )
    late = threading.Event()

    def end():
        late.set()
        # The kernels run in a process of the tool's, which has the output, too.
        os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(limit, end)
    timer.start()
    hazards, shown = Hazards(), 0
    count, complete = None, False
    for line in process.stdout:
        if tool == "racecheck" and hazards.add(line):
            shown += 1
            if shown > HAZARD_LINES:
                continue
        log.write(line)
        log.flush()
        if found := re.search(SUMMARY[tool], line):
            count = int(found[1])
        complete |= bool(re.fullmatch(r"[1-9]\d* cases, 0 failed\n", line))
    hazards.end()
    status = process.wait()
    timer.cancel()
    log.writelines(line + "\n" for line in hazards.describe())
    excused = hazards.excused
    if late.is_set():
        return False, f"{tool}: not at its end after {limit} s"
    if status not in (0, FOUND):
        return False, f"{tool}: status {status}"
    if count is not None and count > excused or status == FOUND and not excused:
        return False, f"{tool}: findings"
    if not complete:
        return False, f"{tool}: not every case ran"
    if count != excused:
        return False, f"{tool}: no summary without findings"
    return True, tool + (f" but for {excused} hazards excused" if excused else "")


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("artifacts", help="a step's folder that build_artifacts.py made")
    parser.add_argument("--log", help="where to keep what the tools say")
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument(
        "--limit", type=float, default=240, help="seconds that each tool may take (240)"
    )
    parser.add_argument("--run", action="store_true", help="run the kernels, without a tool")
    options = parser.parse_args(arguments)
    if options.run:
        return 1 if run_all(options.artifacts, options.only) else 0
    if not options.log:
        parser.error("--log says where the log goes")
    tools = options.tools.split(",")
    for tool in tools:
        if tool not in SUMMARY:
            parser.error(f"'{tool}' is none of {', '.join(SUMMARY)}")

    sanitizer = find_sanitizer()
    with open(os.path.join(options.artifacts, "index.json")) as file:
        commit = json.load(file)["commit"]
    date = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    with open(options.log, "w") as log:
        log.write(
            f"# {date}, driver {find_versions()['driver']}, compute-sanitizer "
            f"{get_version(sanitizer)}, commit {commit}\n"
            "# every family of kernels on shapes with tails, results compared with float64\n"
        )
        said = {True: [], False: []}
        # All at once: racecheck alone takes longer than the others together.
        logs = [io.StringIO() for _ in tools]
        with concurrent.futures.ThreadPoolExecutor(len(tools)) as pool:
            runs = pool.map(
                lambda tool, log: run_tool(
                    sanitizer, tool, options.artifacts, options.only, log, options.limit
                ),
                tools,
                logs,
            )
            for part, (clean, text) in zip(logs, runs):
                log.write(part.getvalue())
                log.flush()
                print(f"clean: {text}" if clean else text, flush=True)
                said[clean].append(text)
        verdict = "; ".join(said[False]) or "clean: " + ", ".join(said[True])
        log.write(f"\n# {verdict}\n")
    return 1 if said[False] else 0


if __name__ == "__main__":
    sys.exit(main())
