"""Runs small shapes of every family of kernels, all with tails, under NVIDIA's
compute-sanitizer, and keeps its log.

    python benchmarks/sanitize.py ARTIFACTS/sanitize --log sanitizer.log

Fails on any finding, on any wrong result, and where a tool does not say at its end
that it found nothing. Without compute-sanitizer there is nothing to learn: `--run`
alone runs the same kernels (it is what the tools run).
"""

import argparse
import datetime
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import artifact as rt  # noqa: E402
import cases  # noqa: E402
import programs  # noqa: E402
from gpu_check import Failure, Runner, compare  # noqa: E402
from loaded import POISON, Loaded, upload  # noqa: E402
from report import find_versions  # noqa: E402
from rows import Rows  # noqa: E402

TOOLS = ["memcheck", "racecheck"]
#: What a tool says of a run without findings.
CLEAN = {
    "memcheck": r"ERROR SUMMARY: 0 errors",
    "racecheck": r"RACECHECK SUMMARY: 0 hazards displayed \(0 errors, 0 warnings\)",
    "synccheck": r"ERROR SUMMARY: 0 errors",
    "initcheck": r"ERROR SUMMARY: 0 errors",
}
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


def run_tool(sanitizer, tool, folder, only, log):
    """Why a tool's run is not clean, or None. Its output goes into the log."""
    command = [sanitizer, "--tool", tool, "--error-exitcode", str(FOUND)]
    inner = [sys.executable, os.path.abspath(__file__), folder, "--run", "--only", only]
    log.write(f"\n$ compute-sanitizer --tool {tool} python benchmarks/sanitize.py --run\n")
    log.flush()
    process = subprocess.Popen(
        command + inner, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    clean = complete = False
    for line in process.stdout:
        log.write(line)
        log.flush()
        clean |= bool(re.search(CLEAN[tool], line))
        complete |= bool(re.fullmatch(r"[1-9]\d* cases, 0 failed\n", line))
    status = process.wait()
    if status:
        return f"{tool}: " + ("findings" if status == FOUND else f"status {status}")
    if not complete:
        return f"{tool}: not every case ran"
    return None if clean else f"{tool}: no summary without findings"


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("artifacts", help="a step's folder that build_artifacts.py made")
    parser.add_argument("--log", help="where to keep what the tools say")
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument("--run", action="store_true", help="run the kernels, without a tool")
    options = parser.parse_args(arguments)
    if options.run:
        return 1 if run_all(options.artifacts, options.only) else 0
    if not options.log:
        parser.error("--log says where the log goes")
    tools = options.tools.split(",")
    for tool in tools:
        if tool not in CLEAN:
            parser.error(f"'{tool}' is none of {', '.join(CLEAN)}")

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
        reasons = []
        for tool in tools:
            reason = run_tool(sanitizer, tool, options.artifacts, options.only, log)
            print(reason or f"{tool}: clean", flush=True)
            reasons += [reason] if reason else []
        verdict = "; ".join(reasons) if reasons else "clean: " + ", ".join(tools)
        log.write(f"\n# {verdict}\n")
    return 1 if reasons else 0


if __name__ == "__main__":
    sys.exit(main())
