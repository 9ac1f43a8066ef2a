//===- SafetensorsFile.cpp - Safetensors, a tensor at a time --------------===//

#include "quantmlir/Runtime/SafetensorsFile.h"
#include "Files.h"
#include "SafetensorsHeader.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

using namespace quantmlir::io;

/// Reads exactly `size` bytes; what is missing then is the file's fault.
static bool readAt(int descriptor, uint64_t offset, void *target, size_t size,
                   std::string &error) {
  auto *bytes = static_cast<uint8_t *>(target);
  while (size != 0) {
    ssize_t count = pread(descriptor, bytes, std::min<size_t>(size, 1 << 30),
                          static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0) {
      error = count < 0 ? std::strerror(errno)
                        : "it has become shorter while it is read";
      return false;
    }
    bytes += count;
    offset += count;
    size -= count;
  }
  return true;
}

static bool writeAt(int descriptor, uint64_t offset, const void *source,
                    size_t size, std::string &error) {
  const auto *bytes = static_cast<const uint8_t *>(source);
  while (size != 0) {
    ssize_t count = pwrite(descriptor, bytes, std::min<size_t>(size, 1 << 30),
                           static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0) {
      error = count < 0 ? std::strerror(errno) : "nothing was written";
      return false;
    }
    bytes += count;
    offset += count;
    size -= count;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

SafetensorsReader::~SafetensorsReader() {
  if (descriptor >= 0)
    close(descriptor);
}

SafetensorsReader::SafetensorsReader(SafetensorsReader &&other) {
  *this = std::move(other);
}

SafetensorsReader &SafetensorsReader::operator=(SafetensorsReader &&other) {
  std::swap(path, other.path);
  std::swap(descriptor, other.descriptor);
  std::swap(dataStart, other.dataStart);
  std::swap(tensors, other.tensors);
  std::swap(indices, other.indices);
  std::swap(metadata, other.metadata);
  return *this;
}

bool SafetensorsReader::open(const std::string &path, std::string &error) {
  this->path = path;
  uint64_t fileBytes = 0, headerBytes = 0;
  descriptor = openForReading(path, fileBytes, error);
  if (descriptor < 0)
    return false;
  auto fail = [&] {
    error = "'" + path + "': " + error;
    return false;
  };
  uint8_t prefix[8] = {};
  if (!readAt(descriptor, 0, prefix, std::min<uint64_t>(8, fileBytes), error) ||
      !readHeaderLength(prefix, fileBytes, headerBytes, error))
    return fail();
  std::string text(headerBytes, '\0');
  if (!readAt(descriptor, 8, text.data(), text.size(), error))
    return fail();
  dataStart = 8 + headerBytes;
  if (!parseSafetensorsHeader(text, fileBytes - dataStart, tensors, &metadata,
                              error))
    return fail();
  for (size_t i = 0; i < tensors.size(); ++i)
    indices[tensors[i].name] = i;
  return true;
}

const TensorInfo *SafetensorsReader::find(const std::string &name) const {
  auto it = indices.find(name);
  return it == indices.end() ? nullptr : &tensors[it->second];
}

bool SafetensorsReader::read(const TensorInfo &tensor, Array &array,
                             std::string &error) const {
  uint8_t *target = nullptr;
  array = {tensor.element, tensor.shape, Bytes::allocate(tensor.bytes, target)};
  if (readAt(descriptor, dataStart + tensor.offset, target, tensor.bytes,
             error))
    return true;
  error = "'" + path + "': tensor '" + tensor.name + "': " + error;
  return false;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

SafetensorsWriter::~SafetensorsWriter() {
  if (tailDescriptor >= 0)
    close(tailDescriptor);
  if (descriptor < 0)
    return;
  close(descriptor);
  std::remove(temporary.c_str());
}

bool SafetensorsWriter::open(const std::string &path, uint64_t headerBytes,
                             std::string &error) {
  this->path = path;
  if (!findOutput(this->path, error))
    return false;
  temporary = this->path + ".tmp" + std::to_string(getpid());
  descriptor =
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0) {
    error = "cannot create '" + temporary + "': " + std::strerror(errno);
    return false;
  }
  dataStart = (8 + headerBytes + 63) / 64 * 64;
  return true;
}

bool SafetensorsWriter::append(const std::string &name, const Array &array,
                               std::string &error) {
  TensorInfo tensor{name, array.element, array.shape, dataBytes,
                    array.data.size};
  bool isTail = array.data.size % 8 != 0;
  if (isTail && tailDescriptor < 0) {
    std::string file = temporary + ".tail";
    tailDescriptor =
        ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (tailDescriptor < 0) {
      error = "cannot create '" + file + "': " + std::strerror(errno);
      return false;
    }
    unlink(file.c_str());
  }
  if (isTail)
    tensor.offset = tailBytes;
  if (!writeAt(isTail ? tailDescriptor : descriptor,
               isTail ? tailBytes : dataStart + dataBytes, array.data.data,
               array.data.size, error)) {
    error = "cannot write '" + temporary + "': " + error;
    return false;
  }
  (isTail ? tailBytes : dataBytes) += array.data.size;
  (isTail ? tail : tensors).push_back(std::move(tensor));
  return true;
}

/// Moves what waited to the end, the largest elements first.
bool SafetensorsWriter::appendTail(std::string &error) {
  std::stable_sort(
      tail.begin(), tail.end(), [](const TensorInfo &a, const TensorInfo &b) {
        return getElementBytes(a.element) > getElementBytes(b.element);
      });
  std::vector<uint8_t> buffer;
  for (TensorInfo &tensor : tail) {
    for (uint64_t done = 0; done < tensor.bytes; done += buffer.size()) {
      buffer.resize(std::min<uint64_t>(tensor.bytes - done, 1 << 20));
      if (!readAt(tailDescriptor, tensor.offset + done, buffer.data(),
                  buffer.size(), error) ||
          !writeAt(descriptor, dataStart + dataBytes + done, buffer.data(),
                   buffer.size(), error))
        return false;
    }
    tensor.offset = dataBytes;
    dataBytes += tensor.bytes;
    tensors.push_back(std::move(tensor));
  }
  return true;
}

bool SafetensorsWriter::commit(const Metadata &metadata, std::string &error) {
  std::string header;
  if (!appendTail(error)) {
    error = "cannot write '" + temporary + "': " + error;
    return false;
  }
  if (!printSafetensorsHeader(tensors, metadata, dataStart, header, error))
    return false;
  if (!writeAt(descriptor, 0, header.data(), header.size(), error)) {
    error = "cannot write '" + temporary + "': " + error;
    return false;
  }
  int closed = close(descriptor);
  descriptor = -1;
  if (closed != 0)
    error = "cannot write '" + temporary + "': " + std::strerror(errno);
  else if (moveIntoPlace(temporary, path, error))
    return true;
  std::remove(temporary.c_str());
  return false;
}
