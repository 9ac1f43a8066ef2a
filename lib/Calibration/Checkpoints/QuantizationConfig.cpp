//===- QuantizationConfig.cpp - What config.json says of it ---------------===//

#include "quantmlir/Calibration/Checkpoints/QuantizationConfig.h"
#include "LayerTensors.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Regex.h"

using namespace quantmlir::calibration;
namespace json = llvm::json;

namespace {
/// What a config says of a layer.
struct Shape {
  unsigned bits;
  bool isFloat, isSymmetric;
  int64_t blockRows, blockColumns;
  bool hasGroupIndex;

  bool operator==(const Shape &other) const {
    return bits == other.bits && isFloat == other.isFloat &&
           isSymmetric == other.isSymmetric && blockRows == other.blockRows &&
           blockColumns == other.blockColumns &&
           hasGroupIndex == other.hasGroupIndex;
  }
  /// As GPTQ and AWQ count: -1 is a whole row.
  int64_t getGroupSize() const { return blockColumns ? blockColumns : -1; }
};
} // namespace

static Shape getShape(const LayerFormat &layer) {
  const WeightFormat &format = *layer.format;
  return {format.bits,
          format.code != CodeKind::Integer,
          !format.hasZeroPoint(),
          format.blockRows,
          format.blockColumns,
          layer.hasGroupIndex};
}

static json::Object makeGPTQ(bool isV2, llvm::ArrayRef<LayerFormat> layers,
                             const Shape &first) {
  auto describe = [](const Shape &shape) {
    return json::Object{{"bits", shape.bits},
                        {"group_size", shape.getGroupSize()},
                        {"sym", shape.isSymmetric}};
  };
  json::Object config = describe(first), dynamic;
  bool hasHead = false;
  for (const LayerFormat &layer : layers) {
    std::string pattern = "^" + llvm::Regex::escape(layer.name) + "$";
    if (!layer.format) {
      dynamic["-:" + pattern] = json::Object{};
      continue;
    }
    hasHead |= llvm::StringRef(layer.name).ends_with("lm_head");
    if (Shape shape = getShape(layer); !(shape == first))
      dynamic["+:" + pattern] = describe(shape);
  }
  config["quant_method"] = "gptq";
  config["checkpoint_format"] = isV2 ? "gptq_v2" : "gptq";
  config["pack_dtype"] = "int32";
  // Readers that are told otherwise need not look at g_idx.
  config["desc_act"] = llvm::any_of(
      layers, [](const LayerFormat &layer) { return layer.hasGroupIndex; });
  config["lm_head"] = hasHead;
  if (!dynamic.empty())
    config["dynamic"] = std::move(dynamic);
  return config;
}

static llvm::Expected<json::Object> makeAWQ(llvm::ArrayRef<LayerFormat> layers,
                                            const Shape &first) {
  json::Array floats;
  for (const LayerFormat &layer : layers) {
    if (!layer.format)
      floats.push_back(layer.name);
    else if (getShape(layer).blockColumns != first.blockColumns)
      return makeError("layer '" + layer.name +
                       "': AWQ's config has one group size for all layers");
  }
  json::Object config{{"quant_method", "awq"},
                      {"version", "gemm"},
                      {"bits", first.bits},
                      {"group_size", first.getGroupSize()},
                      // The tensors are there, whatever is in them.
                      {"zero_point", true}};
  if (!floats.empty())
    config["modules_to_not_convert"] = std::move(floats);
  return config;
}

static json::Object makeWeightArguments(const Shape &shape) {
  json::Object weights{{"num_bits", shape.bits},
                       {"type", shape.isFloat ? "float" : "int"},
                       {"symmetric", shape.isSymmetric},
                       {"dynamic", false}};
  if (shape.blockRows == 1 && shape.blockColumns == 0) {
    weights["strategy"] = "channel";
  } else if (shape.blockRows == 0 && shape.blockColumns == 0) {
    weights["strategy"] = "tensor";
  } else if (shape.blockRows == 1) {
    weights["strategy"] = "group";
    weights["group_size"] = shape.blockColumns;
    if (shape.hasGroupIndex)
      weights["actorder"] = "group";
  } else {
    weights["strategy"] = "block";
    weights["block_structure"] =
        json::Array{shape.blockRows, shape.blockColumns};
  }
  return weights;
}

static json::Object makeCompressedTensors(CheckpointFormat format,
                                          llvm::ArrayRef<LayerFormat> layers) {
  std::vector<std::pair<Shape, json::Array>> groups;
  json::Array floats;
  for (const LayerFormat &layer : layers) {
    if (!layer.format) {
      floats.push_back(layer.name);
      continue;
    }
    Shape shape = getShape(layer);
    auto it = llvm::find_if(
        groups, [&](const auto &group) { return group.first == shape; });
    if (it == groups.end())
      it = groups.insert(groups.end(), {shape, json::Array{}});
    it->second.push_back(layer.name);
  }
  // Names are only needed where layers differ.
  if (groups.size() == 1)
    groups.front().second = json::Array{"Linear"};
  json::Object described;
  for (auto &&[index, group] : llvm::enumerate(groups))
    described["group_" + std::to_string(index)] =
        json::Object{{"targets", std::move(group.second)},
                     {"weights", makeWeightArguments(group.first)},
                     {"input_activations", nullptr},
                     {"output_activations", nullptr}};
  return json::Object{{"quant_method", "compressed-tensors"},
                      {"format", getName(format)},
                      {"quantization_status", "compressed"},
                      {"config_groups", std::move(described)},
                      {"ignore", std::move(floats)}};
}

llvm::Expected<json::Object> quantmlir::calibration::makeQuantizationConfig(
    CheckpointFormat format, llvm::ArrayRef<LayerFormat> layers) {
  const auto *first = llvm::find_if(layers, [](const LayerFormat &layer) {
    return layer.format.has_value();
  });
  if (first == layers.end())
    return makeError("no layer is quantized");
  Shape shape = getShape(*first);
  switch (format) {
  case CheckpointFormat::GPTQ:
  case CheckpointFormat::GPTQv2:
    return makeGPTQ(format == CheckpointFormat::GPTQv2, layers, shape);
  case CheckpointFormat::AWQ:
    return makeAWQ(layers, shape);
  case CheckpointFormat::PackQuantized:
  case CheckpointFormat::NaiveQuantized:
  case CheckpointFormat::FloatQuantized:
    return makeCompressedTensors(format, layers);
  }
  llvm_unreachable("all formats handled");
}

llvm::Expected<json::Object>
quantmlir::calibration::readConfig(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!buffer)
    return makeError("cannot read '" + path +
                     "': " + buffer.getError().message());
  llvm::Expected<json::Value> value = json::parse((*buffer)->getBuffer());
  if (!value)
    return makeError("'" + path +
                     "' is no JSON: " + llvm::toString(value.takeError()));
  if (json::Object *object = value->getAsObject())
    return std::move(*object);
  return makeError("'" + path + "' holds no object");
}
