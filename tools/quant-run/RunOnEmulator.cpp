//===- RunOnEmulator.cpp - Runs the kernels without a GPU -----------------===//

#include "QuantRun.h"

#include "llvm/Support/DynamicLibrary.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cstdlib>

using namespace quantmlir::run;

llvm::Expected<EmulatorLibrary>
EmulatorLibrary::open(const QuantmlirRtArtifact *artifact,
                      llvm::StringRef program) {
  const char *kernels = quantmlirRtArtifactGetKernelsIRPath(artifact);
  if (!kernels)
    return makeError("the artifact holds no kernels as MLIR, which the "
                     "emulator needs");
  // It is a driver like CUDA's, beside this program: ../lib from here.
  static int here;
  llvm::SmallString<128> path(
      llvm::sys::fs::getMainExecutable(program.str().c_str(), &here));
  llvm::sys::path::remove_filename(path);
  llvm::sys::path::append(path, "..", "lib", "libquantmlir_emulator_driver.so");
  if (!llvm::sys::fs::exists(path))
    return makeError("there is no emulator at " + path);
  setenv("QUANTMLIR_LIBCUDA", path.c_str(), /*overwrite=*/1);
  setenv("QUANTMLIR_EMULATOR_KERNELS", kernels, /*overwrite=*/1);
  std::string why;
  auto opened =
      llvm::sys::DynamicLibrary::getPermanentLibrary(path.c_str(), &why);
  if (!opened.isValid())
    return makeError("cannot open " + path + ": " + why);
  EmulatorLibrary library;
  auto find = [&](auto &function, const char *name) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(
        opened.getAddressOfSymbol(name));
    return function != nullptr;
  };
  if (!find(library.setMaxSteps, "quantmlirEmulatorSetMaxSteps") ||
      !find(library.describeBuffer, "quantmlirEmulatorDescribeBuffer") ||
      !find(library.setObserver, "quantmlirEmulatorSetObserver") ||
      !find(library.setProfile, "quantmlirEmulatorSetProfile") ||
      !find(library.writeProfile, "quantmlirEmulatorWriteProfile"))
    return makeError(path + " is of another version");
  return library;
}

static QuantmlirEmulatorRole getRole(QuantmlirRtRole role) {
  switch (role) {
  case QUANTMLIR_RT_INPUT:
    return QUANTMLIR_EMULATOR_INPUT;
  case QUANTMLIR_RT_WEIGHT:
    return QUANTMLIR_EMULATOR_CONSTANT;
  case QUANTMLIR_RT_OUTPUT:
    return QUANTMLIR_EMULATOR_OUTPUT;
  default:
    return QUANTMLIR_EMULATOR_TEMPORARY;
  }
}

llvm::Expected<Outcome>
quantmlir::run::runOnEmulator(const QuantmlirRtArtifact *artifact,
                              size_t function, Inputs &inputs,
                              const Options &options) {
  auto library = EmulatorLibrary::open(artifact, "quant-run");
  if (!library)
    return library.takeError();
  if (options.maxSteps)
    library->setMaxSteps(options.maxSteps);
  Options emulated = options;
  emulated.describeBuffer = [&](QuantmlirRtBuffer buffer,
                                const QuantmlirRtBufferInfo &info) {
    library->describeBuffer(buffer.address, info.name, getRole(info.role),
                            info.elementBytes);
  };
  bool profiles = options.profile || !options.profileJson.empty();
  library->setProfile(profiles);
  auto outcome = runOnCuda(artifact, function, inputs, emulated);
  if (!outcome || !profiles)
    return outcome;
  const char *json =
      options.profileJson.empty() ? nullptr : options.profileJson.c_str();
  if (!library->writeProfile(options.profile, json))
    return makeError("cannot write '" + options.profileJson + "'");
  return outcome;
}
