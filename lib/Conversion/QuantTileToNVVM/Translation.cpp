//===- Translation.cpp - quant_tile instructions to LLVM IR ---------------===//
//
// What LLVM has no intrinsic for becomes assembly here and nowhere earlier: as
// long as it is MLIR, an instruction is an op whose meaning is known.
//
//===----------------------------------------------------------------------===//

#include "mlir/Target/LLVMIR/LLVMTranslationInterface.h"
#include "mlir/Target/LLVMIR/ModuleTranslation.h"
#include "quantmlir/Conversion/QuantTileToNVVM/QuantTileToNVVM.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/IntrinsicsNVPTX.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;

using llvm::IRBuilderBase;
using LLVM::ModuleTranslation;

/// Emits `code` on `operands`; `constraints` as in LLVM's inline assembly.
static llvm::Value *emitAssembly(IRBuilderBase &builder, llvm::Type *result,
                                 const std::string &code,
                                 const std::string &constraints,
                                 ArrayRef<llvm::Value *> operands,
                                 bool hasSideEffects) {
  SmallVector<llvm::Type *> types;
  for (llvm::Value *operand : operands)
    types.push_back(operand->getType());
  auto *function =
      llvm::InlineAsm::get(llvm::FunctionType::get(result, types, false), code,
                           constraints, hasSideEffects);
  return builder.CreateCall(function, operands);
}

static void translate(Ex2Op op, IRBuilderBase &builder,
                      ModuleTranslation &translation) {
  translation.mapValue(
      op.getResult(),
      builder.CreateIntrinsic(builder.getFloatTy(),
                              llvm::Intrinsic::nvvm_ex2_approx_ftz,
                              {translation.lookupValue(op.getX())}));
}

static void translate(Lop3Op op, IRBuilderBase &builder,
                      ModuleTranslation &translation) {
  translation.mapValue(
      op.getResult(),
      emitAssembly(
          builder, builder.getInt32Ty(),
          llvm::formatv("lop3.b32 $0, $1, $2, $3, {0};", op.getTable()),
          "=r,r,r,r", translation.lookupValues(op->getOperands()),
          /*hasSideEffects=*/false));
}

static void translate(StoreAsyncOp op, IRBuilderBase &builder,
                      ModuleTranslation &translation) {
  // Addresses of shared memory have 32 bits, whatever a pointer has.
  auto getAddress = [&](Value pointer) {
    return builder.CreatePtrToInt(translation.lookupValue(pointer),
                                  builder.getInt32Ty());
  };
  SmallVector<llvm::Value *> operands = {getAddress(op.getAddress()),
                                         getAddress(op.getBarrier())};
  Type type = op.getValue().getType();
  bool isFloat = getElementTypeOrSelf(type).isF32(),
       isOne = type.isIntOrFloat();
  llvm::Value *value = translation.lookupValue(op.getValue());
  if (isOne)
    operands.push_back(value);
  else
    for (uint64_t i = 0; i < 4; ++i)
      operands.push_back(builder.CreateExtractElement(value, i));
  std::string constraints = "r,r";
  for (size_t i = 2; i < operands.size(); ++i)
    constraints += isFloat ? ",f" : ",r";
  emitAssembly(builder, builder.getVoidTy(),
               llvm::formatv("st.async.shared::cluster.mbarrier::complete_tx::"
                             "bytes{0}.{1} [$0], {2}, [$1];",
                             isOne ? "" : ".v4", isFloat ? "f32" : "b32",
                             isOne ? "$2" : "{$2, $3, $4, $5}"),
               constraints + ",~{memory}", operands, /*hasSideEffects=*/true);
}

//===----------------------------------------------------------------------===//
// wgmma
//===----------------------------------------------------------------------===//

/// "$first, $first+1, ..": `count` operands of the assembly.
static std::string listOperands(unsigned first, unsigned count) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::interleaveComma(llvm::seq(first, first + count), os,
                        [&](unsigned i) { os << '$' << i; });
  return text;
}

/// Appends the elements of the structs `values`.
static void unpack(IRBuilderBase &builder, ArrayRef<llvm::Value *> values,
                   SmallVectorImpl<llvm::Value *> &elements) {
  for (llvm::Value *value : values)
    for (unsigned i = 0, e = value->getType()->getStructNumElements(); i < e;
         ++i)
      elements.push_back(builder.CreateExtractValue(value, i));
}

/// Constraints of `count` outputs, and of the inputs that are tied to them.
static std::string getOutputConstraints(llvm::Type *element, unsigned count) {
  std::string one = element->isFloatTy() ? "=f" : "=r";
  return llvm::join(SmallVector<std::string>(count, one), ",");
}
static std::string getTiedConstraints(unsigned count) {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (unsigned i = 0; i < count; ++i)
    os << ',' << i;
  return text;
}

/// PTX's name of an element type.
static StringRef getElementName(Type type) {
  if (type.isInteger(8))
    return type.isUnsignedInteger() ? "u8" : "s8";
  if (isa<Float8E4M3FNType>(type))
    return "e4m3";
  if (isa<Float8E5M2Type>(type))
    return "e5m2";
  return type.isF16() ? "f16" : "bf16";
}

static void translate(WgmmaOp op, IRBuilderBase &builder,
                      ModuleTranslation &translation) {
  llvm::Value *accumulators = translation.lookupValue(op.getAccumulators());
  llvm::Type *element = accumulators->getType()->getStructElementType(0);
  unsigned count = op.getN() / 2, aCount = op.getA().size();
  // Outputs, then a, b, the flag, and the inputs tied to the outputs.
  std::string a = listOperands(count, aCount);
  std::string modifiers;
  if (element->isFloatTy()) {
    modifiers = ", 1, 1";
    // Transpositions, which 8-bit elements do not have.
    if (op.getAType().getIntOrFloatBitWidth() == 16)
      modifiers += op.hasRegisterA() ? ", 0" : ", 0, 0";
  }
  std::string code = llvm::formatv(
      "{{ .reg .pred p; setp.ne.b32 p, ${0}, 0; "
      "wgmma.mma_async.sync.aligned.m64n{1}k{2}.{3}.{4}.{5} "
      "{{{6}}, {7}, ${8}, p{9}; }",
      count + aCount + 1, op.getN(), op.getK(),
      element->isFloatTy() ? "f32" : "s32", getElementName(op.getAType()),
      getElementName(op.getBType()), listOperands(0, count),
      op.hasRegisterA() ? "{" + a + "}" : a, count + aCount, modifiers);
  std::string constraints = getOutputConstraints(element, count);
  for (unsigned i = 0; i < aCount; ++i)
    constraints += op.hasRegisterA() ? ",r" : ",l";
  constraints += ",l,r" + getTiedConstraints(count);
  SmallVector<llvm::Value *> operands = translation.lookupValues(op.getA());
  operands.push_back(translation.lookupValue(op.getB()));
  operands.push_back(builder.CreateZExt(
      translation.lookupValue(op.getAccumulate()), builder.getInt32Ty()));
  unpack(builder, accumulators, operands);
  translation.mapValue(op.getResult(),
                       emitAssembly(builder, accumulators->getType(), code,
                                    constraints, operands,
                                    /*hasSideEffects=*/true));
}

static void translate(WgmmaWaitOp op, IRBuilderBase &builder,
                      ModuleTranslation &translation) {
  SmallVector<llvm::Value *> accumulators =
      translation.lookupValues(op.getAccumulators());
  SmallVector<llvm::Value *> operands;
  unpack(builder, accumulators, operands);
  std::string constraints;
  SmallVector<llvm::Type *> types;
  for (llvm::Value *operand : operands) {
    types.push_back(operand->getType());
    constraints += (constraints.empty() ? "" : ",") +
                   getOutputConstraints(types.back(), 1);
  }
  constraints += getTiedConstraints(operands.size());
  constraints += operands.empty() ? "~{memory}" : ",~{memory}";
  llvm::Type *result = builder.getVoidTy();
  if (types.size() == 1)
    result = types[0];
  else if (!types.empty())
    result = llvm::StructType::get(builder.getContext(), types);
  llvm::Value *done = emitAssembly(
      builder, result,
      llvm::formatv("wgmma.wait_group.sync.aligned {0};", op.getPending()),
      constraints, operands, /*hasSideEffects=*/true);
  // Back into the structs that they came in.
  unsigned next = 0;
  for (auto [value, accumulator] : llvm::zip(op.getResults(), accumulators)) {
    llvm::Value *structure = llvm::PoisonValue::get(accumulator->getType());
    for (unsigned i = 0, e = accumulator->getType()->getStructNumElements();
         i < e; ++i)
      structure = builder.CreateInsertValue(
          structure, builder.CreateExtractValue(done, next++), i);
    translation.mapValue(value, structure);
  }
}

namespace {

struct QuantTileTranslation : LLVMTranslationDialectInterface {
  using LLVMTranslationDialectInterface::LLVMTranslationDialectInterface;

  LogicalResult convertOperation(Operation *op, IRBuilderBase &builder,
                                 ModuleTranslation &translation) const final {
    return TypeSwitch<Operation *, LogicalResult>(op)
        .Case<Ex2Op, Lop3Op, StoreAsyncOp, WgmmaOp, WgmmaWaitOp>(
            [&](auto instruction) {
              translate(instruction, builder, translation);
              return success();
            })
        .Default([](Operation *op) {
          return op->emitOpError("cannot be translated to LLVM IR");
        });
  }
};

} // namespace

void quantmlir::registerQuantTileTranslation(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *, QuantTileDialect *dialect) {
    dialect->addInterfaces<QuantTileTranslation>();
  });
}
