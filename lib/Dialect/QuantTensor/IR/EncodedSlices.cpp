//===- EncodedSlices.cpp - Which slices respect an encoding ---------------===//

#include "quantmlir/Dialect/QuantTensor/IR/EncodedSlices.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/TypeSwitch.h"

#include <numeric>

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tensor;

//===----------------------------------------------------------------------===//
// Divisibility
//===----------------------------------------------------------------------===//

/// Longest chain of definitions to look through. Index arithmetic of tiling is
/// a few ops deep; without a bound a hostile chain of additions takes time
/// exponential in its length.
static constexpr unsigned maxDepth = 8;

static bool isMultiple(Value value, int64_t divisor, unsigned depth);

static bool isMultiple(OpFoldResult value, int64_t divisor, unsigned depth) {
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return *constant % divisor == 0;
  auto dynamic = dyn_cast<Value>(value);
  return dynamic && isMultiple(dynamic, divisor, depth);
}

/// `expr` over `operands` (dimensions, then symbols from `numDims` on).
static bool isMultiple(AffineExpr expr, ValueRange operands, unsigned numDims,
                       int64_t divisor, unsigned depth) {
  if (divisor == 1)
    return true;
  auto recurse = [&](AffineExpr sub, int64_t by) {
    return isMultiple(sub, operands, numDims, by, depth);
  };
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue() % divisor == 0;
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return isMultiple(operands[dim.getPosition()], divisor, depth);
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return isMultiple(operands[numDims + symbol.getPosition()], divisor, depth);
  auto binary = cast<AffineBinaryOpExpr>(expr);
  AffineExpr lhs = binary.getLHS(), rhs = binary.getRHS();
  auto factor = dyn_cast<AffineConstantExpr>(rhs);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return recurse(lhs, divisor) && recurse(rhs, divisor);
  case AffineExprKind::Mul:
    if (!factor)
      return recurse(lhs, divisor) || recurse(rhs, divisor);
    return recurse(lhs, divisor / std::gcd(divisor, factor.getValue()));
  case AffineExprKind::Mod:
    return factor && factor.getValue() % divisor == 0 && recurse(lhs, divisor);
  default:
    return false;
  }
}

static bool isMultiple(AffineMap map, ValueRange operands, int64_t divisor,
                       unsigned depth) {
  return llvm::all_of(map.getResults(), [&](AffineExpr expr) {
    return isMultiple(expr, operands, map.getNumDims(), divisor, depth);
  });
}

/// An induction variable: lower bound and step are multiples.
static bool isMultiple(BlockArgument argument, int64_t divisor,
                       unsigned depth) {
  Operation *loop = argument.getOwner()->getParentOp();
  if (auto forOp = dyn_cast_or_null<scf::ForOp>(loop))
    return argument == forOp.getInductionVar() &&
           isMultiple(forOp.getLowerBound(), divisor, depth) &&
           isMultiple(forOp.getStep(), divisor, depth);
  if (auto forall = dyn_cast_or_null<scf::ForallOp>(loop)) {
    unsigned index = argument.getArgNumber();
    return index < forall.getRank() &&
           isMultiple(forall.getMixedLowerBound()[index], divisor, depth) &&
           isMultiple(forall.getMixedStep()[index], divisor, depth);
  }
  if (auto forOp = dyn_cast_or_null<affine::AffineForOp>(loop))
    return argument == forOp.getInductionVar() &&
           forOp.hasConstantLowerBound() &&
           forOp.getConstantLowerBound() % divisor == 0 &&
           forOp.getStepAsInt() % divisor == 0;
  return false;
}

static bool isMultiple(Value value, int64_t divisor, unsigned depth) {
  if (divisor == 1)
    return true;
  if (depth == 0)
    return false;
  --depth;
  if (auto argument = dyn_cast<BlockArgument>(value))
    return isMultiple(argument, divisor, depth);
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return *constant % divisor == 0;
  return llvm::TypeSwitch<Operation *, bool>(value.getDefiningOp())
      .Case<affine::AffineApplyOp, affine::AffineMinOp, affine::AffineMaxOp>(
          [&](auto op) {
            return isMultiple(op.getMap(), op.getOperands(), divisor, depth);
          })
      .Case<arith::AddIOp, arith::SubIOp, arith::MinSIOp, arith::MinUIOp,
            arith::MaxSIOp, arith::MaxUIOp>([&](auto op) {
        return isMultiple(op.getLhs(), divisor, depth) &&
               isMultiple(op.getRhs(), divisor, depth);
      })
      .Case([&](arith::MulIOp op) {
        for (auto [factor, other] : {std::pair(op.getLhs(), op.getRhs()),
                                     std::pair(op.getRhs(), op.getLhs())}) {
          std::optional<int64_t> constant = getConstantIntValue(factor);
          int64_t rest =
              constant ? divisor / std::gcd(divisor, *constant) : divisor;
          if (isMultiple(other, rest, depth))
            return true;
        }
        return false;
      })
      .Default(false);
}

bool quant_tensor::isKnownMultiple(OpFoldResult value, int64_t divisor) {
  return isMultiple(value, divisor, maxDepth);
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

int64_t quant_tensor::getSliceGranule(EncodingAttr encoding, unsigned dim) {
  int64_t block = encoding.getBlock()[dim];
  if (block == 0)
    return 0;
  int64_t codes = 1;
  LayoutAttr layout = encoding.getLayoutOrDefault();
  switch (layout.getKind()) {
  case LayoutKind::RowMajor:
    // The fewest codes that fill whole bytes.
    if (dim + 1 == encoding.getBlock().size())
      codes = 8 / std::gcd<int64_t>(8, encoding.getStorageBits());
    break;
  case LayoutKind::Packed:
    if (layout.getAxis() == dim) {
      // With halves, a word's codes come from all over the dimension.
      if (layout.getHalves())
        return 0;
      codes = layout.getOrder().size();
    }
    break;
  case LayoutKind::Fragment:
  case LayoutKind::Tinygemm:
    codes = layout.getTile()[dim];
    break;
  }
  // Block extents are bounded by the parser only; keep the product in range.
  return llvm::SaturatingMultiply<uint64_t>(block / std::gcd(block, codes),
                                            codes) >
                 static_cast<uint64_t>(std::numeric_limits<int64_t>::max())
             ? 0
             : std::lcm(block, codes);
}

/// Whether `value` is the extent of dimension `dim` of `source`.
static bool isExtentOf(OpFoldResult value, Value source, int64_t dim) {
  auto type = cast<RankedTensorType>(source.getType());
  if (!type.isDynamicDim(dim))
    return isConstantIntValue(value, type.getDimSize(dim));
  auto dimValue = dyn_cast<Value>(value);
  auto dimOp = dimValue ? dimValue.getDefiningOp<tensor::DimOp>() : nullptr;
  return dimOp && dimOp.getSource() == source &&
         dimOp.getConstantIndex() == dim;
}

/// Whether `expr` over `operands` is extent - offset: what is left of
/// dimension `dim` of `source`.
static bool isRest(AffineExpr expr, ValueRange operands, unsigned numDims,
                   OpFoldResult offset, Value source, int64_t dim) {
  MLIRContext *context = expr.getContext();
  AffineExpr offsetExpr, extentExpr;
  if (std::optional<int64_t> constant = getConstantIntValue(offset))
    offsetExpr = getAffineConstantExpr(*constant, context);
  auto type = cast<RankedTensorType>(source.getType());
  if (!type.isDynamicDim(dim))
    extentExpr = getAffineConstantExpr(type.getDimSize(dim), context);
  for (auto [index, operand] : llvm::enumerate(operands)) {
    AffineExpr operandExpr =
        index < numDims ? getAffineDimExpr(index, context)
                        : getAffineSymbolExpr(index - numDims, context);
    if (!offsetExpr && offset == OpFoldResult(operand))
      offsetExpr = operandExpr;
    if (!extentExpr && isExtentOf(operand, source, dim))
      extentExpr = operandExpr;
  }
  if (!offsetExpr || !extentExpr)
    return false;
  return simplifyAffineExpr(expr + offsetExpr - extentExpr, numDims,
                            operands.size() - numDims) ==
         getAffineConstantExpr(0, context);
}

/// Whether [offset, offset + size) ends on a multiple of `granule` or at the
/// end of dimension `dim` of `source`; `offset` is a multiple of `granule`.
static bool endsOnGranule(OpFoldResult offset, OpFoldResult size,
                          int64_t granule, Value source, int64_t dim) {
  if (isKnownMultiple(size, granule))
    return true;
  auto type = cast<RankedTensorType>(source.getType());
  std::optional<int64_t> staticOffset = getConstantIntValue(offset);
  std::optional<int64_t> staticSize = getConstantIntValue(size);
  if (staticOffset && staticSize && !type.isDynamicDim(dim))
    return *staticOffset + *staticSize == type.getDimSize(dim);
  if (staticOffset == 0 && isExtentOf(size, source, dim))
    return true;
  auto value = dyn_cast<Value>(size);
  if (!value)
    return false;
  // The last tile of a loop: min(tile, extent - offset).
  AffineMap map;
  ValueRange operands;
  if (auto min = value.getDefiningOp<affine::AffineMinOp>()) {
    map = min.getMap();
    operands = min.getOperands();
  } else if (auto apply = value.getDefiningOp<affine::AffineApplyOp>()) {
    map = apply.getMap();
    operands = apply.getOperands();
  } else {
    return false;
  }
  return llvm::all_of(map.getResults(), [&](AffineExpr expr) {
    return isMultiple(expr, operands, map.getNumDims(), granule, maxDepth) ||
           isRest(expr, operands, map.getNumDims(), offset, source, dim);
  });
}

LogicalResult
quant_tensor::verifySliceDim(Value source, int64_t dim, OpFoldResult offset,
                             OpFoldResult size, OpFoldResult stride,
                             function_ref<InFlightDiagnostic()> emitError) {
  auto type = cast<RankedTensorType>(source.getType());
  int64_t granule = getSliceGranule(getEncoding(type), dim);
  if (granule == 1)
    return success();
  if (granule == 0) {
    if (isConstantIntValue(offset, 0) && isExtentOf(size, source, dim) &&
        isConstantIntValue(stride, 1))
      return success();
    return emitError() << "cuts dimension #" << dim
                       << ", which is one block or packed as a whole, of "
                       << type;
  }
  auto isNot = [](OpFoldResult value) {
    return getConstantIntValue(value) ? " is not" : " is not provably";
  };
  if (!isConstantIntValue(stride, 1))
    return emitError() << "strides along dimension #" << dim
                       << ", whose elements share blocks or words of "
                       << granule;
  if (!isKnownMultiple(offset, granule))
    return emitError() << "offset of dimension #" << dim << isNot(offset)
                       << " a multiple of " << granule
                       << ", so that the slice cuts through a block or word";
  if (!endsOnGranule(offset, size, granule, source, dim))
    return emitError() << "size of dimension #" << dim << isNot(size)
                       << " a multiple of " << granule
                       << " and does not reach the dimension's end, so that "
                          "the slice cuts through a block or word";
  return success();
}

LogicalResult quant_tensor::verifyEncodedSlice(tensor::ExtractSliceOp op) {
  EncodingAttr source = getEncoding(op.getSourceType());
  EncodingAttr result = getEncoding(op.getResult().getType());
  if (!source)
    return op.emitOpError()
           << "gives an encoding to a slice of a tensor without one";
  if (!result)
    return op.emitOpError()
           << "drops the encoding of its source " << op.getSourceType()
           << "; dequantize the source first";
  if (source != result)
    return op.emitOpError()
           << "changes the encoding from " << source << " to " << result;
  if (op.getSourceType().getRank() != op.getResult().getType().getRank())
    return op.emitOpError()
           << "reduces the rank of an encoded tensor, whose block has one "
              "extent per dimension";
  SmallVector<OpFoldResult> offsets = op.getMixedOffsets();
  SmallVector<OpFoldResult> sizes = op.getMixedSizes();
  SmallVector<OpFoldResult> strides = op.getMixedStrides();
  for (int64_t dim = 0, rank = offsets.size(); dim < rank; ++dim)
    if (failed(verifySliceDim(op.getSource(), dim, offsets[dim], sizes[dim],
                              strides[dim], [&] { return op.emitOpError(); })))
      return failure();
  return success();
}
