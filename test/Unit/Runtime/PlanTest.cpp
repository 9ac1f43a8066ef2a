//===- PlanTest.cpp - Loading artifacts, planning functions ---------------===//

#include "Artifact.h"
#include "Crc32.h"
#include "TestArtifact.h"
#include "Workspace.h"
#include "quantmlir/Runtime/Runtime.h"

#include "gtest/gtest.h"

#include <memory>

using namespace quantmlir::runtime;
using namespace quantmlir::test;

namespace {

struct Deleter {
  void operator()(QuantmlirRtArtifact *p) { quantmlirRtArtifactDestroy(p); }
  void operator()(QuantmlirRtPlan *p) { quantmlirRtPlanDestroy(p); }
};
template <typename T> using Handle = std::unique_ptr<T, Deleter>;

Handle<QuantmlirRtArtifact> load(const std::string &path) {
  QuantmlirRtArtifact *artifact = nullptr;
  quantmlirRtArtifactLoad(path.c_str(), &artifact);
  return Handle<QuantmlirRtArtifact>(artifact);
}

Handle<QuantmlirRtArtifact> load(const Json &manifest,
                                 const std::string &ptx = makePTX()) {
  TemporaryDirectory directory;
  writeArtifact(directory, manifest, ptx);
  return load(directory.path());
}

Handle<QuantmlirRtPlan> plan(const Handle<QuantmlirRtArtifact> &artifact,
                             size_t function, std::vector<int64_t> dims) {
  QuantmlirRtPlan *result = nullptr;
  quantmlirRtPlanCreate(artifact.get(), function, dims.data(), dims.size(),
                        &result);
  return Handle<QuantmlirRtPlan>(result);
}

void expectError(const char *message) {
  EXPECT_NE(std::string(quantmlirRtGetLastErrorMessage()).find(message),
            std::string::npos)
      << "got: " << quantmlirRtGetLastErrorMessage();
}

TEST(Artifact, Queries) {
  TemporaryDirectory directory;
  writeArtifact(directory, makeManifest());
  auto artifact = load(directory.path());
  ASSERT_TRUE(artifact) << quantmlirRtGetLastErrorMessage();
  EXPECT_STREQ(quantmlirRtArtifactGetChip(artifact.get()), "sm_90a");
  EXPECT_EQ(quantmlirRtArtifactGetReferencePath(artifact.get()),
            directory.file("reference.mlirbc"));
  EXPECT_EQ(quantmlirRtArtifactGetNumFunctions(artifact.get()), 2u);
  EXPECT_EQ(quantmlirRtArtifactGetNumKernels(artifact.get()), 3u);

  size_t index = 99;
  EXPECT_EQ(
      quantmlirRtArtifactFindFunction(artifact.get(), "linear.prepare", &index),
      QUANTMLIR_RT_SUCCESS);
  EXPECT_EQ(index, 1u);
  EXPECT_EQ(quantmlirRtArtifactFindFunction(artifact.get(), "mlp", &index),
            QUANTMLIR_RT_NOT_FOUND);
  expectError("no function 'mlp'; the artifact has: linear, linear.prepare");
  EXPECT_EQ(index, 1u);

  QuantmlirRtFunctionInfo function;
  ASSERT_EQ(quantmlirRtArtifactGetFunctionInfo(artifact.get(), 0, &function),
            QUANTMLIR_RT_SUCCESS);
  EXPECT_STREQ(function.name, "linear");
  EXPECT_EQ(function.prepare, 1);
  EXPECT_EQ(function.numBuffers, 6u);
  EXPECT_EQ(function.numSteps, 3u);
  QuantmlirRtBufferInfo buffer;
  ASSERT_EQ(quantmlirRtArtifactGetBufferInfo(artifact.get(), 0, 2, &buffer),
            QUANTMLIR_RT_SUCCESS);
  EXPECT_STREQ(buffer.name, "w.codes");
  EXPECT_EQ(buffer.role, QUANTMLIR_RT_PREPARED);
  EXPECT_EQ(buffer.preparedFrom, 0);
  EXPECT_EQ(buffer.elementBytes, 4u);
  int64_t shape[2] = {0, 0};
  ASSERT_EQ(quantmlirRtArtifactGetBufferShape(artifact.get(), 0, 0, shape, 2),
            QUANTMLIR_RT_SUCCESS);
  EXPECT_EQ(shape[0], -1);
  EXPECT_EQ(shape[1], 64);
  EXPECT_EQ(quantmlirRtArtifactGetBufferShape(artifact.get(), 0, 0, shape, 1),
            QUANTMLIR_RT_INVALID_ARGUMENT);
  QuantmlirRtDimInfo dim;
  ASSERT_EQ(quantmlirRtArtifactGetDimInfo(artifact.get(), 0, 0, &dim),
            QUANTMLIR_RT_SUCCESS);
  EXPECT_STREQ(dim.name, "d0");
  EXPECT_EQ(dim.max, 1000000);
  QuantmlirRtStepInfo step;
  ASSERT_EQ(quantmlirRtArtifactGetStepInfo(artifact.get(), 0, 2, &step),
            QUANTMLIR_RT_SUCCESS);
  EXPECT_EQ(step.kernel, 0u);
  EXPECT_NE(step.conditional, 0);
  QuantmlirRtKernelInfo kernel;
  ASSERT_EQ(quantmlirRtArtifactGetKernelInfo(artifact.get(), 1, &kernel),
            QUANTMLIR_RT_SUCCESS);
  EXPECT_EQ(kernel.numParameters, 5u);
  EXPECT_EQ(kernel.uDecode, 0.001953125);

  // Out of range and null.
  EXPECT_EQ(quantmlirRtArtifactGetFunctionInfo(artifact.get(), 2, &function),
            QUANTMLIR_RT_INVALID_ARGUMENT);
  EXPECT_EQ(quantmlirRtArtifactGetBufferInfo(artifact.get(), 0, 6, &buffer),
            QUANTMLIR_RT_INVALID_ARGUMENT);
  EXPECT_EQ(quantmlirRtArtifactGetDimInfo(artifact.get(), 0, 1, &dim),
            QUANTMLIR_RT_INVALID_ARGUMENT);
  EXPECT_EQ(quantmlirRtArtifactGetStepInfo(artifact.get(), 0, 3, &step),
            QUANTMLIR_RT_INVALID_ARGUMENT);
  EXPECT_EQ(quantmlirRtArtifactGetKernelInfo(artifact.get(), 3, &kernel),
            QUANTMLIR_RT_INVALID_ARGUMENT);
  EXPECT_EQ(quantmlirRtArtifactGetFunctionInfo(nullptr, 0, &function),
            QUANTMLIR_RT_INVALID_ARGUMENT);
  EXPECT_EQ(quantmlirRtArtifactGetFunctionInfo(artifact.get(), 0, nullptr),
            QUANTMLIR_RT_INVALID_ARGUMENT);
  EXPECT_EQ(quantmlirRtArtifactGetChip(nullptr), nullptr);
}

TEST(Artifact, ChecksumIsTheUsualOne) {
  EXPECT_EQ(crc32("123456789", 9), 0xcbf43926u);
}

TEST(Artifact, MissingFiles) {
  QuantmlirRtArtifact *artifact = nullptr;
  EXPECT_EQ(quantmlirRtArtifactLoad("/nowhere/at/all", &artifact),
            QUANTMLIR_RT_NOT_FOUND);
  expectError("cannot open '/nowhere/at/all/manifest.json'");
  EXPECT_EQ(quantmlirRtArtifactLoad(nullptr, &artifact),
            QUANTMLIR_RT_INVALID_ARGUMENT);
  TemporaryDirectory directory;
  writeArtifact(directory, makeManifest());
  std::remove(directory.file("module.ptx").c_str());
  EXPECT_FALSE(load(directory.path()));
  expectError("module.ptx");
}

TEST(Artifact, DamagedFiles) {
  TemporaryDirectory directory;
  writeArtifact(directory, makeManifest());
  std::string ptx = makePTX();
  directory.write("module.ptx", ptx.substr(0, ptx.size() - 1));
  EXPECT_FALSE(load(directory.path()));
  expectError("; the manifest says");
  directory.write("module.ptx", ptx + "\n");
  EXPECT_FALSE(load(directory.path()));
  expectError("more than the");
  std::string flipped = ptx;
  flipped[flipped.size() / 2] ^= 1;
  directory.write("module.ptx", flipped);
  EXPECT_FALSE(load(directory.path()));
  expectError("does not match the manifest's checksum");
  directory.write("module.ptx", ptx);
  EXPECT_TRUE(load(directory.path()));
  directory.write("reference.mlirbc", "MLXR bytecode1");
  EXPECT_FALSE(load(directory.path()));
  expectError("reference.mlirbc");
}

TEST(Artifact, PTXMustMatchTheManifest) {
  auto expectRefused = [](const std::string &from, const std::string &to,
                          const char *message) {
    std::string ptx = makePTX();
    size_t position = ptx.find(from);
    ASSERT_NE(position, std::string::npos) << from;
    ptx.replace(position, from.size(), to);
    EXPECT_FALSE(load(makeManifest(), ptx)) << to;
    expectError(message);
  };
  expectRefused(".entry repack(", ".entry pack(",
                "kernel 'repack' is missing in the PTX");
  expectRefused(".target sm_90a", ".target sm_80",
                "PTX for sm_80 in an artifact for sm_90a");
  expectRefused(", .param .u64 b", "",
                "'repack' has 1 parameters in the PTX and 2");
  expectRefused(".param .b32 matmul", ".param .b64 matmul",
                "parameter 2 of kernel 'matmul' has 8 bytes");
  expectRefused("_0[128]", "_0[64]", "parameter 0 of kernel 'matmul'");
  expectRefused(".align 64 .b8", ".align 32 .b8",
                "parameter 0 of kernel 'matmul'");
  expectRefused(".version 8.0", "", "not PTX");
  expectRefused("b) { ret; }", "b) { ret;", "truncated PTX");
  expectRefused("{ ret; }", "}", "unbalanced '}'");
  expectRefused(".entry quantize(", ".entry matmul(", "two kernels named");
  expectRefused(".param .u64 a", ".reg .u64 a",
                "cannot read the parameters of kernel 'repack'");
  expectRefused("ret;", std::string("\0", 1), "contains a zero byte");
}

TEST(Plan, RequirementsOfDimensions) {
  Json manifest = makeManifest();
  Json &function = manifest["functions"][0];
  function["dims"].push_back({{"name", "d1"}, {"argument", 1}, {"axis", 0}});
  function["buffers"][1]["shape"] = {"d1"};
  function["requires"] = {{"eq", "d0", "d1"}, {"lt", "d0", 50}};
  auto artifact = load(manifest);
  ASSERT_TRUE(artifact) << quantmlirRtGetLastErrorMessage();
  EXPECT_TRUE(plan(artifact, 0, {40, 40})) << quantmlirRtGetLastErrorMessage();
  EXPECT_FALSE(plan(artifact, 0, {40, 39}));
  expectError("function 'linear' requires [\"eq\",\"d0\",\"d1\"], but d0 (size "
              "0 of 'x') is 40, d1 (size 0 of 'bias') is 39");
  EXPECT_FALSE(plan(artifact, 0, {50, 50}));
  expectError("requires [\"lt\",\"d0\",50], but d0 (size 0 of 'x') is 50");

  // A condition that has no value is not met.
  function["requires"] = {{"mod", 7, "d1"}};
  artifact = load(manifest);
  ASSERT_TRUE(artifact) << quantmlirRtGetLastErrorMessage();
  EXPECT_TRUE(plan(artifact, 0, {1, 2}));
  EXPECT_FALSE(plan(artifact, 0, {1, 0}));
  expectError("function 'linear' requires [\"mod\",7,\"d1\"]: ");
}

TEST(Plan, ShapesAndGrids) {
  auto artifact = load(makeManifest());
  ASSERT_TRUE(artifact) << quantmlirRtGetLastErrorMessage();
  auto p = plan(artifact, 0, {100});
  ASSERT_TRUE(p) << quantmlirRtGetLastErrorMessage();
  size_t bytes = 0;
  ASSERT_EQ(quantmlirRtPlanGetBufferBytes(p.get(), 0, &bytes),
            QUANTMLIR_RT_SUCCESS);
  EXPECT_EQ(bytes, 100u * 64 * 2);
  int64_t shape[2];
  ASSERT_EQ(quantmlirRtPlanGetBufferShape(p.get(), 3, shape, 2),
            QUANTMLIR_RT_SUCCESS);
  EXPECT_EQ(shape[0], 100);
  EXPECT_EQ(shape[1], 48);
  ASSERT_EQ(quantmlirRtPlanGetNumLaunches(p.get()), 3u);
  size_t kernel;
  uint32_t grid[3];
  ASSERT_EQ(quantmlirRtPlanGetLaunch(p.get(), 1, &kernel, grid),
            QUANTMLIR_RT_SUCCESS);
  EXPECT_EQ(kernel, 1u);
  EXPECT_EQ(grid[0], 4u);
  EXPECT_EQ(grid[1], 3u);
  // tmp0 (6400 bytes) and tmp1 (400 bytes) never live together.
  EXPECT_EQ(quantmlirRtPlanGetWorkspaceBytes(p.get()), 6400u);
  EXPECT_EQ(quantmlirRtPlanGetBufferBytes(p.get(), 6, &bytes),
            QUANTMLIR_RT_INVALID_ARGUMENT);
  EXPECT_EQ(quantmlirRtPlanGetLaunch(p.get(), 3, &kernel, grid),
            QUANTMLIR_RT_INVALID_ARGUMENT);
}

TEST(Plan, ConditionsAndEmptyGrids) {
  auto artifact = load(makeManifest());
  ASSERT_TRUE(artifact);
  EXPECT_EQ(quantmlirRtPlanGetNumLaunches(plan(artifact, 0, {9}).get()), 3u);
  EXPECT_EQ(quantmlirRtPlanGetNumLaunches(plan(artifact, 0, {8}).get()), 2u);
  auto empty = plan(artifact, 0, {0});
  ASSERT_TRUE(empty) << quantmlirRtGetLastErrorMessage();
  EXPECT_EQ(quantmlirRtPlanGetNumLaunches(empty.get()), 0u);
  EXPECT_EQ(quantmlirRtPlanGetWorkspaceBytes(empty.get()), 0u);
}

TEST(Plan, Refusals) {
  auto artifact = load(makeManifest());
  ASSERT_TRUE(artifact);
  EXPECT_FALSE(plan(artifact, 0, {}));
  expectError("has 1 dynamic dimensions, got 0");
  EXPECT_FALSE(plan(artifact, 2, {}));
  expectError("there is no function 2");
  EXPECT_FALSE(plan(artifact, 0, {-1}));
  expectError("dimension 'd0' of function 'linear' is -1");
  EXPECT_FALSE(plan(artifact, 0, {1000001}));
  expectError("not from 0 to 1000000");
}

/// One change to the manifest that only shows at certain dimensions.
void expectPlanError(const char *pointer, const char *value, int64_t dim,
                     const char *message) {
  Json json = makeManifest();
  json["functions"][0]["dims"][0].erase("max");
  json[Json::json_pointer(pointer)] = Json::parse(value);
  auto artifact = load(json);
  ASSERT_TRUE(artifact) << quantmlirRtGetLastErrorMessage();
  EXPECT_FALSE(plan(artifact, 0, {dim})) << pointer;
  expectError(message);
}

TEST(Plan, RefusalsAtSomeDimensions) {
  expectPlanError("/producer", R"("same")", int64_t(1) << 62,
                  "buffer 'x' would have more than 2^63 bytes");
  expectPlanError("/producer", R"("same")", int64_t(1) << 56,
                  "more than 2^63 bytes");
  expectPlanError("/functions/0/buffers/3/shape/1", R"(["sub",3,"d0"])", 4,
                  "size 1 of buffer 'result0' would be -1");
  expectPlanError("/functions/0/buffers/3/shape/1", R"(["mod",3,"d0"])", 0,
                  "size 1 of buffer 'result0': division");
  expectPlanError("/functions/0/steps/0/grid/1", R"("d0")", 65536,
                  "step 0 (kernel 'quantize'): grid 1 is 65536");
  expectPlanError("/functions/0/steps/0/grid/0", R"(["sub",1,"d0"])", 2,
                  "grid 0 is -1");
  expectPlanError("/functions/0/steps/0/grid/0", R"(["floordiv",8,"d0"])", 0,
                  "grid 0: division");
  expectPlanError("/functions/0/steps/1/grid/0", R"("d0")", 3,
                  "grid 0 is 3, not a multiple of the cluster's 2");
  expectPlanError("/functions/0/steps/2/when", R"(["floordiv",8,"d0"])", 0,
                  "step 2 (kernel 'quantize'): condition: division");
  expectPlanError(
      "/functions/0/steps/0/arguments/2/i64",
      R"(["mul","d0",4611686018427387904])", 2,
      "step 0 (kernel 'quantize'): argument 2: the value overflows");
  expectPlanError("/functions/0/steps/1/arguments/2/i32",
                  R"(["mul","d0",4611686018427387904])", 1,
                  "argument 2 is 4611686018427387904, which is no i32");
  expectPlanError("/functions/0/steps/1/arguments/0/tensor_map/shape",
                  R"(["d0", 65])", 64,
                  "stride 0 of the tensor map is 65 bytes");
  expectPlanError("/functions/0/steps/1/arguments/0/tensor_map/shape",
                  R"(["d0", 80])", 64,
                  "the tensor map spans 5120 bytes of a buffer of 4096");
  expectPlanError("/functions/0/steps/1/arguments/0/tensor_map/shape",
                  R"([["sub", "d0", 1], 64])", 1,
                  "size 0 of the tensor map is 0");
  expectPlanError("/functions/0/steps/1/arguments/0/tensor_map/strides",
                  R"([["mod", 3, ["sub", "d0", 1]], 1])", 1,
                  "stride 0 of the tensor map: division");
}

TEST(Workspace, ItemsAliveTogetherNeverOverlap) {
  // A deterministic pseudo-random sweep, checked by brute force.
  uint64_t seed = 1;
  auto next = [&](uint64_t bound) {
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (seed >> 33) % bound;
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<WorkspaceItem> items;
    uint64_t sum = 0;
    size_t count = 1 + next(12);
    for (size_t i = 0; i < count; ++i) {
      size_t first = next(8);
      items.push_back(
          {next(5000), uint64_t(1) << next(9), first, first + next(4), 0});
      sum += items.back().bytes + 255;
    }
    uint64_t total = 0;
    ASSERT_TRUE(packWorkspace(items, total));
    EXPECT_LE(total, sum);
    for (size_t i = 0; i < count; ++i) {
      const WorkspaceItem &a = items[i];
      EXPECT_EQ(a.offset % a.alignment, 0u);
      EXPECT_LE(a.offset + a.bytes, total);
      for (size_t j = 0; j < i; ++j) {
        const WorkspaceItem &b = items[j];
        bool together = a.firstUse <= b.lastUse && b.firstUse <= a.lastUse;
        bool overlap = a.bytes && b.bytes && a.offset < b.offset + b.bytes &&
                       b.offset < a.offset + a.bytes;
        EXPECT_FALSE(together && overlap);
      }
    }
  }
}

TEST(Workspace, RefusesOverflow) {
  std::vector<WorkspaceItem> items = {{uint64_t(INT64_MAX), 1, 0, 1, 0},
                                      {uint64_t(INT64_MAX), 1, 1, 2, 0}};
  uint64_t total = 0;
  EXPECT_FALSE(packWorkspace(items, total));
  // Apart in time they share.
  items[1].firstUse = 2;
  EXPECT_TRUE(packWorkspace(items, total));
  EXPECT_EQ(total, uint64_t(INT64_MAX));
}

} // namespace
