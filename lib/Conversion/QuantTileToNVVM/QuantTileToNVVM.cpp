//===- QuantTileToNVVM.cpp - quant_tile instructions to LLVM and NVVM -----===//

#include "quantmlir/Conversion/QuantTileToNVVM/QuantTileToNVVM.h"

#include "DecodeToNVVM.h"
#include "mlir/Conversion/ConvertToLLVM/ToLLVMInterface.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;

namespace {

struct DecodeLowering : ConvertOpToLLVMPattern<DecodeOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(DecodeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOp(
        op, emitDecode(rewriter, op.getLoc(), adaptor.getWord(), op.getPair(),
                       op.getStorage(), op.getType(), op.getBiased(),
                       op.getInPlace(), op.getShrunk(), adaptor.getScale(),
                       adaptor.getMinus(), op.getRow(), op.getCodebookAttr()));
    return success();
  }
};

struct LookUpLowering : ConvertOpToLLVMPattern<LookUpOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(LookUpOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Type i32 = rewriter.getI32Type();
    // The column in byte 0, the byte of codes above it, and zeros, which the
    // column's upper bytes are.
    Value selector = LLVM::ConstantOp::create(
        rewriter, loc, i32,
        rewriter.getI32IntegerAttr(0x5504 | op.getPair() << 4));
    Value offset = NVVM::PermuteOp::create(
        rewriter, loc, i32, adaptor.getWord(), adaptor.getColumn(), selector,
        NVVM::PermuteMode::DEFAULT);
    Value address = LLVM::GEPOp::create(
        rewriter, loc, adaptor.getTable().getType(), rewriter.getI8Type(),
        adaptor.getTable(), ArrayRef<LLVM::GEPArg>{offset});
    rewriter.replaceOpWithNewOp<LLVM::LoadOp>(op, op.getType(), address,
                                              /*alignment=*/4);
    return success();
  }
};

struct LoadLowering : ConvertOpToLLVMPattern<LoadOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(LoadOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Type type = getTypeConverter()->convertType(op.getType());
    if (!type)
      return rewriter.notifyMatchFailure(op, "no LLVM type for the result");
    Value address = getStridedElementPtr(
        rewriter, op.getLoc(), cast<MemRefType>(op.getBase().getType()),
        adaptor.getBase(), adaptor.getIndices());
    rewriter.replaceOpWithNewOp<LLVM::LoadOp>(
        op, type, address, op.getAlignment(), /*isVolatile=*/false,
        /*isNonTemporal=*/false, /*isInvariant=*/true);
    return success();
  }
};

struct QuantTileToLLVMInterface : ConvertToLLVMPatternInterface {
  QuantTileToLLVMInterface(Dialect *dialect)
      : ConvertToLLVMPatternInterface(dialect) {}

  void loadDependentDialects(MLIRContext *context) const final {
    context->loadDialect<NVVM::NVVMDialect>();
  }

  void populateConvertToLLVMConversionPatterns(
      ConversionTarget &target, LLVMTypeConverter &converter,
      RewritePatternSet &patterns) const final {
    populateQuantTileToNVVMPatterns(converter, patterns);
    // The meaning of an instruction is known until it is translated.
    target.addDynamicallyLegalDialect<QuantTileDialect>(
        [](Operation *op) { return !isa<DecodeOp, LookUpOp, LoadOp>(op); });
  }
};

} // namespace

void quantmlir::populateQuantTileToNVVMPatterns(LLVMTypeConverter &converter,
                                                RewritePatternSet &patterns) {
  patterns.add<DecodeLowering, LookUpLowering, LoadLowering>(converter);
}

void quantmlir::registerConvertQuantTileToNVVMInterface(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *, QuantTileDialect *dialect) {
    dialect->addInterfaces<QuantTileToLLVMInterface>();
  });
}
