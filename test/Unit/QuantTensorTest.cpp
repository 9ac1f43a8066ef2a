//===- QuantTensorTest.cpp - The dialect's C++ interface ------------------===//

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"

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

/// What a callback of diagnostics heard last.
std::string collectError(MLIRContext &context,
                         llvm::function_ref<void()> action) {
  std::string text;
  ScopedDiagnosticHandler handler(
      &context, [&](Diagnostic &diagnostic) { text = diagnostic.str(); });
  action();
  return text;
}

/// Types are verified where they are parsed; one that is built is verified by
/// the op that has it.
TEST(Ops, RefuseTypesThatWereNeverParsed) {
  MLIRContext context;
  context.loadDialect<QuantTensorDialect>();
  OpBuilder builder(&context);
  Location loc = builder.getUnknownLoc();
  // A block of rank 2 on a tensor of rank 1.
  auto encoding = cast<EncodingAttr>(
      parseAttribute("#quant_tensor.encoding<{storage = i8, block = [1, 0], "
                     "scale = f32}>",
                     &context));
  auto bad = RankedTensorType::get({8}, builder.getF32Type(), encoding);
  OperationState state(loc, DequantizeOp::getOperationName());
  auto source =
      UnrealizedConversionCastOp::create(builder, loc, bad, ValueRange());
  state.addOperands(source.getResult(0));
  state.addTypes(RankedTensorType::get({8}, builder.getF32Type()));
  Operation *op = builder.create(state);
  EXPECT_NE(collectError(context, [&] { (void)verify(op); })
                .find("source is wrongly encoded: "),
            std::string::npos);
  op->destroy();
  source->destroy();
}

TEST(Ops, InferNoTypesFromOtherTensors) {
  MLIRContext context;
  context.loadDialect<QuantTensorDialect>();
  OpBuilder builder(&context);
  Location loc = builder.getUnknownLoc();
  auto plain = RankedTensorType::get({8}, builder.getF32Type());
  auto unranked = UnrankedTensorType::get(builder.getF32Type());
  auto makeValue = [&](Type type) {
    return UnrealizedConversionCastOp::create(builder, loc, type, ValueRange());
  };
  UnrealizedConversionCastOp values[] = {makeValue(plain), makeValue(unranked)};
  auto infer = [&](auto inferTypes, unsigned value) {
    return collectError(context, [&] {
      SmallVector<Type> types;
      Value operand = values[value].getResult(0);
      EXPECT_TRUE(failed(inferTypes(&context, loc, ValueRange(operand),
                                    DictionaryAttr::get(&context), nullptr,
                                    RegionRange(), types)));
    });
  };
  auto disassemble = [](auto &&...arguments) {
    return DisassembleOp::inferReturnTypes(arguments...);
  };
  auto chooseParams = [](auto &&...arguments) {
    return ChooseParamsOp::inferReturnTypes(arguments...);
  };
  EXPECT_EQ(infer(disassemble, 0),
            "source must be an encoded tensor, got 'tensor<8xf32>'");
  EXPECT_EQ(infer(chooseParams, 1), "needs a ranked source and an encoding");
  for (UnrealizedConversionCastOp value : values)
    value->destroy();
}

} // namespace
