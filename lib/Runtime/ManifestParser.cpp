//===- ManifestParser.cpp - Header, files, kernels, expressions -----------===//

#include "ManifestParser.h"
#include "Checked.h"

#include <algorithm>
#include <cstring>
#include <set>

using namespace quantmlir::runtime;

/// Bounds that no real artifact comes near; they keep a hostile one from using
/// much time or memory.
static constexpr size_t maxKernels = 1 << 16;
static constexpr size_t maxImages = 16;
static constexpr int64_t maxFileBytes = int64_t(1) << 31;

const ElementType *quantmlir::runtime::findElementType(std::string_view name) {
  // The third field is CUtensorMapDataType. Bytes of codes travel as UINT8.
  static constexpr ElementType table[] = {
      {"i1", 1, -1},    {"i8", 1, 0},        {"ui8", 1, 0},  {"f8E4M3FN", 1, 0},
      {"f8E5M2", 1, 0}, {"f8E8M0FNU", 1, 0}, {"i16", 2, 1},  {"ui16", 2, 1},
      {"f16", 2, 6},    {"bf16", 2, 9},      {"i32", 4, 3},  {"ui32", 4, 2},
      {"f32", 4, 7},    {"i64", 8, 5},       {"ui64", 8, 4}, {"f64", 8, 8}};
  for (const ElementType &type : table)
    if (type.name == name)
      return &type;
  return nullptr;
}

const char *quantmlir::runtime::getParameterKindName(ParameterKind kind) {
  switch (kind) {
  case ParameterKind::Pointer:
    return "pointer";
  case ParameterKind::I32:
    return "i32";
  case ParameterKind::I64:
    return "i64";
  case ParameterKind::TensorMap:
    return "tensor_map";
  }
  return "?";
}

uint32_t quantmlir::runtime::getParameterBytes(ParameterKind kind) {
  switch (kind) {
  case ParameterKind::I32:
    return 4;
  case ParameterKind::Pointer:
  case ParameterKind::I64:
    return 8;
  case ParameterKind::TensorMap:
    return 128;
  }
  return 0;
}

uint32_t quantmlir::runtime::getParameterAlignment(ParameterKind kind) {
  return kind == ParameterKind::TensorMap ? 64 : getParameterBytes(kind);
}

bool ManifestParser::parse(const Json &root) {
  Path path;
  return parseHeader(root, path) &&
         parseImages(root["images"], Path(path, "images")) &&
         parseKernels(root["kernels"], Path(path, "kernels")) &&
         parseFunctions(root["functions"], Path(path, "functions"));
}

bool ManifestParser::parseHeader(const Json &root, const Path &path) {
  // Format and version come first: what the rest means depends on them.
  if (!root.is_object() || !root.contains("format") ||
      root["format"] != "quantmlir-artifact")
    return fail(path, "not the manifest of a quant-mlir artifact");
  if (!root.contains("version") || !root["version"].is_number_integer())
    return fail(path, "missing or invalid field 'version'");
  if (root["version"] != 1)
    return failUnsupported(path, "manifest version ", root["version"].dump(),
                           "; this runtime reads version 1");
  if (!object(root, path,
              {"format", "version", "chip", "images", "kernels", "functions"},
              {"producer", "reference", "kernels_ir", "constants"}) ||
      !name(root["chip"], Path(path, "chip"), manifest.chip))
    return false;
  if (root.contains("producer") &&
      !text(root["producer"], Path(path, "producer"), manifest.producer))
    return false;
  const std::string &chip = manifest.chip;
  bool isChip = chip.size() >= 5 && chip.compare(0, 3, "sm_") == 0 &&
                std::all_of(chip.begin() + 3, chip.end() - 1,
                            [](char c) { return c >= '0' && c <= '9'; }) &&
                (std::isdigit(static_cast<unsigned char>(chip.back())) ||
                 chip.back() == 'a' || chip.back() == 'f') &&
                chip.size() <= 8;
  if (!isChip)
    return fail(Path(path, "chip"), "expected a chip such as sm_90a, got '",
                chip, "'");
  auto optionalFile = [&](const char *field, std::optional<FileEntry> &entry) {
    if (!root.contains(field))
      return true;
    entry.emplace();
    Path filePath(path, field);
    return object(root[field], filePath, {"file", "bytes", "crc32"}) &&
           parseFile(root[field], filePath, *entry);
  };
  return optionalFile("reference", manifest.reference) &&
         optionalFile("kernels_ir", manifest.kernelsIR) &&
         optionalFile("constants", manifest.constants);
}

bool ManifestParser::parseFile(const Json &json, const Path &path,
                               FileEntry &entry) {
  int64_t bytes = 0;
  std::string checksum;
  if (!name(json["file"], Path(path, "file"), entry.file) ||
      !integer(json["bytes"], Path(path, "bytes"), 1, maxFileBytes, bytes) ||
      !name(json["crc32"], Path(path, "crc32"), checksum))
    return false;
  // The artifact is a directory without folders: nothing outside it is read.
  if (entry.file.find('/') != std::string::npos ||
      entry.file.find('\\') != std::string::npos || entry.file[0] == '.')
    return fail(Path(path, "file"), "'", entry.file,
                "' is not a plain file name");
  bool isHex = checksum.size() == 8 &&
               std::all_of(checksum.begin(), checksum.end(), [](char c) {
                 return std::isxdigit(static_cast<unsigned char>(c));
               });
  if (!isHex)
    return fail(Path(path, "crc32"), "expected 8 hexadecimal digits");
  entry.bytes = static_cast<uint64_t>(bytes);
  entry.crc32 =
      static_cast<uint32_t>(std::strtoul(checksum.c_str(), nullptr, 16));
  return true;
}

bool ManifestParser::parseImages(const Json &json, const Path &path) {
  if (!array(json, path, maxImages))
    return false;
  for (size_t i = 0; i < json.size(); ++i) {
    const Json &entry = json[i];
    Path entryPath(path, i);
    Image image;
    if (!object(entry, entryPath, {"kind", "file", "bytes", "crc32"}) ||
        !parseFile(entry, entryPath, image))
      return false;
    if (entry["kind"] == "ptx")
      image.kind = ImageKind::PTX;
    else if (entry["kind"] == "cubin")
      image.kind = ImageKind::Cubin;
    else
      return fail(Path(entryPath, "kind"), "expected \"ptx\" or \"cubin\"");
    for (const Image &other : manifest.images)
      if (other.kind == image.kind)
        return fail(Path(entryPath, "kind"), "a second image of this kind");
    manifest.images.push_back(std::move(image));
  }
  return true;
}

bool ManifestParser::parseKernels(const Json &json, const Path &path) {
  if (!array(json, path, maxKernels))
    return false;
  manifest.kernels.reserve(json.size());
  for (size_t i = 0; i < json.size(); ++i) {
    Kernel kernel;
    if (!parseKernel(json[i], Path(path, i), kernel))
      return false;
    if (!kernelNames.insert(kernel.name))
      return fail(Path(path, i), "a second kernel named '", kernel.name, "'");
    manifest.kernels.push_back(std::move(kernel));
  }
  bool hasPTX = std::any_of(
      manifest.images.begin(), manifest.images.end(),
      [](const Image &image) { return image.kind == ImageKind::PTX; });
  if (!manifest.kernels.empty() && !hasPTX)
    return fail(path, "there are kernels but no PTX image");
  return true;
}

/// A name that PTX accepts as an identifier.
static bool isPTXIdentifier(const std::string &name) {
  auto isTail = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$';
  };
  char first = name[0];
  return (std::isalpha(static_cast<unsigned char>(first)) || first == '_' ||
          first == '$' || first == '%') &&
         std::all_of(name.begin() + 1, name.end(), isTail);
}

bool ManifestParser::parseKernel(const Json &json, const Path &path,
                                 Kernel &kernel) {
  if (!object(json, path, {"name", "block", "parameters"},
              {"cluster", "dynamic_shared_memory", "dependent_launch",
               "contract"}) ||
      !name(json["name"], Path(path, "name"), kernel.name))
    return false;
  if (!isPTXIdentifier(kernel.name))
    return fail(Path(path, "name"), "'", kernel.name,
                "' is not a PTX identifier");

  auto parseExtent = [&](std::string_view field, const uint32_t (&limits)[3],
                         uint32_t maxProduct, uint32_t (&extent)[3]) {
    Path fieldPath(path, field);
    const Json &list = json[field];
    if (!array(list, fieldPath, 3, 3))
      return false;
    for (size_t i = 0; i < 3; ++i)
      if (!unsigned32(list[i], Path(fieldPath, i), 1, limits[i], extent[i]))
        return false;
    uint64_t product = uint64_t(extent[0]) * extent[1] * extent[2];
    if (product > maxProduct)
      return fail(fieldPath, product, " in all; at most ", maxProduct,
                  " are possible");
    return true;
  };
  // CUDA's limits for every compute capability: threads of a block, and blocks
  // of a (non-portable) cluster.
  static constexpr uint32_t blockLimits[3] = {1024, 1024, 64};
  static constexpr uint32_t clusterLimits[3] = {16, 16, 16};
  if (!parseExtent("block", blockLimits, 1024, kernel.block))
    return false;
  if (json.contains("cluster") &&
      !parseExtent("cluster", clusterLimits, 16, kernel.cluster))
    return false;
  if (json.contains("dynamic_shared_memory") &&
      !unsigned32(json["dynamic_shared_memory"],
                  Path(path, "dynamic_shared_memory"), 0, 1 << 20,
                  kernel.dynamicSharedMemory))
    return false;
  if (json.contains("dependent_launch") &&
      !boolean(json["dependent_launch"], Path(path, "dependent_launch"),
               kernel.dependentLaunch))
    return false;
  if (json.contains("contract")) {
    const Json &contract = json["contract"];
    Path contractPath(path, "contract");
    if (!object(contract, contractPath, {"u_acc", "u_decode", "offset"}) ||
        !magnitude(contract["u_acc"], Path(contractPath, "u_acc"),
                   kernel.uAcc) ||
        !magnitude(contract["u_decode"], Path(contractPath, "u_decode"),
                   kernel.uDecode) ||
        !magnitude(contract["offset"], Path(contractPath, "offset"),
                   kernel.offset))
      return false;
  }

  Path listPath(path, "parameters");
  const Json &list = json["parameters"];
  if (!array(list, listPath, Kernel::maxParameters))
    return false;
  uint64_t bytes = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    std::optional<ParameterKind> kind;
    for (ParameterKind candidate :
         {ParameterKind::Pointer, ParameterKind::I32, ParameterKind::I64,
          ParameterKind::TensorMap})
      if (list[i] == getParameterKindName(candidate))
        kind = candidate;
    if (!kind)
      return fail(Path(listPath, i),
                  "expected \"pointer\", \"i32\", \"i64\" or \"tensor_map\"");
    uint32_t alignment = getParameterAlignment(*kind);
    bytes = (bytes + alignment - 1) / alignment * alignment +
            getParameterBytes(*kind);
    kernel.parameters.push_back(*kind);
  }
  if (bytes > Kernel::maxParameterBytes)
    return fail(listPath, bytes, " bytes of parameters; at most ",
                Kernel::maxParameterBytes, " are possible");
  return true;
}

bool ManifestParser::parseExpression(const Json &json, const Path &path,
                                     const NameTable &dims,
                                     Expression &expression) {
  expression = Expression();
  return parseExpressionNode(json, path, dims, 0, expression);
}

bool ManifestParser::parseExpressionNode(const Json &json, const Path &path,
                                         const NameTable &dims, unsigned depth,
                                         Expression &expression) {
  if (depth >= Expression::maxDepth)
    return fail(path, "expression nested deeper than ", Expression::maxDepth,
                " levels");
  if (expression.size() >= Expression::maxNodes)
    return fail(path, "expression with more than ", Expression::maxNodes,
                " parts");
  if (json.is_number()) {
    int64_t value;
    if (!integer(json, path, INT64_MIN, INT64_MAX, value))
      return false;
    expression.appendConstant(value);
    return true;
  }
  if (json.is_string()) {
    const std::string &dim = json.get_ref<const std::string &>();
    std::optional<uint32_t> index = dims.lookup(dim);
    if (!index)
      return fail(path, "unknown dimension '", dim, "'");
    expression.appendDim(*index);
    return true;
  }
  if (!json.is_array() || json.empty() || !json[0].is_string())
    return fail(path, "expected an integer, a dimension's name or [operator, "
                      "operands...]");
  const std::string &spelling = json[0].get_ref<const std::string &>();
  std::optional<Expression::Op> op = Expression::parseOp(spelling);
  if (!op)
    return fail(path, "unknown operator '", spelling, "'");
  unsigned numOperands = Expression::getNumOperands(*op);
  if (json.size() != numOperands + 1)
    return fail(path, "'", spelling, "' takes ", numOperands,
                " operand(s), got ", json.size() - 1);
  for (unsigned i = 1; i <= numOperands; ++i)
    if (!parseExpressionNode(json[i], Path(path, i), dims, depth + 1,
                             expression))
      return false;
  expression.appendOp(*op);
  return true;
}

Status quantmlir::runtime::parseManifest(std::string_view json,
                                         Manifest &manifest) {
  Json document;
  if (Status status = parseJson(json, document); !status.ok())
    return status;
  Manifest result;
  ManifestParser parser(result);
  if (!parser.parse(document))
    return parser.takeStatus();
  manifest = std::move(result);
  return Status();
}

Status quantmlir::runtime::parseExpression(std::string_view json,
                                           const std::vector<std::string> &dims,
                                           Expression &expression) {
  Json document;
  if (Status status = parseJson(json, document); !status.ok())
    return status;
  NameTable names;
  for (const std::string &dim : dims)
    if (!names.insert(dim))
      return invalidArgument("two dimensions named '", dim, "'");
  Manifest unused;
  ManifestParser parser(unused);
  if (!parser.parseExpression(document, Path(), names, expression))
    return parser.takeStatus();
  return Status();
}
