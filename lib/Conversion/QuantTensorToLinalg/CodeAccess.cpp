//===- CodeAccess.cpp - Reading and writing codes where they sit ----------===//

#include "quantmlir/Conversion/QuantTensorToLinalg/CodeAccess.h"

#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

//===----------------------------------------------------------------------===//
// Index arithmetic
//===----------------------------------------------------------------------===//

static Value index(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

static Value mul(ImplicitLocOpBuilder &b, Value value, int64_t factor) {
  return factor == 1 ? value
                     : arith::MulIOp::create(b, value, index(b, factor));
}

static Value add(ImplicitLocOpBuilder &b, Value value, int64_t offset) {
  return offset ? arith::AddIOp::create(b, value, index(b, offset)) : value;
}

static Value div(ImplicitLocOpBuilder &b, Value value, int64_t divisor) {
  return divisor == 1 ? value
                      : arith::DivUIOp::create(b, value, index(b, divisor));
}

static Value rem(ImplicitLocOpBuilder &b, Value value, int64_t divisor) {
  return arith::RemUIOp::create(b, value, index(b, divisor));
}

static Value constI32(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
}

static Value toI32(ImplicitLocOpBuilder &b, Value value) {
  if (value.getType().isIndex())
    return arith::IndexCastOp::create(b, b.getI32Type(), value);
  if (value.getType().isInteger(32))
    return value;
  return arith::ExtUIOp::create(b, b.getI32Type(), value);
}

static Value maskBits(ImplicitLocOpBuilder &b, Value value, unsigned bits) {
  return arith::AndIOp::create(
      b, value, constI32(b, llvm::maskTrailingOnes<uint32_t>(bits)));
}

/// The results of `map` at `dims`.
static SmallVector<Value> applyMap(ImplicitLocOpBuilder &b, AffineMap map,
                                   ValueRange dims) {
  SmallVector<Value> results;
  for (unsigned i = 0; i < map.getNumResults(); ++i)
    results.push_back(affine::AffineApplyOp::create(b, map.getSubMap(i), dims));
  return results;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

bool quantmlir::quant_tensor::hasElementCodes(EncodingAttr encoding) {
  return encoding.isRowMajor() && encoding.getStorageBits() == 8;
}

Value quantmlir::quant_tensor::buildElementBits(ImplicitLocOpBuilder &b,
                                                Value code) {
  if (isa<FloatType>(code.getType()))
    code = arith::BitcastOp::create(b, b.getI8Type(), code);
  return toI32(b, code);
}

Value quantmlir::quant_tensor::buildBitsElement(ImplicitLocOpBuilder &b,
                                                Value bits, Type elementType) {
  unsigned width = elementType.getIntOrFloatBitWidth();
  if (width < 32)
    bits = arith::TruncIOp::create(b, b.getIntegerType(width), bits);
  if (isa<FloatType>(elementType))
    bits = arith::BitcastOp::create(b, elementType, bits);
  return bits;
}

Value quantmlir::quant_tensor::buildReadBlockElement(ImplicitLocOpBuilder &b,
                                                     ArrayRef<int64_t> block,
                                                     Value tensor,
                                                     ValueRange indices) {
  SmallVector<Value> position;
  for (auto [logical, extent] : llvm::zip_equal(indices, block))
    position.push_back(extent == 0 ? index(b, 0) : div(b, logical, extent));
  return tensor::ExtractOp::create(b, tensor, position);
}

Value quantmlir::quant_tensor::buildReadParameter(ImplicitLocOpBuilder &b,
                                                  EncodingAttr encoding,
                                                  Value tensor,
                                                  ValueRange indices) {
  if (!encoding.hasTiledParameters())
    return buildReadBlockElement(b, encoding.getBlock(), tensor, indices);
  return tensor::ExtractOp::create(
      b, tensor, applyMap(b, encoding.getBlockMap(), indices));
}

/// Row-major codes narrower than a byte: a bit stream along the last dimension.
static Value readStream(ImplicitLocOpBuilder &b, const EncodedParts &parts,
                        unsigned bits, ValueRange indices) {
  SmallVector<Value> position(indices);
  Value codes = parts.codes;
  if (8 % bits == 0) {
    int64_t slots = 8 / bits;
    Value slot = rem(b, indices.back(), slots);
    position.back() = div(b, indices.back(), slots);
    Value byte = toI32(b, tensor::ExtractOp::create(b, codes, position));
    Value shift = toI32(b, mul(b, slot, bits));
    return maskBits(b, arith::ShRUIOp::create(b, byte, shift), bits);
  }
  // A code may straddle two bytes; the last code of a row never does so past
  // the row's end, where the high byte is any byte.
  Value firstBit = mul(b, indices.back(), bits);
  Value low = div(b, firstBit, 8);
  Value rowBytes = tensor::DimOp::create(
      b, codes, cast<RankedTensorType>(codes.getType()).getRank() - 1);
  Value high = arith::MinUIOp::create(
      b, add(b, low, 1), arith::SubIOp::create(b, rowBytes, index(b, 1)));
  position.back() = low;
  Value lowByte = toI32(b, tensor::ExtractOp::create(b, codes, position));
  position.back() = high;
  Value highByte = toI32(b, tensor::ExtractOp::create(b, codes, position));
  Value both = arith::OrIOp::create(
      b, lowByte, arith::ShLIOp::create(b, highByte, constI32(b, 8)));
  Value shift = toI32(b, rem(b, firstBit, 8));
  return maskBits(b, arith::ShRUIOp::create(b, both, shift), bits);
}

/// The order in which the logical dimensions of a packed layout are stored.
static SmallVector<int64_t> getStorageOrder(LayoutAttr layout, unsigned rank) {
  if (!layout.getPermutation().empty())
    return SmallVector<int64_t>(layout.getPermutation());
  return llvm::to_vector(llvm::seq<int64_t>(0, rank));
}

/// Extent of one of `halves`' parts: ceildiv(size, slots).
static Value buildPart(ImplicitLocOpBuilder &b, OpFoldResult size,
                       int64_t slots) {
  Value extent = getValueOrCreateConstantIndexOp(b, b.getLoc(), size);
  return div(b, add(b, extent, slots - 1), slots);
}

static Value readPacked(ImplicitLocOpBuilder &b, const EncodedParts &parts,
                        ArrayRef<OpFoldResult> sizes, unsigned bits,
                        ValueRange indices) {
  LayoutAttr layout = parts.getEncoding().getLayoutOrDefault();
  int64_t axis = layout.getAxis(), slots = layout.getOrder().size();
  SmallVector<Value> logical(indices);
  Value within;
  if (layout.getHalves()) {
    Value part = buildPart(b, sizes[axis], slots);
    within = arith::DivUIOp::create(b, indices[axis], part);
    logical[axis] = arith::RemUIOp::create(b, indices[axis], part);
  } else {
    within = rem(b, indices[axis], slots);
    logical[axis] = div(b, indices[axis], slots);
  }
  SmallVector<Value> position;
  for (int64_t dim : getStorageOrder(layout, indices.size()))
    position.push_back(logical[dim]);
  Value word = toI32(b, tensor::ExtractOp::create(b, parts.codes, position));

  // The slot that holds the element: the inverse of `order`, 16 entries of four
  // bits at most, in one constant.
  Value slot = toI32(b, within);
  if (!llvm::is_sorted(layout.getOrder())) {
    uint64_t inverse = 0;
    for (auto [slotNumber, element] : llvm::enumerate(layout.getOrder()))
      inverse |= static_cast<uint64_t>(slotNumber) << (4 * element);
    Value table = arith::ConstantOp::create(
        b, b.getIntegerAttr(b.getI64Type(), static_cast<int64_t>(inverse)));
    Value shift = arith::ExtUIOp::create(
        b, b.getI64Type(), arith::ShLIOp::create(b, slot, constI32(b, 2)));
    slot = arith::TruncIOp::create(b, b.getI32Type(),
                                   arith::ShRUIOp::create(b, table, shift));
    slot = maskBits(b, slot, 4);
  }
  Value shift = arith::MulIOp::create(b, slot, constI32(b, bits));
  return maskBits(b, arith::ShRUIOp::create(b, word, shift), bits);
}

static FragmentLayout getFragmentLayout(EncodingAttr encoding) {
  return FragmentLayout::get(encoding, encoding.getLayout().getTile()[1]);
}

static Value readFragment(ImplicitLocOpBuilder &b, const EncodedParts &parts,
                          unsigned bits, ValueRange indices) {
  FragmentLayout layout = getFragmentLayout(parts.getEncoding());
  SmallVector<Value> where =
      applyMap(b, layout.getPairMap(b.getContext()), indices);
  Value pair = where[0], half = mul(b, where[2], layout.getHalfStride());
  /// `count` bits from bit `bit` of word `word` of the strand on.
  auto read = [&](Value word, Value bit, unsigned count) -> Value {
    word =
        arith::AddIOp::create(b, mul(b, word, layout.getStrands()), where[1]);
    SmallVector<Value> position = applyMap(b, layout.getWordMap(b.getContext()),
                                           {indices[0], indices[1], word});
    Value element = tensor::ExtractOp::create(b, parts.codes, position);
    return maskBits(b, arith::ShRUIOp::create(b, element, toI32(b, bit)),
                    count);
  };
  int64_t whole = layout.getWholePairs(), spare = layout.getSpareBits();
  Value first =
      spare ? Value(arith::MinUIOp::create(b, pair, index(b, whole - 1)))
            : pair;
  int64_t perWord = layout.getPairsPerWord();
  Value bit = mul(b, rem(b, first, perWord), layout.getPairStride());
  Value code =
      read(div(b, first, perWord), arith::AddIOp::create(b, bit, half), bits);
  if (!spare)
    return code;
  Value rest = arith::SubIOp::create(
      b, arith::MaxUIOp::create(b, pair, index(b, whole)), index(b, whole));
  Value straddling;
  for (unsigned i = 0; i < bits; ++i) {
    Value at = add(b, mul(b, rest, bits), i);
    Value inWord = add(b, rem(b, at, spare), layout.getFirstSpareBit());
    Value one = arith::ShLIOp::create(
        b, read(div(b, at, spare), arith::AddIOp::create(b, inWord, half), 1),
        constI32(b, i));
    straddling =
        straddling ? Value(arith::OrIOp::create(b, straddling, one)) : one;
  }
  Value isWhole = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, pair,
                                        index(b, whole));
  return arith::SelectOp::create(b, isWhole, code, straddling);
}

/// The order of `_convert_weight_to_int4pack`: see the attribute's description.
static Value readTinygemm(ImplicitLocOpBuilder &b, const EncodedParts &parts,
                          unsigned bits, ValueRange indices) {
  ArrayRef<int64_t> tile = parts.getEncoding().getLayout().getTile();
  AffineExpr n, k;
  bindDims(b.getContext(), n, k);
  AffineExpr lane = n % 8 * 4 + (k % 8).floorDiv(2);
  AffineExpr eight = (k % 32).floorDiv(8);
  SmallVector<Value> position = applyMap(
      b,
      AffineMap::get(2, 0,
                     {n.floorDiv(tile[0]), k.floorDiv(tile[1]), lane,
                      (k % tile[1]).floorDiv(32), eight * bits + k % 2 * 16},
                     b.getContext()),
      indices);
  Value shift = toI32(b, position.pop_back_val());
  Value word = tensor::ExtractOp::create(b, parts.codes, position);
  return maskBits(b, arith::ShRUIOp::create(b, word, shift), bits);
}

Value quantmlir::quant_tensor::buildReadCode(ImplicitLocOpBuilder &b,
                                             const EncodedParts &parts,
                                             ArrayRef<OpFoldResult> sizes,
                                             ValueRange indices) {
  EncodingAttr encoding = parts.getEncoding();
  if (hasElementCodes(encoding))
    return buildElementBits(b,
                            tensor::ExtractOp::create(b, parts.codes, indices));
  unsigned bits = encoding.getStorageBits();
  switch (encoding.getLayoutOrDefault().getKind()) {
  case LayoutKind::RowMajor:
    return readStream(b, parts, bits, indices);
  case LayoutKind::Packed:
    return readPacked(b, parts, sizes, bits, indices);
  case LayoutKind::Fragment:
    return readFragment(b, parts, bits, indices);
  case LayoutKind::Tinygemm:
    return readTinygemm(b, parts, bits, indices);
  }
  llvm_unreachable("all kinds handled");
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

namespace {
/// Computes words of codes in the body of a linalg.generic over the words.
struct WordBuilder {
  ImplicitLocOpBuilder &b;
  EncodingAttr encoding;
  RankedTensorType type;
  ArrayRef<OpFoldResult> sizes;
  function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> codeAt;

  Value getSize(unsigned dim) {
    return getValueOrCreateConstantIndexOp(b, b.getLoc(), sizes[dim]);
  }

  /// The code at `indices`, or 0 where the index of one of `guardedDims` is
  /// past the end. Indices are clamped rather than branched on: one path for
  /// all lanes of a warp.
  Value guardedCode(SmallVector<Value> indices,
                    ArrayRef<unsigned> guardedDims) {
    Value inside;
    for (unsigned dim : guardedDims) {
      Value size = getSize(dim);
      Value test = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                         indices[dim], size);
      inside = inside ? Value(arith::AndIOp::create(b, inside, test)) : test;
      indices[dim] = arith::MinUIOp::create(
          b, indices[dim], arith::SubIOp::create(b, size, index(b, 1)));
    }
    Value code = codeAt(b, indices);
    return inside
               ? Value(arith::SelectOp::create(b, inside, code, constI32(b, 0)))
               : code;
  }

  /// Byte of a row-major bit stream at `position`.
  Value streamByte(ValueRange position) {
    int64_t bits = encoding.getStorageBits();
    SmallVector<Value> indices(position);
    unsigned last = indices.size() - 1;
    int64_t extent = type.getDimSize(last);
    bool whole = !ShapedType::isDynamic(extent) && extent * bits % 8 == 0;
    SmallVector<unsigned> guards;
    if (!whole)
      guards.push_back(last);
    Value byte;
    auto merge = [&](Value part) {
      byte = byte ? Value(arith::OrIOp::create(b, byte, part)) : part;
    };
    if (8 % bits == 0) {
      Value first = mul(b, position.back(), 8 / bits);
      for (int64_t slot = 0; slot < 8 / bits; ++slot) {
        indices[last] = add(b, first, slot);
        Value code = guardedCode(indices, guards);
        merge(slot ? arith::ShLIOp::create(b, code, constI32(b, slot * bits))
                   : code);
      }
      return byte;
    }
    // The codes that overlap bits [8 * i, 8 * i + 8), the first and the last of
    // them perhaps in part; even a whole row may ask past its end.
    Value firstBit = mul(b, position.back(), 8);
    Value first = div(b, firstBit, bits);
    Value skipped =
        toI32(b, arith::SubIOp::create(b, firstBit, mul(b, first, bits)));
    for (int64_t i = 0, count = (8 + bits - 2) / bits + 1; i < count; ++i) {
      indices[last] = add(b, first, i);
      Value code = guardedCode(indices, {last});
      Value placed =
          i ? Value(arith::ShLIOp::create(b, code, constI32(b, i * bits)))
            : code;
      merge(arith::ShRUIOp::create(b, placed, skipped));
    }
    return byte;
  }

  /// Word of a packed layout at `position`.
  Value packedWord(ValueRange position) {
    LayoutAttr layout = encoding.getLayoutOrDefault();
    int64_t bits = encoding.getStorageBits();
    unsigned axis = layout.getAxis();
    int64_t slots = layout.getOrder().size();
    SmallVector<Value> indices(position.size());
    for (auto [stored, dim] :
         llvm::enumerate(getStorageOrder(layout, position.size())))
      indices[dim] = position[stored];
    Value wordIndex = indices[axis];
    int64_t extent = type.getDimSize(axis);
    SmallVector<unsigned> guards;
    if (ShapedType::isDynamic(extent) || extent % slots)
      guards.push_back(axis);
    Value part =
        layout.getHalves() ? buildPart(b, sizes[axis], slots) : Value();
    Value word;
    for (auto [slot, element] : llvm::enumerate(layout.getOrder())) {
      indices[axis] =
          part ? Value(arith::AddIOp::create(
                     b, arith::MulIOp::create(b, part, index(b, element)),
                     wordIndex))
               : add(b, mul(b, wordIndex, slots), element);
      Value code = guardedCode(indices, guards);
      if (slot)
        code = arith::ShLIOp::create(b, code, constI32(b, slot * bits));
      word = word ? Value(arith::OrIOp::create(b, word, code)) : code;
    }
    return word;
  }

  /// Word of a fragment layout at `position`; its tiles are padded.
  Value fragmentWord(ValueRange position) {
    FragmentLayout layout = getFragmentLayout(encoding);
    SmallVector<unsigned> guards;
    for (unsigned dim : {0, 1}) {
      int64_t extent = type.getDimSize(dim);
      if (ShapedType::isDynamic(extent) ||
          extent % encoding.getLayout().getTile()[dim])
        guards.push_back(dim);
    }
    Value word;
    for (const FragmentLayout::Slot &slot : layout.getSlots(b.getContext())) {
      SmallVector<Value> where = applyMap(b, slot.map, position);
      Value codeBit = where.pop_back_val();
      Value code = guardedCode(where, guards);
      if (slot.bits != encoding.getStorageBits())
        code = maskBits(b, arith::ShRUIOp::create(b, code, toI32(b, codeBit)),
                        slot.bits);
      if (slot.bit)
        code = arith::ShLIOp::create(b, code, constI32(b, slot.bit));
      word = word ? Value(arith::OrIOp::create(b, word, code)) : code;
    }
    return word;
  }

  /// Word of a tinygemm layout at `position`; its tiles are padded.
  Value tinygemmWord(ValueRange position) {
    ArrayRef<int64_t> tile = encoding.getLayout().getTile();
    int64_t bits = encoding.getStorageBits();
    MLIRContext *context = b.getContext();
    AffineExpr tileRow, tileColumn, lane, wordOfLane;
    bindDims(context, tileRow, tileColumn, lane, wordOfLane);
    Value word;
    for (int64_t slot = 0; slot < 8; ++slot) {
      AffineExpr column = tileColumn * tile[1] + wordOfLane * 32 +
                          lane % 4 * 2 + (slot % 4 * 8 + slot / 4);
      Value code = guardedCode(
          applyMap(b,
                   AffineMap::get(
                       4, 0, {tileRow * tile[0] + lane.floorDiv(4), column},
                       context),
                   position),
          {0, 1});
      if (slot)
        code = arith::ShLIOp::create(b, code, constI32(b, slot * bits));
      word = word ? Value(arith::OrIOp::create(b, word, code)) : code;
    }
    return word;
  }

  Value word(ValueRange position) {
    switch (encoding.getLayoutOrDefault().getKind()) {
    case LayoutKind::RowMajor:
      return encoding.getStorageBits() == 8 ? codeAt(b, position)
                                            : streamByte(position);
    case LayoutKind::Packed:
      return packedWord(position);
    case LayoutKind::Fragment:
      return fragmentWord(position);
    case LayoutKind::Tinygemm:
      return tinygemmWord(position);
    }
    llvm_unreachable("all kinds handled");
  }
};
} // namespace

Value quantmlir::quant_tensor::buildCodes(
    ImplicitLocOpBuilder &b, RankedTensorType type,
    ArrayRef<OpFoldResult> sizes,
    function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> codeAt) {
  EncodingAttr encoding = getEncoding(type);
  RankedTensorType codesType = encoding.getCodesType(type.getShape());
  Value empty = createEmpty(b, b.getLoc(), codesType,
                            getCodesSizes(b, b.getLoc(), encoding, sizes));
  unsigned rank = codesType.getRank();
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, TypeRange(codesType), ValueRange(), ValueRange(empty),
      ArrayRef<AffineMap>(b.getMultiDimIdentityMap(rank)), iterators,
      [&](OpBuilder &builder, Location loc, ValueRange) {
        ImplicitLocOpBuilder body(loc, builder);
        SmallVector<Value> position;
        for (unsigned dim = 0; dim < rank; ++dim)
          position.push_back(linalg::IndexOp::create(body, dim));
        WordBuilder words{body, encoding, type, sizes, codeAt};
        linalg::YieldOp::create(body,
                                buildBitsElement(body, words.word(position),
                                                 codesType.getElementType()));
      });
  return generic.getResult(0);
}

Value quantmlir::quant_tensor::buildRepackedParameters(ImplicitLocOpBuilder &b,
                                                       EncodingAttr source,
                                                       Value parameters,
                                                       RankedTensorType to) {
  EncodingAttr target = getEncoding(to);
  auto sourceType = cast<RankedTensorType>(parameters.getType());
  auto type = RankedTensorType::get(target.getStoredScaleShape(to.getShape()),
                                    sourceType.getElementType());
  if (source.hasTiledParameters() == target.hasTiledParameters())
    return parameters;
  // A weight's shape is static where its layout is a kernel's.
  int64_t group = target.getBlock()[1];
  SmallVector<int64_t> groups = target.getScaleShape(to.getShape());
  Value empty = tensor::EmptyOp::create(b, type, ValueRange());
  unsigned rank = type.getRank();
  auto generic = linalg::GenericOp::create(
      b, TypeRange(type), ValueRange(), ValueRange(empty),
      ArrayRef<AffineMap>(b.getMultiDimIdentityMap(rank)),
      SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
      [&](OpBuilder &builder, Location loc, ValueRange) {
        ImplicitLocOpBuilder body(loc, builder);
        MLIRContext *context = body.getContext();
        SmallVector<Value> position;
        for (unsigned dim = 0; dim < rank; ++dim)
          position.push_back(linalg::IndexOp::create(body, dim));
        bool isTiled = target.hasTiledParameters();
        SmallVector<Value> where = applyMap(
            body,
            isTiled ? FragmentLayout::getParameterOrigin(context, group)
                    : FragmentLayout::getParameterMap(context, group),
            position);
        // Past the last row or group, the last one.
        if (isTiled)
          for (unsigned dim : {0, 1}) {
            if (type.getDimSize(dim) *
                    (dim == 0 ? FragmentLayout::rows
                              : FragmentLayout::getTileGroups(group)) ==
                groups[dim])
              continue;
            where[dim] = arith::MinUIOp::create(body, where[dim],
                                                index(body, groups[dim] - 1));
          }
        Value value = tensor::ExtractOp::create(body, parameters, where);
        linalg::YieldOp::create(body, value);
      });
  return generic.getResult(0);
}
