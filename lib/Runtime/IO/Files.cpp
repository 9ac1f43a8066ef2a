//===- Files.cpp - Files to read, and files that appear whole -------------===//

#include "Files.h"
#include "../RegularFile.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

using namespace quantmlir::io;

int quantmlir::io::openForReading(const std::string &path, uint64_t &size,
                                  std::string &error) {
  int descriptor = quantmlir::openRegularFile(path, size);
  if (descriptor < 0)
    error = errno == 0 ? "'" + path + "' is not a regular file"
                       : "cannot open '" + path + "': " + std::strerror(errno);
  return descriptor;
}

bool quantmlir::io::findOutput(std::string &path, std::string &error) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0)
    return true;
  if (S_ISLNK(info.st_mode)) {
    char real[PATH_MAX];
    if (!realpath(path.c_str(), real) || stat(real, &info) != 0) {
      error = "cannot follow the link '" + path + "': " + std::strerror(errno);
      return false;
    }
    path = real;
  }
  if (S_ISREG(info.st_mode))
    return true;
  error = "cannot write '" + path + "': it is there and no regular file";
  return false;
}

bool quantmlir::io::moveIntoPlace(const std::string &temporary,
                                  const std::string &path, std::string &error) {
  if (std::rename(temporary.c_str(), path.c_str()) == 0)
    return true;
  error = "cannot rename to '" + path + "': " + std::strerror(errno);
  return false;
}

AtomicFile::AtomicFile(std::string path) : path(std::move(path)) {
  if (!findOutput(this->path, error))
    return;
  temporary = this->path + ".tmp" + std::to_string(getpid());
  file = std::fopen(temporary.c_str(), "wbx");
  if (!file)
    error = "cannot create '" + temporary + "': " + std::strerror(errno);
}

AtomicFile::~AtomicFile() {
  if (!file)
    return;
  std::fclose(file);
  std::remove(temporary.c_str());
}

void AtomicFile::write(const void *data, size_t size) {
  if (!error.empty() || size == 0)
    return;
  if (std::fwrite(data, 1, size, file) != size)
    error = "cannot write '" + temporary + "': " + std::strerror(errno);
}

bool AtomicFile::commit(std::string &message) {
  bool closed = file && std::fclose(file) == 0;
  if (file && !closed && error.empty())
    error = "cannot write '" + temporary + "': " + std::strerror(errno);
  bool created = file != nullptr;
  file = nullptr;
  if (error.empty() && moveIntoPlace(temporary, path, error))
    return true;
  if (created)
    std::remove(temporary.c_str());
  message = error;
  return false;
}
