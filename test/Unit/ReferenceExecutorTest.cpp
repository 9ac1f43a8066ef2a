//===- ReferenceExecutorTest.cpp - The CPU library's interface ------------===//

#include "quantmlir/Execution/ReferenceExecutor.h"

#include "llvm/Support/MemoryBuffer.h"

#include "gtest/gtest.h"

#include <cmath>

using namespace quantmlir;

namespace {

const char *const module = R"(
#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<?x2xf32> {quant_tensor.name = "x"}, %w: tensor<3x2xf32, #w8> {quant_tensor.name = "w"})
    -> (tensor<?x3xf32> {quant_tensor.name = "y"}, tensor<?x2xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x2xf32>
  %e = tensor.empty(%m) : tensor<?x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<?x3xf32>) -> tensor<?x3xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<?x2xf32>, tensor<3x2xf32, #w8>) outs(%i : tensor<?x3xf32>) -> tensor<?x3xf32>
  return %y, %x : tensor<?x3xf32>, tensor<?x2xf32>
}
func.func private @hidden(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}
)";

llvm::Expected<std::unique_ptr<ReferenceExecutor>> compile(const char *text) {
  return ReferenceExecutor::create(llvm::MemoryBufferRef(text, "test.mlir"));
}

std::string messageOf(llvm::Error error) {
  return llvm::toString(std::move(error));
}

TEST(ReferenceExecutor, NamesThePartsOfEncodedArguments) {
  auto executor = compile(module);
  ASSERT_TRUE(bool(executor)) << messageOf(executor.takeError());
  ASSERT_EQ((*executor)->getFunctions().size(), 1u);
  const ReferenceExecutor::Function &f = (*executor)->getFunctions()[0];
  ASSERT_EQ(f.arguments.size(), 3u);
  EXPECT_EQ(f.arguments[0].name, "x");
  EXPECT_EQ(f.arguments[0].shape, (std::vector<int64_t>{-1, 2}));
  EXPECT_FALSE(f.arguments[0].isWeight);
  EXPECT_EQ(f.arguments[1].name, "w.codes");
  EXPECT_EQ(f.arguments[1].element, "i8");
  EXPECT_TRUE(f.arguments[1].isWeight);
  EXPECT_EQ(f.arguments[2].name, "w.scales");
  EXPECT_EQ(f.arguments[2].shape, (std::vector<int64_t>{3, 1}));
  EXPECT_EQ(f.results[0].name, "y");
  EXPECT_EQ(f.results[1].name, "result1");
}

TEST(ReferenceExecutor, RunsAndLeavesInputsAlone) {
  auto executor = compile(module);
  ASSERT_TRUE(bool(executor)) << messageOf(executor.takeError());
  for (int64_t rows : {2, 1, 0}) {
    std::vector<float> x = {1, 2, 3, 4};
    std::vector<int8_t> codes = {1, 0, 0, 1, -128, 127};
    std::vector<float> scales = {1, 2, 0.5};
    auto results = (*executor)->invoke("f", {{x.data(), {rows, 2}, "f32"},
                                             {codes.data(), {3, 2}, "i8"},
                                             {scales.data(), {3, 1}, "f32"}});
    ASSERT_TRUE(bool(results)) << messageOf(results.takeError());
    EXPECT_EQ((*results)[0].shape, (std::vector<int64_t>{rows, 3}));
    const float *y = reinterpret_cast<const float *>((*results)[0].data.data());
    const float expected[] = {1, 4, 63, 3, 8, 62};
    for (int64_t i = 0; i < rows * 3; ++i)
      EXPECT_EQ(y[i], expected[i]) << i;
    // A result that is an argument is a copy of it.
    EXPECT_EQ((*results)[1].data.size(), size_t(rows) * 8);
    EXPECT_EQ(x, (std::vector<float>{1, 2, 3, 4}));
  }
}

TEST(ReferenceExecutor, RefusesWrongInputs) {
  auto executor = compile(module);
  ASSERT_TRUE(bool(executor)) << messageOf(executor.takeError());
  std::vector<char> bytes(64);
  ArrayView x{bytes.data(), {2, 2}, "f32"}, codes{bytes.data(), {3, 2}, "i8"},
      scales{bytes.data(), {3, 1}, "f32"};
  auto message = [&](llvm::StringRef name, std::vector<ArrayView> inputs) {
    auto results = (*executor)->invoke(name, inputs);
    return results ? std::string("no error") : messageOf(results.takeError());
  };
  EXPECT_EQ(message("g", {}), "the module has no public function @g");
  EXPECT_EQ(message("hidden", {x}),
            "the module has no public function @hidden");
  EXPECT_EQ(message("f", {x, codes}), "@f takes 3 arrays, got 2");
  ArrayView wide = x;
  wide.shape = {2, 3};
  EXPECT_EQ(message("f", {wide, codes, scales}),
            "'x' has shape [?, 2], got [2, 3]");
  ArrayView integers = x;
  integers.element = "i32";
  EXPECT_EQ(message("f", {integers, codes, scales}),
            "'x' has elements of f32, got i32");
  ArrayView null = x;
  null.data = nullptr;
  EXPECT_EQ(message("f", {null, codes, scales}), "'x' has no data");
  ArrayView negative = x;
  negative.shape = {-1, 2};
  EXPECT_EQ(message("f", {negative, codes, scales}),
            "'x' has a negative extent");
  ArrayView vast = x;
  vast.shape = {int64_t(1) << 62, 2};
  EXPECT_NE(message("f", {vast, codes, scales}).find("is no shape"),
            std::string::npos);
  vast.shape = {int64_t(1) << 60, 2};
  EXPECT_NE(message("f", {vast, codes, scales}).find("is too large"),
            std::string::npos);
  ArrayView brief = x;
  brief.numBytes = 7;
  EXPECT_NE(message("f", {brief, codes, scales}).find("bytes, got 7"),
            std::string::npos);
}

TEST(ReferenceExecutor, ReportsShapesThatDisagree) {
  auto executor = compile(R"(
func.func @add(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %z = arith.addf %x, %y : tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}
)");
  ASSERT_TRUE(bool(executor)) << messageOf(executor.takeError());
  std::vector<float> data(64, 1.0f);
  for (int round = 0; round < 2; ++round) {
    auto wrong = (*executor)->invoke(
        "add", {{data.data(), {8, 4}, "f32"}, {data.data(), {3, 4}, "f32"}});
    ASSERT_FALSE(bool(wrong));
    std::string message = messageOf(wrong.takeError());
    EXPECT_NE(message.find("dimension #0 of input/output operand #1 is "
                           "incompatible"),
              std::string::npos)
        << message;
    auto right = (*executor)->invoke(
        "add", {{data.data(), {3, 4}, "f32"}, {data.data(), {3, 4}, "f32"}});
    ASSERT_TRUE(bool(right)) << messageOf(right.takeError());
    EXPECT_EQ((*right)[0].data.size(), 48u);
  }
}

TEST(ReferenceExecutor, ReportsWhatDoesNotCompile) {
  auto syntax = compile("func.func @f(");
  ASSERT_FALSE(bool(syntax));
  EXPECT_NE(messageOf(syntax.takeError()).find("the reference does not parse"),
            std::string::npos);
  // Data is read as a tensor of rank 0; a size is none.
  EXPECT_TRUE(bool(compile("func.func @f(%x: f32) { return }")));
  auto scalar = compile("func.func @f(%x: index) { return }");
  ASSERT_FALSE(bool(scalar));
  EXPECT_NE(messageOf(scalar.takeError())
                .find("arg0 of @f has type index, which is no array"),
            std::string::npos);
  auto external = compile("func.func @f(tensor<2xf32>) -> tensor<2xf32>");
  EXPECT_FALSE(bool(external));
  llvm::consumeError(external.takeError());
}

} // namespace
