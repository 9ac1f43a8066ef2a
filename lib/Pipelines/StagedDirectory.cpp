//===- StagedDirectory.cpp - A directory that appears whole ---------------===//

#include "quantmlir/Pipelines/StagedDirectory.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace quantmlir;

static Error makeError(const Twine &what, std::error_code code) {
  return createStringError(code, what + ": " + code.message());
}

Expected<StagedDirectory>
StagedDirectory::create(StringRef path, StringRef marker, StringRef what) {
  StagedDirectory directory;
  // "dir/" names the same directory as "dir".
  SmallString<128> &target = directory.target;
  target = path;
  while (target.size() > 1 && sys::path::is_separator(target.back()))
    target.pop_back();
  SmallString<128> present(target);
  sys::path::append(present, marker);
  directory.exists = sys::fs::exists(target);
  if (directory.exists && !sys::fs::exists(present))
    return createStringError(std::make_error_code(std::errc::file_exists),
                             target + " exists and is not " + what);
  SmallString<128> staging;
  sys::fs::createUniquePath(target + ".tmp%%%%%%", staging,
                            /*MakeAbsolute=*/false);
  // Readable for others as far as the user's mask allows, as files are.
  if (std::error_code code =
          sys::fs::create_directory(staging, false, sys::fs::all_all))
    return makeError("cannot create " + staging, code);
  directory.staging = staging;
  return directory;
}

StagedDirectory::StagedDirectory(StagedDirectory &&other)
    : target(other.target), staging(other.staging), exists(other.exists) {
  other.staging.clear();
}

StagedDirectory::~StagedDirectory() {
  if (!staging.empty())
    sys::fs::remove_directories(staging);
}

Error StagedDirectory::write(StringRef name, StringRef contents) {
  SmallString<128> path(staging);
  sys::path::append(path, name);
  std::error_code code;
  raw_fd_ostream stream(path, code);
  if (!code) {
    stream << contents;
    stream.close();
    code = stream.error();
    stream.clear_error();
  }
  if (code)
    return makeError("cannot write " + path, code);
  return Error::success();
}

Error StagedDirectory::commit() {
  // A directory cannot be renamed onto a full one: the old one steps aside
  // first.
  SmallString<128> old(staging);
  old += ".old";
  if (exists)
    if (std::error_code code = sys::fs::rename(target, old))
      return makeError("cannot move " + target, code);
  if (std::error_code code = sys::fs::rename(staging, target)) {
    if (exists)
      sys::fs::rename(old, target);
    return makeError("cannot rename to " + target, code);
  }
  staging.clear();
  if (exists)
    sys::fs::remove_directories(old);
  return Error::success();
}
