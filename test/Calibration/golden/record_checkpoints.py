"""Records how other tools' own packers store layers, in checkpoints.npz.

    python record_checkpoints.py DIRECTORY

DIRECTORY holds the unpacked sources of the packages below, as `pip download
--no-deps` gets them. Needs PyTorch (any, on the CPU) and none of the packages'
other dependencies: the packers are taken out of their files and run as they are.
"""

import ast
import contextlib
import glob
import json
import math
import pathlib
import sys
import types

import layers
import numpy as np
import torch

PACKAGES = ("compressed_tensors-0.20.0", "gptqmodel-7.7.0", "autoawq-0.2.9")


def take(path, names, scope):
    """Runs the named functions and classes of a file, and nothing else of it,
    in `scope`."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text())):
        if getattr(node, "name", None) in names and node.name not in found:
            found[node.name] = node
    assert set(found) == set(names), f"{path}: {set(names) - set(found)}"
    module = ast.Module([found[name] for name in names], [])
    # Annotations of types that are not here.
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            for argument in [*node.args.args, *node.args.kwonlyargs]:
                argument.annotation = None
    exec(compile(ast.fix_missing_locations(module), str(path), "exec"), scope)
    return scope


def find(root, pattern):
    (path,) = glob.glob(f"{root}/**/{pattern}", recursive=True)
    return pathlib.Path(path)


class Linear:
    """What packers read of a torch.nn.Linear."""

    def __init__(self, weight):
        self.weight = types.SimpleNamespace(data=weight, device=weight.device)
        self.bias = None
        self.out_features, self.in_features = weight.shape


def record_gptq(root, name, bits):
    codes, zeros, scales = (torch.from_numpy(a) for a in layers.layer(name, bits))
    source = find(root, "gptqmodel/nn_modules/qlinear/__init__.py")
    none = type("None_", (), {})
    scope = take(source, ["pack_original"], {
        "t": torch, "nn": torch.nn, "np": np, "math": math, "_ConvNd": none,
        "transformers": types.SimpleNamespace(
            pytorch_utils=types.SimpleNamespace(Conv1D=none)),
        "THREADPOOLCTL": types.SimpleNamespace(
            threadpool_limits=lambda n: contextlib.nullcontext())})
    repeat = layers.COLUMNS // layers.GROUPS
    weight = (codes - zeros.repeat_interleave(repeat, 1)) * scales.float().repeat_interleave(repeat, 1)
    module = types.SimpleNamespace(
        bits=bits, planar=False, maxq=2**bits - 1, pack_factor=32 // bits,
        pack_dtype=torch.int32, pack_dtype_bits=32, pack_np_dtype=np.int32,
        pack_np_math_dtype=np.uint32, qzero_format=lambda format: None,
        g_idx=torch.arange(layers.COLUMNS) // repeat)
    module.register_buffer = lambda key, value: setattr(module, key, value)
    scope["pack_original"](module, Linear(weight), scales.float(), zeros.to(torch.int32))
    if name == "gptq":
        shift = take(find(root, "gptqmodel/utils/model_dequant.py"),
                     ["_require_int32_words_for_3bit", "_unpack_cols_3bit",
                      "_pack_cols_3bit",
                      "unpack_cols", "pack_cols", "_shift_gptq_qzeros",
                      "_revert_gptq_v1_qzeros_correction"], {"torch": torch, "math": math})
        convert = take(find(root, "gptqmodel/utils/model.py"),
                       ["convert_gptq_v2_to_v1_format_module"],
                       {**shift, "torch": torch, "BaseQuantLinear": types.SimpleNamespace,
                        "log": types.SimpleNamespace(info=types.SimpleNamespace(
                            once=lambda text: None))})
        convert["convert_gptq_v2_to_v1_format_module"](
            module, quantize_config=types.SimpleNamespace(bits=bits, pack_dtype=torch.int32))
    # Checkpoints hold it as int32; old PyTorch indexes with int64 only.
    module.g_idx = module.g_idx.to(torch.int32)
    return {"." + key: getattr(module, key).numpy()
            for key in ("qweight", "qzeros", "scales", "g_idx")}


def record_awq(root, bits):
    codes, zeros, scales = (torch.from_numpy(a) for a in layers.layer("awq", bits))
    scope = take(find(root, "awq/modules/linear/gemm.py"), ["WQLinear_GEMM"],
                 {"torch": torch, "nn": torch.nn, "get_best_device": lambda: "cpu"})
    repeat = layers.COLUMNS // layers.GROUPS
    weight = (codes - zeros.repeat_interleave(repeat, 1)) * scales.float().repeat_interleave(repeat, 1)
    module = scope["WQLinear_GEMM"].from_linear(
        Linear(weight), bits, repeat, scales=scales.float().T.contiguous(),
        zeros=zeros.T.contiguous())
    return {"." + key: getattr(module, key).numpy()
            for key in ("qweight", "qzeros", "scales")}


def record_packed(root, bits):
    codes, zeros, scales = layers.layer("pack-quantized", bits)
    scope = take(find(root, "compressors/pack_quantized/helpers.py"),
                 ["pack_to_int32"], {"torch": torch, "math": math})
    half = 1 << (bits - 1)

    def pack(unsigned, dim):
        return scope["pack_to_int32"](
            torch.from_numpy((unsigned - half).astype(np.int8)), bits, packed_dim=dim).numpy()

    return {".weight_packed": pack(codes, 1), ".weight_zero_point": pack(zeros, 0),
            ".weight_shape": np.array(codes.shape), ".weight_scale": scales}


def main():
    (root,) = sys.argv[1:]
    arrays = {"versions": np.array(json.dumps([*PACKAGES, f"torch-{torch.__version__}"]))}
    for name, widths in layers.FORMATS.items():
        for bits in widths:
            tensors = (record_awq(root, bits) if name == "awq" else
                       record_packed(root, bits) if name == "pack-quantized" else
                       record_gptq(root, name, bits))
            arrays.update({f"{name}/{bits}/{suffix}": array
                           for suffix, array in tensors.items()})
    np.savez_compressed(pathlib.Path(__file__).parent / "checkpoints.npz", **arrays)


if __name__ == "__main__":
    main()
