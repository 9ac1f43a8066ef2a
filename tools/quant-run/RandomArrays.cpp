//===- RandomArrays.cpp - Arrays for arguments that were not given --------===//

#include "QuantRun.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

using namespace quantmlir;
using namespace quantmlir::run;

/// A number in [0, 1), the same on every platform.
static double draw(std::mt19937_64 &engine) {
  return double(engine() >> 11) * 0x1p-53;
}

llvm::Expected<io::Array>
quantmlir::run::makeRandomArray(const Argument &argument,
                                const Options &options) {
  io::Array array;
  array.element = argument.element;
  size_t count = 1;
  for (int64_t size : argument.shape) {
    array.shape.push_back(size < 0 ? options.randomSize : size);
    if (__builtin_mul_overflow(count, size_t(array.shape.back()), &count))
      return makeError("'" + argument.name + "' is too large to make up");
  }
  size_t bytes = io::getElementBytes(argument.element);
  if (!bytes)
    return makeError("no random elements of type " + argument.element +
                     " can be made for '" + argument.name + "'");
  // Each argument has its own numbers, whatever the others are.
  std::mt19937_64 engine(*options.randomSeed ^
                         llvm::xxh3_64bits(argument.name));
  bool isFloat = llvm::StringRef(argument.element).starts_with("f") ||
                 argument.element == "bf16";
  uint8_t *target = nullptr;
  // Floats are made as f32 first.
  auto allocate = [&](size_t bytes, io::Bytes &data) -> llvm::Error {
    size_t size;
    if (__builtin_mul_overflow(count, bytes, &size) ||
        !io::Bytes::tryAllocate(size, target, data))
      return makeError("there is not enough memory to make up '" +
                       argument.name + "'");
    return llvm::Error::success();
  };
  if (isFloat) {
    io::Array wide;
    wide.element = "f32";
    wide.shape = array.shape;
    if (llvm::Error error = allocate(sizeof(float), wide.data))
      return std::move(error);
    // Scales of f8E8M0FNU are powers of two: none is zero or negative.
    bool isScale = argument.element == "f8E8M0FNU";
    for (size_t i = 0; i < count; ++i) {
      float value = float(4 * draw(engine) - 2);
      if (isScale)
        value = std::ldexp(1.0f, int(7 * draw(engine)) - 5);
      std::memcpy(target + i * sizeof(float), &value, sizeof(float));
    }
    // What a weight is encoded with, "w.scales", would make all of it infinite.
    bool isPart =
        argument.isWeight && llvm::StringRef(argument.name).contains('.');
    if (options.randomInfinities && !isScale && !isPart &&
        wide.shape.size() == 2)
      for (int64_t row = options.randomInfinities - 1; row < wide.shape[0];
           row += 2)
        if (wide.shape[1]) {
          float value = std::numeric_limits<float>::infinity();
          std::memcpy(target + row * wide.shape[1] * sizeof(float), &value,
                      sizeof(float));
        }
    std::string error;
    if (argument.element == "f32")
      return wide;
    if (!io::convertElements(wide, argument.element, array, error))
      return makeError("'" + argument.name + "': " + error);
    return array;
  }
  if (llvm::Error error = allocate(bytes, array.data))
    return std::move(error);
  // Bytes may be codes, any number of bits each; wider integers are counts,
  // points or sums, and small.
  for (size_t i = 0; i < count; ++i) {
    int64_t value = argument.element == "i1" ? int64_t(engine() >> 63)
                    : bytes == 1 ? int64_t(engine() >> 56)
                                 : int64_t(201 * draw(engine)) - 100;
    std::memcpy(target + i * bytes, &value, bytes);
  }
  return array;
}
