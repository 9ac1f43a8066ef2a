//===- MatmulSchedule.cpp - What every kernel family asks -----------------===//

#include "quantmlir/Schedule/MatmulSchedule.h"

#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"
#include "quantmlir/Schedule/Families.h"
#include "quantmlir/Schedule/WgmmaLayout.h"

#include <cmath>
#include <numeric>

using namespace mlir;
using namespace quantmlir::quant_tile;
using quantmlir::quant_tensor::FragmentLayout;
using quantmlir::quant_tensor::LayoutAttr;
using quantmlir::quant_tensor::LayoutKind;
using quantmlir::quant_tensor::ScaledMatmulOp;

namespace quantmlir::schedule {

/// Whether the epilogue of `op` takes more registers than scales do: operands
/// are asked for ahead, and what is no single instruction has temporaries.
static bool hasLargeEpilogue(ScaledMatmulOp op) {
  constexpr size_t scales = 2;
  if (op.getEpilogueArgs().size() > scales)
    return true;
  return llvm::any_of(
      op.getBodyRegion().front().without_terminator(), [](Operation &inner) {
        return !isa<arith::SIToFPOp, arith::UIToFPOp, arith::MulFOp,
                    arith::AddFOp, arith::SubFOp, arith::MaximumFOp,
                    arith::ExtFOp, arith::TruncFOp, arith::ConstantOp>(inner);
      });
}

/// Whether the epilogue of `op` reads a number of 32 bits for each result.
static bool readsWideMatrix(ScaledMatmulOp op) {
  return llvm::any_of(llvm::enumerate(op.getEpilogueArgs()), [&](auto indexed) {
    auto type = cast<RankedTensorType>(indexed.value().getType());
    return type.getElementTypeBitWidth() == 32 &&
           op.getEpilogueMap(indexed.index()).isPermutation();
  });
}

bool Contraction::isFloat8() const {
  return llvm::all_of(ArrayRef{lhsElement, rhsElement},
                      llvm::IsaPred<Float8E4M3FNType, Float8E5M2Type>);
}

Contraction Contraction::get(ScaledMatmulOp op, bool fastAccumulation) {
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
  result.numSums = op.getNumSums();
  result.k = rhs.getShape().back();
  if (ShapedType::isDynamic(result.k))
    result.k = lhs.getShape().back();
  result.lhsElement = lhs.getElementType();
  result.rhsElement = rhs.getElementType();
  result.resultElement = op.getInit().getType().getElementType();
  if (op.isBlockScaled()) {
    result.encoding = {};
    result.lhsBlocks = op.getLhsEncoding();
    result.rhsBlocks = op.getRhsEncoding();
    result.lhsElement = result.lhsBlocks.getStorage();
    result.rhsElement = result.rhsBlocks.getStorage();
  }
  result.hasLargeEpilogue = schedule::hasLargeEpilogue(op);
  result.readsWideMatrix = schedule::readsWideMatrix(op);
  result.fastAccumulation = fastAccumulation;
  return result;
}

int64_t Contraction::getGroup() const {
  return encoding ? encoding.getBlockExtent(1, k) : k;
}

bool Contraction::scalesDecoded() const {
  return encoding && !hasOneGroup() &&
         getGroup() % FragmentLayout::segmentColumns;
}

/// The least number, without its sign, of a type of codes, scales or zero
/// points: all others are its multiples.
static double getLeastNumber(Type type) {
  auto number = dyn_cast<FloatType>(type);
  return number ? llvm::APFloat::getSmallest(number.getFloatSemantics())
                      .convertToDouble()
                : 1.0;
}

bool Contraction::holdsScaledWeights() const {
  if (!lhsElement.isF16())
    return true;
  double scale = getLeastNumber(encoding.getScale());
  if (quant_tensor::CodebookAttr codebook = encoding.getCodebook()) {
    // Values with all of a significand, which have to remain normal.
    auto isNormal = [&](double value) {
      return value == 0.0 || std::abs(value) * scale >= 0x1p-14;
    };
    return llvm::all_of(codebook.getValues(), isNormal);
  }
  double code = getLeastNumber(encoding.getStorage());
  if (encoding.hasZeroPoint())
    code = std::min(code, getLeastNumber(encoding.getZeroPoint()));
  return code * scale >= 0x1p-24;
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

int64_t getColumnsOfDecode(int64_t columns, unsigned width) {
  constexpr int64_t kMost = 128;
  return 16 % width && columns % kMost == 0 ? std::min(columns, kMost)
                                            : columns;
}

int64_t getColumnsOfDecodedPart(const Contraction &c, int64_t columns,
                                int64_t warpgroups, bool scalesSums) {
  constexpr int64_t kFew = 64;
  if (decodesInFewRegisters(warpgroups, scalesSums) || mustScaleSums(c))
    return std::min(columns, kFew);
  int64_t decoded = getColumnsOfDecode(columns, c.encoding.getStorageBits());
  return scalesSums ? std::max(decoded, std::gcd(c.getGroup(), columns))
                    : decoded;
}

int64_t getColumnsOfActivations(const Contraction &c, int64_t tileM,
                                int64_t columns) {
  constexpr int64_t kFew = 64;
  int64_t decoded = getColumnsOfDecode(columns, c.encoding.getStorageBits());
  bool hasManyParameters =
      !c.hasOneGroup() && (c.encoding.hasZeroPoint() || c.getGroup() < 128);
  return tileM == 1 && hasManyParameters && decodesStreamedExactly(c)
             ? std::gcd(decoded, kFew)
             : decoded;
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
  quant_tensor::CodebookAttr codebook = c.encoding.getCodebook();
  if (codebook && codebook.getValues().size() > DecodeOp::maxCodebookValues)
    return llvm::formatv("a codebook of {0} values has no decode, expected up "
                         "to {1}",
                         codebook.getValues().size(),
                         DecodeOp::maxCodebookValues);
  // `reduce` decodes to bf16 whatever the activations are; what goes there
  // goes to f16 too, but for entries of a codebook past its range.
  Type element = c.lhsElement.isF16()
                     ? c.lhsElement
                     : Type(BFloat16Type::get(c.encoding.getContext()));
  if (!DecodeOp::isSupported(c.encoding.getStorage(), element, codebook))
    return llvm::formatv("storage {0} has no decode, expected i2 to i8, ui2 to "
                         "ui8, f8E4M3FN, f8E5M2 or f4E2M1FN",
                         c.encoding.getStorage());
  // Nothing is promised of more, be it that a value is past the range of
  // `element` or below it.
  constexpr double kMostError = 0.5;
  if (DecodeOp::getError(element, codebook) >= 1.0)
    return llvm::formatv("a value of the codebook is out of the range of {0}",
                         element);
  if (getWholeDecodeError(c, /*isScaled=*/true) >= kMostError)
    return llvm::formatv("a value of the codebook is too small for {0}",
                         element);
  return "";
}

/// Bits of the longest significand of a code and of a scale.
static int64_t getSignificand(Type type) {
  if (auto number = dyn_cast<FloatType>(type))
    return number.getFPMantissaWidth();
  return type.getIntOrFloatBitWidth();
}

double getWholeDecodeError(const Contraction &c, bool isScaled) {
  if (!c.encoding)
    return 0.0;
  int64_t bits = c.lhsElement.isF16() ? 11 : 8;
  double unit = std::ldexp(1.0, -bits);
  double error = DecodeOp::getError(c.lhsElement, c.encoding.getCodebook());
  int64_t length =
      c.encoding.getCodebook() ? bits : getSignificand(c.encoding.getStorage());
  // Differences of codes and integer zero points of up to 8 bits are exact;
  // others are rounded to the type of the activations.
  if (Type zeroPoint = c.encoding.getZeroPoint()) {
    bool isExact =
        isa<IntegerType>(zeroPoint) && zeroPoint.getIntOrFloatBitWidth() <= 8;
    length = isExact
                 ? std::max<int64_t>(length, zeroPoint.getIntOrFloatBitWidth())
                 : bits;
    if (!isExact)
      error += unit;
  }
  if (!isScaled)
    return error;
  int64_t scale = getSignificand(c.encoding.getScale());
  if (scale > bits)
    error += unit;
  if (length + scale > bits)
    error += unit;
  // Products of these.
  return error * (1 + 2 * unit);
}

ContractAttr getWholeContract(const Contraction &c, bool isScaled) {
  // The tensor core truncates where f32 arithmetic rounds.
  return ContractAttr::get(c.lhsElement.getContext(), std::ldexp(1.0, -23),
                           getWholeDecodeError(c, isScaled), 0.0);
}

bool canScaleDecoded(const Contraction &c) {
  return c.encoding && !c.hasOneGroup() && c.holdsScaledWeights();
}

bool mustScaleSums(const Contraction &c) {
  return c.encoding && !c.hasOneGroup() && !c.scalesDecoded() &&
         !canScaleDecoded(c);
}

bool decodesScaled(const Contraction &c) {
  return canScaleDecoded(c) && !c.encoding.hasZeroPoint() &&
         DecodeOp::getShrinkage(c.encoding.getStorage(), c.lhsElement,
                                c.encoding.getCodebook()) != 1.0;
}

/// Whether a decode to bf16 leaves a factor on integers.
static bool shrinksIntegers(const Contraction &c) {
  return DecodeOp::getShrinkage(c.encoding.getStorage(), c.lhsElement) != 1.0;
}

/// `decodesZeroPoints` of integers, exactly.
static bool decodesIntegerZeroPoints(const Contraction &c) {
  auto zeroPoint = dyn_cast<IntegerType>(c.encoding.getZeroPoint());
  return zeroPoint && zeroPoint.getWidth() <= 8 &&
         (c.lhsElement.isF16() || shrinksIntegers(c));
}

bool decodesZeroPoints(const Contraction &c) {
  if (!c.encoding || !isa<IntegerType>(c.encoding.getStorage()) ||
      c.encoding.getCodebook() || !c.encoding.hasZeroPoint())
    return false;
  // What is taken from a float's code is all of it, where no half of the range
  // of a signed one is taken, too.
  return decodesIntegerZeroPoints(c) ||
         (c.encoding.getZeroPoint() == c.lhsElement && c.lhsElement.isBF16() &&
          c.encoding.getStorage().isUnsignedInteger() && shrinksIntegers(c));
}

bool decodesStreamedExactly(const Contraction &c) {
  if (!isa<IntegerType>(c.encoding.getStorage()) ||
      c.encoding.getStorageBits() != 4 || c.encoding.getCodebook() ||
      c.scalesDecoded())
    return false;
  return !c.encoding.hasZeroPoint() ||
         (decodesIntegerZeroPoints(c) && !c.hasOneGroup());
}

int64_t getPairTableBytes(const Contraction &c) {
  bool looksUp = c.encoding && FragmentLayout::getPairOrder(c.encoding) ==
                                   quant_tensor::PairOrder::Adjacent;
  return looksUp ? LookUpOp::tableBytes : 0;
}

unsigned getParameterBits(quant_tensor::EncodingAttr encoding) {
  unsigned bits = encoding.getScale().getIntOrFloatBitWidth();
  if (encoding.hasZeroPoint())
    bits = std::max(bits, encoding.getZeroPoint().getIntOrFloatBitWidth());
  return bits;
}

int64_t getSharedMemory(const Contraction &c, ScheduleAttr schedule) {
  const Family *family = lookupFamily(schedule.getFamily());
  return family ? family->getSharedMemory(c, schedule) : 0;
}

/// The error bound that kernels of `schedule` keep, whatever it says.
static ContractAttr getOwnContract(const Contraction &c,
                                   ScheduleAttr schedule) {
  const Family *family = lookupFamily(schedule.getFamily());
  return family ? family->getContract(c, schedule)
                : ContractAttr::get(schedule.getContext(), 0.0, 0.0, 0.0);
}

ContractAttr getContract(const Contraction &c, ScheduleAttr schedule) {
  if (ContractAttr stated = schedule.getContract())
    return stated;
  return getOwnContract(c, schedule);
}

/// Why kernels cannot keep the error bound that `schedule` states.
static std::string whyNotContract(const Contraction &c, ScheduleAttr schedule) {
  ContractAttr stated = schedule.getContract();
  if (!stated)
    return "";
  ContractAttr own = getOwnContract(c, schedule);
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
          "contract promises {0} = {1:e3}, but {2} keeps {3:e3}", part.name,
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

std::string whyNotGrid(const Contraction &c, ScheduleAttr schedule) {
  // The second extent of a grid counts tiles of the dimension that is the
  // smaller one of most products.
  constexpr uint64_t kMost = 65535;
  auto isMore = [&](int64_t extent, int64_t tile) {
    return !ShapedType::isDynamic(extent) &&
           llvm::divideCeil(extent, tile) > kMost;
  };
  switch (schedule.getFamily()) {
  case KernelFamily::MmaSync:
  case KernelFamily::MmaStream:
    if (isMore(c.m, schedule.getTileM()))
      return llvm::formatv("{0} rows in tiles of {1} are more than {2} blocks",
                           c.m, schedule.getTileM(), kMost);
    return "";
  case KernelFamily::Reduce:
    if (isMore(c.n, schedule.getTileN()))
      return llvm::formatv("{0} rows of weights in tiles of {1} are more than "
                           "{2} blocks",
                           c.n, schedule.getTileN(), kMost);
    return "";
  default:
    return "";
  }
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
  if (std::string why = whyNotContract(c, schedule); !why.empty())
    return why;
  if (std::string why = whyNotGrid(c, schedule); !why.empty())
    return why;
  if (schedule.getDependentLaunch() && !chip.hasDependentLaunch)
    return llvm::formatv("{0} has no dependent launch", chip.name);
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
