"""What the runtime library depends on and shows to others."""

import re
import shutil
import subprocess

import pytest
from conftest import ROOT


@pytest.fixture(scope="module")
def library(build_dir):
    path = build_dir / "lib" / "libquantmlir_runtime.so"
    assert path.exists()
    return path


def readelf(*arguments):
    program = shutil.which("llvm-readelf-22") or shutil.which("readelf")
    return subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, check=True
    ).stdout


def test_links_nothing_but_the_c_library(library):
    needed = re.findall(r"NEEDED.*\[(.*?)\]", readelf("-d", library))
    allowed = {
        "libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0",
        "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1",
    }
    assert "libc.so.6" in needed
    assert set(needed) <= allowed


def test_runs_on_older_distributions(library):
    """Ubuntu 22.04's C library, of the oldest that CUDA 13 supports, is 2.35."""
    versions = re.findall(r"GLIBC_2\.(\d+)", readelf("-V", library))
    assert versions and max(map(int, versions)) <= 35


def test_exports_its_interface_and_nothing_else(library):
    exported = set()
    for line in readelf("--dyn-syms", "-W", library).splitlines():
        fields = line.split()
        if len(fields) >= 8 and fields[4] in ("GLOBAL", "WEAK") and fields[6] != "UND":
            exported.add(fields[7].split("@")[0])
    header = (ROOT / "include/quantmlir/Runtime/Runtime.h").read_text()
    declared = set(re.findall(r"\b(quantmlirRt[A-Z]\w*)\(", header))
    assert exported == declared


def test_header_is_c(tmp_path):
    source = tmp_path / "use.c"
    source.write_text('#include "quantmlir/Runtime/Runtime.h"\n')
    compiler = shutil.which("clang-22") or shutil.which("cc")
    subprocess.run(
        [compiler, "-std=c99", "-pedantic-errors", "-Wall", "-Werror",
         "-fsyntax-only", f"-I{ROOT / 'include'}", source],
        check=True,
    )
