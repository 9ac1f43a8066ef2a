"""The operands that every schedule is tried with: one contraction each, small,
and with tails of everything.

Run as a program, it runs a bundle of one of them in the emulator and compares
each result with float64:

    QUANTMLIR_LIBCUDA=.../libquantmlir_emulator_driver.so \\
        python schedule_schemes.py SCHEME BUNDLE
"""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import artifact as rt  # noqa: E402
import gpu_check  # noqa: E402
import measure_bundle  # noqa: E402
from programs import Dense, Integers, Layer  # noqa: E402

#: Rows of activations where the program leaves them open: a tile and a tail.
ROWS = 19

_SCHEMES = [
    # Every storage that has a decode, with and without groups.
    Layer(37, 131, storage="i4", group=32, scale="bf16"),
    Layer(37, 259, storage="i4", group=64, x="f16", scale="f16", out="f16"),
    Layer(37, 131, storage="i4"),
    Layer(37, 136, storage="i4", group=32, rows=8, bias=True),
    Layer(37, 131, storage="ui4", group=32, zero="ui4", scale="bf16"),
    Layer(37, 132, storage="ui4", group=32, zero="f16", x="f16"),
    Layer(37, 131, storage="ui4", group=24, zero="f32", x="f32"),
    Layer(37, 259, storage="i2", group=64),
    Layer(37, 131, storage="ui2", zero="bf16"),
    Layer(37, 131, storage="i8", group=32, out="bf16"),
    Layer(37, 144, storage="i8"),
    Layer(37, 131, storage="ui8", zero="ui8", x="f16"),
    Layer(21, 67, storage="i8", x="f32"),
    Layer(37, 131, storage="f4E2M1FN", group=32, scale="f8E8M0FNU"),
    Layer(37, 131, storage="f4E2M1FN", group=16, scale="f8E4M3FN", x="f16"),
    # Rows of a multiple of 16 bytes.
    Layer(141, 264, storage="i4", group=64, scale="bf16", out="bf16"),
    Layer(37, 264, storage="ui4", group=32, zero="ui4", x="f16", scale="f16", out="f16"),
    Layer(72, 136, storage="i4", m=133, bias=True),
    Layer(72, 512, m=37, storage="i4", group=128, scale="bf16", out="bf16"),
    Layer(37, 264, storage="i2", group=64),
    Layer(37, 136, storage="ui8", group=32, zero="ui8"),
    Layer(37, 136, storage="f8E4M3FN", group=32),
    # One row, and rows that the compiler knows.
    Layer(37, 520, m=1, storage="i4", group=128, scale="bf16"),
    Layer(21, 300, m=5, storage="i4", group=96),
    # Nothing quantized, or nothing but.
    Dense(37, 131, "bf16"),
    Dense(37, 144, "f16", chip="sm_80"),
    Integers(37, 131),
    Integers(37, 272, m=33),
    Integers(37, 144, unsigned=["lhs"], chip="sm_89"),
    Layer(37, 132, storage="i8", x="codes"),
]
SCHEMES = {scheme.name: scheme for scheme in _SCHEMES}


def rows_of(scheme):
    return ROWS if scheme.m is None else scheme.m


def class_of(scheme):
    """What decides how a kernel is built, beside its schedule."""
    if isinstance(scheme, Integers) or getattr(scheme, "is_integer", False):
        return "integers"
    if isinstance(scheme, Dense):
        return "dense"
    zero = "zero points" if scheme.arguments["zero"] else "symmetric"
    return f"{scheme.bits} bits, {'groups' if scheme.group else 'rows'}, {zero}, {scheme.x}"


def rename(runner, inputs, rows):
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
            else:
                names[buffer.name] = inputs[f"{own}.{part or 'codes'}"]
    return names


def main():
    scheme = SCHEMES[sys.argv[1]]
    (op,) = measure_bundle.read_bundle(sys.argv[2])["ops"]
    rows = rows_of(scheme)
    inputs = scheme.weights() | scheme.activations(rows)
    context = rt.Context(rt.Library())
    failures = 0
    for candidate in op["candidates"]:
        folder = os.path.join(sys.argv[2], candidate["artifact"])
        os.environ["QUANTMLIR_EMULATOR_KERNELS"] = os.path.join(folder, "kernels.mlirbc")
        try:
            runner = gpu_check.Runner(context, folder, scheme)
            named = rename(runner, inputs, rows)
            result, contract, _ = runner.run(named, runner.prepare(named), rows)
            gpu_check.compare(scheme, inputs, result, contract)
        except (gpu_check.Failure, rt.RuntimeFailure) as error:
            failures += 1
            print(f"{candidate['schedule']}: {error}", flush=True)
    print(f"{len(op['candidates'])} schedules, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
