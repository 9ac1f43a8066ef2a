//===- QuantTensorAttrs.cpp - Encoding, layout, codebook ------------------===//

#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Support/AttrParsing.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tensor;

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensorEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensorAttrs.cpp.inc"

void QuantTensorDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensorAttrs.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// CodebookAttr
//===----------------------------------------------------------------------===//

ArrayRef<double> CodebookAttr::getNF4Values() {
  static const double values[16] = {-1.0,
                                    -0.6961928009986877,
                                    -0.5250730514526367,
                                    -0.39491748809814453,
                                    -0.28444138169288635,
                                    -0.18477343022823334,
                                    -0.09105003625154495,
                                    0.0,
                                    0.07958029955625534,
                                    0.16093020141124725,
                                    0.24611230194568634,
                                    0.33791524171829224,
                                    0.44070982933044434,
                                    0.5626170039176941,
                                    0.7229568362236023,
                                    1.0};
  return values;
}

CodebookAttr CodebookAttr::get(MLIRContext *context, ArrayRef<double> values) {
  return get(context, DenseF64ArrayAttr::get(context, values));
}

CodebookAttr CodebookAttr::getNF4(MLIRContext *context) {
  return get(context, getNF4Values());
}

bool CodebookAttr::isNF4() const { return getValues() == getNF4Values(); }

LogicalResult CodebookAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   DenseF64ArrayAttr table) {
  ArrayRef<double> values = table.asArrayRef();
  // (C1)
  if (values.size() < 4 || values.size() > 256 ||
      !llvm::isPowerOf2_64(values.size()))
    return emitError() << "a codebook has 4, 8, ... or 256 values, got "
                       << values.size();
  // (C2)
  for (auto [index, value] : llvm::enumerate(values)) {
    if (!std::isfinite(value))
      return emitError() << "codebook value #" << index << " is not finite";
    if (index && !(values[index - 1] < value))
      return emitError() << "codebook values must ascend, but value #" << index
                         << " does not";
  }
  return success();
}

/// Parses `nf4` or a list of numbers.
static FailureOr<CodebookAttr> parseCodebook(AsmParser &parser) {
  if (succeeded(parser.parseOptionalKeyword("nf4")))
    return CodebookAttr::getNF4(parser.getContext());
  SmallVector<double> values;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
        return parser.parseFloat(values.emplace_back());
      }))
    return failure();
  auto codebook = CodebookAttr::getChecked(
      [&] { return parser.emitError(loc); }, parser.getContext(),
      DenseF64ArrayAttr::get(parser.getContext(), values));
  if (!codebook)
    return failure();
  return codebook;
}

static void printCodebook(AsmPrinter &printer, CodebookAttr codebook) {
  if (codebook.isNF4()) {
    printer << "nf4";
    return;
  }
  printer << '[';
  llvm::interleaveComma(codebook.getValues(), printer, [&](double value) {
    printer.printFloat(APFloat(value));
  });
  printer << ']';
}

Attribute CodebookAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<CodebookAttr> codebook = parseCodebook(parser);
  if (failed(codebook) || parser.parseGreater())
    return {};
  return *codebook;
}

void CodebookAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printCodebook(printer, *this);
  printer << '>';
}

//===----------------------------------------------------------------------===//
// LayoutAttr
//===----------------------------------------------------------------------===//

/// Whether `values` is a permutation of 0 .. values.size() - 1.
static bool isPermutation(ArrayRef<int64_t> values) {
  llvm::SmallBitVector seen(values.size());
  for (int64_t value : values) {
    if (value < 0 || value >= static_cast<int64_t>(values.size()) ||
        seen.test(value))
      return false;
    seen.set(value);
  }
  return true;
}

LogicalResult LayoutAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 LayoutKind kind, int64_t word, int64_t axis,
                                 ArrayRef<int64_t> order, bool halves,
                                 ArrayRef<int64_t> permutation,
                                 ArrayRef<int64_t> tile) {
  bool hasWordFields =
      word || axis != -1 || !order.empty() || halves || !permutation.empty();
  switch (kind) {
  case LayoutKind::RowMajor: // (C1)
    if (hasWordFields || !tile.empty())
      return emitError() << "a row_major layout has no fields";
    return success();
  case LayoutKind::Fragment: // (C2)
  case LayoutKind::Tinygemm:
    if (hasWordFields)
      return emitError() << "a " << stringifyLayoutKind(kind)
                         << " layout has only a tile";
    // The bound keeps products of a tile's extents far from overflow; no warp
    // reads so much at once.
    if (tile.size() != 2 || tile[0] <= 0 || tile[1] <= 0 || tile[0] > 65536 ||
        tile[1] > 65536)
      return emitError() << "a " << stringifyLayoutKind(kind)
                         << " layout needs a tile of two extents in [1, 65536]";
    return success();
  case LayoutKind::Packed: // (C3)
    if (!tile.empty())
      return emitError() << "a packed layout has no tile";
    if (word != 8 && word != 32)
      return emitError() << "a packed layout has words of 8 or 32 bits, got "
                         << word;
    if (axis < 0)
      return emitError() << "a packed layout needs an axis of 0 or more";
    if (order.empty() || !isPermutation(order))
      return emitError() << "order must be a permutation of the word's slots";
    if (!isPermutation(permutation))
      return emitError() << "permutation must be a permutation of the tensor's "
                            "dimensions";
    return success();
  }
  llvm_unreachable("all kinds handled");
}

static constexpr StringRef layoutKeys[] = {"word",   "axis",        "order",
                                           "halves", "permutation", "tile"};

Attribute LayoutAttr::parse(AsmParser &parser, Type) {
  LayoutKind kind = LayoutKind::RowMajor;
  int64_t word = 0, axis = -1;
  bool halves = false;
  SmallVector<int64_t> order, permutation, tile;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() ||
      parseEnum<LayoutKind>(parser, kind, "layout", symbolizeLayoutKind))
    return {};
  if (succeeded(parser.parseOptionalComma()) &&
      parseFields(parser, "layout", layoutKeys, [&](StringRef key) {
        if (key == "word")
          return parser.parseInteger(word);
        if (key == "axis")
          return parser.parseInteger(axis);
        if (key == "order")
          return parseIntegers(parser, order);
        if (key == "permutation")
          return parseIntegers(parser, permutation);
        if (key == "tile")
          return parseIntegers(parser, tile);
        StringRef value;
        SMLoc valueLoc = parser.getCurrentLocation();
        if (parser.parseKeyword(&value))
          return ParseResult(failure());
        if (value != "true" && value != "false")
          return ParseResult(parser.emitError(valueLoc)
                             << "halves is true or false, got '" << value
                             << "'");
        halves = value == "true";
        return ParseResult(success());
      }))
    return {};
  if (parser.parseGreater())
    return {};
  return getChecked([&] { return parser.emitError(loc); }, parser.getContext(),
                    kind, word, axis, order, halves, permutation, tile);
}

void LayoutAttr::print(AsmPrinter &printer) const {
  printer << '<' << stringifyLayoutKind(getKind());
  if (getWord())
    printer << ", word = " << getWord();
  if (getAxis() != -1)
    printer << ", axis = " << getAxis();
  auto list = [&](StringRef name, ArrayRef<int64_t> values) {
    if (values.empty())
      return;
    printer << ", " << name << " = ";
    printIntegers(printer, values);
  };
  list("order", getOrder());
  if (getHalves())
    printer << ", halves = true";
  list("permutation", getPermutation());
  list("tile", getTile());
  printer << '>';
}

//===----------------------------------------------------------------------===//
// EncodingAttr: parsing and printing
//===----------------------------------------------------------------------===//

static constexpr StringRef encodingKeys[] = {
    "storage",  "block",    "scale",    "zero_point", "range",
    "rounding", "overflow", "codebook", "layout"};

/// Smallest and largest code that integer storage of up to 8 bits holds.
static std::pair<int64_t, int64_t> getAllCodes(IntegerType storage) {
  unsigned bits = storage.getWidth();
  if (storage.isUnsigned())
    return {0, static_cast<int64_t>(llvm::maxUIntN(bits))};
  return {llvm::minIntN(bits), llvm::maxIntN(bits)};
}

Attribute EncodingAttr::parse(AsmParser &parser, Type) {
  Type storage, scale, zeroPoint;
  SmallVector<int64_t> block, range;
  bool hasBlock = false;
  Rounding rounding = Rounding::NearestEven;
  Overflow overflow = Overflow::Saturate;
  CodebookAttr codebook;
  LayoutAttr layout;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseLBrace() ||
      parseFields(parser, "encoding", encodingKeys,
                  [&](StringRef key) -> ParseResult {
                    if (key == "storage")
                      return parser.parseType(storage);
                    if (key == "scale")
                      return parser.parseType(scale);
                    if (key == "zero_point")
                      return parser.parseType(zeroPoint);
                    if (key == "block") {
                      hasBlock = true;
                      return parseIntegers(parser, block);
                    }
                    if (key == "range")
                      return parseIntegers(parser, range);
                    if (key == "rounding")
                      return parseEnum<Rounding>(parser, rounding, "rounding",
                                                 symbolizeRounding);
                    if (key == "overflow")
                      return parseEnum<Overflow>(parser, overflow, "overflow",
                                                 symbolizeOverflow);
                    if (key == "layout")
                      return parser.parseCustomAttributeWithFallback(layout);
                    FailureOr<CodebookAttr> parsed = parseCodebook(parser);
                    if (failed(parsed))
                      return failure();
                    codebook = *parsed;
                    return success();
                  }) ||
      parser.parseRBrace() || parser.parseGreater())
    return {};
  if (!storage || !scale || !hasBlock) {
    parser.emitError(loc) << "an encoding needs storage, block and scale";
    return {};
  }
  // Row major is the absence of a layout, and all codes that of a range, so
  // that equal encodings are equal.
  if (auto integer = dyn_cast<IntegerType>(storage);
      integer && range.size() == 2 && integer.getWidth() <= 8 && !codebook &&
      std::pair(range[0], range[1]) == getAllCodes(integer))
    range.clear();
  if (layout && layout.getKind() == LayoutKind::RowMajor)
    layout = {};
  return getChecked([&] { return parser.emitError(loc); }, parser.getContext(),
                    storage, block, scale, zeroPoint, range, rounding, overflow,
                    codebook, layout);
}

void EncodingAttr::print(AsmPrinter &printer) const {
  printer << "<{storage = " << getStorage() << ", block = ";
  printIntegers(printer, getBlock());
  printer << ", scale = " << getScale();
  if (getZeroPoint())
    printer << ", zero_point = " << getZeroPoint();
  if (!getRange().empty()) {
    printer << ", range = ";
    printIntegers(printer, getRange());
  }
  if (getRounding() != Rounding::NearestEven)
    printer << ", rounding = " << stringifyRounding(getRounding());
  if (getOverflow() != Overflow::Saturate)
    printer << ", overflow = " << stringifyOverflow(getOverflow());
  if (getCodebook()) {
    printer << ", codebook = ";
    printCodebook(printer, getCodebook());
  }
  if (getLayout()) {
    printer << ", layout = ";
    printer.printStrippedAttrOrType(getLayout());
  }
  printer << "}>";
}

//===----------------------------------------------------------------------===//
// EncodingAttr: verification
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
// EncodingAttr: queries
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
  return RankedTensorType::get(getScaleShape(shape), getScale());
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
  return RankedTensorType::get(getScaleShape(shape), type);
}
