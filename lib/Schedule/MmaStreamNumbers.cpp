//===- MmaStreamNumbers.cpp - What few rows of which weights take ---------===//
//
// Of weights that the model holds for (`hasStreamModel`), it chooses. For
// others there are a few numbers each, of which those are taken that were the
// fastest where they were measured.
//
//===----------------------------------------------------------------------===//

#include "MmaStreamTerms.h"

using namespace mlir;
using namespace quantmlir::quant_tile;

namespace quantmlir::schedule {

using Numbers = StreamNumbers;

/// Scales and zero points that a lane holds for each row of a step of `columns`
/// columns.
static int64_t countParameters(const Contraction &c, int64_t columns) {
  if (c.hasOneGroup())
    return 0;
  return llvm::divideCeil(columns, c.getGroup()) *
         (c.encoding.hasZeroPoint() ? 2 : 1);
}

/// Whether rows of scales end within a tile of weights, so that each is asked
/// for by itself: that takes registers in every step.
static bool hasRaggedScales(const Contraction &c) {
  return !c.hasOneGroup() && c.n % FragmentLayout::rows != 0;
}

/// Whether codes stand for values of a table, which takes registers, too.
static bool isTable(const Contraction &c) {
  return c.encoding.getCodebook() ||
         isa<Float4E2M1FNType>(c.encoding.getStorage());
}

/// Whether one row multiplies weights that were scaled. Sums of one row are
/// few, and weights stay exact, but of a few kernels that were seen to be fast
/// those that scale weights find room for more of them: where that is worth
/// rounding them. Of tables and of zero points it never was.
static bool scalesOneRow(const Contraction &c, const Chip &chip) {
  if (!hasSmallGroups(c) || isTable(c) || c.encoding.hasZeroPoint())
    return false;
  constexpr double margin = 1.015;
  double ofSums, ofScaled;
  chooseStreamNumbers(c, chip, /*tileM=*/1, /*scalesWeights=*/false, &ofSums);
  chooseStreamNumbers(c, chip, /*tileM=*/1, /*scalesWeights=*/true, &ofScaled);
  return margin * ofScaled < ofSums;
}

/// Whether `tileM` rows multiply weights that were scaled. Scaling the sums of
/// each group takes as many instructions for 16 rows, and registers and
/// multiplications of the activations' sums beside. Sums of larger groups are
/// scaled where the registers make no difference: weights stay exact then. Of
/// fewer rows, `scalesFewRows`, but 2 and 3 bits are as many rows are.
static bool scalesStreamedWeights(const Contraction &c, const Chip &chip,
                                  int64_t tileM) {
  unsigned width = c.encoding.getStorageBits();
  if (tileM == 1)
    return scalesOneRow(c, chip);
  if (tileM <= 8 && width >= 4)
    return scalesFewRows(c, tileM);
  if (width > 4 || !c.lhsElement.isBF16() || !canScaleDecoded(c) ||
      c.scalesDecoded() || c.getGroup() > 128)
    return false;
  bool isPlain = c.getGroup() == 128 && !c.encoding.getCodebook() &&
                 (!c.encoding.hasZeroPoint() || decodesStreamedExactly(c));
  // Narrower codes have no steps of a few columns, which that was better in.
  if (!isPlain)
    return width == 4;
  if (!isa<IntegerType>(c.encoding.getStorage()) || hasRaggedScales(c) ||
      c.k % 128 != 0)
    return false;
  // What is less than the model is good for is no reason to round weights, but
  // where blocks divide tiles, weights that are scaled are a little faster than
  // the model says; not with zero points, each of which is an instruction more.
  constexpr double margin = 1.03;
  double least, ofScaled;
  chooseStreamNumbers(c, chip, tileM, /*scalesWeights=*/false, &least);
  Numbers scaled =
      chooseStreamNumbers(c, chip, tileM, /*scalesWeights=*/true, &ofScaled);
  if (scaled.splitK == 1 || c.encoding.hasZeroPoint())
    least /= margin;
  return ofScaled < least;
}

/// Whether weights of 8 bits have a scale for each row and nothing else, and
/// are decoded to bf16. What comes along with others takes registers: of
/// unsigned codes, ptxas 13.0 spilled the address of a bias in steps of 64
/// columns.
static bool isPlainBytes(const Contraction &c) {
  return c.hasOneGroup() && !c.encoding.hasZeroPoint() &&
         !c.encoding.getStorage().isUnsignedInteger() &&
         c.lhsElement.isBF16() && c.k % 64 == 0 &&
         c.n % FragmentLayout::rows == 0;
}

/// The numbers for weights of 8 bits, of which a step of 64 columns is as many
/// bytes as one of 128 columns of 4 bits.
static Numbers chooseForBytes(const Contraction &c, const Chip &chip,
                              int64_t tileM) {
  bool hasNarrowScales = c.encoding.getScale().getIntOrFloatBitWidth() <= 16;
  // The decode of f16 has a constant for each byte. Beside these, what comes
  // after full rounds made ptxas 13.0 spill with rows that are not there or the
  // number of one that may be any; and scales of groups did where there are
  // more than a few rounds, or with results of 32 bits or more than scaled.
  // Scales of 16 bits are taken apart, and large epilogues read early, which
  // more than some rounds leave no registers for.
  constexpr int64_t warps = 16, columns = 32, fewRounds = 4, someRounds = 8;
  bool hasTailK = c.k % (warps * columns) != 0;
  bool isWide = c.hasWideResult();
  bool isTight =
      c.lhsElement.isF16() &&
      (c.hasOneGroup() ? (hasTailK && (c.n % FragmentLayout::rows != 0 ||
                                       ShapedType::isDynamic(c.m))) ||
                             ((hasNarrowScales || c.hasLargeEpilogue) &&
                              c.k > someRounds * warps * columns)
                       : c.k > fewRounds * warps * columns ||
                             (c.hasLargeEpilogue && (hasTailK || isWide)));
  // Scales of groups that are one for each row of a step, two in a register.
  bool isPlain =
      c.hasOneGroup() ||
      (isa<IntegerType>(c.encoding.getStorage()) && hasNarrowScales &&
       !hasRaggedScales(c) && countParameters(c, 64) <= 1);
  if (tileM == 1 && isPlain && !isTight) {
    // Blocks of 16 rows and 32 warps in an SM are best where all are there at
    // once; the others deal out more rows of weights more evenly.
    Numbers best = {1, warps, columns, 2, 2};
    if (!isPlainBytes(c))
      return best;
    // The last one is for few rows of weights, of which four blocks read one.
    constexpr int64_t manyColumns = 4096;
    for (Numbers numbers :
         {Numbers{1, 8, 64, 2, 3}, Numbers{3, 8, 64, 1, 2},
          Numbers{2, 8, 128, 1, 2}, Numbers{2, 16, 32, 1, 2, 4}}) {
      bool areAllThere = c.k >= manyColumns && !c.hasLargeEpilogue &&
                         chip.hasWgmma &&
                         getBlocks(c, numbers) <= getSlots(chip, numbers);
      if ((numbers.splitK == 1 || areAllThere) &&
          estimateStreamTime(c, chip, tileM, numbers) <
              estimateStreamTime(c, chip, tileM, best))
        best = numbers;
    }
    return best;
  }
  if (hasStreamModel(c))
    return chooseStreamNumbers(c, chip, tileM);
  bool isLight = tileM == 1 && isPlain && !c.hasLargeEpilogue;
  // Columns that end anywhere, of many rows in f16.
  bool isDense = tileM > 8 && c.lhsElement.isF16();
  return {1, 8, 64, 2, (c.hasOneGroup() && !isDense) || isLight ? 2 : 1};
}

/// The most scales and zero points of a row in 128 columns for which there are
/// numbers beside the least.
static int64_t getMostParameters(const Contraction &c) {
  return c.encoding.hasZeroPoint() ? 2 : 4;
}

bool hasStreamModel(const Contraction &c) {
  unsigned width = c.encoding.getStorageBits();
  if (c.k * c.getLhsBytes() % 16)
    return false;
  if (width == 8)
    return c.hasOneGroup() && !c.encoding.hasZeroPoint() && c.k % 64 == 0;
  int64_t parameters = countParameters(c, 128);
  if (width > 4 || c.scalesDecoded() || hasRaggedScales(c) || c.k % 128 != 0 ||
      parameters > getMostParameters(c))
    return false;
  // Zero points that are decoded along are little.
  bool isSingle = c.encoding.hasZeroPoint()
                      ? parameters <= 2 && decodesStreamedExactly(c)
                      : parameters <= 1;
  return (!isTable(c) && isSingle) ||
         (width == 4 && getParameterBits(c.encoding) <= 16);
}

/// Pairs of row tiles of the weights.
static int64_t countPairs(const Contraction &c) {
  return llvm::divideCeil(c.n, 2 * FragmentLayout::rows);
}

/// Numbers for codes of 4 bits and narrow scales of small groups (NVFP4), of
/// whole rounds or not. Of 44 lines at eleven shapes and 1 to 16 rows, what
/// they take is within 6 % of the fastest of twelve at 43, and 10 % more at
/// one. What counts is how many pairs of row tiles there are for each SM, which
/// has one or two of them at a time.
static Numbers chooseForSmallGroups(const Contraction &c, const Chip &chip,
                                    int64_t tileM) {
  int64_t pairs = countPairs(c), slots = chip.multiprocessors;
  // Rounds of 2048 columns, and up to how many of them are no loop where two
  // blocks divide them.
  constexpr int64_t columns = 2048;
  int64_t rounds = llvm::divideCeil(c.k, columns);
  bool hasHalves = c.k % (columns / 2) == 0;
  if (tileM == 1) {
    if (pairs < 2 * slots && (c.k % columns == 0 || rounds > 4))
      return {1, 8, 256, 1, 2};
    if (pairs >= 2 * slots && hasHalves)
      return {2, 4, 256, 1, 3};
    return hasHalves ? Numbers{1, 16, 64, 2, 2} : Numbers{1, 8, 64, 4, 2};
  }
  if (tileM <= 8) {
    if (2 * pairs <= slots && c.k == 2 * columns)
      return {1, 8, 256, 2, 2};
    // The decode to f16 leaves fewer registers.
    int64_t most = c.lhsElement.isF16() ? 4 : kStraightRounds;
    if (pairs <= slots)
      return rounds == 1      ? Numbers{1, 8, 256, 1, 2}
             : rounds <= most ? Numbers{2, 8, 128, 1, 1, 2}
                              : Numbers{2, 16, 128, 1, 1};
    if (2 * pairs < 3 * slots)
      return {2, 4, 128, 1, 2, 2};
    return hasHalves ? Numbers{2, 4, 256, 1, 2} : Numbers{2, 8, 64, 2, 1};
  }
  if (2 * pairs <= slots)
    return {2, 8, 128, 1, 1, 2};
  if (pairs <= slots)
    return rounds <= 2 ? Numbers{2, 8, 128, 1, 1} : Numbers{2, 16, 64, 1, 1};
  return 2 * pairs < 3 * slots ? Numbers{2, 4, 128, 1, 2, 2}
                               : Numbers{2, 4, 256, 1, 2};
}

bool decodesSmallGroups(const Contraction &c, const Chip &chip) {
  int64_t pairs = countPairs(c), slots = chip.multiprocessors;
  if (!hasPlainResults(c) || pairs >= 3 * slots)
    return true;
  // As many as leave some SMs twice as much as others.
  if (2 * pairs < 3 * slots)
    return pairs > slots && c.k >= 4096;
  return c.k % 1024 != 0;
}

/// Numbers for weights that have no model, which were faster than those of
/// `getNumbers` at 4096x4096 and 4096x11008 on an H200, by 9 to 45 %, and
/// made ptxas 13.0 spill at no drawn extents: of bf16 in whole rounds, where
/// results are scaled and stored in 16 bits.
static std::optional<Numbers>
chooseUnmodelled(const Contraction &c, const Chip &chip, int64_t tileM) {
  if (!chip.hasWgmma || !hasPlainResults(c))
    return std::nullopt;
  unsigned width = c.encoding.getStorageBits();
  if (c.scalesDecoded() && width == 4 && !c.encoding.hasZeroPoint() &&
      getParameterBits(c.encoding) <= 8 && c.k >= 2048)
    return chooseForSmallGroups(c, chip, tileM);
  if (!c.lhsElement.isBF16())
    return std::nullopt;
  // Two row tiles in a block leave SMs without one.
  bool isFew = c.n < 2 * 2 * FragmentLayout::rows * chip.multiprocessors;
  bool isShort = c.k <= 4096;
  // Wider scales of small groups, or zero points, were faster so: more than 16
  // bits of few rows only, and those that come alone of many.
  bool takesPairs = tileM > 8 ? getParameterBits(c.encoding) <= 16
                              : c.encoding.hasZeroPoint() ||
                                    getParameterBits(c.encoding) > 16;
  Numbers numbers;
  if (c.scalesDecoded() && width == 4 && tileM > 1 && !isFew && takesPairs)
    numbers = {2, 4, 128, 1, 2};
  else if (c.scalesDecoded())
    return std::nullopt;
  else if (tileM == 1 && width < 8 && width % 2 && !c.encoding.hasZeroPoint())
    numbers = {1, 8, 256, 1, 2};
  else if (tileM <= 8 && width == 6 && !c.encoding.hasZeroPoint() &&
           (tileM == 1 || !c.hasOneGroup()))
    numbers = {1, 8, 512, 1, 2};
  else if (tileM == 1 && decodesStreamedExactly(c) &&
           getParameterBits(c.encoding) <= 16 && isShort &&
           countParameters(c, 128) > getMostParameters(c))
    numbers = {1, 16, 128, 1, 2};
  else
    return std::nullopt;
  int64_t rounds = c.k / numbers.getColumnsOfRound();
  if (c.k % numbers.getColumnsOfRound() != 0 || rounds < numbers.stages)
    return std::nullopt;
  return numbers;
}

/// The numbers for `tileM` rows. What they weigh, measured on one H100:
///
/// - About 64 KiB of weights on their way in an SM cover the latency of device
///   memory. Beyond that, registers are worth more to blocks that are resident
///   at once: those of the next kernel then ask for their weights early.
/// - Each warp reads its columns of all activations, so that blocks of more
///   rows of weights read them less often. One row of activations is little.
/// - A loop carries more registers than the few rounds of a short K, and what
///   comes along with each step (small groups, zero points) takes some, too.
///   What a thread may have is 65536 / (threads * occupancy), at most 255.
static StreamNumbers getNumbers(const Contraction &c, const Chip &chip,
                                int64_t tileM, bool scalesWeights) {
  unsigned width = c.encoding.getStorageBits();
  // Columns that are no whole 16-byte loads are read one by one.
  if (c.k * c.getLhsBytes() % 16)
    return {1, 8, 64, 1, 1};
  if (width == 8)
    return chooseForBytes(c, chip, tileM);
  if (hasStreamModel(c))
    return chooseStreamNumbers(c, chip, tileM, scalesWeights);
  if (std::optional<Numbers> numbers = chooseUnmodelled(c, chip, tileM))
    return *numbers;
  // Steps of codes that straddle words are long.
  if (c.scalesDecoded() && 16 % width)
    return {1, 8, 64, 1, 1};
  if (c.scalesDecoded())
    return tileM == 1 ? Numbers{1, 8, 64, 4, 2} : Numbers{1, 8, 64, 2, 1};
  // Steps of codes of odd width, which straddle words, have 256 columns.
  if (width > 4)
    return {1, 8, 128, width % 2 ? 1 : 2, 1};
  int64_t parameters = countParameters(c, 128);
  if (parameters > getMostParameters(c))
    return {1, 8, 64, 2, 1};
  bool isRagged = hasRaggedScales(c);
  bool isShort = c.k <= 4096, hasZeroPoint = c.encoding.hasZeroPoint();
  bool isNarrow = width == 4 && !isTable(c);
  if (width == 3)
    return {1, 8, 256, 1, 1};
  auto hasBlocks = [&](int64_t rows) {
    return c.n >= rows * chip.multiprocessors;
  };
  if (tileM == 1) {
    if (isRagged)
      return {1, 8, parameters > 1 ? 64 : 128, 2,
              width < 4 && parameters > 1 && c.lhsElement.isF16() ? 1 : 2};
    if (isShort && isNarrow && parameters == 1)
      return hasBlocks(32) ? Numbers{2, 16, 128, 1, 2}
                           : Numbers{1, 16, 64, 2, 2};
    // Codes that straddle words take registers while they are put together.
    if (parameters <= 1 || (hasZeroPoint && isShort))
      return {1, 8, 128, width == 3 ? 3 : 4, 2};
    return {1, 8, 128, 2, isShort ? 2 : 1};
  }
  if (width == 2)
    return {1, 8, 128, 2, 1};
  if (tileM <= 8)
    return isRagged || (!isShort && (isTable(c) || width == 3))
               ? Numbers{2, 8, 64, 2, 1}
           : isShort ? Numbers{2, 8, 128, 2, 1}
                     : Numbers{2, 16, 64, 2, 1};
  return {2, 8, isRagged || parameters > 2 ? 64 : 128, 2, 1};
}

StreamChoice chooseStream(const Contraction &c, const Chip &chip,
                          int64_t tileM) {
  if (std::optional<StreamChoice> choice = chooseCompeting(c, chip, tileM))
    return *choice;
  bool scalesWeights = scalesStreamedWeights(c, chip, tileM);
  return {getNumbers(c, chip, tileM, scalesWeights), scalesWeights};
}

} // namespace quantmlir::schedule
