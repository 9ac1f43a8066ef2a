//===- QuantizeFile.cpp - A file of weights, a layer at a time ------------===//

#include "quantmlir/Calibration/Checkpoints/QuantizeFile.h"
#include "LayerTensors.h"
#include "quantmlir/Calibration/Checkpoints/QuantizationConfig.h"
#include "quantmlir/Runtime/SafetensorsFile.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/Path.h"

#include <cmath>

using namespace quantmlir;
using namespace quantmlir::calibration;

namespace {
/// One run over a file.
class FileQuantizer {
public:
  FileQuantizer(const FileOptions &options,
                llvm::function_ref<void(const FileProgress &)> onProgress)
      : options(options), onProgress(onProgress) {}

  llvm::Expected<std::vector<LayerReport>> run();

private:
  llvm::Error open();
  /// What `tensor` is: the name of its layer and the scheme it has; none for a
  /// tensor that is copied.
  llvm::Expected<std::optional<TensorScheme>>
  findScheme(const io::TensorInfo &tensor) const;
  llvm::Error quantizeLayer(const io::TensorInfo &tensor,
                            const TensorScheme &scheme);
  llvm::Error convertLayer(llvm::StringRef layer);
  /// Writes a layer whose codes stay in `words`.
  llvm::Error writeWords(llvm::StringRef layer, llvm::StringRef element,
                         const io::Array &words, LayerWeights weights,
                         LayerReport &report);
  llvm::Error copy(const io::TensorInfo &tensor);

  llvm::Expected<LayerWeights>
  apply(ConstMatrix weights, const WeightFormat &format, llvm::StringRef layer,
        std::vector<float> &channelScales, LayerReport &report);
  llvm::Expected<std::vector<double>> readStatistic(llvm::StringRef layer,
                                                    llvm::StringRef kind,
                                                    std::vector<int64_t> shape);

  /// Writes a layer in the output's format and adds the bytes to `report`.
  llvm::Error writeLayer(llvm::StringRef layer, llvm::StringRef element,
                         const LayerWeights &weights,
                         llvm::ArrayRef<float> channelScales,
                         LayerReport &report);
  llvm::Error append(const std::string &name, const io::Array &array);
  void advance(const io::TensorInfo &tensor, const LayerReport *layer);
  llvm::Expected<std::string> makeConfig() const;
  llvm::Error commit();

  const FileOptions &options;
  llvm::function_ref<void(const FileProgress &)> onProgress;
  io::SafetensorsReader input, statistics;
  io::SafetensorsWriter output;
  io::Metadata metadata;
  FileProgress progress;
  std::vector<LayerReport> reports;
  /// For the config: layers, and matrices that stay float.
  std::vector<LayerFormat> formats;
};
} // namespace

/// The name of the layer that a weight belongs to.
static std::optional<llvm::StringRef> getLayerName(llvm::StringRef tensor) {
  if (tensor.consume_back(".weight"))
    return tensor;
  return std::nullopt;
}

namespace {
/// The elements of an f32, f16 or bf16 matrix as f32.
class FloatMatrix {
public:
  explicit FloatMatrix(io::Array given) : array(std::move(given)) {
    if (array.element == "f32")
      return;
    floats.resize(array.data.size / 2);
    decodeFloats(array.data.data, *getScaleKind(array.element), floats);
    array.data = {};
  }

  ConstMatrix view() const {
    // Memory of its own, so it is aligned.
    const float *data = array.data.data
                            ? reinterpret_cast<const float *>(array.data.data)
                            : floats.data();
    return {data, array.shape[0], array.shape[1]};
  }

private:
  io::Array array;
  std::vector<float> floats;
};
} // namespace

/// Of what codes mean for inputs that are not divided by `channelScales`.
static double getSignalToNoise(ConstMatrix weights,
                               const LayerWeights &quantized,
                               llvm::ArrayRef<float> channelScales) {
  std::vector<double> signal(weights.rows), noise(weights.rows);
  llvm::parallelFor(0, weights.rows, [&](size_t row) {
    std::vector<float> decoded(weights.columns);
    dequantizeRow(quantized.matrix, quantized.format, row, decoded.data());
    double signalSum = 0, noiseSum = 0;
    for (int64_t k = 0; k < weights.columns; ++k) {
      double weight = weights(row, k), result = decoded[k];
      if (!channelScales.empty())
        result /= channelScales[k];
      signalSum += weight * weight;
      noiseSum += (weight - result) * (weight - result);
    }
    signal[row] = signalSum;
    noise[row] = noiseSum;
  });
  double signalSum = 0, noiseSum = 0;
  for (auto [s, n] : llvm::zip_equal(signal, noise)) {
    signalSum += s;
    noiseSum += n;
  }
  return noiseSum > 0 ? 10 * std::log10(signalSum / noiseSum) : HUGE_VAL;
}

llvm::Error FileQuantizer::open() {
  std::string error;
  if (!input.open(options.input, error))
    return makeError(error);
  bool needsStatistics = !options.from && options.method != WeightMethod::Round;
  if (needsStatistics && options.statistics.empty())
    return makeError("this method needs statistics of the layers' inputs");
  if (!needsStatistics && !options.statistics.empty())
    return makeError("statistics are for GPTQ and AWQ");
  if (needsStatistics && !statistics.open(options.statistics, error))
    return makeError(error);
  if (!options.config.empty()) {
    if (!options.to)
      return makeError("a config is for checkpoints of other tools");
    // Read now, so that hours of work do not end in its error.
    if (auto read = readConfig(options.config); !read)
      return read.takeError();
  }
  if (options.keepLayout && (!options.from || options.to))
    return makeError("a layout is kept from a checkpoint into our own format");
  bool scalesChannels = options.method == WeightMethod::AWQ ||
                        options.method == WeightMethod::AWQAndGPTQ;
  if (!options.from && options.to && scalesChannels)
    return makeError(
        "AWQ's channel scales have no place in " + getName(*options.to) +
        " checkpoints: fold them into what is before the layers first");
  uint64_t headerBytes = 4096;
  for (const io::TensorInfo &tensor : input.getTensors()) {
    progress.totalBytes += tensor.bytes;
    // Up to five parts, and a line of metadata.
    headerBytes +=
        6 * io::SafetensorsWriter::estimateHeaderBytes(tensor.name.size() + 20);
  }
  if (!output.open(options.output, headerBytes, error))
    return makeError(error);
  return llvm::Error::success();
}

llvm::Error FileQuantizer::append(const std::string &name,
                                  const io::Array &array) {
  std::string error;
  if (!output.append(name, array, error))
    return makeError(error);
  return llvm::Error::success();
}

void FileQuantizer::advance(const io::TensorInfo &tensor,
                            const LayerReport *layer) {
  progress.doneBytes += tensor.bytes;
  progress.tensor = tensor.name;
  progress.layer = layer;
  onProgress(progress);
}

llvm::Error FileQuantizer::copy(const io::TensorInfo &tensor) {
  io::Array array;
  std::string error;
  if (!input.read(tensor, array, error))
    return makeError(error);
  if (llvm::Error failure = append(tensor.name, array))
    return failure;
  if (auto layer = getLayerName(tensor.name); layer && tensor.shape.size() == 2)
    formats.push_back({layer->str(), std::nullopt, false});
  advance(tensor, nullptr);
  return llvm::Error::success();
}

llvm::Error FileQuantizer::writeLayer(llvm::StringRef layer,
                                      llvm::StringRef element,
                                      const LayerWeights &weights,
                                      llvm::ArrayRef<float> channelScales,
                                      LayerReport &report) {
  const QuantizedMatrix &matrix = weights.matrix;
  report.name = layer.str();
  report.rows = matrix.rows;
  report.columns = matrix.columns;
  report.encoding = weights.format.getEncodingText();
  formats.push_back({report.name, weights.format, !matrix.groupIndex.empty()});
  io::ArrayMap tensors;
  std::string prefix = layer.str();
  if (options.to) {
    auto written = calibration::writeLayer(*options.to, weights);
    if (!written)
      return written.takeError();
    tensors = std::move(*written);
  } else {
    prefix += ".weight";
    for (auto &[part, array] : makeParts(weights))
      tensors["." + part] = array;
    if (!channelScales.empty())
      tensors[".channel_scales"] =
          makeArray<float>("f32", {matrix.columns}, channelScales);
    metadata[prefix] = "tensor<" + std::to_string(matrix.rows) + "x" +
                       std::to_string(matrix.columns) + "x" + element.str() +
                       ", " + report.encoding + ">";
  }
  for (const auto &[suffix, array] : tensors) {
    if (llvm::Error error = append(prefix + suffix, array))
      return error;
    report.outputBytes += array.data.size;
  }
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Float layers
//===----------------------------------------------------------------------===//

llvm::Expected<std::optional<TensorScheme>>
FileQuantizer::findScheme(const io::TensorInfo &tensor) const {
  std::optional<llvm::StringRef> layer = getLayerName(tensor.name);
  bool isFloat = tensor.element == "f32" || tensor.element == "f16" ||
                 tensor.element == "bf16";
  if (!layer || tensor.shape.size() != 2 || !isFloat || tensor.bytes == 0)
    return std::nullopt;
  Scheme scheme = chooseScheme(*layer, options.scheme, options.overrides);
  if (scheme.activations)
    return makeError("'" + scheme.toString() +
                     "' quantizes activations: weights alone are in a file");
  return scheme.weights;
}

llvm::Expected<std::vector<double>>
FileQuantizer::readStatistic(llvm::StringRef layer, llvm::StringRef kind,
                             std::vector<int64_t> shape) {
  std::string name = (layer + ".input." + kind).str();
  const io::TensorInfo *info = statistics.find(name);
  if (!info)
    return makeError("'" + options.statistics + "' has no '" + name + "'");
  if (info->shape != shape ||
      (info->element != "f32" && info->element != "f64"))
    return makeError(
        "'" + name + "' is " + io::describe({info->element, info->shape, {}}) +
        " where there should be " + io::describe({"f32", shape, {}}));
  io::Array array;
  std::string error;
  if (!statistics.read(*info, array, error))
    return makeError(error);
  if (array.element == "f64")
    return getElements<double>(array);
  const auto *floats = reinterpret_cast<const float *>(array.data.data);
  return std::vector<double>(floats, floats + array.data.size / 4);
}

llvm::Expected<LayerWeights>
FileQuantizer::apply(ConstMatrix weights, const WeightFormat &format,
                     llvm::StringRef layer, std::vector<float> &channelScales,
                     LayerReport &report) {
  if (options.method == WeightMethod::Round)
    return LayerWeights{format, quantize(weights, format)};
  int64_t columns = weights.columns;
  auto hessian = readStatistic(layer, "xtx", {columns, columns});
  if (!hessian)
    return hessian.takeError();
  MatrixRef<double> view(hessian->data(), columns, columns);
  if (options.method == WeightMethod::GPTQ) {
    auto result = quantizeGPTQ(weights, view, format, options.gptq);
    if (!result)
      return result.takeError();
    report.gptq = result->report;
    return LayerWeights{format, std::move(result->matrix)};
  }
  auto absMean = readStatistic(layer, "absmean", {columns});
  if (!absMean)
    return absMean.takeError();
  if (options.method == WeightMethod::AWQ) {
    auto result = quantizeAWQ(weights, *absMean, view, format, options.awq);
    if (!result)
      return result.takeError();
    report.awq = result->report;
    channelScales = std::move(result->channelScales);
    return LayerWeights{format, std::move(result->matrix)};
  }
  auto both = quantizeAWQThenGPTQ(weights, *absMean, view, format, options.awq,
                                  options.gptq);
  if (!both)
    return both.takeError();
  report.awq = both->awq.report;
  report.gptq = both->gptq;
  channelScales = std::move(both->awq.channelScales);
  return LayerWeights{format, std::move(both->awq.matrix)};
}

llvm::Error FileQuantizer::quantizeLayer(const io::TensorInfo &tensor,
                                         const TensorScheme &scheme) {
  int64_t rows = tensor.shape[0], columns = tensor.shape[1];
  WeightFormat format = WeightFormat::get(scheme).fit(rows, columns);
  if (llvm::Error error = format.verify())
    return error;
  io::Array array;
  std::string error;
  if (!input.read(tensor, array, error))
    return makeError(error);
  FloatMatrix matrix(std::move(array));
  ConstMatrix weights = matrix.view();
  if (llvm::Error failure = checkWeights(weights))
    return failure;
  llvm::StringRef layer = *getLayerName(tensor.name);
  LayerReport report;
  report.inputBytes = tensor.bytes;
  std::vector<float> channelScales;
  auto quantized = apply(weights, format, layer, channelScales, report);
  if (!quantized)
    return quantized.takeError();
  report.signalToNoise = getSignalToNoise(weights, *quantized, channelScales);
  if (llvm::Error failure =
          writeLayer(layer, tensor.element, *quantized, channelScales, report))
    return failure;
  reports.push_back(std::move(report));
  advance(tensor, &reports.back());
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Quantized layers
//===----------------------------------------------------------------------===//

llvm::Error FileQuantizer::writeWords(llvm::StringRef layer,
                                      llvm::StringRef element,
                                      const io::Array &words,
                                      LayerWeights weights,
                                      LayerReport &report) {
  std::string layout;
  if (auto packing = getCodePacking(*options.from, weights.format.bits))
    layout = packing->getLayoutText();
  if (layout.empty())
    return makeError("codes of " + llvm::Twine(weights.format.bits) +
                     " bits in " + getName(*options.from) +
                     " have no layout to keep");
  // Words hold unsigned codes in every format.
  weights = toUnsigned(std::move(weights));
  report.name = layer.str();
  report.rows = weights.matrix.rows;
  report.columns = weights.matrix.columns;
  report.encoding = weights.format.getEncodingText(layout);
  std::string name = (layer + ".weight").str();
  metadata[name] = "tensor<" + std::to_string(report.rows) + "x" +
                   std::to_string(report.columns) + "x" + element.str() + ", " +
                   report.encoding + ">";
  io::ArrayMap parts = makeParts(weights);
  parts["codes"] = words;
  for (const auto &[part, array] : parts) {
    if (llvm::Error error = append(name + "." + part, array))
      return error;
    report.outputBytes += array.data.size;
  }
  return llvm::Error::success();
}

llvm::Error FileQuantizer::convertLayer(llvm::StringRef layer) {
  io::ArrayMap tensors;
  LayerReport report;
  std::vector<const io::TensorInfo *> infos;
  for (llvm::StringRef suffix : getSuffixes(*options.from)) {
    const io::TensorInfo *info = input.find((layer + suffix).str());
    if (!info)
      continue;
    std::string error;
    if (!input.read(*info, tensors[suffix.str()], error))
      return makeError(error);
    report.inputBytes += info->bytes;
    infos.push_back(info);
  }
  auto weights = readLayer(*options.from, tensors, options.bits);
  if (!weights)
    return weights.takeError();
  io::Array words = tensors[getMarkerSuffix(*options.from).str()];
  tensors.clear();
  llvm::StringRef element = getElementName(weights->format.scale);
  if (weights->format.scale == ScaleKind::E8M0 ||
      weights->format.scale == ScaleKind::E4M3)
    element = "f32";
  if (llvm::Error error =
          options.keepLayout
              ? writeWords(layer, element, words, std::move(*weights), report)
              : writeLayer(layer, element, toSigned(std::move(*weights)), {},
                           report))
    return error;
  reports.push_back(std::move(report));
  // Once for a layer.
  for (const io::TensorInfo *info : infos)
    advance(*info, info == infos.back() ? &reports.back() : nullptr);
  return llvm::Error::success();
}

llvm::Expected<std::vector<LayerReport>> FileQuantizer::run() {
  if (llvm::Error error = open())
    return std::move(error);
  auto locate = [](llvm::StringRef name, llvm::Error error) {
    return makeError("tensor '" + name +
                     "': " + llvm::toString(std::move(error)));
  };
  // Tensors of quantized layers, which go with their layer.
  llvm::StringSet<> parts;
  if (options.from) {
    llvm::StringRef marker = getMarkerSuffix(*options.from);
    for (const io::TensorInfo &tensor : input.getTensors()) {
      llvm::StringRef layer = tensor.name;
      if (!layer.consume_back(marker))
        continue;
      for (llvm::StringRef suffix : getSuffixes(*options.from))
        parts.insert((layer + suffix).str());
      if (llvm::Error error = convertLayer(layer))
        return locate(layer, std::move(error));
    }
  }
  for (const io::TensorInfo &tensor : input.getTensors()) {
    if (parts.contains(tensor.name))
      continue;
    std::optional<TensorScheme> scheme;
    if (!options.from) {
      auto found = findScheme(tensor);
      if (!found)
        return locate(tensor.name, found.takeError());
      scheme = *found;
    }
    if (llvm::Error error =
            scheme ? quantizeLayer(tensor, *scheme) : copy(tensor))
      return locate(tensor.name, std::move(error));
  }
  if (reports.empty())
    return makeError("'" + options.input + "' has no layer to " +
                     (options.from ? "convert: no tensor ends in '" +
                                         getMarkerSuffix(*options.from) + "'"
                                   : "quantize: no matrix of f32, f16 or bf16 "
                                     "whose name ends in '.weight' has a "
                                     "scheme"));
  if (options.to) {
    metadata["format"] = "pt";
  } else {
    metadata["format"] = "quantmlir.weights";
    metadata["version"] = "1";
  }
  if (llvm::Error error = commit())
    return std::move(error);
  return std::move(reports);
}

/// The text of the config beside the output.
llvm::Expected<std::string> FileQuantizer::makeConfig() const {
  auto config = readConfig(options.config);
  if (!config)
    return config.takeError();
  auto made = makeQuantizationConfig(*options.to, formats);
  if (!made)
    return made.takeError();
  (*config)["quantization_config"] = std::move(*made);
  return llvm::formatv("{0:2}\n", llvm::json::Value(std::move(*config))).str();
}

/// Both files appear, or none.
llvm::Error FileQuantizer::commit() {
  std::string error;
  if (options.config.empty())
    return output.commit(metadata, error) ? llvm::Error::success()
                                          : makeError(error);
  auto text = makeConfig();
  if (!text)
    return text.takeError();
  llvm::SmallString<128> path(llvm::sys::path::parent_path(options.output));
  llvm::sys::path::append(path, "config.json");
  bool isSame = false;
  if (!llvm::sys::fs::equivalent(path, options.config, isSame) && isSame)
    return makeError("'" + path +
                     "' is the config that was read, and would be "
                     "lost: write to another folder");
  auto file = llvm::sys::fs::TempFile::create(path + ".%%%%%%");
  if (!file)
    return makeError("cannot write '" + path +
                     "': " + llvm::toString(file.takeError()));
  llvm::raw_fd_ostream stream(file->FD, /*shouldClose=*/false);
  stream << *text;
  stream.flush();
  bool failed = stream.has_error();
  stream.clear_error();
  if (failed || !output.commit(metadata, error)) {
    llvm::consumeError(file->discard());
    return makeError(failed ? "cannot write '" + path + "'"
                            : llvm::Twine(error));
  }
  if (llvm::Error kept = file->keep(path))
    return kept;
  // Temporary files are their owner's alone.
  (void)llvm::sys::fs::setPermissions(path, llvm::sys::fs::perms(0644));
  return llvm::Error::success();
}

llvm::Expected<std::vector<LayerReport>> quantmlir::calibration::quantizeFile(
    const FileOptions &options,
    llvm::function_ref<void(const FileProgress &)> onProgress) {
  return FileQuantizer(options, onProgress).run();
}
