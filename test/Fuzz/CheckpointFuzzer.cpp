//===- CheckpointFuzzer.cpp - Any tensors as a layer of a checkpoint ------===//
//
// A safetensors file whose names are suffixes (".qweight"). A layer that is
// accepted in one format is what comes back after it is written in that format.
//
//===----------------------------------------------------------------------===//

#include "quantmlir/Calibration/Checkpoints/Checkpoints.h"

#include <cstdlib>
#include <cstring>

using namespace quantmlir;
using namespace quantmlir::calibration;

static bool same(const io::Array &a, const io::Array &b) {
  return a.shape == b.shape && a.data.size == b.data.size &&
         (a.data.size == 0 ||
          std::memcmp(a.data.data, b.data.data, a.data.size) == 0);
}

static void check(CheckpointFormat format, const io::ArrayMap &tensors) {
  llvm::Expected<LayerWeights> layer = readLayer(format, tensors);
  if (!layer) {
    llvm::consumeError(layer.takeError());
    return;
  }
  const WeightFormat &meaning = layer->format;
  if (llvm::Error error = meaning.verify())
    std::abort();
  int64_t rows = layer->matrix.rows, columns = layer->matrix.columns;
  llvm::Expected<LayerWeights> parts =
      readParts(meaning, rows, columns, makeParts(*layer));
  if (!parts || parts->matrix.codes != layer->matrix.codes)
    std::abort();
  // Scales that no checkpoint has are refused; so are zero points 0 of gptq.
  llvm::Expected<io::ArrayMap> written = writeLayer(format, toSigned(*layer));
  if (!written) {
    llvm::consumeError(written.takeError());
    return;
  }
  llvm::Expected<LayerWeights> again = readLayer(format, *written);
  if (!again || toSigned(*again).matrix.codes != toSigned(*layer).matrix.codes)
    std::abort();
  io::ArrayMap a = makeParts(toSigned(*layer)), b = makeParts(toSigned(*again));
  // Zero points that are all in the middle vanish.
  for (const auto &[name, array] : a)
    if (b.count(name) == 0 || !same(array, b.at(name)))
      std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t *copy = nullptr;
  io::Bytes bytes = io::Bytes::allocate(size, copy);
  if (size != 0)
    std::memcpy(copy, data, size);
  io::ArrayMap tensors;
  std::string error;
  if (!io::parseSafetensors(bytes, tensors, error))
    return 0;
  for (auto format :
       {CheckpointFormat::GPTQ, CheckpointFormat::GPTQv2, CheckpointFormat::AWQ,
        CheckpointFormat::PackQuantized, CheckpointFormat::NaiveQuantized,
        CheckpointFormat::FloatQuantized})
    check(format, tensors);
  return 0;
}
