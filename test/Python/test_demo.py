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
