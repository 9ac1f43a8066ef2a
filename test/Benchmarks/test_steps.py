"""The steps of run.sh: their list, their artifacts, what a run does, and plots."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import build_artifacts  # noqa: E402
import cases  # noqa: E402
import plot  # noqa: E402
import report  # noqa: E402
import steps  # noqa: E402


def test_every_step_has_its_artifacts_and_its_script():
    assert [step.name for step in steps.STEPS] == list(build_artifacts.PLANS)
    for step in steps.STEPS:
        assert (ROOT / "benchmarks" / step.command.split()[0]).exists()
        assert step.seconds > 0 and step.results
        # Each is to fit a job of ten minutes.
        assert step.seconds <= 600
    readme = (ROOT / "benchmarks" / "README.md").read_text()
    for step in steps.STEPS:
        assert f"`{step.name}`" in readme


def test_plots_are_results_of_their_step():
    for step in steps.STEPS:
        images = [image for image, _ in step.plots]
        assert sorted(images) == sorted(n for n in step.results if n.endswith(".png"))
        if images:
            assert images[0] == f"{step.name}.png" and f"{step.name}.json" in step.results


def test_results_do_not_collide():
    """No two steps write a file of one name, and no other script's results have it."""
    names = [name for step in steps.STEPS for name in step.results]
    assert len(names) == len(set(names))
    for path in (ROOT / "benchmarks" / "results").glob("*.json"):
        if path.name in names:
            found = json.loads(path.read_text())
            assert "gpu" in found and ("results" in found or "records" in found), path


def test_lines_name_known_kinds():
    for step, lines in cases.LINES.items():
        seen = list(lines())
        assert seen and len(seen) == len(set(seen)), step
        for kind, _, _, m, at in seen:
            kinds = (cases.KINDS, cases.TIMED_KINDS, cases.FLOAT8_KINDS, cases.SCHEDULED_KINDS)
            assert any(kind in known for known in kinds)
            assert m in (None, at)
    # Both settings of scaled_mm have a counterpart, and so have blocks.
    assert {kind for kind, *_ in cases.float8_lines()} == set(cases.FLOAT8_KINDS)


def run_sh(*arguments, **environment):
    return subprocess.run(
        ["bash", ROOT / "benchmarks" / "run.sh", *arguments],
        env=dict(os.environ, PYTHON=sys.executable, **environment),
        capture_output=True,
        text=True,
    )


def test_list(tmp_path):
    (tmp_path / "llama").mkdir()
    (tmp_path / "llama" / "index.json").write_bytes(b" " * (3 << 20))
    done = run_sh("--list", tmp_path)
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert "3.0 MiB" in lines["llama"] and " - " in lines["sam"]
    total = sum(step.seconds for step in steps.STEPS)
    assert lines["all"].split()[1] == str(total)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--steps", "bogus", "{tmp}", "{tmp}"], "no step is called 'bogus'"),
        (["--steps", "llama", "{tmp}", "{tmp}"], "build_artifacts.py --steps llama"),
        (["{tmp}", "{tmp}"], "no step is built"),
        (["--bogus"], "no such option: --bogus"),
        (["--steps"], "--steps needs names"),
    ],
)
def test_what_cannot_run_is_told(tmp_path, arguments, words):
    done = run_sh(*(str(part).format(tmp=tmp_path) for part in arguments))
    assert done.returncode != 0 and words in done.stderr


def test_packed_artifacts_run(build_dir, tool, tmp_path):
    """Built, packed, taken elsewhere, unpacked and run: on the fake driver, whose
    kernels do nothing, and the checker says so."""
    made, there = tmp_path / "made", tmp_path / "there"
    status = build_artifacts.main(
        ["--out", str(made), "--steps", "check", "--only", "33x37x131-codes-i8-g0-f32-bias",
         "--pack", "--quant-compile", str(build_dir / "bin" / "quant-compile")]
    )
    assert status == 0
    there.mkdir()
    for name in ("check.tar.xz", "libquantmlir_runtime.so"):
        (made / name).rename(there / name)
    results = tmp_path / "results"
    done = run_sh(
        there, results, QUANTMLIR_LIBCUDA=str(build_dir / "test/Unit/libquantmlir_fakecuda.so")
    )
    assert done.returncode == 1 and "failed: check" in done.stderr, done.stdout + done.stderr
    records = json.loads((results / "check.json").read_text())["records"]
    assert [record["m"] for record in records] == [33]
    assert "were never written" in records[0]["error"]
    # Sources stayed behind.
    names = sorted(path.name for path in (there / "check").iterdir())
    assert names == [records[0]["case"], "index.json"]


def test_unknown_steps_are_not_built(tmp_path, capsys):
    with pytest.raises(SystemExit):
        build_artifacts.main(["--out", str(tmp_path), "--steps", "llama,bogus"])
    assert "no step is called 'bogus'" in capsys.readouterr().err


def test_reports_go_on(tmp_path):
    path = str(tmp_path / "r.json")
    first = report.Report(path, "a GPU", "abc", "how")
    first.add(dict(m=1, ours=2.0))
    again = report.Report(path, "a GPU", "abc", "how", resume=True)
    assert again.find(m=1) == dict(m=1, ours=2.0) and again.find(m=2) is None
    again.add(dict(m=2, ours=3.0))
    with open(path) as file:
        assert [record["m"] for record in json.load(file)["results"]] == [1, 2]
    with pytest.raises(SystemExit, match="its gpu is a GPU, this run's another"):
        report.Report(path, "another", "abc", "how", resume=True)
    # Without, it begins anew.
    assert report.Report(path, "a GPU", "abc", "how").results == []


def test_what_plots_show():
    records = [
        dict(ours=2.0, peers={"bf16": 4.0, "x": 8.0}),
        dict(ours="failed: it", peers={"bf16": 4.0, "y": "not run: so"}),
    ]
    assert plot.relative_speeds(records) == {"quant-mlir": [2.0, 0], "x": [0.5, 0], "y": [0, 0]}
    weights = [
        dict(m=m, n=n, k=k, ours=1.0, peers={"bf16": speed, "x": "not run: so", "y": 2.0})
        for m, n, k, speed in [(8, 1024, 512, 2.0), (1, 1024, 512, 4.0), (1, 512, 1024, 16.0)]
    ]
    rows = plot.speed_curves(weights, "rows")
    assert {name: [(x, round(y, 9)) for x, y in curve] for name, curve in rows.items()} == {
        ("512×1024", "quant-mlir"): [(1, 4.0), (8, 2.0)],
        ("512×1024", "y"): [(1, 2.0), (8, 1.0)],
        ("1024×512", "quant-mlir"): [(1, 16.0)],
        ("1024×512", "y"): [(1, 8.0)],
    }
    # Two shapes of one size.
    sizes = plot.speed_curves(weights, "size")
    assert sizes["M = 8", "quant-mlir"] == [(1.0, pytest.approx(2.0))]
    assert sizes["M = 1", "quant-mlir"] == [(1.0, pytest.approx(8.0))]
    ran = dict(label="model", what="way", images_per_second=5.0, bytes=2e9)
    failed = dict(label="model", what="other", error="not run")
    assert plot.rates_by_model([ran, failed]) == {"model": [("way", 5.0, "images per second", 2.0)]}
    assert plot.is_models(dict(results=[ran, failed]))
    assert not plot.is_models(dict(results=[dict(kind="int8", peers={})]))
