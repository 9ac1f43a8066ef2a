//===- MatmulSchedule.h - How a contraction is computed -------------------===//
//
// One function per kernel family says whether the family can compute a
// contraction, and one chooses its numbers. Nothing here changes IR.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_SCHEDULE_MATMULSCHEDULE_H
#define QUANTMLIR_SCHEDULE_MATMULSCHEDULE_H

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "quantmlir/Schedule/Chips.h"

#include "llvm/Support/MathExtras.h"

#include <string>
#include <tuple>

namespace quantmlir::schedule {

/// A contraction, as a schedule sees it.
struct Contraction {
  /// Rows of activations (all leading dimensions but batch ones together), rows
  /// of weights, columns of both; kDynamic where unknown.
  int64_t m, n, k;
  /// Number of such products, each with weights of its own; kDynamic where
  /// unknown.
  int64_t batch = 1;
  /// Rows of weights that follow each other and make one column of the result:
  /// two where they are pairs.
  int64_t numSums = 1;
  mlir::Type lhsElement, rhsElement, resultElement;
  /// Whether the epilogue takes more registers than scaling by a value for each
  /// row and column and converting do.
  bool hasLargeEpilogue = false;
  /// Whether it reads a number of 32 bits for each result.
  bool readsWideMatrix = false;
  /// Whether sums of 8-bit floats may stay in the 13 bits of a tensor core's
  /// accumulators, however long they are.
  bool fastAccumulation = false;
  /// Encoding of the weights, null where they are plain.
  quant_tensor::EncodingAttr encoding;
  /// Encodings of both operands where they are 8-bit floats whose scales change
  /// along K, null elsewhere; the element types above are those of the codes.
  quant_tensor::EncodingAttr lhsBlocks, rhsBlocks;

  /// All of the above: what has an equal key has equal schedules. A field more
  /// does not compile before it is in the key.
  auto getKey() const {
    const auto &[rows, columns, depth, products, sums, lhs, rhs, result,
                 isLarge, isWide, isFast, weights, lhsScales, rhsScales] =
        *this;
    return std::make_tuple(rows, columns, depth, products, sums, lhs, rhs,
                           result, int(isLarge), int(isWide), int(isFast),
                           mlir::Attribute(weights), mlir::Attribute(lhsScales),
                           mlir::Attribute(rhsScales));
  }

  /// Columns of the result; kDynamic where unknown.
  int64_t getOutColumns() const {
    return mlir::ShapedType::isDynamic(n) ? n : n / numSums;
  }
  bool isBlockScaled() const { return static_cast<bool>(lhsBlocks); }
  /// Whether both operands are 8-bit floats.
  bool isFloat8() const;
  /// Reads a contraction off `op`. `fastAccumulation`: of 8-bit floats, which
  /// no op says itself.
  static Contraction get(quant_tensor::ScaledMatmulOp op,
                         bool fastAccumulation = false);

  /// Rows that there are at most where a schedule is for up to `maxM` (0: any
  /// number of them); 0 where that is not known.
  int64_t getRowBound(int64_t maxM) const {
    return mlir::ShapedType::isDynamic(m) ? maxM : m;
  }
  /// Bits of a result; 16 where enumeration knows none.
  int64_t getResultBits() const {
    return resultElement ? resultElement.getIntOrFloatBitWidth() : 16;
  }
  /// Columns that share a scale, `k` where all of a row do.
  int64_t getGroup() const;
  bool hasOneGroup() const { return getGroup() >= k; }
  /// Whether results have 32 bits.
  bool hasWideResult() const { return getResultBits() == 32; }
  /// Whether scales change within what one mma.sync sums, so that it takes
  /// weights that are multiplied by them.
  bool scalesDecoded() const;
  /// Whether a number of the activations' type is as near to each weight, a
  /// code times its scale, as its significand allows. Always so for bf16, whose
  /// range is f32's. In f16, products that are less than its least normal
  /// number have to be exact: multiples of its least one, 2^-24. Those beyond
  /// its largest number are weights that a tensor of f16 does not hold
  /// (docs/Manifest.md).
  bool holdsScaledWeights() const;
  /// Bytes of one activation.
  int64_t getLhsBytes() const;
  /// The largest copy, up to 16 bytes, that every row of activations, and of
  /// plain weights, is aligned to.
  int64_t getCopyBytes() const;
  /// The largest such copy that no row ends in the middle of. 16 where K is
  /// dynamic: the kernel then finds out.
  int64_t getTileCopyBytes() const;
  /// The layout in which kernels read encoded weights, null for plain ones.
  quant_tensor::LayoutAttr getWeightLayout() const;
};

/// Why no family takes the shape of the weights, so that only the loops of a
/// plain kernel do; empty where some may.
std::string whyNotShape(const Contraction &contraction);

/// Why no kernel decodes the encoded weights; empty where one does.
std::string whyNoDecode(const Contraction &contraction);

/// Why the layout in which `schedule` reads the weights is not one of theirs:
/// fragment for encoded weights, row major for plain ones. Empty where it is.
std::string whyNotWeights(const Contraction &contraction,
                          quant_tile::ScheduleAttr schedule);

/// Why a grid cannot have a block for each tile of `schedule`, of what is known
/// of the extents; empty where it can.
std::string whyNotGrid(const Contraction &contraction,
                       quant_tile::ScheduleAttr schedule);
/// The largest relative error of a weight that tensor cores take whole:
/// decoded, less its zero point, and times its scale where `isScaled`.
double getWholeDecodeError(const Contraction &contraction, bool isScaled);
/// The error bound of their sums of such weights.
quant_tile::ContractAttr getWholeContract(const Contraction &contraction,
                                          bool isScaled);
/// Whether decoded weights can be scaled, rather than sums of groups.
bool canScaleDecoded(const Contraction &contraction);
/// Whether sums of groups have to be scaled, since the type of the activations
/// does not hold all weights times their scales.
bool mustScaleSums(const Contraction &contraction);
/// Whether a decode of the weights is a multiplication anyway, so that it takes
/// their scale along (`quant_tile.decode` with `scaled`).
bool decodesScaled(const Contraction &contraction);
/// Whether a decode of the weights takes zero points along (`quant_tile.decode`
/// with `minus`): integers of up to 8 bits, exactly, and those of bf16 from
/// unsigned codes, rounded once.
bool decodesZeroPoints(const Contraction &contraction);
/// Whether mma_stream decodes weights without a bias even where one row of
/// activations is all there is, so that nothing sums activations to take it
/// away: integers of 4 bits, of which that was faster, without a zero point or
/// with those of groups that a decode takes along.
bool decodesStreamedExactly(const Contraction &contraction);
/// Bytes of the table of pairs in shared memory (`quant_tile.look_up`) with
/// which kernels of mma_stream and wgmma_decode decode the weights; 0 where
/// these compute what they decode.
int64_t getPairTableBytes(const Contraction &contraction);
/// Bits of the wider of a scale and a zero point, where there is one.
unsigned getParameterBits(quant_tensor::EncodingAttr encoding);

/// Columns of a step of `columns` that kernels decode at once, and have the
/// activations or multiplications of in registers: codes of `width` bits that
/// straddle words come in wide tiles, of which all would take too many.
int64_t getColumnsOfDecode(int64_t columns, unsigned width);
/// Columns of a step of `wgmma_decode` that are multiplied while the next ones
/// are decoded: the more of `warpgroups` multiply, the fewer registers each has
/// for decoded weights. Where sums of groups are scaled, a few warpgroups
/// multiply whole groups, so that nothing but the next group waits for one;
/// many, parts of them.
int64_t getColumnsOfDecodedPart(const Contraction &contraction, int64_t columns,
                                int64_t warpgroups, bool scalesSums);
/// Steps that the loop of a `schedule` of wgmma_decode takes at a time:
/// `getStepsOfDecodeLoop`, or more where waiting for the multiplications of a
/// round is much of what it takes, or fewer where their sums would take more
/// registers than there are.
int64_t getStepsOfDecodeLoop(const Contraction &contraction,
                             quant_tile::ScheduleAttr schedule);
/// Columns of a step of `mma_stream` that a warp has the activations of at
/// once, of `tileM` rows: those that it decodes at once or, where scales of
/// small groups or zero points take registers beside those of one row, fewer.
int64_t getColumnsOfActivations(const Contraction &contraction, int64_t tileM,
                                int64_t columns);

/// Why a family cannot compute a contraction; empty where it can.
std::string whyNotReduce(const Contraction &contraction);
std::string whyNotMmaSync(const Contraction &contraction,
                          const Chip *chip = nullptr);
std::string whyNotMmaStream(const Contraction &contraction);
std::string whyNotWgmma(const Contraction &contraction, const Chip &chip);
std::string whyNotWgmmaDecode(const Contraction &contraction, const Chip &chip);

/// What any kernel of wgmma wants of rows, results and extents: why
/// `contraction` has it not, or "".
std::string whyNotWgmmaTensors(const Contraction &contraction);

/// The most rows of activations that wgmma kernels can address.
int64_t getWgmmaMaxRows();

/// Chooses the numbers of a family that can compute `contraction`, for up to
/// `maxM` rows of activations (0: no bound known).
quant_tile::ScheduleAttr chooseReduce(const Contraction &contraction,
                                      const Chip &chip, int64_t maxM);
quant_tile::ScheduleAttr chooseMmaSync(const Contraction &contraction,
                                       const Chip &chip, int64_t maxM);
/// Up to so many rounds, or parts of these, a kernel of mma_stream has no loop,
/// and all loads that registers have room for go out at once, whatever the
/// stages.
inline constexpr int64_t kStraightRounds = 6;
/// Whether schedules of mma_stream are chosen by a model of what they take;
/// for other weights, there are a few to take one of.
bool hasStreamModel(const Contraction &contraction);
/// Whether wgmma_decode takes from 9 rows on what mma_stream reads of groups of
/// less than 32 columns, whose codes a table decodes.
bool decodesSmallGroups(const Contraction &contraction, const Chip &chip);

/// Whether `tileM` rows of weights that have no model of their own have several
/// schedules that compete by the model of others.
bool hasCompetingStreams(const Contraction &contraction, const Chip &chip,
                         int64_t tileM);
quant_tile::ScheduleAttr chooseMmaStream(const Contraction &contraction,
                                         const Chip &chip, int64_t maxM);
quant_tile::ScheduleAttr chooseWgmma(const Contraction &contraction,
                                     const Chip &chip, int64_t maxM);

quant_tile::ScheduleAttr chooseWgmmaDecode(const Contraction &contraction,
                                           const Chip &chip, int64_t maxM);

/// About how many cycles a kernel with such a schedule takes for `m` rows.
double estimateWgmma(const Contraction &contraction, const Chip &chip,
                     quant_tile::ScheduleAttr schedule, int64_t m);
double estimateWgmmaDecode(const Contraction &contraction, const Chip &chip,
                           quant_tile::ScheduleAttr schedule, int64_t m);
/// About how many microseconds a kernel of mma_stream, with one warp along n,
/// takes for all rows of its tile.
double estimateMmaStream(const Contraction &contraction, const Chip &chip,
                         quant_tile::ScheduleAttr schedule);

/// Appends the schedules of a family that a tuner should try.
void enumerateReduce(
    const Contraction &contraction, const Chip &chip, int64_t maxM,
    llvm::SmallVectorImpl<quant_tile::ScheduleAttr> &schedules);
void enumerateMmaSync(
    const Contraction &contraction, const Chip &chip, int64_t maxM,
    llvm::SmallVectorImpl<quant_tile::ScheduleAttr> &schedules);
void enumerateWgmma(const Contraction &contraction, const Chip &chip,
                    int64_t maxM,
                    llvm::SmallVectorImpl<quant_tile::ScheduleAttr> &schedules);

void enumerateWgmmaDecode(
    const Contraction &contraction, const Chip &chip, int64_t maxM,
    llvm::SmallVectorImpl<quant_tile::ScheduleAttr> &schedules);
void enumerateMmaStream(
    const Contraction &contraction, const Chip &chip, int64_t maxM,
    llvm::SmallVectorImpl<quant_tile::ScheduleAttr> &schedules);

/// Why a family cannot obey `schedule`, for what only it wants; empty where it
/// can.
std::string whyNotReduceSchedule(const Contraction &contraction,
                                 const Chip &chip,
                                 quant_tile::ScheduleAttr schedule);
std::string whyNotMmaSyncSchedule(const Contraction &contraction,
                                  const Chip &chip,
                                  quant_tile::ScheduleAttr schedule);
std::string whyNotMmaStreamSchedule(const Contraction &contraction,
                                    const Chip &chip,
                                    quant_tile::ScheduleAttr schedule);
std::string whyNotWgmmaSchedule(const Contraction &contraction,
                                const Chip &chip,
                                quant_tile::ScheduleAttr schedule);

std::string whyNotWgmmaDecodeSchedule(const Contraction &contraction,
                                      const Chip &chip,
                                      quant_tile::ScheduleAttr schedule);

/// After how many steps along K kernels of wgmma promote the accumulators of
/// `contraction`; 0 where these need it not.
int64_t choosePromotion(const Contraction &contraction);
/// Why kernels of wgmma cannot scale the sums of `contraction` block by block;
/// empty where they can, or have nothing to scale.
std::string whyNotBlockScales(const Contraction &contraction);
/// How many of the `columns` weights that a warpgroup of wgmma has share a
/// scale in all tiles of a block-scaled contraction: where blocks of scales are
/// no multiple of `columns`, tiles start at different places in them.
int64_t getScaleColumns(const Contraction &contraction, int64_t columns);
/// How many scales a step of a tile of `schedule` of wgmma has in shared
/// memory, those of activations and then those of the weights of each
/// warpgroup, of which whole accesses are read; 0 where scales do not change
/// along K.
int64_t countTileScales(const Contraction &contraction,
                        quant_tile::ScheduleAttr schedule);
/// How many scales of a step, and products of them, a thread of a `schedule` of
/// wgmma holds.
int64_t countBlockScales(const Contraction &contraction,
                         quant_tile::ScheduleAttr schedule);
/// Why `schedule` of wgmma cannot promote as it says, or must promote; empty
/// where it can do as it says.
std::string whyNotPromotion(const Contraction &contraction,
                            quant_tile::ScheduleAttr schedule);
/// The error bound that a schedule of wgmma keeps.
quant_tile::ContractAttr getWgmmaContract(const Contraction &contraction,
                                          quant_tile::ScheduleAttr schedule);
/// The error bound that all schedules of reduce, or of mma_sync, keep.
quant_tile::ContractAttr getReduceContract(const Contraction &contraction,
                                           quant_tile::ScheduleAttr schedule);
quant_tile::ContractAttr getMmaSyncContract(const Contraction &contraction,
                                            quant_tile::ScheduleAttr schedule);
/// The error bound that a schedule of mma_stream keeps.
quant_tile::ContractAttr
getMmaStreamContract(const Contraction &contraction,
                     quant_tile::ScheduleAttr schedule);
/// The error bound that a schedule of wgmma_decode keeps.
quant_tile::ContractAttr
getWgmmaDecodeContract(const Contraction &contraction,
                       quant_tile::ScheduleAttr schedule);

/// Shared memory of a block of mma_stream's `schedule`. Where blocks of a
/// cluster divide a tile along K (`split_k`), each finishes its share of the
/// tile's sums, and gets the others'.
struct StreamExchange {
  StreamExchange(const Contraction &contraction,
                 quant_tile::ScheduleAttr schedule);

  static constexpr int64_t barrierBytes = 8;

  /// Where a warp's sums of a row of activations lie behind those of the row
  /// before, in floats: 4 modulo 16, so that the lanes of a warp, whose rows
  /// differ by two, write to different banks.
  int64_t pitch;
  /// Bytes of what a block has for itself: a table of values, then the sums of
  /// its warps.
  int64_t ownBytes;
  /// Blocks of a cluster that share a tile, and sums of it that each finishes.
  int64_t parts, share;
  /// Slots of the ring that codes come through, and bytes of one.
  int64_t slots, slotBytes;

  /// Where sums from other blocks lie, from `sender` of these on, and the
  /// barrier that counts them; how far both go.
  int64_t getReceived(int64_t sender) const {
    return llvm::alignTo(ownBytes, 16) + sender * share * 4;
  }
  int64_t getBarrier() const { return getReceived(parts - 1); }
  int64_t getEndOfSums() const {
    return parts > 1 ? getBarrier() + barrierBytes : ownBytes;
  }
  /// Where the ring begins, and how far all of it goes.
  int64_t getRing() const { return llvm::alignTo(getEndOfSums(), 16); }
  int64_t getBytes() const {
    return slots ? getRing() + slots * slotBytes : getEndOfSums();
  }
};

/// Bytes of shared memory that a block of a family's `schedule` uses.
int64_t getReduceSharedMemory(const Contraction &contraction,
                              quant_tile::ScheduleAttr schedule);
int64_t getMmaSyncSharedMemory(const Contraction &contraction,
                               quant_tile::ScheduleAttr schedule);
int64_t getMmaStreamSharedMemory(const Contraction &contraction,
                                 quant_tile::ScheduleAttr schedule);
int64_t getWgmmaSharedMemory(const Contraction &contraction,
                             quant_tile::ScheduleAttr schedule);
int64_t getWgmmaDecodeSharedMemory(const Contraction &contraction,
                                   quant_tile::ScheduleAttr schedule);

/// Bytes of shared memory that a block of `schedule` uses.
int64_t getSharedMemory(const Contraction &contraction,
                        quant_tile::ScheduleAttr schedule);

/// The error bound that kernels of `schedule` keep: what it says or, where it
/// says nothing, what its family promises for `contraction`.
quant_tile::ContractAttr getContract(const Contraction &contraction,
                                     quant_tile::ScheduleAttr schedule);

/// Why a block of `threads` threads cannot have `registers` registers in each;
/// empty where it can. Families that know how many their kernels take ask this.
std::string whyNotRegisters(int64_t registers, int64_t threads);

/// Why `schedule`, which may be handwritten, cannot be obeyed for `contraction`
/// on `chip`; empty where it can.
std::string whyNotSchedule(const Contraction &contraction, const Chip &chip,
                           quant_tile::ScheduleAttr schedule);

/// Checks that `schedule` can be obeyed, and says why where it cannot.
mlir::LogicalResult
verifySchedule(const Contraction &contraction, const Chip &chip,
               quant_tile::ScheduleAttr schedule,
               llvm::function_ref<mlir::InFlightDiagnostic()> emitError);

} // namespace quantmlir::schedule

#endif // QUANTMLIR_SCHEDULE_MATMULSCHEDULE_H
