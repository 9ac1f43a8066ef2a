//===- QuantTileDialect.cpp - The quant_tile dialect ----------------------===//

#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

#include "mlir/Transforms/InliningUtils.h"

using namespace mlir;
using namespace quantmlir::quant_tile;

#include "quantmlir/Dialect/QuantTile/IR/QuantTileDialect.cpp.inc"

namespace {

/// Nothing in the dialect refers to the function it stands in.
struct QuantTileInlinerInterface : DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;
  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
};

} // namespace

void QuantTileDialect::initialize() {
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "quantmlir/Dialect/QuantTile/IR/QuantTileOps.cpp.inc"
      >();
  addInterfaces<QuantTileInlinerInterface>();
}
