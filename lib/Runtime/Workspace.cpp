//===- Workspace.cpp - Temporaries that share memory ----------------------===//

#include "Workspace.h"
#include "Checked.h"

#include <algorithm>
#include <numeric>

using namespace quantmlir::runtime;

static bool areAliveTogether(const WorkspaceItem &a, const WorkspaceItem &b) {
  return a.firstUse <= b.lastUse && b.firstUse <= a.lastUse;
}

bool quantmlir::runtime::packWorkspace(std::vector<WorkspaceItem> &items,
                                       uint64_t &totalBytes) {
  std::vector<size_t> order(items.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return items[a].bytes != items[b].bytes ? items[a].bytes > items[b].bytes
                                            : a < b;
  });

  totalBytes = 0;
  // Items placed so far, by offset.
  std::vector<const WorkspaceItem *> placed;
  for (size_t index : order) {
    WorkspaceItem &item = items[index];
    uint64_t offset = 0;
    uint64_t end = 0;
    for (const WorkspaceItem *other : placed) {
      if (!areAliveTogether(item, *other))
        continue;
      if (!checkedAdd(offset, item.bytes, end))
        return false;
      if (end <= other->offset)
        break;
      if (!checkedAlign(std::max(offset, other->offset + other->bytes),
                        item.alignment, offset))
        return false;
    }
    if (!checkedAdd(offset, item.bytes, end) || end > uint64_t(INT64_MAX))
      return false;
    item.offset = offset;
    totalBytes = std::max(totalBytes, end);
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), &item,
                         [](const WorkspaceItem *a, const WorkspaceItem *b) {
                           return a->offset < b->offset;
                         }),
        &item);
  }
  return true;
}
