//===- Semantics.h - The meaning of an instruction ------------------------===//
//
// What an op's `getSemantics` is written with: a function on the bytes of its
// operands and results, run for one thread or once for a whole warp
// or warpgroup.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_EMULATOR_SEMANTICS_H
#define QUANTMLIR_EMULATOR_SEMANTICS_H

#include "llvm/ADT/ArrayRef.h"
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>

namespace quantmlir::emulator {

class Thread;

/// Values of one execution of an op, each at its own offset.
class ValueBytes {
public:
  ValueBytes() = default;
  ValueBytes(char *data, llvm::ArrayRef<uint32_t> offsets)
      : data(data), offsets(offsets) {}

  /// The bytes of value `index`: vectors and structs lie as in host memory.
  char *bytes(unsigned index) const { return data + offsets[index]; }

  template <typename T> T get(unsigned index, unsigned element = 0) const {
    T value;
    std::memcpy(&value, bytes(index) + element * sizeof(T), sizeof(T));
    return value;
  }

  template <typename T>
  void set(unsigned index, T value, unsigned element = 0) const {
    std::memcpy(bytes(index) + element * sizeof(T), &value, sizeof(T));
  }

private:
  char *data = nullptr;
  llvm::ArrayRef<uint32_t> offsets;
};

/// One lane's part in a warp-wide instruction.
struct Lane {
  Thread *thread = nullptr;
  ValueBytes operands;
  ValueBytes results;
};

/// The lanes that execute a warp-wide instruction together. A lane outside
/// `mask` takes no part and its entry is empty.
struct WarpLanes {
  uint32_t mask = 0;
  std::array<Lane, 32> lanes;

  bool contains(unsigned lane) const { return lane < 32 && (mask >> lane & 1); }
};

/// The 128 lanes that execute a warpgroup's instruction together, warp by warp.
struct WarpgroupLanes {
  std::array<Lane, 128> lanes;
};

/// What an instruction does. Exactly one of the three functions is set.
struct Semantics {
  /// Run by each thread on its own; may wait (barriers do).
  std::function<void(Thread &, ValueBytes operands, ValueBytes results)>
      perThread;
  /// Run once when all lanes concerned have come to this op.
  std::function<void(WarpLanes &)> perWarp;
  /// Run once when the four warps of a warpgroup have come to this op.
  std::function<void(WarpgroupLanes &)> perWarpgroup;
  /// The operand of a warp-wide op that holds the mask of its lanes. Without
  /// one, every lane of the warp must come (`.aligned` instructions).
  std::optional<unsigned> maskOperand;
  /// Multiplications and additions of one warp's part, for profiles.
  uint64_t operations = 0;
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_EMULATOR_SEMANTICS_H
