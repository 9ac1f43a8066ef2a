//===- EncodedViews.cpp - Parts and joins of encoded tensors --------------===//

#include "EncodedViews.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/EncodedParts.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Transforms.h"

#include <numeric>

using namespace mlir;
using namespace quantmlir::quant_tensor;

/// Blocks that a join may make of larger ones: kernels are made for groups.
static constexpr int64_t kLeastBlock = 16;

/// Applies `make` to the codes, then to the scales and the zero points.
static Value mapParts(OpBuilder &builder, Location loc, Value value,
                      RankedTensorType type,
                      function_ref<Value(Value, RankedTensorType, bool)> make) {
  EncodedParts parts = EncodedParts::get(builder, loc, value);
  EncodingAttr encoding = getEncoding(type);
  ArrayRef<int64_t> shape = type.getShape();
  EncodedParts result{
      type, make(parts.codes, encoding.getCodesType(shape), /*isCodes=*/true),
      make(parts.scales, encoding.getScalesType(shape), /*isCodes=*/false),
      Value()};
  if (parts.zeroPoints)
    result.zeroPoints =
        make(parts.zeroPoints, encoding.getZeroPointsType(shape), false);
  return result.assemble(builder, loc);
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

LogicalResult quantmlir::quant_tensor::checkEncodedSlice(
    RankedTensorType type, const StaticSlice &slice, WhyNot &whyNot) {
  EncodingAttr encoding = getEncoding(type);
  if (!encoding.isRowMajor())
    return whyNot("a slice is taken of codes that are not row-major");
  unsigned rank = type.getRank();
  for (unsigned dim = 0; dim != rank; ++dim) {
    int64_t size = type.getDimSize(dim);
    if (slice.sizes[dim] == size)
      continue;
    if (ShapedType::isDynamic(size))
      return whyNot("dimension {0} that a slice is taken of is dynamic", dim);
    if (slice.sizes[dim] == 0)
      return whyNot("a slice is empty");
    int64_t end = slice.offsets[dim] + slice.sizes[dim];
    int64_t extent = encoding.getBlockExtent(dim, size);
    // One block holds all of a slice, or the slice holds whole blocks.
    bool isWithin = slice.offsets[dim] / extent == (end - 1) / extent;
    if (!isWithin &&
        (slice.offsets[dim] % extent || (end % extent && end != size)))
      return whyNot("a slice of dimension {0} cuts blocks of {1}", dim, extent);
    unsigned bits = encoding.getStorageBits();
    if (dim + 1 == rank && slice.offsets[dim] * bits % 8)
      return whyNot(
          "a slice of the last dimension cuts a byte of {0}-bit codes", bits);
  }
  if (slice.dropped.test(rank - 1) && encoding.getStorageBits() != 8)
    return whyNot("a slice has one column of codes that are packed in rows");
  return success();
}

Value quantmlir::quant_tensor::sliceEncoded(OpBuilder &builder, Location loc,
                                            Value value,
                                            const StaticSlice &slice) {
  auto type = cast<RankedTensorType>(value.getType());
  EncodingAttr encoding = getEncoding(type);
  unsigned rank = type.getRank();
  SmallVector<int64_t> shape, block;
  SmallVector<OpFoldResult> codeOffsets, codeSizes, scaleOffsets, scaleSizes;
  for (unsigned dim = 0; dim != rank; ++dim) {
    int64_t offset = slice.offsets[dim], size = slice.sizes[dim];
    int64_t whole = type.getDimSize(dim);
    int64_t extent = encoding.getBlock()[dim];
    bool isWhole = size == whole;
    // Slices within one block have one scale.
    if (extent && !isWhole && size < extent)
      extent = 0;
    if (!slice.dropped.test(dim)) {
      shape.push_back(size);
      block.push_back(extent);
    }
    int64_t first = 0, count = 1;
    if (int64_t own = encoding.getBlock()[dim]) {
      first = offset / own;
      count = llvm::divideCeil(offset + size, own) - first;
    }
    scaleOffsets.push_back(builder.getIndexAttr(first));
    scaleSizes.push_back(builder.getIndexAttr(count));
    unsigned bits = dim + 1 == rank ? encoding.getStorageBits() : 8;
    codeOffsets.push_back(builder.getIndexAttr(offset * bits / 8));
    codeSizes.push_back(builder.getIndexAttr(llvm::divideCeil(size * bits, 8)));
  }
  auto result = RankedTensorType::get(shape, type.getElementType(),
                                      encoding.withBlock(block));
  SmallVector<OpFoldResult> strides(rank, builder.getIndexAttr(1));
  return mapParts(builder, loc, value, result,
                  [&](Value part, RankedTensorType partType, bool isCodes) {
                    return tensor::ExtractSliceOp::create(
                               builder, loc, partType, part,
                               isCodes ? codeOffsets : scaleOffsets,
                               isCodes ? codeSizes : scaleSizes, strides)
                        .getResult();
                  });
}

//===----------------------------------------------------------------------===//
// Joins
//===----------------------------------------------------------------------===//

RankedTensorType
quantmlir::quant_tensor::getJoinedType(ArrayRef<RankedTensorType> types,
                                       unsigned dim, WhyNot &whyNot) {
  auto fail = [&](auto &&...reason) -> RankedTensorType {
    (void)whyNot(reason...);
    return {};
  };
  RankedTensorType first = types.front();
  EncodingAttr encoding = getEncoding(first);
  unsigned rank = first.getRank();
  SmallVector<int64_t> shape(first.getShape()), block(encoding.getBlock());
  block[dim] = encoding.getBlockExtent(dim, first.getDimSize(dim));
  shape[dim] = 0;
  bool isAligned = true;
  for (auto [index, type] : llvm::enumerate(types)) {
    EncodingAttr own = getEncoding(type);
    if (!type.hasStaticShape())
      return fail("tensors that are joined have dynamic extents");
    if (!own.isRowMajor())
      return fail("codes of tensors that are joined are not row-major");
    if (own.withBlock(encoding.getBlock()) != encoding ||
        type.getElementType() != first.getElementType())
      return fail("tensors that are joined have different encodings");
    for (unsigned other = 0; other != rank; ++other)
      if (other != dim &&
          own.getBlockExtent(other, type.getDimSize(other)) !=
              encoding.getBlockExtent(other, type.getDimSize(other)))
        return fail("tensors that are joined have different blocks");
    int64_t size = type.getDimSize(dim), extent = own.getBlockExtent(dim, size);
    bool isLast = index + 1 == types.size();
    if (size == 0)
      return fail("one of the tensors that are joined is empty");
    if (dim + 1 == rank && !isLast && size * own.getStorageBits() % 8)
      return fail(
          "rows of tensors that are joined end within a byte of {0}-bit "
          "codes",
          own.getStorageBits());
    isAligned &= extent == block[dim] && (isLast || size % extent == 0);
    shape[dim] += size;
  }
  if (!isAligned) {
    // Blocks that are smaller say the same.
    for (auto [index, type] : llvm::enumerate(types)) {
      int64_t size = type.getDimSize(dim);
      block[dim] =
          std::gcd(block[dim], getEncoding(type).getBlockExtent(dim, size));
      if (index + 1 != types.size())
        block[dim] = std::gcd(block[dim], size);
    }
    if (block[dim] < kLeastBlock)
      return fail("tensors that are joined would have blocks of {0} along "
                  "dimension {1}",
                  block[dim], dim);
  }
  return RankedTensorType::get(shape, first.getElementType(),
                               encoding.withBlock(block));
}

/// `value`, an element for each block of `from` along `dim`, with one for each
/// of the smaller blocks of `to` that `size` elements have.
static Value repeatAlong(OpBuilder &builder, Location loc, Value value,
                         unsigned dim, int64_t from, int64_t to, int64_t size) {
  auto type = cast<RankedTensorType>(value.getType());
  unsigned rank = type.getRank();
  SmallVector<int64_t> shape(type.getShape());
  shape[dim] = llvm::divideCeil(size, to);
  SmallVector<AffineExpr> exprs;
  for (unsigned other = 0; other != rank; ++other)
    exprs.push_back(builder.getAffineDimExpr(other));
  exprs[dim] = type.getDimSize(dim) == 1 ? builder.getAffineConstantExpr(0)
                                         : exprs[dim].floorDiv(from / to);
  return readAt(builder, loc, value, exprs,
                getAsIndexOpFoldResult(builder.getContext(), shape));
}

Value quantmlir::quant_tensor::joinEncoded(OpBuilder &builder, Location loc,
                                           ValueRange values, unsigned dim) {
  auto types = llvm::map_to_vector(values, [](Value value) {
    return cast<RankedTensorType>(value.getType());
  });
  WhyNot whyNot;
  RankedTensorType joined = getJoinedType(types, dim, whyNot);
  assert(joined && "checked by getJoinedType");
  int64_t to = getEncoding(joined).getBlock()[dim];
  SmallVector<Value> parts[3];
  for (auto [value, type] : llvm::zip_equal(values, types)) {
    EncodedParts own = EncodedParts::get(builder, loc, value);
    int64_t size = type.getDimSize(dim);
    int64_t from = getEncoding(type).getBlockExtent(dim, size);
    auto repeat = [&](Value part) {
      return from == to ? part
                        : repeatAlong(builder, loc, part, dim, from, to, size);
    };
    parts[0].push_back(own.codes);
    parts[1].push_back(repeat(own.scales));
    if (own.zeroPoints)
      parts[2].push_back(repeat(own.zeroPoints));
  }
  auto join = [&](ArrayRef<Value> values) -> Value {
    if (values.empty())
      return {};
    return tensor::ConcatOp::create(builder, loc, dim, values);
  };
  EncodedParts result{joined, join(parts[0]), join(parts[1]), join(parts[2])};
  return result.assemble(builder, loc);
}

//===----------------------------------------------------------------------===//
// Reshapes
//===----------------------------------------------------------------------===//

EncodingAttr quantmlir::quant_tensor::getCollapsedEncoding(
    RankedTensorType type, ArrayRef<int64_t> dims, WhyNot &whyNot) {
  EncodingAttr encoding = getEncoding(type);
  auto fail = [&](const char *text) -> EncodingAttr {
    (void)whyNot(text);
    return {};
  };
  if (!encoding.isRowMajor())
    return fail("an encoded operand is not row-major");
  for (int64_t dim : dims)
    if (type.isDynamicDim(dim))
      return fail("a dimension to collapse of an encoded operand is dynamic");
  // Rows are padded to whole bytes.
  if (dims.back() == type.getRank() - 1 &&
      type.getShape().back() * encoding.getStorageBits() % 8 != 0)
    return fail("rows of an encoded operand are padded to whole bytes");
  // One element of each outer dimension, some of the next, all of the inner
  // ones.
  int64_t block = 1;
  bool mustBeOne = false;
  for (int64_t dim : llvm::reverse(dims)) {
    int64_t size = type.getDimSize(dim);
    int64_t extent = encoding.getBlockExtent(dim, size);
    if (mustBeOne && extent != 1)
      return fail("blocks of an encoded operand are no runs of the collapsed "
                  "dimensions");
    block *= extent;
    if (extent == size)
      continue;
    mustBeOne = true;
    if (dim != dims.front() && size % extent != 0)
      return fail("blocks of an encoded operand end at each of the collapsed "
                  "dimensions");
  }
  SmallVector<int64_t> blocks(encoding.getBlock());
  blocks[dims.front()] = block;
  blocks.erase(blocks.begin() + dims.front() + 1,
               blocks.begin() + dims.back() + 1);
  return encoding.withBlock(blocks);
}

EncodingAttr quantmlir::quant_tensor::getExpandedEncoding(
    RankedTensorType type, ArrayRef<ReassociationIndices> groups,
    ArrayRef<int64_t> shape, WhyNot &whyNot) {
  EncodingAttr encoding = getEncoding(type);
  auto fail = [&](const char *text) -> EncodingAttr {
    (void)whyNot(text);
    return {};
  };
  if (!encoding.isRowMajor())
    return fail("codes of a tensor that is split are not row-major");
  SmallVector<int64_t> block(shape.size(), 0);
  for (auto [dim, group] : llvm::enumerate(groups)) {
    int64_t rest = encoding.getBlock()[dim];
    if (group.size() == 1) {
      block[group.front()] = rest;
      continue;
    }
    if (type.isDynamicDim(dim))
      return fail("a dimension that is split is dynamic");
    if (dim + 1 == groups.size() && encoding.getStorageBits() != 8 &&
        shape.back() * encoding.getStorageBits() % 8)
      return fail("rows of a tensor that is split end within a byte");
    // All of the inner dimensions, some of the next, one of the outer ones.
    if (rest == 0)
      continue;
    for (int64_t part : llvm::reverse(group)) {
      int64_t size = shape[part];
      if (rest % size == 0) {
        block[part] = 0;
        rest /= size;
        continue;
      }
      if (size % rest)
        return fail("blocks of a tensor that is split are cut");
      block[part] = rest;
      rest = 1;
    }
  }
  return encoding.withBlock(block);
}

Value quantmlir::quant_tensor::reshapeEncoded(
    OpBuilder &builder, Location loc, Value value, RankedTensorType type,
    ArrayRef<ReassociationIndices> groups) {
  bool collapses =
      cast<RankedTensorType>(value.getType()).getRank() > type.getRank();
  return mapParts(builder, loc, value, type,
                  [&](Value part, RankedTensorType partType, bool) -> Value {
                    if (collapses)
                      return tensor::CollapseShapeOp::create(
                          builder, loc, partType, part, groups);
                    return tensor::ExpandShapeOp::create(builder, loc, partType,
                                                         part, groups);
                  });
}
