"""sanitize.py, with a tool that says what it is told to."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import build_artifacts  # noqa: E402
import cases  # noqa: E402
import programs  # noqa: E402
import rows  # noqa: E402

CLEAN = {
    "memcheck": "========= ERROR SUMMARY: 0 errors",
    "racecheck": "========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)",
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
    """sanitize(says, status, driver) runs it under a tool that ends with those lines
    and that status; the status and the log."""

    def run(says=CLEAN, status=0, driver="lib/libquantmlir_emulator_driver.so"):
        tool = tmp_path / "compute-sanitizer"
        tool.write_text(
            f"""#!{sys.executable}
import subprocess, sys
if "--version" in sys.argv:
    sys.exit(print("Compute Sanitizer version 2099.1.0"))
assert sys.argv[3:5] == ["--error-exitcode", "86"]
inner = subprocess.run(sys.argv[5:])
print({says!r}[sys.argv[2]])
sys.exit({status} or inner.returncode)
"""
        )
        tool.chmod(0o755)
        log = tmp_path / "sanitizer.log"
        done = subprocess.run(
            [sys.executable, ROOT / "benchmarks" / "sanitize.py", artifacts, "--log", log],
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
    assert log.count("3 cases, 0 failed") == 2 and log.count("device: ") == 2
    assert "--tool memcheck" in log and "--tool racecheck" in log
    assert log.endswith("# clean: memcheck, racecheck\n")


@pytest.mark.parametrize(
    "says, status, reason",
    [
        (CLEAN | {"racecheck": "RACECHECK SUMMARY: 1 hazards displayed (0 errors, 1 warnings)"},
         0, "racecheck: no summary without findings"),
        (CLEAN | {"memcheck": "ERROR SUMMARY: 3 errors"}, 0,
         "memcheck: no summary without findings"),
        (CLEAN | {"memcheck": "Device not supported"}, 0, "memcheck: no summary"),
        (CLEAN, 86, "memcheck: findings; racecheck: findings"),
        (CLEAN, 3, "memcheck: status 3"),
    ],
)
def test_findings_fail(sanitize, says, status, reason):
    code, log, output = sanitize(says, status)
    assert code == 1 and reason in log.splitlines()[-1], output


def test_wrong_results_fail(sanitize):
    """Kernels of the fake driver do nothing, which no tool would mind."""
    code, log, _ = sanitize(driver="test/Unit/libquantmlir_fakecuda.so")
    assert code == 1 and "were never written" in log
    assert "3 cases, 3 failed" in log and "memcheck: status 1" in log


def test_every_family_is_covered():
    """Each case that the emulator checks is here, for rows that the compiler knows."""
    chosen = {case.name for case in cases.sanitize_cases()}
    assert len(chosen) == len(cases.sanitize_cases())
    for case in cases.FAMILIES:
        names = [case.name]
        if case.m is None and "m" in case.arguments:
            names = [type(case)(**case.arguments | {"m": m}).name for m in cases.SANITIZE_ROWS]
        assert chosen.issuperset(names)
