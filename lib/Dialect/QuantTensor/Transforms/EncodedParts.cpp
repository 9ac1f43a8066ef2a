//===- EncodedParts.cpp - An encoded tensor taken apart -------------------===//

#include "quantmlir/Dialect/QuantTensor/Transforms/EncodedParts.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

EncodedParts EncodedParts::get(OpBuilder &builder, Location loc,
                               Value encoded) {
  EncodedParts parts;
  parts.type = cast<RankedTensorType>(encoded.getType());
  if (auto assemble = encoded.getDefiningOp<AssembleOp>()) {
    parts.codes = assemble.getCodes();
    parts.scales = assemble.getScales();
    parts.zeroPoints = assemble.getZeroPoints();
    return parts;
  }
  auto disassemble = DisassembleOp::create(builder, loc, encoded);
  parts.codes = disassemble.getCodes();
  parts.scales = disassemble.getScales();
  parts.zeroPoints = disassemble.getZeroPoints();
  return parts;
}

Value EncodedParts::assemble(OpBuilder &builder, Location loc) const {
  return AssembleOp::create(builder, loc, type, codes, scales, zeroPoints);
}

SmallVector<Value> EncodedParts::getValues() const {
  SmallVector<Value> values = {codes, scales};
  if (zeroPoints)
    values.push_back(zeroPoints);
  return values;
}

/// The dimension of the codes that holds logical dimension `dim` one to one,
/// std::nullopt where codes are packed along it.
static std::optional<unsigned> getPlainCodesDim(EncodingAttr encoding,
                                                unsigned dim) {
  unsigned rank = encoding.getBlock().size();
  LayoutAttr layout = encoding.getLayoutOrDefault();
  switch (layout.getKind()) {
  case LayoutKind::RowMajor:
    if (dim + 1 == rank && encoding.getStorageBits() != 8)
      return std::nullopt;
    return dim;
  case LayoutKind::Packed: {
    if (static_cast<int64_t>(dim) == layout.getAxis() &&
        layout.getOrder().size() != 1)
      return std::nullopt;
    if (layout.getPermutation().empty())
      return dim;
    return llvm::find(layout.getPermutation(), static_cast<int64_t>(dim)) -
           layout.getPermutation().begin();
  }
  case LayoutKind::Fragment:
  case LayoutKind::Tinygemm:
    return std::nullopt;
  }
  llvm_unreachable("all kinds handled");
}

std::optional<unsigned>
quantmlir::quant_tensor::findUnrecoverableDim(RankedTensorType type) {
  EncodingAttr encoding = ::quantmlir::quant_tensor::getEncoding(type);
  for (unsigned dim = 0, rank = type.getRank(); dim < rank; ++dim)
    if (type.isDynamicDim(dim) && encoding.getBlock()[dim] != 1 &&
        !getPlainCodesDim(encoding, dim))
      return dim;
  return std::nullopt;
}

SmallVector<OpFoldResult> EncodedParts::getMixedSizes(OpBuilder &builder,
                                                      Location loc) const {
  SmallVector<OpFoldResult> sizes;
  for (unsigned dim = 0, rank = type.getRank(); dim < rank; ++dim) {
    if (!type.isDynamicDim(dim)) {
      sizes.push_back(builder.getIndexAttr(type.getDimSize(dim)));
      continue;
    }
    if (std::optional<unsigned> codesDim =
            getPlainCodesDim(getEncoding(), dim)) {
      sizes.push_back(tensor::getMixedSize(builder, loc, codes, *codesDim));
      continue;
    }
    assert(getEncoding().getBlock()[dim] == 1 && "extent is not recoverable");
    sizes.push_back(tensor::getMixedSize(builder, loc, scales, dim));
  }
  return sizes;
}

/// ceildiv(size * factor, divisor), folded where static.
static OpFoldResult scaleSize(OpBuilder &builder, Location loc,
                              OpFoldResult size, int64_t factor,
                              int64_t divisor) {
  if (factor == 1 && divisor == 1)
    return size;
  AffineExpr expr = (builder.getAffineSymbolExpr(0) * factor).ceilDiv(divisor);
  return affine::makeComposedFoldedAffineApply(builder, loc, expr, {size});
}

SmallVector<OpFoldResult>
quantmlir::quant_tensor::getCodesSizes(OpBuilder &builder, Location loc,
                                       EncodingAttr encoding,
                                       ArrayRef<OpFoldResult> sizes) {
  unsigned bits = encoding.getStorageBits();
  LayoutAttr layout = encoding.getLayoutOrDefault();
  SmallVector<OpFoldResult> result(sizes);
  switch (layout.getKind()) {
  case LayoutKind::RowMajor:
    if (bits != 8)
      result.back() = scaleSize(builder, loc, sizes.back(), bits, 8);
    return result;
  case LayoutKind::Packed: {
    int64_t axis = layout.getAxis();
    result[axis] =
        scaleSize(builder, loc, sizes[axis], 1, layout.getWord() / bits);
    if (!layout.getPermutation().empty())
      result = llvm::map_to_vector(layout.getPermutation(),
                                   [&](int64_t dim) { return result[dim]; });
    return result;
  }
  case LayoutKind::Fragment: {
    ArrayRef<int64_t> tile = layout.getTile();
    return {
        scaleSize(builder, loc, sizes[0], 1, tile[0]),
        scaleSize(builder, loc, sizes[1], 1, tile[1]),
        builder.getIndexAttr(llvm::divideCeil(tile[0] * tile[1] * bits, 32))};
  }
  case LayoutKind::Tinygemm: {
    ArrayRef<int64_t> tile = layout.getTile();
    return {scaleSize(builder, loc, sizes[0], 1, tile[0]),
            scaleSize(builder, loc, sizes[1], 1, tile[1]),
            builder.getIndexAttr(32), builder.getIndexAttr(tile[1] / 32)};
  }
  }
  llvm_unreachable("all kinds handled");
}

SmallVector<OpFoldResult>
quantmlir::quant_tensor::getScalesSizes(OpBuilder &builder, Location loc,
                                        EncodingAttr encoding,
                                        ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> result;
  for (auto [size, block] : llvm::zip_equal(sizes, encoding.getBlock()))
    result.push_back(block == 0 ? OpFoldResult(builder.getIndexAttr(1))
                                : scaleSize(builder, loc, size, 1, block));
  return result;
}

Value quantmlir::quant_tensor::createEmpty(OpBuilder &builder, Location loc,
                                           RankedTensorType type,
                                           ArrayRef<OpFoldResult> sizes) {
  SmallVector<Value> dynamic;
  for (auto [dim, size] : llvm::enumerate(sizes))
    if (type.isDynamicDim(dim))
      dynamic.push_back(getValueOrCreateConstantIndexOp(builder, loc, size));
  return tensor::EmptyOp::create(builder, loc, type, dynamic);
}
