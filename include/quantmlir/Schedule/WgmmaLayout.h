//===- WgmmaLayout.h - Shared memory of a wgmma kernel --------------------===//
//
// A block's dynamic shared memory, from its start (aligned to 1024 bytes, as
// swizzled tiles must be):
//
//   stages x (tile of activations | tile of weights)
//   consumers x staging buffers of one chunk of the result, where those that
//     share K with them leave their sums before
//   consumers x sums from the blocks that share K
//   slots of scales, where these change along K: of a run of steps each
//   barriers: full[stages], empty[stages], order[3], ready[3], taken[3],
//     known[slots], used[slots]; of four warpgroups that multiply, four each
//   table of decoded pairs (`quant_tile.look_up`)
//
// Activations, and weights of `wgmma`, are rows of 128 bytes, one panel of as
// many columns behind the other; weights of `wgmma_decode` are packed codes,
// row tile by row tile.
//
// The chooser needs its size and the kernel its places, so both read this.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_SCHEDULE_WGMMALAYOUT_H
#define QUANTMLIR_SCHEDULE_WGMMALAYOUT_H

#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

#include <algorithm>
#include <numeric>

namespace quantmlir::schedule {

struct WgmmaLayout {
  /// Bytes of a row of a tile: the widest swizzle.
  static constexpr int64_t rowBytes = 128;
  /// 16-bit activations of such a row.
  static constexpr int64_t panelColumns = rowBytes / 2;
  /// Rows of one instruction, and so of a chunk of the result.
  static constexpr int64_t chunkRows = 64;
  static constexpr int64_t chunkBytes = chunkRows * rowBytes;
  /// What rows of a chunk are a multiple of where the tensor memory accelerator
  /// stores them.
  static constexpr int64_t storeBytes = 16;
  /// Chunks that a consumer may have on their way to memory.
  static constexpr int64_t chunkBuffers = 2;
  static constexpr int64_t barrierBytes = 8;
  /// Warpgroups of a block that multiply, as many as all but `wgmma_decode`
  /// have at most: barriers of each have room for them.
  static constexpr int64_t usualConsumers = 3;
  /// What a miss in L2 fetches: a line is 128 bytes and a sector pair 64; the
  /// largest promotion reads two lines along K, of which the next stage needs
  /// the other.
  static constexpr int64_t promotion = 256;

  /// Steps along K whose scales a slot holds, in f32: in f32, those of a row
  /// fill a sector of memory. A slot is filled while the other is used.
  static constexpr int64_t scaleSteps = 8, scaleSlots = 2;
  /// Threads that fill it: three warps of the loading warpgroup, of which the
  /// last takes the weights' scales.
  static constexpr int64_t scaleThreads = 96;

  /// With `sumsBytes` of sums for each consumer, results in chunks whose rows
  /// have `chunkRowBytes`, and `scales` of each step, those of activations and
  /// then those of weights.
  explicit WgmmaLayout(quant_tile::ScheduleAttr schedule, int64_t sumsBytes = 0,
                       int64_t chunkRowBytes = rowBytes, int64_t scales = 0)
      : stages(schedule.getStages()), lhsBytes(schedule.getTileM() * rowBytes),
        rhsBytes(schedule.getTileN() * rowBytes),
        consumers(schedule.getConsumers()),
        finishers(consumers / schedule.getWarpsK()), sumsBytes(sumsBytes),
        bufferBytes(chunkRows * chunkRowBytes), scales(scales) {}
  /// Of `wgmma_decode`: 16-bit activations, codes of `width` bits, and a table
  /// of pairs of `tableBytes`, 0 where there is none.
  static WgmmaLayout ofDecoded(quant_tile::ScheduleAttr schedule,
                               unsigned width, int64_t sumsBytes,
                               int64_t tableBytes) {
    WgmmaLayout layout(schedule, sumsBytes);
    layout.lhsBytes = schedule.getTileM() * schedule.getTileK() * 2;
    layout.rhsBytes = schedule.getTileN() * schedule.getTileK() * width / 8;
    layout.tableBytes = tableBytes;
    return layout;
  }

  /// Consumers, and those of them that finish what others have a share of.
  int64_t stages, lhsBytes, rhsBytes, consumers, finishers;
  int64_t sumsBytes, bufferBytes, scales;
  int64_t tableBytes = 0;

  int64_t getStageBytes() const { return lhsBytes + rhsBytes; }
  int64_t getChunk(int64_t buffer) const {
    return stages * getStageBytes() + buffer * bufferBytes;
  }
  /// The first who shares K leaves sums where its finisher's chunks will be,
  /// others behind.
  int64_t getSums() const {
    return getChunk(std::max(finishers, consumers - finishers) * chunkBuffers);
  }
  /// Elements from a step's scales to the next one's: a warp that fills a slot
  /// writes four scales of each of eight steps, to as many banks. Four elements
  /// are an access.
  int64_t getScaleStride() const {
    constexpr int64_t banks = 32, rows = banks / scaleSteps;
    return (scales + banks - rows - 1) / banks * banks + rows;
  }
  int64_t getScaleBytes() const {
    return scales ? scaleSteps * getScaleStride() * 4 : 0;
  }
  int64_t getScales(int64_t slot) const {
    return getSums() + finishers * sumsBytes + slot * getScaleBytes();
  }
  int64_t getFull(int64_t stage) const {
    return getScales(scaleSlots) + stage * barrierBytes;
  }
  int64_t getEmpty(int64_t stage) const { return getFull(stages + stage); }
  int64_t getOrder(int64_t consumer) const {
    return getFull(2 * stages + consumer);
  }
  int64_t getReady(int64_t consumer) const {
    return getOrder(getMostConsumers() + consumer);
  }
  int64_t getTaken(int64_t consumer) const {
    return getOrder(2 * getMostConsumers() + consumer);
  }
  int64_t getKnown(int64_t slot) const {
    return getOrder((sumsBytes ? 3 : 1) * getMostConsumers() + slot);
  }
  int64_t getUsed(int64_t slot) const { return getKnown(scaleSlots + slot); }
  /// Begins with the first bank.
  int64_t getTable() const {
    return (getBarrierEnd() + rowBytes - 1) / rowBytes * rowBytes;
  }
  int64_t getBytes() const {
    return tableBytes ? getTable() + tableBytes : getBarrierEnd();
  }

private:
  int64_t getMostConsumers() const {
    return std::max(consumers, usualConsumers);
  }
  int64_t getBarrierEnd() const {
    return scales ? getUsed(scaleSlots) : getKnown(0);
  }
};

/// What the blocks that share a tile along K send each other: the sums of a
/// consumer's part of it, in `chunks` chunks of `chunkBytes`. Chunk c is
/// finished by block c % `parts`, to which the others send theirs.
struct SumExchange {
  int64_t parts, chunks, chunkBytes;

  /// Blocks that finish chunks: the first ones, where there are more blocks.
  int64_t getOwners() const { return std::min(chunks, parts); }
  /// Bytes of the sums from one sender, and of all for a consumer.
  int64_t getSenderBytes() const {
    return (chunks + parts - 1) / parts * chunkBytes;
  }
  int64_t getSumsBytes() const { return (parts - 1) * getSenderBytes(); }
};

/// Registers of a thread once the loader and two to four consumers have settled
/// what each needs. Three warpgroups start with 168 each, four with 128, five
/// with 96.
struct WarpgroupRegisters {
  explicit WarpgroupRegisters(int64_t consumers)
      : loader(consumers >= 3 ? 32 : 40), consumer(consumers == 4   ? 112
                                                   : consumers == 3 ? 160
                                                                    : 232) {}
  int64_t loader, consumer;
};

/// How the chunks of a consumer's part of a tile of `wgmma` are divided.
struct WgmmaSplit {
  /// More accumulators leave a thread few registers for the epilogue, where two
  /// warpgroups multiply.
  static constexpr int64_t manyAccumulators = 176;

  /// Of a kernel whose results have `resultBytes` bytes each, and are made of
  /// `numSums` neighbouring columns.
  WgmmaSplit(quant_tile::ScheduleAttr schedule, int64_t resultBytes,
             int64_t numSums)
      : WgmmaSplit(schedule.getTileM(), schedule.getTileN(),
                   schedule.getWarpsM(), schedule.getWarpsN(),
                   schedule.getSplitK(), resultBytes, numSums) {}
  WgmmaSplit(int64_t tileM, int64_t tileN, int64_t warpsM, int64_t warpsN,
             int64_t splitK, int64_t resultBytes, int64_t numSums)
      : resultBytes(resultBytes), numSums(numSums), parts(splitK),
        blocks(tileM / (warpsM / 4) / WgmmaLayout::chunkRows),
        columns(tileN / warpsN) {
    int64_t results =
        std::gcd(columns / numSums * resultBytes, WgmmaLayout::rowBytes) /
        resultBytes;
    // There are registers for 64 columns of results. Narrower ones where
    // there are not enough of them; 16 columns are staged together, and a row
    // is a multiple of what the accelerator stores.
    chunkColumns = std::min<int64_t>(results, 64) * numSums;
    while (getChunks() < parts && chunkColumns % 32 == 0 &&
           getChunkRowBytes() % (2 * WgmmaLayout::storeBytes) == 0)
      chunkColumns /= 2;
  }

  int64_t resultBytes, numSums, parts;
  /// Blocks of 64 rows and columns of a consumer's part of a tile.
  int64_t blocks, columns;
  int64_t chunkColumns;

  /// `scales`: of each step of a tile, where they change along K.
  WgmmaLayout getLayout(quant_tile::ScheduleAttr schedule,
                        int64_t scales) const {
    return WgmmaLayout(schedule, getExchange().getSumsBytes(),
                       getChunkRowBytes(), scales);
  }
  /// Columns of results that those of a chunk make, and bytes of a row of them.
  int64_t getResultColumns() const { return chunkColumns / numSums; }
  int64_t getChunkRowBytes() const { return getResultColumns() * resultBytes; }
  int64_t getChunksOfBlock() const { return columns / chunkColumns; }
  int64_t getChunks() const { return blocks * getChunksOfBlock(); }
  /// Accumulators of a thread.
  int64_t getAccumulators() const { return blocks * columns / 2; }
  SumExchange getExchange() const {
    return {parts, getChunks(), WgmmaLayout::chunkRows * chunkColumns * 4};
  }
};

/// Steps of `tileK` columns that the loop of `wgmma_decode` takes at a time, at
/// whose end it waits for all multiplications. Fewer than two times as many are
/// no loop.
inline int64_t getStepsOfDecodeLoop(int64_t tileK) {
  return std::clamp<int64_t>(512 / tileK, 2, 4);
}

/// Columns of a round of that loop.
inline int64_t getRoundColumns(int64_t tileK) {
  return tileK * getStepsOfDecodeLoop(tileK);
}

/// Units of a tile of `k` columns that blocks may divide with `stream_k`:
/// rounds of the loop over steps; 0 where these are no whole number of them.
inline int64_t getStreamUnits(int64_t k, quant_tile::ScheduleAttr schedule) {
  int64_t columns = getRoundColumns(schedule.getTileK());
  return k % columns ? 0 : k / columns;
}

/// Steps that scales and zero points are asked for ahead of their use in
/// `wgmma_decode`. Those in tiles come from device memory in every step, two of
/// up to 16 bits in a register, while one read of a row serves many steps from
/// the cache after the first.
inline int64_t getDecodeStepsAhead(bool areTiled, unsigned maxBits) {
  return areTiled && maxBits <= 16 ? 4 : 2;
}

/// Warpgroups of `wgmma_decode` that are many: each hides what others wait for,
/// and has few registers for sums beside their total.
inline constexpr int64_t kManyDecoders = 3;

/// Whether each of `warpgroups` has registers for few decoded weights at once:
/// four have, and three where sums of groups are scaled.
inline bool decodesInFewRegisters(int64_t warpgroups, bool scalesSums) {
  return warpgroups > kManyDecoders ||
         (scalesSums && warpgroups == kManyDecoders);
}

/// Whether `wgmma_decode` with `rows` rows of accumulators, where sums of
/// groups are scaled, multiplies a group while it scales the one before: of
/// more rows, two sums and their total would take too many registers, and many
/// warpgroups have none for them.
inline bool overlapsDecodeSums(int64_t rows, int64_t warpgroups) {
  return rows <= 64 && warpgroups < kManyDecoders;
}

/// How the chunks of a consumer's part of a tile of `wgmma_decode` are divided:
/// 64 weights by `rows` rows of activations each.
struct DecodeSplit {
  explicit DecodeSplit(quant_tile::ScheduleAttr schedule)
      : parts(schedule.getSplitK()), sharers(schedule.getWarpsK()),
        blocks(schedule.getTileN() * sharers / schedule.getConsumers() /
               WgmmaLayout::chunkRows),
        tileM(schedule.getTileM()),
        rows(std::gcd(tileM, WgmmaLayout::chunkRows)) {
    // Lower ones where there are not enough; an instruction stages 16 rows.
    while (getChunks() < parts && rows % 32 == 0)
      rows /= 2;
  }

  /// Blocks that share a tile along K, and warpgroups of one of them that do.
  int64_t parts, sharers;
  int64_t blocks, tileM, rows;

  int64_t getChunksOfBlock() const { return tileM / rows; }
  int64_t getChunks() const { return blocks * getChunksOfBlock(); }
  SumExchange getExchange() const {
    return {parts, getChunks(), WgmmaLayout::chunkRows * rows * 4};
  }
};

} // namespace quantmlir::schedule

#endif // QUANTMLIR_SCHEDULE_WGMMALAYOUT_H
