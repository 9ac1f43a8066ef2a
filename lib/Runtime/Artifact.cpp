//===- Artifact.cpp - A loaded, checked artifact --------------------------===//

#include "Artifact.h"
#include "Crc32.h"
#include "PTXEntries.h"
#include "RegularFile.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

using namespace quantmlir::runtime;

/// A manifest of a whole model with thousands of kernels stays below this.
static constexpr uint64_t maxManifestBytes = uint64_t(64) << 20;

/// Reads a regular file of at most `maxBytes` bytes.
static Status readFile(const std::string &path, uint64_t maxBytes,
                       std::string &contents) {
  uint64_t size = 0;
  int descriptor = quantmlir::openRegularFile(path, size);
  if (descriptor < 0) {
    if (errno == 0)
      return invalidArgument("'", path, "' is not a regular file");
    QuantmlirRtStatus code = errno == ENOENT || errno == ENOTDIR
                                 ? QUANTMLIR_RT_NOT_FOUND
                                 : QUANTMLIR_RT_INVALID_ARGUMENT;
    return Status(code,
                  concat("cannot open '", path, "': ", std::strerror(errno)));
  }
  std::unique_ptr<FILE, int (*)(FILE *)> file(fdopen(descriptor, "rb"),
                                              std::fclose);
  if (!file) {
    close(descriptor);
    return Status(QUANTMLIR_RT_OUT_OF_MEMORY,
                  concat("cannot open '", path, "': ", std::strerror(errno)));
  }
  if (size > maxBytes)
    return malformed("'", path, "' has ", size, " bytes, more than the ",
                     maxBytes, " expected");
  contents.resize(size);
  if (std::fread(&contents[0], 1, contents.size(), file.get()) !=
      contents.size())
    return malformed("'", path, "' could not be read to its end");
  return Status();
}

/// Reads a file of the artifact and compares it with what the manifest says.
static Status readEntry(const std::string &directory, const FileEntry &entry,
                        std::string &contents) {
  std::string path = concat(directory, "/", entry.file);
  if (Status status = readFile(path, entry.bytes, contents); !status.ok())
    return status;
  if (contents.size() != entry.bytes)
    return malformed("'", path, "' has ", contents.size(),
                     " bytes; the manifest says ", entry.bytes);
  if (crc32(contents.data(), contents.size()) != entry.crc32)
    return malformed("'", path, "' does not match the manifest's checksum");
  return Status();
}

Status quantmlir::runtime::checkPTXMatchesManifest(std::string_view ptx,
                                                   const Manifest &manifest) {
  PTXModule module;
  if (Status status = scanPTX(ptx, module); !status.ok())
    return status;
  if (module.target != manifest.chip)
    return malformed("PTX for ", module.target, " in an artifact for ",
                     manifest.chip);
  for (const Kernel &kernel : manifest.kernels) {
    auto it = module.entries.find(kernel.name);
    if (it == module.entries.end())
      return malformed("kernel '", kernel.name, "' is missing in the PTX");
    const std::vector<PTXModule::Parameter> &parameters = it->second;
    if (parameters.size() != kernel.parameters.size())
      return malformed("kernel '", kernel.name, "' has ", parameters.size(),
                       " parameters in the PTX and ", kernel.parameters.size(),
                       " in the manifest");
    for (size_t i = 0; i < parameters.size(); ++i) {
      ParameterKind kind = kernel.parameters[i];
      if (parameters[i].bytes != getParameterBytes(kind) ||
          parameters[i].alignment < getParameterAlignment(kind))
        return malformed("parameter ", i, " of kernel '", kernel.name, "' has ",
                         parameters[i].bytes, " bytes aligned to ",
                         parameters[i].alignment, " in the PTX, which is no ",
                         getParameterKindName(kind));
    }
  }
  return Status();
}

Status Artifact::load(const std::string &directory,
                      std::shared_ptr<const Artifact> &result) {
  std::string path = concat(directory, "/manifest.json");
  std::string text;
  if (Status status = readFile(path, maxManifestBytes, text); !status.ok())
    return status;
  Manifest manifest;
  if (Status status = parseManifest(text, manifest); !status.ok())
    return Status(status.code(), concat(path, ": ", status.message()));

  std::vector<std::string> images;
  for (const Image &image : manifest.images) {
    std::string contents;
    if (Status status = readEntry(directory, image, contents); !status.ok())
      return status;
    if (image.kind == ImageKind::PTX) {
      if (Status status = checkPTXMatchesManifest(contents, manifest);
          !status.ok())
        return Status(status.code(), concat("'", directory, "/", image.file,
                                            "': ", status.message()));
    }
    images.push_back(std::move(contents));
  }
  // Files for others to read: checked here, not kept.
  ArtifactPaths paths;
  for (auto [entry, path] :
       {std::pair(&manifest.reference, &paths.reference),
        std::pair(&manifest.kernelsIR, &paths.kernelsIR),
        std::pair(&manifest.constants, &paths.constants)}) {
    if (!*entry)
      continue;
    std::string contents;
    if (Status status = readEntry(directory, **entry, contents); !status.ok())
      return status;
    *path = concat(directory, "/", (*entry)->file);
  }
  result = create(std::move(manifest), std::move(images), std::move(paths));
  return Status();
}

std::shared_ptr<const Artifact>
Artifact::create(Manifest manifest, std::vector<std::string> images,
                 ArtifactPaths paths) {
  auto artifact = std::make_shared<Artifact>();
  artifact->manifest = std::move(manifest);
  artifact->images = std::move(images);
  artifact->paths = std::move(paths);
  return artifact;
}

const std::string *Artifact::getImage(ImageKind kind) const {
  for (size_t i = 0; i < images.size(); ++i)
    if (manifest.images[i].kind == kind)
      return &images[i];
  return nullptr;
}
