//===- MmaStreamCompeting.cpp - Few schedules, of which the model takes one ==//
//
// For weights that the model of time was not fitted to there are a few
// schedules each, which deal out rows of weights to the SMs in different ways.
// The model need not say how long they take to say which of them takes least.
//
// They were chosen from some 9000 timings of 95 formats and numbers of rows at
// five to eight shapes on an H200, as those of which what the model takes is
// the fastest on average.
//
//===----------------------------------------------------------------------===//

#include "MmaStreamTerms.h"

using namespace mlir;
using namespace quantmlir::quant_tile;

namespace quantmlir::schedule {

namespace {
using Numbers = StreamNumbers;

/// What ptxas 13.0 has registers for, of the kernels of one schedule: as far as
/// some thousands of drawn extents tell, it spills elsewhere.
enum Room : unsigned {
  Any = 0,
  /// No columns after full rounds.
  WholeRounds = 1,
  /// No rows of weights that are not there.
  WholeTiles = 2,
  /// Code without a loop, and with one.
  Straight = 4,
  Loop = 8,
  /// The first two, in a loop.
  WholeRoundsOfLoop = 16,
  WholeTilesOfLoop = 32,
  /// An even number of full rounds, where there is no loop: the last one of an
  /// odd number has activations of its own.
  EvenRounds = 64,
  /// More rounds than four, whose code carries nothing from one to the next.
  ManyRounds = 128,
};

struct Candidate {
  Numbers numbers;
  unsigned room = Any;
};

/// Schedules for one row of activations, for up to eight, and for more.
struct ByRows {
  ArrayRef<Candidate> ofOne, ofFew, ofMany;

  ArrayRef<Candidate> get(int64_t tileM) const {
    return tileM == 1 ? ofOne : tileM <= 8 ? ofFew : ofMany;
  }
};

/// Schedules that compete, and whether their weights are scaled, not sums.
struct Competition {
  ArrayRef<Candidate> candidates;
  bool scalesWeights = false;
};

/// Weights of 8 bits with one scale for each row; in groups; and in groups
/// whose sums are scaled for f16, the last one of 128 columns or more. Of many
/// rows, f16 has room for nothing.
constexpr Candidate kBytesOfOne[] = {{{1, 8, 64, 2, 3}, WholeRoundsOfLoop},
                                     {{1, 8, 128, 1, 2}},
                                     {{1, 16, 64, 1, 2}, WholeRoundsOfLoop},
                                     {{3, 8, 64, 1, 2}}};
constexpr Candidate kGroupedBytesOfOne[] = {
    {{1, 8, 64, 2, 3}, WholeRoundsOfLoop},
    {{1, 8, 128, 1, 2}},
    {{1, 16, 64, 1, 2}, Loop | WholeRounds},
    {{3, 8, 64, 1, 2}}};
constexpr Candidate kGroupedBytesOfOneF16[] = {{{1, 8, 128, 1, 2}, WholeRounds},
                                               {{3, 8, 64, 1, 2}, WholeRounds},
                                               {{1, 8, 64, 2, 3}, WholeRounds}};
constexpr Candidate kBytesOfFew[] = {{{2, 4, 64, 1, 3}},
                                     {{2, 4, 64, 1, 4, 2}},
                                     {{2, 8, 64, 1, 2, 2}},
                                     {{4, 4, 64, 1, 3, 2}},
                                     {{2, 16, 64, 1, 1}}};
constexpr Candidate kBytesOfMany[] = {
    {{2, 4, 64, 1, 3}},
    {{2, 4, 64, 1, 4, 2}},
    {{2, 8, 64, 1, 2, 2}, EvenRounds},
    {{2, 16, 64, 1, 1}},
    {{3, 4, 64, 1, 3}, Loop},
    {{4, 4, 64, 1, 3, 2}, Loop | WholeRounds | WholeTiles}};

/// Weights of 4 bits with one scale in each row.
constexpr Candidate kRowsOfOne[] = {
    {{1, 16, 64, 2, 2}},  {{1, 8, 128, 2, 3}, WholeRoundsOfLoop},
    {{3, 4, 128, 1, 4}},  {{3, 8, 128, 1, 2}},
    {{3, 16, 128, 1, 1}}, {{4, 8, 128, 1, 2}, WholeTilesOfLoop}};
constexpr Candidate kRowsOfFew[] = {{{2, 4, 128, 1, 3, 2}},
                                    {{2, 8, 128, 1, 2, 2}},
                                    {{3, 4, 128, 1, 3}, WholeRoundsOfLoop},
                                    {{3, 8, 128, 1, 2}, WholeRoundsOfLoop}};

/// Weights of 4 bits with zero points of small groups: where sums are scaled,
/// and where weights are.
constexpr Candidate kZeroPointsOfOne[] = {
    {{1, 16, 64, 2, 2}, WholeRounds}, {{1, 16, 128, 1, 2}, WholeRounds},
    {{1, 8, 128, 2, 3}, WholeRounds}, {{2, 8, 128, 1, 2}, WholeRounds},
    {{3, 8, 128, 1, 2}, WholeRounds}, {{3, 4, 128, 1, 4}, WholeRounds}};
constexpr Candidate kZeroPointsOfFew[] = {{{2, 4, 128, 1, 3}},
                                          {{2, 4, 128, 1, 3, 2}},
                                          {{3, 4, 128, 1, 3}, WholeRounds}};
constexpr Candidate kZeroPointsOfMany[] = {
    {{2, 16, 64, 1, 1}, ManyRounds},
    {{2, 4, 128, 1, 3, 2}, Straight | WholeRounds | ManyRounds},
    {{2, 4, 64, 2, 3}, WholeRoundsOfLoop | WholeTiles},
    {{3, 4, 64, 1, 3}},
    {{2, 8, 128, 2, 1}}};
/// (The last ones are not for groups of 32.)
constexpr Candidate kScaledZeroPointsOfFew[] = {
    {{2, 8, 128, 1, 2, 2}},
    {{2, 8, 128, 1, 2}},
    {{3, 4, 128, 1, 3}, WholeRoundsOfLoop},
    {{3, 8, 128, 1, 2}, Straight}};
constexpr Candidate kScaledZeroPointsOfMany[] = {
    {{2, 4, 128, 1, 3}, WholeTilesOfLoop},
    {{2, 4, 128, 1, 3, 2}, WholeTilesOfLoop},
    {{2, 8, 64, 2, 2}, WholeRoundsOfLoop | WholeTilesOfLoop},
    {{4, 4, 64, 1, 3}, WholeTilesOfLoop},
    {{2, 8, 128, 1, 2, 2}, Straight}};

/// Weights of 4 bits in f16 whose groups' sums are scaled, beside what the
/// model chooses, which has room for more than is said of registers. Of few
/// rows, the first is not for tables, which two blocks of a tile would fill,
/// and the last neither for tables nor for groups of 32; of many rows, the last
/// is for zero points.
constexpr Candidate kSumsOfFewF16[] = {
    {{2, 4, 128, 1, 3, 2}},
    {{2, 8, 128, 1, 2, 2}},
    {{3, 4, 128, 1, 3}},
    {{3, 8, 128, 1, 2}, Straight | WholeRounds | WholeTiles}};
constexpr Candidate kSumsOfManyF16[] = {
    {{3, 4, 64, 1, 3}, WholeRounds},
    {{4, 4, 64, 1, 3}},
    {{2, 16, 64, 1, 1}},
    {{2, 8, 128, 1, 2, 2}, Straight | WholeRounds},
    {{2, 4, 128, 1, 3, 2}}};

/// Weights of 2 and 3 bits, two scales in 128 columns.
constexpr Candidate kTwoBitsOfOne[] = {{{1, 8, 128, 2, 3}, WholeRoundsOfLoop},
                                       {{1, 16, 256, 1, 2}},
                                       {{3, 8, 256, 1, 2}, Straight}};
constexpr Candidate kTwoBitsOfFew[] = {
    {{1, 8, 128, 2, 1}},
    {{2, 8, 128, 1, 2, 2}},
    {{2, 8, 128, 2, 2}},
    {{2, 8, 256, 1, 3}, Straight | WholeTiles}};
constexpr Candidate kTwoBitsOfMany[] = {
    {{2, 8, 256, 1, 2, 2}},
    {{4, 4, 128, 1, 3, 2}, WholeRounds | WholeTiles},
    {{2, 8, 128, 2, 2}, Straight}};
constexpr Candidate kThreeBits[] = {{{1, 8, 256, 1, 2}},
                                    {{1, 8, 256, 1, 3}, WholeRoundsOfLoop},
                                    {{2, 8, 256, 1, 2}}};
constexpr Candidate kThreeBitsOfMany[] = {{{2, 4, 256, 1, 3}, WholeRounds},
                                          {{2, 4, 256, 1, 3, 2}, WholeTiles},
                                          {{2, 8, 256, 1, 2, 2}, WholeRounds}};

/// Weights of 5 and 6 bits, of up to eight rows: with one scale in each row,
/// and in groups. These have no room for the last one of one row, and groups of
/// 6 bits for none that ends within a round.
constexpr Candidate kFurtherBitsOfOne[] = {
    {{1, 8, 256, 1, 2}}, {{2, 4, 256, 1, 3}}, {{1, 4, 256, 2, 3}}};
constexpr Candidate kFurtherBitsOfFew[] = {
    {{1, 4, 256, 2, 3}}, {{1, 8, 256, 1, 2}},    {{2, 4, 128, 1, 3, 2}},
    {{2, 4, 256, 1, 3}}, {{2, 8, 128, 1, 2, 2}}, {{2, 8, 256, 1, 1}}};
constexpr Candidate kGroupsOfSixBitsOfOne[] = {
    {{1, 8, 256, 1, 2}, WholeRounds}, {{2, 4, 256, 1, 3}, WholeRounds}};
constexpr Candidate kGroupedFurtherBitsOfFew[] = {
    {{1, 8, 256, 1, 2}, Loop | WholeRounds},
    {{2, 4, 128, 1, 3, 2}},
    {{2, 4, 256, 1, 3}},
    {{2, 8, 256, 1, 1}}};
} // namespace

/// Those for weights of 8 bits.
static Competition getBytes(const Contraction &c, int64_t tileM,
                            bool scalesWeights) {
  bool isF16 = c.lhsElement.isF16(), hasZeroPoint = c.encoding.hasZeroPoint();
  // One scale for each row has a model, but of one row of f16.
  if (c.hasOneGroup() && !hasZeroPoint && (tileM > 1 || !isF16))
    return {};
  if ((hasZeroPoint && !c.hasOneGroup()) ||
      hasZeroPoint != c.encoding.getStorage().isUnsignedInteger() ||
      (tileM > 8 && (isF16 || hasZeroPoint)))
    return {};
  if (isF16 && !c.hasOneGroup()) {
    if (tileM == 1 && getParameterBits(c.encoding) > 16)
      return {};
    return {ByRows{
        ArrayRef(kGroupedBytesOfOneF16).drop_back(c.getGroup() < 128),
        ArrayRef(kBytesOfFew).drop_back(),
        {}}.get(tileM)};
  }
  return {ByRows{c.hasOneGroup() ? kBytesOfOne : kGroupedBytesOfOne,
                 kBytesOfFew, kBytesOfMany}
              .get(tileM),
          tileM > 1 && scalesWeights};
}

/// Those for weights of 4 bits.
static Competition getFourBits(const Contraction &c, int64_t tileM,
                               bool scalesWeights) {
  bool hasZeroPoint = c.encoding.hasZeroPoint();
  if (c.hasOneGroup() && (!hasZeroPoint || tileM > 1))
    return {ByRows{kRowsOfOne, kRowsOfFew, {}}.get(tileM)};
  int64_t group = c.getGroup();
  bool isTable = static_cast<bool>(getPairTableBytes(c));
  if (c.lhsElement.isF16() && hasStreamModel(c) &&
      (hasZeroPoint || group < 128))
    return {ByRows{{},
                   ArrayRef(kSumsOfFewF16)
                       .drop_front(isTable)
                       .drop_back(group < 64 || isTable),
                   ArrayRef(kSumsOfManyF16).drop_back(!hasZeroPoint)}
                .get(tileM)};
  if (c.encoding.getCodebook())
    return {};
  // (Of signed codes, zero points take a register more than there is.)
  Type storage = c.encoding.getStorage();
  if (!hasZeroPoint || !storage.isUnsignedInteger() || group >= 128 ||
      group < 32 || getParameterBits(c.encoding) > 16)
    return {};
  if (tileM > 1 && scalesWeights)
    return {ByRows{{},
                   ArrayRef(kScaledZeroPointsOfFew).drop_back(group < 64),
                   ArrayRef(kScaledZeroPointsOfMany).drop_back(group < 64)}
                .get(tileM),
            true};
  if (tileM == 1 && (group < 64 || c.encoding.getZeroPoint() != storage))
    return {};
  return {
      ByRows{kZeroPointsOfOne, kZeroPointsOfFew, kZeroPointsOfMany}.get(tileM)};
}

/// The schedules that compete for `tileM` rows of these weights; none where the
/// model is good, or where none of some was better than what is taken then.
static Competition getCompetition(const Contraction &c, const Chip &chip,
                                  int64_t tileM) {
  if (!chip.hasWgmma || !hasPlainResults(c) || c.scalesDecoded() ||
      c.k % 128 != 0)
    return {};
  // Where weights may be scaled, sums of smaller groups would be many.
  bool isF16 = c.lhsElement.isF16(), hasZeroPoint = c.encoding.hasZeroPoint();
  bool scalesWeights = !isF16 && c.getGroup() < 128 && canScaleDecoded(c);
  unsigned width = c.encoding.getStorageBits();
  switch (width) {
  case 8:
    return getBytes(c, tileM, scalesWeights);
  case 4:
    return getFourBits(c, tileM, scalesWeights);
  case 3:
  case 2:
    if (c.getGroup() != 64 || hasZeroPoint || !scalesWeights)
      return {};
    if (width == 2)
      return {ByRows{kTwoBitsOfOne, kTwoBitsOfFew, kTwoBitsOfMany}.get(tileM),
              true};
    return {ByRows{kThreeBits, kThreeBits, kThreeBitsOfMany}.get(tileM), true};
  case 5:
  case 6:
    if (isF16 || hasZeroPoint || c.getGroup() < 128)
      return {};
    if (c.hasOneGroup())
      return {ByRows{kFurtherBitsOfOne, kFurtherBitsOfFew, {}}.get(tileM)};
    return {ByRows{
        width == 6 ? ArrayRef(kGroupsOfSixBitsOfOne)
                   : ArrayRef(kFurtherBitsOfOne).drop_back(),
        kGroupedFurtherBitsOfFew,
        {}}.get(tileM)};
  default:
    return {};
  }
}

/// Whether ptxas has registers for a candidate.
static bool hasRegisters(const Contraction &c, const Candidate &candidate) {
  const Numbers &numbers = candidate.numbers;
  int64_t rounds = getRounds(c, numbers);
  bool isOneStretch = isStraight(c, numbers);
  bool hasTailK = c.k % numbers.getColumnsOfRound() != 0;
  bool hasTailN = c.n % getTileN(numbers) != 0;
  auto needs = [&](Room room) { return (candidate.room & room) != 0; };
  constexpr int64_t fewRounds = 4;
  return !(needs(WholeRounds) && hasTailK) &&
         !(needs(WholeTiles) && hasTailN) &&
         !(needs(Straight) && !isOneStretch) &&
         !(needs(Loop) && isOneStretch) &&
         !(needs(WholeRoundsOfLoop) && hasTailK && !isOneStretch) &&
         !(needs(WholeTilesOfLoop) && hasTailN && !isOneStretch) &&
         !(needs(EvenRounds) && isOneStretch &&
           (hasTailK || rounds % 2 != 0)) &&
         !(needs(ManyRounds) && rounds <= fewRounds);
}

bool hasCompetingStreams(const Contraction &c, const Chip &chip,
                         int64_t tileM) {
  return !getCompetition(c, chip, tileM).candidates.empty();
}

std::optional<StreamChoice> chooseCompeting(const Contraction &c,
                                            const Chip &chip, int64_t tileM) {
  std::optional<StreamChoice> best;
  double bestTime = HUGE_VAL;
  Competition competition = getCompetition(c, chip, tileM);
  int64_t columns = c.getWeightLayout().getTile()[1];
  for (const Candidate &candidate : competition.candidates) {
    const Numbers &numbers = candidate.numbers;
    if (numbers.columns % columns || getRounds(c, numbers) < numbers.stages ||
        !hasRegisters(c, candidate) ||
        (numbers.splitK > 1 && getBlocks(c, numbers) > getSlots(chip, numbers)))
      continue;
    double time = estimateStreamTime(c, chip, tileM, numbers);
    if (time < bestTime) {
      best = StreamChoice{numbers, competition.scalesWeights};
      bestTime = time;
    }
  }
  // What the model is good for competes as well.
  if (best && hasStreamModel(c) && c.encoding.getStorageBits() == 4) {
    double time;
    Numbers chosen =
        chooseStreamNumbers(c, chip, tileM, /*scalesWeights=*/false, &time);
    if (time < bestTime)
      best = StreamChoice{chosen, /*scalesWeights=*/false};
  }
  return best;
}

} // namespace quantmlir::schedule
