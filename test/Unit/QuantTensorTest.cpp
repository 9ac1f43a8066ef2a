//===- QuantTensorTest.cpp - The dialect's C++ interface ------------------===//

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

#include "mlir/AsmParser/AsmParser.h"

#include "gtest/gtest.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

namespace {

/// A type built in C++ is what the same type parsed from text is.
TEST(EncodingAttr, TakesApartAsTheTextSays) {
  MLIRContext context;
  context.loadDialect<QuantTensorDialect>();
  auto type = dyn_cast_or_null<RankedTensorType>(
      parseType("tensor<6x300xbf16, #quant_tensor.encoding<{storage = i4, "
                "block = [1, 128], scale = bf16}>>",
                &context));
  ASSERT_TRUE(type);
  EncodingAttr encoding = getEncoding(type);
  ASSERT_TRUE(encoding);
  // 300 codes of 4 bits fill 150 bytes; 300 / 128 makes two blocks and a tail.
  EXPECT_EQ(encoding.getCodesType(type.getShape()),
            RankedTensorType::get({6, 150}, IntegerType::get(&context, 8)));
  EXPECT_EQ(encoding.getScalesType(type.getShape()),
            RankedTensorType::get({6, 3}, BFloat16Type::get(&context)));
}

} // namespace
