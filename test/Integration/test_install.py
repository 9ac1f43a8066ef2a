"""find_package(QuantMLIR) from an install tree, as somebody else's compiler.

examples/standalone is configured, built and run against a fresh install; it
sees nothing of this source or build tree.
"""

import subprocess

import pytest

from conftest import BUILD, ROOT


def run(*command):
    result = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def compilers():
    """The compilers that this build used, so that the C++ ABIs agree."""
    flags = []
    for line in (BUILD / "CMakeCache.txt").read_text().splitlines():
        name, _, value = line.partition("=")
        name = name.partition(":")[0]
        if name in ("CMAKE_C_COMPILER", "CMAKE_CXX_COMPILER"):
            flags.append(f"-D{name}={value}")
    return flags


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    top = tmp_path_factory.mktemp("install")
    run("cmake", "--install", BUILD, "--prefix", top / "prefix")
    run("cmake", "-G", "Ninja", "-S", ROOT / "examples" / "standalone",
        "-B", top / "build", f"-DCMAKE_PREFIX_PATH={top / 'prefix'}",
        *compilers())
    run("ninja", "-C", top / "build")
    return top / "build"


def test_cpp_and_c_hosts_agree(example, tmp_path):
    verify = "quant-tensor-verify-encodings"
    text = run(example / "tiny-compiler", "--m=1", "--n=24", "--k=300",
               f"--pipeline={verify}")
    assert "#quant_tensor.encoding<{storage = i4" in text
    assert "tensor<24x300xbf16, #" in text
    source = tmp_path / "linear.mlir"
    source.write_text(text)
    assert run(example / "tiny-compiler-c", source, verify) == text


def test_its_own_linalg_becomes_ptx(example):
    out = run(example / "tiny-compiler", "--m=1", "--n=24", "--k=300",
              "--pipeline=quant-to-ptx{chip=sm_80}")
    assert "gpu.binary" in out and ".visible .entry" in out
    assert "gpu.launch_func" in out


def test_no_path_of_the_build_is_installed(example):
    """An install tree that points back at the build works only here."""
    prefix = example.parent / "prefix"
    for path in (prefix / "lib" / "cmake").rglob("*.cmake"):
        text = path.read_text()
        assert str(BUILD) not in text and str(ROOT) not in text, path
