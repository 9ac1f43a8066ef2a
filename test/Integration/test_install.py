"""find_package(QuantMLIR) from an install tree, as somebody else's compiler.

examples/standalone is configured, built and run against a fresh install; it
sees nothing of this source or build tree.
"""

import subprocess
import sys

import pytest

from conftest import BUILD, ROOT


def run(*command, env=None):
    result = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=300,
        env=env,
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
    scripts = [path for path in (prefix / "bin").iterdir()
               if path.read_bytes().startswith(b"#!")]
    assert scripts
    for path in [*(prefix / "lib" / "cmake").rglob("*.cmake"), *scripts]:
        text = path.read_text()
        assert str(BUILD) not in text and str(ROOT) not in text, path


def test_installed_tools_run(example, tmp_path):
    """They find their libraries where they are."""
    prefix = example.parent / "prefix"
    environment = {"PATH": "/usr/bin:/bin", "QUANTMLIR_PYTHON": sys.executable}
    tools = sorted((prefix / "bin").iterdir())
    assert [t.name for t in tools] == [f"quant-{name}" for name in (
        "compile", "emulate", "lsp-server", "mutate", "opt", "reference",
        "report", "run", "tune", "weights")]
    for path in tools:
        assert run(path, "--version", env=environment).startswith("quant-mlir 0.1.0")
    artifact = tmp_path / "linear.qmlir"
    source = tmp_path / "linear.mlir"
    source.write_text(run(example / "tiny-compiler", "--m=1", "--n=24", "--k=256",
                          "--pipeline=quant-tensor-verify-encodings"))
    run(prefix / "bin" / "quant-compile", source, "-o", artifact, env=environment)
    for device in "cpu", "emulator":
        text = run(prefix / "bin" / "quant-run", artifact, "--random=1",
                   f"--device={device}", env=environment)
        assert text.startswith("result0: 1x24xf32 = ")


def test_installed_python_package(example):
    prefix = example.parent / "prefix"
    script = """import quantmlir, numpy as np
assert quantmlir.__file__.startswith({0!r}), quantmlir.__file__
text = "func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {{" \\
    "%y = arith.negf %x : tensor<4xf32> return %y : tensor<4xf32> }}"
print(quantmlir.compile(text).run(arg0=np.ones(4, np.float32))["result0"])
""".format(str(prefix))
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(prefix / "python")}
    assert run(sys.executable, "-c", script, env=environment) == "[-1. -1. -1. -1.]\n"
