//===- AtomicFile.h - A file that appears whole or not at all ---*- C++ -*-===//

#ifndef QUANTMLIR_LIB_RUNTIME_IO_ATOMICFILE_H
#define QUANTMLIR_LIB_RUNTIME_IO_ATOMICFILE_H

#include <cstdio>
#include <string>

namespace quantmlir::io {

/// Writes beside `path`; commit() renames. Without it nothing is left behind.
class AtomicFile {
public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;

  /// Errors are kept for commit().
  void write(const void *data, size_t size);
  void write(const std::string &text) { write(text.data(), text.size()); }
  bool commit(std::string &message);

private:
  std::string path;
  std::string temporary;
  std::string error;
  std::FILE *file = nullptr;
};

} // namespace quantmlir::io

#endif // QUANTMLIR_LIB_RUNTIME_IO_ATOMICFILE_H
