"""The main job, on the first encoder block: its six layers have every shape."""

import os
import subprocess
import sys


def test_demo(build_dir, tmp_path, ptxas):
    # Into a pipe, whose default width would cut the names.
    env = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
    result = subprocess.run(
        [sys.executable, "-m", "quantmlir.demo", "--layers", "6",
         "--chip", "sm_80", "--artifacts", str(tmp_path / "artifacts")],
        capture_output=True, text=True, timeout=120,
        env=env | {"PYTHONPATH": str(build_dir / "python")})
    assert result.returncode == 0, result.stdout + result.stderr
    assert "36 of 36 results" in result.stdout
    for name in ("layer.0.attention.self.query", "layer.0.output.dense"):
        assert name in result.stdout
    artifacts = sorted((tmp_path / "artifacts").iterdir())
    assert len(artifacts) == 6
    for artifact in artifacts:
        assembled = subprocess.run(
            [ptxas, "-arch=sm_80", artifact / "module.ptx", "-o", os.devnull],
            capture_output=True, text=True)
        assert assembled.returncode == 0, f"{artifact}: {assembled.stderr}"


def test_without_a_gpu_each_kernel_runs_in_the_emulator(build_dir):
    """Where there is one, too: this demo is not shown it."""
    env = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
    result = subprocess.run(
        [sys.executable, "-m", "quantmlir.demo", "--layers", "6", "--chip", "sm_90a"],
        capture_output=True, text=True, timeout=300,
        env=env | {"PYTHONPATH": str(build_dir / "python"), "QUANTMLIR_LIBCUDA": "/nonexistent"})
    assert result.returncode == 0, result.stdout + result.stderr
    assert "one layer for each kernel runs in the emulator" in " ".join(result.stdout.split())
    table = result.stdout.partition("Kernels chosen")[2]
    rows = [[cell.strip() for cell in line.split("│")[1:-1]]
            for line in table.splitlines() if line.startswith("│")]
    # Kernels of a layer on lines of their own; the emulator's figure on the first.
    emulated, figure = set(), None
    for _, shape, kernel, _, _, error in rows:
        if shape:
            figure = error
        assert figure != "-", f"{kernel} did not run in the emulator"
        emulated.add(kernel.rstrip("0123456789").rstrip("_"))
    assert {"rows", "matmul_wgmma", "matmul_mma_stream"} <= emulated, emulated
