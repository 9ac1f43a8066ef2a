//===- QuantTileOps.cpp - Definitions of the generated op classes ---------===//

#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

using namespace mlir;
using namespace quantmlir::quant_tile;

#define GET_OP_CLASSES
#include "quantmlir/Dialect/QuantTile/IR/QuantTileOps.cpp.inc"
