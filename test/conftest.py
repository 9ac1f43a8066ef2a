"""What every pytest file of the project shares: where the build is."""

import os
import pathlib
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
