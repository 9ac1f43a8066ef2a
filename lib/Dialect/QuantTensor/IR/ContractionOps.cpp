//===- ContractionOps.cpp - int_matmul and scaled_matmul ------------------===//
//
// Verifiers and queries. The comments quote the constraints' numbers in
// QuantTensorContractionOps.td.
//
//===----------------------------------------------------------------------===//

#include "VerifyUtils.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

/// [B.., .., M, K] x [B.., N, K] -> [B.., .., M, N]: what both contractions ask
/// of shapes. `numSums` rows of `rhs` belong to each N.
static LogicalResult verifyContractionShapes(Operation *op,
                                             RankedTensorType lhs,
                                             RankedTensorType rhs,
                                             RankedTensorType init,
                                             int64_t numSums = 1) {
  if (lhs.getRank() < 2 || rhs.getRank() < 2 || rhs.getRank() > lhs.getRank())
    return op->emitOpError()
           << "expects an lhs [.., M, K] of rank 2 or more and an rhs [.., N, "
              "K] of rank 2 up to that of lhs, got "
           << lhs << " and " << rhs;
  if (rhs.getEncoding() && rhs.getRank() != 2)
    return op->emitOpError()
           << "expects an encoded rhs N×K of rank 2, got " << rhs;
  if (!extentsAgree(lhs.getShape().back(), rhs.getShape().back()))
    return op->emitOpError()
           << "lhs and rhs must agree on K, their last "
              "dimension, got "
           << lhs.getShape().back() << " and " << rhs.getShape().back();
  int64_t numBatchDims = rhs.getRank() - 2;
  for (int64_t dim = 0; dim < numBatchDims; ++dim)
    if (!extentsAgree(lhs.getDimSize(dim), rhs.getDimSize(dim)))
      return op->emitOpError()
             << "lhs and rhs must agree on batch dimension " << dim << ", got "
             << lhs.getDimSize(dim) << " and " << rhs.getDimSize(dim);
  SmallVector<int64_t> expected(lhs.getShape());
  expected.back() = rhs.getDimSize(numBatchDims);
  if (!ShapedType::isDynamic(expected.back())) {
    if (expected.back() % numSums)
      return op->emitOpError() << "expects an even number of rows of a paired "
                                  "rhs, got "
                               << rhs;
    expected.back() /= numSums;
  }
  if (init.getEncoding() ||
      failed(verifyCompatibleShape(init.getShape(), expected)))
    return op->emitOpError()
           << "init must be [.., M, N] = "
           << RankedTensorType::get(expected, init.getElementType()) << ", got "
           << init;
  return success();
}

/// No sum of K products of codes overflows i32.
static LogicalResult verifyNoOverflow(Operation *op, RankedTensorType lhs,
                                      RankedTensorType rhs, bool lhsWide,
                                      bool rhsWide) {
  int64_t k = lhs.getShape().back();
  if (ShapedType::isDynamic(k))
    k = rhs.getShape().back();
  int64_t limit = getMaxContractionExtent(lhsWide, rhsWide);
  if (!ShapedType::isDynamic(k) && k > limit)
    return op->emitOpError()
           << "an i32 sum of K = " << k
           << " products could overflow: these codes allow K up to " << limit;
  return success();
}

//===----------------------------------------------------------------------===//
// IntMatmulOp
//===----------------------------------------------------------------------===//

LogicalResult IntMatmulOp::verify() {
  RankedTensorType lhs = getLhs().getType(), rhs = getRhs().getType();
  RankedTensorType init = getInit().getType();
  // (C1)
  if (!lhs.getElementType().isSignlessInteger(8) ||
      !rhs.getElementType().isSignlessInteger(8))
    return emitOpError() << "lhs and rhs must be codes of type i8, got "
                         << lhs.getElementType() << " and "
                         << rhs.getElementType();
  // (C1), (C2), (C3)
  if (failed(verifyContractionShapes(*this, lhs, rhs, init)))
    return failure();
  // (C3)
  if (!init.getElementType().isSignlessInteger(32))
    return emitOpError() << "init must have element type i32, got "
                         << init.getElementType();
  // (C4), (C5)
  auto verifyZeroPointShape = [&](Value value, RankedTensorType codes,
                                  StringRef what) -> LogicalResult {
    if (!value)
      return success();
    auto type = cast<RankedTensorType>(value.getType());
    bool fits = type.getElementType().isSignlessInteger(32) &&
                !type.getEncoding() && type.getRank() == codes.getRank() &&
                type.getShape().back() == 1;
    for (int64_t dim = 0; fits && dim + 1 < codes.getRank(); ++dim)
      fits = type.getDimSize(dim) == 1 ||
             extentsAgree(type.getDimSize(dim), codes.getDimSize(dim));
    if (fits)
      return success();
    SmallVector<int64_t> shape(codes.getShape());
    shape.back() = 1;
    return emitOpError() << what << " must be "
                         << RankedTensorType::get(
                                shape, IntegerType::get(getContext(), 32))
                         << " or have extents of 1, got " << type;
  };
  if (failed(
          verifyZeroPointShape(getLhsZeroPoints(), lhs, "lhs_zero_points")) ||
      failed(verifyZeroPointShape(getRhsZeroPoints(), rhs, "rhs_zero_points")))
    return failure();
  // (C6)
  return verifyNoOverflow(*this, lhs, rhs,
                          getLhsUnsigned() || getLhsZeroPoints(),
                          getRhsUnsigned() || getRhsZeroPoints());
}

//===----------------------------------------------------------------------===//
// OutlierMatmulOp
//===----------------------------------------------------------------------===//

LogicalResult OutlierMatmulOp::verify() {
  RankedTensorType lhs = getLhs().getType(), rhs = getRhs().getType();
  RankedTensorType init = getInit().getType();
  auto isKernelFloat = [](Type type) {
    return isa<Float16Type, BFloat16Type, Float32Type>(type);
  };
  // (C1)
  if (!isKernelFloat(lhs.getElementType()))
    return emitOpError() << "lhs must have elements of f16, bf16 or f32, got "
                         << lhs.getElementType();
  // (C2)
  if (failed(verifyEncodedType(*this, "rhs", rhs)))
    return failure();
  EncodingAttr encoding = getEncoding(rhs);
  ArrayRef<int64_t> block = encoding.getBlock();
  if (!encoding.getStorage().isSignlessInteger(8) || encoding.hasZeroPoint() ||
      block.size() != 2 || block[0] > 1 || block[1] != 0)
    return emitOpError()
           << "rhs must be N×K with storage i8, no zero_point and "
              "block [1, 0] or [0, 0], got "
           << encoding;
  // (C1), (C3), (C4)
  if (failed(verifyContractionShapes(*this, lhs, rhs, init)))
    return failure();
  // (C4)
  if (!isKernelFloat(init.getElementType()))
    return emitOpError() << "init must have elements of f16, bf16 or f32, got "
                         << init.getElementType();
  // (C5)
  if (getThreshold().has_value() == getColumns().has_value())
    return emitOpError() << "takes either a threshold or columns, got "
                         << (getThreshold() ? "both" : "neither");
  int64_t k = lhs.getShape().back();
  if (ShapedType::isDynamic(k))
    k = rhs.getShape().back();
  // (C6), written so that NaN fails.
  if (getThreshold() && !(getThreshold()->convertToDouble() > 0))
    return emitOpError() << "threshold must be positive, got "
                         << getThreshold()->convertToDouble();
  if (std::optional<ArrayRef<int64_t>> columns = getColumns()) {
    int64_t previous = -1;
    for (int64_t column : *columns) {
      if (column <= previous || (!ShapedType::isDynamic(k) && column >= k))
        return emitOpError() << "columns must ascend from 0 to below K = "
                             << (ShapedType::isDynamic(k) ? "?" : Twine(k))
                             << ", got " << column << " after " << previous;
      previous = column;
    }
    if (ShapedType::isDynamic(k))
      return emitOpError() << "columns are given of a dynamic K";
  }
  // (C8)
  if (Value floats = getOutlierRhs()) {
    auto type = cast<RankedTensorType>(floats.getType());
    if (!getColumns())
      return emitOpError() << "outlier_rhs goes with columns";
    int64_t count = getColumns()->size();
    if (!isKernelFloat(type.getElementType()) || type.getRank() != 2 ||
        type.getDimSize(1) != count || type.getDimSize(0) != rhs.getDimSize(0))
      return emitOpError() << "outlier_rhs must be N×" << count
                           << " of f16, bf16 or f32 with the N of rhs, got "
                           << type;
  }
  // (C7)
  return verifyNoOverflow(*this, lhs, rhs, /*lhsWide=*/false,
                          /*rhsWide=*/false);
}

//===----------------------------------------------------------------------===//
// ScaledMatmulOp
//===----------------------------------------------------------------------===//

EncodingAttr ScaledMatmulOp::getLhsEncoding() {
  return getEncoding(getLhs().getType());
}

EncodingAttr ScaledMatmulOp::getRhsEncoding() {
  return getEncoding(getRhs().getType());
}

Type ScaledMatmulOp::getAccumulatorType() {
  Builder builder(getContext());
  if (!getRhsEncoding() &&
      isa<IntegerType>(getLhs().getType().getElementType()) &&
      isa<IntegerType>(getElementTypeOrSelf(getRhs().getType())))
    return builder.getI32Type();
  return builder.getF32Type();
}

AffineMap ScaledMatmulOp::getEpilogueMap(unsigned index) {
  return cast<AffineMapAttr>(getMaps()[index]).getValue();
}

static bool isMatmulElement(Type type) {
  return type.isSignlessInteger(8) ||
         isa<Float8E4M3FNType, Float8E5M2Type, Float16Type, BFloat16Type,
             Float32Type>(type);
}

/// (C5), (C6): the maps say where in `outputShape`'s operands to read.
static LogicalResult verifyMaps(ScaledMatmulOp op) {
  ArrayRef<int64_t> output = op.getInit().getType().getShape();
  // (C5)
  size_t count = op.getEpilogueArgs().size();
  if (op.getMaps().size() != count)
    return op.emitOpError() << "expects one map per epilogue operand, got "
                            << op.getMaps().size() << " for " << count;
  for (auto [index, operand] : llvm::enumerate(op.getEpilogueArgs())) {
    AffineMap map = op.getEpilogueMap(index);
    auto type = cast<RankedTensorType>(operand.getType());
    if (map.getNumSymbols() || map.getNumDims() != output.size() ||
        static_cast<int64_t>(map.getNumResults()) != type.getRank())
      return op.emitOpError()
             << "map #" << index << " must go from " << output.size()
             << " dimensions to " << type.getRank()
             << " results without symbols, got " << AffineMapAttr::get(map);
    // (C6)
    if (!map.isProjectedPermutation(/*allowZeroInResults=*/true))
      return op.emitOpError()
             << "each result of map #" << index
             << " must be 0 or a dimension that no other result is, got "
             << AffineMapAttr::get(map);
    for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
      int64_t extent = type.getDimSize(dim);
      auto dimExpr = dyn_cast<AffineDimExpr>(expr);
      if (dimExpr ? !extentsAgree(extent, output[dimExpr.getPosition()])
                  : extent == 0)
        return op.emitOpError()
               << "epilogue operand #" << index << " of type " << type
               << " has extent " << extent << " where its map "
               << AffineMapAttr::get(map) << " reads "
               << (dimExpr ? output[dimExpr.getPosition()] : 1);
    }
  }
  return success();
}

/// (C11): the encodings of a product of 8-bit floats that scales change in.
static LogicalResult verifyBlockScaled(ScaledMatmulOp op) {
  if (!op.getRhsEncoding())
    return op.emitOpError() << "has an encoded lhs beside a plain rhs";
  for (auto [name, encoding] :
       {std::pair("lhs", op.getLhsEncoding()), {"rhs", op.getRhsEncoding()}})
    if (!isa<Float8E4M3FNType, Float8E5M2Type>(encoding.getStorage()) ||
        encoding.getCodebook() || encoding.hasZeroPoint() ||
        !encoding.isRowMajor())
      return op.emitOpError()
             << "of two encoded operands expects row-major codes of f8E4M3FN "
                "or f8E5M2 without zero points, got "
             << name << " with " << encoding;
  for (int64_t extent : op.getLhsEncoding().getBlock().drop_back())
    if (extent != 1)
      return op.emitOpError() << "each row of an encoded lhs has scales of its "
                                 "own, got "
                              << op.getLhsEncoding();
  return success();
}

LogicalResult ScaledMatmulOp::verify() {
  RankedTensorType lhs = getLhs().getType();
  auto rhs = cast<RankedTensorType>(getRhs().getType());
  RankedTensorType init = getInit().getType();
  EncodingAttr encoding = getRhsEncoding();
  if (encoding && failed(verifyEncodedType(*this, "rhs", rhs)))
    return failure();
  // (C11)
  if (isBlockScaled() && (failed(verifyEncodedType(*this, "lhs", lhs)) ||
                          failed(verifyBlockScaled(*this))))
    return failure();
  // (C1)
  if (!isMatmulElement(lhs.getElementType()) ||
      (!encoding && !isMatmulElement(rhs.getElementType())))
    return emitOpError() << "operands must have element type i8, f8E4M3FN, "
                            "f8E5M2, f16, bf16 or f32, got "
                         << lhs << " and " << rhs;
  // (C1)
  if (getPaired() && rhs.getRank() != 2)
    return emitOpError() << "expects a paired rhs 2N×K of rank 2, got " << rhs;
  // (C1), (C2), (C3)
  if (failed(verifyContractionShapes(*this, lhs, rhs, init, getNumSums())))
    return failure();
  // (C3)
  if (!isa<IntegerType, FloatType>(init.getElementType()))
    return emitOpError() << "init must have an integer or float element type, "
                            "got "
                         << init.getElementType();
  // (C4)
  if (getLhsUnsigned() && !lhs.getElementType().isInteger(8))
    return emitOpError() << "lhs_unsigned needs an lhs of i8, got " << lhs;
  if (getRhsUnsigned() && (encoding || !rhs.getElementType().isInteger(8)))
    return emitOpError() << "rhs_unsigned needs a plain rhs of i8, got " << rhs;
  // (C5), (C6)
  if (failed(verifyMaps(*this)))
    return failure();
  // (C10)
  if (isa<IntegerType>(getAccumulatorType()))
    return verifyNoOverflow(*this, lhs, rhs, getLhsUnsigned(),
                            getRhsUnsigned());
  return success();
}

LogicalResult ScaledMatmulOp::verifyRegions() {
  // (C7)
  Block &block = getEpilogue().front();
  SmallVector<Type> expected(getNumSums(), getAccumulatorType());
  for (Value operand : getEpilogueArgs())
    expected.push_back(getElementTypeOrSelf(operand.getType()));
  if (block.getArgumentTypes() != TypeRange(expected)) {
    InFlightDiagnostic diag = emitOpError()
                              << "the region's arguments must be (";
    llvm::interleaveComma(expected, diag);
    diag << "): the accumulator" << (getPaired() ? "s of a pair" : "")
         << " and one element of each epilogue operand; got (";
    llvm::interleaveComma(block.getArgumentTypes(), diag);
    return diag << ")";
  }
  // (C8)
  for (Operation &op : block.without_terminator()) {
    Dialect *dialect = op.getDialect();
    bool scalar = llvm::all_of(op.getResultTypes(), [](Type type) {
      return type.isIntOrIndexOrFloat();
    });
    if (!isa_and_present<arith::ArithDialect, math::MathDialect>(dialect) ||
        op.getNumRegions() || !isMemoryEffectFree(&op) || !scalar) {
      InFlightDiagnostic diag =
          emitOpError() << "the region may hold only arith and math ops on "
                           "scalars, without side effects";
      diag.attachNote(op.getLoc()) << "found '" << op.getName() << "' here";
      return diag;
    }
  }
  // (C9)
  auto yield = cast<YieldOp>(block.getTerminator());
  Type element = getInit().getType().getElementType();
  if (yield.getValues().getTypes() != TypeRange(element))
    return yield.emitOpError()
           << "must yield one value of the result's element type " << element
           << ", got (" << yield.getValues().getTypes() << ")";
  return success();
}
