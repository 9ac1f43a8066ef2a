//===- MatmulSchedule.cpp - What every kernel family asks -----------------===//

#include "quantmlir/Schedule/MatmulSchedule.h"

#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"

#include <numeric>

using namespace mlir;
using namespace quantmlir::quant_tile;
using quantmlir::quant_tensor::FragmentLayout;
using quantmlir::quant_tensor::LayoutAttr;
using quantmlir::quant_tensor::LayoutKind;
using quantmlir::quant_tensor::ScaledMatmulOp;

namespace quantmlir::schedule {

FailureOr<Contraction> Contraction::get(ScaledMatmulOp op) {
  auto lhs = cast<RankedTensorType>(op.getLhs().getType());
  auto rhs = cast<RankedTensorType>(op.getRhs().getType());
  if (!rhs.hasStaticShape())
    return op.emitOpError()
           << "has weights of dynamic shape, for which there is no kernel: "
           << rhs;
  Contraction result;
  result.m = 1;
  for (int64_t extent : lhs.getShape().drop_back())
    result.m = ShapedType::isDynamic(extent) || ShapedType::isDynamic(result.m)
                   ? ShapedType::kDynamic
                   : result.m * extent;
  result.n = rhs.getDimSize(0);
  result.k = rhs.getDimSize(1);
  if (!result.n || !result.k)
    return op.emitOpError() << "has weights without elements, for which there "
                               "is no kernel: "
                            << rhs;
  result.lhsElement = lhs.getElementType();
  result.rhsElement = rhs.getElementType();
  result.encoding = op.getRhsEncoding();
  return result;
}

int64_t Contraction::getGroup() const {
  return encoding ? encoding.getBlockExtent(1, k) : k;
}

int64_t Contraction::getLhsBytes() const {
  return llvm::divideCeil(lhsElement.getIntOrFloatBitWidth(), 8);
}

int64_t Contraction::getCopyBytes() const {
  // A single row is aligned as its buffer is; encoded weights come in whole
  // tiles, but plain ones are rows of the same width as the activations'.
  bool hasRows = m != 1 || (!encoding && n != 1);
  return hasRows ? std::gcd<int64_t>(16, k * getLhsBytes()) : 16;
}

LayoutAttr Contraction::getWeightLayout() const {
  if (!encoding)
    return {};
  int64_t columns =
      FragmentLayout::getPreferredColumns(encoding.getStorageBits());
  return LayoutAttr::get(encoding.getContext(), LayoutKind::Fragment,
                         /*word=*/0, /*axis=*/-1, /*order=*/{},
                         /*halves=*/false, /*permutation=*/{},
                         {FragmentLayout::rows, columns});
}

std::string whyNoDecode(const Contraction &c) {
  if (c.encoding.getCodebook())
    return "a codebook has no decode";
  // Decodes to bf16, through which `reduce` reads all codes exactly, are
  // those to f16 too.
  Type bf16 = BFloat16Type::get(c.encoding.getContext());
  if (!DecodeOp::isSupported(c.encoding.getStorage(), bf16))
    return llvm::formatv("storage {0} has no decode, expected i2, i4, i8, ui2, "
                         "ui4, ui8, f8E4M3FN, f8E5M2 or f4E2M1FN",
                         c.encoding.getStorage());
  return "";
}

LogicalResult verifySchedule(const Contraction &contraction, const Chip &chip,
                             ScheduleAttr schedule,
                             function_ref<InFlightDiagnostic()> emitError) {
  if (schedule.getChip().getValue() != chip.name)
    return emitError() << "schedule is for chip " << schedule.getChip()
                       << ", but the target is \"" << chip.name << '"';
  if (schedule.getFamily() == KernelFamily::Plain)
    return success();
  std::string why = schedule.getFamily() == KernelFamily::Reduce
                        ? whyNotReduce(contraction)
                        : whyNotMmaSync(contraction);
  StringRef family = stringifyKernelFamily(schedule.getFamily());
  if (!why.empty())
    return emitError() << family << " cannot compute this: " << why;
  if (static_cast<bool>(schedule.getWeights()) !=
      static_cast<bool>(contraction.encoding))
    return emitError() << family << " reads "
                       << (contraction.encoding
                               ? "encoded weights in fragment layout"
                               : "plain weights row major");
  if (contraction.encoding &&
      failed(FragmentLayout::verify(emitError,
                                    contraction.encoding.getStorageBits(),
                                    schedule.getWeights().getTile())))
    return failure();
  if (schedule.getCopy() > contraction.getCopyBytes())
    return emitError() << "copies of " << schedule.getCopy()
                       << " bytes need rows aligned to them, but rows of "
                       << contraction.k << " x " << contraction.lhsElement
                       << " are aligned to " << contraction.getCopyBytes();
  if (schedule.getFamily() == KernelFamily::MmaSync) {
    int64_t panel = 128 / contraction.getLhsBytes();
    if (schedule.getTileK() % (panel * schedule.getWarpsK()))
      return emitError() << "tile k = " << schedule.getTileK()
                         << " does not give each warp along k a multiple of "
                         << panel << " columns (128 bytes)";
  }
  int64_t bytes = getSharedMemory(contraction, schedule);
  if (bytes > chip.sharedMemory)
    return emitError() << "schedule needs " << bytes
                       << " bytes of shared memory, " << chip.name << " has "
                       << chip.sharedMemory;
  return success();
}

} // namespace quantmlir::schedule
