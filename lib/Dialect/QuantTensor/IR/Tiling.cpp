//===- Tiling.cpp - Tiles of int_matmul and scaled_matmul -----------------===//
//
// The iteration space is the output's, [.., M, N], all parallel. K is not a
// loop: an epilogue applies to the whole sum, and cutting K of an encoded rhs
// would cut its blocks.
//
//===----------------------------------------------------------------------===//

#include "quantmlir/Dialect/QuantTensor/IR/EncodedSlices.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/Interfaces/TilingInterface.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

namespace {

/// A tile of the output, and the operand slices that it needs.
class Tile {
public:
  Tile(OpBuilder &builder, Location loc, ArrayRef<OpFoldResult> offsets,
       ArrayRef<OpFoldResult> sizes)
      : builder(builder), loc(loc), offsets(offsets), sizes(sizes) {}

  /// The part of `operand` at output dimension `map[dim]` for each of its own
  /// dimensions; -1 takes the whole extent.
  Value slice(Value operand, ArrayRef<int64_t> map) {
    SmallVector<OpFoldResult> from, extent,
        stride(map.size(), builder.getIndexAttr(1));
    for (auto [dim, outputDim] : llvm::enumerate(map)) {
      bool whole = outputDim < 0;
      from.push_back(whole ? OpFoldResult(builder.getIndexAttr(0))
                           : offsets[outputDim]);
      extent.push_back(whole ? tensor::getMixedSize(builder, loc, operand, dim)
                             : sizes[outputDim]);
    }
    auto op = tensor::ExtractSliceOp::create(builder, loc, operand, from,
                                             extent, stride);
    slices.push_back(op);
    return op;
  }

  /// The tile of the init, which has the output's dimensions.
  Value sliceInit(Value init) {
    return slice(init, llvm::to_vector(llvm::seq<int64_t>(offsets.size())));
  }

  /// lhs [.., M, K].
  Value sliceLhs(Value lhs) {
    SmallVector<int64_t> map =
        llvm::to_vector(llvm::seq<int64_t>(offsets.size() - 1));
    map.push_back(-1);
    return slice(lhs, map);
  }

  /// rhs [B.., N, K].
  Value sliceRhs(Value rhs, int64_t numBatchDims) {
    SmallVector<int64_t> map = getRhsRows(numBatchDims);
    map.push_back(-1);
    return slice(rhs, map);
  }

  /// rhs [2N, K], whose pairs of rows are the output's columns.
  Value slicePairs(Value rhs) {
    auto rows = [&](OpFoldResult columns) -> OpFoldResult {
      if (std::optional<int64_t> constant = getConstantIntValue(columns))
        return builder.getIndexAttr(2 * *constant);
      Value two = arith::ConstantIndexOp::create(builder, loc, 2);
      return arith::MulIOp::create(builder, loc, cast<Value>(columns), two)
          .getResult();
    };
    auto op = tensor::ExtractSliceOp::create(
        builder, loc, rhs,
        ArrayRef<OpFoldResult>{rows(offsets.back()), builder.getIndexAttr(0)},
        ArrayRef<OpFoldResult>{rows(sizes.back()),
                               tensor::getMixedSize(builder, loc, rhs, 1)},
        SmallVector<OpFoldResult>(2, builder.getIndexAttr(1)));
    slices.push_back(op);
    return op;
  }

  /// Output dimensions that the rows of rhs, [B.., N], follow.
  SmallVector<int64_t> getRhsRows(int64_t numBatchDims) const {
    SmallVector<int64_t> map =
        llvm::to_vector(llvm::seq<int64_t>(numBatchDims));
    map.push_back(static_cast<int64_t>(offsets.size()) - 1);
    return map;
  }

  /// Clones `op` onto the slices; the last operand of both contractions is the
  /// init, which gives the result's type.
  TilingResult finish(Operation *op, ArrayRef<Value> operands) {
    Operation *tiled =
        clone(builder, op, TypeRange(operands.back().getType()), operands);
    return {{tiled}, {tiled->getResult(0)}, slices};
  }

private:
  OpBuilder &builder;
  Location loc;
  ArrayRef<OpFoldResult> offsets, sizes;
  SmallVector<Operation *> slices;
};

} // namespace

SmallVector<Range>
quantmlir::quant_tensor::detail::getOutputDomain(OpBuilder &builder,
                                                 Location loc, Value init) {
  SmallVector<Range> domain;
  for (OpFoldResult size : tensor::getMixedSizes(builder, loc, init))
    domain.push_back({builder.getIndexAttr(0), size, builder.getIndexAttr(1)});
  return domain;
}

/// The output dimension that each dimension of zero points follows: its own
/// where the extent matches `outputDims`, none where it broadcasts.
static SmallVector<int64_t> getZeroPointMap(Value zeroPoints,
                                            ArrayRef<int64_t> outputDims) {
  auto type = cast<RankedTensorType>(zeroPoints.getType());
  SmallVector<int64_t> map;
  for (auto [dim, outputDim] : llvm::enumerate(outputDims))
    map.push_back(type.getDimSize(dim) == 1 ? -1 : outputDim);
  map.push_back(-1);
  return map;
}

//===----------------------------------------------------------------------===//
// IntMatmulOp
//===----------------------------------------------------------------------===//

FailureOr<TilingResult>
IntMatmulOp::getTiledImplementation(OpBuilder &builder,
                                    ArrayRef<OpFoldResult> offsets,
                                    ArrayRef<OpFoldResult> sizes) {
  int64_t rank = offsets.size();
  // A dynamic extent of zero points may be 1 at run time and broadcast: a
  // slice at the output's offset would then be out of bounds.
  for (auto [zeroPoints, codes] :
       {std::pair(getLhsZeroPoints(), Value(getLhs())),
        std::pair(getRhsZeroPoints(), Value(getRhs()))}) {
    if (!zeroPoints)
      continue;
    auto type = cast<RankedTensorType>(zeroPoints.getType());
    auto codesType = cast<RankedTensorType>(codes.getType());
    for (int64_t dim = 0; dim + 1 < type.getRank(); ++dim)
      if (type.isDynamicDim(dim) && !codesType.isDynamicDim(dim)) {
        emitRemark() << "cannot be tiled: whether zero points of type " << type
                     << " broadcast is known at run time only";
        return failure();
      }
  }
  Tile tile(builder, getLoc(), offsets, sizes);
  SmallVector<Value> operands{tile.sliceLhs(getLhs()),
                              tile.sliceRhs(getRhs(), getNumBatchDims())};
  if (Value zeroPoints = getLhsZeroPoints())
    operands.push_back(tile.slice(
        zeroPoints,
        getZeroPointMap(zeroPoints,
                        llvm::to_vector(llvm::seq<int64_t>(rank - 1)))));
  if (Value zeroPoints = getRhsZeroPoints())
    operands.push_back(tile.slice(
        zeroPoints,
        getZeroPointMap(zeroPoints, tile.getRhsRows(getNumBatchDims()))));
  operands.push_back(tile.sliceInit(getInit()));
  return tile.finish(*this, operands);
}

//===----------------------------------------------------------------------===//
// ScaledMatmulOp
//===----------------------------------------------------------------------===//

FailureOr<TilingResult>
ScaledMatmulOp::getTiledImplementation(OpBuilder &builder,
                                       ArrayRef<OpFoldResult> offsets,
                                       ArrayRef<OpFoldResult> sizes) {
  // A slice of an encoded rhs along N must keep to blocks and words. Of what is
  // not known, twice as much is known no better.
  auto rows = [&](OpFoldResult columns) -> OpFoldResult {
    std::optional<int64_t> constant = getConstantIntValue(columns);
    return constant ? builder.getIndexAttr(getNumSums() * *constant) : columns;
  };
  if (getRhsEncoding() &&
      failed(verifySliceDim(getRhs(), /*dim=*/0, rows(offsets.back()),
                            rows(sizes.back()), builder.getIndexAttr(1), [&] {
                              return emitRemark() << "cannot be tiled: rhs: ";
                            })))
    return failure();
  // Rows of an encoded lhs have scales of their own, so any slice along them
  // keeps to its blocks.
  Tile tile(builder, getLoc(), offsets, sizes);
  SmallVector<Value> operands{tile.sliceLhs(getLhs()),
                              getPaired()
                                  ? tile.slicePairs(getRhs())
                                  : tile.sliceRhs(getRhs(), getNumBatchDims())};
  for (auto [index, operand] : llvm::enumerate(getEpilogueArgs())) {
    SmallVector<int64_t> map;
    for (AffineExpr expr : getEpilogueMap(index).getResults()) {
      auto dim = dyn_cast<AffineDimExpr>(expr);
      map.push_back(dim ? static_cast<int64_t>(dim.getPosition()) : -1);
    }
    operands.push_back(tile.slice(operand, map));
  }
  operands.push_back(tile.sliceInit(getInit()));
  return tile.finish(*this, operands);
}
