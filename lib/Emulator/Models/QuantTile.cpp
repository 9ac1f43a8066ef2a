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

/// The hardware's is at most 2 ulp from this one: the power, rounded; subnormal
/// numbers are zeros.
static llvm::FailureOr<Semantics> describeEx2(quant_tile::Ex2Op) {
  return perThread([](Thread &, ValueBytes in, ValueBytes out) {
    auto flush = [](float value) {
      return std::fabs(value) < 0x1p-126f ? std::copysign(0.0f, value) : value;
    };
    double power = std::exp2(static_cast<double>(flush(in.get<float>(0))));
    float result = flush(static_cast<float>(power));
    out.set<uint32_t>(0, std::isnan(result) ? 0x7fffffff
                                            : llvm::bit_cast<uint32_t>(result));
  });
}

/// Its operands are the words, where they go, and the mbarrier.
static llvm::FailureOr<Semantics>
describeStoreAsync(quant_tile::StoreAsyncOp op) {
  unsigned count = op.getValue().getType().isIntOrFloat() ? 1 : 4;
  return perThread([count](Thread &thread, ValueBytes in, ValueBytes) {
    std::array<uint32_t, 4> words;
    for (unsigned i = 0; i < count; ++i)
      words[i] = in.get<uint32_t>(0, i);
    thread.storeAsync(in.get<uint64_t>(1), in.get<uint64_t>(2),
                      llvm::ArrayRef(reinterpret_cast<const char *>(&words),
                                     count * sizeof(uint32_t)));
  });
}

void quantmlir::emulator::attachQuantTileModels(MLIRContext *context) {
  attach<quant_tile::Ex2Op, describeEx2>(context);
  attach<quant_tile::Lop3Op, describeLop3>(context);
  attach<quant_tile::StoreAsyncOp, describeStoreAsync>(context);
}
