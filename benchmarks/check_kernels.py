#!/usr/bin/env python3
"""Check and time the matmul kernels on a GPU, without runtime or manifest.

    check_kernels.py emit DIR [--quant-opt PATH] [--ptxas PATH] [--chip CHIP]
    check_kernels.py run DIR [--no-time]

`emit` needs no GPU: it writes one contraction per case as MLIR, compiles it
with quant-opt and assembles it, and fails on spills, stack frames and external
functions. `run` needs PyTorch and CuPy: it packs random weights by the
definition of the fragment layout, compares each kernel with float64 within the
error contract that its schedule states, on fresh data and a poisoned output,
and times the large ones beside cuBLAS bf16 (L2 cold, CUDA graphs).
"""

import argparse
import json
import math
import pathlib
import random
import re
import subprocess
import sys

# ----------------------------------------------------------------------------
# Cases
# ----------------------------------------------------------------------------


def case(m, n, k, x="bf16", storage="i4", group=128, scale="bf16", zero=None,
         out="bf16", rows=1, timed=False, epilogue="none"):
    return dict(m=m, n=n, k=k, x=x, storage=storage, group=group, scale=scale,
                zero=zero, out=out, rows=rows, timed=timed, epilogue=epilogue)


def all_cases():
    cases = []
    # Timed shapes.
    for n, k in [(4096, 4096), (11008, 4096), (4096, 11008)]:
        cases.append(case(1, n, k, timed=True))
        cases.append(case(1, n, k, storage="i8", group=0, scale="f32",
                          timed=True))
    for m in (16, 64):
        cases.append(case(m, 4096, 4096, timed=True))
    cases.append(case(4096, 4096, 4096, timed=True))
    cases.append(case(4096, 4096, 4096, storage="i8", group=0, scale="f32",
                      timed=True))
    for m in (128, 4096):
        cases.append(case(m, 4096, 4096, x="i8", storage="plain", group=0,
                          epilogue="token_channel", timed=True))
    # Linear layers of a small encoder.
    for n, k in [(384, 384), (1536, 384), (384, 1536)]:
        for m in (1, 32):
            for group in (32, 128):
                cases.append(case(m, n, k, group=group, epilogue="bias",
                                  scale="f32"))
            cases.append(case(m, n, k, x="f32", out="f32", storage="i8",
                              group=0, scale="f32"))
            cases.append(case(m, n, k, x="i8", storage="plain", group=0,
                              out="f32", epilogue="token_channel"))
    # Nothing divides.
    rng = random.Random(1)
    odd = [(rng.choice([2, 3, 7, 17, 33, 65, 127, 300]),
            rng.choice([1, 13, 97, 131, 517, 1009]),
            rng.choice([33, 61, 130, 257, 516, 1003])) for _ in range(5)]
    for m, n, k in odd:
        cases.append(case(m, n, k, storage="i4", group=32, scale="f32"))
        cases.append(case(m, n, k, x="f16", out="f16", storage="ui4", group=32,
                          scale="f16", zero="ui4"))
        cases.append(case(m, n, k, storage="i8", group=0, scale="f32"))
        cases.append(case(m, n, k, storage="ui8", group=0, scale="bf16",
                          zero="ui8", out="f32"))
        cases.append(case(m, n, k, storage="ui2", group=32, scale="f32",
                          zero="bf16", out="f32"))
        cases.append(case(m, n, k, x="i8", storage="plain", group=0, out="f32",
                          epilogue="token_channel"))
        cases.append(case(m, n, k, x="bf16", storage="plain", group=0,
                          out="f32"))
        cases.append(case(m, n, k, x="f32", storage="ui4", group=24,
                          scale="f32", zero="f32", out="f32"))
        cases.append(case(1, n, k, x="f16", storage="i4", group=10,
                          scale="f16", out="f32"))
    cases.append(case(40, 256, 512, storage="i4", group=128, rows=64,
                      scale="f32", out="f32"))
    cases.append(case(1, 256, 512, storage="f4E2M1FN", group=32,
                      scale="f8E8M0FNU", out="f32"))
    cases.append(case(9, 256, 512, storage="f4E2M1FN", group=32,
                      scale="f8E4M3FN", out="f32"))
    for c in cases:
        if c["group"] > c["k"]:
            c["group"] = 0
        c["name"] = "k%03d" % cases.index(c)
    return cases


# ----------------------------------------------------------------------------
# Emit
# ----------------------------------------------------------------------------


def to_mlir(c):
    m, n, k = c["m"], c["n"], c["k"]
    x = f"tensor<{m}x{k}x{c['x']}>"
    out = f"tensor<{m}x{n}x{c['out']}>"
    text = ""
    if c["storage"] == "plain":
        w = f"tensor<{n}x{k}x{c['x']}>"
        acc = "i32" if c["x"] == "i8" else "f32"
    else:
        zero = f", zero_point = {c['zero']}" if c["zero"] else ""
        text += (f"#w = #quant_tensor.encoding<{{storage = {c['storage']}, "
                 f"block = [{c['rows']}, {c['group']}], scale = {c['scale']}"
                 f"{zero}}}>\n")
        w = f"tensor<{n}x{k}x{'f32' if c['x'] == 'f32' else c['x']}, #w>"
        acc = "f32"
    args, maps, params, body = [], [], "", ""
    value = "%acc"
    if c["epilogue"] == "bias":
        args = [("%bias", f"tensor<{n}xf32>")]
        maps = ["affine_map<(m, n) -> (n)>"]
        params = ", %b: f32"
        body = f"    %0 = arith.addf {value}, %b : f32\n"
        value = "%0"
    elif c["epilogue"] == "token_channel":
        args = [("%sx", f"tensor<{m}x1xf32>"), ("%sw", f"tensor<{n}xf32>")]
        maps = ["affine_map<(m, n) -> (m, 0)>", "affine_map<(m, n) -> (n)>"]
        params = ", %a: f32, %b: f32"
        body = ("    %0 = arith.sitofp %acc : i32 to f32\n"
                "    %1 = arith.mulf %0, %a : f32\n"
                "    %2 = arith.mulf %1, %b : f32\n")
        value = "%2"
    if c["out"] != "f32":
        body += f"    %r = arith.truncf {value} : f32 to {c['out']}\n"
        value = "%r"
    ep = ""
    if args:
        ep = (" epilogue(" + ", ".join(a for a, _ in args) + " : "
              + ", ".join(t for _, t in args) + ")")
    names = "".join(f", {a}: {t}" for a, t in args)
    text += (
        f"func.func private @{c['name']}(%x: {x}, %w: {w}{names}, "
        f"%init: {out}) -> {out} {{\n"
        f"  %y = quant_tensor.scaled_matmul ins(%x, %w : {x}, {w}){ep} "
        f"maps [{', '.join(maps)}] outs(%init : {out}) {{\n"
        f"  ^bb0(%acc: {acc}{params}):\n{body}"
        f"    quant_tensor.yield {value} : {c['out']}\n  }} -> {out}\n"
        f"  return %y : {out}\n}}\n")
    return text


LOWER = ("gpu.module(canonicalize,cse,convert-nvgpu-to-nvvm,convert-scf-to-cf,"
         "convert-gpu-to-nvvm,canonicalize,cse,convert-nvvm-to-llvm,"
         "reconcile-unrealized-casts),nvvm-attach-target{chip=%s "
         "features=+ptx80 O=3},gpu-module-to-binary{format=isa}")


def emit(args):
    out = pathlib.Path(args.dir)
    out.mkdir(parents=True, exist_ok=True)
    cases = all_cases()
    source = out / "kernels.mlir"
    aliases, functions = "", ""
    for c in cases:
        # Each function has an encoding of its own.
        text = to_mlir(c).replace("#w", f"#w{c['name']}")
        lines = text.splitlines(keepends=True)
        aliases += "".join(v for v in lines if v.startswith("#"))
        functions += "".join(v for v in lines if not v.startswith("#"))
    source.write_text(aliases + functions)

    def opt(pipeline):
        done = subprocess.run(
            [args.quant_opt, str(source),
             f"--pass-pipeline=builtin.module({pipeline})"],
            capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        return done.stdout

    front = (f"select-schedule{{chip={args.chip}}},quant-tensor-apply-layout")
    scheduled = dict(re.findall(r"func.func private @(k\d+)\(.*?"
                                r"quant_tile.schedule = (.*?>>)",
                                opt(front), re.S))
    front += ",convert-quant-tensor-to-quant-tile"
    launches = dict(re.findall(r"func.func private @(k\d+)\((.*?)return",
                               opt(front), re.S))
    for c in cases:
        body = launches[c["name"]]
        launch = re.search(r"quant_tile.launch @kernels::@(\w+) grid\((.*?)\) "
                           r"block \[(\d+), 1, 1\](.*)", body)
        smem = re.search(r"dynamic_shared_memory = (\d+)", launch.group(4))
        constants = dict(re.findall(r"(%\w+) = arith.constant (\d+) : index",
                                    body))
        c["kernel"] = launch.group(1)
        c["grid"] = [int(constants[v.strip()])
                     for v in launch.group(2).split(",")]
        c["block"] = int(launch.group(3))
        c["smem"] = int(smem.group(1)) if smem else 0
        schedule = scheduled[c["name"]]
        bound = re.search(r"u_acc = ([0-9.Ee+-]+), u_decode = ([0-9.Ee+-]+)",
                          schedule)
        c["u_acc"], c["u_decode"] = map(float, bound.groups())
        tile = re.search(r"fragment, tile = \[16, (\d+)\]", schedule)
        c["columns"] = int(tile.group(1)) if tile else 0
    binary = opt(front + ",symbol-dce," + LOWER % args.chip)
    escaped = re.search(r'assembly = "((?:[^"\\]|\\.)*)"', binary).group(1)
    ptx = re.sub(r"\\([0-9A-Fa-f]{2})", lambda h: chr(int(h.group(1), 16)),
                 escaped).rstrip("\0")
    (out / "kernels.ptx").write_text(ptx)
    if ".extern .func" in ptx:
        sys.exit("a kernel calls an external function")
    done = subprocess.run(
        [args.ptxas, "-v", f"-arch={args.chip}", str(out / "kernels.ptx"),
         "-o", str(out / "kernels.cubin")], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    registers = {}
    bad = []
    for entry in done.stderr.split("Compiling entry function '")[1:]:
        name = entry.split("'")[0]
        registers[name] = int(re.search(r"Used (\d+) registers",
                                        entry).group(1))
        if ("0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads"
                not in entry):
            bad.append(name + entry)
    for c in cases:
        c["registers"] = registers[c["kernel"]]
    if bad:
        sys.exit("\n".join(["spills:"] + bad))
    (out / "cases.json").write_text(json.dumps(cases))
    print(f"{len(cases)} cases, {len(registers)} kernels in {out}")


# ----------------------------------------------------------------------------
# Run
# ----------------------------------------------------------------------------


def run(args):
    import cupy
    import numpy as np
    import torch

    directory = pathlib.Path(args.dir)
    cases = json.loads((directory / "cases.json").read_text())
    device = torch.device("cuda")
    types = {"bf16": torch.bfloat16, "f16": torch.float16,
             "f32": torch.float32, "i8": torch.int8}
    half_ulp = {"bf16": 2.0 ** -8, "f16": 2.0 ** -11, "f32": 2.0 ** -24}
    fp4 = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]

    def integers(low, high, shape):
        return torch.randint(low, high + 1, shape, device=device)

    def code_range(storage):
        bits = int(storage.lstrip("ui"))
        if storage.startswith("u"):
            return 0, 2 ** bits - 1
        return -2 ** (bits - 1), 2 ** (bits - 1) - 1

    def pack(codes, width, columns):
        """Codes [n, k] to the words of the fragment layout."""
        n, k = codes.shape
        rows, tiles = -(-n // 16), -(-k // columns)
        full = torch.zeros(rows * 16, tiles * columns, dtype=torch.int64,
                           device=device)
        full[:n, :k] = codes & (2 ** width - 1)
        segments = columns // 32
        per_lane = segments * width // 2
        vector = min(4, per_lane)
        # [row tile, half, g, column tile, segment, t, step, pair, low/high]
        full = full.reshape(rows, 2, 8, tiles, segments, 4, 2, 2, 2)
        words = torch.zeros(rows, tiles, per_lane * 32, dtype=torch.int64,
                            device=device)
        g = torch.arange(8, device=device)
        for h in range(2):
            for s in range(segments):
                for t in range(4):
                    for i in range(2):
                        for j in range(2):
                            for e in range(2):
                                if width == 8:
                                    word = s * 4 + 2 * i + h
                                    bit = 8 * (2 * j + e)
                                else:
                                    pair = 4 * i + 2 * j + h
                                    word = (s * (width // 2)
                                            + pair // (16 // width))
                                    bit = (width * (pair % (16 // width))
                                           + 16 * e)
                                lane = 4 * g + t
                                place = ((word // vector) * 32 + lane) \
                                    * vector + word % vector
                                value = full[:, h, :, :, s, t, i, j, e]
                                words[:, :, place] |= \
                                    value.permute(0, 2, 1) << bit
        return (words & 0xffffffff).to(torch.int64)

    def signed32(words):
        return torch.where(words >= 2 ** 31, words - 2 ** 32,
                           words).to(torch.int32)

    def descriptor(tensor):
        """A memref argument; tensors are contiguous."""
        result = [np.uint64(tensor.data_ptr()), np.uint64(tensor.data_ptr()),
                  np.int64(0)]
        result += [np.int64(v) for v in tensor.shape]
        result += [np.int64(v) for v in tensor.stride()]
        return result

    def scales(c, shape):
        kind = c["scale"]
        if kind == "f8E8M0FNU":
            raw = torch.randint(120, 130, shape, device=device)
            return raw.to(torch.uint8), torch.exp2(raw.double() - 127)
        value = (torch.rand(shape, device=device) + 0.1) * 0.02
        if kind == "f8E4M3FN":
            value = (value * 50).to(torch.float8_e4m3fn)
            return value.view(torch.uint8), value.double()
        value = value.to(types[kind])
        return value, value.double()

    module = cupy.cuda.function.Module()
    module.load_file(str(directory / "kernels.cubin"))
    failures, table = 0, []
    for c in cases:
        torch.manual_seed(len(table) + 7)
        m, n, k = c["m"], c["n"], c["k"]
        kernel = module.get_function(c["kernel"])
        if c["smem"]:
            cupy.cuda.driver.funcSetAttribute(
                kernel.ptr, 8, c["smem"])  # MAX_DYNAMIC_SHARED_SIZE_BYTES
        if c["x"] == "i8":
            x = integers(-128, 127, (m, k)).to(torch.int8)
        else:
            x = torch.randn(m, k, device=device).to(types[c["x"]])
        xd = x.double()
        operands = [x]
        if c["storage"] == "plain":
            if c["x"] == "i8":
                codes = integers(-128, 127, (n, k)).to(torch.int8)
            else:
                codes = torch.randn(n, k, device=device).to(types[c["x"]])
            wd = codes.double()
            operands.append(codes)
        else:
            group = c["group"] or k
            shape = (-(-n // c["rows"]), -(-k // group))
            if c["storage"] == "f4E2M1FN":
                codes, width = integers(0, 15, (n, k)), 4
                values = torch.tensor(fp4 + [-v for v in fp4], device=device,
                                      dtype=torch.float64)[codes]
            else:
                low, high = code_range(c["storage"])
                codes = integers(low, high, (n, k))
                width = int(c["storage"].lstrip("ui"))
                values = codes.double()
            expand = lambda v: v.repeat_interleave(c["rows"], 0)[:n] \
                .repeat_interleave(group, 1)[:, :k]
            if c["zero"]:
                if c["zero"] in types:
                    zero = (torch.rand(shape, device=device) * 5).to(
                        types[c["zero"]])
                else:
                    low, high = code_range(c["zero"])
                    zero = integers(low, high, shape).to(torch.uint8)
                values = values - expand(zero.double())
            stored, scale = scales(c, shape)
            wd = values * expand(scale)
            operands += [signed32(pack(codes, width, c["columns"])), stored]
            if c["zero"]:
                operands.append(zero)
        y = xd @ wd.T
        magnitude = xd.abs() @ wd.abs().T
        if c["epilogue"] == "bias":
            bias = torch.randn(n, device=device)
            operands.append(bias)
            y = y + bias.double()
        elif c["epilogue"] == "token_channel":
            sx = torch.rand(m, 1, device=device) * 0.01
            sw = torch.rand(n, device=device) * 0.01
            operands += [sx, sw]
            y = y * sx.double() * sw.double()
            magnitude = magnitude * 0
        out = torch.full((m, n), float("nan"), device=device).to(
            types[c["out"]])
        stream = cupy.cuda.ExternalStream(
            torch.cuda.current_stream().cuda_stream)

        def launch(values, stream):
            flat = [a for v in values for a in descriptor(v)]
            with stream:
                kernel(tuple(c["grid"]), (c["block"], 1, 1), tuple(flat),
                       c["smem"])

        launch(operands + [out], stream)
        torch.cuda.synchronize()
        gamma = k * c["u_acc"] / (1 - k * c["u_acc"])
        bound = ((gamma + c["u_decode"]) * magnitude
                 + y.abs() * (half_ulp[c["out"]] + 4 * 2.0 ** -24) + 1e-30)
        ratio = ((out.double() - y).abs() / bound).nan_to_num(1e30).max().item()
        relative = ((out.double() - y).norm() / y.norm()).item()
        ok = ratio <= 1 and math.isfinite(relative)
        failures += not ok
        what = (f"{m}x{k}x{n} {c['x']}*{c['storage']}/{c['group']}"
                f"{'/' + c['zero'] if c['zero'] else ''}->{c['out']}")
        if not ok:
            print(f"FAIL {c['name']} {what}: {ratio:.3g} of the bound, "
                  f"relative {relative:.3g}, nan {out.isnan().sum().item()}",
                  flush=True)
        row = dict(what=what, ok=ok, ratio=ratio, relative=relative,
                   registers=c["registers"])
        if c["timed"] and not args.no_time:
            weight_bytes = sum(v.numel() * v.element_size()
                               for v in operands[1:])
            copies = max(1, min(64, int(300e6 // weight_bytes)))
            sets = [[x] + [v.clone() for v in operands[1:]] + [out]
                    for _ in range(copies)]

            def measure(call, number):
                side = torch.cuda.Stream()
                with torch.cuda.stream(side):
                    for i in range(number):
                        call(i, side)
                torch.cuda.synchronize()
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph, stream=side):
                    for i in range(number):
                        call(i, side)
                times = []
                for _ in range(15):
                    a = torch.cuda.Event(enable_timing=True)
                    b = torch.cuda.Event(enable_timing=True)
                    a.record()
                    graph.replay()
                    b.record()
                    torch.cuda.synchronize()
                    times.append(a.elapsed_time(b) * 1e3 / number)
                return sorted(times)[len(times) // 2]

            row["us"] = measure(
                lambda i, s: launch(sets[i], cupy.cuda.ExternalStream(
                    s.cuda_stream)), copies)
            row["gbps"] = weight_bytes / row["us"] / 1e3
            del sets
            count = max(1, min(16, int(300e6 // (n * k * 2))))
            ws = [torch.randn(n, k, device=device).to(torch.bfloat16)
                  for _ in range(count)]
            xb = torch.randn(m, k, device=device).to(torch.bfloat16)
            yb = torch.empty(m, n, device=device, dtype=torch.bfloat16)
            row["cublas"] = measure(
                lambda i, s: torch.matmul(xb, ws[i].T, out=yb), count)
        table.append(row)
    print(f"{len(cases) - failures} of {len(cases)} kernels within their "
          f"contract on {torch.cuda.get_device_name()}; largest share of the "
          f"bound {max(r['ratio'] for r in table):.3f}")
    for r in table:
        if "us" in r:
            print(f"{r['what']:45s} {r['us']:9.2f} us {r['gbps']:7.0f} GB/s of "
                  f"weights, cuBLAS bf16 {r['cublas']:8.2f} us "
                  f"({r['cublas'] / r['us']:.2f}x) {r['registers']} registers")
    return failures != 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    e = commands.add_parser("emit")
    e.add_argument("dir")
    e.add_argument("--quant-opt", default="quant-opt")
    e.add_argument("--ptxas", default="ptxas")
    e.add_argument("--chip", default="sm_90a")
    r = commands.add_parser("run")
    r.add_argument("dir")
    r.add_argument("--no-time", action="store_true")
    args = parser.parse_args()
    if args.command == "emit":
        return emit(args)
    return run(args)


if __name__ == "__main__":
    sys.exit(main())
