//===- SmoothActivations.cpp - The pass that smooths activations ----------===//

#include "quantmlir/Calibration/Passes.h"
#include "quantmlir/Calibration/Smoothing.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace quantmlir::calibration {
#define GEN_PASS_DEF_SMOOTHACTIVATIONS
#include "quantmlir/Calibration/Passes.h.inc"
} // namespace quantmlir::calibration

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::calibration;

static constexpr StringRef passName = "quant-tensor-smooth-activations";

namespace {

struct SmoothActivations
    : quantmlir::calibration::impl::SmoothActivationsBase<SmoothActivations> {
  using SmoothActivationsBase::SmoothActivationsBase;

  void runOnOperation() override {
    if (failed(readOptions()) ||
        failed(smoothActivations(getOperation(), smoothOptions, passName,
                                 smoothed ? &*smoothed : nullptr)))
      return signalPassFailure();
    if (!smoothed)
      return;
    if (llvm::Error error = smoothed->write(smoothedStats)) {
      fail() << llvm::toString(std::move(error));
      signalPassFailure();
    }
  }

private:
  InFlightDiagnostic fail() { return emitError(getOperation().getLoc()); }
  LogicalResult readOptions();

  SmoothOptions smoothOptions;
  std::optional<Statistics> statistics, smoothed;
  std::optional<WeightValues> weightValues;
  io::ArrayMap given;
};

} // namespace

LogicalResult SmoothActivations::readOptions() {
  if (stats.empty() == scales.empty())
    return fail() << "smooth-activations takes stats=file or scales=file";
  if (!(alpha >= 0 && alpha <= 1))
    return fail() << "alpha = " << alpha << " is not in [0, 1]";
  smoothOptions.alpha = alpha;
  smoothOptions.fold = fold;
  auto list = parseOverrides(overrides);
  if (!list)
    return fail() << llvm::toString(list.takeError());
  smoothOptions.overrides = *list;
  if (stats.empty()) {
    if (!search.empty() || !smoothedStats.empty())
      return fail() << "search and smoothed-stats go with stats=file";
    std::string error;
    if (!io::readArrays(scales, given, error))
      return fail() << error;
    smoothOptions.scales = &given;
    smoothOptions.scalesPath = scales;
    return success();
  }
  llvm::Expected<Statistics> read = Statistics::read(stats);
  if (!read)
    return fail() << llvm::toString(read.takeError());
  statistics = std::move(*read);
  smoothOptions.statistics = &*statistics;
  if (!smoothedStats.empty())
    smoothed = statistics;
  if (search.empty())
    return success();
  llvm::Expected<Scheme> scheme = Scheme::parse(search);
  if (!scheme)
    return fail() << llvm::toString(scheme.takeError());
  if (!scheme->weights)
    return fail() << "search=" << search << " quantizes nothing";
  smoothOptions.search = *scheme;
  llvm::Expected<WeightValues> known = WeightValues::read(values);
  if (!known)
    return fail() << llvm::toString(known.takeError());
  weightValues = std::move(*known);
  smoothOptions.values = &*weightValues;
  return success();
}
