//===- ManifestFuzzer.cpp - Any bytes as a manifest -----------------------===//
//
// A manifest that is accepted is also planned, at several dimensions: planning
// relies on everything that parsing has checked.
//
//===----------------------------------------------------------------------===//

#include "Plan.h"

#include <cstdlib>

using namespace quantmlir::runtime;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Manifest manifest;
  std::string_view text(reinterpret_cast<const char *>(data), size);
  if (!parseManifest(text, manifest).ok())
    return 0;
  std::shared_ptr<const Artifact> artifact =
      Artifact::create(std::move(manifest), {});
  const std::vector<Function> &functions = artifact->getManifest().functions;
  for (size_t i = 0; i < functions.size(); ++i) {
    for (int64_t value : {int64_t(0), int64_t(1), int64_t(300), INT64_MAX}) {
      std::vector<int64_t> dims(functions[i].dims.size(), value);
      std::shared_ptr<const Plan> plan;
      if (!Plan::create(artifact, i, dims.data(), dims.size(), plan).ok())
        continue;
      // What a launch takes for granted.
      for (const PlannedLaunch &launch : plan->getLaunches())
        if (launch.values.size() > Kernel::maxParameterBytes ||
            launch.offsets.size() > Kernel::maxParameters)
          std::abort();
      for (const PlannedBuffer &buffer : plan->getBuffers())
        if (buffer.workspaceOffset > plan->getWorkspaceBytes())
          std::abort();
    }
  }
  return 0;
}
