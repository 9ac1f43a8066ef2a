//===- StagedDirectory.h - A directory that appears whole -------*- C++ -*-===//

#ifndef QUANTMLIR_PIPELINES_STAGEDDIRECTORY_H
#define QUANTMLIR_PIPELINES_STAGEDDIRECTORY_H

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Error.h"

namespace quantmlir {

/// A directory that is filled beside its place and then renamed to it, so that
/// nobody sees half of one. Removed again unless `commit` succeeds.
class StagedDirectory {
public:
  /// What a directory is known by, so that no other one is ever replaced.
  struct Kind {
    /// A file that each of them holds, and the "format" which that file, an
    /// object of JSON, gives.
    llvm::StringRef index, format;
    /// For messages: "an artifact".
    llvm::StringRef name;
  };

  /// Begins a directory that will be `path`, or what `path` leads to where it
  /// is a symbolic link. One of its kind that is there already is replaced;
  /// anything else there is an error.
  static llvm::Expected<StagedDirectory> create(llvm::StringRef path,
                                                const Kind &kind);

  StagedDirectory(StagedDirectory &&other);
  StagedDirectory &operator=(StagedDirectory &&other) = delete;
  ~StagedDirectory();

  /// Where the directory is until `commit`.
  llvm::StringRef getPath() const { return staging; }

  /// Writes a file of that name.
  llvm::Error write(llvm::StringRef name, llvm::StringRef contents);

  /// Puts the directory into its place.
  llvm::Error commit();

private:
  StagedDirectory() = default;

  llvm::SmallString<128> target, staging;
  bool exists = false;
};

} // namespace quantmlir

#endif // QUANTMLIR_PIPELINES_STAGEDDIRECTORY_H
