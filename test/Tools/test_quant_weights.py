"""quant-weights: files of weights to files of codes."""

import json
import os
import pty
import struct
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest
import quantmlir

DTYPES = {"F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16,
          "I8": np.int8, "I32": np.int32, "I64": np.int64, "F64": np.float64,
          "F8_E4M3": ml_dtypes.float8_e4m3fn, "F8_E8M0": ml_dtypes.float8_e8m0fnu}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}


def save(path, tensors, metadata=None):
    header, offset = {}, 0
    if metadata:
        header["__metadata__"] = metadata
    for name, array in tensors.items():
        header[name] = {"dtype": NAMES[array.dtype], "shape": array.shape,
                        "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in tensors.values():
            file.write(np.ascontiguousarray(array).tobytes())
    return path


def load(path):
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__", {})
    tensors, covered = {}, 0
    for name, entry in sorted(header.items(), key=lambda e: e[1]["data_offsets"]):
        first, last = entry["data_offsets"]
        assert first == covered
        covered = last
        dtype = np.dtype(DTYPES[entry["dtype"]])
        # Whoever maps the file finds every tensor aligned.
        assert (8 + size + first) % dtype.itemsize == 0, name
        tensors[name] = np.frombuffer(
            data[8 + size + first:8 + size + last], dtype).reshape(entry["shape"])
    assert 8 + size + covered == len(data)
    return tensors, metadata


def model(seed=1):
    rng = np.random.default_rng(seed)
    normal = lambda *shape: rng.standard_normal(shape).astype(np.float32)
    return {"embed.weight": normal(50, 64), "layers.0.fc.weight": normal(48, 64),
            "layers.0.fc.bias": normal(48),
            "layers.0.odd.weight": normal(7, 39).astype(np.float16),
            "layers.1.fc.weight": normal(33, 64).astype(ml_dtypes.bfloat16),
            "norm.weight": normal(64), "positions": np.arange(9),
            "conv.weight": normal(2, 3, 4), "flag": np.ones((), np.int8)}


def same(a, b):
    np.testing.assert_array_equal(np.ascontiguousarray(a).view(np.uint8),
                                  np.ascontiguousarray(b).view(np.uint8))


def test_rounds_layers_and_copies_the_rest(tool, tmp_path):
    tensors = model()
    source = save(tmp_path / "in.safetensors", tensors)
    target, report = tmp_path / "out.safetensors", tmp_path / "report.json"
    output = tool("quant-weights", source, "--scheme=int4,group=32,asymmetric",
                  "--overrides=embed=none;*.odd=nf4,group=16,scale=f16",
                  "-o", target, f"--report={report}")
    result, metadata = load(target)
    assert metadata["format"] == "quantmlir.weights" and metadata["version"] == "1"
    quantized = {"layers.0.fc": "int4,group=32,asymmetric", "layers.1.fc": "int4,group=32,asymmetric",
                 "layers.0.odd": "nf4,group=16,scale=f16"}
    for layer, scheme in quantized.items():
        name = layer + ".weight"
        weights = tensors.pop(name).astype(np.float32)
        expected = quantmlir.quantize_weights(weights, scheme)
        same(result.pop(name + ".codes"), expected.codes)
        same(result.pop(name + ".scales"), expected.scales)
        if expected.zero_points is not None:
            same(result.pop(name + ".zero_points"), expected.zero_points)
        assert expected.encoding in metadata[name] and layer in output
    assert metadata["layers.1.fc.weight"].startswith("tensor<33x64xbf16, #quant_tensor.enc")
    assert result.keys() == tensors.keys()
    for name, array in tensors.items():
        same(result[name], array)
    layers = {entry["layer"]: entry for entry in json.loads(report.read_text())}
    assert layers.keys() == quantized.keys()
    weights = model()["layers.0.fc.weight"]
    error = weights - quantmlir.quantize_weights(weights, "int4,group=32,asymmetric").dequantize()
    decibels = 10 * np.log10((weights**2).sum() / (error**2).sum())
    assert layers["layers.0.fc"]["signal_to_noise_db"] == pytest.approx(decibels, rel=1e-4)
    assert layers["layers.0.fc"]["input_bytes"] == 48 * 64 * 4
    assert layers["layers.0.fc"]["output_bytes"] == 48 * 32 + 48 * 2 * 4 + 48 * 2
    assert sorted(os.listdir(tmp_path)) == ["in.safetensors", "out.safetensors", "report.json"]


def test_codes_run(tool, tmp_path):
    """What is written is what a program's argument of that type reads."""
    source = save(tmp_path / "in.safetensors", model())
    target = tmp_path / "out.safetensors"
    tool("quant-weights", source, "--scheme=int4,group=32", "-o", target)
    result, metadata = load(target)
    name = "layers.0.fc.weight"
    reference = quantmlir.Reference(f"""
func.func @f(%w: {metadata[name]} {{quant_tensor.name = "w"}}) -> tensor<48x64xf32> {{
  %x = quant_tensor.dequantize %w : {metadata[name]} -> tensor<48x64xf32>
  return %x : tensor<48x64xf32>
}}
""")
    (decoded,) = reference.run(
        w=quantmlir.Encoded(result[name + ".codes"], result[name + ".scales"])).values()
    expected = quantmlir.quantize_weights(model()[name], "int4,group=32").dequantize()
    np.testing.assert_array_equal(decoded, expected)


def statistics(tmp_path, names):
    """A statistics file, and the samples it is of."""
    rng = np.random.default_rng(5)
    samples, tensors = {}, {}
    for name, channels in names.items():
        x = rng.standard_normal((200, channels)) @ rng.standard_normal((channels, channels))
        x[:, 3] *= 20
        samples[name] = x.astype(np.float32)
        wide = samples[name].astype(np.float64)
        tensors[f"{name}.input.xtx"] = (wide.T @ wide).astype(np.float32)
        tensors[f"{name}.input.absmean"] = np.abs(wide).mean(0)
        tensors[f"{name}.input.count"] = np.array([200])
    return save(tmp_path / "stats.safetensors", tensors,
                {"format": "quantmlir.statistics", "version": "1"}), samples


@pytest.mark.parametrize("method", ["gptq", "awq", "awq+gptq"])
def test_methods(tool, tmp_path, method):
    names = {"layers.0.fc": 64, "layers.0.odd": 39, "layers.1.fc": 64}
    stats, samples = statistics(tmp_path, names)
    source = save(tmp_path / "in.safetensors", model())
    target, report = tmp_path / "out.safetensors", tmp_path / "report.json"
    scheme = "int3,group=16"
    output = tool("quant-weights", source, f"--scheme={scheme}", "--overrides=embed=none",
                  f"--method={method}", f"--statistics={stats}", "-o", target, f"--report={report}")
    result, _ = load(target)
    layers = {entry["layer"]: entry for entry in json.loads(report.read_text())}
    for name in names:
        weights = model()[name + ".weight"].astype(np.float32)
        x = samples[name].astype(np.float64)
        hessian = (x.T @ x).astype(np.float32).astype(np.float64)
        mean = np.abs(x).mean(0)
        if method == "gptq":
            expected = quantmlir.gptq(weights, hessian, scheme)
        else:
            expected = quantmlir.awq(weights, mean, hessian, scheme, clip=method == "awq")
            s = expected.channel_scales
            np.testing.assert_array_equal(result[name + ".weight.channel_scales"], s)
        if method == "awq+gptq":
            wide = s.astype(np.float64)
            expected = quantmlir.gptq(weights * s, hessian / np.outer(wide, wide), scheme)
        same(result[name + ".weight.codes"], expected.codes)
        same(result[name + ".weight.scales"], expected.scales)
        told = layers[name]["gptq" if "gptq" in method else "awq"]
        assert told["objective"] == pytest.approx(expected.report["objective"], rel=1e-6)
        assert told["objective"] < told["rounding_objective"]
    assert ("GPTQ's loss 0." in output) == ("gptq" in method)


#===-- Checkpoints ---------------------------------------------------------===#

def test_between_checkpoints(tool, tmp_path):
    rng = np.random.default_rng(1)
    weights = {f"l{i}": rng.standard_normal((32, 64)).astype(np.float32) for i in range(2)}
    source = save(tmp_path / "in.safetensors",
                  {f"{k}.weight": v for k, v in weights.items()} | {"l0.bias": np.ones(32, np.float32)})
    scheme = "int4,group=32,asymmetric,scale=f16"
    files = {name: tmp_path / f"{name}.safetensors" for name in ("gptq_v2", "awq", "pack-quantized", "ours")}
    tool("quant-weights", source, f"--scheme={scheme}", "--to=gptq_v2", "-o", files["gptq_v2"])
    tool("quant-weights", files["gptq_v2"], "--from=gptq_v2", "--to=awq", "-o", files["awq"])
    tool("quant-weights", files["awq"], "--from=awq", "--to=pack-quantized", "-o",
         files["pack-quantized"])
    tool("quant-weights", files["pack-quantized"], "--from=pack-quantized", "-o", files["ours"])
    result, metadata = load(files["ours"])
    for name, matrix in weights.items():
        expected = quantmlir.quantize_weights(matrix, scheme)
        for format in ("gptq_v2", "awq", "pack-quantized"):
            written, _ = load(files[format])
            for suffix, array in expected.to_checkpoint(format).items():
                same(written[name + suffix], array)
            assert "l0.bias" in written and f"{name}.weight" not in written
        same(result[f"{name}.weight.codes"], expected.codes)
        same(result[f"{name}.weight.zero_points"], expected.zero_points)
        assert metadata[f"{name}.weight"] == f"tensor<32x64xf16, {expected.encoding}>"
    assert "l0.bias" in result


@pytest.mark.parametrize("format, scheme", [
    ("gptq", "int4,group=32,scale=f16"), ("gptq_v2", "int8,channel,asymmetric,scale=f16"),
    ("gptq_v2", "int2,group=16,asymmetric,scale=f16"), ("awq", "int4,group=16,asymmetric,scale=f16"),
    ("pack-quantized", "int4,group=32"), ("pack-quantized", "int4,tensor,scale=bf16")])
def test_layouts_are_kept(tool, tmp_path, format, scheme):
    """The words of a checkpoint as they are, read by the reference."""
    weights = np.random.default_rng(1).standard_normal((32, 64)).astype(np.float32)
    expected = quantmlir.quantize_weights(weights, scheme)
    tensors = expected.to_checkpoint(format)
    source = save(tmp_path / "in.safetensors", {f"fc{k}": v for k, v in tensors.items()})
    target = tmp_path / "out.safetensors"
    tool("quant-weights", source, f"--from={format}", "--keep-layout", "-o", target)
    result, metadata = load(target)
    marker = ".weight_packed" if format == "pack-quantized" else ".qweight"
    same(result["fc.weight.codes"], tensors[marker])
    assert "layout = #quant_tensor.layout<packed, word = 32" in metadata["fc.weight"]
    encoded = metadata["fc.weight"]
    dense = encoded.split(",")[0] + ">"
    reference = quantmlir.Reference(f"""
func.func @f(%w: {encoded} {{quant_tensor.name = "w"}}) -> {dense} {{
  %x = quant_tensor.dequantize %w : {encoded} -> {dense}
  return %x : {dense}
}}
""")
    (decoded,) = reference.run(w=quantmlir.Encoded(
        *(result[f"fc.weight.{part}"] for part in ("codes", "scales", "zero_points")))).values()
    np.testing.assert_array_equal(decoded, expected.dequantize().astype(decoded.dtype))


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("format, order", [("awq", False), ("gptq", False), ("gptq", True),
                                           ("pack-quantized", True)])
def test_checkpoint_runs_in_kernels(tool, tmp_path, format, order, keep):
    """From a checkpoint's words to a product, through compiled kernels; with
    groups of columns in any order where GPTQ's act-order made them."""
    rng = np.random.default_rng(1)
    weights = quantmlir.quantize_weights(
        rng.standard_normal((64, 128)).astype(np.float32), "int4,group=32,asymmetric,scale=f16")
    tensors = weights.to_checkpoint(format)
    if order:
        groups = rng.permutation(np.arange(128) // 32).astype(np.int32)
        tensors[".weight_g_idx" if format == "pack-quantized" else ".g_idx"] = groups
        weights = quantmlir.from_checkpoint(tensors, format)
    source = save(tmp_path / "in.safetensors", {f"fc{k}": v for k, v in tensors.items()})
    codes = tmp_path / "codes.safetensors"
    tool("quant-weights", source, f"--from={format}", "-o", codes, *["--keep-layout"] * keep)
    arrays, metadata = load(codes)
    assert ("fc.weight.group_index" in arrays) == order
    encoding = metadata["fc.weight"].split(", ", 1)[1][:-1]
    argument, value, read = "", "%w", "tensor<64x128xf16, #w>"
    if order:
        argument = """, %g: tensor<128xi32> {quant_tensor.name = "fc.weight.group_index",
        quant_tensor.weight}"""
        value, read = "%d", "tensor<64x128xf16>"
    decode = f"%d = quant_tensor.dequantize_indexed %w by %g : tensor<64x128xf16, #w>, tensor<128xi32> -> {read}"
    program = tmp_path / "linear.mlir"
    program.write_text(f"""
#w = {encoding}
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @linear(%x: tensor<1x128xf16> {{quant_tensor.name = "x"}},
    %w: tensor<64x128xf16, #w> {{quant_tensor.name = "fc.weight", quant_tensor.weight}}{argument},
    %init: tensor<1x64xf32> {{quant_tensor.name = "init"}}) -> tensor<1x64xf32> {{
  {decode if order else ""}
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, {value} : tensor<1x128xf16>, {read})
      outs(%init : tensor<1x64xf32>) -> tensor<1x64xf32>
  return %y : tensor<1x64xf32>
}}
""")
    x = rng.standard_normal((1, 128)).astype(np.float16)
    arrays = save(tmp_path / "x.safetensors", {"x": x, "init": np.zeros((1, 64), np.float32)})
    tool("quant-compile", program, "-o", tmp_path / "linear.qmlir")
    tool("quant-run", tmp_path / "linear.qmlir", f"--inputs={codes}", f"--inputs={arrays}",
         "--device=emulator", f"--output={tmp_path / 'y.safetensors'}")
    result, _ = load(tmp_path / "y.safetensors")
    (y,) = result.values()
    wide = weights.dequantize().astype(np.float64)
    np.testing.assert_allclose(y, x.astype(np.float64) @ wide.T, atol=2e-3)


@pytest.mark.parametrize("format, said", [
    ("gptq_v2", lambda q: q["desc_act"] is True),
    ("pack-quantized", lambda q: q["config_groups"]["group_0"]["weights"]["actorder"] == "group")])
def test_ordered_groups_to_a_checkpoint(tool, tmp_path, format, said):
    """Our own act-order, as others read it: the index, and that there is one."""
    name = "layers.0.fc"
    source = save(tmp_path / "in.safetensors", {name + ".weight": model()[name + ".weight"]})
    seen, samples = statistics(tmp_path, {name: 64})
    (tmp_path / "config.json").write_text("{}")
    target = tmp_path / "out" / "model.safetensors"
    target.parent.mkdir()
    tool("quant-weights", source, "--scheme=int4,group=32,scale=f16", "--method=gptq", f"--statistics={seen}",
         "--act-order", "--ordered-groups", f"--to={format}", f"--config={tmp_path / 'config.json'}", "-o", target)
    tensors, _ = load(target)
    read = quantmlir.from_checkpoint({k.removeprefix(name): v for k, v in tensors.items()}, format)
    made = quantmlir.gptq(model()[name + ".weight"], quantmlir.hessian(samples[name]), "int4,group=32,scale=f16",
                          act_order=True, ordered_groups=True)
    np.testing.assert_array_equal(read.group_index, made.group_index)
    np.testing.assert_array_equal(read.dequantize(), made.dequantize())
    assert sorted(set(read.group_index)) == [0, 1] and list(read.group_index) != sorted(read.group_index)
    assert said(json.loads((target.parent / "config.json").read_text())["quantization_config"])


@pytest.mark.parametrize("format, overrides, expected", [
    ("gptq_v2", "*1*=int8,group=16,scale=f16,asymmetric", {
        "quant_method": "gptq", "checkpoint_format": "gptq_v2", "bits": 4, "group_size": 32, "sym": True,
        "desc_act": False, "lm_head": False, "pack_dtype": "int32",
        "dynamic": {"-:^embed$": {}, "+:^layers\\.1\\.fc$": {"bits": 8, "group_size": 16, "sym": False}}}),
    ("awq", "", {"quant_method": "awq", "version": "gemm", "bits": 4, "group_size": 32, "zero_point": True,
                 "modules_to_not_convert": ["embed"]}),
    ("pack-quantized", "*1*=int8,channel,scale=f16", {
        "quant_method": "compressed-tensors", "format": "pack-quantized", "quantization_status": "compressed",
        "ignore": ["embed"], "config_groups": {
            "group_0": {"targets": ["layers.0.fc"], "input_activations": None, "output_activations": None,
                        "weights": {"num_bits": 4, "type": "int", "symmetric": True, "dynamic": False,
                                    "strategy": "group", "group_size": 32}},
            "group_1": {"targets": ["layers.1.fc"], "input_activations": None, "output_activations": None,
                        "weights": {"num_bits": 8, "type": "int", "symmetric": True, "dynamic": False,
                                    "strategy": "channel"}}}}),
    ("float-quantized", "", {
        "quant_method": "compressed-tensors", "format": "float-quantized", "quantization_status": "compressed",
        "ignore": ["embed"], "config_groups": {
            "group_0": {"targets": ["Linear"], "input_activations": None, "output_activations": None,
                        "weights": {"num_bits": 8, "type": "float", "symmetric": True, "dynamic": False,
                                    "strategy": "channel"}}}}),
])
def test_config_beside_a_checkpoint(tool, tmp_path, format, overrides, expected):
    rng = np.random.default_rng(2)
    source = save(tmp_path / "m.safetensors", {
        "embed.weight": rng.standard_normal((16, 64)).astype(np.float32),
        "layers.0.fc.weight": rng.standard_normal((64, 64)).astype(np.float32),
        "layers.1.fc.weight": rng.standard_normal((32, 64)).astype(np.float32),
        "norm.weight": np.ones(64, np.float32)})
    config = {"model_type": "bert", "hidden_size": 64, "quantization_config": {"old": 1}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    out = tmp_path / "out"
    out.mkdir()
    scheme = "fp8,channel" if "float" in format else "int4,group=32,scale=f16"
    options = [source, f"--scheme={scheme}", f"--to={format}", f"--config={tmp_path}/config.json",
               f"--overrides=embed=none;{overrides}"]
    tool("quant-weights", *options, "-o", out / "model.safetensors")
    assert json.loads((out / "config.json").read_text()) == {**config, "quantization_config": expected}
    assert (out / "config.json").stat().st_mode & 0o777 == 0o644
    # The model's own config is never replaced, and an error leaves nothing.
    before = sorted(p.name for p in tmp_path.iterdir())
    for more, said in ((["-o", tmp_path / "q.safetensors"], "would be lost: write to another folder"),
                       (["-o", tmp_path / "q.safetensors", f"--config={tmp_path}/none.json"], "none.json': No such file"),
                       (["-o", tmp_path / "q.safetensors", f"--config={source}"], "is no JSON")):
        chosen = [o for o in options if not (str(o).startswith("--config") and len(more) > 2)]
        result = tool("quant-weights", *chosen, *more, check=False)
        assert result.returncode == 1 and said in result.stderr, result.stderr
        assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_configs_that_cannot_be(tool, tmp_path):
    source = save(tmp_path / "m.safetensors", {f"{name}.weight": np.ones((64, 64), np.float32) for name in "ab"})
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "out").mkdir()
    options = [source, "--scheme=int4,group=32,scale=f16", f"--config={tmp_path}/config.json",
               "-o", tmp_path / "out" / "q.safetensors"]
    for more, said in ((["--to=awq", "--overrides=b=int4,group=16,scale=f16"],
                        "layer 'b': AWQ's config has one group size for all layers"),
                       ([], "a config is for checkpoints of other tools")):
        result = tool("quant-weights", *options, *more, check=False)
        assert result.returncode == 1 and said in result.stderr, result.stderr
        assert not list((tmp_path / "out").iterdir())


def test_errors_of_checkpoints(tool, tmp_path):
    weights = {"a.weight": np.ones((32, 64), np.float32)}
    source = save(tmp_path / "in.safetensors", weights)

    def fails(*arguments, message):
        result = tool("quant-weights", *arguments, "-o", tmp_path / "out.safetensors", check=False)
        assert result.returncode == 1 and message in result.stderr, result.stderr
        assert sorted(os.listdir(tmp_path)) == ["in.safetensors"]

    fails(source, "--scheme=int4,group=32", "--to=awq", message="tensor 'a.weight': awq holds scales of f16")
    fails(source, "--from=awq", message="no tensor ends in '.qweight'")
    fails(source, "--from=awq", "--scheme=int4", message="keep their codes")
    fails(source, "--keep-layout", "--scheme=int4", message="kept from a checkpoint")
    fails(source, "--from=awq", "--to=gptq", "--keep-layout", message="kept from a checkpoint")
    fails(source, "--from=ggml", message="'ggml' is no format")
    fails(source, message="say what to do")
    save(source, {"a.qweight": np.ones((8, 32), np.int32), "b.scales": np.ones(2, np.float16)})
    fails(source, "--from=gptq", message="tensor 'a': there is no '.scales'")
    three = quantmlir.quantize_weights(np.ones((32, 32), np.float32), "int3,scale=f16")
    save(source, {f"a{k}": v for k, v in three.to_checkpoint("gptq").items()})
    fails(source, "--from=gptq", "--keep-layout", message="codes of 3 bits in gptq have no layout")


#===-- What is wrong -------------------------------------------------------===#

@pytest.fixture
def fails(tool, tmp_path):
    """Runs on a file that is to be refused; nothing is left behind."""

    def call(source, message, *arguments):
        before = sorted(os.listdir(tmp_path))
        arguments = arguments or ("--scheme=int4,group=32",)
        result = tool("quant-weights", source, *arguments, "-o", tmp_path / "out.safetensors", check=False)
        assert result.returncode == 1, result.stdout
        assert message in result.stderr, result.stderr
        assert sorted(os.listdir(tmp_path)) == before

    return call


def test_weights_that_are_not_finite(fails, tmp_path):
    for value, name in ((np.nan, "layers.0.fc.weight"), (np.inf, "layers.1.fc.weight"),
                        (-np.inf, "layers.0.odd.weight")):
        tensors = model()
        tensors[name][5, 7] = value
        source = save(tmp_path / "in.safetensors", tensors)
        fails(source, f"tensor '{name}': the weight at [5, 7] is NaN or infinite")


def raw(tmp_path, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = tmp_path / "in.safetensors"
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(first, last, shape, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


FOUR = b"\0" * 16
HOSTILE = [
    (b"{}", b"", 2**63, "a header of 9223372036854775808 bytes"),
    (b"{}", b"", 3, "or truncated: a header of 3 bytes"),
    (b"{", b"", None, "not a valid JSON object"),
    ({"a.weight": entry(0, 32, [2, 4])}, FOUR, None, "tensor 'a.weight' lies outside the file"),
    ({"a.weight": entry(0, 16, [4, 2])}, FOUR, None,
     "tensor 'a.weight' of type 4x2xf32 has 16 bytes instead of 32"),
    ({"a.weight": entry(0, 16, [2, 2]), "b": entry(8, 16, [2])}, FOUR, None,
     "two tensors overlap: 'a.weight' and 'b'"),
    ({"a.weight": entry(0, 4, [1, 1]), "b": entry(8, 16, [2])}, FOUR, None,
     "gap between two tensors: 'a.weight' and 'b'"),
    ({"a.weight": entry(4, 16, [3])}, FOUR, None, "gap before tensor 'a.weight'"),
    ({"a.weight": entry(0, 16, [2, 2], "F33")}, FOUR, None,
     "tensor 'a.weight' has the unknown dtype 'F33'"),
    ({"a.weight": entry(0, 16, [2**40, 2**40])}, FOUR, None,
     "tensor 'a.weight' has an invalid shape"),
    ({"a.weight": entry(0, 8, [2])}, FOUR, None, "bytes after the last tensor"),
]


@pytest.mark.parametrize("header, data, length, message", HOSTILE)
def test_hostile_headers(fails, tmp_path, header, data, length, message):
    fails(raw(tmp_path, header, data, length), message)


def test_other_bad_input(fails, tmp_path):
    source = save(tmp_path / "in.safetensors", model())
    fails(tmp_path / "none.safetensors", "cannot open")
    fails(tmp_path, "not a regular file")
    fails(source, "is not one of int2 to int8", "--scheme=int9")
    fails(source, "has no layer to quantize", "--scheme=none")
    fails(source, "quantizes activations", "--scheme=int8/int8")
    fails(source, "needs statistics", "--scheme=int4", "--method=gptq")
    fails(source, "statistics are for GPTQ and AWQ", "--scheme=int4", f"--statistics={source}")
    fails(source, "minmax gives zero points", "--scheme=int4,minmax")
    save(source, {"a.weight": np.ones((2, 2), np.float64)})
    fails(source, "no matrix of f32, f16 or bf16")


@pytest.mark.parametrize("option, methods, others", [
    ("--damping=0.1", "gptq or awq+gptq", ["round", "awq"]),
    ("--act-order", "gptq or awq+gptq", ["round", "awq"]),
    ("--static-groups", "gptq or awq+gptq", ["round", "awq"]),
    ("--ordered-groups", "gptq or awq+gptq", ["round", "awq"]),
    ("--no-clip", "awq or awq+gptq", ["round", "gptq"])])
def test_options_of_other_methods(fails, tmp_path, option, methods, others):
    """None is passed over in silence: --act-order without GPTQ did nothing."""
    source = save(tmp_path / "in.safetensors", model())
    for method in others:
        fails(source, f"{option.split('=')[0]} is for --method={methods}", "--scheme=int4",
              f"--method={method}", option)


@pytest.mark.parametrize("output, message", [
    ("/nowhere/out.safetensors", "cannot create '/nowhere"),
    (".", "it is there and no regular file"),
    ("null.safetensors", "cannot write '/dev/null': it is there")])
def test_places_that_cannot_be_written(tool, tmp_path, output, message):
    source = save(tmp_path / "in.safetensors", model())
    os.symlink("/dev/null", tmp_path / "null.safetensors")
    result = tool("quant-weights", source, "--scheme=int8", "-o",
                  tmp_path / output, check=False)
    assert result.returncode == 1 and message in result.stderr, result
    assert os.readlink(tmp_path / "null.safetensors") == "/dev/null"


def test_a_report_that_does_not_fit(tool, tmp_path):
    source = save(tmp_path / "in.safetensors", model())
    result = tool("quant-weights", source, "--scheme=int8", "-o",
                  tmp_path / "out.safetensors", "--report=/dev/full", check=False)
    assert result.returncode == 1
    assert "error: cannot write '/dev/full': No space" in result.stderr, result


def test_bad_statistics(fails, tmp_path):
    source = save(tmp_path / "in.safetensors", {"fc.weight": np.ones((8, 16), np.float32)})
    stats = tmp_path / "stats.safetensors"
    arguments = ("--scheme=int4", "--method=awq", f"--statistics={stats}")
    save(stats, {"fc.input.xtx": np.eye(15, dtype=np.float32)})
    fails(source, "tensor 'fc.weight': 'fc.input.xtx' is 15x15xf32 where there should be 16x16xf32", *arguments)
    save(stats, {"fc.input.xtx": np.eye(16, dtype=np.float32)})
    fails(source, "has no 'fc.input.absmean'", *arguments)
    save(stats, {"fc.input.xtx": np.full((16, 16), np.nan, np.float32), "fc.input.absmean": np.ones(16)})
    fails(source, "tensor 'fc.weight': the Hessian at [0, 0] is NaN or infinite", *arguments)
    save(stats, {"fc.input.xtx": -np.eye(16, dtype=np.float32), "fc.input.absmean": np.ones(16)})
    for method in ("awq", "gptq"):
        fails(source, "tensor 'fc.weight': the Hessian's diagonal is -1.00 at 0, which no x^T x has",
              "--scheme=int4", f"--method={method}", f"--statistics={stats}")
    save(stats, {"other.input.xtx": np.eye(16, dtype=np.float32)})
    fails(source, "has no 'fc.input.xtx'", *arguments)


#===-- How it runs ---------------------------------------------------------===#

def test_progress_is_for_terminals(build_dir, tmp_path):
    source = save(tmp_path / "in.safetensors", model())
    command = [build_dir / "bin" / "quant-weights", source, "--scheme=int8", "-o", tmp_path / "out.safetensors"]
    piped = subprocess.run(command, capture_output=True, check=True)
    assert piped.stderr == b""
    leader, follower = pty.openpty()
    subprocess.run(command, stderr=follower, stdout=subprocess.DEVNULL, check=True)
    os.close(follower)
    drawn = b""
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:
            break
        if not chunk:
            break
        drawn += chunk
    os.close(leader)
    assert b"100%" in drawn and b"#" in drawn


def test_memory_is_bounded_by_the_largest_layer(build_dir, tmp_path):
    """Twelve layers of 8 MB need less than three of them."""
    rng = np.random.default_rng(1)
    layer = rng.standard_normal((1024, 2048)).astype(np.float32)
    source = save(tmp_path / "in.safetensors", {f"l{i}.weight": layer for i in range(12)})
    script = f"""
import resource, subprocess
subprocess.run([{str(build_dir / "bin" / "quant-weights")!r}, {str(source)!r}, "--scheme=int4,group=128",
                "-o", {str(tmp_path / "out.safetensors")!r}], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
    few = save(tmp_path / "few.safetensors", {"l0.weight": layer})
    peaks = [int(subprocess.run([sys.executable, "-c", text], capture_output=True, check=True).stdout)
             for text in (script, script.replace(str(source), str(few)))]
    assert peaks[0] < peaks[1] + 3 * 8192  # Kilobytes.
