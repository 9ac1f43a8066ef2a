"""sanitize.py, with a tool that says what it is told to."""

import json
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import build_artifacts  # noqa: E402
import cases  # noqa: E402
import programs  # noqa: E402
import rows  # noqa: E402
import sanitize as sanitize_module  # noqa: E402

CLEAN = {
    "memcheck": "========= ERROR SUMMARY: 0 errors",
    "racecheck": "========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)",
    "synccheck": "========= ERROR SUMMARY: 0 errors",
    "initcheck": "========= ERROR SUMMARY: 0 errors",
}


def racecheck(*hazards, kernel="matmul_wgmma_decode_0", kind="WAR", writes="Write Thread"):
    """What racecheck says of (reader, writer) pairs of threads."""
    lines = []
    for reader, writer in hazards:
        lines += [
            f"========= Error: Potential {kind} hazard detected at __shared__ 0x4a in block (4,0,0) :",
            f"=========     Read Thread ({reader},0,0) at {kernel}+0x15e0",
            f"=========     {writes} ({writer},0,0) at {kernel}+0x8c0",
            "=========     Current Value : 0, Incoming Value : ?",
            "========= ",
        ]
    count = len(hazards)
    lines.append(
        f"========= RACECHECK SUMMARY: {count} hazards displayed ({count} errors, 0 warnings)"
    )
    return CLEAN | {"racecheck": "\n".join(lines)}


#: More than is shown.
TRUNCATED = CLEAN | {
    "racecheck": racecheck((130, 96))["racecheck"].replace("SUMMARY: 1", "SUMMARY: 2")
}


@pytest.fixture(scope="module")
def artifacts(build_dir, tmp_path_factory):
    """Two cases of different families, and rows."""
    out = tmp_path_factory.mktemp("sanitize")
    compiler = build_artifacts.Compiler(str(build_dir / "bin" / "quant-compile"))
    chosen = [programs.Layer(37, 131, 3, group=32), programs.Layer(61, 144, 37, storage="i8")]
    chosen.append(rows.Rows("layernorm", 131))
    assert not build_artifacts.build_step("sanitize", str(out), compiler, 2, plan=(chosen, {}))
    return out / "sanitize"


@pytest.fixture
def sanitize(build_dir, artifacts, tmp_path):
    """sanitize(says, status, driver, on) runs it under a tool that ends with those
    lines and that status (if it is the tool `on`, where one is given), or never; the
    status and the log."""

    def run(says=CLEAN, status=0, driver="lib/libquantmlir_emulator_driver.so", on="", limit=None):
        tool = tmp_path / "compute-sanitizer"
        tool.write_text(
            f"""#!{sys.executable}
import subprocess, sys
if "--version" in sys.argv:
    sys.exit(print("Compute Sanitizer version 2099.1.0"))
assert sys.argv[3:5] == ["--error-exitcode", "86"]
if {limit!r}:
    subprocess.run([sys.executable, "-c", "while True: pass"])
inner = subprocess.run(sys.argv[sys.argv.index(sys.executable):])
print({says!r}[sys.argv[2]])
sys.exit({status} * ({on!r} in ("", sys.argv[2])) or inner.returncode)
"""
        )
        tool.chmod(0o755)
        log = tmp_path / "sanitizer.log"
        done = subprocess.run(
            [sys.executable, ROOT / "benchmarks" / "sanitize.py", artifacts, "--log", log]
            + ([f"--limit={limit}"] if limit else []),
            env=dict(
                os.environ,
                COMPUTE_SANITIZER=str(tool),
                QUANTMLIR_LIBCUDA=str(build_dir / driver),
                QUANTMLIR_RUNTIME=str(build_dir / "lib" / "libquantmlir_runtime.so"),
            ),
            capture_output=True,
            text=True,
        )
        return done.returncode, log.read_text(), done.stdout + done.stderr

    return run


def test_a_clean_run(sanitize, artifacts):
    status, log, output = sanitize()
    assert status == 0, log + output
    commit = json.loads((artifacts / "index.json").read_text())["commit"]
    head = log.splitlines()[0]
    assert "compute-sanitizer 2099.1.0" in head and f"commit {commit}" in head
    assert log.count("3 cases, 0 failed") == 4 and log.count("device: ") == 4
    for tool in CLEAN:
        assert f"--tool {tool} " in log
    assert "excused" not in log
    assert log.endswith("# clean: memcheck, racecheck, synccheck, initcheck\n")


@pytest.mark.parametrize(
    "says, status, reason",
    [
        (CLEAN | {"racecheck": "RACECHECK SUMMARY: 1 hazards displayed (0 errors, 1 warnings)"},
         0, "racecheck: findings"),
        (CLEAN | {"memcheck": "ERROR SUMMARY: 3 errors"}, 0, "memcheck: findings"),
        (CLEAN | {"initcheck": "ERROR SUMMARY: 1 error"}, 0, "initcheck: findings"),
        (CLEAN | {"memcheck": "Device not supported"}, 0, "memcheck: no summary"),
        (CLEAN, 86, "memcheck: findings; racecheck: findings"),
        (CLEAN, 3, "memcheck: status 3"),
    ],
)
def test_findings_fail(sanitize, says, status, reason):
    code, log, output = sanitize(says, status)
    assert code == 1 and reason in log.splitlines()[-1], output


LANES = [(129 + lane, 96) for lane in range(31)]


def judge(text):
    """The hazards of a tool's output, read line by line."""
    hazards = sanitize_module.Hazards()
    for line in text.splitlines():
        hazards.add(line)
    hazards.end()
    return hazards


@pytest.mark.parametrize(
    "says, excused",
    [
        (racecheck(*LANES), 31),
        # The first lane of a warp, and with it what else there is of its instructions.
        (racecheck(*LANES, (160, 96)), 0),
        (racecheck((160, 96), *LANES), 0),
        (racecheck(*LANES, kind="RAW"), 0),
        (racecheck(*LANES, kernel="matmul_wgmma_0"), 0),
        # What the loader reads, and what consumers write.
        (racecheck((5, 96)), 0),
        (racecheck((130, 170)), 0),
        (racecheck(*LANES, writes="Write of thread"), 0),
    ],
)
def test_only_other_lanes_of_a_warp_are_excused(says, excused):
    hazards = judge(says["racecheck"])
    assert sum(hazards.counts.values()) >= 1 and hazards.excused == excused
    assert ("NOT excused" in " ".join(hazards.describe())) == (excused == 0)


def test_lines_of_the_program_come_in_between():
    lines = racecheck(*LANES)["racecheck"].splitlines()
    mixed = "\n".join(text for line in lines for text in (line, "1x2-case ok"))
    assert judge(mixed).excused == 31


def test_excused_hazards_are_counted_in_the_log(sanitize):
    """Racecheck reports each by the byte, and ends with the status of findings."""
    status, log, output = sanitize(racecheck(*LANES * 5), status=86, on="racecheck")
    assert status == 0, log + output
    assert "# excused: 155 WAR hazards" in log and "+0x15e0" in log and "+0x8c0" in log
    assert log.count("Potential WAR") < 20
    clean = "memcheck, racecheck but for 155 hazards excused, synccheck, initcheck"
    assert log.endswith(f"# clean: {clean}\n")


@pytest.mark.parametrize("says", [racecheck((160, 96)), TRUNCATED])
def test_other_hazards_fail(sanitize, says):
    status, log, _ = sanitize(says, status=86, on="racecheck")
    assert status == 1 and log.splitlines()[-1] == "# racecheck: findings"


def test_what_never_ends_is_ended(sanitize):
    """With what the tool has started, which has its output, too."""
    code, log, _ = sanitize(limit=0.5)
    assert code == 1 and log.count("not at its end after 0.5 s") == 4


def test_wrong_results_fail(sanitize):
    """Kernels of the fake driver do nothing, which no tool would mind."""
    code, log, _ = sanitize(driver="test/Unit/libquantmlir_fakecuda.so")
    assert code == 1 and "were never written" in log
    assert "3 cases, 3 failed" in log and "memcheck: status 1" in log


def test_the_log_that_is_kept():
    """Every tool ran all cases of its day, without findings."""
    log = (ROOT / "benchmarks" / "results" / "sanitizer.log").read_text()
    head, verdict = log.splitlines()[0], log.splitlines()[-1]
    assert re.match(r"# \d{4}-\d\d-\d\d, driver .*, commit [0-9a-f]{40}$", head)
    assert verdict.startswith("# clean: ") and "NOT excused" not in log
    parts = log.split("\n$ compute-sanitizer --tool ")[1:]
    assert [part.split()[0] for part in parts] == list(CLEAN)
    for part in parts:
        (count,) = re.findall(r"^(\d+) cases, 0 failed$", part, re.MULTILINE)
        ran = re.findall(r"^(\S+) ok$", part, re.MULTILINE)
        assert len(set(ran)) == len(ran) == int(count) > 200


def test_every_family_is_covered():
    """Each case that the emulator checks is here, for rows that the compiler knows."""
    chosen = {case.name for case in cases.sanitize_cases()}
    assert len(chosen) == len(cases.sanitize_cases())
    for case in cases.FAMILIES:
        names = [case.name]
        if case.m is None and "m" in case.arguments:
            names = [type(case)(**case.arguments | {"m": m}).name for m in cases.SANITIZE_ROWS]
        assert chosen.issuperset(names)
