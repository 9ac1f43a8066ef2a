//===- Formats.cpp - Names and shapes of checkpoint formats ---------------===//

#include "LayerTensors.h"

#include "llvm/ADT/StringSwitch.h"

#include <cmath>

using namespace quantmlir;
using namespace quantmlir::calibration;

llvm::Error quantmlir::calibration::makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

llvm::Expected<CheckpointFormat>
quantmlir::calibration::parseCheckpointFormat(llvm::StringRef text) {
  using Result = std::optional<CheckpointFormat>;
  Result format = llvm::StringSwitch<Result>(text)
                      .Cases({"gptq", "gptq_v1"}, CheckpointFormat::GPTQ)
                      .Case("gptq_v2", CheckpointFormat::GPTQv2)
                      .Case("awq", CheckpointFormat::AWQ)
                      .Case("pack-quantized", CheckpointFormat::PackQuantized)
                      .Case("naive-quantized", CheckpointFormat::NaiveQuantized)
                      .Case("float-quantized", CheckpointFormat::FloatQuantized)
                      .Default(std::nullopt);
  if (format)
    return *format;
  return makeError("'" + text +
                   "' is no format of checkpoints; there are gptq, gptq_v2, "
                   "awq, pack-quantized, naive-quantized and float-quantized");
}

llvm::StringRef quantmlir::calibration::getName(CheckpointFormat format) {
  switch (format) {
  case CheckpointFormat::GPTQ:
    return "gptq";
  case CheckpointFormat::GPTQv2:
    return "gptq_v2";
  case CheckpointFormat::AWQ:
    return "awq";
  case CheckpointFormat::PackQuantized:
    return "pack-quantized";
  case CheckpointFormat::NaiveQuantized:
    return "naive-quantized";
  case CheckpointFormat::FloatQuantized:
    return "float-quantized";
  }
  llvm_unreachable("all formats handled");
}

std::optional<CodePacking>
quantmlir::calibration::getCodePacking(CheckpointFormat format, unsigned bits) {
  switch (format) {
  case CheckpointFormat::GPTQ:
  case CheckpointFormat::GPTQv2:
    return CodePacking{bits, /*axis=*/1, /*transposed=*/true, {}};
  case CheckpointFormat::AWQ:
    return CodePacking{
        bits, /*axis=*/0, /*transposed=*/true, {0, 2, 4, 6, 1, 3, 5, 7}};
  case CheckpointFormat::PackQuantized:
    return CodePacking{bits, /*axis=*/1, /*transposed=*/false, {}};
  case CheckpointFormat::NaiveQuantized:
  case CheckpointFormat::FloatQuantized:
    return std::nullopt;
  }
  llvm_unreachable("all formats handled");
}

std::optional<CodePacking>
quantmlir::calibration::getZeroPointPacking(CheckpointFormat format,
                                            unsigned bits) {
  std::optional<CodePacking> packing = getCodePacking(format, bits);
  if (packing)
    packing->axis = 0;
  return packing;
}

llvm::StringRef
quantmlir::calibration::getMarkerSuffix(CheckpointFormat format) {
  switch (format) {
  case CheckpointFormat::GPTQ:
  case CheckpointFormat::GPTQv2:
  case CheckpointFormat::AWQ:
    return ".qweight";
  case CheckpointFormat::PackQuantized:
    return ".weight_packed";
  case CheckpointFormat::NaiveQuantized:
  case CheckpointFormat::FloatQuantized:
    return ".weight_scale";
  }
  llvm_unreachable("all formats handled");
}

llvm::ArrayRef<llvm::StringLiteral>
quantmlir::calibration::getSuffixes(CheckpointFormat format) {
  static constexpr llvm::StringLiteral words[] = {".qweight", ".qzeros",
                                                  ".scales", ".g_idx"};
  static constexpr llvm::StringLiteral packed[] = {
      ".weight_packed", ".weight_scale", ".weight_shape", ".weight_zero_point",
      ".weight_g_idx"};
  static constexpr llvm::StringLiteral plain[] = {
      ".weight", ".weight_scale", ".weight_zero_point", ".weight_g_idx"};
  switch (format) {
  case CheckpointFormat::GPTQ:
  case CheckpointFormat::GPTQv2:
  case CheckpointFormat::AWQ:
    return words;
  case CheckpointFormat::PackQuantized:
    return packed;
  case CheckpointFormat::NaiveQuantized:
  case CheckpointFormat::FloatQuantized:
    return plain;
  }
  llvm_unreachable("all formats handled");
}

llvm::Expected<LayerWeights>
quantmlir::calibration::readLayer(CheckpointFormat format,
                                  const io::ArrayMap &tensors, unsigned bits) {
  if (getMarkerSuffix(format) == ".qweight")
    return readWords(format, tensors, bits);
  return readCompressed(format, tensors, bits);
}

llvm::Expected<io::ArrayMap>
quantmlir::calibration::writeLayer(CheckpointFormat format,
                                   const LayerWeights &weights) {
  if (getMarkerSuffix(format) == ".qweight")
    return writeWords(format, weights);
  return writeCompressed(format, weights);
}

//===----------------------------------------------------------------------===//
// Checked tensors
//===----------------------------------------------------------------------===//

std::optional<ScaleKind>
quantmlir::calibration::getScaleKind(llvm::StringRef element) {
  return llvm::StringSwitch<std::optional<ScaleKind>>(element)
      .Case("f32", ScaleKind::F32)
      .Case("f16", ScaleKind::F16)
      .Case("bf16", ScaleKind::BF16)
      .Case("f8E8M0FNU", ScaleKind::E8M0)
      .Case("f8E4M3FN", ScaleKind::E4M3)
      .Default(std::nullopt);
}

llvm::Expected<const io::Array *> quantmlir::calibration::getMatrix(
    const io::ArrayMap &tensors, llvm::StringRef suffix,
    llvm::StringRef element, int64_t rows, int64_t columns) {
  auto it = tensors.find(suffix.str());
  if (it == tensors.end())
    return makeError("there is no '" + suffix + "'");
  const io::Array &array = it->second;
  bool fits = array.shape.size() == 2 && (rows < 0 || array.shape[0] == rows) &&
              (columns < 0 || array.shape[1] == columns) &&
              (element.empty() ? getScaleKind(array.element).has_value()
                               : array.element == element);
  if (fits)
    return &array;
  auto extent = [](int64_t size) {
    return size < 0 ? std::string("?") : std::to_string(size);
  };
  return makeError("'" + suffix + "' is " + io::describe(array) +
                   " where there should be " + extent(rows) + "x" +
                   extent(columns) + "x" +
                   (element.empty() ? "f16, bf16 or f32" : element.str()));
}

llvm::Expected<std::vector<float>>
quantmlir::calibration::getScales(const io::Array &array,
                                  llvm::StringRef suffix) {
  io::Array wide;
  std::string error;
  if (!io::convertElements(array, "f32", wide, error))
    return makeError(error);
  std::vector<float> scales = getElements<float>(wide);
  for (auto [index, scale] : llvm::enumerate(scales))
    if (!std::isfinite(scale))
      return makeError("'" + suffix + "' is NaN or infinite at element " +
                       llvm::Twine(index));
  return scales;
}

std::vector<float>
quantmlir::calibration::transpose(llvm::ArrayRef<float> elements, int64_t rows,
                                  int64_t columns) {
  std::vector<float> result(elements.size());
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      result[j * rows + i] = elements[i * columns + j];
  return result;
}

llvm::Expected<int64_t> quantmlir::calibration::getGroupExtent(int64_t columns,
                                                               int64_t groups) {
  if (groups == 1)
    return 0;
  if (groups < 1 || columns % groups != 0)
    return makeError(llvm::Twine(groups) + " groups of one size do not make " +
                     llvm::Twine(columns) + " columns");
  return columns / groups;
}

llvm::Expected<ColumnGroups>
quantmlir::calibration::readGroupIndex(const io::ArrayMap &tensors,
                                       llvm::StringRef suffix, int64_t columns,
                                       int64_t groups) {
  auto it = tensors.find(suffix.str());
  auto makeRuns = [&]() -> llvm::Expected<ColumnGroups> {
    auto extent = getGroupExtent(columns, groups);
    if (!extent)
      return extent.takeError();
    return ColumnGroups{*extent, {}};
  };
  if (it == tensors.end() || groups < 1)
    return makeRuns();
  const io::Array &array = it->second;
  if (array.element != "i32" || array.shape != std::vector<int64_t>{columns})
    return makeError("'" + suffix + "' is " + io::describe(array) +
                     " where there should be " + llvm::Twine(columns) + "xi32");
  ColumnGroups result{0, getElements<int32_t>(array)};
  if (llvm::all_of(result.index, [](int32_t group) { return group == -1; }))
    return makeRuns();
  std::vector<int64_t> sizes(groups, 0);
  for (auto [column, group] : llvm::enumerate(result.index)) {
    if (group < 0 || group >= groups)
      return makeError("'" + suffix + "' puts column " + llvm::Twine(column) +
                       " into group " + llvm::Twine(group) + " of " +
                       llvm::Twine(groups));
    ++sizes[group];
  }
  int64_t extent = sizes[0];
  for (auto [group, size] : llvm::enumerate(sizes)) {
    bool isLast = static_cast<int64_t>(group) == groups - 1;
    if (isLast ? size < 1 || size > extent : size != extent)
      return makeError("'" + suffix + "' puts " + llvm::Twine(size) +
                       " columns into group " + llvm::Twine(group) + " and " +
                       llvm::Twine(extent) +
                       " into group 0: groups are of one size");
  }
  if (llvm::is_sorted(result.index))
    result.index.clear();
  result.extent = groups == 1 ? 0 : extent;
  return result;
}

llvm::Error quantmlir::calibration::checkRowGroups(const LayerWeights &weights,
                                                   CheckpointFormat format) {
  if (weights.format.blockRows == 1)
    return llvm::Error::success();
  return makeError("a scale of " + getName(format) +
                   " belongs to one row; blocks of these weights have " +
                   (weights.format.blockRows
                        ? llvm::Twine(weights.format.blockRows)
                        : llvm::Twine("all")) +
                   " rows");
}

//===----------------------------------------------------------------------===//
// Signs
//===----------------------------------------------------------------------===//

/// Moves codes and zero points by half the range of codes.
static LayerWeights moveCodes(LayerWeights weights, bool toSigned) {
  WeightFormat &format = weights.format;
  int32_t half = 1 << (format.bits - 1);
  // Adding or taking half away modulo the range is the same bit.
  for (uint8_t &code : weights.matrix.codes)
    code ^= half;
  format.isSigned = toSigned;
  int32_t offset = toSigned ? -half : half;
  format.low += offset;
  format.high += offset;
  for (float &zeroPoint : weights.matrix.params.zeroPoints)
    zeroPoint += static_cast<float>(offset);
  return weights;
}

LayerWeights quantmlir::calibration::toSigned(LayerWeights weights) {
  if (weights.format.code != CodeKind::Integer)
    return weights;
  if (!weights.format.isSigned) {
    weights = moveCodes(std::move(weights), /*toSigned=*/true);
    if (weights.format.zeroPoint == ZeroPointKind::UI8)
      weights.format.zeroPoint = ZeroPointKind::I8;
  }
  std::vector<float> &zeroPoints = weights.matrix.params.zeroPoints;
  if (llvm::all_of(zeroPoints,
                   [](float zeroPoint) { return zeroPoint == 0; })) {
    zeroPoints.clear();
    weights.format.zeroPoint = ZeroPointKind::None;
    if (weights.format.method == Method::MinMax)
      weights.format.method = Method::AbsMax;
  }
  return weights;
}

LayerWeights quantmlir::calibration::toUnsigned(LayerWeights weights) {
  if (weights.format.code != CodeKind::Integer)
    return weights;
  if (!weights.format.hasZeroPoint())
    weights.matrix.params.zeroPoints.assign(weights.matrix.params.scales.size(),
                                            0.0f);
  if (!weights.format.hasFloatZeroPoint())
    weights.format.zeroPoint = ZeroPointKind::UI8;
  if (weights.format.isSigned)
    weights = moveCodes(std::move(weights), /*toSigned=*/false);
  return weights;
}
