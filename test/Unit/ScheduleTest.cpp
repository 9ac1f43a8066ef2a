//===- ScheduleTest.cpp - The enumeration of legal schedules --------------===//

#include "quantmlir/Schedule/Families.h"

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
            s.getScaleDecoded(), s.getPromote(), s.getStreamK())));
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

} // namespace
