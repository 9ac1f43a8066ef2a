//===- WgmmaLayout.h - Shared memory of a wgmma kernel --------------------===//
//
// A block's dynamic shared memory, from its start (aligned to 1024 bytes, as
// swizzled tiles must be):
//
//   stages x (tile of activations | tile of weights)   rows of 128 bytes
//   consumers x staging buffers of one chunk of the result
//   barriers: full[stages], empty[stages], order[2]
//
// The chooser needs its size and the kernel its places, so both read this.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_SCHEDULE_WGMMALAYOUT_H
#define QUANTMLIR_SCHEDULE_WGMMALAYOUT_H

#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

namespace quantmlir::schedule {

struct WgmmaLayout {
  /// Bytes of a row of a tile: the widest swizzle.
  static constexpr int64_t rowBytes = 128;
  /// Rows of one instruction, and so of a chunk of the result.
  static constexpr int64_t chunkRows = 64;
  static constexpr int64_t chunkBytes = chunkRows * rowBytes;
  /// Chunks that a consumer may have on their way to memory.
  static constexpr int64_t chunkBuffers = 2;
  static constexpr int64_t barrierBytes = 8;
  /// What a miss in L2 fetches: a line is 128 bytes and a sector pair 64; the
  /// largest promotion reads two lines along K, of which the next stage needs
  /// the other.
  static constexpr int64_t promotion = 256;

  explicit WgmmaLayout(quant_tile::ScheduleAttr schedule)
      : stages(schedule.getStages()), lhsBytes(schedule.getTileM() * rowBytes),
        rhsBytes(schedule.getTileN() * rowBytes),
        consumers(schedule.getConsumers()) {}

  int64_t stages, lhsBytes, rhsBytes, consumers;

  int64_t getStageBytes() const { return lhsBytes + rhsBytes; }
  int64_t getChunk(int64_t buffer) const {
    return stages * getStageBytes() + buffer * chunkBytes;
  }
  int64_t getFull(int64_t stage) const {
    return getChunk(consumers * chunkBuffers) + stage * barrierBytes;
  }
  int64_t getEmpty(int64_t stage) const { return getFull(stages + stage); }
  int64_t getOrder(int64_t consumer) const {
    return getFull(2 * stages + consumer);
  }
  int64_t getBytes() const { return getOrder(2); }
};

} // namespace quantmlir::schedule

#endif // QUANTMLIR_SCHEDULE_WGMMALAYOUT_H
