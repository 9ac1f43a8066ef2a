//===- Manifest.cpp - The launch plan of a compiled module ----------------===//

#include "quantmlir/Target/PTX/Manifest.h"

#include "HostFunction.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace quantmlir;

/// What the manifest says of `file`.
static llvm::json::Object describeFile(const ArtifactFile &file) {
  uint32_t crc = llvm::crc32(llvm::arrayRefFromStringRef(file.contents));
  llvm::json::Object result{
      {"file", file.name},
      {"bytes", static_cast<int64_t>(file.contents.size())},
      {"crc32", llvm::formatv("{0:x-8}", crc).str()}};
  if (!file.kind.empty())
    result["kind"] = file.kind;
  return result;
}

FailureOr<llvm::json::Value>
quantmlir::buildManifest(ModuleOp module, const ManifestOptions &options) {
  KernelEntries kernels;
  llvm::json::Array functions;
  for (auto func : module.getOps<func::FuncOp>()) {
    if (func.isExternal())
      continue;
    FailureOr<llvm::json::Value> function = HostFunction(func, kernels).emit();
    if (failed(function))
      return failure();
    functions.push_back(std::move(*function));
  }
  llvm::json::Array images, kernelList;
  for (const ArtifactFile &image : options.images)
    images.push_back(describeFile(image));
  for (auto &[name, entry] : kernels)
    kernelList.push_back(llvm::json::Object(entry));
  llvm::json::Object manifest{
      {"format", "quantmlir-artifact"},
      {"version", 1},
      {"producer", "quant-mlir " QUANTMLIR_VERSION},
      {"chip", options.chip},
      {"images", std::move(images)},
      {"kernels", std::move(kernelList)},
      {"functions", std::move(functions)},
  };
  if (options.reference)
    manifest["reference"] = describeFile(*options.reference);
  if (options.kernelsIR)
    manifest["kernels_ir"] = describeFile(*options.kernelsIR);
  if (options.constants)
    manifest["constants"] = describeFile(*options.constants);
  return llvm::json::Value(std::move(manifest));
}
