//===- ScheduleTest.cpp - The enumeration of legal schedules --------------===//

#include "quantmlir/Schedule/Families.h"
#include "quantmlir/Schedule/MatmulSchedule.h"
#include "quantmlir/Schedule/RowRanges.h"

#include "mlir/AsmParser/AsmParser.h"
#include "llvm/ADT/DenseSet.h"

#include "gtest/gtest.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;
using namespace quantmlir::schedule;

namespace {

class Schedules : public ::testing::Test {
protected:
  Schedules() {
    context.loadDialect<quant_tensor::QuantTensorDialect, QuantTileDialect>();
  }

  /// x[m, k] of type `lhs` times w[n, k] of type `rhs`, in `encoding` unless
  /// that is empty.
  Contraction make(int64_t m, int64_t n, int64_t k, StringRef lhs,
                   StringRef encoding = "") {
    Contraction c;
    c.m = m, c.n = n, c.k = k;
    c.lhsElement = c.rhsElement = parseType(lhs, &context);
    if (!encoding.empty())
      c.encoding = cast<quant_tensor::EncodingAttr>(parseAttribute(
          ("#quant_tensor.encoding<{" + encoding + "}>").str(), &context));
    return c;
  }

  SmallVector<Contraction> contractions() {
    SmallVector<Contraction> all;
    constexpr StringLiteral encodings[] = {
        "storage = i4, block = [1, 128], scale = bf16",
        "storage = ui4, block = [1, 32], scale = f16, zero_point = ui4",
        "storage = i8, block = [1, 0], scale = f32",
        "storage = i2, block = [1, 24], scale = f32",
        "storage = i4, block = [0, 0], scale = f32, zero_point = f32"};
    for (int64_t m : {ShapedType::kDynamic, int64_t(1), int64_t(17),
                      int64_t(300), int64_t(4096)})
      for (auto [n, k] : {std::pair<int64_t, int64_t>(1, 1),
                          {37, 131},
                          {4096, 4096},
                          {28672, 8192}}) {
        for (StringRef lhs : {"i8", "bf16", "f16", "f32"})
          all.push_back(make(m, n, k, lhs));
        for (StringRef lhs : {"bf16", "f16", "f32"})
          for (StringRef encoding : encodings)
            all.push_back(make(m, n, k, lhs, encoding));
      }
    return all;
  }

  MLIRContext context;
};

/// Each once, each legal, and each the same after a round trip through the text
/// that a user pastes.
TEST_F(Schedules, AreLegalAndDistinct) {
  size_t total = 0;
  for (const Chip &chip : getChips())
    for (const Contraction &c : contractions()) {
      SmallVector<ScheduleAttr> schedules =
          enumerateSchedules(c, chip, /*maxM=*/0);
      total += schedules.size();
      llvm::DenseSet<Attribute> seen;
      for (ScheduleAttr s : schedules) {
        EXPECT_TRUE(seen.insert(s).second);
        EXPECT_EQ(whyNotSchedule(c, chip, s), "");
        EXPECT_LE(getSharedMemory(c, s), chip.sharedMemory);
        EXPECT_TRUE(succeeded(ScheduleAttr::verify(
            [&] { return emitError(UnknownLoc::get(&context)); }, s.getFamily(),
            s.getChip(), s.getTile(), s.getWarps(), s.getStages(), s.getCopy(),
            s.getSplitK(), s.getWeights(), s.getMaxM(), s.getContract(),
            s.getDependentLaunch(), s.getOccupancy(), s.getWarpgroups(),
            s.getScaleDecoded(), s.getPromote(), s.getStreamK(), s.getRing())));
      }
      if (schedules.empty())
        continue;
      // Nothing of a schedule is lost where only its rows change.
      EXPECT_EQ(schedules.back().withMaxM(5).withMaxM(0), schedules.back());
      std::string text;
      llvm::raw_string_ostream(text) << Attribute(schedules.back());
      EXPECT_EQ(parseAttribute(text, &context), schedules.back());
    }
  EXPECT_GT(total, 10000u);
}

/// A tuner tries what the heuristics would have chosen, for each row bound.
TEST_F(Schedules, HoldWhatIsChosen) {
  for (const Chip &chip : getChips())
    for (const Contraction &c : contractions())
      for (const Family &family : getFamilies()) {
        if (!family.whyNot(c, chip).empty())
          continue;
        for (int64_t maxM : {0, 16}) {
          ScheduleAttr chosen = family.choose(c, chip, maxM);
          EXPECT_EQ(whyNotSchedule(c, chip, chosen), "");
          EXPECT_TRUE(
              llvm::is_contained(enumerateSchedules(c, chip, maxM), chosen));
        }
      }
}

TEST_F(Schedules, AreHundredsForALargeMatmul) {
  const Chip &chip = getChips().back();
  for (Contraction c : {make(4096, 4096, 4096, "i8"),
                        make(16, 4096, 4096, "bf16",
                             "storage = i4, block = [1, 128], scale = bf16")}) {
    size_t count = enumerateSchedules(c, chip, 0).size();
    EXPECT_GE(count, 200u);
    EXPECT_LE(count, 2000u);
  }
}

/// What no family computes has no schedules.
TEST_F(Schedules, AreNoneForPlainF32) {
  EXPECT_TRUE(
      enumerateSchedules(make(8, 64, 64, "f32"), getChips()[0], 0).empty());
}

/// What is told of the ranges that rows are divided into.
void checkRanges(ArrayRef<int64_t> rows, const RowModel &model,
                 ArrayRef<ScheduleAttr> ranges) {
  ASSERT_FALSE(ranges.empty());
  EXPECT_EQ(ranges.back().getMaxM(), rows.back());
  int64_t previous = 0;
  for (ScheduleAttr range : ranges) {
    EXPECT_GT(range.getMaxM(), previous);
    EXPECT_TRUE(llvm::is_contained(rows, range.getMaxM()));
    for (int64_t m : rows)
      if (m > previous && m <= range.getMaxM()) {
        ScheduleAttr chosen = model.choose(m);
        if (m <= 256)
          EXPECT_EQ(range.withMaxM(0), chosen.withMaxM(0));
        EXPECT_LE(model.estimate(range, m), 1.03 * model.estimate(chosen, m));
      }
    previous = range.getMaxM();
  }
}

/// Three tiles, of which the lowest has the least padding and the highest the
/// least time for a row, at rows where one of them is better than another.
TEST_F(Schedules, OfFewKernelsForAllRows) {
  Contraction c = make(ShapedType::kDynamic, 4096, 4096, "bf16",
                       "storage = i4, block = [1, 128], scale = bf16");
  SmallVector<ScheduleAttr> tiles;
  for (ScheduleAttr s : enumerateSchedules(c, getChips().back(), 0))
    for (int64_t height : {64, 128, 256})
      if (s.getFamily() == KernelFamily::WgmmaDecode &&
          s.getTileM() == height &&
          llvm::none_of(tiles, [&](auto t) { return t.getTileM() == height; }))
        tiles.push_back(s);
  ASSERT_EQ(tiles.size(), 3u);
  auto estimate = [](ScheduleAttr s, int64_t m) {
    return llvm::divideCeil(m, s.getTileM()) * (s.getTileM() + 8.0);
  };
  auto choose = [&](int64_t m) {
    ScheduleAttr best = tiles.front();
    for (ScheduleAttr tile : tiles)
      if (estimate(tile, m) < estimate(best, m))
        best = tile;
    return best.withMaxM(m);
  };
  int64_t rows[] = {32, 64, 256, 320, 384, 448, 512, 640, 768, 1024};
  RowModel model = {choose, estimate};
  SmallVector<ScheduleAttr> ranges = divideRows(rows, model);
  checkRanges(rows, model, ranges);
  // 256 rows and multiples of them have the high tile, as all that it divides;
  // 384 and 640 another. 64 rows are in none of the two.
  llvm::DenseSet<Attribute> kernels;
  for (ScheduleAttr range : ranges)
    kernels.insert(range.withMaxM(0));
  EXPECT_LT(kernels.size(), ranges.size());
  // One that is the best at all rows has one range.
  tiles.resize(1);
  EXPECT_EQ(divideRows(rows, model).size(), 1u);
}

TEST_F(Schedules, OfModelsKeepToTheirRanges) {
  const Chip &chip = getChips().back();
  int64_t rows[] = {32, 64, 160, 256, 320, 512, 640, 768, 1024, 2048, 3072};
  for (auto [n, k] : {std::pair<int64_t, int64_t>(5120, 5120),
                      {2048, 5632},
                      {28672, 8192},
                      {96, 128}}) {
    Contraction decoded = make(ShapedType::kDynamic, n, k, "bf16",
                               "storage = i4, block = [1, 128], scale = bf16");
    auto chooseDecode = [&](int64_t m) {
      return chooseWgmmaDecode(decoded, chip, m);
    };
    auto estimateDecode = [&](ScheduleAttr s, int64_t m) {
      return estimateWgmmaDecode(decoded, chip, s, m);
    };
    RowModel decode = {chooseDecode, estimateDecode};
    checkRanges(rows, decode, divideRows(rows, decode));
    Contraction plain = make(ShapedType::kDynamic, n, k, "i8");
    auto chooseInt8 = [&](int64_t m) { return chooseWgmma(plain, chip, m); };
    auto estimateInt8 = [&](ScheduleAttr s, int64_t m) {
      return estimateWgmma(plain, chip, s, m);
    };
    RowModel int8 = {chooseInt8, estimateInt8};
    checkRanges(rows, int8, divideRows(rows, int8));
  }
}

} // namespace
