"""What every pytest file of the project shares: where the build is."""

import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("QUANTMLIR_BUILD_DIR", ROOT / "build"))

# The package as built, ahead of any installed one.
sys.path.insert(0, str(BUILD / "python"))


@pytest.fixture(scope="session")
def build_dir():
    """The CMake build directory under test."""
    assert BUILD.is_dir(), f"{BUILD} is not built (scripts/build.sh)"
    return BUILD


@pytest.fixture(scope="session")
def tool(build_dir):
    """tool("quant-opt", args..., stdin="") runs a tool and returns its output.

    Fails the test with the tool's own words when it exits non-zero, unless
    check=False, which returns the CompletedProcess instead.
    """

    def call(name, *arguments, stdin="", check=True, timeout=120):
        result = subprocess.run(
            [str(build_dir / "bin" / name), *map(str, arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if not check:
            return result
        assert result.returncode == 0, f"{name}: {result.stderr}"
        return result.stdout

    return call


@pytest.fixture(scope="session")
def ptxas():
    """Path of ptxas; a missing one is a failure, not a skip."""
    for candidate in (
        pathlib.Path(sys.executable).parent / "ptxas",
        shutil.which("ptxas"),
        "/usr/local/cuda/bin/ptxas",
    ):
        if candidate and os.access(candidate, os.X_OK):
            return str(candidate)
    pytest.fail("no ptxas (scripts/setup.sh installs it)")


@pytest.fixture
def check_registers(ptxas):
    """check_registers(ptx, what) has ptxas assemble it for sm_90a: without a spill, a
    stack frame, or multiplications that are serialized."""

    def check(ptx, what):
        log = subprocess.run([ptxas, "-v", "-arch=sm_90a", ptx, "-o", ptx.with_suffix(".cubin")],
                             capture_output=True, text=True, check=True).stderr
        assert "0 bytes spill stores" in log, (what, log)
        assert "C75" not in log, (what, log)
        assert not re.search(r"[1-9]\d* bytes (spill|stack)", log), (what, log)

    return check


@pytest.fixture(scope="session")
def unrecorded_instructions(build_dir):
    """unrecorded_instructions(lines) names those of a list of instructions that no
    results of the hardware are recorded of."""
    sys.path.insert(0, str(ROOT / "test" / "Emulator"))
    from conformance import instructions

    recorded = functools.cache(lambda: instructions.list_recorded(build_dir / "bin" / "quant-emulate"))
    return lambda lines: instructions.names_of(lines) - recorded()


@pytest.fixture(autouse=True)
def every_instruction_is_recorded(request, monkeypatch, tmp_path_factory):
    """Whatever kernels the tests of Integration/ run in the emulator, schedules above
    all, have no instruction that was not recorded: the emulator adds what it runs to
    a file, which is looked at when the test is over."""
    if request.path.parent.name != "Integration":
        yield
        return
    find = request.getfixturevalue("unrecorded_instructions")
    file = tmp_path_factory.mktemp("instructions") / "list"
    monkeypatch.setenv("QUANTMLIR_EMULATOR_INSTRUCTIONS", str(file))
    yield
    if not file.exists():
        return
    missing = find(file.read_text().splitlines())
    assert not missing, (
        "not among the cases of test/Emulator/conformance, so nobody knows what the hardware gives: "
        + "; ".join(sorted(missing)))
