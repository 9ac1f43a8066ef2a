//===- ManifestTest.cpp - What the manifest's reader refuses --------------===//

#include "Manifest.h"
#include "TestArtifact.h"

#include "gtest/gtest.h"

using namespace quantmlir::runtime;
using quantmlir::test::Json;
using quantmlir::test::makeManifest;

namespace {

TEST(Manifest, Reads) {
  Manifest manifest;
  Status status = parseManifest(makeManifest().dump(), manifest);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(manifest.chip, "sm_90a");
  EXPECT_EQ(manifest.producer, "quant-mlir test");
  ASSERT_EQ(manifest.kernels.size(), 3u);
  EXPECT_EQ(manifest.kernels[1].cluster[0], 2u);
  EXPECT_EQ(manifest.kernels[1].dynamicSharedMemory, 65536u);
  EXPECT_TRUE(manifest.kernels[1].dependentLaunch);
  EXPECT_EQ(manifest.kernels[1].offset, 136);
  ASSERT_EQ(manifest.functions.size(), 2u);
  const Function &function = manifest.functions[0];
  EXPECT_EQ(function.prepare, 1u);
  EXPECT_EQ(function.dims[0].max, 1000000);
  EXPECT_EQ(function.buffers[0].alignment, 16u);
  EXPECT_EQ(function.buffers[4].alignment, 256u);
  EXPECT_EQ(function.steps[1].tensorMaps[0].box,
            (std::vector<uint32_t>{16, 32}));
  EXPECT_TRUE(function.steps[2].when.has_value());
  EXPECT_FALSE(function.steps[0].when.has_value());
}

TEST(Manifest, AnnotationsAreForOthers) {
  Json json = makeManifest();
  json["annotations"] = {{"anything", {1, 2, "three"}}};
  json["functions"][0]["steps"][0]["annotations"] = "from line 7";
  Manifest manifest;
  EXPECT_TRUE(parseManifest(json.dump(), manifest).ok());
}

/// One change to the valid manifest, and what the reader says to it.
struct Refusal {
  /// JSON pointer of the value to replace, add or remove.
  const char *pointer;
  /// JSON text; null removes.
  const char *value;
  const char *message;
};

const Refusal refusals[] = {
    // Header.
    {"/format", R"("elf")", "not the manifest of a quant-mlir artifact"},
    {"/format", nullptr, "not the manifest of a quant-mlir artifact"},
    {"/version", "2", "manifest version 2; this runtime reads version 1"},
    {"/version", R"("1")", "missing or invalid field 'version'"},
    {"/version", nullptr, "missing or invalid field 'version'"},
    {"/chip", nullptr, "missing field 'chip'"},
    {"/chip", R"("gfx90a")", "chip: expected a chip such as sm_90a"},
    {"/chip", R"("sm_9-a")", "chip: expected a chip such as sm_90a"},
    {"/chip", R"("")", "chip: expected a name of 1 to 256"},
    {"/chip", "90", "chip: expected a string, got number"},
    {"/producer", R"("two\nlines")", "no control characters"},
    {"/kernals", "[]", "unknown field 'kernals'"},
    // Files.
    {"/images", "{}", "images: expected an array, got object"},
    {"/images/0/kind", R"("spirv")", R"(expected "ptx" or "cubin")"},
    {"/images/1",
     R"({"kind":"ptx","file":"b.ptx","bytes":1,"crc32":"00000000"})",
     "images[1].kind: a second image of this kind"},
    {"/images/0/file", R"("../module.ptx")", "is not a plain file name"},
    {"/images/0/file", R"("/etc/passwd")", "is not a plain file name"},
    {"/images/0/file", R"("a\\b")", "is not a plain file name"},
    {"/images/0/bytes", "0", "expected an integer from 1"},
    {"/images/0/bytes", "-1", "expected an integer from 1"},
    {"/images/0/bytes", "1e3", "expected an integer, got number"},
    {"/images/0/bytes", "18446744073709551615", "does not fit in 64 bits"},
    {"/images/0/crc32", R"("0000000g")", "expected 8 hexadecimal digits"},
    {"/images/0/crc32", R"("000")", "expected 8 hexadecimal digits"},
    {"/images/0/crc32", nullptr, "images[0]: missing field 'crc32'"},
    {"/images/0", nullptr, "there are kernels but no PTX image"},
    {"/reference/file", R"(".hidden")", "is not a plain file name"},
    {"/reference/bytes", nullptr, "reference: missing field 'bytes'"},
    // Kernels.
    {"/kernels/0/name", R"("1k")", "is not a PTX identifier"},
    {"/kernels/0/name", R"("a.b")", "is not a PTX identifier"},
    {"/kernels/0/name", R"("matmul")", "a second kernel named 'matmul'"},
    {"/kernels/0/block", "[1, 1]", "block: expected 3 elements, got 2"},
    {"/kernels/0/block/0", "0", "expected an integer from 1 to 1024"},
    {"/kernels/0/block/2", "65", "expected an integer from 1 to 64"},
    {"/kernels/0/block", "[512, 4, 1]", "2048 in all; at most 1024"},
    {"/kernels/1/cluster", "[8, 4, 1]", "32 in all; at most 16"},
    {"/kernels/1/cluster/1", "0", "expected an integer from 1 to 16"},
    {"/kernels/1/dynamic_shared_memory", "-1", "expected an integer from 0"},
    {"/kernels/1/dependent_launch", "1", "expected true or false"},
    {"/kernels/1/contract/u_acc", "-1", "not negative"},
    {"/kernels/1/contract/offset", R"("big")", "expected a number"},
    {"/kernels/1/contract/u_decode", nullptr, "missing field 'u_decode'"},
    {"/kernels/0/parameters/0", R"("float")",
     R"(kernels[0].parameters[0]: expected "pointer", "i32")"},
    {"/kernels/0/parameters", "{}", "expected an array"},
    // Functions and dimensions.
    {"/functions/0/name", nullptr, "functions[0]: missing field 'name'"},
    {"/functions/1/name", R"("linear")", "a second function named 'linear'"},
    {"/functions/0/dims/0/argument", "9", "there is no buffer 9"},
    {"/functions/0/dims/0/argument", "3", "not an argument that brings"},
    {"/functions/0/dims/0/argument", "5", "not an argument that brings"},
    {"/functions/0/dims/0/axis", "2", "buffer 'x' has rank 2"},
    {"/functions/0/dims/0/axis", "1", "axis 1 of buffer 'x' is not this dim"},
    {"/functions/0/dims/0/min", "-1", "expected an integer from 0"},
    {"/functions/0/dims/0/max", "-1", "expected an integer from 0"},
    {"/functions/0/dims/1", R"({"name":"d0","argument":0,"axis":0})",
     "a second dimension named 'd0'"},
    {"/functions/0/dims/1", R"({"name":"d1","argument":0,"axis":0})",
     "axis 0 of buffer 'x' is not this dimension"},
    // Buffers.
    {"/functions/0/buffers/1/name", R"("x")", "a second buffer named 'x'"},
    {"/functions/0/buffers/1/name", R"("a\u0007b")", "control characters"},
    {"/functions/0/buffers/1/name", R"("")", "1 to 256 bytes"},
    {"/functions/0/name", R"("a\nb")", "functions[0].name: expected a name"},
    {"/functions/0/buffers/0/role", R"("inout")", R"(expected "input")"},
    {"/functions/0/buffers/0/element", R"("i4")", "unknown element type 'i4'"},
    {"/functions/0/buffers/0/shape", "64", "expected an array, got number"},
    {"/functions/0/buffers/0/shape/1", "-64", "negative size -64"},
    {"/functions/0/buffers/0/shape/1", R"("d1")", "unknown dimension 'd1'"},
    {"/functions/0/buffers/0/shape", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]",
     "0 to 16 elements, got 17"},
    {"/functions/0/buffers/0/from", "0", "belongs to prepared buffers only"},
    {"/functions/0/buffers/2/from", nullptr, "needs 'from'"},
    {"/functions/0/buffers/2/from", "1",
     "function 'linear.prepare' has 1 outputs"},
    {"/functions/0/buffers/2/element", R"("f32")",
     "differs in type from output 'packed'"},
    {"/functions/0/buffers/2/shape/1", "9", "differs in type from output"},
    {"/functions/0/buffers/2/shape", "[384]", "differs in type from output"},
    {"/functions/0/buffers/4/alignment", "48", "expected a power of two"},
    {"/functions/0/buffers/4/alignment", "512", "alignment is at most 256"},
    // Prepare functions.
    {"/functions/0/prepare", R"("nobody")", "there is no function 'nobody'"},
    {"/functions/0/prepare", R"("linear")", "would prepare itself"},
    {"/functions/1/prepare", R"("linear")", "has a prepare function itself"},
    {"/functions/0/prepare", nullptr, "in a function without prepare function"},
    // Steps.
    {"/functions/0/steps/0/launch", R"("k9")", "there is no kernel 'k9'"},
    {"/functions/0/steps/0/grid", "[1, 1]", "expected 3 elements, got 2"},
    {"/functions/0/steps/1/grid/0/1/1", R"("d7")",
     "functions[0].steps[1].grid[0][1][1]: unknown dimension 'd7'"},
    {"/functions/0/steps/2/when", R"(["gt","d0"])", "when: 'gt' takes 2"},
    {"/functions/0/steps/2/whem", "1", "steps[2]: unknown field 'whem'"},
    {"/functions/0/steps/0/arguments/2", nullptr,
     "kernel 'quantize' has 3 parameters, got 2 arguments"},
    {"/functions/0/steps/0/arguments/0/buffer", "6", "integer from 0 to 5"},
    {"/functions/0/steps/0/arguments/0/buffer", "-1", "integer from 0 to 5"},
    {"/functions/0/steps/0/arguments/0", R"({"i64": 1})",
     "kernel 'quantize' expects pointer, got i64"},
    {"/functions/0/steps/0/arguments/2", R"({"i32": 1})",
     "kernel 'quantize' expects i64, got i32"},
    {"/functions/0/steps/0/arguments/0", R"({"buffer": 0, "i64": 1})",
     "expected exactly one of"},
    {"/functions/0/steps/0/arguments/0", "{}", "expected exactly one of"},
    {"/functions/0/steps/0/arguments/0", R"({"f32": 1})",
     "unknown field 'f32'"},
    {"/functions/0/steps/0/arguments/0", R"({"annotations": 1})",
     "an argument cannot be 'annotations'"},
    // Tensor maps.
    {"/functions/0/steps/1/arguments/0/tensor_map/buffer", "6",
     "integer from 0 to 5"},
    {"/functions/0/steps/1/arguments/0/tensor_map/element", R"("i1")",
     "tensor maps know no type 'i1'"},
    {"/functions/0/steps/1/arguments/0/tensor_map/box", "[16]",
     "expected 2 elements, got 1"},
    {"/functions/0/steps/1/arguments/0/tensor_map/box", "[0, 32]",
     "expected an integer from 1 to 256"},
    {"/functions/0/steps/1/arguments/0/tensor_map/box", "[257, 32]",
     "expected an integer from 1 to 256"},
    {"/functions/0/steps/1/arguments/0/tensor_map/box", "[16, 24]",
     "24 bytes, not a multiple of 16"},
    {"/functions/0/steps/1/arguments/0/tensor_map/box", "[16, 64]",
     "64 bytes, more than the swizzle's 32"},
    {"/functions/0/steps/1/arguments/0/tensor_map/swizzle", "16",
     "no such mode: 16"},
    {"/functions/0/steps/1/arguments/0/tensor_map/l2_promotion", "32",
     "no such mode: 32"},
    {"/functions/0/steps/1/arguments/0/tensor_map/shape", "[]",
     "a tensor map has rank 1 to 5, got 0"},
    {"/functions/0/steps/1/arguments/0/tensor_map/shape", "[1,1,1,1,1,1]",
     "a tensor map has rank 1 to 5, got 6"},
    {"/functions/0/steps/1/arguments/0/tensor_map/strides", "[1]",
     "expected 2 strides, got 1"},
    {"/functions/0/steps/1/arguments/0/tensor_map/strides", "[64, 2]",
     "the innermost stride must be 1"},
    // Requirements.
    {"/functions/0/requires", R"("d0")",
     "functions[0].requires: expected an array, got string"},
    {"/functions/0/requires", R"([["eq", "d0", "d1"]])",
     "functions[0].requires[0][2]: "},
    {"/functions/0/requires", R"([1, ["is", "d0", 3]])",
     "functions[0].requires[1]"},
    {"/functions/0/requires", "[0]",
     "functions[0].requires[0]: a requirement that no dimensions meet"},
};

TEST(Manifest, Refuses) {
  for (const Refusal &refusal : refusals) {
    Json json = makeManifest();
    Json::json_pointer pointer(refusal.pointer);
    if (refusal.value) {
      json[pointer] = Json::parse(refusal.value);
    } else {
      Json patch = {{{"op", "remove"}, {"path", refusal.pointer}}};
      json = json.patch(patch);
    }
    Manifest manifest;
    Status status = parseManifest(json.dump(), manifest);
    EXPECT_FALSE(status.ok()) << refusal.pointer;
    EXPECT_NE(status.message().find(refusal.message), std::string::npos)
        << refusal.pointer << " = " << (refusal.value ? refusal.value : "none")
        << " gave: " << status.message();
    // Nothing of a refused manifest gets out.
    EXPECT_TRUE(manifest.functions.empty());
  }
}

TEST(Manifest, RefusesWhatIsNotJSON) {
  std::string text = makeManifest().dump();
  Manifest manifest;
  // Every proper prefix is truncated.
  for (size_t length = 0; length < text.size(); length += 7)
    EXPECT_FALSE(parseManifest(text.substr(0, length), manifest).ok());
  EXPECT_NE(parseManifest(R"({"format":1,"format":2})", manifest)
                .message()
                .find("two fields 'format'"),
            std::string::npos);
  EXPECT_FALSE(parseManifest("{\"format\":\"\xff\"}", manifest).ok());
  EXPECT_FALSE(parseManifest("[]", manifest).ok());
  EXPECT_FALSE(parseManifest("null", manifest).ok());
}

TEST(Manifest, RefusesTooManyParameters) {
  Json json = makeManifest();
  json["kernels"][2]["parameters"] = Json::array();
  for (int i = 0; i < 513; ++i)
    json["kernels"][2]["parameters"].push_back("pointer");
  Manifest manifest;
  EXPECT_NE(parseManifest(json.dump(), manifest)
                .message()
                .find("4104 bytes of parameters; at most 4096"),
            std::string::npos);
}

} // namespace
