//===- TestArtifact.h - A small valid artifact to break ---------*- C++ -*-===//

#ifndef QUANTMLIR_TEST_UNIT_RUNTIME_TESTARTIFACT_H
#define QUANTMLIR_TEST_UNIT_RUNTIME_TESTARTIFACT_H

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace quantmlir::test {

using Json = nlohmann::json;

/// A function `linear` with one dynamic dimension d0, three steps (the last for
/// d0 > 8 only), every role of buffer and every kind of argument; its weights
/// are prepared by `linear.prepare`.
Json makeManifest();

/// PTX with the kernels of makeManifest().
std::string makePTX();

/// A directory in the test's temporary folder, removed with the object.
class TemporaryDirectory {
public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory &) = delete;
  TemporaryDirectory &operator=(const TemporaryDirectory &) = delete;

  const std::string &path() const { return directory; }
  std::string file(const std::string &name) const {
    return directory + "/" + name;
  }
  void write(const std::string &name, const std::string &contents) const;

private:
  std::string directory;
};

/// Fills in the sizes and checksums of the files and writes them all.
void writeArtifact(const TemporaryDirectory &directory, Json manifest,
                   const std::string &ptx = makePTX());

} // namespace quantmlir::test

#endif // QUANTMLIR_TEST_UNIT_RUNTIME_TESTARTIFACT_H
