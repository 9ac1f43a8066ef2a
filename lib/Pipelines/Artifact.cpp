//===- Artifact.cpp - The artifact's directory ----------------------------===//

#include "quantmlir/Pipelines/Compile.h"

#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

using namespace llvm;
using namespace quantmlir;

static Error makeError(const Twine &what, std::error_code code) {
  return createStringError(code, what + ": " + code.message());
}

Error quantmlir::writeArtifact(const Artifact &artifact, StringRef path) {
  // "dir/" names the same directory as "dir".
  SmallString<128> target(path);
  while (target.size() > 1 && sys::path::is_separator(target.back()))
    target.pop_back();
  SmallString<128> manifest(target);
  sys::path::append(manifest, "manifest.json");
  bool exists = sys::fs::exists(target);
  if (exists && !sys::fs::exists(manifest))
    return createStringError(std::make_error_code(std::errc::file_exists),
                             target + " exists and is not an artifact");

  SmallString<128> staging;
  sys::fs::createUniquePath(target + ".tmp%%%%%%", staging,
                            /*MakeAbsolute=*/false);
  if (std::error_code code = sys::fs::create_directory(staging, false))
    return makeError("cannot create " + staging, code);
  auto fail = [&](const Twine &what, std::error_code code) {
    Error error = makeError(what, code);
    sys::fs::remove_directories(staging);
    return error;
  };
  for (const ArtifactFile &file : artifact.files) {
    SmallString<128> name(staging);
    sys::path::append(name, file.name);
    std::error_code code;
    raw_fd_ostream stream(name, code);
    if (!code) {
      stream << file.contents;
      stream.close();
      code = stream.error();
      stream.clear_error();
    }
    if (code)
      return fail("cannot write " + name, code);
  }
  // A directory cannot be renamed onto a full one: the old artifact steps
  // aside first.
  SmallString<128> old(staging);
  old += ".old";
  if (exists)
    if (std::error_code code = sys::fs::rename(target, old))
      return fail("cannot move " + target, code);
  if (std::error_code code = sys::fs::rename(staging, target)) {
    if (exists)
      sys::fs::rename(old, target);
    return fail("cannot rename to " + target, code);
  }
  if (exists)
    sys::fs::remove_directories(old);
  return Error::success();
}

std::string quantmlir::findPTXAssembler() {
  if (const char *chosen = std::getenv("QUANTMLIR_PTXAS"))
    return chosen;
  SmallVector<std::string> folders;
  for (const char *variable : {"CUDA_HOME", "CUDA_PATH"})
    if (const char *root = std::getenv(variable))
      folders.push_back(std::string(root) + "/bin");
  for (const std::string &folder : folders)
    if (ErrorOr<std::string> found =
            sys::findProgramByName("ptxas", {StringRef(folder)}))
      return *found;
  if (ErrorOr<std::string> found = sys::findProgramByName("ptxas"))
    return *found;
  if (ErrorOr<std::string> found =
          sys::findProgramByName("ptxas", {"/usr/local/cuda/bin"}))
    return *found;
  return {};
}
