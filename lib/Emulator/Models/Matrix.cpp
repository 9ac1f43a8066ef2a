//===- Matrix.cpp - ldmatrix, stmatrix, mma.sync --------------------------===//

#include "Matrix.h"
#include "Models.h"

using namespace mlir;
using namespace quantmlir::emulator;

//===----------------------------------------------------------------------===//
// ldmatrix and stmatrix: 8 x 8 matrices of 16-bit elements
//===----------------------------------------------------------------------===//

/// The (row, column) that lane `lane` holds as element `half` of its register.
static std::pair<unsigned, unsigned> getElement(unsigned lane, unsigned half,
                                                bool transposed) {
  unsigned major = lane / 4, minor = 2 * (lane % 4) + half;
  return transposed ? std::pair(minor, major) : std::pair(major, minor);
}

/// One of those that elements of row `row` of a matrix go to or come from,
/// other than lane `owner`, which its address comes from.
static Thread &getPartner(WarpLanes &warp, unsigned owner, unsigned row,
                          bool transposed) {
  for (unsigned column = 0; column < 8; column += 2) {
    unsigned lane = transposed ? 4 * column + row / 2 : 4 * row + column / 2;
    if (lane != owner && warp.lanes[lane].thread)
      return *warp.lanes[lane].thread;
  }
  return *warp.lanes[owner].thread;
}

template <typename OpT> static LogicalResult checkMatrixForm(OpT op) {
  if (op.getShape().getM() == 8 && op.getShape().getN() == 8 &&
      op.getEltType() == NVVM::LdStMatrixEltType::B16)
    return success();
  return op.emitOpError("of this shape and element is not known to the "
                        "emulator; m8n8 of b16 is");
}

static llvm::FailureOr<Semantics> describeLdMatrix(NVVM::LdMatrixOp op) {
  if (failed(checkMatrixForm(op)))
    return failure();
  bool transposed = op.getLayout() == NVVM::MMALayout::col;
  return perWarp([count = op.getNum(), transposed](WarpLanes &warp) {
    for (unsigned matrix = 0; matrix < count; ++matrix) {
      uint16_t elements[8][8];
      // Lane 8 * matrix + row holds the address of that row.
      for (unsigned row = 0; row < 8; ++row) {
        unsigned index = 8 * matrix + row;
        const Lane &owner = warp.lanes[index];
        if (!owner.thread) {
          std::memset(elements[row], 0, sizeof(elements[row]));
          continue;
        }
        Thread &partner = getPartner(warp, index, row, transposed);
        std::memcpy(elements[row],
                    owner.thread->accessRow(owner.operands.get<uint64_t>(0),
                                            AccessKind::Read, partner),
                    16);
      }
      for (auto [index, lane] : llvm::enumerate(warp.lanes)) {
        if (!lane.thread)
          continue;
        for (unsigned half = 0; half < 2; ++half) {
          auto [row, column] = getElement(index, half, transposed);
          lane.results.set(0, elements[row][column], 2 * matrix + half);
        }
      }
    }
  });
}

static llvm::FailureOr<Semantics> describeStMatrix(NVVM::StMatrixOp op) {
  if (failed(checkMatrixForm(op)))
    return failure();
  bool transposed = op.getLayout() == NVVM::MMALayout::col;
  unsigned count = op.getSources().size();
  return perWarp([count, transposed](WarpLanes &warp) {
    for (unsigned matrix = 0; matrix < count; ++matrix) {
      uint16_t elements[8][8] = {};
      for (auto [index, lane] : llvm::enumerate(warp.lanes))
        for (unsigned half = 0; lane.thread && half < 2; ++half) {
          auto [row, column] = getElement(index, half, transposed);
          elements[row][column] = lane.operands.get<uint16_t>(1 + matrix, half);
        }
      for (unsigned row = 0; row < 8; ++row) {
        unsigned index = 8 * matrix + row;
        const Lane &owner = warp.lanes[index];
        if (!owner.thread)
          continue;
        Thread &partner = getPartner(warp, index, row, transposed);
        std::memcpy(owner.thread->accessRow(owner.operands.get<uint64_t>(0),
                                            AccessKind::Write, partner),
                    elements[row], 16);
      }
    }
  });
}

//===----------------------------------------------------------------------===//
// mma.sync
//===----------------------------------------------------------------------===//

static std::optional<MatrixElement> getMatrixElement(NVVM::MMATypes type) {
  switch (type) {
  case NVVM::MMATypes::f16:
    return MatrixElement::F16;
  case NVVM::MMATypes::bf16:
    return MatrixElement::BF16;
  case NVVM::MMATypes::tf32:
    return MatrixElement::TF32;
  case NVVM::MMATypes::s8:
    return MatrixElement::S8;
  case NVVM::MMATypes::u8:
    return MatrixElement::U8;
  case NVVM::MMATypes::s4:
    return MatrixElement::S4;
  case NVVM::MMATypes::u4:
    return MatrixElement::U4;
  case NVVM::MMATypes::e4m3:
    return MatrixElement::E4M3;
  case NVVM::MMATypes::e5m2:
    return MatrixElement::E5M2;
  default:
    return std::nullopt;
  }
}

static llvm::FailureOr<Semantics> describeMma(NVVM::MmaOp op) {
  auto infer = [](std::optional<NVVM::MMATypes> stated,
                  ValueRange values) -> std::optional<MatrixElement> {
    if (stated)
      return getMatrixElement(*stated);
    auto vector = dyn_cast<VectorType>(values.front().getType());
    if (vector && vector.getElementType().isF16())
      return MatrixElement::F16;
    return std::nullopt;
  };
  MmaForm form;
  auto a = infer(op.getMultiplicandAPtxType(), op.getOperandA());
  auto b = infer(op.getMultiplicandBPtxType(), op.getOperandB());
  auto shape = op.getShape();
  form.m = shape.getM();
  form.n = shape.getN();
  form.k = shape.getK();
  if (a && b) {
    form.a = *a;
    form.b = *b;
  }
  Type c = op.getOperandC().front().getType();
  form.halfAccumulator = isa<VectorType>(c);
  form.saturate =
      op.getIntOverflowBehavior() == NVVM::MMAIntOverflow::satfinite;
  bool known = a && b && isKnownForm(form) && !c.isF64() &&
               op.getLayoutA() == NVVM::MMALayout::row &&
               op.getLayoutB() == NVVM::MMALayout::col && !op.getB1Op();
  if (!known)
    return op.emitOpError(
        "of this shape and type is not known to the emulator");
  unsigned aCount = op.getOperandA().size(), bCount = op.getOperandB().size(),
           cCount = op.getOperandC().size();
  Semantics semantics =
      perWarp([form, aCount, bCount, cCount](WarpLanes &warp) {
        executeMma(warp, form, aCount, bCount, cCount);
      });
  semantics.operations = uint64_t(2) * form.m * form.n * form.k;
  return semantics;
}

/// What NVVM has no op for and LLVM an intrinsic: mma.sync of 8-bit floats,
/// `llvm.nvvm.mma.m16n8k32.row.col.f32.<A>.<B>.f32`.
static llvm::FailureOr<Semantics> describeIntrinsic(LLVM::CallIntrinsicOp op) {
  StringRef name = op.getIntrin();
  auto getElement = [](StringRef text) -> std::optional<MatrixElement> {
    if (text == "e4m3")
      return MatrixElement::E4M3;
    if (text == "e5m2")
      return MatrixElement::E5M2;
    return std::nullopt;
  };
  SmallVector<StringRef> words;
  if (name.consume_front("llvm.nvvm.mma.m16n8k32.row.col.f32."))
    name.split(words, '.');
  if (words.size() == 3 && words[2] == "f32" && op.getArgs().size() == 10) {
    auto a = getElement(words[0]), b = getElement(words[1]);
    if (a && b) {
      MmaForm form;
      form.m = 16;
      form.n = 8;
      form.k = 32;
      form.a = *a;
      form.b = *b;
      return perWarp(
          [form](WarpLanes &warp) { executeMma(warp, form, 4, 2, 4); });
    }
  }
  return op.emitOpError() << "of '" << op.getIntrin()
                          << "' is not known to the emulator";
}

void quantmlir::emulator::attachIntrinsicModels(MLIRContext *context) {
  attach<LLVM::CallIntrinsicOp, describeIntrinsic>(context);
}

void quantmlir::emulator::attachMatrixModels(MLIRContext *context) {
  attach<NVVM::LdMatrixOp, describeLdMatrix>(context);
  attach<NVVM::StMatrixOp, describeStMatrix>(context);
  attach<NVVM::MmaOp, describeMma>(context);
}
