"""The operands that schedules are tried with: one contraction each, small, and
with tails of everything.

Run as a program, it runs a part of a bundle of one of them in the emulator (each
PARTS-th artifact, from PART on) and compares each result with float64. It prints
a hash of what it ran, kernels and launches; what has one of the hashes in the file
KNOWN is the same to the last byte as what ran before, and need not run again.

    QUANTMLIR_LIBCUDA=.../libquantmlir_emulator_driver.so \\
        python schedule_schemes.py SCHEME BUNDLE PART PARTS KNOWN
"""

import hashlib
import os
import pathlib
import random
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import artifact as rt  # noqa: E402
import gpu_check  # noqa: E402
import measure_bundle  # noqa: E402
from programs import Dense, Float8, Integers, Layer, Paired, PairedCodes  # noqa: E402
from weights import DTYPES  # noqa: E402

#: Rows of activations where the program leaves them open: a tile and a tail.
ROWS = 19

#: What the codes of a weight can be stored as: all that an encoding takes.
INTEGERS = [f"{sign}{bits}" for sign in ("i", "ui") for bits in range(2, 9)]
STORAGES = INTEGERS + ["f8E4M3FN", "f8E5M2", "f4E2M1FN"]

_SCHEMES = [
    # Every storage that has a decode, with and without groups.
    Layer(37, 131, storage="i4", group=32, scale="bf16"),
    Layer(37, 131, storage="i4", group=64, x="f16", scale="f16", out="f16"),
    Layer(37, 131, storage="i4"),
    Layer(37, 136, storage="i4", group=32, rows=8, bias=True),
    Layer(37, 131, storage="ui4", group=32, zero="ui4", scale="bf16"),
    Layer(37, 132, storage="ui4", group=32, zero="f16", x="f16"),
    Layer(37, 131, storage="ui4", group=24, zero="f32", x="f32"),
    Layer(37, 259, storage="i2", group=64),
    Layer(37, 136, storage="ui2", zero="bf16"),
    Layer(37, 259, storage="i3", group=64, scale="bf16"),
    Layer(37, 131, storage="ui5", group=32, zero="ui5"),
    Layer(37, 131, storage="i6", x="f16"),
    *(Layer(37, 131, storage=storage, group=32) for storage in ("ui3", "i5", "ui6", "i7", "ui7")),
    Layer(37, 131, storage="nf4", group=32, scale="bf16"),
    Layer(37, 131, storage="i8", group=32, out="bf16"),
    Layer(37, 144, storage="i8"),
    Layer(37, 131, storage="ui8", zero="ui8", x="f16"),
    Layer(21, 67, storage="i8", x="f32"),
    Layer(37, 136, storage="f4E2M1FN", group=32, scale="f8E8M0FNU"),
    Layer(37, 131, storage="f4E2M1FN", group=16, scale="f8E4M3FN", x="f16"),
    Layer(37, 131, storage="f8E4M3FN"),
    Layer(37, 136, storage="f8E5M2", group=32, scale="bf16", x="f16"),
    # Rows of a multiple of 16 bytes.
    Layer(141, 136, storage="i4", group=64, scale="bf16", out="bf16"),
    Layer(37, 136, storage="ui4", group=32, zero="ui4", x="f16", scale="f16", out="f16"),
    Layer(72, 136, storage="i4", m=133, bias=True),
    Layer(72, 512, m=37, storage="i4", group=128, scale="bf16", out="bf16"),
    # Rows enough of weights, and steps, for four warpgroups.
    Layer(144, 512, m=17, storage="i4", group=128, scale="bf16", out="bf16"),
    Layer(37, 264, storage="i2", group=64),
    # Codes that straddle words, in one block of them and a part of another.
    Layer(72, 520, storage="i3", group=128, scale="bf16", out="bf16"),
    Layer(37, 136, storage="ui3", group=32, zero="ui3", x="f16"),
    # Three steps of two blocks that share K.
    Layer(72, 768, m=17, storage="ui3", group=128, scale="bf16"),
    Layer(37, 392, storage="i5", group=64),
    Layer(37, 136, storage="ui5", zero="ui5"),
    Layer(72, 264, storage="i6", x="f16", bias=True),
    Layer(37, 136, storage="ui6", group=32),
    *(Layer(37, 136, storage=storage, group=64) for storage in ("i7", "ui7")),
    Layer(37, 136, storage="ui8", group=32, zero="ui8"),
    Layer(37, 136, storage="f8E4M3FN", group=32),
    Layer(37, 144, storage="f4E2M1FN", group=16, scale="f8E4M3FN"),
    Layer(37, 256, storage="nf4", group=128, scale="bf16"),
    Layer(21, 131, storage="ui4", group=24, zero="f32"),
    # One row, and rows that the compiler knows.
    Layer(37, 520, m=1, storage="i4", group=128, scale="bf16"),
    Layer(21, 300, m=5, storage="i4", group=96),
    # Rows of two weights in turn, an odd number of each.
    Paired(37, 131, group=32, scale="bf16", bias=True),
    Paired(37, 136, storage="ui4", group=32, zero="ui4", scale="bf16", out="bf16"),
    Paired(37, 256, m=17, group=128, scale="bf16"),
    Paired(72, 264, storage="i8", x="f16", out="f16", bias=True),
    Paired(21, 67, storage="i8", x="f32"),
    Paired(37, 131, m=5, storage="ui4", zero="ui4", chip="sm_80", out="bf16"),
    PairedCodes(37, 144),
    PairedCodes(136, 272, m=33, out="f32"),
    PairedCodes(72, 528, storage="f8E4M3FN"),
    # Nothing quantized, or nothing but.
    Dense(37, 131, "bf16"),
    Dense(40, 200, "bf16"),
    Dense(37, 144, "f16", chip="sm_80"),
    Integers(37, 131),
    Integers(37, 272, m=33),
    Integers(37, 144, unsigned=["lhs"], chip="sm_89"),
    Float8(37, 272),
    Float8(37, 131, w="f8E5M2"),
    Float8(64, 272, w="f8E5M2", group=128, rows=32),
    Layer(37, 132, storage="i8", x="codes"),
    # Both in integers: weights are made bytes, or decoded where they have groups.
    *(Layer(37, 144, storage=storage, x="codes") for storage in INTEGERS),
    Layer(37, 131, storage="i4", group=32, x="codes", bias=True),
]


def random_scheme(number):
    """A contraction of random shape and types, the same for each number; its rows
    in `random_rows`."""
    rng = random.Random(f"scheme {number}")
    # As often small as large, and anything in between.
    size = lambda most: max(1, int(most ** rng.random()))
    m = rng.choice([None, size(90)])
    n, k = size(120), size(500)
    if rng.random() < 0.4:
        k = -(-k // 32) * 32
    kind = rng.random()
    chip = rng.choice(["sm_90a", "sm_90a", "sm_90a", "sm_89", "sm_80"])
    if kind < 0.1:
        scheme = Dense(n, k, rng.choice(["bf16", "f16"]), m=m, chip=chip)
    elif kind < 0.2:
        unsigned = rng.choice([[], ["lhs"], ["rhs"], ["lhs", "rhs"]])
        scheme = Integers(n, k, m=m, unsigned=unsigned, chip=chip)
    elif kind < 0.35:
        scheme = Layer(n, k, m=m, storage=rng.choice(INTEGERS), x="codes",
                       bias=rng.random() < 0.3, chip=chip)
    else:
        storage = rng.choice(["i4", "ui4", "i8", "ui8", "i2", "ui2", "f8E4M3FN", "f8E5M2", "f4E2M1FN"])
        group = rng.choice([0, 16, 32, 32, 48, 64, 128])
        zero = None
        if storage.startswith("u"):
            zero = rng.choice([None, storage, "f32", "f16"])
        scheme = Layer(
            n, k, m=m, storage=storage, group=group, zero=zero,
            x=rng.choice(["bf16", "bf16", "f16", "f32"]), scale=rng.choice(["f32", "bf16", "f16"]),
            bias=rng.random() < 0.3, out=rng.choice(["f32", "bf16", "f16"]), chip=chip,
        )
    scheme.name = f"random-{number}-{scheme.name}"
    scheme.random_rows = m or size(90)
    return scheme


#: Random contractions, by name.
RANDOM = {scheme.name: scheme for scheme in map(random_scheme, range(60))}
SCHEMES = {scheme.name: scheme for scheme in _SCHEMES}
#: Rows of weights that fill tiles, an odd number of them: of blocks that share
#: activations, one has nothing but rows past the last.
WHOLE_TILES = {
    scheme.name: scheme
    for scheme in (
        PairedCodes(72, 272),
        PairedCodes(88, 272, storage="f8E4M3FN"),
        Layer(144, 272, storage="i8", x="codes", bias=True),
        Layer(192, 256, m=150, storage="i4", group=128, scale="bf16", bias=True),
        Paired(96, 256, m=150, group=128, scale="bf16", bias=True),
    )
}
#: Columns enough for a ring of codes to come around, some of them past whole steps.
LONG = {
    scheme.name: scheme
    for scheme in (
        Layer(37, 1544, m=1, storage="i2", group=64),
        Layer(64, 2048, m=1, storage="i2", group=128, scale="bf16", out="bf16"),
        Layer(37, 4104, m=5, storage="i3", group=128, scale="bf16"),
        Layer(48, 1536, m=16, storage="i2", group=128, scale="bf16", out="bf16"),
        Layer(64, 2048, m=1, storage="i4", group=32, x="f16", scale="f16"),
        Layer(37, 1544, m=3, storage="ui4", group=32, zero="ui4", scale="bf16"),
        Layer(64, 2048, m=8, storage="nf4", group=64, scale="bf16"),
        Layer(37, 1160, m=1, storage="ui8", scale="bf16"),
        Layer(37, 4104, m=2, storage="i5", group=64),
    )
}
ALL = SCHEMES | RANDOM | WHOLE_TILES | LONG


def rows_of(scheme):
    return getattr(scheme, "random_rows", ROWS if scheme.m is None else scheme.m)


def as_codes(scheme, buffer, inputs):
    """Integers in the form that an op of two of them has them in: weights as the
    bytes that narrower codes are widened to, or either cast to floats."""
    if buffer.name.startswith("lhs"):
        codes = inputs["x.codes"]
    else:
        codes = scheme.weight.codes
        # Where several are in a byte they are as they are stored.
        if tuple(buffer.shape) != codes.shape:
            return inputs["w.codes"]
    kind = {"i8": np.int8, "ui8": np.uint8}.get(buffer.element) or DTYPES[buffer.element]
    return codes.astype(kind)


def rename(runner, scheme, inputs, rows):
    """A scheme's arrays under the names that its op's own program gives them."""
    names = {}
    for function in (runner.function, runner.function.prepare):
        for buffer in function.by_role(rt.INPUT, rt.WEIGHT) if function else []:
            side, _, part = buffer.name.partition(".")
            own = {"lhs": "x", "rhs": "w"}.get(side)
            if own is None:
                # Operands of the epilogue: the one of that shape.
                shape = tuple(rows if e < 0 else e for e in buffer.shape)
                (names[buffer.name],) = [
                    array
                    for name, array in inputs.items()
                    if array.shape == shape and name not in ("x", "w", "x.codes", "w.codes")
                ]
            elif own in inputs:
                names[buffer.name] = inputs[own]
            elif part in ("", "codes") and "x.codes" in inputs:
                names[buffer.name] = as_codes(scheme, buffer, inputs)
            else:
                names[buffer.name] = inputs[f"{own}.{part or 'codes'}"]
    return names


def main():
    name, bundle = sys.argv[1:3]
    part, parts = map(int, sys.argv[3:5])
    known = set(pathlib.Path(sys.argv[5]).read_text().split())
    scheme = ALL[name]
    (op,) = measure_bundle.read_bundle(bundle)["ops"]
    rows = rows_of(scheme)
    inputs = scheme.weights() | scheme.activations(rows)
    context = rt.Context(rt.Library())
    failures = 0
    for candidate in op["candidates"][part::parts]:
        folder = os.path.join(bundle, candidate["artifact"])
        kernels = os.path.join(folder, "kernels.mlirbc")
        files = [kernels, os.path.join(folder, "manifest.json")]
        identity = hashlib.sha256(b"".join(pathlib.Path(x).read_bytes() for x in files)).hexdigest()
        if identity in known:
            print("same", identity)
            continue
        os.environ["QUANTMLIR_EMULATOR_KERNELS"] = kernels
        try:
            runner = gpu_check.Runner(context, folder, scheme)
            named = rename(runner, scheme, inputs, rows)
            prepared = runner.prepare(lambda buffer, _: named[buffer.name])
            result, contract, _ = runner.run(named, prepared, rows)
            gpu_check.compare(scheme, inputs, result, contract)
            print("ran", identity)
        except (gpu_check.Failure, rt.RuntimeFailure) as error:
            failures += 1
            print(f"{candidate['schedule']}: {error}", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
