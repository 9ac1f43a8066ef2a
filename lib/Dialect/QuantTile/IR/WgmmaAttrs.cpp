//===- WgmmaAttrs.cpp - Warpgroups and tensor maps ------------------------===//

#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "quantmlir/Support/AttrParsing.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;

//===----------------------------------------------------------------------===//
// WarpgroupsAttr
//===----------------------------------------------------------------------===//

LogicalResult
WarpgroupsAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                       ConsumerKind, int64_t clusterM, int64_t clusterN,
                       int64_t groupM) {
  // Eight blocks are what every launch may have.
  if (clusterM < 1 || clusterN < 1 || clusterM * clusterN > 8)
    return emitError() << "a cluster has 1 to 8 blocks, got " << clusterM
                       << " x " << clusterN;
  if (clusterM != 1 && clusterN != 1)
    return emitError() << "blocks of a cluster lie along m or n, got "
                       << clusterM << " x " << clusterN;
  if (groupM < 1 || groupM > INT32_MAX)
    return emitError() << "group_m must be positive, got " << groupM;
  return success();
}

Attribute WarpgroupsAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  ConsumerKind kind;
  SmallVector<int64_t> cluster;
  int64_t groupM = 1;
  if (parser.parseLess() ||
      parseEnum(parser, kind, "kind of warpgroups", symbolizeConsumerKind))
    return {};
  if (succeeded(parser.parseOptionalComma()) &&
      parseFields(parser, "warpgroups", {"cluster", "group_m"},
                  [&](StringRef key) -> ParseResult {
                    if (key == "cluster")
                      return parseIntegers(parser, cluster);
                    return parser.parseInteger(groupM);
                  }))
    return {};
  if (parser.parseGreater())
    return {};
  if (cluster.empty())
    cluster = {1, 1};
  if (cluster.size() != 2) {
    parser.emitError(loc) << "a cluster is [m, n], got " << cluster.size()
                          << " extents";
    return {};
  }
  return getChecked([&] { return parser.emitError(loc); }, parser.getContext(),
                    kind, cluster[0], cluster[1], groupM);
}

void WarpgroupsAttr::print(AsmPrinter &printer) const {
  printer << '<' << stringifyConsumerKind(getKind());
  if (getClusterSize() != 1) {
    printer << ", cluster = ";
    printIntegers(printer, {getClusterM(), getClusterN()});
  }
  if (getGroupM() != 1)
    printer << ", group_m = " << getGroupM();
  printer << '>';
}

//===----------------------------------------------------------------------===//
// TensorMapAttr
//===----------------------------------------------------------------------===//

LogicalResult
TensorMapAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                      ArrayRef<int64_t> box, int64_t swizzle,
                      int64_t l2Promotion) {
  // The limits of cuTensorMapEncodeTiled.
  if (box.size() < 2 || box.size() > 5)
    return emitError() << "a box is [rows, columns], or has up to five extents"
                          ", got "
                       << box.size();
  for (int64_t extent : box)
    if (extent < 1 || extent > 256)
      return emitError() << "box extents are in [1, 256], got " << extent;
  if (!llvm::is_contained({0, 32, 64, 128}, swizzle))
    return emitError() << "swizzle is 0, 32, 64 or 128 bytes, got " << swizzle;
  if (!llvm::is_contained({0, 64, 128, 256}, l2Promotion))
    return emitError() << "l2_promotion is 0, 64, 128 or 256 bytes, got "
                       << l2Promotion;
  return success();
}

Attribute TensorMapAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<int64_t> box;
  int64_t swizzle = 0, l2Promotion = 0;
  if (parser.parseLess() ||
      parseFields(parser, "tensor_map", {"box", "swizzle", "l2_promotion"},
                  [&](StringRef key) -> ParseResult {
                    if (key == "box")
                      return parseIntegers(parser, box);
                    return parser.parseInteger(key == "swizzle" ? swizzle
                                                                : l2Promotion);
                  }) ||
      parser.parseGreater())
    return {};
  return getChecked([&] { return parser.emitError(loc); }, parser.getContext(),
                    ArrayRef<int64_t>(box), swizzle, l2Promotion);
}

void TensorMapAttr::print(AsmPrinter &printer) const {
  printer << "<box = ";
  printIntegers(printer, getBox());
  if (getSwizzle())
    printer << ", swizzle = " << getSwizzle();
  if (getL2Promotion())
    printer << ", l2_promotion = " << getL2Promotion();
  printer << '>';
}

//===----------------------------------------------------------------------===//
// TensorMapOp
//===----------------------------------------------------------------------===//

LogicalResult TensorMapOp::verify() {
  auto type = cast<MemRefType>(getBuffer().getType());
  if (type.getRank() < 1 || !type.getLayout().isIdentity())
    return emitOpError() << "needs a contiguous buffer of rank 1 or more, got "
                         << type;
  int64_t bits = type.getElementTypeBitWidth();
  TensorMapAttr map = getMap();
  size_t extents = map.getBox().size();
  if (extents > 2 && extents != static_cast<size_t>(type.getRank()))
    return emitOpError() << "a box of " << extents
                         << " extents is of a buffer of as many dimensions, "
                            "got "
                         << type;
  int64_t columns = map.getBox().back();
  if (map.getSwizzle() && columns * bits > map.getSwizzle() * 8)
    return emitOpError() << "rows of a box are at most as long as the swizzle, "
                         << map.getSwizzle() << " bytes, got " << columns
                         << " x " << type.getElementType();
  return success();
}
