//===- Calibration.cpp - Calibrate and quantize models --------------------===//

#include "quantmlir-c/Calibration.h"

#include "Support.h"
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Wrap.h"
#include "mlir/Pass/PassManager.h"
#include "quantmlir/Calibration/Calibrator.h"
#include "quantmlir/Calibration/Passes.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace quantmlir;
using calibration::Calibrator;
using calibration::Statistics;
using capi::Reporter;

DEFINE_C_API_PTR_METHODS(QuantmlirCalibrator,
                         quantmlir::calibration::Calibrator)

static MlirLogicalResult runPass(MlirModule module,
                                 std::unique_ptr<mlir::Pass> pass) {
  mlir::ModuleOp op = unwrap(module);
  mlir::PassManager pm(op->getName());
  pm.addPass(std::move(pass));
  return wrap(pm.run(op));
}

static void set(std::string &option, MlirStringRef text) {
  if (text.data)
    option = unwrap(text).str();
}

MlirLogicalResult quantmlirInsertObservers(MlirModule module,
                                           QuantmlirQuantizeOptions options,
                                           MlirStringRef kinds, bool weights) {
  calibration::InsertObserversOptions pass;
  set(pass.scheme, options.scheme);
  set(pass.overrides, options.overrides);
  pass.weights = weights;
  if (kinds.data) {
    llvm::SmallVector<llvm::StringRef> names;
    unwrap(kinds).split(names, ',');
    for (llvm::StringRef name : names)
      pass.kinds.push_back(name.trim().str());
  }
  return runPass(module, calibration::createInsertObservers(std::move(pass)));
}

MlirLogicalResult quantmlirQuantizeModel(MlirModule module,
                                         QuantmlirQuantizeOptions options) {
  calibration::QuantizeModelOptions pass;
  set(pass.scheme, options.scheme);
  set(pass.overrides, options.overrides);
  set(pass.stats, options.stats);
  set(pass.method, options.method);
  set(pass.weights, options.weights);
  set(pass.emit, options.emit);
  return runPass(module, calibration::createQuantizeModel(std::move(pass)));
}

QuantmlirCalibrator quantmlirCalibratorCreate(MlirStringRef module,
                                              MlirStringCallback onError,
                                              void *userData) {
  // The parser of text wants a terminating zero, which a MlirStringRef lacks.
  std::unique_ptr<llvm::MemoryBuffer> buffer =
      llvm::MemoryBuffer::getMemBufferCopy(unwrap(module), "module");
  auto calibrator = Reporter{onError, userData}.take(
      Calibrator::create(buffer->getMemBufferRef()));
  if (!calibrator)
    return {nullptr};
  return wrap(calibrator->release());
}

void quantmlirCalibratorDestroy(QuantmlirCalibrator calibrator) {
  delete unwrap(calibrator);
}

MlirLogicalResult
quantmlirCalibratorRun(QuantmlirCalibrator calibrator, MlirStringRef function,
                       intptr_t numInputs, const QuantmlirArray *inputs,
                       MlirStringCallback onError, void *userData) {
  return Reporter{onError, userData}.check(
      unwrap(calibrator)
          ->run(unwrap(function), capi::toViews(numInputs, inputs)));
}

MlirLogicalResult quantmlirCalibratorMerge(QuantmlirCalibrator calibrator,
                                           MlirStringRef path,
                                           MlirStringCallback onError,
                                           void *userData) {
  llvm::Expected<Statistics> other = Statistics::read(unwrap(path));
  return Reporter{onError, userData}.check(
      other ? unwrap(calibrator)->merge(*other) : other.takeError());
}

MlirLogicalResult quantmlirCalibratorWrite(QuantmlirCalibrator calibrator,
                                           MlirStringRef path,
                                           MlirStringCallback onError,
                                           void *userData) {
  return Reporter{onError, userData}.check(
      unwrap(calibrator)->getStatistics().write(unwrap(path)));
}
