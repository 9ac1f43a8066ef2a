"""Every schedule that a tuner would list, in the emulator, and random ones.

quant-tune lists what schedule::enumerateSchedules knows. Of that list everything
runs that select-schedule chooses by itself; every distinct structure of a kernel
(which loops and divisions of work it has at all) for each class of operands;
and of the rest a sample that is different for each scheme and the same in every
run. QUANTMLIR_ALL_SCHEDULES=1 runs the whole list. Nothing is skipped by name.

Random schedules know no list: what the verifier accepts must run right, what it
refuses must say why.
"""

import collections
import os
import random
import re
import subprocess
import sys

import pytest

from schedule_schemes import SCHEMES, class_of, rows_of

#: Of each scheme, beside what is chosen and what has a new structure.
SAMPLED = 4
#: Random schedules that are written down for each scheme.
RANDOM = 80
HERE = os.path.dirname(os.path.abspath(__file__))

#: Structures that ran already, by class of operands: one scheme of a class is
#: enough for each.
_covered = collections.defaultdict(set)
_counts = collections.Counter()


def fields(text):
    """A schedule's family, its lists of numbers and its scalars."""
    result = {"family": re.search(r"schedule<(\w+)", text)[1]}
    for name, values in re.findall(r"(\w+) = \[([\d, ]+)\]", text):
        result.setdefault(name, [int(v) for v in values.split(",")])
    for name, value in re.findall(r"(\w+) = (\d+)\b(?!\.)", text):
        result.setdefault(name, int(value))
    return result


def structure(text):
    """What of a schedule decides which code a kernel has, as opposed to how
    often: one of something, or several."""
    f = fields(text)
    m, n, k = f["tile"]
    wm, wn, wk = f["warps"]
    many = tuple(
        value > 1
        for value in (wm, wn, wk, m // wm // 8, n // wn // 16, k // wk // 64)
    )
    # What only some families have, as it stands.
    rest = re.sub(r"(chip|tile|warps|stages|copy|weights|max_m|contract) = ", "", text)
    words = tuple(re.findall(r"[a-z_]{4,}", rest))
    return f["family"], many, min(f.get("stages", 1), 3), words


def list_schedules(tool, source, scheme):
    """(text, whether it is chosen without timings) of each schedule."""
    out = tool("quant-tune", source, "--list", f"--chip={scheme.chip}", f"--rows={rows_of(scheme)}")
    lines = [x for x in out.splitlines() if x.startswith("#")]
    return [(x.split(" // ")[0], " // chosen" in x) for x in lines]


def choose(scheme, schedules, sampler):
    """Those of the list that run."""
    if os.environ.get("QUANTMLIR_ALL_SCHEDULES"):
        return [text for text, _ in schedules]
    covered = _covered[class_of(scheme)]
    chosen, rest = [], []
    for text, is_chosen in schedules:
        kind = structure(text)
        if is_chosen or kind not in covered:
            covered.add(kind)
            chosen.append(text)
        else:
            rest.append(text)
    return chosen + sampler.sample(rest, min(SAMPLED, len(rest)))


def run_bundle(build_dir, scheme, bundle):
    environment = dict(
        os.environ,
        QUANTMLIR_LIBCUDA=str(build_dir / "lib" / "libquantmlir_emulator_driver.so"),
        QUANTMLIR_RUNTIME=str(build_dir / "lib" / "libquantmlir_runtime.so"),
    )
    done = subprocess.run(
        [sys.executable, os.path.join(HERE, "schedule_schemes.py"), scheme.name, bundle],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


@pytest.mark.parametrize("name", SCHEMES)
def test_listed(tool, build_dir, tmp_path, name):
    scheme = SCHEMES[name]
    source = tmp_path / "op.mlir"
    source.write_text(scheme.mlir())
    schedules = list_schedules(tool, source, scheme)
    assert len(schedules) == len(set(text for text, _ in schedules))
    assert any(is_chosen for _, is_chosen in schedules)
    running = choose(scheme, schedules, random.Random(name))
    _counts["listed"] += len(schedules)
    _counts["run"] += len(running)
    print(f"{name}: {len(schedules)} schedules listed, {len(running)} run")
    file, bundle = tmp_path / "schedules", tmp_path / "op.qtune"
    file.write_text("\n".join(running) + "\n")
    tool("quant-tune", source, f"--schedules={file}", f"--chip={scheme.chip}",
         f"--rows={rows_of(scheme)}", "-o", bundle, timeout=900)
    run_bundle(build_dir, scheme, bundle)


def test_counts():
    """Runs last of those above: what CI's log shows."""
    structures = {kind for kinds in _covered.values() for kind in kinds}
    print(
        f"{len(SCHEMES)} schemes, {_counts['listed']} schedules listed, "
        f"{_counts['run']} run, {len(structures)} distinct structures"
    )
    families = {kind[0] for kind in structures}
    assert families == {"reduce", "mma_sync", "mma_stream", "wgmma", "wgmma_decode"}


# ---------------------------------------------------------------------------
# Random schedules
# ---------------------------------------------------------------------------


def random_schedule(rng, listed):
    """A listed schedule with its numbers drawn anew, most of them so that they
    fit each other: legal or not."""
    text = rng.choice(listed)
    f = fields(text)
    (m, n, k), warps = f["tile"], list(f["warps"])
    # What one warp does of each, in the listed schedule.
    each = [m // warps[0], n // warps[1], k // warps[2]]
    unit = [8 if f["family"] != "reduce" else 1, 16, each[2]]
    for axis in range(3):
        if warps[axis] > 1 or f["family"] == "mma_sync" or axis == 2:
            warps[axis] = rng.choice([1, 1, 2, 3, 4, 5, 8, warps[axis]])
        if rng.random() < 0.5 and unit[axis] > 1 and f["family"] != "reduce":
            each[axis] = unit[axis] * rng.choice([1, 2, 3, 5])
    tile = [count * size for count, size in zip(warps, each)]
    if rng.random() < 0.2:
        tile[rng.randrange(3)] = rng.choice([1, 8, 24, 32, 40, 100, 256, 4096])
    # The layout of weights has a tile, too; the schedule's own comes first.
    text = re.sub(r"\btile = \[[\d, ]+\]", f"tile = {tile}", text, count=1)
    text = re.sub(r"warps = \[[\d, ]+\]", f"warps = {warps}", text)
    if rng.random() < 0.7:
        text = re.sub(r"stages = \d+", f"stages = {rng.choice([1, 2, 3, 4, 7, 13])}", text)
    if rng.random() < 0.1:
        columns = rng.choice([32, 64, 96, 128])
        text = re.sub(r"(fragment, tile = \[16, )\d+", rf"\g<1>{columns}", text)
    if rng.random() < 0.1:
        text = re.sub(r", copy = \d+", "", text)
    if rng.random() < 0.3:
        text = re.sub(r", contract = <[^>]*>", "", text)
    return text


@pytest.mark.parametrize("name", SCHEMES)
def test_random(tool, build_dir, tmp_path, name):
    scheme = SCHEMES[name]
    rng = random.Random(f"random {name}")
    source = tmp_path / "op.mlir"
    source.write_text(scheme.mlir())
    listed = [text for text, _ in list_schedules(tool, source, scheme)]
    drawn = [random_schedule(rng, listed) for _ in range(RANDOM)]
    drawn = sorted(set(drawn) - set(listed))
    file, bundle = tmp_path / "schedules", tmp_path / "op.qtune"
    file.write_text("\n".join(drawn) + "\n")
    arguments = [source, f"--schedules={file}", f"--chip={scheme.chip}",
                 f"--rows={rows_of(scheme)}", "--skip-illegal"]
    legal = tool("quant-tune", *arguments, "--list").splitlines()
    legal = [x for x in legal if x.startswith("#")]
    print(f"{name}: {len(drawn)} drawn, {len(legal)} legal")
    assert legal and len(legal) < len(drawn)
    legal = rng.sample(legal, min(2 * SAMPLED, len(legal)))
    file.write_text("\n".join(legal) + "\n")
    tool("quant-tune", *arguments, "-o", bundle, timeout=900)
    run_bundle(build_dir, scheme, bundle)
