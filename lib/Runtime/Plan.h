//===- Plan.h - One function at fixed dimensions ----------------*- C++ -*-===//
//
// Everything a launch needs that does not depend on addresses, computed once so
// that the launch itself is a loop over driver calls.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_RUNTIME_PLAN_H
#define QUANTMLIR_LIB_RUNTIME_PLAN_H

#include "Artifact.h"
#include "TensorMap.h"

namespace quantmlir::runtime {

struct PlannedBuffer {
  std::vector<int64_t> shape;
  uint64_t bytes = 0;
  /// Where a temporary lies in the workspace.
  uint64_t workspaceOffset = 0;
};

/// A kernel launch whose parameters lie at `offsets` within `values`. Slots
/// named in `pointers` and `tensorMaps` are filled in by the launch.
struct PlannedLaunch {
  struct Pointer {
    uint32_t offset;
    uint32_t buffer;
  };
  struct Map {
    uint32_t offset;
    uint32_t buffer;
    TensorMapDescription description;
  };
  uint32_t kernel = 0;
  uint32_t grid[3] = {0, 0, 0};
  std::vector<uint8_t> values;
  std::vector<uint32_t> offsets;
  std::vector<Pointer> pointers;
  std::vector<Map> tensorMaps;
};

class Plan {
public:
  static Status create(std::shared_ptr<const Artifact> artifact,
                       size_t function, const int64_t *dims, size_t numDims,
                       std::shared_ptr<const Plan> &result);

  const Artifact &getArtifact() const { return *artifact; }
  const Function &getFunction() const {
    return artifact->getManifest().functions[function];
  }
  /// Its number in the manifest.
  size_t getFunctionIndex() const { return function; }
  const std::vector<PlannedBuffer> &getBuffers() const { return buffers; }
  const std::vector<PlannedLaunch> &getLaunches() const { return launches; }
  uint64_t getWorkspaceBytes() const { return workspaceBytes; }

private:
  Status planBuffers(const int64_t *dims);
  Status planStep(size_t stepIndex, const int64_t *dims);
  Status planArguments(const Step &step, const std::string &where,
                       const int64_t *dims, PlannedLaunch &launch);
  Status packTemporaries();

  std::shared_ptr<const Artifact> artifact;
  size_t function = 0;
  std::vector<PlannedBuffer> buffers;
  std::vector<PlannedLaunch> launches;
  uint64_t workspaceBytes = 0;
};

} // namespace quantmlir::runtime

#endif // QUANTMLIR_LIB_RUNTIME_PLAN_H
