//===- DeviceFloats.cpp - Float arithmetic as the device does it ----------===//

#include "DeviceFloats.h"
#include "Instrument.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace quantmlir::emulator;

llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
quantmlir::emulator::createTargetMachine() {
  auto builder = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!builder)
    return builder.takeError();
  // As MLIR's execution engine would make it, but for the features.
  builder->setCodeGenOptLevel(llvm::CodeGenOptLevel::None);
  if (builder->getTargetTriple().isX86())
    builder->addFeatures({"-avx512bf16", "-avxneconvert"});
  return builder->createTargetMachine();
}

namespace {

/// Builds replacements of one op.
class DeviceFloats {
public:
  DeviceFloats(Operation *op)
      : builder(op), loc(op->getLoc()), type(op->getResult(0).getType()),
        element(getElementTypeOrSelf(type)) {}

  /// Whether the op computes floats that are known here.
  bool isKnown() const {
    return element.isF32() || element.isF16() || element.isBF16();
  }

  /// `value` with any NaN replaced. Done in integers: LLVM may take one NaN for
  /// another.
  Value canonicalize(Value value) {
    unsigned width = element.getIntOrFloatBitWidth();
    Type bitsType = withElement(builder.getIntegerType(width));
    APInt magnitude = APInt::getSignedMaxValue(width);
    APInt infinity =
        APFloat::getInf(cast<FloatType>(element).getFloatSemantics())
            .bitcastToAPInt();
    Value bits = create<LLVM::BitcastOp>(bitsType, value);
    Value mask = constant(bitsType, magnitude);
    Value positive = create<LLVM::AndOp>(bits, mask);
    Value isNaN = create<LLVM::ICmpOp>(LLVM::ICmpPredicate::ugt, positive,
                                       constant(bitsType, infinity));
    Value result = create<LLVM::SelectOp>(isNaN, mask, bits);
    return create<LLVM::BitcastOp>(type, result);
  }

  /// The lesser (or greater) of two; of a NaN and a number the number, or with
  /// `propagate` the NaN.
  Value extremum(Value a, Value b, bool isMinimum, bool propagate) {
    Value below = compare(LLVM::FCmpPredicate::olt, a, b);
    Value above = compare(LLVM::FCmpPredicate::ogt, a, b);
    // Equal numbers differ at most in the sign, of a zero.
    Type bitsType =
        withElement(builder.getIntegerType(element.getIntOrFloatBitWidth()));
    Value aBits = create<LLVM::BitcastOp>(bitsType, a);
    Value bBits = create<LLVM::BitcastOp>(bitsType, b);
    Value equal = isMinimum ? Value(create<LLVM::OrOp>(aBits, bBits))
                            : Value(create<LLVM::AndOp>(aBits, bBits));
    equal = create<LLVM::BitcastOp>(type, equal);
    Value result = create<LLVM::SelectOp>(above, isMinimum ? b : a, equal);
    result = create<LLVM::SelectOp>(below, isMinimum ? a : b, result);
    Value aNaN = compare(LLVM::FCmpPredicate::uno, a, a);
    Value bNaN = compare(LLVM::FCmpPredicate::uno, b, b);
    result = create<LLVM::SelectOp>(bNaN, propagate ? b : a, result);
    return create<LLVM::SelectOp>(aNaN, propagate ? a : b, result);
  }

  /// What NVPTX makes of frem, in f32 where the type has 16 bits.
  Value remainder(Value a, Value b) {
    if (element.getIntOrFloatBitWidth() == 16) {
      DeviceFloats wide(*this);
      wide.element = builder.getF32Type();
      wide.type = withElement(wide.element);
      Value result = wide.remainder(create<LLVM::FPExtOp>(wide.type, a),
                                    create<LLVM::FPExtOp>(wide.type, b));
      return canonicalize(create<LLVM::FPTruncOp>(type, result).getResult());
    }
    Value quotient = create<LLVM::FDivOp>(a, b);
    quotient = create<LLVM::FTruncOp>(type, quotient);
    quotient = create<LLVM::FNegOp>(quotient);
    Value result = create<LLVM::FMAOp>(type, quotient, b, a);
    if (isKnown())
      result = canonicalize(result);
    Value size = create<LLVM::FAbsOp>(type, b);
    APFloat infinity =
        APFloat::getInf(cast<FloatType>(element).getFloatSemantics());
    Value isInfinite =
        compare(LLVM::FCmpPredicate::oeq, size, constant(type, infinity));
    return create<LLVM::SelectOp>(isInfinite, a, result);
  }

  /// By calls, element by element.
  Value fusedMultiplyAdd(Value a, Value b, Value c) {
    auto vector = dyn_cast<VectorType>(type);
    if (!vector)
      return callMultiplyAdd(a, b, c);
    Value result = LLVM::PoisonOp::create(builder, loc, type);
    for (int64_t i = 0; i < vector.getNumElements(); ++i) {
      Value index = constant(builder.getI32Type(), APInt(32, i));
      auto at = [&](Value value) -> Value {
        return create<LLVM::ExtractElementOp>(value, index);
      };
      result = create<LLVM::InsertElementOp>(
          result, callMultiplyAdd(at(a), at(b), at(c)), index);
    }
    return result;
  }

private:
  template <typename OpT, typename... Args> OpT create(Args &&...args) {
    return OpT::create(builder, loc, std::forward<Args>(args)...);
  }
  Value compare(LLVM::FCmpPredicate predicate, Value a, Value b) {
    return create<LLVM::FCmpOp>(predicate, a, b);
  }
  Type withElement(Type other) const {
    if (auto vector = dyn_cast<VectorType>(type))
      return VectorType::get(vector.getShape(), other);
    return other;
  }
  template <typename T> Value constant(Type type, const T &value) {
    if (auto shaped = dyn_cast<VectorType>(type))
      return create<LLVM::ConstantOp>(type,
                                      DenseElementsAttr::get(shaped, value));
    if constexpr (std::is_same_v<T, APFloat>)
      return create<LLVM::ConstantOp>(type, builder.getFloatAttr(type, value));
    else
      return create<LLVM::ConstantOp>(type,
                                      builder.getIntegerAttr(type, value));
  }
  Value callMultiplyAdd(Value a, Value b, Value c) {
    Type i16 = builder.getI16Type(), i32 = builder.getI32Type();
    SmallVector<Value> words;
    for (Value value : {a, b, c})
      words.push_back(create<LLVM::ZExtOp>(
          i32, create<LLVM::BitcastOp>(i16, value).getResult()));
    const char *name =
        element.isF16() ? multiplyAddF16Symbol : multiplyAddBF16Symbol;
    Value result =
        LLVM::CallOp::create(builder, loc, i32, name, words).getResult();
    result = create<LLVM::TruncOp>(i16, result);
    return create<LLVM::BitcastOp>(element, result);
  }

  OpBuilder builder;
  Location loc;
  Type type, element;
};

/// Whether the hardware makes NaNs of its own there. A bf16 is widened by a
/// shift, which keeps them.
bool makesNaN(Operation *op) {
  if (auto widening = dyn_cast<LLVM::FPExtOp>(op))
    return getElementTypeOrSelf(widening.getArg().getType()).isF16();
  return isa<LLVM::FAddOp, LLVM::FSubOp, LLVM::FMulOp, LLVM::FDivOp,
             LLVM::FNegOp, LLVM::FAbsOp, LLVM::FMAOp, LLVM::SqrtOp,
             LLVM::FFloorOp, LLVM::FCeilOp, LLVM::FTruncOp, LLVM::RoundOp,
             LLVM::RoundEvenOp, LLVM::RintOp, LLVM::NearbyintOp, LLVM::Exp2Op,
             LLVM::TanhOp, LLVM::FPTruncOp>(op);
}

} // namespace

/// What the device computes in place of `op`, or null where the op says it.
static Value replace(Operation *op, DeviceFloats &floats) {
  auto operand = [&](unsigned i) { return op->getOperand(i); };
  if (isa<LLVM::MinNumOp>(op))
    return floats.extremum(operand(0), operand(1), true, false);
  if (isa<LLVM::MaxNumOp>(op))
    return floats.extremum(operand(0), operand(1), false, false);
  if (isa<LLVM::MinimumOp>(op))
    return floats.extremum(operand(0), operand(1), true, true);
  if (isa<LLVM::MaximumOp>(op))
    return floats.extremum(operand(0), operand(1), false, true);
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  if (isa<LLVM::FRemOp>(op))
    return floats.remainder(operand(0), operand(1));
  if (isa<LLVM::FMAOp>(op) && !element.isF32())
    return floats.fusedMultiplyAdd(operand(0), operand(1), operand(2));
  return nullptr;
}

static void declare(ModuleOp module, StringRef name, ArrayRef<Type> arguments) {
  if (module.lookupSymbol(name))
    return;
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  LLVM::LLVMFuncOp::create(
      builder, module.getLoc(), name,
      LLVM::LLVMFunctionType::get(builder.getI32Type(), arguments));
}

void quantmlir::emulator::matchDeviceFloats(ModuleOp module) {
  SmallVector<Operation *> ops;
  module.walk([&](Operation *op) {
    if (isa_and_nonnull<LLVM::LLVMDialect>(op->getDialect()) &&
        op->getNumResults() == 1)
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    DeviceFloats floats(op);
    if (!floats.isKnown() && !isa<LLVM::FRemOp>(op))
      continue;
    Value result;
    if (Value replaced = replace(op, floats)) {
      // A remainder by an infinity is its first operand as it is.
      result = isa<LLVM::FRemOp>(op) ? replaced : floats.canonicalize(replaced);
    } else if (makesNaN(op)) {
      OpBuilder builder(op);
      result = floats.canonicalize(builder.clone(*op)->getResult(0));
    } else {
      continue;
    }
    op->getResult(0).replaceAllUsesWith(result);
    op->erase();
  }
}

bool quantmlir::emulator::isFloatSupport(StringRef name) {
  return llvm::is_contained<StringRef>(
      {multiplyAddF16Symbol, multiplyAddBF16Symbol, atomicAddF32Symbol,
       atomicAddFlushedF32Symbol, atomicAddF16x2Symbol, atomicAddBF16x2Symbol},
      name);
}

void quantmlir::emulator::declareFloatSupport(ModuleOp module) {
  Type i32 = IntegerType::get(module.getContext(), 32);
  Type pointer = LLVM::LLVMPointerType::get(module.getContext());
  for (const char *name : {multiplyAddF16Symbol, multiplyAddBF16Symbol})
    declare(module, name, {i32, i32, i32});
  for (const char *name : {atomicAddF32Symbol, atomicAddFlushedF32Symbol,
                           atomicAddF16x2Symbol, atomicAddBF16x2Symbol})
    declare(module, name, {pointer, i32});
}

bool quantmlir::emulator::matchDeviceAtomic(LLVM::AtomicRMWOp op,
                                            bool isShared) {
  if (op.getBinOp() != LLVM::AtomicBinOp::fadd)
    return false;
  Type type = op.getVal().getType(), element = getElementTypeOrSelf(type);
  auto vector = dyn_cast<VectorType>(type);
  bool isPair = vector && vector.getNumElements() == 2;
  const char *name;
  if (type.isF32())
    name = isShared ? atomicAddF32Symbol : atomicAddFlushedF32Symbol;
  else if (isPair && element.isF16())
    name = atomicAddF16x2Symbol;
  else if (isPair && element.isBF16())
    name = atomicAddBF16x2Symbol;
  else
    return false;
  OpBuilder builder(op);
  Type i32 = builder.getI32Type();
  Value bits = LLVM::BitcastOp::create(builder, op.getLoc(), i32, op.getVal());
  auto call = LLVM::CallOp::create(builder, op.getLoc(), i32, name,
                                   ValueRange{op.getPtr(), bits});
  Value old =
      LLVM::BitcastOp::create(builder, op.getLoc(), type, call.getResult());
  op.replaceAllUsesWith(old);
  op.erase();
  return true;
}
