//===- Workspace.h - Temporaries that share memory --------------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_RUNTIME_WORKSPACE_H
#define QUANTMLIR_LIB_RUNTIME_WORKSPACE_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace quantmlir::runtime {

/// A piece of memory that is needed from launch `firstUse` to `lastUse`.
struct WorkspaceItem {
  uint64_t bytes;
  uint64_t alignment;
  size_t firstUse;
  size_t lastUse;
  /// Result: bytes from the start of the workspace.
  uint64_t offset;
};

/// Gives every item an offset such that items alive at the same time do not
/// overlap, and computes the bytes of the whole: largest items first, each in
/// the lowest gap that fits. False if the total exceeds 2^63 bytes.
///
/// Sharing is safe with dependent launch as well: a kernel may start before the
/// one ahead of it has ended, but writes nothing before griddepcontrol.wait.
bool packWorkspace(std::vector<WorkspaceItem> &items, uint64_t &totalBytes);

} // namespace quantmlir::runtime

#endif // QUANTMLIR_LIB_RUNTIME_WORKSPACE_H
