//===- Families.cpp - The kernel families and their schedules -------------===//

#include "quantmlir/Schedule/Families.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace quantmlir::quant_tile;

namespace quantmlir::schedule {

static constexpr Family kFamilies[] = {
    {KernelFamily::Reduce,
     [](const Contraction &c, const Chip &) { return whyNotReduce(c); },
     chooseReduce, enumerateReduce, whyNotReduceSchedule, getReduceSharedMemory,
     getReduceContract},
    {KernelFamily::MmaSync,
     [](const Contraction &c, const Chip &chip) {
       return whyNotMmaSync(c, &chip);
     },
     chooseMmaSync, enumerateMmaSync, whyNotMmaSyncSchedule,
     getMmaSyncSharedMemory, getMmaSyncContract, /*takesAnyWeights=*/true},
    {KernelFamily::MmaStream,
     [](const Contraction &c, const Chip &) { return whyNotMmaStream(c); },
     chooseMmaStream, enumerateMmaStream, whyNotMmaStreamSchedule,
     getMmaStreamSharedMemory, getMmaStreamContract},
    {KernelFamily::Wgmma, whyNotWgmma, chooseWgmma, enumerateWgmma,
     whyNotWgmmaSchedule, getWgmmaSharedMemory, getWgmmaContract},
    {KernelFamily::WgmmaDecode, whyNotWgmmaDecode, chooseWgmmaDecode,
     enumerateWgmmaDecode, whyNotWgmmaDecodeSchedule,
     getWgmmaDecodeSharedMemory, getWgmmaDecodeContract},
};

ArrayRef<Family> getFamilies() { return kFamilies; }

const Family *lookupFamily(KernelFamily kind) {
  const Family *family = llvm::find_if(
      kFamilies, [&](const Family &known) { return known.kind == kind; });
  return family == std::end(kFamilies) ? nullptr : family;
}

std::string whyNotFamily(const Family &family, const Contraction &c,
                         const Chip &chip) {
  if (std::string why = whyNotShape(c); !why.empty())
    return why;
  if (c.isBlockScaled() && family.kind != KernelFamily::Wgmma)
    return "scales of both operands change along K, which only wgmma takes";
  if (!family.takesAnyWeights) {
    if (c.batch != 1)
      return "each batch has weights of its own";
    if (ShapedType::isDynamic(c.n) || ShapedType::isDynamic(c.k))
      return "the shape of the weights is dynamic";
  }
  return family.whyNot(c, chip);
}

SmallVector<ScheduleAttr> enumerateSchedules(const Contraction &contraction,
                                             const Chip &chip, int64_t maxM) {
  llvm::SetVector<ScheduleAttr> result;
  for (const Family &family : kFamilies) {
    if (!whyNotFamily(family, contraction, chip).empty())
      continue;
    SmallVector<ScheduleAttr> candidates = {
        family.choose(contraction, chip, maxM)};
    family.enumerate(contraction, chip, maxM, candidates);
    for (ScheduleAttr schedule : candidates)
      if (whyNotSchedule(contraction, chip, schedule).empty())
        result.insert(schedule);
  }
  return result.takeVector();
}

} // namespace quantmlir::schedule
