//===- QuantTensorAttrs.cpp - Codebooks, layouts, syntax of encodings -----===//

#include "CodeRange.h"
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
  float last = 0.0f;
  for (auto [index, value] : llvm::enumerate(values)) {
    float entry = static_cast<float>(value);
    if (!std::isfinite(entry))
      return emitError() << "codebook value #" << index
                         << " is not finite as f32";
    if (index && !(last < entry))
      return emitError() << "codebook values must ascend as f32, but value #"
                         << index << " does not";
    last = entry;
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
