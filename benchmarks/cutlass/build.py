"""Builds CUTLASS's kernels that int8 products are compared with.

    python benchmarks/cutlass/build.py --out artifacts/cutlass

CUTLASS's headers come out of PyPI's `nvidia-cutlass`, nothing of which is kept
here. Where nvcc is on another machine than the network, take them along:

    python benchmarks/cutlass/build.py --headers-only artifacts/cutlass.tar.xz
    python benchmarks/cutlass/build.py --headers artifacts/cutlass.tar.xz --out ...

Each configuration becomes a library of its own; `index.json` names them.
"""

import argparse
import concurrent.futures
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
#: The last release whose wheel has the headers.
PACKAGE = "nvidia-cutlass==4.2.0.0"
#: Where they are in the wheel.
HEADERS = "cutlass_library/source/include/"
FLAGS = [
    "-std=c++17",
    "-O3",
    "-DNDEBUG",
    "-gencode=arch=compute_90a,code=sm_90a",
    "--expt-relaxed-constexpr",
    # Kernels that may start while the one before them ends.
    "-DCUTLASS_ENABLE_GDC_FOR_SM90=1",
    "-shared",
    "-Xcompiler=-fPIC,-w",
    "--disable-warnings",
]


def config(tile_m, tile_n, schedule, cluster=(2, 1), stream_k=False):
    """A configuration: its name and the macros that int8_scaled.cu takes."""
    kind = dict(Pingpong="ping-pong", Cooperative="cooperative")[schedule]
    name = f"{tile_m}x{tile_n}x128 {kind}, cluster {cluster[0]}x{cluster[1]}"
    macros = dict(
        TILE_M=tile_m,
        TILE_N=tile_n,
        CLUSTER_M=cluster[0],
        CLUSTER_N=cluster[1],
        SCHEDULE=schedule,
        STREAM_K=int(stream_k),
    )
    return name + (", stream-K" if stream_k else ""), macros


#: What CUTLASS's own profiler favours on Hopper, and its neighbours: smaller tiles
#: and no cluster for few rows, stream-K where tiles do not fill the SMs.
CONFIGS = [
    config(128, 128, "Pingpong"),
    config(128, 256, "Cooperative"),
    config(256, 128, "Cooperative"),
    config(128, 128, "Pingpong", (1, 1)),
    config(128, 64, "Pingpong", (1, 1)),
    config(64, 128, "Pingpong", (1, 1)),
    config(128, 192, "Cooperative"),
    config(128, 256, "Cooperative", (1, 2)),
    config(128, 128, "Cooperative", stream_k=True),
    config(128, 256, "Cooperative", stream_k=True),
]


def get_headers():
    """The headers as a tar archive, from the package index."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, PACKAGE],
            check=True,
        )
        (wheel,) = os.listdir(folder)
        archive = io.BytesIO()
        with zipfile.ZipFile(os.path.join(folder, wheel)) as source:
            with tarfile.open(fileobj=archive, mode="w:xz") as target:
                for name in sorted(source.namelist()):
                    if not name.startswith(HEADERS) or name.endswith("/"):
                        continue
                    entry = tarfile.TarInfo("include/" + name[len(HEADERS) :])
                    data = source.read(name)
                    entry.size = len(data)
                    target.addfile(entry, io.BytesIO(data))
    return archive.getvalue()


def compile_config(number, macros, out, include, nvcc):
    """Returns what the index says of it."""
    library = f"int8_scaled_{number}.so"
    command = [nvcc, *FLAGS, "-I", include]
    command += [f"-D{name}={value}" for name, value in macros.items()]
    command += [os.path.join(HERE, "int8_scaled.cu"), "-o", os.path.join(out, library)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return dict(error=(done.stderr or done.stdout).strip()[:2000])
    return dict(library=library)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", help="folder for the libraries")
    parser.add_argument("--headers", help="archive that --headers-only made")
    parser.add_argument("--headers-only", metavar="FILE", help="write the headers there")
    parser.add_argument("--nvcc", default=shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args(arguments)
    if not options.out and not options.headers_only:
        parser.error("nothing to do: neither --out nor --headers-only")
    if options.headers:
        with open(options.headers, "rb") as file:
            headers = file.read()
    else:
        headers = get_headers()
    if options.headers_only:
        with open(options.headers_only, "wb") as file:
            file.write(headers)
    if not options.out:
        return 0

    os.makedirs(options.out, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(headers)) as archive:
            archive.extractall(folder, filter="data")
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            entries = list(
                pool.map(
                    lambda numbered: compile_config(
                        numbered[0],
                        numbered[1][1],
                        options.out,
                        os.path.join(folder, "include"),
                        options.nvcc,
                    ),
                    enumerate(CONFIGS),
                )
            )
    for (name, _), entry in zip(CONFIGS, entries):
        entry["name"] = name
        if "error" in entry:
            print(f"{name}: {entry['error']}", file=sys.stderr)
    version = subprocess.run([options.nvcc, "--version"], capture_output=True, text=True)
    index = dict(
        package=PACKAGE,
        nvcc=version.stdout.strip().splitlines()[-1],
        flags=FLAGS,
        configs=entries,
    )
    with open(os.path.join(options.out, "index.json"), "w") as file:
        json.dump(index, file, indent=1)
    failed = sum("error" in entry for entry in entries)
    print(f"{len(entries) - failed} of {len(entries)} configurations of CUTLASS built")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
