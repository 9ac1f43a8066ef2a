//===- RegularFile.h - Opening a file to read it whole ----------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_RUNTIME_REGULARFILE_H
#define QUANTMLIR_LIB_RUNTIME_REGULARFILE_H

#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace quantmlir {

/// Opens `path` for reading and gives its size; the caller closes the
/// descriptor. Returns -1 where that fails: then errno says why, and is 0 where
/// `path` is no regular file. Never waits, as opening a pipe would.
inline int openRegularFile(const std::string &path, uint64_t &size) {
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return -1;
  struct stat info;
  if (fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode)) {
    size = static_cast<uint64_t>(info.st_size);
    return descriptor;
  }
  close(descriptor);
  errno = 0;
  return -1;
}

} // namespace quantmlir

#endif // QUANTMLIR_LIB_RUNTIME_REGULARFILE_H
