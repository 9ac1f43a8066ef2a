//===- Artifact.h - A loaded, checked artifact ------------------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_RUNTIME_ARTIFACT_H
#define QUANTMLIR_LIB_RUNTIME_ARTIFACT_H

#include "Manifest.h"

#include <memory>

namespace quantmlir::runtime {

/// Files of an artifact that others read; empty where it lacks one.
struct ArtifactPaths {
  /// The program as MLIR bytecode.
  std::string reference;
  /// The kernels as MLIR bytecode.
  std::string kernelsIR;
  /// Values of weights as safetensors.
  std::string constants;
};

/// The manifest and the bytes of its images. Immutable once loaded.
class Artifact {
public:
  static Status load(const std::string &directory,
                     std::shared_ptr<const Artifact> &result);
  /// From parts that have been checked; `images` in the manifest's order.
  static std::shared_ptr<const Artifact> create(Manifest manifest,
                                                std::vector<std::string> images,
                                                ArtifactPaths paths = {});

  const Manifest &getManifest() const { return manifest; }
  /// The bytes of the image of this kind, or null.
  const std::string *getImage(ImageKind kind) const;
  const ArtifactPaths &getPaths() const { return paths; }

private:
  Manifest manifest;
  /// In the order of Manifest::images.
  std::vector<std::string> images;
  ArtifactPaths paths;
};

/// Checks that the PTX holds every kernel of the manifest, for its chip, with
/// parameters laid out as the manifest says.
Status checkPTXMatchesManifest(std::string_view ptx, const Manifest &manifest);

} // namespace quantmlir::runtime

#endif // QUANTMLIR_LIB_RUNTIME_ARTIFACT_H
