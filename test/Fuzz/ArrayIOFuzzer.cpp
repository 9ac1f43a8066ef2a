//===- ArrayIOFuzzer.cpp - Any bytes as a tensor file ---------------------===//
//
// Built once for each format. What is accepted must be consistent: its bytes
// are all there and convert.
//
//===----------------------------------------------------------------------===//

#include "quantmlir/Runtime/ArrayIO.h"

#include <cstdlib>
#include <cstring>

using namespace quantmlir::io;

static void checkArray(const Array &array) {
  size_t count = array.data.size / getElementBytes(array.element);
  size_t product = 1;
  for (int64_t size : array.shape)
    product *= static_cast<size_t>(size);
  if (product != count)
    std::abort();
  // Reads every byte; large arrays would only slow the search down.
  Array converted;
  std::string error;
  if (count < 10000 && !convertElements(array, "f64", converted, error))
    std::abort();
}

[[maybe_unused]] static void fuzz_npy(const Bytes &bytes) {
  Array array;
  std::string error;
  if (parseNpy(bytes, array, error))
    checkArray(array);
}

[[maybe_unused]] static void fuzz_npz(const Bytes &bytes) {
  ArrayMap arrays;
  std::string error;
  if (parseNpz(bytes, arrays, error))
    for (const auto &[name, array] : arrays)
      checkArray(array);
}

[[maybe_unused]] static void fuzz_safetensors(const Bytes &bytes) {
  ArrayMap arrays;
  std::string error;
  if (parseSafetensors(bytes, arrays, error))
    for (const auto &[name, array] : arrays)
      checkArray(array);
}

#define QUANTMLIR_JOIN(a, b) a##b
#define QUANTMLIR_FUZZ(format) QUANTMLIR_JOIN(fuzz_, format)

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // A copy of exactly this size, so that the sanitizer sees its end.
  uint8_t *copy = nullptr;
  Bytes bytes = Bytes::allocate(size, copy);
  if (size != 0)
    std::memcpy(copy, data, size);
  QUANTMLIR_FUZZ(QUANTMLIR_FUZZ_FORMAT)(bytes);
  return 0;
}
