//===- QuantTile.cpp - Our own instructions -------------------------------===//

#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "Models.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::emulator;

/// Bit i of the result is bit 4 a + 2 b + c of the table, a, b, c being bits i
/// of the operands: the union of the minterms that the table names.
static uint32_t evaluateLop3(uint32_t a, uint32_t b, uint32_t c,
                             unsigned table) {
  uint32_t result = 0;
  for (unsigned row = 0; row < 8; ++row)
    if (table >> row & 1)
      result |= (row & 4 ? a : ~a) & (row & 2 ? b : ~b) & (row & 1 ? c : ~c);
  return result;
}

static llvm::FailureOr<Semantics> describeLop3(quant_tile::Lop3Op op) {
  return perThread([table = unsigned(op.getTable())](Thread &, ValueBytes in,
                                                     ValueBytes out) {
    out.set(0, evaluateLop3(in.get<uint32_t>(0), in.get<uint32_t>(1),
                            in.get<uint32_t>(2), table));
  });
}

void quantmlir::emulator::attachQuantTileModels(MLIRContext *context) {
  attach<quant_tile::Lop3Op, describeLop3>(context);
}
