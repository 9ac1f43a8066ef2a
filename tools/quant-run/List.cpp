//===- List.cpp - What an artifact holds, as a table ----------------------===//

#include "QuantRun.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace quantmlir;
using namespace quantmlir::run;

static std::string printExtent(const uint32_t (&extent)[3]) {
  return std::to_string(extent[0]) + "x" + std::to_string(extent[1]) + "x" +
         std::to_string(extent[2]);
}

static llvm::Error listBuffers(const QuantmlirRtArtifact *artifact,
                               size_t function, size_t numBuffers) {
  llvm::raw_ostream &os = llvm::outs();
  for (size_t i = 0; i < numBuffers; ++i) {
    QuantmlirRtBufferInfo info;
    if (llvm::Error error = check(
            quantmlirRtArtifactGetBufferInfo(artifact, function, i, &info)))
      return error;
    std::vector<int64_t> shape(info.rank);
    if (llvm::Error error = check(quantmlirRtArtifactGetBufferShape(
            artifact, function, i, shape.data(), shape.size())))
      return error;
    std::string type, bytes = "?";
    int64_t product = info.elementBytes;
    for (int64_t size : shape) {
      type += (size < 0 ? "?" : std::to_string(size)) + "x";
      if (product >= 0 &&
          (size < 0 || __builtin_mul_overflow(product, size, &product)))
        product = -1;
    }
    if (product >= 0)
      bytes = std::to_string(product);
    os << llvm::formatv("  {0,-10} {1,-24} {2,-24} {3,14} bytes\n",
                        quantmlirRtRoleName(info.role), info.name,
                        type + info.element, bytes);
  }
  return llvm::Error::success();
}

static llvm::Error listFunction(const QuantmlirRtArtifact *artifact,
                                size_t function) {
  llvm::raw_ostream &os = llvm::outs();
  QuantmlirRtFunctionInfo info;
  if (llvm::Error error =
          check(quantmlirRtArtifactGetFunctionInfo(artifact, function, &info)))
    return error;
  os << "\nfunction " << info.name;
  if (info.prepare >= 0) {
    QuantmlirRtFunctionInfo prepare;
    if (llvm::Error error = check(quantmlirRtArtifactGetFunctionInfo(
            artifact, info.prepare, &prepare)))
      return error;
    os << " (prepared by " << prepare.name << ")";
  }
  os << '\n';
  if (llvm::Error error = listBuffers(artifact, function, info.numBuffers))
    return error;
  for (size_t i = 0; i < info.numSteps; ++i) {
    QuantmlirRtStepInfo step;
    QuantmlirRtKernelInfo kernel;
    if (llvm::Error error =
            check(quantmlirRtArtifactGetStepInfo(artifact, function, i, &step)))
      return error;
    if (llvm::Error error = check(
            quantmlirRtArtifactGetKernelInfo(artifact, step.kernel, &kernel)))
      return error;
    os << "  launch     " << kernel.name
       << (step.conditional ? " (conditional)" : "") << '\n';
  }
  return llvm::Error::success();
}

llvm::Error quantmlir::run::list(const QuantmlirRtArtifact *artifact,
                                 std::optional<size_t> function) {
  llvm::raw_ostream &os = llvm::outs();
  os << "artifact for " << quantmlirRtArtifactGetChip(artifact);
  llvm::StringRef producer = quantmlirRtArtifactGetProducer(artifact);
  if (!producer.empty())
    os << ", made by " << producer;
  os << '\n';
  if (function)
    return listFunction(artifact, *function);
  for (size_t i = 0; i < quantmlirRtArtifactGetNumFunctions(artifact); ++i)
    if (llvm::Error error = listFunction(artifact, i))
      return error;
  size_t numKernels = quantmlirRtArtifactGetNumKernels(artifact);
  if (numKernels == 0)
    return llvm::Error::success();
  os << llvm::formatv("\n{0,-40} {1,-12} {2,-8} {3,14} {4,10}\n", "kernel",
                      "block", "cluster", "shared (dyn.)", "parameters");
  for (size_t i = 0; i < numKernels; ++i) {
    QuantmlirRtKernelInfo info;
    if (llvm::Error error =
            check(quantmlirRtArtifactGetKernelInfo(artifact, i, &info)))
      return error;
    os << llvm::formatv("{0,-40} {1,-12} {2,-8} {3,14} {4,10}\n", info.name,
                        printExtent(info.block), printExtent(info.cluster),
                        info.dynamicSharedMemory, info.numParameters);
  }
  return llvm::Error::success();
}
