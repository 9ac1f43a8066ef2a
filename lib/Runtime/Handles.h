//===- Handles.h - From C handles to objects --------------------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_RUNTIME_HANDLES_H
#define QUANTMLIR_LIB_RUNTIME_HANDLES_H

#include "Executable.h"

#include <exception>
#include <new>

// A handle shares ownership, so that handles may be destroyed in any order.
struct QuantmlirRtArtifact {
  std::shared_ptr<const quantmlir::runtime::Artifact> object;
};
struct QuantmlirRtPlan {
  std::shared_ptr<const quantmlir::runtime::Plan> object;
};
struct QuantmlirRtContext {
  std::shared_ptr<const quantmlir::runtime::Context> object;
};
struct QuantmlirRtExecutable {
  std::shared_ptr<const quantmlir::runtime::Executable> object;
};

namespace quantmlir::runtime {

/// Remembers a failure for quantmlirRtGetLastErrorMessage and returns its code.
QuantmlirRtStatus report(Status status) noexcept;

/// Runs one C entry point: no exception gets past it.
template <typename Body> QuantmlirRtStatus guarded(Body body) noexcept {
  try {
    return report(body());
  } catch (const std::bad_alloc &) {
    return report(Status(QUANTMLIR_RT_OUT_OF_MEMORY, "out of host memory"));
  } catch (const std::exception &error) {
    return report(Status(QUANTMLIR_RT_INTERNAL_ERROR, error.what()));
  }
}

/// Runs `create(shared)` and hands the object to a new handle.
template <typename Handle, typename Create>
Status makeHandle(Handle **result, Create create) {
  auto handle = std::make_unique<Handle>();
  if (Status status = create(handle->object); !status.ok())
    return status;
  *result = handle.release();
  return Status();
}

} // namespace quantmlir::runtime

#endif // QUANTMLIR_LIB_RUNTIME_HANDLES_H
