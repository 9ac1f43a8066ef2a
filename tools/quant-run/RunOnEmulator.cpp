//===- RunOnEmulator.cpp - Runs the kernels without a GPU -----------------===//

#include "QuantRun.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cstdlib>

using namespace quantmlir::run;

llvm::Expected<Outcome>
quantmlir::run::runOnEmulator(const QuantmlirRtArtifact *artifact,
                              size_t function, Inputs &inputs,
                              const Options &options) {
  const char *kernels = quantmlirRtArtifactGetKernelsIRPath(artifact);
  if (!kernels)
    return makeError("the artifact holds no kernels as MLIR, which the "
                     "emulator needs");
  // It is a driver like CUDA's, beside this program: ../lib from here.
  static int here;
  llvm::SmallString<128> library(
      llvm::sys::fs::getMainExecutable("quant-run", &here));
  llvm::sys::path::remove_filename(library);
  llvm::sys::path::append(library, "..", "lib",
                          "libquantmlir_emulator_driver.so");
  if (!llvm::sys::fs::exists(library))
    return makeError("there is no emulator at " + library);
  setenv("QUANTMLIR_LIBCUDA", library.c_str(), /*overwrite=*/1);
  setenv("QUANTMLIR_EMULATOR_KERNELS", kernels, /*overwrite=*/1);
  return runOnCuda(artifact, function, inputs, options);
}
