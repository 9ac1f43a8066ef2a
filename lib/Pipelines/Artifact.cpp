//===- Artifact.cpp - The artifact's directory ----------------------------===//

#include "quantmlir/Pipelines/Compile.h"

#include "quantmlir/Pipelines/StagedDirectory.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/Program.h"
#include <cstdlib>

using namespace llvm;
using namespace quantmlir;

Error quantmlir::writeArtifact(const Artifact &artifact, StringRef path) {
  Expected<StagedDirectory> directory = StagedDirectory::create(
      path, {"manifest.json", "quantmlir-artifact", "an artifact"});
  if (!directory)
    return directory.takeError();
  for (const ArtifactFile &file : artifact.files)
    if (Error error = directory->write(file.name, file.contents))
      return error;
  return directory->commit();
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
