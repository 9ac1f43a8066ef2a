//===- VerifyEncodings.cpp - Refuse encodings that upstream broke ---------===//
//
// An op may touch an encoded tensor only where this file knows what that
// means. Everything else is refused: silence is how upstream loses encodings.
//
//===----------------------------------------------------------------------===//

#include "quantmlir/Dialect/QuantTensor/IR/EncodedSlices.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/CallInterfaces.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

namespace quantmlir::quant_tensor {
#define GEN_PASS_DEF_QUANTTENSORVERIFYENCODINGS
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tensor

using namespace mlir;
using namespace quantmlir::quant_tensor;

namespace {

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

/// Runs the encoding's own verifier on a type that no parser has seen, and
/// refuses an encoding anywhere but on a ranked tensor: as the memory space of
/// a memref, which is where bufferization with `use-encoding-for-memory-space`
/// puts it, or inside another type.
LogicalResult verifyType(Operation *op, Type type, const Twine &what) {
  if (EncodingAttr encoding = getEncoding(type)) {
    auto tensor = cast<RankedTensorType>(type);
    return encoding.verifyEncoding(
        tensor.getShape(), tensor.getElementType(),
        [&] { return op->emitOpError() << what << ": "; });
  }
  // A function type only mentions the types of values that are checked on
  // their own.
  if (isa<FunctionType, IntegerType, FloatType, IndexType>(type))
    return success();
  bool found = type.walk([](EncodingAttr) { return WalkResult::interrupt(); })
                   .wasInterrupted();
  if (found)
    return op->emitOpError()
           << what << " of type " << type
           << " carries a quantization encoding, which means something on "
              "ranked tensors only";
  return success();
}

LogicalResult verifyTypes(Operation *op) {
  for (auto [index, type] : llvm::enumerate(op->getResultTypes()))
    if (failed(verifyType(op, type, "result #" + Twine(index))))
      return failure();
  for (Region &region : op->getRegions())
    for (Block &block : region)
      for (BlockArgument argument : block.getArguments())
        if (failed(verifyType(op, argument.getType(),
                              "block argument #" +
                                  Twine(argument.getArgNumber()))))
          return failure();
  // The signature of a function: a declaration has no block arguments.
  if (auto function = dyn_cast<FunctionOpInterface>(op)) {
    for (auto [index, type] : llvm::enumerate(function.getArgumentTypes()))
      if (function.isExternal() &&
          failed(verifyType(op, type, "argument #" + Twine(index))))
        return failure();
    for (auto [index, type] : llvm::enumerate(function.getResultTypes()))
      if (failed(verifyType(op, type, "function result #" + Twine(index))))
        return failure();
  }
  return success();
}

bool isEncoded(Type type) { return static_cast<bool>(getEncoding(type)); }

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

/// Only extents may change: static to dynamic or back.
LogicalResult verifyCast(tensor::CastOp op) {
  EncodingAttr source = getEncoding(op.getSource().getType());
  EncodingAttr result = getEncoding(op.getType());
  if (source == result)
    return success();
  if (!result)
    return op.emitOpError() << "drops the encoding " << source
                            << "; canonicalize turns this cast into "
                               "quant_tensor.dequantize";
  if (!source)
    return op.emitOpError() << "gives an encoding to a tensor without one; "
                               "quant_tensor.quantize does that";
  return op.emitOpError() << "changes the encoding from " << source << " to "
                          << result
                          << "; quant_tensor.requantize or repack does that";
}

/// Inputs may be encoded: they mean their logical values. An init may not: no
/// scalar that the body yields is a code and a scale.
LogicalResult verifyLinalg(linalg::LinalgOp op) {
  for (OpOperand &init : op.getDpsInitsMutable())
    if (isEncoded(init.get().getType()))
      return op.emitOpError()
             << "writes into the encoded init of type " << init.get().getType()
             << "; compute a dense result and quant_tensor.quantize it";
  return success();
}

/// The start of an error that names the first encoded type of `op`.
InFlightDiagnostic refuse(Operation *op) {
  SmallVector<Type> types(op->getOperandTypes());
  llvm::append_range(types, op->getResultTypes());
  return op->emitOpError() << "cannot carry the encoding of "
                           << *llvm::find_if(types, isEncoded) << ": ";
}

/// Whether `op` only passes values on, so that its own verifier ties the types
/// at both ends together.
bool isDataFlow(Operation *op) {
  return isa<CallOpInterface, CallableOpInterface, BranchOpInterface,
             RegionBranchOpInterface, RegionBranchTerminatorOpInterface,
             SelectLikeOpInterface>(op) ||
         op->hasTrait<OpTrait::ReturnLike>();
}

/// Refuses an op that touches encoded tensors and loses, moves or invents
/// what they mean.
LogicalResult verifyEncodedOp(Operation *op) {
  if (isa_and_present<QuantTensorDialect>(op->getDialect()) || isDataFlow(op))
    return success();
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<tensor::DimOp>([](auto) { return success(); })
      .Case<tensor::CastOp>([](auto op) { return verifyCast(op); })
      .Case<tensor::ExtractSliceOp>(
          [](auto op) { return verifyEncodedSlice(op); })
      .Case<linalg::LinalgOp>([](auto op) { return verifyLinalg(op); })
      .Case<tensor::EmptyOp, bufferization::AllocTensorOp>([&](auto) {
        return refuse(op) << "it has no codes and scales yet; only "
                             "quant_tensor.quantize makes them";
      })
      .Case<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::ReshapeOp>(
          [&](auto) {
            return refuse(op) << "regrouped dimensions no longer match its "
                                 "blocks; reshape the dense tensor";
          })
      .Case<tensor::PadOp, tensor::ConcatOp, tensor::InsertSliceOp,
            tensor::ParallelInsertSliceOp>([&](auto) {
        return refuse(op) << "the blocks of its parts do not add up to those "
                             "of the result; dequantize the parts";
      })
      .Case<linalg::PackOp, linalg::UnPackOp>([&](auto) {
        return refuse(op) << "tiles cut through its blocks; "
                             "quant_tensor.repack changes the layout of an "
                             "encoded tensor";
      })
      .Case<bufferization::ToBufferOp, bufferization::ToTensorOp,
            bufferization::MaterializeInDestinationOp>([&](auto) {
        return refuse(op)
               << "a buffer holds its logical values, not codes and scales; "
                  "run quant-tensor-lower-encodings before bufferization";
      })
      .Default([&](Operation *) -> LogicalResult {
        if (op->hasTrait<OpTrait::ConstantLike>())
          return refuse(op) << "a constant has logical values, not codes and "
                               "scales; quant_tensor.assemble constant codes";
        return refuse(op) << "insert quant_tensor.dequantize before it";
      });
}

bool touchesEncoded(Operation *op) {
  return llvm::any_of(op->getOperandTypes(), isEncoded) ||
         llvm::any_of(op->getResultTypes(), isEncoded);
}

struct VerifyEncodings
    : quantmlir::quant_tensor::impl::QuantTensorVerifyEncodingsBase<
          VerifyEncodings> {
  using Base::Base;

  /// Writes the encodings of a function's signature beside it, where the
  /// dialect's attribute verifier compares them after every later pass.
  void pin(FunctionOpInterface function) {
    StringRef name = QuantTensorDialect::getPinnedEncodingAttrName();
    for (auto [index, type] : llvm::enumerate(function.getArgumentTypes()))
      if (EncodingAttr encoding = getEncoding(type))
        function.setArgAttr(index, name, encoding);
    for (auto [index, type] : llvm::enumerate(function.getResultTypes()))
      if (EncodingAttr encoding = getEncoding(type))
        function.setResultAttr(index, name, encoding);
  }

  void runOnOperation() override {
    // Every error is reported, not only the first: they have one cause each.
    bool failure = false;
    getOperation()->walk([&](Operation *op) {
      if (failed(verifyTypes(op)) ||
          (touchesEncoded(op) && failed(verifyEncodedOp(op))))
        failure = true;
    });
    if (failure)
      return signalPassFailure();
    if (pinSignatures)
      getOperation()->walk([&](FunctionOpInterface op) { pin(op); });
    else
      markAllAnalysesPreserved();
  }
};

} // namespace
