//===- WgmmaKernel.h - The warpgroup main loop of sm_90a ------------------===//
//
// Y = X·Wᵀ: activations are the A operand, weights the B operand, both K-major
// in swizzled shared memory. One warpgroup loads: a thread keeps a ring of
// stages filled by the tensor memory accelerator. One or two warpgroups
// multiply with wgmma and compute the epilogue on their registers. Blocks are
// persistent, and the ring runs on from tile to tile, so that the next tile's
// operands arrive during the epilogue.
//
//   full[s]   the loader's bytes of stage s are there
//   empty[s]  every consumer of the cluster is done with stage s
//   order[w]  ping-pong: consumer w may start to multiply
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_WGMMAKERNEL_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_WGMMAKERNEL_H

#include "MatmulEmitter.h"
#include "quantmlir/Schedule/WgmmaLayout.h"

namespace quantmlir {

/// The result in chunks that the tensor memory accelerator stores.
struct WgmmaOutput {
  WgmmaOutput(const MatmulProblem &problem, mlir::Type element);

  /// Whether rows of the result are aligned as the accelerator wants them;
  /// threads store element by element where they are not.
  bool isBulk;
  /// Bytes and columns of a row of a chunk; its swizzle is as wide, if any.
  int64_t chunkBytes, chunkColumns;
};

/// Emits one kernel. Values are i32 where nothing else is said.
class WgmmaKernel {
public:
  explicit WgmmaKernel(MatmulEmitter &b);
  void emit();

private:
  /// Position in the ring: the stage and the parity of its current phase.
  struct Ring {
    mlir::Value stage, phase;
  };

  // i32 arithmetic that folds.
  mlir::Value word(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value add(mlir::Value a, int64_t b) { return add(a, word(b)); }
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, int64_t b) { return mul(a, word(b)); }
  mlir::Value div(mlir::Value a, mlir::Value b);
  mlir::Value rem(mlir::Value a, mlir::Value b);
  mlir::Value exclusiveOr(mlir::Value a, mlir::Value b);
  mlir::Value equal(mlir::Value a, mlir::Value b);
  mlir::Value toIndex(mlir::Value value);

  // Shared memory and barriers.
  mlir::Value shared(int64_t offset, mlir::Value scaled = {},
                     int64_t scale = 1);
  mlir::Value full(mlir::Value stage);
  mlir::Value empty(mlir::Value stage);
  mlir::Value order(mlir::Value consumer);
  void initBarriers();
  void fenceSharedMemory();
  void synchronizeCluster();
  void waitFor(mlir::Value barrier, mlir::Value parity);
  void arrive(mlir::Value barrier);
  void release(mlir::Value stage);
  Ring advance(Ring ring);
  Ring skip(Ring ring, int64_t steps);

  /// Rows and columns of the result that tile number `tile` starts at, for
  /// this block of the cluster.
  std::pair<mlir::Value, mlir::Value> locate(mlir::Value tile);
  void
  tileLoop(mlir::Value first, mlir::Value step,
           llvm::SmallVector<mlir::Value> carried,
           llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value,
                                                             mlir::ValueRange)>
               body);

  // The loader.
  void produce();
  void load(mlir::Value map, mlir::Value to, mlir::Value barrier,
            mlir::Value column, mlir::Value row, int64_t rows, bool isShared);

  // The consumers.
  void consume();
  void issue(llvm::SmallVectorImpl<mlir::Value> &accumulators,
             mlir::Value stage, bool isFirst);
  llvm::SmallVector<mlir::Value> multiply(Ring &ring);

  // The epilogue: WgmmaEpilogue.cpp.
  void finish(llvm::ArrayRef<mlir::Value> accumulators, mlir::Value firstRow,
              mlir::Value firstColumn);
  void storeChunk(mlir::Value accumulators, int64_t block, int64_t chunk,
                  mlir::Value firstRow, mlir::Value firstColumn);
  void copyChunk(int64_t buffer, mlir::Value firstRow, mlir::Value firstColumn);
  void stage(int64_t buffer, int64_t column8, llvm::ArrayRef<mlir::Value> left,
             llvm::ArrayRef<mlir::Value> right);
  mlir::Value chunkByte(int64_t buffer, mlir::Value offset);
  mlir::Value exchange(mlir::Value row, mlir::Value byte);
  llvm::SmallVector<mlir::Value> results(mlir::Value accumulators,
                                         int64_t column8, mlir::Value row,
                                         mlir::Value column);
  void synchronizeConsumer();

  MatmulEmitter &b;
  const MatmulProblem &problem;
  quant_tile::ScheduleAttr schedule;
  quant_tile::WarpgroupsAttr groups;
  quantmlir::schedule::WgmmaLayout layout;
  WgmmaOutput output;
  /// Columns of a stage, steps of a tile along K, blocks of 64 rows and columns
  /// of a consumer's part of a tile.
  int64_t tileK, steps, blocks, columns;
  mlir::Type accumulatorType;

  mlir::Value base;                   // shared memory
  mlir::Value lhsMap, rhsMap, outMap; // tensor maps
  mlir::Value rows;                   // of the result
  mlir::Value thread, group;          // in the block; its warpgroup
  mlir::Value rank, cluster,
      clusters;              // block in its cluster; which of how many
  mlir::Value tilesM, tiles; // of the cluster
  // Of a consumer: which it is, its thread, warp and lane, and where its part
  // of a tile starts.
  mlir::Value consumer, member, warp, lane, partRow, partColumn;
};

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_WGMMAKERNEL_H
