"""Checks the Python package on a GPU: arrays of NumPy and PyTorch, streams, and
the capture of a call in a CUDA graph.

    PYTHONPATH=build/python python benchmarks/device_check.py ARTIFACTS
"""

import argparse
import json
import os
import sys

import numpy as np
import quantmlir
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import programs  # noqa: E402
from gpu_check import compare  # noqa: E402
from weights import DTYPES  # noqa: E402

ROWS = 33


def to_torch(array):
    """The array on the device, of PyTorch's own type for it."""
    known = {
        "bf16": torch.bfloat16,
        "f8E8M0FNU": torch.float8_e8m0fnu,
        "f8E4M3FN": torch.float8_e4m3fn,
    }
    for name, dtype in known.items():
        if array.dtype == DTYPES[name]:
            raw = torch.from_numpy(array.view(f"i{array.dtype.itemsize}"))
            return raw.cuda().view(dtype)
    return torch.from_numpy(np.ascontiguousarray(array)).cuda()


def to_numpy(tensor, dtype):
    return tensor.contiguous().view(torch.uint8).cpu().numpy().view(dtype)


def contract_of(artifact, rows):
    function = next(f for f in artifact.functions if f["name"] == "linear")
    dims = {dim["name"]: rows for dim in function["dims"]}
    used = {name for name, _ in artifact.launches(function["name"], **dims)}
    stated = [k.get("contract", {}) for k in artifact.manifest["kernels"]
              if k["name"] in used]
    return [max(abs(s.get(field, 0.0)) for s in stated)
            for field in ("u_acc", "u_decode", "offset")]


def check_case(device, folder, case):
    artifact = quantmlir.load(folder)
    contract = contract_of(artifact, ROWS)
    weights, x = case.weights(), case.activations(ROWS)
    dtype = DTYPES[case.out]

    def close(result, activations):
        result = np.asarray(result).reshape(-1, case.columns)
        compare(case, weights | activations, result, contract)

    # NumPy in, NumPy out.
    bound = artifact.bind(device=device, **weights)
    first = bound(**x)["y"].numpy()
    close(first, x)

    # PyTorch's memory in and out: read and written in place.
    torch_weights = {name: to_torch(a) for name, a in weights.items()}
    torch_x = {name: to_torch(a) for name, a in x.items()}
    y = torch.full((ROWS, case.columns), float("nan"), device="cuda")
    y = y.to({"bf16": torch.bfloat16, "f32": torch.float32}[case.out])
    bound = artifact.bind(device=device, **torch_weights)
    torch.cuda.synchronize()
    assert bound(out={"y": y}, **torch_x)["y"] is y
    device.synchronize()
    assert to_numpy(y, dtype).tobytes() == first.tobytes(), "PyTorch's arrays"

    # A stream that does not wait for the default one, and its result by DLPack
    # and, where the protocol has the type, __cuda_array_interface__.
    stream = torch.cuda.Stream()
    result = bound(stream=stream.cuda_stream, **torch_x)["y"]
    for read in (torch.from_dlpack, *[torch.as_tensor] * (case.out == "f32")):
        again = read(result, device="cuda") if read is torch.as_tensor else read(result)
        assert again.data_ptr() == result.span[0]
        assert to_numpy(again, dtype).tobytes() == first.tobytes(), read
    assert result.numpy().tobytes() == first.tobytes()

    # Captured once, replayed on other data.
    launch = bound.launcher(out={"y": y}, **torch_x)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        launch(torch.cuda.current_stream().cuda_stream)
    fresh = case.activations(ROWS)
    for name, array in fresh.items():
        torch_x[name].copy_(to_torch(array))
    y.zero_()
    graph.replay()
    torch.cuda.synchronize()
    close(to_numpy(y, dtype), fresh)

    # No rows.
    none = bound(**case.activations(0))["y"]
    assert none.shape == (0, case.columns) and none.numpy().size == 0

    # What is refused before anything is launched.
    name, tensor = next(iter(torch_x.items()))
    for wrong, error, words in [
        (tensor.cpu(), ValueError, "not on a CUDA device"),
        (tensor.to(torch.float64), TypeError, "expected"),
        (tensor.t().contiguous().t(), ValueError, "not contiguous"),
        (tensor[:, :-1].contiguous(), ValueError, "expected ?x"),
    ]:
        try:
            bound(**torch_x | {name: wrong})
        except error as caught:
            assert words in str(caught), caught
        else:
            raise AssertionError(f"{name} was taken: {words}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artifacts", help="folder made by build_artifacts.py")
    options = parser.parse_args()
    with open(os.path.join(options.artifacts, "index.json")) as file:
        entries = json.load(file)["cases"]
    torch.cuda.init()
    device = quantmlir.Device()
    checked = 0
    for entry in entries:
        # Layers of some size, with dynamic M, each kind of weight and result.
        arguments = entry["arguments"]
        if (entry["program"] != "Layer" or arguments["m"] is not None
                or arguments["out"] == "f16" or arguments["n"] < 13):
            continue
        case = programs.from_description(entry)
        check_case(device, os.path.join(options.artifacts, entry["artifact"]), case)
        print(f"ok   {case.name}", flush=True)
        checked += 1
    print(f"{checked} layers passed on {device.name}")
    return 0 if checked else 1


if __name__ == "__main__":
    sys.exit(main())
