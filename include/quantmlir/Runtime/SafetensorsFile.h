//===- SafetensorsFile.h - Safetensors, a tensor at a time ------*- C++ -*-===//
//
// For files that are larger than memory: nothing is mapped, and a tensor's
// bytes are in memory only while its array is.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_RUNTIME_SAFETENSORSFILE_H
#define QUANTMLIR_RUNTIME_SAFETENSORSFILE_H

#include "quantmlir/Runtime/ArrayIO.h"

namespace quantmlir::io {

/// What a file says of one of its tensors.
struct TensorInfo {
  std::string name;
  /// MLIR's spelling, one of getElementBytes's types.
  std::string element;
  std::vector<int64_t> shape;
  /// From the start of the data.
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

/// A file open for reading.
class SafetensorsReader {
public:
  SafetensorsReader() = default;
  ~SafetensorsReader();
  SafetensorsReader(SafetensorsReader &&other);
  SafetensorsReader &operator=(SafetensorsReader &&other);

  /// Reads and checks the header. False sets `error`, which names the file.
  bool open(const std::string &path, std::string &error);
  /// In the order of their data.
  const std::vector<TensorInfo> &getTensors() const { return tensors; }
  const Metadata &getMetadata() const { return metadata; }
  /// Null where there is none of that name.
  const TensorInfo *find(const std::string &name) const;
  /// Reads a tensor into memory of its own.
  bool read(const TensorInfo &tensor, Array &array, std::string &error) const;

private:
  std::string path;
  int descriptor = -1;
  uint64_t dataStart = 0;
  std::vector<TensorInfo> tensors;
  std::map<std::string, size_t> indices;
  Metadata metadata;
};

/// A file that is written a tensor at a time, before it is known which will
/// come. It appears at its path with commit(); without it nothing is left
/// behind. Every tensor is aligned to its element.
class SafetensorsWriter {
public:
  SafetensorsWriter() = default;
  ~SafetensorsWriter();
  SafetensorsWriter(const SafetensorsWriter &) = delete;
  SafetensorsWriter &operator=(const SafetensorsWriter &) = delete;

  /// Keeps `headerBytes` free for the header; more than it needs does no harm.
  bool open(const std::string &path, uint64_t headerBytes, std::string &error);
  bool append(const std::string &name, const Array &array, std::string &error);
  /// Fails where the header does not fit.
  bool commit(const Metadata &metadata, std::string &error);

  /// At least what the header takes for a tensor with a name of this length.
  static uint64_t estimateHeaderBytes(size_t nameBytes) {
    return 2 * nameBytes + 300;
  }

private:
  bool appendTail(std::string &error);

  std::string path, temporary;
  int descriptor = -1;
  uint64_t dataStart = 0, dataBytes = 0;
  std::vector<TensorInfo> tensors;
  /// Tensors that would leave the next one unaligned wait in a file without a
  /// name, and come last.
  int tailDescriptor = -1;
  uint64_t tailBytes = 0;
  std::vector<TensorInfo> tail;
};

} // namespace quantmlir::io

#endif // QUANTMLIR_RUNTIME_SAFETENSORSFILE_H
