//===- Files.h - Files to read, and files that appear whole -----*- C++ -*-===//

#ifndef QUANTMLIR_LIB_RUNTIME_IO_FILES_H
#define QUANTMLIR_LIB_RUNTIME_IO_FILES_H

#include <cstdint>
#include <cstdio>
#include <string>

namespace quantmlir::io {

/// Opens a regular file for reading and gives its size; -1 sets `error`. Never
/// waits, as opening a pipe would.
int openForReading(const std::string &path, uint64_t &size, std::string &error);

/// Finds the place of an output: `path`, or what it leads to where it is a
/// symbolic link. False sets `error`: only a regular file may be replaced, or
/// nothing be there.
bool findOutput(std::string &path, std::string &error);

/// Renames a file that is written to its place; false sets `error`.
bool moveIntoPlace(const std::string &temporary, const std::string &path,
                   std::string &error);

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

#endif // QUANTMLIR_LIB_RUNTIME_IO_FILES_H
