//===- VerifyEncodings.cpp - Refuse encodings that upstream broke ---------===//

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"

namespace quantmlir::quant_tensor {
#define GEN_PASS_DEF_QUANTTENSORVERIFYENCODINGS
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tensor

using namespace mlir;
using namespace quantmlir::quant_tensor;

namespace {

/// Runs the encoding's own verifier on a type that no parser has seen.
LogicalResult verifyType(Operation *op, Type type, const Twine &what) {
  EncodingAttr encoding = getEncoding(type);
  if (!encoding)
    return success();
  auto tensor = cast<RankedTensorType>(type);
  return encoding.verifyEncoding(
      tensor.getShape(), tensor.getElementType(),
      [&] { return op->emitOpError() << what << ": "; });
}

struct VerifyEncodings
    : quantmlir::quant_tensor::impl::QuantTensorVerifyEncodingsBase<
          VerifyEncodings> {
  void runOnOperation() override {
    WalkResult result = getOperation()->walk([&](Operation *op) {
      for (auto [index, type] : llvm::enumerate(op->getResultTypes()))
        if (failed(verifyType(op, type, "result #" + Twine(index))))
          return WalkResult::interrupt();
      for (Region &region : op->getRegions())
        for (Block &block : region)
          for (BlockArgument argument : block.getArguments())
            if (failed(verifyType(op, argument.getType(),
                                  "block argument #" +
                                      Twine(argument.getArgNumber()))))
              return WalkResult::interrupt();
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
