//===- QuantTileAttrs.cpp - Attributes of quant_tile ----------------------===//

#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quantmlir::quant_tile;

#include "quantmlir/Dialect/QuantTile/IR/QuantTileEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "quantmlir/Dialect/QuantTile/IR/QuantTileAttrs.cpp.inc"

void QuantTileDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "quantmlir/Dialect/QuantTile/IR/QuantTileAttrs.cpp.inc"
      >();
}
