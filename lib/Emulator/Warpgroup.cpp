//===- Warpgroup.cpp - Four warps and their multiplications ---------------===//

#include "Warpgroup.h"
#include "Machine.h"
#include "Models/TensorCoreSum.h"

using namespace quantmlir::emulator;
using llvm::Twine;

//===----------------------------------------------------------------------===//
// Marks that stand for accumulators under way
//===----------------------------------------------------------------------===//

/// Two NaNs that no computation gives; then come id and generation.
constexpr uint32_t firstMark = 0x7fe5a11d, secondMark = 0xffb0172e,
                   otherMark = 0x7fedcafe;

static bool isMark(const uint32_t *words) {
  return words[0] == firstMark && words[1] == secondMark;
}

Accumulation *Warpgroup::findAccumulation(const uint32_t *words) {
  if (!isMark(words))
    return nullptr;
  auto found = accumulations.find(words[2]);
  return found == accumulations.end() ? nullptr : found->second.get();
}

void Warpgroup::checkTouched(Thread &thread, const uint32_t *words) {
  if (!isMark(words))
    return;
  const char *what = "accumulators of a wgmma are touched before a wait for "
                     "its group returned them";
  if (Accumulation *accumulation = findAccumulation(words))
    thread.report(FindingKind::PendingMultiplication, what, accumulation->site,
                  "the multiplication");
  else
    thread.report(FindingKind::PendingMultiplication, what);
}

//===----------------------------------------------------------------------===//
// Matrices in shared memory
//===----------------------------------------------------------------------===//

namespace {
/// A matrix descriptor (PTX ISA, "Matrix Descriptor Format"), in bytes.
struct Descriptor {
  uint32_t start, leading, stride, phase;
  unsigned span; ///< bytes of a row of the swizzle pattern: 16 means none

  explicit Descriptor(uint64_t bits)
      : start((bits & 0x3fff) << 4), leading((bits >> 16 & 0x3fff) << 4),
        stride((bits >> 32 & 0x3fff) << 4), phase(bits >> 49 & 7) {
    static constexpr unsigned spans[] = {16, 128, 64, 32};
    span = spans[bits >> 62 & 3];
  }

  /// Rows of 128 bytes after which the pattern repeats.
  unsigned period() const { return span / 16; }
  /// Where the 16 bytes `chunk` of `row` lie: K-major, 8 rows after each other.
  uint32_t locate(unsigned row, unsigned chunk) const {
    uint32_t at = start + row / 8 * stride + row % 8 * span +
                  chunk * (span == 16 ? leading : 16);
    // The pattern moves 16-byte pieces by the 128-byte row they lie in.
    uint32_t line = ((at >> 7) - phase) % period();
    return at ^ line << 4;
  }
};
} // namespace

std::vector<uint32_t> Warpgroup::readMatrix(Thread &thread, uint64_t bits,
                                            unsigned rows,
                                            llvm::ArrayRef<uint32_t> row,
                                            const char *name) {
  Descriptor descriptor(bits);
  if (descriptor.span > 16 &&
      ((descriptor.start >> 7) - descriptor.phase) % descriptor.period())
    thread.report(
        FindingKind::InvalidOperand,
        llvm::formatv("matrix {0} at shared offset {1} starts inside its "
                      "swizzle pattern, which repeats after {2} bytes and has "
                      "base offset {3}",
                      name, descriptor.start, 128 * descriptor.period(),
                      descriptor.phase));
  std::vector<uint32_t> chunks;
  Cluster &cluster = *thread.cluster;
  for (unsigned r = 0; r < rows; ++r)
    for (unsigned c = 0; c < 2; ++c) {
      uint32_t at = descriptor.locate(r, c);
      if (!thread.checkShared(*block, at, 16, 16, AccessKind::Read)) {
        chunks.push_back(Multiplication::none);
        continue;
      }
      chunks.push_back(at);
      llvm::MutableArrayRef<Cell> cells(block->sharedCells.data() + at, 16);
      if (auto fault = cluster.rules.readAsync(cells, row, *agent, thread.site))
        thread.reportFault(*fault, AccessKind::Read, 16,
                           "matrix " + Twine(name) + ", row " + Twine(r) +
                               ": shared byte " + Twine(at + fault->byte));
    }
  if (cluster.profiler && !llvm::is_contained(chunks, Multiplication::none))
    cluster.profiler->matrix(thread.site, chunks, /*perRow=*/2);
  return chunks;
}

//===----------------------------------------------------------------------===//
// Issue
//===----------------------------------------------------------------------===//

/// What a warpgroup does in common is ordered after what all of it has seen.
static std::vector<uint32_t> getCommonRow(Cluster &cluster,
                                          llvm::ArrayRef<Thread *> threads) {
  auto first = cluster.clocks.row(threads[0]->indexInCluster);
  std::vector<uint32_t> common(first.begin(), first.end());
  for (Thread *thread : threads.drop_front())
    for (auto [seen, other] :
         llvm::zip_equal(common, cluster.clocks.row(thread->indexInCluster)))
      seen = std::min(seen, other);
  return common;
}

/// Operands of wgmma by number, A being the last.
enum : unsigned { accumulatorsOperand, flagOperand, bOperand, aOperand };

void Warpgroup::multiply(WarpgroupLanes &warpgroup, const WgmmaForm &form) {
  Thread &thread = *threads[0];
  Cluster &cluster = *thread.cluster;
  const ValueBytes &first = warpgroup.lanes[0].operands;
  if (!agent)
    agent = cluster.addAgent("a wgmma");
  if (form.unfenced) {
    thread.reportAt(FindingKind::MissingFence,
                    "a register operand was written or read and no "
                    "wgmma.fence comes between that and this",
                    *form.unfenced, "here");
  }

  Multiplication multiplication;
  multiplication.form = form;
  multiplication.accumulate = first.get<uint8_t>(flagOperand) & 1;
  uint64_t b = first.get<uint64_t>(bOperand);
  uint64_t a = form.registerA ? 0 : first.get<uint64_t>(aOperand);
  for (const Lane &lane : warpgroup.lanes) {
    bool same = (lane.operands.get<uint8_t>(flagOperand) & 1) ==
                    multiplication.accumulate &&
                lane.operands.get<uint64_t>(bOperand) == b &&
                (form.registerA || lane.operands.get<uint64_t>(aOperand) == a);
    if (!same) {
      lane.thread->report(FindingKind::InvalidOperand,
                          "descriptor or flag of a wgmma that is not the same "
                          "in all of its warpgroup");
      break;
    }
  }
  std::vector<uint32_t> row = getCommonRow(cluster, threads);
  if (form.registerA) {
    for (const Lane &lane : warpgroup.lanes)
      for (unsigned r = 0; r < 4; ++r) {
        const char *bytes = lane.operands.bytes(aOperand + r);
        multiplication.aRegisters.insert(multiplication.aRegisters.end(), bytes,
                                         bytes + 4);
      }
  } else {
    multiplication.aChunks = readMatrix(thread, a, 64, row, "A");
  }
  multiplication.bChunks = readMatrix(thread, b, form.n, row, "B");
  ++cluster.asyncReads;

  // Either it goes on with one under way or it starts from registers.
  unsigned count = form.n / 2;
  auto words = [&](const ValueBytes &values, unsigned index) {
    return reinterpret_cast<uint32_t *>(values.bytes(index));
  };
  const uint32_t *mark = words(first, accumulatorsOperand);
  // One that starts from zero does not read what is in the registers.
  bool accumulate = multiplication.accumulate;
  Accumulation *accumulation = accumulate ? findAccumulation(mark) : nullptr;
  bool isFloat = !isInteger(form.a);
  if (accumulation &&
      (accumulation->n != form.n || accumulation->isFloat != isFloat ||
       accumulation->generation != mark[3])) {
    thread.report(FindingKind::PendingMultiplication,
                  accumulation->generation != mark[3]
                      ? "accumulators of a wgmma under way that another one "
                        "has since gone on with"
                      : "accumulators of a wgmma under way of another shape",
                  accumulation->site, "the multiplication");
    accumulation = nullptr;
  }
  for (const Lane &lane : warpgroup.lanes) {
    const uint32_t *other = words(lane.operands, accumulatorsOperand);
    if (!accumulate || (isMark(other) == isMark(mark) &&
                        (!isMark(mark) || std::equal(mark, mark + 4, other))))
      continue;
    lane.thread->report(FindingKind::PendingMultiplication,
                        "accumulators that are not of the same wgmma in all "
                        "of the warpgroup");
    break;
  }
  if (!accumulation) {
    // Those that are done and no mark need be kept for long.
    for (auto it = accumulations.begin();
         accumulations.size() > 64 && it != accumulations.end();)
      it = it->second->pending ? std::next(it) : accumulations.erase(it);
    auto created = std::make_unique<Accumulation>();
    accumulation = created.get();
    accumulation->id = nextId++;
    accumulation->n = form.n;
    accumulation->isFloat = isFloat;
    for (const Lane &lane : warpgroup.lanes) {
      const uint32_t *values = words(lane.operands, accumulatorsOperand);
      accumulation->values.insert(accumulation->values.end(), values,
                                  values + count);
    }
    accumulations[accumulation->id] = std::move(created);
  }
  ++accumulation->pending;
  ++accumulation->generation;
  accumulation->site = thread.site;
  multiplication.accumulation = accumulation;
  uncommitted.push_back(std::move(multiplication));
  for (const Lane &lane : warpgroup.lanes) {
    uint32_t *result = words(lane.results, 0);
    std::fill_n(result, count, otherMark);
    result[0] = firstMark;
    result[1] = secondMark;
    result[2] = accumulation->id;
    result[3] = accumulation->generation;
  }
}

void Warpgroup::commit() {
  // An empty group counts like any other.
  Group group{std::move(uncommitted), 0};
  uncommitted.clear();
  if (agent) {
    // Whoever knows that the group is done knows that all threads came here.
    Clocks &clocks = threads[0]->cluster->clocks;
    std::vector<uint32_t> passed;
    for (Thread *thread : threads) {
      Clocks::join(clocks.row(thread->indexInCluster), passed);
      clocks.tick(thread->indexInCluster);
    }
    group.clock = clocks.tick(*agent);
    clocks.notePassed(*agent, group.clock, std::move(passed));
  }
  groups.push_back(std::move(group));
}

//===----------------------------------------------------------------------===//
// Completion
//===----------------------------------------------------------------------===//

void Warpgroup::retire(Group &group) {
  Cluster &cluster = *threads[0]->cluster;
  for (Multiplication &multiplication : group.multiplications)
    execute(multiplication);
  cluster.asyncReads -= group.multiplications.size();
  if (agent && group.clock)
    for (Thread *thread : threads)
      cluster.clocks.acquireAgent(thread->indexInCluster, *agent, group.clock);
}

void Warpgroup::wait(WarpgroupLanes &warpgroup, unsigned pending,
                     llvm::ArrayRef<unsigned> counts) {
  while (groups.size() > pending) {
    retire(groups.front());
    groups.pop_front();
  }
  for (auto [index, count] : llvm::enumerate(counts))
    for (auto [number, lane] : llvm::enumerate(warpgroup.lanes)) {
      auto *in = reinterpret_cast<uint32_t *>(lane.operands.bytes(index));
      auto *out = reinterpret_cast<uint32_t *>(lane.results.bytes(index));
      Accumulation *accumulation = findAccumulation(in);
      // What is not there yet goes on as the mark it is.
      bool isThere = accumulation && !accumulation->pending &&
                     accumulation->generation == in[3] &&
                     accumulation->n == 2 * count;
      const uint32_t *from =
          isThere ? accumulation->values.data() + number * count : in;
      std::copy_n(from, count, out);
    }
}

void Warpgroup::checkFinished() {
  auto check = [&](llvm::ArrayRef<Multiplication> multiplications,
                   const char *what) {
    for (const Multiplication &multiplication : multiplications) {
      Thread &thread = *threads[0];
      thread.site = multiplication.accumulation->site;
      thread.report(FindingKind::PendingMultiplication, what);
    }
  };
  for (const Group &group : groups)
    check(group.multiplications,
          "the warpgroup ends without a wait for this multiplication");
  check(uncommitted, "the warpgroup ends without a commit of this "
                     "multiplication");
}

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

void Warpgroup::setRegisters(Thread &thread, unsigned count, bool increases) {
  if (registers && (increases ? count < *registers : count > *registers))
    thread.report(
        FindingKind::InvalidOperand,
        llvm::formatv("setmaxnreg is to {0} the {1} registers of each "
                      "thread to {2}",
                      increases ? "increase" : "decrease", *registers, count),
        registersSite, "given here");
  registers = count;
  registersSite = thread.site;
}

void quantmlir::emulator::checkRegisters(Block &block) {
  // An increase waits until others have given up enough. What a thread has at
  // the start is at most its share.
  constexpr unsigned all = 65536, most = 248;
  unsigned share = std::min<unsigned>(
      most, llvm::alignDown(all / unsigned(block.threads.size()), 8));
  unsigned wanted = 0;
  Warpgroup *last = nullptr;
  for (Warpgroup &warpgroup : block.warpgroups) {
    wanted += 128 * warpgroup.registers.value_or(share);
    if (warpgroup.registers.value_or(0) > share)
      last = &warpgroup;
  }
  if (wanted <= all || !last)
    return;
  Thread &thread = *last->threads[0];
  thread.site = last->registersSite;
  thread.report(FindingKind::Deadlock,
                llvm::formatv("setmaxnreg waits for registers that never come: "
                              "the block's threads would have {0}, and there "
                              "are {1}",
                              wanted, all));
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

namespace {
/// Rows of 32 bytes of one operand, element by element.
template <typename T> struct DecodedMatrix {
  unsigned k;
  std::vector<T> values;

  DecodedMatrix(MatrixElement element, unsigned rows)
      : k(256 / getBitWidth(element)), values(rows * k) {}
  T *row(unsigned r) { return values.data() + r * k; }
};
} // namespace

/// Decodes what lies at `chunks` of shared memory.
template <typename T>
static DecodedMatrix<T> decodeShared(MatrixElement element,
                                     const std::vector<char> &shared,
                                     llvm::ArrayRef<uint32_t> chunks) {
  DecodedMatrix<T> matrix(element, chunks.size() / 2);
  unsigned perChunk = matrix.k / 2;
  for (auto [index, at] : llvm::enumerate(chunks))
    for (unsigned i = 0; at != Multiplication::none && i < perChunk; ++i)
      matrix.values[index * perChunk + i] =
          decode(element, shared.data() + at, i);
  return matrix;
}

/// Decodes A from the threads' registers: PTX ISA, "Register Fragments for
/// wgmma". Register r of lane 4 g + t holds bytes 4 t .. 4 t + 3 (16 further
/// from r = 2 on) of row g, or g + 8 in every other.
template <typename T>
static DecodedMatrix<T> decodeRegisters(MatrixElement element,
                                        const std::vector<char> &registers) {
  DecodedMatrix<T> matrix(element, 64);
  unsigned perRegister = matrix.k / 8;
  for (unsigned thread = 0; thread < 128; ++thread)
    for (unsigned r = 0; r < 4; ++r) {
      unsigned row = thread / 32 * 16 + thread % 32 / 4 + r % 2 * 8;
      unsigned column = (thread % 4 + r / 2 * 4) * perRegister;
      for (unsigned i = 0; i < perRegister; ++i)
        matrix.row(row)[column + i] =
            decode(element, registers.data() + 16 * thread + 4 * r, i);
    }
  return matrix;
}

namespace {
/// Integers are exact and wrap.
struct IntegerAccumulation {
  IntegerAccumulation(MatrixElement, MatrixElement) {}
  uint32_t operator()(const int16_t *a, const int16_t *b, unsigned k,
                      uint32_t c) const {
    for (unsigned i = 0; i < k; ++i)
      c += int32_t(a[i]) * int32_t(b[i]);
    return c;
  }
};
struct FloatAccumulation : TensorCoreSum {
  using TensorCoreSum::TensorCoreSum;
  uint32_t operator()(const float *a, const float *b, unsigned k,
                      uint32_t c) const {
    return addFloat(a, b, k, c);
  }
};
} // namespace

template <typename T, typename AccumulationT>
static void multiplyMatrices(Multiplication &m,
                             const std::vector<char> &shared) {
  DecodedMatrix<T> a = m.form.registerA
                           ? decodeRegisters<T>(m.form.a, m.aRegisters)
                           : decodeShared<T>(m.form.a, shared, m.aChunks);
  DecodedMatrix<T> b = decodeShared<T>(m.form.b, shared, m.bChunks);
  std::vector<uint32_t> &values = m.accumulation->values;
  AccumulationT accumulate(m.form.a, m.form.b);
  unsigned count = m.form.n / 2;
  for (unsigned thread = 0; thread < 128; ++thread)
    for (unsigned i = 0; i < count; ++i) {
      // PTX ISA, "Matrix fragments for wgmma", accumulator D.
      unsigned row = thread / 32 * 16 + thread % 32 / 4 + i / 2 % 2 * 8;
      unsigned column = i / 4 * 8 + thread % 4 * 2 + i % 2;
      uint32_t &value = values[thread * count + i];
      value =
          accumulate(a.row(row), b.row(column), a.k, m.accumulate ? value : 0);
    }
}

void Warpgroup::execute(Multiplication &multiplication) {
  if (isInteger(multiplication.form.a))
    multiplyMatrices<int16_t, IntegerAccumulation>(multiplication,
                                                   block->shared);
  else
    multiplyMatrices<float, FloatAccumulation>(multiplication, block->shared);
  --multiplication.accumulation->pending;
}
