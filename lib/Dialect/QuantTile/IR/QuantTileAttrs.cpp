//===- QuantTileAttrs.cpp - Schedule and contract -------------------------===//

#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "quantmlir/Support/AttrParsing.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;
using quant_tensor::FragmentLayout;
using quant_tensor::LayoutAttr;
using quant_tensor::LayoutKind;

#include "quantmlir/Dialect/QuantTile/IR/QuantTileEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "quantmlir/Dialect/QuantTile/IR/QuantTileAttrs.cpp.inc"

void QuantTileDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "quantmlir/Dialect/QuantTile/IR/QuantTileAttrs.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// ContractAttr
//===----------------------------------------------------------------------===//

ContractAttr ContractAttr::get(MLIRContext *context, double accumulate,
                               double decode, double shift) {
  Builder builder(context);
  return get(context, builder.getF64FloatAttr(accumulate),
             builder.getF64FloatAttr(decode), builder.getF64FloatAttr(shift));
}

LogicalResult ContractAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   FloatAttr accumulate, FloatAttr decode,
                                   FloatAttr shift) {
  for (auto [name, value] :
       {std::pair<StringRef, FloatAttr>("u_acc", accumulate),
        {"u_decode", decode}}) {
    double number = value.getValueAsDouble();
    // A bound of one half or more promises nothing.
    if (!(number >= 0.0 && number < 0.5))
      return emitError() << name << " must be in [0, 0.5), got " << number;
  }
  if (!shift.getValue().isFinite())
    return emitError() << "offset must be finite";
  return success();
}

Attribute ContractAttr::parse(AsmParser &parser, Type) {
  double accumulate = 0, decode = 0, shift = 0;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() ||
      parseFields(parser, "contract", {"u_acc", "u_decode", "offset"},
                  [&](StringRef key) {
                    return parser.parseFloat(key == "u_acc"      ? accumulate
                                             : key == "u_decode" ? decode
                                                                 : shift);
                  }) ||
      parser.parseGreater())
    return {};
  Builder builder(parser.getContext());
  return getChecked([&] { return parser.emitError(loc); }, parser.getContext(),
                    builder.getF64FloatAttr(accumulate),
                    builder.getF64FloatAttr(decode),
                    builder.getF64FloatAttr(shift));
}

void ContractAttr::print(AsmPrinter &printer) const {
  printer << "<u_acc = ";
  printer.printFloat(getAccumulate().getValue());
  printer << ", u_decode = ";
  printer.printFloat(getDecode().getValue());
  printer << ", offset = ";
  printer.printFloat(getShift().getValue());
  printer << '>';
}

//===----------------------------------------------------------------------===//
// ScheduleAttr
//===----------------------------------------------------------------------===//

ScheduleAttr ScheduleAttr::withMaxM(int64_t maxM) const {
  return get(getContext(), getFamily(), getChip(), getTile(), getWarps(),
             getStages(), getCopy(), getSplitK(), getWeights(), maxM,
             getContract(), getDependentLaunch(), getOccupancy(),
             getWarpgroups(), getScaleDecoded(), getPromote(), getStreamK(),
             getRing());
}

static constexpr StringRef scheduleKeys[] = {
    "chip",      "tile",       "warps",         "stages",   "copy",
    "split_k",   "weights",    "max_m",         "contract", "dependent_launch",
    "occupancy", "warpgroups", "scale_decoded", "promote",  "stream_k",
    "ring"};

Attribute ScheduleAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef keyword;
  if (parser.parseLess() || parser.parseKeyword(&keyword))
    return {};
  std::optional<KernelFamily> family = symbolizeKernelFamily(keyword);
  if (!family) {
    parser.emitError(loc)
        << "unknown kernel family '" << keyword
        << "', expected plain, reduce, mma_sync, mma_stream, wgmma or "
           "wgmma_decode";
    return {};
  }
  StringAttr chip;
  SmallVector<int64_t> tile, warps;
  int64_t stages = 0, copy = 16, splitK = 1, maxM = 0, occupancy = 1,
          promote = 0, streamK = 0, ring = 0;
  LayoutAttr weights;
  ContractAttr contract;
  WarpgroupsAttr warpgroups;
  bool dependentLaunch = false, scaleDecoded = false;
  if (succeeded(parser.parseOptionalComma()) &&
      parseFields(
          parser, "schedule", scheduleKeys, [&](StringRef key) -> ParseResult {
            if (key == "chip")
              return parser.parseAttribute(chip);
            if (key == "tile")
              return parseIntegers(parser, tile);
            if (key == "warps")
              return parseIntegers(parser, warps);
            if (key == "weights")
              return parser.parseCustomAttributeWithFallback(weights);
            if (key == "contract")
              return parser.parseCustomAttributeWithFallback(contract);
            if (key == "warpgroups")
              return parser.parseCustomAttributeWithFallback(warpgroups);
            if (key == "dependent_launch")
              return parseBoolean(parser, dependentLaunch);
            if (key == "scale_decoded")
              return parseBoolean(parser, scaleDecoded);
            return parser.parseInteger(key == "stages"     ? stages
                                       : key == "copy"     ? copy
                                       : key == "split_k"  ? splitK
                                       : key == "max_m"    ? maxM
                                       : key == "promote"  ? promote
                                       : key == "stream_k" ? streamK
                                       : key == "ring"     ? ring
                                                           : occupancy);
          }))
    return {};
  if (parser.parseGreater())
    return {};
  if (!chip) {
    parser.emitError(loc) << "a schedule needs a chip";
    return {};
  }
  // Row major is the absence of a layout, so that equal schedules are equal.
  if (weights && weights.getKind() == LayoutKind::RowMajor)
    weights = {};
  return getChecked([&] { return parser.emitError(loc); }, parser.getContext(),
                    *family, chip, tile, warps, stages, copy, splitK, weights,
                    maxM, contract, dependentLaunch, occupancy, warpgroups,
                    scaleDecoded, promote, streamK, ring);
}

void ScheduleAttr::print(AsmPrinter &printer) const {
  printer << '<' << stringifyKernelFamily(getFamily())
          << ", chip = " << getChip();
  auto list = [&](StringRef name, ArrayRef<int64_t> values) {
    if (values.empty())
      return;
    printer << ", " << name << " = [";
    llvm::interleaveComma(values, printer);
    printer << ']';
  };
  list("tile", getTile());
  list("warps", getWarps());
  if (getStages())
    printer << ", stages = " << getStages();
  if (getCopy() != 16)
    printer << ", copy = " << getCopy();
  if (getSplitK() != 1)
    printer << ", split_k = " << getSplitK();
  if (getWeights()) {
    printer << ", weights = ";
    printer.printStrippedAttrOrType(getWeights());
  }
  if (getMaxM())
    printer << ", max_m = " << getMaxM();
  if (getContract()) {
    printer << ", contract = ";
    printer.printStrippedAttrOrType(getContract());
  }
  if (getDependentLaunch())
    printer << ", dependent_launch = true";
  if (getOccupancy() != 1)
    printer << ", occupancy = " << getOccupancy();
  if (getWarpgroups()) {
    printer << ", warpgroups = ";
    printer.printStrippedAttrOrType(getWarpgroups());
  }
  if (getScaleDecoded())
    printer << ", scale_decoded = true";
  if (getPromote())
    printer << ", promote = " << getPromote();
  if (getStreamK())
    printer << ", stream_k = " << getStreamK();
  if (getRing())
    printer << ", ring = " << getRing();
  printer << '>';
}

/// Checks what all families that have tiles have in common.
static LogicalResult verifyTiled(function_ref<InFlightDiagnostic()> emitError,
                                 KernelFamily family, ArrayRef<int64_t> tile,
                                 ArrayRef<int64_t> warps, int64_t stages,
                                 int64_t copy, int64_t splitK,
                                 LayoutAttr weights) {
  StringRef name = stringifyKernelFamily(family);
  for (auto [what, values] :
       {std::pair<StringRef, ArrayRef<int64_t>>("tile", tile),
        {"warps", warps}}) {
    if (values.size() != 3)
      return emitError() << name << " needs " << what << " = [m, n, k], got "
                         << values.size() << " extents";
    for (int64_t value : values)
      if (value <= 0 || value > 16384)
        return emitError() << what << " extents are in [1, 16384], got "
                           << value;
  }
  int64_t count = warps[0] * warps[1] * warps[2];
  if (count > 32)
    return emitError() << "a block has at most 32 warps, got " << count;
  if (!llvm::is_contained({1, 2, 4, 8, 16}, copy))
    return emitError() << "copy must be 16, 8, 4, 2 or 1 bytes, got " << copy;
  if (splitK != 1 && family != KernelFamily::Wgmma &&
      family != KernelFamily::WgmmaDecode && family != KernelFamily::MmaStream)
    return emitError() << name
                       << " has no split_k over blocks, only mma_stream, wgmma "
                       << "and wgmma_decode have; got " << splitK;
  if (weights && weights.getKind() == LayoutKind::Packed)
    return emitError() << name
                       << " reads weights in row_major or fragment layout";
  if (weights && (weights.getTile()[0] != FragmentLayout::rows ||
                  weights.getTile()[1] % FragmentLayout::segmentColumns))
    return emitError() << "a fragment tile has " << FragmentLayout::rows
                       << " rows and a multiple of "
                       << FragmentLayout::segmentColumns << " columns";
  // A warp's columns must be whole weight tiles, or two warps would read one.
  // Those of wgmma_decode have whole steps.
  int64_t unit =
      weights ? weights.getTile()[1] : FragmentLayout::segmentColumns;
  int64_t sharers = family == KernelFamily::WgmmaDecode ? 1 : warps[2];
  if (tile[2] % (sharers * unit))
    return emitError() << "tile k = " << tile[2] << " does not give each of "
                       << sharers << " warps along k a multiple of " << unit
                       << " columns";
  if (stages < 1 || stages > 16)
    return emitError() << "stages must be in [1, 16], got " << stages;
  return success();
}

/// Checks what only wgmma wants.
static LogicalResult verifyWgmma(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<int64_t> tile,
                                 ArrayRef<int64_t> warps, int64_t stages,
                                 int64_t copy, int64_t splitK,
                                 LayoutAttr weights,
                                 WarpgroupsAttr warpgroups) {
  if (weights || copy != 16)
    return emitError() << "wgmma reads row-major weights, 16 bytes or more at "
                          "a time";
  if (warps[0] % 4 || warps[2] != 1)
    return emitError() << "wgmma has warps = [4 x warpgroups, n, 1], got ["
                       << warps[0] << ", " << warps[1] << ", " << warps[2]
                       << "]";
  if (warpgroups.isAlternating())
    return emitError() << "wgmma has cooperative or pingpong warpgroups: none "
                          "decodes while another multiplies";
  int64_t perTile = warps[0] / 4 * warps[1];
  int64_t most = warpgroups.isPingPong() ? 1 : 3;
  if (perTile > most)
    return emitError()
           << "a tile has at most 3 warpgroups, of pingpong ones 1, "
              "got "
           << perTile;
  // One instruction multiplies 64 rows by a multiple of 16 columns.
  if (tile[0] % (16 * warps[0]) || tile[0] > 256)
    return emitError() << "tile m = " << tile[0] << " does not give each of "
                       << warps[0] / 4
                       << " warpgroups a multiple of 64 rows up to 256 in all";
  if (tile[1] % (16 * warps[1]) || tile[1] > 256)
    return emitError() << "tile n = " << tile[1] << " does not give each of "
                       << warps[1]
                       << " warpgroups a multiple of 16 columns up to 256 in "
                          "all";
  if (stages < 2)
    return emitError() << "wgmma needs at least 2 stages, got " << stages;
  // Those that share a tile exchange sums through their shared memory.
  int64_t blocks = warpgroups.getClusterSize() * splitK;
  if (splitK < 1 || blocks > 8)
    return emitError() << "a cluster has 1 to 8 blocks, got "
                       << warpgroups.getClusterSize()
                       << " times split_k = " << splitK;
  if (splitK > 1 && warpgroups.isPingPong())
    return emitError() << "split_k is for cooperative warpgroups";
  return success();
}

/// Checks what only wgmma_decode wants.
static LogicalResult
verifyWgmmaDecode(function_ref<InFlightDiagnostic()> emitError,
                  ArrayRef<int64_t> tile, ArrayRef<int64_t> warps,
                  int64_t stages, int64_t copy, int64_t splitK, int64_t streamK,
                  LayoutAttr weights, WarpgroupsAttr warpgroups) {
  if (!weights || copy != 16)
    return emitError() << "wgmma_decode reads weights in fragment layout, and "
                          "activations 16 bytes or more at a time";
  if (warps[0] != 1 || warps[2] < 1 || warps[2] > 4 || warps[1] < 1 ||
      warps[1] > 16 ||
      !llvm::is_contained({4, 8, 12, 16}, warps[1] * warps[2]) || warps[1] % 4)
    return emitError() << "wgmma_decode has one to four warpgroups, along n or "
                          "as shares of k, warps = [1, 4 x warpgroups, "
                          "shares], got ["
                       << warps[0] << ", " << warps[1] << ", " << warps[2]
                       << "]";
  // The sums of a share lie where its results would.
  if (warps[2] > 1 &&
      (tile[0] * tile[1] > 16 * 64 * warps[1] || streamK ||
       warpgroups.isAlternating() || warpgroups.getClusterN() > 1))
    return emitError() << "warpgroups that share k have tiles of 64 rows or "
                          "less for each 64 weights, do not alternate, and "
                          "share neither activations nor stream_k";
  if (warpgroups.isPingPong() || warpgroups.getClusterM() != 1)
    return emitError() << "wgmma_decode has cooperative or alternating "
                          "warpgroups and no clusters that share weights";
  if (warpgroups.isAlternating() && warps[1] == 4)
    return emitError() << "one warpgroup has none to alternate with";
  // One instruction multiplies 64 weights by a multiple of 8 activations;
  // results leave by 16.
  if (tile[0] % 16 || tile[0] > 256)
    return emitError() << "tile m = " << tile[0]
                       << " is no multiple of 16 rows up to 256";
  if (tile[1] % (16 * warps[1]) || tile[1] > 512)
    return emitError() << "tile n = " << tile[1] << " does not give each of "
                       << warps[1] / 4
                       << " warpgroups a multiple of 64 up to 512 in all";
  if (tile[2] % 64 || tile[2] > 512)
    return emitError() << "tile k = " << tile[2]
                       << " is no multiple of 64 up to 512";
  // A stage is held until the next step of its reader is under way.
  if (stages < 2 * warps[2])
    return emitError() << "wgmma_decode needs at least " << 2 * warps[2]
                       << " stages, got " << stages;
  // A barrier tells two phases apart, which is enough for one who waits for
  // each of them.
  if (stages % warps[2])
    return emitError() << "warpgroups that share k have stages of their own: "
                       << stages << " are no multiple of " << warps[2];
  // Eight blocks are what every cluster may have.
  if (splitK < 1 || splitK > 8)
    return emitError() << "split_k is in [1, 8], got " << splitK;
  int64_t sharing = warpgroups.getClusterN();
  if (sharing > 1 && (splitK > 1 || sharing > 8))
    return emitError() << "a cluster of wgmma_decode has 1 to 8 blocks that "
                          "share activations, or K, got "
                       << sharing << " and split_k = " << splitK;
  // The swizzle repeats after eight rows.
  if (tile[0] % (8 * sharing))
    return emitError() << "tile m = " << tile[0]
                       << " does not give each of a cluster's " << sharing
                       << " blocks a multiple of 8 rows to load";
  return success();
}

LogicalResult ScheduleAttr::verify(
    function_ref<InFlightDiagnostic()> emitError, KernelFamily family,
    StringAttr chip, ArrayRef<int64_t> tile, ArrayRef<int64_t> warps,
    int64_t stages, int64_t copy, int64_t splitK, LayoutAttr weights,
    int64_t maxM, ContractAttr contract, bool dependentLaunch,
    int64_t occupancy, WarpgroupsAttr warpgroups, bool scaleDecoded,
    int64_t promote, int64_t streamK, int64_t ring) {
  if (!chip || chip.getValue().empty())
    return emitError() << "a schedule needs a chip";
  if (maxM < 0)
    return emitError() << "max_m must not be negative, got " << maxM;
  bool isWarpgroups =
      family == KernelFamily::Wgmma || family == KernelFamily::WgmmaDecode;
  if (static_cast<bool>(warpgroups) != isWarpgroups)
    return emitError() << stringifyKernelFamily(family)
                       << (warpgroups ? " has no warpgroups"
                                      : " needs warpgroups = <..>");
  if (scaleDecoded && family != KernelFamily::WgmmaDecode &&
      family != KernelFamily::MmaStream)
    return emitError() << stringifyKernelFamily(family)
                       << " does not scale decoded weights, only mma_stream "
                          "and wgmma_decode can";
  if (promote && family != KernelFamily::Wgmma)
    return emitError() << stringifyKernelFamily(family)
                       << " does not promote accumulators, only wgmma can";
  if (streamK && family != KernelFamily::WgmmaDecode)
    return emitError() << stringifyKernelFamily(family)
                       << " does not divide tiles with stream_k, only "
                          "wgmma_decode can";
  if (streamK < 0 || streamK > 100)
    return emitError() << "stream_k is in [0, 100] percent of the SMs, got "
                       << streamK;
  if (streamK && splitK != 1)
    return emitError() << "stream_k and split_k = " << splitK
                       << " would both divide tiles along K";
  if (ring && (family != KernelFamily::MmaStream || stages != 1))
    return emitError() << "codes come through a ring of mma_stream with stages "
                          "= 1, got "
                       << stringifyKernelFamily(family)
                       << " and stages = " << stages;
  if (!llvm::is_contained({0, 2, 4, 8, 16}, ring))
    return emitError() << "ring must be 0, 2, 4, 8 or 16 slots, got " << ring;
  if (promote < 0 || promote > 1024)
    return emitError() << "promote is in [0, 1024] steps, got " << promote;
  if (family == KernelFamily::Plain) {
    if (!tile.empty() || !warps.empty() || stages || copy != 16 ||
        splitK != 1 || weights || dependentLaunch || occupancy != 1)
      return emitError() << "a plain schedule has a chip only";
    return success();
  }
  if (failed(verifyTiled(emitError, family, tile, warps, stages, copy, splitK,
                         weights)))
    return failure();
  if (dependentLaunch && family == KernelFamily::MmaSync)
    return emitError() << "mma_sync has no dependent launch, only reduce, "
                          "mma_stream, wgmma and wgmma_decode do";
  if (occupancy != 1 && family != KernelFamily::MmaStream)
    return emitError() << stringifyKernelFamily(family)
                       << " has no occupancy to choose, only mma_stream has";
  if (family == KernelFamily::MmaStream) {
    if (occupancy < 1 || occupancy > 32)
      return emitError() << "occupancy must be in [1, 32], got " << occupancy;
    if (!weights)
      return emitError() << "mma_stream reads weights in fragment layout";
    if (tile[0] > 32 || warps[0] != 1)
      return emitError() << "mma_stream computes up to 32 rows of activations "
                            "in each warp, so tile m is at most 32 and warps "
                            "have m = 1";
    if (tile[1] % (FragmentLayout::rows * warps[1]))
      return emitError() << "tile n = " << tile[1] << " does not give each of "
                         << warps[1] << " warps a multiple of "
                         << FragmentLayout::rows << " columns";
    // Eight blocks are what every cluster may have; they exchange four sums at
    // a time.
    if (splitK < 1 || splitK > 8)
      return emitError() << "split_k is in [1, 8], got " << splitK;
    if (splitK > 1 && tile[0] * tile[1] % (4 * splitK))
      return emitError() << "tile = [" << tile[0] << ", " << tile[1]
                         << ", ..] does not give each of split_k = " << splitK
                         << " blocks a multiple of 4 results to finish";
    return success();
  }
  if (family == KernelFamily::Reduce) {
    if (tile[0] != 1 || warps[0] != 1)
      return emitError() << "reduce computes one row of activations, so tile "
                            "and warps have m = 1";
    if (tile[1] != FragmentLayout::rows * warps[1])
      return emitError() << "a warp of reduce computes " << FragmentLayout::rows
                         << " outputs, so tile n = "
                         << FragmentLayout::rows * warps[1] << ", got "
                         << tile[1];
    if (!weights)
      return emitError() << "reduce reads weights in fragment layout";
    return success();
  }
  if (family == KernelFamily::WgmmaDecode)
    return verifyWgmmaDecode(emitError, tile, warps, stages, copy, splitK,
                             streamK, weights, warpgroups);
  if (family == KernelFamily::Wgmma)
    return verifyWgmma(emitError, tile, warps, stages, copy, splitK, weights,
                       warpgroups);
  if (tile[0] % (8 * warps[0]))
    return emitError() << "tile m = " << tile[0] << " does not give each of "
                       << warps[0] << " warps a multiple of 8 rows";
  if (tile[1] % (16 * warps[1]))
    return emitError() << "tile n = " << tile[1] << " does not give each of "
                       << warps[1] << " warps a multiple of 16 columns";
  if (stages < 2)
    return emitError() << "mma_sync needs at least 2 stages, got " << stages;
  return success();
}

//===----------------------------------------------------------------------===//
// PlainScheduleAttr
//===----------------------------------------------------------------------===//

LogicalResult
PlainScheduleAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                          int64_t threads, int64_t lanes) {
  if (threads < 32 || threads > 1024 || threads % 32)
    return emitError() << "a block has 1 to 32 warps of 32 threads, got "
                       << threads << " threads";
  if (lanes != 1 && lanes != 32 && lanes != threads)
    return emitError() << "lanes must be 1, 32 or all " << threads
                       << " threads, got " << lanes;
  return success();
}
