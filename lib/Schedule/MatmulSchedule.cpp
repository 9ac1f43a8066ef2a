//===- MatmulSchedule.cpp - What every kernel family asks -----------------===//

#include "quantmlir/Schedule/MatmulSchedule.h"

#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"
#include "quantmlir/Schedule/Families.h"

#include <numeric>

using namespace mlir;
using namespace quantmlir::quant_tile;
using quantmlir::quant_tensor::FragmentLayout;
using quantmlir::quant_tensor::LayoutAttr;
using quantmlir::quant_tensor::LayoutKind;
using quantmlir::quant_tensor::ScaledMatmulOp;

namespace quantmlir::schedule {

Contraction Contraction::get(ScaledMatmulOp op) {
  auto lhs = cast<RankedTensorType>(op.getLhs().getType());
  auto rhs = cast<RankedTensorType>(op.getRhs().getType());
  Contraction result;
  result.encoding = op.getRhsEncoding();
  int64_t numBatchDims = op.getNumBatchDims();
  auto product = [](ArrayRef<int64_t> extents) {
    int64_t result = 1;
    for (int64_t extent : extents)
      result = ShapedType::isDynamic(extent) || ShapedType::isDynamic(result)
                   ? ShapedType::kDynamic
                   : result * extent;
    return result;
  };
  result.batch = product(lhs.getShape().take_front(numBatchDims));
  result.m = product(lhs.getShape().drop_front(numBatchDims).drop_back());
  result.n = rhs.getDimSize(numBatchDims);
  result.k = rhs.getShape().back();
  if (ShapedType::isDynamic(result.k))
    result.k = lhs.getShape().back();
  result.lhsElement = lhs.getElementType();
  result.rhsElement = rhs.getElementType();
  result.resultElement = op.getInit().getType().getElementType();
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
  bool hasRows = m != 1 || (!encoding && (n != 1 || batch != 1));
  return hasRows ? getTileCopyBytes() : 16;
}

int64_t Contraction::getTileCopyBytes() const {
  return ShapedType::isDynamic(k) ? 16
                                  : std::gcd<int64_t>(16, k * getLhsBytes());
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

std::string whyNotWeights(const Contraction &c, ScheduleAttr schedule) {
  if (static_cast<bool>(schedule.getWeights()) != static_cast<bool>(c.encoding))
    return llvm::formatv("{0} reads {1}",
                         stringifyKernelFamily(schedule.getFamily()),
                         c.encoding ? "encoded weights in fragment layout"
                                    : "plain weights row major");
  if (!c.encoding)
    return "";
  return FragmentLayout::whyNot(c.encoding.getStorageBits(),
                                schedule.getWeights().getTile());
}

std::string whyNotShape(const Contraction &c) {
  if (!c.n || !c.k)
    return "the weights have no elements";
  if (c.encoding && (ShapedType::isDynamic(c.n) || ShapedType::isDynamic(c.k)))
    return "the shape of the encoded weights is dynamic";
  return "";
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

int64_t getSharedMemory(const Contraction &c, ScheduleAttr schedule) {
  const Family *family = lookupFamily(schedule.getFamily());
  return family ? family->getSharedMemory(c, schedule) : 0;
}

/// The error bound that kernels of `schedule` keep, whatever it says.
static ContractAttr getOwnContract(const Contraction &c, const Chip &chip,
                                   ScheduleAttr schedule) {
  ContractAttr exact = ContractAttr::get(schedule.getContext(), 0.0, 0.0, 0.0);
  const Family *family = lookupFamily(schedule.getFamily());
  if (!family)
    return exact;
  if (family->getContract)
    return family->getContract(c, schedule);
  ContractAttr own = family->choose(c, chip, /*maxM=*/0).getContract();
  return own ? own : exact;
}

ContractAttr getContract(const Contraction &c, const Chip &chip,
                         ScheduleAttr schedule) {
  if (ContractAttr stated = schedule.getContract())
    return stated;
  return getOwnContract(c, chip, schedule);
}

/// Why kernels cannot keep the error bound that `schedule` states.
static std::string whyNotContract(const Contraction &c, const Chip &chip,
                                  ScheduleAttr schedule) {
  ContractAttr stated = schedule.getContract();
  if (!stated)
    return "";
  ContractAttr own = getOwnContract(c, chip, schedule);
  struct Part {
    StringRef name;
    double stated, own;
  };
  for (Part part :
       {Part{"u_acc", stated.getUAcc(), own.getUAcc()},
        {"u_decode", stated.getUDecode(), own.getUDecode()},
        {"offset", std::abs(stated.getOffset()), std::abs(own.getOffset())}})
    if (part.stated < part.own)
      return llvm::formatv(
          "contract promises {0} = {1}, but {2} keeps {3}", part.name,
          part.stated, stringifyKernelFamily(schedule.getFamily()), part.own);
  return "";
}

std::string whyNotRegisters(int64_t registers, int64_t threads) {
  // An SM has 64 Ki registers, dealt out by eights; a thread can name 255. What
  // a kernel takes is estimated, so the estimate must leave some room.
  constexpr int64_t kRegisters = 64 * 1024, kMost = 255, kRoom = 16;
  int64_t most = std::min(kRegisters / threads / 8 * 8, kMost);
  if (registers <= most - kRoom)
    return "";
  return llvm::formatv("schedule needs about {0} registers in each of {1} "
                       "threads, which have {2}",
                       registers, threads, most);
}

std::string whyNotSchedule(const Contraction &c, const Chip &chip,
                           ScheduleAttr schedule) {
  if (schedule.getChip().getValue() != chip.name)
    return llvm::formatv(
        "schedule is for chip \"{0}\", but the target is \"{1}\"",
        schedule.getChip().getValue(), chip.name);
  const Family *family = lookupFamily(schedule.getFamily());
  if (!family)
    return "";
  StringRef name = stringifyKernelFamily(schedule.getFamily());
  if (std::string why = whyNotFamily(*family, c, chip); !why.empty())
    return llvm::formatv("{0} cannot compute this: {1}", name, why);
  if (std::string why = family->whyNotSchedule(c, chip, schedule); !why.empty())
    return why;
  if (std::string why = whyNotContract(c, chip, schedule); !why.empty())
    return why;
  int64_t copyBytes = schedule.getFamily() == KernelFamily::MmaSync
                          ? c.getTileCopyBytes()
                          : c.getCopyBytes();
  if (schedule.getCopy() > copyBytes)
    return llvm::formatv("copies of {0} bytes need rows aligned to them, but "
                         "rows of {1} x '{2}' are aligned to {3}",
                         schedule.getCopy(), c.k, c.lhsElement, copyBytes);
  int64_t bytes = family->getSharedMemory(c, schedule);
  if (bytes > chip.sharedMemory)
    return llvm::formatv("schedule needs {0} bytes of shared memory, {1} has "
                         "{2}",
                         bytes, chip.name, chip.sharedMemory);
  return "";
}

LogicalResult verifySchedule(const Contraction &contraction, const Chip &chip,
                             ScheduleAttr schedule,
                             function_ref<InFlightDiagnostic()> emitError) {
  if (std::string why = whyNotSchedule(contraction, chip, schedule);
      !why.empty())
    return emitError() << why;
  return success();
}

} // namespace quantmlir::schedule
