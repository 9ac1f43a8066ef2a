//===- WarpgroupBlock.h - Blocks of specialised warpgroups (sm_90a) -------===//
//
// What main loops of wgmma share. One warpgroup of a block loads: one thread
// (wgmma), or one of each of its warps (wgmma_decode), keeps a ring of stages
// in shared memory filled by bulk copies. The others multiply with wgmma and
// compute the epilogue on their registers. Blocks are persistent, and the ring
// runs on from tile to tile, so that the next tile's operands arrive during the
// epilogue.
//
//   full[s]   the loader's bytes of stage s are there
//   empty[s]  every consumer of the cluster is done with stage s
//   order[w]  ping-pong, alternating: consumer w may start to multiply
//   ready[w]  split K: the other blocks' sums for consumer w are there
//   taken[w]  split K: the other blocks have read what consumer w sent them
//   known[s]  the scales of slot s are there
//   used[s]   every thread that multiplies is done with slot s
//
// Results go through swizzled shared memory in chunks, which the tensor memory
// accelerator stores (and clips) while the next chunk, and the other
// consumer's multiplications, are under way.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_WARPGROUPBLOCK_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_WARPGROUPBLOCK_H

#include "MatmulEmitter.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "quantmlir/Schedule/WgmmaLayout.h"

namespace quantmlir {

/// The result in chunks that the tensor memory accelerator stores.
struct ResultChunks {
  /// Chunks of `rows` rows, and of at most `columns` columns of `element`.
  ResultChunks(const MatmulProblem &problem, mlir::Type element, int64_t rows,
               int64_t columns);

  /// The tensor map of the result; only where `isBulk`.
  quant_tile::TensorMapAttr getTensorMap(mlir::MLIRContext *context) const;

  /// Whether rows of the result are aligned as the accelerator wants them;
  /// threads store element by element where they are not.
  bool isBulk;
  /// Rows of a chunk, bytes and columns of each; its swizzle is as wide, if
  /// any.
  int64_t rows, bytes, columns;
};

/// Emits what is not a main loop of one kernel. Values are i32 where nothing
/// else is said.
class WarpgroupBlock {
public:
  /// The kernel: `produce` and `consume`, each by its own warpgroups.
  void emit();

protected:
  /// A block of `layout`, in clusters of `clusterSize`: those that share
  /// operands, times those that share tiles along K. Each consumer
  /// that uses a stage arrives `releases` times at its empty barrier.
  WarpgroupBlock(MatmulEmitter &b, schedule::WgmmaLayout layout,
                 ResultChunks output, int64_t clusterSize,
                 schedule::SumExchange sums, int64_t releases = 1);
  virtual ~WarpgroupBlock() = default;

  /// Writes what no copy does to shared memory, by all threads, before any
  /// other use of it.
  virtual void prepareSharedMemory() {}
  /// What the loading warpgroup does.
  virtual void produce() = 0;
  /// What each of the others does. `consumer`, `member`, `warp` and `lane` say
  /// who it is.
  virtual void consume() = 0;

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
  mlir::Value toWord(mlir::Value value);

  // Shared memory and barriers.
  mlir::Value shared(int64_t offset, mlir::Value scaled = {},
                     int64_t scale = 1);
  mlir::Value full(mlir::Value stage);
  mlir::Value empty(mlir::Value stage);
  mlir::Value order(mlir::Value consumer);
  mlir::Value ready(mlir::Value consumer);
  mlir::Value taken(mlir::Value consumer);
  mlir::Value known(mlir::Value slot);
  mlir::Value used(mlir::Value slot);
  void initBarriers();
  void fenceSharedMemory();
  void synchronizeStart();
  void synchronizeCluster();
  using Scope = mlir::NVVM::MemScopeKind;
  void waitFor(mlir::Value barrier, mlir::Value parity,
               Scope scope = Scope::CTA);
  void arrive(mlir::Value barrier, Scope scope = Scope::CTA);
  /// The same place in the shared memory of block `block` of the cluster.
  mlir::Value remote(mlir::Value address, mlir::Value block);
  /// This thread's arrival at `barrier`, which waits for `bytes` of copies.
  void expect(mlir::Value barrier, mlir::Value bytes);
  void expect(mlir::Value barrier, int64_t bytes) {
    expect(barrier, word(bytes));
  }
  void release(mlir::Value stage);
  void waitForReleases(Ring ring);
  /// The position one further, or `steps`, in a ring of `stages`.
  Ring advance(Ring ring, int64_t stages);
  Ring advance(Ring ring) { return advance(ring, layout.stages); }
  Ring skip(Ring ring, int64_t steps, int64_t stages);
  Ring skip(Ring ring, int64_t steps) {
    return skip(ring, steps, layout.stages);
  }

  /// Rows and columns of the result that tile number `tile` starts at, for
  /// this block of the cluster.
  std::pair<mlir::Value, mlir::Value> locate(mlir::Value tile);
  llvm::SmallVector<mlir::Value>
  tileLoop(mlir::Value first, mlir::Value step,
           llvm::SmallVector<mlir::Value> carried,
           llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value,
                                                             mlir::ValueRange)>
               body);

  /// An address of the block's shared memory as one of its cluster's.
  mlir::Value toCluster(mlir::Value address);
  /// Starts the copy of a box of `map` from `coordinates` on, the innermost one
  /// first, into `to` and, if there is a mask, into the same place of the other
  /// blocks in it.
  void loadBox(mlir::Value map, mlir::Value to, mlir::Value barrier,
               mlir::ValueRange coordinates, mlir::Value mask = {});

  /// Descriptor of an operand whose rows of 128 bytes, swizzled, start at the
  /// address that `address` stands for (PTX ISA, "Matrix descriptor").
  mlir::Value descriptor(mlir::Value address);
  /// What stands for the start of shared memory; bytes / 16 are added to it.
  mlir::Value descriptorBase();

  // Results: ResultStore.cpp.
  mlir::Value chunkByte(int64_t buffer, mlir::Value offset,
                        int64_t further = 0);
  mlir::Value exchange(mlir::Value row, mlir::Value byte);
  void copyChunk(int64_t buffer, mlir::Value firstRow, mlir::Value firstColumn);
  /// Stores chunk `number` of the `count` of a consumer's tile, whose place in
  /// the result is (row, column); `fill` writes it to the buffer that it gets.
  void storeChunk(int64_t number, int64_t count, mlir::Value row,
                  mlir::Value column, llvm::function_ref<void(int64_t)> fill);
  void synchronizeConsumer();
  /// Waits until the last chunk has left shared memory: it arrives in global
  /// memory before the kernel counts as done.
  void finishStores();

  // Tiles that blocks share along K: SumExchange.cpp.
  /// A consumer's values of a chunk, by its number.
  using GetChunk = llvm::function_ref<llvm::SmallVector<mlir::Value>(int64_t)>;
  mlir::Value sumAddress(mlir::Value sender, int64_t slot);
  void ifOwner(llvm::function_ref<void()> body);
  void expectSums();
  void giveSumsBack();
  void sendSums(GetChunk getChunk, mlir::Value parity);
  void addFrom(llvm::SmallVectorImpl<mlir::Value> &totals, mlir::Value from);
  llvm::SmallVector<mlir::Value> addSums(llvm::ArrayRef<mlir::Value> values,
                                         int64_t slot);
  /// Calls `finish` with each chunk that is this block's and its sums, those of
  /// the other blocks included. `parity`: of this block's `tile`.
  void finishSums(
      GetChunk getChunk, mlir::Value parity, mlir::Value tile,
      llvm::function_ref<void(int64_t, llvm::ArrayRef<mlir::Value>)> finish);

  MatmulEmitter &b;
  const MatmulProblem &problem;
  quant_tile::ScheduleAttr schedule;
  quant_tile::WarpgroupsAttr groups;
  quantmlir::schedule::WgmmaLayout layout;
  ResultChunks output;
  quantmlir::schedule::SumExchange sums;
  int64_t clusterSize, releases;

  mlir::Value base;          // shared memory
  mlir::Value outMap;        // tensor map of the result
  mlir::Value rows;          // of the result
  mlir::Value thread, group; // in the block; its warpgroup
  // Of those of the cluster that share operands, and along K, which block it
  // is; which cluster of how many.
  mlir::Value rank, part, cluster, clusters;
  mlir::Value tilesM, tiles; // of the cluster
  // Of a consumer: which it is, its thread, warp and lane.
  mlir::Value consumer, member, warp, lane;
};

/// Two neighbours as one word.
mlir::Value packPair(MatmulEmitter &b, mlir::ValueRange values);

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_WARPGROUPBLOCK_H
