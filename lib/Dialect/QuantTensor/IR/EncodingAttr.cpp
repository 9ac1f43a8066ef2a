//===- EncodingAttr.cpp - What is an encoding, and what it says -----------===//

#include "CodeRange.h"
#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tensor;

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

LogicalResult EncodingAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   Type storage, ArrayRef<int64_t> block,
                                   Type scale, Type zeroPoint,
                                   ArrayRef<int64_t> range, Rounding rounding,
                                   Overflow overflow, CodebookAttr codebook,
                                   LayoutAttr layout) {
  // (C1)
  auto integer = dyn_cast<IntegerType>(storage);
  if (integer
          ? integer.getWidth() < 2 || integer.getWidth() > 8
          : !isa<Float8E4M3FNType, Float8E5M2Type, Float4E2M1FNType>(storage))
    return emitError() << "storage must be i2..i8, ui2..ui8, f8E4M3FN, f8E5M2 "
                          "or f4E2M1FN, got "
                       << storage;
  if (integer && integer.isSigned())
    return emitError() << "signed storage is written i" << integer.getWidth()
                       << ", got " << storage;
  // (C2)
  if (block.empty())
    return emitError() << "block needs one extent per dimension, got none";
  for (int64_t extent : block)
    if (extent < 0)
      return emitError() << "block extents are positive, or 0 for the whole "
                            "dimension, got "
                         << extent;
  // (C3)
  if (!isa<Float32Type, Float16Type, BFloat16Type, Float8E8M0FNUType,
           Float8E4M3FNType>(scale))
    return emitError()
           << "scale must be f32, f16, bf16, f8E8M0FNU or f8E4M3FN, got "
           << scale;
  // (C4)
  if (zeroPoint) {
    if (!integer)
      return emitError() << "a float storage has no zero point";
    if (codebook)
      return emitError() << "a codebook has no zero point";
    auto zeroPointInteger = dyn_cast<IntegerType>(zeroPoint);
    if (zeroPointInteger
            ? zeroPointInteger.isSigned() || zeroPointInteger.getWidth() < 2 ||
                  zeroPointInteger.getWidth() > 32
            : !isa<Float32Type, Float16Type, BFloat16Type>(zeroPoint))
      return emitError() << "zero_point must be i2..i32, ui2..ui32, f32, f16 "
                            "or bf16, got "
                         << zeroPoint;
  }
  // (C5)
  if (!range.empty()) {
    if (!integer || codebook)
      return emitError() << "range needs an integer storage without codebook";
    auto [low, high] = getAllCodes(integer);
    if (range.size() != 2 || range[0] >= range[1] || range[0] < low ||
        range[1] > high)
      return emitError() << "range must be [low, high] within [" << low << ", "
                         << high << "] of " << storage;
    // absmax maps the largest magnitude to `high`.
    if (range[1] < 1)
      return emitError() << "range must reach up to 1 or more, got ["
                         << range[0] << ", " << range[1] << "]";
  }
  // (C6)
  if (codebook) {
    if (!integer || !integer.isUnsigned())
      return emitError() << "a codebook needs an unsigned storage, got "
                         << storage;
    if (codebook.getValues().size() != (size_t(1) << integer.getWidth()))
      return emitError() << "storage " << storage << " needs a codebook of "
                         << (1 << integer.getWidth()) << " values, got "
                         << codebook.getValues().size();
  }
  // (C7)
  if (overflow == Overflow::Wrap && (!integer || codebook))
    return emitError() << "overflow = wrap needs an integer storage";
  if (overflow == Overflow::Wrap && !range.empty())
    return emitError() << "overflow = wrap uses all codes of the storage: it "
                          "goes with no range";
  // (C8)
  if (layout) {
    unsigned bits = storage.getIntOrFloatBitWidth();
    int64_t rank = block.size();
    if (layout.getKind() == LayoutKind::Packed) {
      if (layout.getWord() % bits)
        return emitError() << "a word of " << layout.getWord()
                           << " bits does not hold whole codes of " << storage;
      int64_t slots = layout.getWord() / bits;
      if (static_cast<int64_t>(layout.getOrder().size()) != slots)
        return emitError() << "order needs one entry for each of the word's "
                           << slots << " codes, got "
                           << layout.getOrder().size();
      if (layout.getAxis() >= rank)
        return emitError() << "axis " << layout.getAxis()
                           << " is out of range for rank " << rank;
      if (!layout.getPermutation().empty() &&
          static_cast<int64_t>(layout.getPermutation().size()) != rank)
        return emitError() << "permutation needs " << rank
                           << " entries, one per dimension, got "
                           << layout.getPermutation().size();
    } else if (layout.getKind() == LayoutKind::Fragment) {
      if (rank != 2)
        return emitError() << "a fragment layout needs rank 2, got rank "
                           << rank;
      if (failed(FragmentLayout::verify(emitError, bits, layout.getTile())))
        return failure();
    } else if (layout.getKind() == LayoutKind::Tinygemm) {
      ArrayRef<int64_t> tile = layout.getTile();
      if (rank != 2 || bits != 4)
        return emitError() << "a tinygemm layout holds codes of 4 bits of rank "
                              "2, got "
                           << storage << " of rank " << rank;
      if (tile[0] != 8 || !llvm::is_contained({32, 64, 128}, tile[1]))
        return emitError() << "the tile of a tinygemm layout is [8, 32], [8, "
                              "64] or [8, 128], got ["
                           << tile[0] << ", " << tile[1] << "]";
    }
  }
  return success();
}

LogicalResult EncodingAttr::verifyEncoding(
    ArrayRef<int64_t> shape, Type elementType,
    function_ref<InFlightDiagnostic()> emitError) const {
  // The parser asks with a null type after it has reported a missing one.
  if (!elementType)
    return failure();
  // (C9)
  if (shape.size() != getBlock().size())
    return emitError() << "block has " << getBlock().size()
                       << " extents, but the tensor has rank " << shape.size();
  // (C10)
  if (!isa<Float32Type, Float16Type, BFloat16Type, Float64Type>(elementType))
    return emitError() << "an encoded tensor means f16, bf16, f32 or f64 "
                          "values, got element type "
                       << elementType;
  // (C11)
  for (auto [dim, extent] : llvm::enumerate(getBlock()))
    if (!ShapedType::isDynamic(shape[dim]) && shape[dim] != 0 &&
        extent > shape[dim])
      return emitError() << "block extent " << extent << " exceeds dimension #"
                         << dim << " of extent " << shape[dim]
                         << " (0 means the whole dimension)";
  // (C12) Where several codes share a word, or the codes are padded, the codes'
  // extent does not tell the tensor's: it must be known from the type.
  for (int64_t dim = 0, rank = shape.size(); dim < rank; ++dim)
    if (ShapedType::isDynamic(shape[dim]) && !isExtentKeptByCodes(dim))
      return emitError() << "dimension #" << dim
                         << " must have a static extent: the codes are packed "
                            "along it, and their extent does not tell it";
  // (C13)
  if (getLayout() && getLayout().getHalves()) {
    int64_t extent = shape[getLayout().getAxis()];
    int64_t slots = getLayout().getOrder().size();
    if (!ShapedType::isDynamic(extent) && extent % slots)
      return emitError() << "with halves, dimension #" << getLayout().getAxis()
                         << " must be a multiple of the " << slots
                         << " codes of a word, got " << extent;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

unsigned EncodingAttr::getStorageBits() const {
  return getStorage().getIntOrFloatBitWidth();
}

bool EncodingAttr::isFloatStorage() const {
  return isa<FloatType>(getStorage());
}

bool EncodingAttr::isSignedStorage() const {
  return !getStorage().isUnsignedInteger();
}

LayoutAttr EncodingAttr::getLayoutOrDefault() const {
  if (LayoutAttr layout = getLayout())
    return layout;
  return LayoutAttr::get(getContext(), LayoutKind::RowMajor, /*word=*/0,
                         /*axis=*/-1, /*order=*/{}, /*halves=*/false,
                         /*permutation=*/{}, /*tile=*/{});
}

bool EncodingAttr::isRowMajor() const {
  return !getLayout() || getLayout().getKind() == LayoutKind::RowMajor;
}

std::pair<int64_t, int64_t> EncodingAttr::getCodeRange() const {
  assert(!isFloatStorage() && "float codes have no integer range");
  if (!getRange().empty())
    return {getRange()[0], getRange()[1]};
  return getAllCodes(cast<IntegerType>(getStorage()));
}

double EncodingAttr::getMaxMagnitude() const {
  if (CodebookAttr codebook = getCodebook())
    return std::max(std::fabs(codebook.getValues().front()),
                    std::fabs(codebook.getValues().back()));
  if (auto type = dyn_cast<FloatType>(getStorage()))
    return APFloat::getLargest(type.getFloatSemantics()).convertToDouble();
  // Symmetric: the negative end of a full signed range goes unused, as in
  // every int8 library.
  return static_cast<double>(getCodeRange().second);
}

EncodingAttr EncodingAttr::withBlock(ArrayRef<int64_t> block) const {
  return get(getContext(), getStorage(), block, getScale(), getZeroPoint(),
             getRange(), getRounding(), getOverflow(), getCodebook(),
             getLayout());
}

EncodingAttr EncodingAttr::withLayout(LayoutAttr layout) const {
  if (layout && layout.getKind() == LayoutKind::RowMajor)
    layout = {};
  return get(getContext(), getStorage(), getBlock(), getScale(), getZeroPoint(),
             getRange(), getRounding(), getOverflow(), getCodebook(), layout);
}

bool EncodingAttr::isExtentKeptByCodes(unsigned dim) const {
  LayoutAttr layout = getLayoutOrDefault();
  switch (layout.getKind()) {
  case LayoutKind::RowMajor:
    return getStorageBits() == 8 || dim + 1 != getBlock().size();
  case LayoutKind::Packed:
    return layout.getAxis() != dim || layout.getOrder().size() == 1;
  case LayoutKind::Fragment:
  case LayoutKind::Tinygemm:
    return false;
  }
  llvm_unreachable("all kinds handled");
}

int64_t EncodingAttr::getBlockExtent(unsigned dim, int64_t size) const {
  return getBlock()[dim] ? getBlock()[dim] : size;
}

/// ceildiv that keeps a dynamic extent dynamic.
static int64_t ceilDivDynamic(int64_t size, int64_t divisor) {
  return ShapedType::isDynamic(size) ? size : llvm::divideCeil(size, divisor);
}

SmallVector<int64_t>
EncodingAttr::getScaleShape(ArrayRef<int64_t> shape) const {
  SmallVector<int64_t> result;
  for (auto [size, extent] : llvm::zip_equal(shape, getBlock()))
    result.push_back(extent == 0 ? 1 : ceilDivDynamic(size, extent));
  return result;
}

bool EncodingAttr::hasTiledParameters() const {
  if (getLayoutOrDefault().getKind() != LayoutKind::Fragment)
    return false;
  ArrayRef<int64_t> block = getBlock();
  return block[0] == 1 && block[1] != 0 &&
         block[1] % FragmentLayout::segmentColumns == 0;
}

SmallVector<int64_t>
EncodingAttr::getStoredScaleShape(ArrayRef<int64_t> shape) const {
  SmallVector<int64_t> groups = getScaleShape(shape);
  if (!hasTiledParameters())
    return groups;
  int64_t tileGroups = FragmentLayout::getTileGroups(getBlock()[1]);
  return {ceilDivDynamic(groups[0], FragmentLayout::rows),
          ceilDivDynamic(groups[1], tileGroups),
          FragmentLayout::rows * tileGroups};
}

AffineMap EncodingAttr::getBlockMap() const {
  MLIRContext *context = getContext();
  SmallVector<AffineExpr> results;
  for (auto [dim, block] : llvm::enumerate(getBlock())) {
    AffineExpr expr = getAffineDimExpr(dim, context);
    results.push_back(block == 0   ? getAffineConstantExpr(0, context)
                      : block == 1 ? expr
                                   : expr.floorDiv(block));
  }
  AffineMap map = AffineMap::get(getBlock().size(), 0, results, context);
  return hasTiledParameters()
             ? FragmentLayout::getParameterMap(context, getBlock()[1])
                   .compose(map)
             : map;
}

RankedTensorType EncodingAttr::getCodesType(ArrayRef<int64_t> shape) const {
  Builder builder(getContext());
  unsigned bits = getStorageBits();
  Type byte = builder.getI8Type();
  LayoutAttr layout = getLayoutOrDefault();
  SmallVector<int64_t> result(shape);
  switch (layout.getKind()) {
  case LayoutKind::RowMajor:
    if (bits == 8)
      return RankedTensorType::get(shape,
                                   isFloatStorage() ? getStorage() : byte);
    // Rank 0 cannot occur: block has at least one extent.
    if (!ShapedType::isDynamic(shape.back()))
      // Whole bytes of codes first: the product with `bits` could overflow.
      result.back() = shape.back() / 8 * bits +
                      llvm::divideCeil(shape.back() % 8 * bits, 8);
    return RankedTensorType::get(result, byte);
  case LayoutKind::Packed: {
    int64_t axis = layout.getAxis();
    result[axis] = ceilDivDynamic(result[axis], layout.getWord() / bits);
    if (!layout.getPermutation().empty())
      result = llvm::map_to_vector(layout.getPermutation(),
                                   [&](int64_t dim) { return result[dim]; });
    return RankedTensorType::get(result,
                                 builder.getIntegerType(layout.getWord()));
  }
  case LayoutKind::Fragment: {
    int64_t rows = ceilDivDynamic(shape[0], layout.getTile()[0]);
    int64_t columns = ceilDivDynamic(shape[1], layout.getTile()[1]);
    int64_t words =
        llvm::divideCeil(layout.getTile()[0] * layout.getTile()[1] * bits, 32);
    return RankedTensorType::get({rows, columns, words}, builder.getI32Type());
  }
  case LayoutKind::Tinygemm:
    return RankedTensorType::get({ceilDivDynamic(shape[0], layout.getTile()[0]),
                                  ceilDivDynamic(shape[1], layout.getTile()[1]),
                                  32, layout.getTile()[1] / 32},
                                 builder.getI32Type());
  }
  llvm_unreachable("all kinds handled");
}

RankedTensorType EncodingAttr::getScalesType(ArrayRef<int64_t> shape) const {
  return RankedTensorType::get(getStoredScaleShape(shape), getScale());
}

RankedTensorType
EncodingAttr::getZeroPointsType(ArrayRef<int64_t> shape) const {
  if (!getZeroPoint())
    return {};
  // Narrow zero points are one element a byte: there are few of them.
  Type type = getZeroPoint();
  if (auto integer = dyn_cast<IntegerType>(type))
    type = IntegerType::get(getContext(), integer.getWidth() <= 8    ? 8
                                          : integer.getWidth() <= 16 ? 16
                                                                     : 32);
  return RankedTensorType::get(getStoredScaleShape(shape), type);
}
