//===- SmoothActivations.cpp - The pass that smooths activations ----------===//

#include "PassOptions.h"
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
  auto list = readOverrides(getOperation(), overrides);
  if (failed(list))
    return failure();
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
  auto read = takeOption(getOperation(), Statistics::read(stats));
  if (failed(read))
    return failure();
  statistics = std::move(*read);
  smoothOptions.statistics = &*statistics;
  if (!smoothedStats.empty())
    smoothed = statistics;
  if (search.empty())
    return success();
  auto scheme = takeOption(getOperation(), Scheme::parse(search));
  if (failed(scheme))
    return failure();
  if (!scheme->weights)
    return fail() << "search=" << search << " quantizes nothing";
  smoothOptions.search = *scheme;
  auto known = takeOption(getOperation(), WeightValues::read(values));
  if (failed(known))
    return failure();
  weightValues = std::move(*known);
  smoothOptions.values = &*weightValues;
  return success();
}
