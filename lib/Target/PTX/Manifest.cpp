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

FailureOr<std::string>
quantmlir::buildManifest(ModuleOp module, const ManifestOptions &options) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream, /*IndentSize=*/2);
  KernelEntries kernels;
  LogicalResult result = success();
  json.object([&] {
    json.attribute("chip", options.chip);
    if (options.constants)
      json.attribute("constants", describeFile(*options.constants));
    json.attribute("format", "quantmlir-artifact");
    json.attributeArray("functions", [&] {
      for (auto func : module.getOps<func::FuncOp>())
        if (succeeded(result) && !func.isExternal())
          result = HostFunction(func, kernels).emit(json);
    });
    json.attributeArray("images", [&] {
      for (const ArtifactFile &image : options.images)
        json.value(describeFile(image));
    });
    json.attributeArray("kernels", [&] {
      for (auto &[name, entry] : kernels)
        json.value(llvm::json::Object(entry));
    });
    if (options.kernelsIR)
      json.attribute("kernels_ir", describeFile(*options.kernelsIR));
    json.attribute("producer", "quant-mlir " QUANTMLIR_VERSION);
    if (options.reference)
      json.attribute("reference", describeFile(*options.reference));
    json.attribute("version", 1);
  });
  stream << '\n';
  if (failed(result))
    return failure();
  return text;
}
