"""Whole models: the same layers that are timed, at sizes that the emulator runs."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import bench_models  # noqa: E402
import build_artifacts  # noqa: E402
import chain  # noqa: E402
import models  # noqa: E402

#: Windows that do not divide the image; rows and widths that are no tiles.
SIZES = dict(blocks=2, width=48, hidden=112, image=5, window=3, every=2)
TINY_SAM = models.Sam(batch=2, **SIZES)
TINY_PARTS = models.Sam(batch=2, mlp_images=1, **SIZES)
TINY_LLAMA = [
    models.Llama(kind, fused, blocks=2, width=256, hidden=320, vocabulary=97)
    for kind in ("int8_weight", "int4_g128")
    for fused in (True, False)
]
TINY = [TINY_SAM, TINY_PARTS, *TINY_LLAMA]


def test_sam_is_vit_h():
    model = models.Sam(16)
    assert model.windows == 16 * 4900 and model.tokens == 16 * 4096
    steps = model.sequence()
    assert len(steps) == 32 * 4
    assert sum(step.program == "qkv-image" for step in steps) == 4
    shapes = model.shapes()
    weights = sum(shapes[s.program][1] * shapes[s.program][2] for s in steps)
    assert weights == 32 * (1280 * 3840 + 1280 * 1280 + 2 * 1280 * 5120)
    assert shapes["mlp1"] == (65536, 1280, 5120, "gelu")
    assert [(m.batch, m.mlp_images) for m in models.sam_models()] == [(16, 0), (32, 0), (32, 16)]


def test_llama_has_the_weights_of_7b():
    """With its fusions and without: 32 blocks and the head."""
    block = 4 * 4096 * 4096 + 3 * 4096 * 11008
    for model in models.llama_models():
        assert model.parameters == 32 * block + 4096 * 32000
        launches = 32 * (4 if model.fused else 7) + 1
        assert len(model.sequence()) == launches


@pytest.mark.parametrize("model", [*TINY, *models.sam_models(), *models.llama_models()])
def test_arrays_keep_what_is_read(model):
    """A run on paper: each step finds what the step it reads from wrote, and nothing
    lies outside of the block."""
    shapes, steps = model.shapes(), model.sequence()
    spaces = [1000 + 7 * index for index in range(len(steps))]
    used, total = models.plan_memory(model, 2, spaces)
    live = {}
    for index, (step, (source, target, space)) in enumerate(zip(steps, used)):
        rows, k, n, activation = shapes[step.program]
        for array in (source, target, space):
            assert array.offset % 256 == 0 and array.offset + array.size <= total
        assert source.size >= 2 * (step.source_row + rows) * k
        width = n // 2 if activation == "silu_product" else n
        assert target.size >= 2 * (step.target_row + rows) * width
        assert space.size == spaces[index]
        if step.source in live:
            assert live[step.source] is source
        live[step.target] = target
        # Nothing that this step or a later one still reads is written over.
        kept = [a for a in live.values() if a.last >= index and a is not target]
        for written in (target, space):
            for other in [*kept, source]:
                if other is written:
                    continue
                apart = (
                    other.offset + other.size <= written.offset
                    or written.offset + written.size <= other.offset
                )
                assert apart, (index, step)


@pytest.mark.parametrize("kind", ["int8_weight", "int4_g128"])
@pytest.mark.parametrize("fused", [True, False])
def test_results_keep_their_size(kind, fused):
    """Through all blocks, in float32; the codes of the scaled weights are those that
    are packed."""
    model = models.Llama(kind, fused, width=512, hidden=1376, vocabulary=1000)
    weights = {}
    for name, case in model.programs().items():
        chain.keep_size(case)
        both = [case.gate, case.up] if name == "gate_up" else [case.weight]
        weights[name] = [weight.values.astype(np.float32) for weight in both]
        for weight in both:
            packed = weight.arrays["codes"]
            codes = np.stack([packed << 4 >> 4, packed >> 4], -1) if case.bits == 4 else packed
            assert (codes.reshape(weight.shape) == weight.codes).all()
            assert abs(weight.codes.mean()) < 0.02 * weight.codes.std()
    live = {"x": np.random.default_rng(1).standard_normal(512).astype(np.float32)}
    for step in model.sequence():
        y, *up = [w @ live[step.source][: w.shape[1]] for w in weights[step.program]]
        live[step.target] = y / (1 + np.exp(-y)) * up[0] if up else y
        assert 1 / chain.LARGEST < chain.measure_size(live[step.target]) < chain.LARGEST


def test_rates_are_compared_within_a_model():
    def record(label, what, time=None):
        known = dict(microseconds=time, tokens_per_second=1e6 / time) if time else dict(error="no")
        return dict(label=label, what=what, **known)

    lines = bench_models.compare_rates(
        [
            record("a", "quant-mlir", 1000.0),
            record("a", "bf16 cuBLAS", 2500.0),
            record("a", "other"),
            record("b", "quant-mlir", 500.0),
        ]
    )
    assert [line.split() for line in lines] == [
        "a quant-mlir 1000.0 a second 2.50x bf16".split(),
        "a bf16 cuBLAS 400.0 a second 1.00x bf16".split(),
        "b quant-mlir 2000.0 a second".split(),
    ]


def test_parts_of_a_batch_need_less_memory():
    sizes = {}
    for parts in (0, 16):
        model = models.Sam(32, mlp_images=parts)
        # Codes of what each step reads.
        shapes = model.shapes()
        spaces = [shapes[s.program][0] * shapes[s.program][1] for s in model.sequence()]
        sizes[parts] = models.plan_memory(model, 2, spaces)[1]
    assert sizes[16] < 0.75 * sizes[0]
    # x, the hidden layer, its codes and y.
    tokens = 32 * 4096
    exact = 2 * 32 * 4900 * 1280 + tokens * (2 * 5120 + 5120 + 2 * 1280)
    assert exact <= sizes[0] < exact + 10_000


@pytest.mark.parametrize("model", TINY)
def test_descriptions_make_the_same_model(model):
    shapes = model.shapes()
    for name, case in model.programs().items():
        assert (case.m, case.k) == shapes[name][:2]
    again = models.from_description(json.loads(json.dumps(models.describe(model))))
    assert again == model
    assert {n: c.name for n, c in again.programs().items()} == {
        n: c.name for n, c in model.programs().items()
    }


@pytest.fixture(scope="module")
def artifacts(build_dir, tmp_path_factory):
    """The tiny models' folder."""
    out = tmp_path_factory.mktemp("models")
    compiler = build_artifacts.Compiler(str(build_dir / "bin" / "quant-compile"))
    plan = build_artifacts.plan_models(TINY)
    assert not build_artifacts.build_step("tiny", str(out), compiler, 2, plan=plan)
    return out / "tiny"


def run(build_dir, artifacts, output, driver, *options):
    environment = dict(
        os.environ,
        QUANTMLIR_LIBCUDA=str(build_dir / driver),
        QUANTMLIR_RUNTIME=str(build_dir / "lib" / "libquantmlir_runtime.so"),
    )
    script = ROOT / "benchmarks" / "bench_models.py"
    return subprocess.run(
        [sys.executable, script, artifacts, "--json", output, "--no-peers", *options],
        capture_output=True,
        text=True,
        env=environment,
    )


def test_models_run(build_dir, artifacts, tmp_path):
    output = tmp_path / "models.json"
    emulator = "lib/libquantmlir_emulator_driver.so"
    done = run(build_dir, artifacts, output, emulator, "--only=SAM")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(json.loads(output.read_text())["results"]) == 2
    # What is there is not run again.
    done = run(build_dir, artifacts, output, emulator, "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SAM vit_h, batch 2, quant-mlir: " not in done.stdout
    assert "LLaMA-2-7B, int4_g128, fused, quant-mlir: " in done.stdout
    report = json.loads(output.read_text())
    for name in ("date", "gpu", "driver", "torch", "cuda", "commit", "method"):
        assert name in report
    sam, parts, *llama = report["results"]
    assert [record["label"] for record in report["results"]] == [
        bench_models.label(model) for model in TINY
    ]
    assert parts["bytes"] < sam["bytes"] and parts["launches"] > sam["launches"]
    for record in report["results"]:
        assert 0 < record["worst"] <= 1 and record["microseconds"] > 0
    # A row kernel and a product each.
    assert sam["launches"] == 2 * len(TINY_SAM.sequence())
    assert sam["images_per_second"] == pytest.approx(2e6 / sam["microseconds"])
    # Weights of every layer, and of int4 about half as many bytes as of int8.
    parameters = TINY_LLAMA[0].parameters
    by_kind = {r["fields"]["kind"]: r["bytes"] for r in llama if r["fields"]["fused"]}
    assert parameters < by_kind["int8_weight"] < 1.2 * parameters
    assert parameters / 2 < by_kind["int4_g128"] < 0.7 * parameters

    # Another commit's results are not mixed in.
    report["commit"] = "another"
    output.write_text(json.dumps(report))
    done = run(build_dir, artifacts, output, emulator, "--resume")
    assert done.returncode == 1 and "cannot go on: its commit is another" in done.stderr


def test_kernels_that_do_nothing_are_not_timed(build_dir, artifacts, tmp_path):
    """On the fake driver memory works and kernels do not run."""
    output = tmp_path / "models.json"
    fake = "test/Unit/libquantmlir_fakecuda.so"
    done = run(build_dir, artifacts, output, fake)
    assert done.returncode == 1
    records = json.loads(output.read_text())["results"]
    assert len(records) == len(TINY)
    for record in records:
        # Some have more threads than that driver's device.
        assert "microseconds" not in record and record["error"]
    assert any("were never written" in record["error"] for record in records)
