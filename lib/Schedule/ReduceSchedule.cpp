//===- ReduceSchedule.cpp - Batch 1 on CUDA cores -------------------------===//

#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"
#include "quantmlir/Schedule/MatmulSchedule.h"

using namespace mlir;
using namespace quantmlir::quant_tile;
using quantmlir::quant_tensor::FragmentLayout;

namespace quantmlir::schedule {

std::string whyNotReduce(const Contraction &c) {
  if (!c.encoding)
    return "the weights are plain";
  if (!c.lhsElement.isF32() && !c.lhsElement.isF16() && !c.lhsElement.isBF16())
    return llvm::formatv("activations are {0}, expected f32, f16 or bf16",
                         c.lhsElement);
  return whyNoDecode(c);
}

ScheduleAttr chooseReduce(const Contraction &c, const Chip &chip,
                          int64_t maxM) {
  MLIRContext *context = c.encoding.getContext();
  // Eight warps share a row of weights along K, each with up to four 16-byte
  // loads in flight: 64 KiB per SM with four blocks resident, which covers
  // the latency of device memory.
  quant_tensor::LayoutAttr layout = c.getWeightLayout();
  int64_t columns = layout.getTile()[1];
  int64_t tiles = llvm::divideCeil(c.k, columns);
  int64_t warps = llvm::bit_floor<uint64_t>(std::min<int64_t>(8, tiles));
  int64_t stages =
      llvm::bit_floor<uint64_t>(std::clamp<int64_t>(tiles / warps, 1, 4));
  bool rounds =
      c.encoding.hasZeroPoint() && isa<FloatType>(c.encoding.getZeroPoint());
  auto contract = ContractAttr::get(context, std::ldexp(1.0, -24),
                                    rounds ? std::ldexp(1.0, -24) : 0.0, 0.0);
  return ScheduleAttr::get(context, KernelFamily::Reduce,
                           StringAttr::get(context, chip.name),
                           {1, FragmentLayout::rows, columns * warps},
                           {1, 1, warps}, stages, c.getCopyBytes(),
                           /*splitK=*/1, layout, maxM, contract);
}

} // namespace quantmlir::schedule
