//===- StagedDirectory.cpp - A directory that appears whole ---------------===//

#include "quantmlir/Pipelines/StagedDirectory.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace quantmlir;

static Error makeError(const Twine &what, std::error_code code) {
  return createStringError(code, what + ": " + code.message());
}

/// Whether `text`, an object in JSON, says that its own "format" is `format`.
/// It is not parsed: of a whole model it has megabytes, and each of its objects
/// would be a hash table.
static bool hasFormat(StringRef text, StringRef format) {
  if (!text.ltrim().starts_with("{"))
    return false;
  int64_t depth = 0;
  while (!text.empty()) {
    char c = text.front();
    if (c != '"') {
      depth += c == '{' || c == '[';
      depth -= c == '}' || c == ']';
      text = text.drop_front();
      continue;
    }
    size_t end = 1;
    while (end < text.size() && text[end] != '"')
      end += text[end] == '\\' ? 2 : 1;
    if (end >= text.size())
      return false;
    bool isFormat = depth == 1 && text.slice(1, end) == "format";
    text = text.drop_front(end + 1);
    StringRef value = text.ltrim();
    if (isFormat && value.consume_front(":")) {
      value = value.ltrim();
      return value.consume_front("\"") && value.consume_front(format) &&
             value.starts_with("\"");
    }
  }
  return false;
}

/// Whether `directory` holds the file that makes it one of `kind`.
static bool isOfKind(StringRef directory, const StagedDirectory::Kind &kind) {
  SmallString<128> path(directory);
  sys::path::append(path, kind.index);
  if (!sys::fs::is_regular_file(path))
    return false;
  ErrorOr<std::unique_ptr<MemoryBuffer>> file = MemoryBuffer::getFile(path);
  return file && hasFormat((*file)->getBuffer(), kind.format);
}

Expected<StagedDirectory> StagedDirectory::create(StringRef path,
                                                  const Kind &kind) {
  auto refuse = [](std::errc code, const Twine &message) {
    return createStringError(std::make_error_code(code), message);
  };
  if (path.empty())
    return refuse(std::errc::invalid_argument,
                  kind.name + " is a directory: it needs a name");
  StagedDirectory directory;
  // "dir/" names the same directory as "dir".
  SmallString<128> &target = directory.target;
  target = path;
  while (target.size() > 1 && sys::path::is_separator(target.back()))
    target.pop_back();
  directory.exists = sys::fs::exists(target);
  // A link stays, and what it leads to is replaced.
  if (sys::fs::is_symlink_file(Twine(target))) {
    SmallString<128> real;
    if (std::error_code code = sys::fs::real_path(target, real))
      return makeError("cannot follow the link " + target, code);
    target = real;
  }
  if (directory.exists && !isOfKind(target, kind))
    return refuse(std::errc::file_exists,
                  target + " exists and is not " + kind.name);
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
    if (std::error_code code =
            sys::fs::remove_directories(old, /*IgnoreErrors=*/false))
      return makeError("cannot remove what was at " + target + ", now " + old,
                       code);
  return Error::success();
}
