//===- Warpgroup.h - Four warps and their multiplications -----------------===//
//
// wgmma is asynchronous: a multiplication reads its operands and gives its
// accumulators as late as the program allows, when a wait covers its group.
// Until then, the values that stand for the accumulators are marks that say
// which they are, so that whoever touches them can be told.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_EMULATOR_WARPGROUP_H
#define QUANTMLIR_LIB_EMULATOR_WARPGROUP_H

#include "Models/Matrix.h"
#include "Shadow.h"
#include <deque>
#include <map>
#include <memory>

namespace quantmlir::emulator {

struct Block;

/// A 64 x n matrix of 32-bit accumulators, `n / 2` of each thread.
struct Accumulation {
  uint32_t id = 0;
  /// Multiplications into it so far: a mark of an earlier one is stale.
  uint32_t generation = 0;
  unsigned n = 0;
  bool isFloat = false;
  unsigned pending = 0;         ///< multiplications under way
  uint32_t site = 0;            ///< of the last one
  std::vector<uint32_t> values; ///< thread by thread
};

/// What one wgmma instruction was told, the same for all threads.
struct WgmmaForm {
  unsigned n = 0;
  MatrixElement a = MatrixElement::S8, b = MatrixElement::S8;
  bool registerA = false;
  /// The register operand that was written, and where, with no wgmma.fence
  /// between that and this instruction on some way to it.
  std::optional<mlir::Location> unfenced;
};

/// A multiplication under way.
struct Multiplication {
  WgmmaForm form;
  bool accumulate = true;
  Accumulation *accumulation = nullptr;
  /// Where each 16 bytes of A and of B lie in shared memory, row by row; none
  /// where that is no place.
  static constexpr uint32_t none = ~uint32_t(0);
  std::vector<uint32_t> aChunks, bChunks;
  /// Each thread's 16 bytes of A, where A is in registers.
  std::vector<char> aRegisters;
};

struct WarpgroupRendezvous {
  uint32_t site;
  unsigned present = 0;
  std::array<bool, 128> has = {};
  WarpgroupLanes lanes;
};

/// Four warps, the first of them a multiple of four, of one block.
class Warpgroup {
public:
  Warpgroup() = default;
  Warpgroup(Warpgroup &&) = default;
  Warpgroup(const Warpgroup &) = delete;

  Block *block = nullptr;
  std::vector<Thread *> threads;
  std::vector<std::unique_ptr<WarpgroupRendezvous>> open;

  /// What setmaxnreg gave each thread, and where; none before the first.
  std::optional<unsigned> registers;
  uint32_t registersSite = 0;
  /// setmaxnreg to `count`.
  void setRegisters(Thread &thread, unsigned count, bool increases);

  /// wgmma; operands are the accumulators, the flag, B and A.
  void multiply(WarpgroupLanes &lanes, const WgmmaForm &form);
  void commit();
  /// Waits until `pending` groups are under way; operands and results are
  /// accumulators, with as many elements as `counts` says.
  void wait(WarpgroupLanes &lanes, unsigned pending,
            llvm::ArrayRef<unsigned> counts);
  /// Reports `words`, the first accumulators of a value that `thread` touches,
  /// if they are not there yet.
  void checkTouched(Thread &thread, const uint32_t *words);
  /// Reports multiplications that nobody waited for.
  void checkFinished();

private:
  struct Group {
    std::vector<Multiplication> multiplications;
    uint32_t clock; ///< of the agent that reads for it
  };

  Accumulation *findAccumulation(const uint32_t *words);
  /// Finds and checks `rows` rows of 32 bytes that `descriptor` points to.
  std::vector<uint32_t> readMatrix(Thread &thread, uint64_t descriptor,
                                   unsigned rows, llvm::ArrayRef<uint32_t> row,
                                   const char *name);
  void execute(Multiplication &multiplication);
  void retire(Group &group);

  std::optional<unsigned> agent;
  std::vector<Multiplication> uncommitted;
  std::deque<Group> groups;
  std::map<uint32_t, std::unique_ptr<Accumulation>> accumulations;
  uint32_t nextId = 1;
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_LIB_EMULATOR_WARPGROUP_H
