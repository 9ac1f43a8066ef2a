//===- LowerEncodings.cpp - Encoded tensors become their parts ------------===//

#include "LowerEncodings.h"

#include "quantmlir/Dialect/QuantTensor/IR/BufferNames.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/ControlFlow/Transforms/StructuralTypeConversions.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace quantmlir::quant_tensor {
#define GEN_PASS_DEF_QUANTTENSORLOWERENCODINGS
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tensor

using namespace mlir;
using namespace quantmlir::quant_tensor;

void quantmlir::quant_tensor::populateEncodingTypeConversions(
    TypeConverter &converter) {
  converter.addConversion([](Type type) { return type; });
  converter.addConversion(
      [](RankedTensorType type,
         SmallVectorImpl<Type> &parts) -> std::optional<LogicalResult> {
        EncodingAttr encoding = getEncoding(type);
        if (!encoding)
          return std::nullopt;
        parts.push_back(encoding.getCodesType(type.getShape()));
        parts.push_back(encoding.getScalesType(type.getShape()));
        if (Type zeroPoints = encoding.getZeroPointsType(type.getShape()))
          parts.push_back(zeroPoints);
        return success();
      });
  converter.addSourceMaterialization([](OpBuilder &builder,
                                        RankedTensorType type, ValueRange parts,
                                        Location loc) -> Value {
    if (!getEncoding(type) || parts.size() < 2)
      return {};
    return AssembleOp::create(builder, loc, type, parts[0], parts[1],
                              parts.size() > 2 ? parts[2] : Value());
  });
  converter.addTargetMaterialization([](OpBuilder &builder, TypeRange types,
                                        ValueRange inputs,
                                        Location loc) -> SmallVector<Value> {
    if (inputs.size() != 1 || !getEncoding(inputs[0].getType()))
      return {};
    return EncodedParts::get(builder, loc, inputs[0]).getValues();
  });
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

static bool isEncoded(Type type) { return getEncoding(type) != nullptr; }

namespace {

/// Attributes of the parts of one argument or result. Every part keeps what the
/// bundle carried; the name gains the part's.
void appendAttributes(MLIRContext *context, DictionaryAttr attributes,
                      Type type, StringRef name, bool isArgument,
                      SmallVectorImpl<Attribute> &all) {
  Builder builder(context);
  NamedAttrList list(attributes);
  StringRef nameAttr = QuantTensorDialect::getNameAttrName();
  EncodingAttr encoding = getEncoding(type);
  if (!encoding) {
    // Positions shift, so a name by position is written down before they do.
    list.set(nameAttr, builder.getStringAttr(name));
    all.push_back(list.getDictionary(context));
    return;
  }
  if (isArgument)
    list.set(QuantTensorDialect::getWeightAttrName(), builder.getUnitAttr());
  for (StringRef part : {"codes", "scales", "zero_points"}) {
    if (part == "zero_points" && !encoding.hasZeroPoint())
      continue;
    list.set(nameAttr, builder.getStringAttr(name + "." + part));
    all.push_back(list.getDictionary(context));
  }
}

struct LowerFunc : OpConversionPattern<func::FuncOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(func::FuncOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    FunctionType type = op.getFunctionType();
    TypeConverter::SignatureConversion signature(type.getNumInputs());
    SmallVector<Type> results;
    if (failed(
            typeConverter->convertSignatureArgs(type.getInputs(), signature)) ||
        failed(typeConverter->convertTypes(type.getResults(), results)))
      return rewriter.notifyMatchFailure(op, "signature does not convert");
    SmallVector<Attribute> argAttrs, resultAttrs;
    for (auto [index, input] : llvm::enumerate(type.getInputs()))
      appendAttributes(getContext(), op.getArgAttrDict(index), input,
                       getArgumentBufferName(op, index), /*isArgument=*/true,
                       argAttrs);
    for (auto [index, result] : llvm::enumerate(type.getResults()))
      appendAttributes(getContext(), op.getResultAttrDict(index), result,
                       getResultBufferName(op, index), /*isArgument=*/false,
                       resultAttrs);
    if (!op.isExternal() && failed(rewriter.convertRegionTypes(
                                &op.getBody(), *typeConverter, &signature)))
      return failure();
    rewriter.modifyOpInPlace(op, [&] {
      op.setType(FunctionType::get(getContext(), signature.getConvertedTypes(),
                                   results));
      op.setArgAttrsAttr(rewriter.getArrayAttr(argAttrs));
      op.setResAttrsAttr(rewriter.getArrayAttr(resultAttrs));
    });
    return success();
  }
};

SmallVector<Value> flatten(ArrayRef<ValueRange> groups) {
  SmallVector<Value> values;
  for (ValueRange group : groups)
    llvm::append_range(values, group);
  return values;
}

struct LowerReturn : OpConversionPattern<func::ReturnOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(func::ReturnOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto replacement = rewriter.replaceOpWithNewOp<func::ReturnOp>(
        op, flatten(adaptor.getOperands()));
    replacement->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    return success();
  }
};

struct LowerCall : OpConversionPattern<func::CallOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(func::CallOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<Type> types;
    SmallVector<size_t> counts;
    for (Type type : op.getResultTypes()) {
      size_t before = types.size();
      if (failed(typeConverter->convertType(type, types)))
        return rewriter.notifyMatchFailure(op, "result does not convert");
      counts.push_back(types.size() - before);
    }
    auto call = func::CallOp::create(rewriter, op.getLoc(), op.getCalleeAttr(),
                                     types, flatten(adaptor.getOperands()));
    call->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    call.setNoInlineAttr(op.getNoInlineAttr());
    SmallVector<SmallVector<Value>> groups;
    ValueRange results = call.getResults();
    for (size_t count : counts) {
      groups.push_back(llvm::to_vector(results.take_front(count)));
      results = results.drop_front(count);
    }
    rewriter.replaceOpWithMultiple(op, std::move(groups));
    return success();
  }
};

} // namespace

void quantmlir::quant_tensor::populateLowerFunctionPatterns(
    const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<LowerFunc, LowerReturn, LowerCall>(converter,
                                                  patterns.getContext());
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {

bool hasEncodedType(Operation *op) {
  return llvm::any_of(op->getOperandTypes(), isEncoded) ||
         llvm::any_of(op->getResultTypes(), isEncoded);
}

/// Ops that may consume or produce encoded tensors after the pass: they see
/// `assemble` and `disassemble`.
bool keepsEncodedValues(Operation *op) {
  return isa<linalg::LinalgOp>(op) ||
         isa_and_nonnull<QuantTensorDialect>(op->getDialect());
}

/// Emits an error for an op that holds encoded tensors and cannot be lowered.
LogicalResult verifyLowerable(Operation *op) {
  for (Type type : op->getResultTypes())
    if (auto function = dyn_cast<FunctionType>(type))
      if (llvm::any_of(function.getInputs(), isEncoded) ||
          llvm::any_of(function.getResults(), isEncoded))
        return op->emitOpError("refers to a function of encoded tensors by "
                               "value: only direct calls are lowered");
  if (!hasEncodedType(op) || keepsEncodedValues(op))
    return success();
  if (isa<tensor::DimOp>(op)) {
    if (findUnrecoverableDim(
            cast<RankedTensorType>(op->getOperand(0).getType())))
      return op->emitOpError("asks for an extent that codes packed along a "
                             "dynamic dimension do not tell");
    return success();
  }
  if (isa<tensor::ExtractSliceOp>(op)) {
    std::string obstacle = findSliceObstacle(op);
    return obstacle.empty() ? success() : op->emitOpError(obstacle);
  }
  if (auto cast = dyn_cast<tensor::CastOp>(op)) {
    if (getEncoding(cast.getSource().getType()) != getEncoding(cast.getType()))
      return op->emitOpError("changes the encoding: use dequantize, requantize "
                             "or repack");
    return success();
  }
  if (isa<func::CallOp, func::ReturnOp, scf::ForOp, scf::IfOp, scf::WhileOp,
          scf::IndexSwitchOp, scf::YieldOp, scf::ConditionOp, cf::BranchOp,
          cf::CondBranchOp, arith::SelectOp, tensor::EmptyOp>(op))
    return success();
  return op->emitOpError("has no form on the parts of an encoded tensor");
}

struct LowerEncodings
    : quantmlir::quant_tensor::impl::QuantTensorLowerEncodingsBase<
          LowerEncodings> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    WalkResult verified = module.walk([](Operation *op) {
      return failed(verifyLowerable(op)) ? WalkResult::interrupt()
                                         : WalkResult::advance();
    });
    if (verified.wasInterrupted())
      return signalPassFailure();

    TypeConverter converter;
    populateEncodingTypeConversions(converter);
    RewritePatternSet patterns(&getContext());
    ConversionTarget target(getContext());
    populateLowerFunctionPatterns(converter, patterns);
    populateLowerTensorPatterns(converter, patterns);
    scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                         target);
    cf::populateCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                       target);
    target.addDynamicallyLegalOp<func::FuncOp>([&](func::FuncOp op) {
      return converter.isSignatureLegal(op.getFunctionType()) &&
             converter.isLegal(&op.getBody());
    });
    target.addDynamicallyLegalOp<func::CallOp, func::ReturnOp, arith::SelectOp,
                                 tensor::CastOp, tensor::DimOp, tensor::EmptyOp,
                                 tensor::ExtractSliceOp>(
        [](Operation *op) { return !hasEncodedType(op); });
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    if (failed(applyPartialConversion(module, target, std::move(patterns))))
      return signalPassFailure();
    foldBundles(module);
  }

  /// Materialisations meet: parts that were bundled only to be taken apart.
  void foldBundles(ModuleOp module) {
    SmallVector<DisassembleOp> disassembles;
    module.walk([&](DisassembleOp op) { disassembles.push_back(op); });
    for (DisassembleOp op : disassembles) {
      auto assemble = op.getSource().getDefiningOp<AssembleOp>();
      if (!assemble)
        continue;
      op.replaceAllUsesWith(assemble.getOperands());
      op.erase();
    }
    SmallVector<Operation *> dead;
    module.walk([&](Operation *op) {
      if (isa<AssembleOp, DisassembleOp>(op) && op->use_empty())
        dead.push_back(op);
    });
    for (Operation *op : dead)
      op->erase();
  }
};

} // namespace
