"""quantmlir.compile: text to an artifact that holds all it needs."""

import subprocess

import numpy as np
import pytest

import quantmlir

MODULE = """\
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @linear(%x: tensor<?x96xf32> {quant_tensor.name = "x"},
                  %w: tensor<40x96xf32, #token> {quant_tensor.name = "w"})
    -> (tensor<?x40xf32> {quant_tensor.name = "y"}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x96xf32>
  %q = quant_tensor.quantize %x : tensor<?x96xf32> -> tensor<?x96xf32, #token>
  %e = tensor.empty(%m) : tensor<?x40xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x40xf32>) -> tensor<?x40xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%q, %w : tensor<?x96xf32, #token>, tensor<40x96xf32, #token>)
      outs(%init : tensor<?x40xf32>) -> tensor<?x40xf32>
  return %y : tensor<?x40xf32>
}
"""


@pytest.fixture(scope="module")
def artifact():
    return quantmlir.compile(MODULE, chip="sm_80")


def test_the_cpu_runs_what_the_program_says(artifact):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((5, 96), dtype=np.float32)
    codes = rng.integers(-127, 128, (40, 96), dtype=np.int8)
    scales = rng.uniform(0.01, 0.1, (40, 1)).astype(np.float32)
    y = artifact.run(x=x, w=quantmlir.Encoded(codes, scales))["y"]

    row = np.abs(x).max(axis=1, keepdims=True) / np.float32(127)
    exact = ((np.rint(x / row).astype(np.int64) @ codes.T.astype(np.int64))
             * row.astype(np.float64) * scales.T.astype(np.float64))
    assert y.shape == (5, 40) and y.dtype == np.float32
    np.testing.assert_allclose(y, exact, rtol=4 * 2.0**-24)


def test_the_artifact_says_what_it_launches(artifact):
    assert artifact.chip == "sm_80"
    names = {kernel["name"] for kernel in artifact.manifest["kernels"]}
    launches = artifact.launches("linear", **{
        dim["name"]: 33 for f in artifact.functions if f["name"] == "linear"
        for dim in f["dims"]})
    assert launches and {kernel for kernel, _ in launches} <= names
    for name in names:
        assert f".entry {name}" in artifact.ptx


def test_ptxas_takes_the_ptx(artifact, ptxas, tmp_path):
    result = subprocess.run(
        [ptxas, "-arch=sm_80", "-v", artifact.directory / "module.ptx",
         "-o", tmp_path / "module.cubin"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    # Nothing is left to be linked: what is declared is dynamic shared memory.
    declared = [line for line in artifact.ptx.splitlines() if ".extern" in line]
    assert declared
    assert all(line.startswith(".extern .shared") for line in declared)


def test_a_cubin_on_request(ptxas, tmp_path):
    artifact = quantmlir.compile(MODULE, chip="sm_80", ptxas=ptxas,
                                 directory=tmp_path / "linear.qmlir")
    kinds = [image["kind"] for image in artifact.manifest["images"]]
    assert sorted(kinds) == ["cubin", "ptx"]


def test_an_unknown_chip_names_the_known_ones():
    with pytest.raises(quantmlir.CompileError, match="sm_12.*sm_90a"):
        quantmlir.compile(MODULE, chip="sm_12")


def test_it_replaces_an_artifact_but_nothing_else(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("x")
    with pytest.raises(RuntimeError):
        quantmlir.compile(MODULE, chip="sm_80", directory=tmp_path / "precious")
    assert (tmp_path / "precious" / "thesis.txt").read_text() == "x"
    for _ in range(2):
        quantmlir.compile(MODULE, chip="sm_80", directory=tmp_path / "mine")


def test_an_unknown_device_is_said_so(artifact):
    with pytest.raises(TypeError, match="expected 'cpu', 'cuda' or a Device, got 'gpu'"):
        artifact.run(device="gpu")


CONSTANT = """
func.func @f(%x: tensor<3x4xi8>) -> tensor<3x3xi32> {
  %w = arith.constant dense<[[1, 2, 3], [4, 5, 6], [7, 8, -1], [-128, 64, 127]]> : tensor<4x3xi8>
  %init = arith.constant dense<0> : tensor<3x3xi32>
  %y = linalg.matmul ins(%x, %w : tensor<3x4xi8>, tensor<4x3xi8>) outs(%init : tensor<3x3xi32>) -> tensor<3x3xi32>
  return %y : tensor<3x3xi32>
}
"""


def test_weights_in_the_program_come_along():
    artifact = quantmlir.compile(CONSTANT)
    table = np.array([[1, 2, 3], [4, 5, 6], [7, 8, -1], [-128, 64, 127]], np.int8)
    assert list(artifact.constants) == ["constant0"]
    np.testing.assert_array_equal(artifact.constants["constant0"], table)
    x = np.arange(-6, 6, dtype=np.int8).reshape(3, 4)
    np.testing.assert_array_equal(artifact.run(arg0=x)["result0"],
                                  x.astype(np.int32) @ table.astype(np.int32))


def test_sizes_that_disagree_are_named():
    artifact = quantmlir.compile("""
        func.func @add(%a: tensor<?x4xf32> {quant_tensor.name = "a"},
                       %b: tensor<?x4xf32> {quant_tensor.name = "b"})
            -> (tensor<?x4xf32> {quant_tensor.name = "y"}) {
          %y = arith.addf %a, %b : tensor<?x4xf32>
          return %y : tensor<?x4xf32>
        }""")
    a = np.ones((3, 4), np.float32)
    with pytest.raises(ValueError, match=r"\(size 0 of 'a'\) is 3.*'b'\) is 2"):
        artifact.run(a=a, b=a[:2])
    # Rows of a list are as good as an array.
    np.testing.assert_array_equal(artifact.run(a=list(a), b=a)["y"], a + a)


@pytest.mark.parametrize("module", [5, None, 10**15, 1.5, ["x"]])
def test_a_module_is_text_or_bytes(module):
    for function in quantmlir.compile, quantmlir.Reference:
        with pytest.raises(TypeError, match="bytes-like"):
            function(module)


def test_wrong_places(tmp_path):
    program = "func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {\n" \
              "  %y = arith.negf %x : tensor<4xf32>\n  return %y : tensor<4xf32>\n}"
    with pytest.raises(RuntimeError, match="cannot create"):
        quantmlir.compile(program, directory=tmp_path / "nowhere" / "artifact")
    with pytest.raises(RuntimeError, match="needs a name"):
        quantmlir.compile(program, directory="")
    with pytest.raises(TypeError):
        quantmlir.compile(program, directory=3)
    with pytest.raises(ValueError, match="null character"):
        quantmlir.load("a\0b")
    with pytest.raises(quantmlir.CompileError, match="exit status 1") as error:
        quantmlir.compile(program, ptxas="/bin/false")
    # Where, and not all of the module as it is by then.
    assert "gpu.module" not in str(error.value)
    assert type(error.value).__module__ == "quantmlir"
