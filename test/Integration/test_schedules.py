"""Every schedule that a tuner would list, in the emulator, and random ones.

quant-tune lists what schedule::enumerateSchedules knows; it runs on each scheme of
schedule_schemes.py: as many of a family as LISTED, drawn by the scheme's name, or all
of it with QUANTMLIR_SCHEDULES=all. Nothing is skipped by name (an artifact that is
the same to the last byte as one before runs once), and a family of kernels or a
storage that no scheme has fails the tests.

Random schedules know no list: what the verifier accepts must run right, what it
refuses must say why.
"""

import collections
import os
import pathlib
import random
import re
import subprocess
import sys
import zlib

import pytest

from schedule_schemes import LONG, RANDOM, SCHEMES, STORAGES, WHOLE_TILES, Dense, Float8, Integers, Layer, rows_of

#: Random schedules that are written down for each scheme, and how many of those
#: that are legal run.
DRAWN, RUN = 80, 8
#: Listed schedules of a family that run for each scheme, beside the chosen ones.
LISTED = None if os.environ.get("QUANTMLIR_SCHEDULES") == "all" else 16
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]

#: What ran: (family, storage) of each schedule, and the artifacts by hash.
_ran = collections.Counter()
_kernels = set()
_random = collections.Counter()


def family_of(schedule):
    return re.search(r"schedule<(\w+)", schedule)[1]


def storage_of(scheme):
    """How the codes of weights are stored, or what they are where they are none."""
    if isinstance(scheme, Dense):
        return scheme.element
    if isinstance(scheme, Integers):
        return "i8"
    if isinstance(scheme, Float8):
        return scheme.w
    return scheme.arguments["storage"]


def list_schedules(tool, source, scheme):
    """(text, whether it is chosen without timings) of each schedule."""
    out = tool("quant-tune", source, "--list", f"--chip={scheme.chip}", f"--rows={rows_of(scheme)}")
    lines = [x for x in out.splitlines() if x.startswith("#")]
    return [(x.split(" // ")[0], " // chosen" in x) for x in lines]


def pick(listed, seed):
    """Those that run: in the order of the list, what is chosen and LISTED of each family."""
    texts = collections.defaultdict(list)
    for text, _ in listed:
        texts[family_of(text)].append(text)
    draw = random.Random(seed)
    kept = {text for text, is_chosen in listed if is_chosen}
    for of_family in texts.values():
        kept.update(of_family if LISTED is None else draw.sample(of_family, min(LISTED, len(of_family))))
    return [text for text, _ in listed if text in kept]


def run_bundle(build_dir, scheme, bundle, seed):
    """Runs it, a part on each core; hashes of what ran right, now or before. `seed`
    draws the order that threads take turns in (0: by number)."""
    known = pathlib.Path(f"{bundle}.known")
    known.write_text("\n".join(_kernels))
    environment = dict(
        os.environ,
        QUANTMLIR_LIBCUDA=str(build_dir / "lib" / "libquantmlir_emulator_driver.so"),
        QUANTMLIR_RUNTIME=str(build_dir / "lib" / "libquantmlir_runtime.so"),
        QUANTMLIR_EMULATOR_SEED=str(seed),
        # Matrices are small: threads of NumPy's would only wait for each other.
        OPENBLAS_NUM_THREADS="1",
    )
    parts = len(os.sched_getaffinity(0))
    processes = [
        subprocess.Popen(
            [sys.executable, str(HERE / "schedule_schemes.py"), scheme.name, bundle, str(i), str(parts), known],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        for i in range(parts)
    ]
    outputs = [process.communicate()[0] for process in processes]
    for process, output in zip(processes, outputs):
        assert process.returncode == 0, output[-4000:]
    kernels = re.findall(r"^(?:ran|same) (\w+)$", "".join(outputs), re.M)
    _kernels.update(kernels)
    return kernels


def run_schedules(tool, build_dir, folder, scheme, schedules, seed=0):
    file, bundle = folder / "schedules", folder / "op.qtune"
    file.write_text("\n".join(schedules) + "\n")
    tool("quant-tune", folder / "op.mlir", f"--schedules={file}", f"--chip={scheme.chip}",
         f"--rows={rows_of(scheme)}", "-o", bundle, timeout=900)
    assert len(run_bundle(build_dir, scheme, bundle, seed)) == len(schedules)


@pytest.mark.parametrize("name", SCHEMES)
def test_listed(tool, build_dir, tmp_path, name):
    scheme = SCHEMES[name]
    source = tmp_path / "op.mlir"
    source.write_text(scheme.mlir())
    listed = list_schedules(tool, source, scheme)
    assert len(listed) == len({text for text, _ in listed})
    assert any(is_chosen for _, is_chosen in listed)
    schedules = pick(listed, name)
    before = len(_kernels)
    run_schedules(tool, build_dir, tmp_path, scheme, schedules)
    families = collections.Counter(map(family_of, schedules))
    for family, count in families.items():
        _ran[family, storage_of(scheme)] += count
    print(f"{name}: {len(schedules)} of {len(listed)} schedules, {len(_kernels) - before} of them new: "
          f"{dict(families)}")


@pytest.mark.parametrize("name", WHOLE_TILES)
def test_clusters_past_the_last_tile(tool, build_dir, tmp_path, name):
    """Blocks that share activations, where one of them is past the last weights."""
    scheme = WHOLE_TILES[name]
    source = tmp_path / "op.mlir"
    source.write_text(scheme.mlir())
    rows = len(next(iter(scheme.weights().values())))

    def ends_in_cluster(text):
        n, cluster = numbers(text, "tile")[1], re.search(r"cluster = \[\d+, (\d+)\]", text)
        return cluster and rows % n == 0 and rows % (n * int(cluster[1]))

    schedules = [text for text, _ in list_schedules(tool, source, scheme) if ends_in_cluster(text)]
    assert schedules
    running = random.Random(name).sample(schedules, min(RUN, len(schedules)))
    run_schedules(tool, build_dir, tmp_path, scheme, running)


@pytest.mark.parametrize("name", LONG)
def test_rings(tool, build_dir, tmp_path, name):
    """Codes that come through shared memory, in rings that they fill again."""
    scheme = LONG[name]
    source = tmp_path / "op.mlir"
    source.write_text(scheme.mlir())
    schedules = [text for text, _ in list_schedules(tool, source, scheme) if "ring = " in text]
    assert schedules
    rng = random.Random(name)
    running = rng.sample(schedules, min(RUN, len(schedules)))
    # Rings of other lengths, down to one step ahead, and up to more than there are.
    # The first ones listed are the smallest.
    running += [re.sub(r"ring = \d+", f"ring = {slots}", schedules[0]) for slots in (2, 8, 16)]
    run_schedules(tool, build_dir, tmp_path, scheme, sorted(set(running)), seed=zlib.crc32(name.encode()))


def families_of_the_attribute():
    """Those that an attribute can name, but for the one without schedules."""
    text = (ROOT / "include/quantmlir/Dialect/QuantTile/IR/QuantTileAttrs.td").read_text()
    cases = re.search(r"def QuantTile_KernelFamily .*?\]>", text, re.S)[0]
    return set(re.findall(r'"(\w+)">', cases)) - {"plain"}


def test_everything_ran(tool, tmp_path):
    """After those above: what ran, and that it is all there is."""
    print(f"{len(SCHEMES)} schemes, {sum(_ran.values())} schedules run: "
          f"{len(_kernels)} different artifacts")
    for (family, storage), count in sorted(_ran.items()):
        print(f"  {family:12} {storage:10} {count}")
    assert {family for family, _ in _ran} == families_of_the_attribute()
    # Whatever storage a family has schedules for, whoever's shape it likes.
    source = tmp_path / "op.mlir"
    for storage in [*STORAGES, "nf4"]:
        # Values of a codebook are no integers to multiply codes by.
        for x in ("bf16", "codes") if storage != "nf4" else ("bf16",):
            for k, group in ((131, 32), (144, 0), (256, 128)):
                scheme = Layer(64, k, storage=storage, group=group, x=x)
                source.write_text(scheme.mlir())
                for schedule, _ in list_schedules(tool, source, scheme):
                    assert (family_of(schedule), storage) in _ran, f"no scheme: {scheme.name}: {schedule}"


# ---------------------------------------------------------------------------
# Random schedules
# ---------------------------------------------------------------------------


def numbers(text, name):
    """The list of numbers that a schedule has under a name, its own first."""
    return [int(v) for v in re.search(rf"\b{name} = \[([\d, ]+)\]", text)[1].split(",")]


def random_schedule(rng, listed):
    """A listed schedule with its numbers drawn anew, most of them so that they
    fit each other: legal or not."""
    text = rng.choice(listed)
    family = family_of(text)
    (m, n, k), warps = numbers(text, "tile"), numbers(text, "warps")
    # What one warp does of each, in the listed schedule.
    each = [m // warps[0], n // warps[1], k // warps[2]]
    units = {"reduce": [1, 16], "wgmma": [16, 8], "wgmma_decode": [16, 16]}
    unit = units.get(family, [8, 16]) + [each[2]]
    for axis in range(3):
        if family.startswith("wgmma"):
            # Warpgroups have four.
            warps[axis] *= rng.choice([1, 1, 1, 2]) if warps[axis] % 4 == 0 else 1
        elif warps[axis] > 1 or family == "mma_sync" or axis == 2:
            warps[axis] = rng.choice([1, 1, 2, 3, 4, 5, 8, warps[axis]])
        if rng.random() < 0.5 and unit[axis] > 1 and family != "reduce":
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
    # Whatever else a family counts.
    few = [1, 2, 2, 3, 4, 8]
    text = re.sub(r"\b(cluster) = \[\d+, \d+\]",
                  lambda x: f"{x[1]} = [{rng.choice(few)}, {rng.choice([1, 1, 2])}]", text)
    for name in sorted(set(re.findall(r"\b(\w+) = \d+\b", text)) - {"stages", "copy", "max_m", "steps"}):
        if rng.random() < 0.15:
            text = re.sub(rf"\b{name} = \d+\b", f"{name} = {rng.choice(few)}", text)
    # From a draw of its own, so that all others stay what they are.
    if family == "mma_stream" and random.Random(text).random() < 0.1:
        text = re.sub(r"(, ring = \d+)?>$", f", ring = {random.Random(text).choice([2, 4, 8, 16])}>",
                      re.sub(r"stages = \d+", "stages = 1", text))
    if rng.random() < 0.2:
        swap = {"pingpong": "cooperative", "cooperative": "pingpong"}
        text = re.sub(r"\b(pingpong|cooperative)\b", lambda x: swap[x[1]], text)
    return text


@pytest.mark.parametrize("name", [*SCHEMES, *RANDOM])
def test_random(tool, build_dir, tmp_path, name):
    """Of random contractions one of the listed schedules runs as well."""
    scheme = SCHEMES.get(name) or RANDOM[name]
    rng = random.Random(f"random {name}")
    source = tmp_path / "op.mlir"
    source.write_text(scheme.mlir())
    listed = [text for text, _ in list_schedules(tool, source, scheme)]
    assert listed
    drawn = [random_schedule(rng, listed) for _ in range(DRAWN)]
    drawn = sorted(set(drawn) - set(listed))
    (tmp_path / "schedules").write_text("\n".join(drawn) + "\n")
    legal = tool("quant-tune", source, f"--schedules={tmp_path / 'schedules'}", f"--chip={scheme.chip}",
                 f"--rows={rows_of(scheme)}", "--skip-illegal", "--list").splitlines()
    legal = [x for x in legal if x.startswith("#")]
    assert len(legal) < len(drawn)
    assert legal or name in RANDOM
    running = rng.sample(legal, min(RUN if name in SCHEMES else RUN // 4, len(legal)))
    if name in RANDOM:
        running.append(rng.choice(listed))
    run_schedules(tool, build_dir, tmp_path, scheme, running, seed=zlib.crc32(name.encode()))
    print(f"{name}: {len(drawn)} drawn, {len(legal)} legal, {len(running)} run")
    for schedule in running:
        _random[family_of(schedule)] += 1


def test_random_schedules_are_of_every_family():
    print(f"{len(SCHEMES)} schemes and {len(RANDOM)} random ones, random schedules run: {dict(_random)}")
    assert set(_random) == families_of_the_attribute()
