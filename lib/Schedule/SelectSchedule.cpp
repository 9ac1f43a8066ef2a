//===- SelectSchedule.cpp - Decide how each contraction is computed -------===//

#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "quantmlir/Schedule/Families.h"
#include "quantmlir/Schedule/MatmulSchedule.h"
#include "quantmlir/Schedule/Passes.h"
#include "quantmlir/Schedule/RowRanges.h"
#include "quantmlir/Schedule/Tuned.h"
#include "quantmlir/Support/RemarkOptions.h"

#include "llvm/ADT/StringExtras.h"

namespace quantmlir {
#define GEN_PASS_DEF_SELECTSCHEDULE
#include "quantmlir/Schedule/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;
using namespace quantmlir::schedule;
using quant_tensor::ScaledMatmulOp;

namespace {

/// Where M is dynamic: up to these many rows have schedules of their own,
/// because blocks of 128 rows would mostly multiply padding, and too few of
/// them leave SMs idle.
constexpr int64_t kRowBounds[] = {32, 64, 128};
/// And up to these many where weights stream: a block's work grows with its
/// rows of activations, the weights that it reads do not.
constexpr int64_t kStreamBounds[] = {1, 8, 16};
/// Where ranges of rows may end that a model divides: of wgmma, and of
/// wgmma_decode, which starts where weights no longer stream. A tile's last
/// rows are padding at the first rows of a range, so there are more of them
/// where tiles are fitted to few rows.
constexpr int64_t kWgmmaRowEnds[] = {16,  64,  128,  192,  256,  384, 512,
                                     640, 768, 1024, 1536, 2048, 3072};
constexpr int64_t kDecodeRowEnds[] = {32, 48, 64, 96, 128, 160, 208, 256};
/// And then a step further up to each of these: tiles of decoded weights differ
/// in height by 16 rows. Each question and each range takes time to compile.
constexpr std::pair<int64_t, int64_t> kDecodeRowSteps[] = {
    {32, 768}, {64, 1536}, {128, 3072}};

SmallVector<int64_t> getDecodeRowEnds() {
  SmallVector<int64_t> ends(ArrayRef<int64_t>{kDecodeRowEnds});
  for (auto [step, last] : kDecodeRowSteps)
    while (ends.back() < last)
      ends.push_back(ends.back() + step);
  return ends;
}

remark::RemarkOpts remarkOptions(Operation *op) {
  return getRemarkOptions(op, "Schedule", "schedule");
}

/// Says why `op` has no better kernel; nothing where there is no reason.
void remarkMissed(Operation *op, StringRef text, StringRef why) {
  if (!why.empty())
    remark::missed(op->getLoc(), remarkOptions(op))
        << remark::add("{0}", text.str()) << remark::reason("{0}", why.str());
}

/// Cycles of `estimateWgmmaDecode` in a microsecond.
constexpr double kDecodeCyclesPerMicrosecond = 1755;
/// For 9 to 16 rows wgmma_decode is chosen where its estimate is below this
/// part of mma_stream's: of codes that straddle words (where rows are dynamic,
/// mma_stream was up to a quarter slower than its model says, which was fitted
/// without, and wgmma_decode was not), of a table (up to a third slower), of
/// integers of 4 bits, and of bytes. Of these two it is chosen for nine of the
/// 50 lines that were timed, at nine shapes of weights, where it takes 2 to 13
/// % less. Where f16 has sums of groups of 32, two of six shapes take it, 10
/// and 20 % less. Of sums that have to be scaled its estimate is some 8 % low.
constexpr double kDecodePart = 1.05, kDecodePartOfTable = 1.09,
                 kDecodePartOfInteger = 0.95, kDecodePartOfBytes = 0.8,
                 kDecodePartOfManySums = 1.13, kDecodePartOfSums = 0.95;
/// Rows of activations from which on a kernel of wgmma_decode, whose smallest
/// tile has 16, may be the better one.
constexpr int64_t kDecodeFewRows = 9;
/// What K is a multiple of where the model of mma_stream holds.
constexpr int64_t kModelledColumns = 128;

struct SelectSchedule : quantmlir::impl::SelectScheduleBase<SelectSchedule> {
  using SelectScheduleBase::SelectScheduleBase;

  void runOnOperation() override {
    const Chip *target =
        lookupChip(chip, [&] { return getOperation()->emitError(); });
    if (!target)
      return signalPassFailure();
    std::optional<TunedSchedules> timings;
    if (!tuned.empty()) {
      FailureOr<TunedSchedules> loaded =
          TunedSchedules::load(getOperation()->getLoc(), tuned, chip, tunedGpu);
      if (failed(loaded))
        return signalPassFailure();
      timings = std::move(*loaded);
    }
    // Every error is worth telling, so one does not stop the walk.
    bool ok = true;
    getOperation()->walk(
        [&](Operation *op) { ok &= succeeded(checkParameters(op)); });
    int64_t open = 0, found = 0;
    chosen.clear();
    getOperation()->walk([&](ScaledMatmulOp op) {
      if (isScheduled(op)) {
        ok &= succeeded(check(op, *target));
        return;
      }
      ++open;
      if (timings) {
        FailureOr<bool> used = useTimings(op, *target, *timings);
        ok &= succeeded(used);
        if (failed(used) || *used) {
          ++found;
          return;
        }
      }
      ok &= succeeded(select(op, *target));
    });
    if (!ok)
      return signalPassFailure();
    if (timings && open && !found)
      getOperation()->emitWarning()
          << "none of the " << timings->size() << " timings for " << chip
          << " in '" << tuned << "' is of an op of this module";
  }

  /// Gives `op` the fastest schedules that were measured; false where none was.
  FailureOr<bool> useTimings(ScaledMatmulOp op, const Chip &target,
                             const TunedSchedules &timings) {
    std::string signature = getSignature(op, fastAccumulation);
    ArrayRef<Timing> best = timings.lookup(signature);
    if (best.empty()) {
      remark::missed(op.getLoc(), remarkOptions(op))
          << remark::add("not tuned")
          << remark::reason("no timing of {0}", signature);
      return false;
    }
    Contraction contraction = Contraction::get(op, fastAccumulation);
    bool isDynamic = ShapedType::isDynamic(contraction.m);
    SmallVector<ScheduleAttr> schedules;
    for (const Timing &timing : best) {
      if (!isDynamic && timing.rows != contraction.m) {
        InFlightDiagnostic error = emitError(timing.location);
        error << "timing is with " << timing.rows << " rows, but its op has "
              << contraction.m;
        return error;
      }
      if (std::string why =
              whyNotSchedule(contraction, target, timing.schedule);
          !why.empty()) {
        InFlightDiagnostic error = emitError(timing.location);
        error << "schedule cannot be obeyed, so the timing is of another "
                 "version of the compiler: "
              << why;
        error.attachNote(op.getLoc()) << "for this op";
        return error;
      }
      remark::passed(op.getLoc(), remarkOptions(op)) << remark::add(
          "tuned for {0} rows: {1} with tile {2} takes {3:f2} us on {4}",
          timing.rows, stringifyKernelFamily(timing.schedule.getFamily()),
          llvm::join(llvm::map_range(timing.schedule.getTile(),
                                     [](int64_t e) { return Twine(e).str(); }),
                     "x"),
          timing.microseconds, timing.gpu);
      // The range of a schedule goes up to the rows it was measured with, and
      // down to those of the one before; equal neighbours share one.
      if (!schedules.empty() && schedules.back().withMaxM(0) == timing.schedule)
        schedules.pop_back();
      schedules.push_back(timing.schedule.withMaxM(timing.rows));
    }
    schedules.back() = schedules.back().withMaxM(0);
    setSchedules(op, schedules);
    return true;
  }

  static void setSchedules(ScaledMatmulOp op,
                           ArrayRef<ScheduleAttr> schedules) {
    if (schedules.size() == 1)
      op->setAttr(ScheduleAttr::getAttrName(), schedules.front());
    else
      op->setAttr(
          ScheduleAttr::getListAttrName(),
          ArrayAttr::get(op.getContext(), SmallVector<Attribute>(schedules)));
  }

  /// Parameters that kernels choose. Histograms and their divergences take
  /// loops over a whole block of data: a matter of calibration, on the host.
  LogicalResult checkParameters(Operation *op) {
    std::optional<quant_tensor::ParamMethod> method;
    if (auto choose = dyn_cast<quant_tensor::ChooseParamsOp>(op))
      method = choose.getMethod();
    else if (auto quantize = dyn_cast<quant_tensor::QuantizeOp>(op))
      method = quantize.getMethod();
    else if (auto requantize = dyn_cast<quant_tensor::RequantizeOp>(op))
      method = requantize.getMethod();
    if (method != quant_tensor::ParamMethod::KL || allowPlain)
      return success();
    return op->emitOpError()
           << "chooses parameters by 'kl', for which there is no kernel: "
              "choose "
              "them in advance, or by absmax, minmax, percentile or mse";
  }

  static bool isScheduled(ScaledMatmulOp op) {
    return op->hasAttr(ScheduleAttr::getAttrName()) ||
           op->hasAttr(ScheduleAttr::getListAttrName());
  }

  LogicalResult check(ScaledMatmulOp op, const Chip &target) {
    SmallVector<ScheduleAttr> schedules;
    if (Attribute single = op->getAttr(ScheduleAttr::getAttrName())) {
      auto schedule = dyn_cast<ScheduleAttr>(single);
      if (!schedule)
        return op.emitOpError()
               << ScheduleAttr::getAttrName()
               << " must be a #quant_tile.schedule, got " << single;
      schedules.push_back(schedule);
    }
    if (Attribute list = op->getAttr(ScheduleAttr::getListAttrName())) {
      auto array = dyn_cast<ArrayAttr>(list);
      if (!schedules.empty() || !array || array.empty() ||
          !llvm::all_of(array, llvm::IsaPred<ScheduleAttr>))
        return op.emitOpError()
               << ScheduleAttr::getListAttrName()
               << " must be a non-empty array of #quant_tile.schedule and "
                  "stand alone, got "
               << list;
      llvm::append_range(schedules, array.getAsRange<ScheduleAttr>());
      int64_t previous = 0;
      for (auto [index, schedule] : llvm::enumerate(schedules)) {
        bool isLast = index + 1 == schedules.size();
        if (isLast ? schedule.getMaxM() != 0 : schedule.getMaxM() <= previous)
          return op.emitOpError()
                 << ScheduleAttr::getListAttrName()
                 << " must ascend by max_m, the last one without";
        previous = schedule.getMaxM();
      }
    }
    Contraction contraction = Contraction::get(op, fastAccumulation);
    // Kernels may count on it: nothing tests the rows of one that stands alone.
    if (schedules.size() == 1 && ShapedType::isDynamic(contraction.m) &&
        schedules.front().getMaxM())
      return op.emitOpError()
             << "has any number of rows, but its only schedule max_m = "
             << schedules.front().getMaxM();
    for (ScheduleAttr schedule : schedules)
      if (failed(verifySchedule(contraction, target, schedule,
                                [&] { return op.emitOpError(); })))
        return failure();
    return success();
  }

  /// Appends the schedule of the next range of rows; equal neighbours share
  /// one where they can.
  static void append(SmallVectorImpl<ScheduleAttr> &schedules,
                     ScheduleAttr next) {
    if (!schedules.empty() &&
        schedules.back().withMaxM(next.getMaxM()) == next &&
        canGoOn(schedules.back()))
      schedules.pop_back();
    schedules.push_back(next);
  }

  /// Appends schedules for ranges of rows that end at some of `rows`.
  static void appendRanges(SmallVectorImpl<ScheduleAttr> &schedules,
                           const Contraction &c, const Chip &chip,
                           ArrayRef<int64_t> rows,
                           ScheduleAttr (*choose)(const Contraction &,
                                                  const Chip &, int64_t),
                           double (*estimate)(const Contraction &, const Chip &,
                                              ScheduleAttr, int64_t)) {
    auto chooseFor = [&](int64_t m) { return choose(c, chip, m); };
    auto estimateFor = [&](ScheduleAttr schedule, int64_t m) {
      return estimate(c, chip, schedule, m);
    };
    for (ScheduleAttr schedule : divideRows(rows, {chooseFor, estimateFor}))
      append(schedules, schedule);
  }

  /// The part of mma_stream's time that wgmma_decode may take, by the models;
  /// 0 where these do not compare: with zero points, and of other groups.
  static double getDecodePart(const Contraction &c) {
    unsigned width = c.encoding.getStorageBits();
    if (c.encoding.hasZeroPoint() || c.k % kModelledColumns)
      return 0;
    if (width == 4 && mustScaleSums(c))
      return kDecodePartOfSums;
    if (getPairTableBytes(c))
      return c.getGroup() >= 32 ? kDecodePartOfTable : 0;
    if (width < 4)
      return 16 % width && c.getGroup() >= 128 ? kDecodePart : 0;
    if (width == 8)
      return c.hasOneGroup() ? kDecodePartOfBytes : 0;
    bool isPlain = width == 4 && isa<IntegerType>(c.encoding.getStorage()) &&
                   !c.hasOneGroup() && !c.scalesDecoded();
    // Sums of groups of 32, which f16 has, take longer than the model says.
    constexpr int64_t fewColumns = 32;
    if (isPlain && c.lhsElement.isF16() && c.getGroup() <= fewColumns)
      return kDecodePartOfManySums;
    return isPlain ? kDecodePartOfInteger : 0;
  }

  /// Whether wgmma_decode takes rows from `kDecodeFewRows` on of weights that
  /// mma_stream has no model for. Of 42 lines of 14 formats at three shapes and
  /// 16 rows, those that this picks took 4 to 44 % less.
  static bool decodesUnmodelled(const Contraction &c, const Chip &chip) {
    if (hasStreamModel(c))
      return false;
    // The fastest of several streams keeps up with it for larger layers.
    constexpr int64_t large = 2 * 4096 * 4096, manyRows = 16;
    bool competes = hasCompetingStreams(c, chip, manyRows);
    bool isLarge = c.n * c.k > (competes ? 2 : 1) * large;
    switch (c.encoding.getStorageBits()) {
    case 8:
      return c.encoding.hasZeroPoint() || isLarge;
    case 4:
      return (c.hasOneGroup() && isLarge) ||
             (c.scalesDecoded() && getPairTableBytes(c) &&
              decodesSmallGroups(c, chip));
    default:
      return !competes || isLarge;
    }
  }

  /// What mma.sync can compute, and wgmma with decoded weights where it is
  /// there and can.
  void chooseTensorCores(const Contraction &contraction, const Chip &target,
                         SmallVectorImpl<ScheduleAttr> &schedules) {
    auto canUse = [&](KernelFamily family) {
      return whyNotFamily(*lookupFamily(family), contraction, target).empty();
    };
    bool isDynamic = ShapedType::isDynamic(contraction.m);
    // Codes that straddle words or are looked up take longer to decode than to
    // read, and stream no faster with 16 rows than a block of wgmma goes
    // through them, which reads activations once for more weights. So do others
    // where these blocks fill the SMs, and there is much for each.
    auto chooseFew = [&](const Contraction &c, const Chip &chip,
                         int64_t bound) {
      ScheduleAttr stream = chooseMmaStream(c, chip, bound);
      int64_t rows = bound ? bound : c.m;
      double part = getDecodePart(c);
      bool decodes = decodesUnmodelled(c, chip);
      if ((part == 0 && !decodes) || rows < kDecodeFewRows ||
          !canUse(KernelFamily::WgmmaDecode))
        return stream;
      ScheduleAttr decode = chooseWgmmaDecode(c, chip, bound);
      if (decodes)
        return decode;
      double cycles = estimateWgmmaDecode(c, chip, decode, rows);
      return cycles / kDecodeCyclesPerMicrosecond <
                     part * estimateMmaStream(c, chip, stream)
                 ? decode
                 : stream;
    };
    auto choose = [&](ArrayRef<int64_t> bounds, auto family) {
      if (isDynamic)
        for (int64_t bound : bounds)
          append(schedules, family(contraction, target, bound));
    };
    if (canUse(KernelFamily::MmaStream)) {
      if (!isDynamic && contraction.m <= ArrayRef(kStreamBounds).back()) {
        schedules.push_back(chooseFew(contraction, target, 0));
        return;
      }
      choose(kStreamBounds, chooseFew);
    }
    if (canUse(KernelFamily::WgmmaDecode)) {
      if (isDynamic)
        appendRanges(schedules, contraction, target, getDecodeRowEnds(),
                     chooseWgmmaDecode, estimateWgmmaDecode);
      append(schedules, chooseWgmmaDecode(contraction, target, 0));
      return;
    }
    choose(kRowBounds, chooseMmaSync);
    append(schedules, chooseMmaSync(contraction, target, 0));
  }

  /// What wgmma computes of operands in shared memory.
  void chooseWgmmaRanges(const Contraction &contraction, const Chip &target,
                         SmallVectorImpl<ScheduleAttr> &schedules) {
    if (ShapedType::isDynamic(contraction.m))
      appendRanges(schedules, contraction, target, kWgmmaRowEnds, chooseWgmma,
                   estimateWgmma);
    append(schedules, chooseWgmma(contraction, target, 0));
  }

  LogicalResult select(ScaledMatmulOp op, const Chip &target) {
    Contraction contraction = Contraction::get(op, fastAccumulation);
    auto whyNot = [&](KernelFamily family) {
      return whyNotFamily(*lookupFamily(family), contraction, target);
    };
    std::string noMma = whyNot(KernelFamily::MmaSync);
    std::string noWgmma = whyNot(KernelFamily::Wgmma);
    // A model has few shapes and many layers of each.
    SmallVector<ScheduleAttr> &schedules = chosen[contraction.getKey()];
    bool isKnown = !schedules.empty();
    if (noWgmma.empty()) {
      if (!isKnown)
        chooseWgmmaRanges(contraction, target, schedules);
    } else if (noMma.empty()) {
      if (target.hasWgmma && !contraction.encoding)
        remarkMissed(op, "not scheduled wgmma", noWgmma);
      // Few rows are rather for mma_stream.
      if (target.hasWgmma && contraction.encoding &&
          (ShapedType::isDynamic(contraction.m) ||
           contraction.m > std::end(kStreamBounds)[-1]))
        remarkMissed(op, "not scheduled wgmma_decode",
                     whyNot(KernelFamily::WgmmaDecode));
      if (!isKnown) {
        chooseTensorCores(contraction, target, schedules);
        // Scales and zero points of many groups may be more than any tile
        // leaves registers for.
        for (ScheduleAttr schedule : schedules)
          if (std::string why = whyNotSchedule(contraction, target, schedule);
              !why.empty() && whyNot(KernelFamily::Reduce).empty()) {
            remarkMissed(op, "not scheduled on tensor cores", why);
            schedules = {chooseReduce(contraction, target, 0)};
            break;
          }
      }
    } else if (whyNot(KernelFamily::Reduce).empty()) {
      // For one row it reads the weights once, for each further row again.
      if (contraction.m != 1)
        remarkMissed(op, "not scheduled on tensor cores", noMma);
      if (!isKnown)
        schedules.push_back(chooseReduce(contraction, target, 0));
    } else {
      // Shapes that only loops take are no reason to refuse what they decode.
      bool isShape =
          !whyNotShape(contraction).empty() &&
          (!contraction.encoding || whyNoDecode(contraction).empty());
      if (contraction.encoding && !allowPlain && !isShape)
        return op.emitOpError() << "has no kernel: " << noMma;
      remarkMissed(op, "scheduled plain",
                   contraction.isBlockScaled() ? noWgmma : noMma);
      if (!isKnown)
        schedules.push_back(
            ScheduleAttr::get(&getContext(), KernelFamily::Plain,
                              StringAttr::get(&getContext(), target.name), {},
                              {}, 0, 16, 1, {}, 0, {}, false, 1));
    }
    for (ScheduleAttr schedule : schedules) {
      if (schedule.getFamily() == KernelFamily::Plain)
        continue;
      remark::passed(op.getLoc(), remarkOptions(op)) << remark::add(
          "scheduled {0} with tile {1}x{2}x{3}",
          stringifyKernelFamily(schedule.getFamily()), schedule.getTileM(),
          schedule.getTileN(), schedule.getTileK());
    }
    setSchedules(op, schedules);
    return success();
  }

  /// The schedules of each contraction so far.
  llvm::DenseMap<decltype(std::declval<Contraction>().getKey()),
                 SmallVector<ScheduleAttr>>
      chosen;
};

} // namespace
