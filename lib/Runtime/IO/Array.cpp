//===- Array.cpp - Arrays and the files they live in ----------------------===//

#include "ElementTypes.h"
#include "Files.h"
#include "quantmlir/Runtime/ArrayIO.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

using namespace quantmlir::io;

static constexpr ElementInfo elementTable[] = {
    {"i1", 1, "b1", "BOOL"},      {"i8", 1, "i1", "I8"},
    {"ui8", 1, "u1", "U8"},       {"i16", 2, "i2", "I16"},
    {"ui16", 2, "u2", "U16"},     {"i32", 4, "i4", "I32"},
    {"ui32", 4, "u4", "U32"},     {"i64", 8, "i8", "I64"},
    {"ui64", 8, "u8", "U64"},     {"f16", 2, "f2", "F16"},
    {"bf16", 2, "", "BF16"},      {"f32", 4, "f4", "F32"},
    {"f64", 8, "f8", "F64"},      {"f8E4M3FN", 1, "", "F8_E4M3"},
    {"f8E5M2", 1, "", "F8_E5M2"}, {"f8E8M0FNU", 1, "", "F8_E8M0"}};

const ElementInfo *quantmlir::io::findElement(std::string_view name) {
  for (const ElementInfo &info : elementTable)
    if (info.name == name)
      return &info;
  return nullptr;
}

const ElementInfo *quantmlir::io::findNumpyElement(std::string_view descr) {
  // What np.save writes for the types of ml_dtypes: bytes without a meaning.
  if (descr == "V1")
    return findElement("ui8");
  if (descr == "V2")
    return findElement("ui16");
  for (const ElementInfo &info : elementTable)
    if (!info.numpy.empty() && info.numpy == descr)
      return &info;
  return nullptr;
}

const ElementInfo *
quantmlir::io::findSafetensorsElement(std::string_view dtype) {
  for (const ElementInfo &info : elementTable)
    if (info.safetensors == dtype)
      return &info;
  return nullptr;
}

bool quantmlir::io::computeBytes(const std::vector<int64_t> &shape,
                                 size_t elementBytes, size_t &bytes) {
  // A zero further back must not hide an overflow further ahead.
  bool isEmpty = false;
  bytes = elementBytes;
  for (int64_t size : shape) {
    if (size < 0)
      return false;
    if (size == 0)
      isEmpty = true;
    else if (__builtin_mul_overflow(bytes, static_cast<size_t>(size), &bytes))
      return false;
  }
  if (isEmpty)
    bytes = 0;
  return bytes <= size_t(INT64_MAX);
}

size_t quantmlir::io::getElementBytes(std::string_view element) {
  const ElementInfo *info = findElement(element);
  return info ? info->bytes : 0;
}

std::string quantmlir::io::describe(const Array &array) {
  std::string text;
  for (int64_t size : array.shape)
    text += std::to_string(size) + "x";
  return text + array.element;
}

Bytes Bytes::allocate(size_t size, uint8_t *&writable) {
  Bytes bytes;
  if (!tryAllocate(size, writable, bytes))
    std::abort();
  return bytes;
}

bool Bytes::tryAllocate(size_t size, uint8_t *&writable, Bytes &bytes) {
  // Never null, even of no bytes.
  std::shared_ptr<void> memory(std::calloc(std::max<size_t>(size, 1), 1),
                               std::free);
  writable = static_cast<uint8_t *>(memory.get());
  bytes = {memory, writable, size};
  return writable != nullptr;
}

bool quantmlir::io::mapFile(const std::string &path, Bytes &bytes,
                            std::string &error) {
  uint64_t size = 0;
  int descriptor = openForReading(path, size, error);
  if (descriptor < 0)
    return false;
  if (size == 0) {
    close(descriptor);
    bytes = Bytes();
    return true;
  }
  void *address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  int reason = errno;
  close(descriptor);
  if (address == MAP_FAILED) {
    error = "cannot map '" + path + "': " + std::strerror(reason);
    return false;
  }
  bytes.owner = std::shared_ptr<const void>(
      address, [size](const void *p) { munmap(const_cast<void *>(p), size); });
  bytes.data = static_cast<const uint8_t *>(address);
  bytes.size = size;
  return true;
}

bool quantmlir::io::readNpy(const std::string &path, Array &array,
                            std::string &error) {
  Bytes bytes;
  if (!mapFile(path, bytes, error))
    return false;
  if (parseNpy(bytes, array, error))
    return true;
  error = "'" + path + "': " + error;
  return false;
}

static bool hasExtension(const std::string &path, std::string_view extension) {
  return path.size() > extension.size() &&
         path.compare(path.size() - extension.size(), extension.size(),
                      extension) == 0;
}

bool quantmlir::io::readArrays(const std::string &path, ArrayMap &arrays,
                               std::string &error, Metadata *metadata,
                               Unreadable *unreadable) {
  bool isNpz = hasExtension(path, ".npz");
  if (!isNpz && !hasExtension(path, ".safetensors")) {
    error = "'" + path + "': expected a file named .npz or .safetensors";
    return false;
  }
  Bytes bytes;
  if (!mapFile(path, bytes, error))
    return false;
  if (isNpz ? parseNpz(bytes, arrays, error, unreadable)
            : parseSafetensors(bytes, arrays, error, metadata))
    return true;
  error = "'" + path + "': " + error;
  return false;
}

bool quantmlir::io::reinterpretElements(const Array &array,
                                        std::string_view element, Array &result,
                                        std::string &error) {
  size_t bytes = getElementBytes(element);
  if (bytes == 0 || bytes != getElementBytes(array.element)) {
    error = "the bits of " + array.element + " cannot be taken for " +
            std::string(element);
    return false;
  }
  result = array;
  result.element = std::string(element);
  return true;
}
