//===- MmaStreamStep.cpp - What mma_stream does with a step ---------------===//
//
// Decodes a step's weights, multiplies them by its activations, and takes from
// the sums what decoding left on them.
//
//===----------------------------------------------------------------------===//

#include "MmaStreamKernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;
using quant_tensor::FragmentLayout;

SmallVector<Value> MmaStreamKernel::decode(const StepWeights &weights,
                                           int64_t row, int64_t segment,
                                           int64_t step) {
  SmallVector<Value> registers;
  DecodeForm form;
  form.biased = bias != 0.0;
  form.shrunk = shrinkage != 1.0;
  form.inPlace = isInPlace();
  for (int64_t p = 0; p < 4; ++p)
    registers.push_back(b.mmaOperand(
        scalesWeights ? weights.decodeWhole(b, row, segment, step, p)
        : decodesZeroPoints
            ? weights.decodeLessZeroPoint(b, row, segment, step, p, form.shrunk)
            : weights.decode(b, row, segment, step, p, form)));
  return registers;
}

MmaStreamKernel::Sums MmaStreamKernel::zeroSums() {
  Sums sums;
  sums.products.assign(rowTiles * columnTiles, SmallVector<Value>(4, zero));
  if (needsActivationSums())
    sums.activations.assign(columnTiles, SmallVector<Value>(4, zero));
  return sums;
}

/// The bias of register `p` of a step of a segment.
double MmaStreamKernel::getBiasAt(int64_t segment, int64_t step,
                                  int64_t p) const {
  if (!isInPlace())
    return bias;
  const FragmentLayout &layout = b.getCodesLayout();
  auto pieces = layout.getRegister(segment, step, p);
  // Codes that straddle words are put together where those of pair 0 are.
  int64_t pair =
      pieces.size() > 1 ? 0 : pieces[0].first / layout.getPairStride();
  return DecodeOp::getBiasInPlace(problem.encoding.getStorage(),
                                  problem.lhsElement, pair);
}

/// What the activations that meet register `p` are multiplied by, to be added
/// to the products: less the bias or, with zero points, which differ by row,
/// once.
Value MmaStreamKernel::getFactor(int64_t segment, int64_t step, int64_t p) {
  double factor = b.hasZeroPoint() ? 1.0 : -getBiasAt(segment, step, p);
  return b.mmaOperand(
      b.floatConstant(VectorType::get({2}, problem.lhsElement), factor));
}

/// The same for all registers of a step.
SmallVector<Value> MmaStreamKernel::getBiases(int64_t segment, int64_t step) {
  SmallVector<Value> registers;
  for (int64_t p = 0; p < 4; ++p)
    registers.push_back(getFactor(segment, step, p));
  return registers;
}

/// The same for the spread activations of four segments, of which lane t has
/// those of the t-th. All pairs of a row in a segment lie alike.
SmallVector<Value> MmaStreamKernel::getSpreadBiases(int64_t segment) {
  constexpr int64_t step = 0;
  SmallVector<Value> registers = getBiases(segment, step);
  for (int64_t s = 1; s < kSpread / kSegment; ++s)
    for (int64_t p = 0; p < 4; ++p)
      if (getBiasAt(segment + s, step, p) !=
          getBiasAt(segment + s - 1, step, p))
        registers[p] = b.select(b.less(b.t, b.index(s)), registers[p],
                                getFactor(segment + s, step, p));
  return registers;
}

void MmaStreamKernel::multiply(const StepWeights &weights, const Activations &x,
                               int64_t segment, int64_t firstRow,
                               int64_t lastRow, Sums &sums) {
  int64_t inPart = segment % (partColumns / kSegment);
  for (int64_t i = 0; i < kSegmentSteps; ++i) {
    SmallVector<std::array<Value, 2>> columns;
    for (int64_t c = 0; c < columnTiles; ++c) {
      ArrayRef<Value> registers = x.tiles[c][inPart];
      columns.push_back(
          {b.mmaOperand(registers[2 * i]), b.mmaOperand(registers[2 * i + 1])});
    }
    if (needsActivationSums() && !spreads()) {
      SmallVector<Value> a = getBiases(segment, i);
      for (int64_t c = 0; c < columnTiles; ++c)
        sums.activations[c] = b.mma(a, columns[c], sums.activations[c]);
    }
    for (int64_t r = firstRow; r < lastRow; ++r) {
      SmallVector<Value> a = decode(weights, r, segment, i);
      for (int64_t c = 0; c < columnTiles; ++c) {
        auto &tile = sums.products[r * columnTiles + c];
        tile = b.mma(a, columns[c], tile);
      }
    }
  }
  // Last, when the registers of weights are free.
  constexpr int64_t perSpread = kSpread / kSegment;
  if (spreads() && (inPart + 1) % perSpread == 0) {
    SmallVector<Value> column;
    for (Value value : x.spread[inPart / perSpread])
      column.push_back(b.mmaOperand(value));
    sums.activations[0] = b.mma(getSpreadBiases(segment + 1 - perSpread),
                                column, sums.activations[0]);
  }
}

Value MmaStreamKernel::correct(const Sums &sums, int64_t row, int64_t column,
                               int64_t element, Value zeroPoint) {
  Value product = sums.products[row * columnTiles + column][element];
  if (!needsActivationSums())
    return product;
  Value activation = sums.activations[column][element];
  if (spreads()) {
    activation = arith::AddFOp::create(b, activation,
                                       sums.activations[column][element + 1]);
    product =
        arith::MulFOp::create(b, product, b.floatConstant(b.getF32Type(), 0.25),
                              arith::FastMathFlags::contract);
  }
  if (!zeroPoint)
    return arith::AddFOp::create(b, product, activation,
                                 arith::FastMathFlags::contract);
  Value shift = b.zeroPointToF32(zeroPoint, bias);
  return b.fma(arith::NegFOp::create(b, shift), activation, product);
}

void MmaStreamKernel::compute(const StepWeights &weights, const Activations &x,
                              int64_t part, Sums &state) {
  int64_t firstColumn = part * partColumns, end = firstColumn + partColumns;
  if (problem.hasOneGroup() || scalesWeights) {
    for (int64_t s = firstColumn; s < end; s += kSegment)
      multiply(weights, x, s / kSegment, /*firstRow=*/0, rowTiles, state);
    return;
  }
  for (int64_t u = firstColumn / unit; u < end / unit; ++u)
    for (int64_t first = 0; first < rowTiles; first += rowsAtOnce) {
      Sums sums = zeroSums();
      int64_t last = std::min(first + rowsAtOnce, rowTiles);
      for (int64_t s = 0; s < unit / kSegment; ++s)
        multiply(weights, x, u * (unit / kSegment) + s, first, last, sums);
      for (int64_t r = first; r < last; ++r)
        for (int64_t half = 0; half < 2; ++half) {
          int64_t group = u * unit / unitOfScales;
          Value scale = weights.getScale(b, r, group, half);
          Value zeroPoint = weights.getZeroPoint(b, r, group, half);
          for (int64_t c = 0; c < columnTiles; ++c)
            for (int64_t e = 0; e < 2; e += elementStride()) {
              int64_t element = 2 * half + e;
              Value &total = state.products[r * columnTiles + c][element];
              total =
                  b.fma(correct(sums, r, c, element, zeroPoint), scale, total);
            }
        }
    }
}
