//===- TestArtifact.cpp - A small valid artifact to break -----------------===//

#include "TestArtifact.h"

#include "Crc32.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace quantmlir::test;

Json quantmlir::test::makeManifest() {
  return Json::parse(R"json({
  "format": "quantmlir-artifact", "version": 1, "producer": "quant-mlir test",
  "chip": "sm_90a",
  "images": [{"kind": "ptx", "file": "module.ptx", "bytes": 1,
              "crc32": "00000000"}],
  "reference": {"file": "reference.mlirbc", "bytes": 1, "crc32": "00000000"},
  "kernels": [
    {"name": "quantize", "block": [128, 1, 1],
     "parameters": ["pointer", "pointer", "i64"]},
    {"name": "matmul", "block": [256, 1, 1], "cluster": [2, 1, 1],
     "dynamic_shared_memory": 65536, "dependent_launch": true,
     "parameters": ["tensor_map", "pointer", "i32", "pointer", "i64"],
     "contract": {"u_acc": 5.96e-8, "u_decode": 0.001953125, "offset": 136}},
    {"name": "repack", "block": [32, 1, 1],
     "parameters": ["pointer", "pointer"]}],
  "functions": [
    {"name": "linear", "prepare": "linear.prepare",
     "dims": [{"name": "d0", "argument": 0, "axis": 0, "min": 0,
               "max": 1000000}],
     "buffers": [
       {"name": "x", "role": "input", "element": "bf16", "shape": ["d0", 64]},
       {"name": "bias", "role": "weight", "element": "f32", "shape": [48]},
       {"name": "w.codes", "role": "prepared", "from": 0, "element": "i32",
        "shape": [48, 8]},
       {"name": "result0", "role": "output", "element": "f32",
        "shape": ["d0", 48]},
       {"name": "tmp0", "role": "temporary", "element": "i8",
        "shape": ["d0", 64], "alignment": 256},
       {"name": "tmp1", "role": "temporary", "element": "f32",
        "shape": ["d0"]}],
     "steps": [
       {"launch": "quantize", "grid": ["d0", 1, 1],
        "arguments": [{"buffer": 0}, {"buffer": 4},
                      {"i64": ["mul", "d0", 64]}]},
       {"launch": "matmul",
        "grid": [["mul", ["ceildiv", "d0", 64], 2], 3, 1],
        "arguments": [
          {"tensor_map": {"buffer": 4, "element": "i8", "box": [16, 32],
                          "swizzle": 32, "l2_promotion": 128}},
          {"buffer": 2}, {"i32": "d0"}, {"buffer": 3}, {"i64": -7}]},
       {"launch": "quantize", "grid": [1, 1, 1], "when": ["gt", "d0", 8],
        "arguments": [{"buffer": 1}, {"buffer": 5}, {"i64": 5}]}]},
    {"name": "linear.prepare",
     "buffers": [
       {"name": "w.codes", "role": "input", "element": "i8",
        "shape": [48, 32]},
       {"name": "packed", "role": "output", "element": "i32",
        "shape": [48, 8]}],
     "steps": [{"launch": "repack", "grid": [48, 1, 1],
                "arguments": [{"buffer": 0}, {"buffer": 1}]}]}]
})json");
}

std::string quantmlir::test::makePTX() {
  return R"ptx(//
// A comment with .entry fake( in it
.version 8.0
.target sm_90a
.address_size 64
/* .entry fake2( */
.visible .entry quantize(
	.param .u64 .ptr .align 1 quantize_param_0,
	.param .u64 .ptr .align 1 quantize_param_1,
	.param .u64 quantize_param_2
)
.maxntid 128, 1, 1
{
	ret;
}
.visible .entry matmul(
	.param .align 64 .b8 matmul_param_0[128],
	.param .u64 .ptr .global .align 16 matmul_param_1,
	.param .b32 matmul_param_2,
	.param .u64 matmul_param_3,
	.param .s64 matmul_param_4
)
{
	{ .reg .b32 %r<2>; }
	ret;
}
.visible .entry repack(.param .u64 a, .param .u64 b) { ret; }
)ptx";
}

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "quantmlir-XXXXXX").string();
  if (!mkdtemp(&pattern[0]))
    std::abort();
  directory = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
}

void TemporaryDirectory::write(const std::string &name,
                               const std::string &contents) const {
  std::ofstream stream(file(name), std::ios::binary);
  stream << contents;
}

void quantmlir::test::writeArtifact(const TemporaryDirectory &directory,
                                    Json manifest, const std::string &ptx) {
  auto describe = [](Json &entry, const std::string &contents) {
    char checksum[16];
    std::snprintf(checksum, sizeof(checksum), "%08x",
                  quantmlir::runtime::crc32(contents.data(), contents.size()));
    entry["bytes"] = contents.size();
    entry["crc32"] = checksum;
  };
  std::string reference = "ML\xefR bytecode";
  describe(manifest["images"][0], ptx);
  describe(manifest["reference"], reference);
  directory.write("module.ptx", ptx);
  directory.write("reference.mlirbc", reference);
  directory.write("manifest.json", manifest.dump());
}
