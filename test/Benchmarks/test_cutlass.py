"""Building and loading the CUTLASS peer, with a compiler that takes notes."""

import io
import json
import sys
import tarfile

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks" / "cutlass"))
import build  # noqa: E402


@pytest.fixture
def headers(tmp_path):
    """An archive as --headers-only makes it, of one header."""
    path = tmp_path / "headers.tar.xz"
    with tarfile.open(path, "w:xz") as archive:
        entry = tarfile.TarInfo("include/cutlass/cutlass.h")
        entry.size = 5
        archive.addfile(entry, io.BytesIO(b"here\n"))
    return path


@pytest.fixture
def nvcc(tmp_path):
    """A compiler that wants its source and the header, writes its macros as the
    library, and has no 64 x 128 tiles."""
    path = tmp_path / "nvcc"
    path.write_text(
        f"""#!{sys.executable}
import os, sys
if sys.argv[1] == "--version":
    sys.exit(print("nvcc, such as it is"))
include = sys.argv[sys.argv.index("-I") + 1]
assert open(os.path.join(include, "cutlass", "cutlass.h")).read() == "here\\n"
assert "quantmlir_cutlass_run" in open(sys.argv[-3]).read()
if "-DTILE_M=64" in sys.argv:
    sys.exit("no such tile")
macros = [a for a in sys.argv if a.startswith("-DTILE") or a.startswith("-DSCHEDULE")]
open(sys.argv[-1], "w").write(" ".join(macros))
"""
    )
    path.chmod(0o755)
    return path


def test_every_configuration_becomes_a_library(tmp_path, headers, nvcc, capsys):
    out = tmp_path / "out"
    status = build.main(["--headers", str(headers), "--out", str(out), "--nvcc", str(nvcc)])
    index = json.loads((out / "index.json").read_text())
    assert [entry["name"] for entry in index["configs"]] == [name for name, _ in build.CONFIGS]
    assert index["nvcc"] == "nvcc, such as it is"
    failed = 0
    for (name, macros), entry in zip(build.CONFIGS, index["configs"]):
        if macros["TILE_M"] == 64:
            # One that does not compile is told, and is no peer.
            assert entry["error"] == "no such tile" and "library" not in entry
            failed += 1
            continue
        text = (out / entry["library"]).read_text()
        assert f"-DTILE_M={macros['TILE_M']} -DTILE_N={macros['TILE_N']}" in text
        assert macros["SCHEDULE"] in text
    assert failed == 1 and status == 1
    assert "no such tile" in capsys.readouterr().err


def test_names_tell_configurations_apart():
    names = [name for name, _ in build.CONFIGS]
    assert len(set(names)) == len(names)
    assert "128x128x128 ping-pong, cluster 2x1" in names
    assert "128x256x128 cooperative, cluster 2x1, stream-K" in names


def test_nothing_to_do_is_an_error(capsys):
    with pytest.raises(SystemExit):
        build.main([])
    assert "nothing to do" in capsys.readouterr().err
