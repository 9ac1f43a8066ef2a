//===- ExpandMath.cpp - Math ops without a device library -----------------===//

#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h"

#include "Functions.h"
#include "HardwareArithmetic.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

namespace quantmlir::quant_tile {
#define GEN_PASS_DEF_QUANTTILEEXPANDMATH
#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tile

using namespace mlir;
using namespace quantmlir;

namespace {

struct ExpandMath
    : quantmlir::quant_tile::impl::QuantTileExpandMathBase<ExpandMath> {
  void runOnOperation() override {
    if (failed(expand()) || failed(checkRest()))
      signalPassFailure();
  }

  LogicalResult expand() {
    MLIRContext *context = &getContext();
    RewritePatternSet wholes(context);
    quant_tile::populateRoundedConversionPatterns(wholes);
    quant_tile::populateActivationPatterns(wholes);
    if (failed(applyPatternsGreedily(getOperation(), std::move(wholes))))
      return failure();
    RewritePatternSet patterns(context);
    quant_tile::populateMinMaxPatterns(patterns);
    quant_tile::populateRemainderPatterns(patterns);
    quant_tile::populateWideningPatterns(patterns);
    auto always = [](StringRef) { return true; };
    populateMathF32ExpansionPatterns(patterns, always);
    populateMathPolynomialApproximationPatterns(patterns, [](StringRef name) {
      return !llvm::is_contained<StringRef>({math::ErfOp::getOperationName(),
                                             math::ExpOp::getOperationName(),
                                             math::TanhOp::getOperationName()},
                                            name);
    });
    math::populateExpansionPatterns(patterns, {"sinh", "cosh", "tan", "asinh",
                                               "acosh", "atanh", "powf",
                                               "fpowi", "ipowi", "clampf"});
    quant_tile::populateFunctionPatterns(patterns);
    return applyPatternsGreedily(getOperation(), std::move(patterns));
  }

  LogicalResult checkRest() {
    // Functions that become an intrinsic for which NVPTX has no instruction
    // would end the process in instruction selection.
    WalkResult unsupported = getOperation().walk([](Operation *op) {
      if (isa<math::ExpOp, math::Exp2Op, math::ExpM1Op, math::LogOp,
              math::Log2Op, math::Log10Op, math::Log1pOp, math::SinOp,
              math::CosOp, math::TanOp, math::SincosOp, math::TanhOp,
              math::SinhOp, math::CoshOp, math::AsinOp, math::AcosOp,
              math::AtanOp, math::Atan2Op, math::AsinhOp, math::AcoshOp,
              math::AtanhOp, math::ErfOp, math::ErfcOp, math::PowFOp,
              math::FPowIOp, math::IPowIOp, math::CbrtOp, arith::RemFOp>(op))
        return WalkResult(op->emitOpError() << "has no GPU lowering for type "
                                            << op->getResult(0).getType());
      return WalkResult::advance();
    });
    return failure(unsupported.wasInterrupted());
  }
};

} // namespace
