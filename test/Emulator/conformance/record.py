"""Runs the compiled cases on a GPU and keeps what they write.

    record.py DIRECTORY OUTPUT

reads what build.py made; needs Python and a CUDA driver, nothing else. OUTPUT
gets `results.bin.xz` and `recorded.json`, from which pack.py makes the data in the
repository.
"""

import ctypes
import datetime
import json
import lzma
import pathlib
import select
import subprocess
import sys
import zlib
from ctypes import byref, c_char_p, c_int, c_size_t, c_uint, c_uint32, c_uint64, c_void_p

DATA_TYPES = {"u8": 0, "u16": 1, "i32": 3, "f16": 6, "f32": 7, "bf16": 9}
SWIZZLES = {0: 0, 32: 1, 64: 2, 128: 3}


class Driver:
    """libcuda; a failing call raises."""

    def __init__(self):
        self.dll = ctypes.CDLL("libcuda.so.1")
        self("cuInit", 0)
        self.device = c_int()
        self("cuDeviceGet", byref(self.device), 0)
        self.context = c_void_p()
        self("cuDevicePrimaryCtxRetain", byref(self.context), self.device)
        self("cuCtxSetCurrent", self.context)

    def __call__(self, name, *arguments):
        status = getattr(self.dll, name)(*arguments)
        if status:
            text = c_char_p()
            self.dll.cuGetErrorString(status, byref(text))
            raise RuntimeError(f"{name}: {(text.value or b'?').decode()}")

    def describe(self):
        name = ctypes.create_string_buffer(128)
        self("cuDeviceGetName", name, 128, self.device)
        version = c_int()
        self("cuDriverGetVersion", byref(version))
        capability = []
        for attribute in (75, 76):
            value = c_int()
            self("cuDeviceGetAttribute", byref(value), attribute, self.device)
            capability.append(value.value)
        kernel = pathlib.Path("/proc/driver/nvidia/version")
        return {
            "device": name.value.decode(),
            "compute_capability": capability,
            "cuda_driver": f"{version.value // 1000}.{version.value % 1000 // 10}",
            "kernel_driver": kernel.read_text().split("\n")[0] if kernel.exists() else "unknown",
        }

    def allocate(self, size, data=None):
        pointer = c_uint64()
        self("cuMemAlloc_v2", byref(pointer), c_size_t(max(size, 256)))
        if data is None:  # poison
            self("cuMemsetD8_v2", pointer, 0xA5, c_size_t(size))
        else:
            self("cuMemcpyHtoD_v2", pointer, data, c_size_t(size))
        return pointer

    def encode_map(self, map, address):
        buffer = ctypes.create_string_buffer(128 + 64)
        offset = -ctypes.addressof(buffer) % 64
        rank = len(map["dims"])
        dims = (c_uint64 * rank)(*map["dims"])
        strides = (c_uint64 * max(1, rank - 1))(*map["strides"])
        box = (c_uint32 * rank)(*map["box"])
        steps = (c_uint32 * rank)(*[1] * rank)
        self("cuTensorMapEncodeTiled", c_void_p(ctypes.addressof(buffer) + offset), DATA_TYPES[map["element"]],
             c_uint32(rank), c_void_p(address.value), dims, strides, box, steps, 0, SWIZZLES[map["swizzle"]], 0, 0)
        return buffer, ctypes.addressof(buffer) + offset


def run(driver, function, case, inputs):
    """The contents of each buffer that the case writes, one after the other."""
    pointers, kept = [], []
    for argument in case["arguments"]:
        if "map" in argument:
            pointers.append(None)
            continue
        size = 4 * argument["words"]
        data = None
        if "offset" in argument:
            data = inputs[argument["offset"] : argument["offset"] + size]
        pointers.append(driver.allocate(size, data))
    parameters = (c_void_p * len(pointers))()
    for i, argument in enumerate(case["arguments"]):
        if "map" in argument:
            owner, address = driver.encode_map(argument["map"], pointers[argument["map"]["buffer"]])
            kept.append(owner)
            parameters[i] = address
        else:
            parameters[i] = ctypes.addressof(pointers[i])
    driver("cuLaunchKernel", function, *map(c_uint, case["grid"]), *map(c_uint, case["block"]), c_uint(0), None,
           parameters, None)
    driver("cuCtxSynchronize")
    results = []
    for pointer, argument in zip(pointers, case["arguments"]):
        if pointer is None:
            continue
        if argument["role"] != "in":
            host = ctypes.create_string_buffer(4 * argument["words"])
            driver("cuMemcpyDtoH_v2", host, pointer, c_size_t(4 * argument["words"]))
            results.append(host.raw)
        driver("cuMemFree_v2", pointer)
    return b"".join(results)


#: Seconds that a case may take before its process is ended.
PATIENCE = 20


def work(directory, output, first):
    """Records the cases from number `first` on, telling of each on stdout."""
    job = json.loads((directory / "job.json").read_text())
    inputs = (directory / "inputs.bin").read_bytes()
    driver = Driver()
    about = driver.describe()
    about.update(ptxas=job["ptxas"], date=datetime.date.today().isoformat())
    (output / "about.json").write_text(json.dumps(about))
    module = c_void_p()
    driver("cuModuleLoadData", byref(module), (directory / "kernels.cubin").read_bytes())
    for number in range(first, len(job["cases"])):
        case = job["cases"][number]
        print("begin", number, flush=True)
        function = c_void_p()
        driver("cuModuleGetFunction", byref(function), module, case["symbol"].encode())
        result = run(driver, function, case, inputs)
        # What differs from run to run is no property of the instruction.
        if run(driver, function, case, inputs) != result:
            print("differs", number, flush=True)
            continue
        (output / f"{number}.result").write_bytes(result)
        print("done", number, flush=True)


def main():
    directory, output = map(pathlib.Path, sys.argv[1:3])
    if len(sys.argv) > 3:
        return work(directory, output, int(sys.argv[3]))
    output.mkdir(parents=True, exist_ok=True)
    cases = json.loads((directory / "job.json").read_text())["cases"]
    failed, first = [], 0
    # A fault or a hang costs the process its context: the next begins after it.
    while first < len(cases):
        worker = subprocess.Popen([sys.executable, __file__, *sys.argv[1:3], str(first)], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
        log, current = [], first
        while select.select([worker.stdout], [], [], PATIENCE)[0]:
            line = worker.stdout.readline()
            if not line:
                break
            word, _, number = line.partition(" ")
            if word == "begin":
                current = int(number)
            elif word == "differs":
                failed.append((cases[int(number)]["name"], "a second run gives another result"))
            elif word != "done":
                log.append(line)
        else:
            log.append("no answer")
        worker.kill()
        if worker.wait() == 0:
            break
        failed.append((cases[current]["name"], "".join(log[-2:])))
        if len(failed) > 60:
            break
        first = current + 1
    for name, why in failed:
        print("FAILED", name, why)
    entries = []
    offset = 0
    with lzma.open(output / "results.bin.xz", "wb", preset=3) as results:
        for number, case in enumerate(cases):
            file = output / f"{number}.result"
            if not file.exists():
                continue
            data = file.read_bytes()
            entries.append({"name": case["name"], "sets": case["sets"], "fingerprint": case["fingerprint"],
                            "offset": offset, "bytes": len(data), "crc32": zlib.crc32(data)})
            results.write(data)
            offset += len(data)
            file.unlink()
    about = json.loads((output / "about.json").read_text())
    (output / "recorded.json").write_text(json.dumps({"about": about, "cases": entries}, indent=1))
    print(about)
    print(len(entries), "of", len(cases), "cases recorded")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
