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
    return element.isF64() || element.isF32() || element.isF16() ||
           element.isBF16();
  }

  /// `value` with any NaN replaced. Done in integers: LLVM may take one NaN for
  /// another.
  Value canonicalize(Value value) {
    unsigned width = element.getIntOrFloatBitWidth();
    Type bitsType = withElement(builder.getIntegerType(width));
    APInt replacement =
        element.isF64()
            ? APFloat::getQNaN(APFloat::IEEEdouble()).bitcastToAPInt()
            : APInt::getSignedMaxValue(width);
    Value bits = create<LLVM::BitcastOp>(bitsType, value);
    Value result = create<LLVM::SelectOp>(
        isNaN(bits, element), constant(bitsType, replacement), bits);
    return create<LLVM::BitcastOp>(type, result);
  }

  /// `result`, but where some of `operands` is a NaN the first of those, made
  /// quiet: what instructions of f64 give.
  Value propagate(Value result, ArrayRef<Value> operands) {
    unsigned width = element.getIntOrFloatBitWidth();
    Type bitsType = withElement(builder.getIntegerType(width));
    Value quiet = constant(bitsType, getQuietBit(element));
    Value bits = create<LLVM::BitcastOp>(bitsType, result);
    for (Value operand : llvm::reverse(operands)) {
      Value other = create<LLVM::BitcastOp>(bitsType, operand);
      Value quieted = create<LLVM::OrOp>(other, quiet);
      bits = create<LLVM::SelectOp>(isNaN(other, element), quieted, bits);
    }
    return create<LLVM::BitcastOp>(type, bits);
  }

  /// `result`, `source` made narrower, with the upper bits of a NaN kept.
  Value keepPayload(Value result, Value source) {
    Type wide = getElementTypeOrSelf(source.getType());
    Type wideBits = withElement(builder.getI64Type());
    unsigned width = element.getIntOrFloatBitWidth();
    Type bitsType = withElement(builder.getIntegerType(width));
    const llvm::fltSemantics &semantics =
        cast<FloatType>(element).getFloatSemantics();
    unsigned mantissa = APFloat::semanticsPrecision(semantics) - 1;
    Value from = create<LLVM::BitcastOp>(wideBits, source);
    auto take = [&](unsigned shift, const APInt &mask) -> Value {
      Value moved =
          create<LLVM::LShrOp>(from, constant(wideBits, APInt(64, shift)));
      return create<LLVM::AndOp>(
          create<LLVM::TruncOp>(bitsType, moved).getResult(),
          constant(bitsType, mask));
    };
    Value sign = take(64 - width, APInt::getSignMask(width));
    Value payload = take(52 - mantissa, APInt::getLowBitsSet(width, mantissa));
    APInt quiet = APFloat::getInf(semantics).bitcastToAPInt();
    quiet |= getQuietBit(element);
    Value kept = create<LLVM::OrOp>(create<LLVM::OrOp>(sign, payload),
                                    constant(bitsType, quiet));
    Value bits = create<LLVM::BitcastOp>(bitsType, result);
    return create<LLVM::BitcastOp>(
        type, create<LLVM::SelectOp>(isNaN(from, wide), kept, bits));
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
    if (element.isF64())
      quotient = propagate(quotient, {a, b});
    quotient = create<LLVM::FTruncOp>(type, quotient);
    Value negated = create<LLVM::FNegOp>(quotient);
    if (element.isF64())
      negated = propagate(negated, {quotient});
    Value result = create<LLVM::FMAOp>(type, negated, b, a);
    result = element.isF64() ? propagate(result, {b, a, negated})
                             : canonicalize(result);
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
  /// The bit of a NaN of `element` that says that it is a quiet one.
  static APInt getQuietBit(Type element) {
    unsigned precision = APFloat::semanticsPrecision(
        cast<FloatType>(element).getFloatSemantics());
    return APInt::getOneBitSet(element.getIntOrFloatBitWidth(), precision - 2);
  }
  /// Whether `bits` are those of a NaN of `element`.
  Value isNaN(Value bits, Type element) {
    unsigned width = element.getIntOrFloatBitWidth();
    APInt infinity =
        APFloat::getInf(cast<FloatType>(element).getFloatSemantics())
            .bitcastToAPInt();
    Value positive = create<LLVM::AndOp>(
        bits, constant(bits.getType(), APInt::getSignedMaxValue(width)));
    return create<LLVM::ICmpOp>(LLVM::ICmpPredicate::ugt, positive,
                                constant(bits.getType(), infinity));
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
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  if (element.isF64())
    return false;
  if (auto widening = dyn_cast<LLVM::FPExtOp>(op))
    return getElementTypeOrSelf(widening.getArg().getType()).isF16();
  // One of 16 bits is put together of abs and neg.
  if (isa<LLVM::CopySignOp>(op))
    return !element.isF32();
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
  if (isa<LLVM::FMAOp>(op) && (element.isF16() || element.isBF16()))
    return floats.fusedMultiplyAdd(operand(0), operand(1), operand(2));
  return nullptr;
}

/// Whether NaNs of `op` come from its operands: instructions of f64 pass them
/// on.
static bool passesNaN(Operation *op) {
  auto isDouble = [](Value value) {
    return getElementTypeOrSelf(value.getType()).isF64();
  };
  if (isa<LLVM::FPTruncOp>(op))
    return isDouble(op->getOperand(0));
  return isDouble(op->getResult(0)) &&
         isa<LLVM::FAddOp, LLVM::FSubOp, LLVM::FMulOp, LLVM::FDivOp,
             LLVM::FMAOp, LLVM::FNegOp, LLVM::FAbsOp, LLVM::MinNumOp,
             LLVM::MaxNumOp>(op);
}

/// `result` of an `op` that passes NaNs on with those that the device gives.
/// Which operand comes first was found by recording.
static Value passNaN(Operation *op, Value result, DeviceFloats &floats) {
  auto operand = [&](unsigned i) { return op->getOperand(i); };
  if (isa<LLVM::FPTruncOp>(op))
    return floats.keepPayload(result, operand(0));
  if (isa<LLVM::MinNumOp, LLVM::MaxNumOp>(op))
    return floats.propagate(result, {result});
  if (isa<LLVM::FMAOp>(op))
    return floats.propagate(result, {operand(1), operand(2), operand(0)});
  if (isa<LLVM::FDivOp>(op))
    return floats.propagate(result, {operand(0), operand(1)});
  if (op->getNumOperands() == 1)
    return floats.propagate(result, {operand(0)});
  return floats.propagate(result, {operand(1), operand(0)});
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
    if (!floats.isKnown())
      continue;
    Value result = replace(op, floats);
    bool makes = result ? !isa<LLVM::FRemOp>(op) : makesNaN(op);
    if (!result && !makes && !passesNaN(op))
      continue;
    if (!result)
      result = OpBuilder(op).clone(*op)->getResult(0);
    // A remainder by an infinity is its first operand as it is.
    if (passesNaN(op))
      result = passNaN(op, result, floats);
    else if (makes)
      result = floats.canonicalize(result);
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
