//===- WeightValues.cpp - What weights hold, while compiling --------------===//

#include "quantmlir/Calibration/WeightValues.h"
#include "quantmlir/Calibration/Algorithms/WeightQuantizer.h"
#include "quantmlir/Dialect/QuantTensor/IR/BufferNames.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"

#include <cstring>

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::calibration;
using namespace quantmlir::quant_tensor;

llvm::Expected<WeightValues> WeightValues::read(StringRef path) {
  WeightValues values;
  values.path = path.str();
  std::string error;
  if (!path.empty() && !io::readArrays(path.str(), values.arrays, error))
    return llvm::createStringError(error);
  return values;
}

//===----------------------------------------------------------------------===//
// Bytes to floats
//===----------------------------------------------------------------------===//

static std::optional<ScaleKind> getKind(Type type) {
  if (type.isF32())
    return ScaleKind::F32;
  if (type.isF16())
    return ScaleKind::F16;
  if (type.isBF16())
    return ScaleKind::BF16;
  return std::nullopt;
}

static llvm::Expected<std::vector<float>>
decode(RankedTensorType type, const uint8_t *bytes, size_t size) {
  std::vector<float> result(type.getNumElements());
  Type element = type.getElementType();
  if (size * 8 != result.size() * element.getIntOrFloatBitWidth())
    return llvm::createStringError("its bytes are not those of its type");
  if (std::optional<ScaleKind> kind = getKind(element)) {
    decodeFloats(bytes, *kind, result);
    return result;
  }
  for (auto [index, value] : llvm::enumerate(result)) {
    double wide;
    std::memcpy(&wide, bytes + index * sizeof(double), sizeof(double));
    value = static_cast<float>(wide);
  }
  return result;
}

static llvm::Expected<std::vector<float>> decode(Attribute attr,
                                                 RankedTensorType type) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return llvm::createStringError("the resource of a constant is missing");
    return decode(type,
                  reinterpret_cast<const uint8_t *>(blob->getData().data()),
                  blob->getData().size());
  }
  auto dense = dyn_cast<DenseFPElementsAttr>(attr);
  if (!dense)
    return llvm::createStringError("a constant is no table of floats");
  if (dense.isSplat())
    return std::vector<float>(type.getNumElements(),
                              dense.getSplatValue<APFloat>().convertToDouble());
  ArrayRef<char> raw = dense.getRawData();
  return decode(type, reinterpret_cast<const uint8_t *>(raw.data()),
                raw.size());
}

llvm::Expected<std::vector<float>>
WeightValues::evaluateArgument(BlockArgument argument) const {
  auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
  if (!function)
    return llvm::createStringError("it depends on a block argument");
  std::string name = getArgumentBufferName(function, argument.getArgNumber());
  // A file has what the functions are called with that programs start at.
  auto module = function->getParentOfType<ModuleOp>();
  if (function.isPrivate() ||
      (module && !SymbolTable::symbolKnownUseEmpty(function, module)))
    return llvm::createStringError("argument '" + name + "' of '@" +
                                   function.getName() +
                                   "' is what its callers give");
  if (path.empty())
    return llvm::createStringError("the values of argument '" + name +
                                   "' are not known (values=file)");
  auto it = arrays.find(name);
  if (it == arrays.end())
    return llvm::createStringError("'" + path + "' has no '" + name + "'");
  auto type = cast<RankedTensorType>(argument.getType());
  std::string element;
  llvm::raw_string_ostream(element) << type.getElementType();
  const io::Array &array = it->second;
  if (array.element != element ||
      ArrayRef<int64_t>(array.shape) != type.getShape())
    return llvm::createStringError(
        "'" + path + "': '" + name + "' is " + io::describe(array) +
        ", expected " + io::describe({element, type.getShape().vec(), {}}));
  return decode(type, array.data.data, array.data.size);
}

//===----------------------------------------------------------------------===//
// Linalg ops
//===----------------------------------------------------------------------===//

/// `value` as the float type `type` holds it.
static float roundTo(Type type, float value) {
  if (!type.isF16() && !type.isBF16())
    return value;
  APFloat wide(value);
  bool losesInfo;
  wide.convert(cast<FloatType>(type).getFloatSemantics(),
               APFloat::rmNearestTiesToEven, &losesInfo);
  return wide.convertToFloat();
}

namespace {

/// The body of a linalg op, ready to run on many elements.
struct Body {
  enum class Kind { Add, Sub, Mul, Div, Neg, Round };
  struct Step {
    Kind kind;
    unsigned a, b, result;
    Type type;
  };

  static FailureOr<Body> create(linalg::LinalgOp op);
  /// The first registers hold the operands' elements.
  float run(MutableArrayRef<float> registers) const;
  /// Whether it adds the product of two inputs to what was there, and nothing
  /// in between is rounded to less than f32.
  bool isProductSum() const;

  SmallVector<Step> steps;
  /// Registers of scalar constants.
  SmallVector<std::pair<unsigned, float>> constants;
  unsigned numRegisters = 0, yielded = 0;
};

} // namespace

FailureOr<Body> Body::create(linalg::LinalgOp op) {
  Body body;
  llvm::DenseMap<Value, unsigned> registers;
  auto add = [&](Value value) {
    return registers[value] = body.numRegisters++;
  };
  for (BlockArgument argument : op.getBlock()->getArguments())
    add(argument);
  for (Operation &inner : op.getBlock()->without_terminator()) {
    FloatAttr constant;
    if (matchPattern(&inner, m_Constant(&constant))) {
      body.constants.push_back(
          {add(inner.getResult(0)),
           static_cast<float>(constant.getValueAsDouble())});
      continue;
    }
    std::optional<Kind> kind =
        llvm::TypeSwitch<Operation *, std::optional<Kind>>(&inner)
            .Case<arith::AddFOp>([](auto) { return Kind::Add; })
            .Case<arith::SubFOp>([](auto) { return Kind::Sub; })
            .Case<arith::MulFOp>([](auto) { return Kind::Mul; })
            .Case<arith::DivFOp>([](auto) { return Kind::Div; })
            .Case<arith::NegFOp>([](auto) { return Kind::Neg; })
            .Case<arith::TruncFOp, arith::ExtFOp>(
                [](auto) { return Kind::Round; })
            .Default([](auto) { return std::nullopt; });
    if (!kind || !llvm::all_of(inner.getOperands(), [&](Value operand) {
          return registers.contains(operand);
        }))
      return failure();
    unsigned a = registers[inner.getOperand(0)];
    unsigned b = registers[inner.getOperands().back()];
    Value result = inner.getResult(0);
    body.steps.push_back({*kind, a, b, add(result), result.getType()});
  }
  Value yielded = op.getBlock()->getTerminator()->getOperand(0);
  if (!registers.contains(yielded))
    return failure();
  body.yielded = registers[yielded];
  return body;
}

float Body::run(MutableArrayRef<float> registers) const {
  for (const Step &step : steps) {
    float a = registers[step.a], b = registers[step.b], value = 0;
    switch (step.kind) {
    case Kind::Add:
      value = a + b;
      break;
    case Kind::Sub:
      value = a - b;
      break;
    case Kind::Mul:
      value = a * b;
      break;
    case Kind::Div:
      value = a / b;
      break;
    case Kind::Neg:
      value = -a;
      break;
    case Kind::Round:
      value = a;
      break;
    }
    registers[step.result] = roundTo(step.type, value);
  }
  return registers[yielded];
}

bool Body::isProductSum() const {
  constexpr unsigned accumulator = 2;
  SmallVector<unsigned> source;
  for (unsigned i = 0; i < numRegisters; ++i)
    source.push_back(i);
  auto isPair = [&](const Step &step, unsigned a, unsigned b) {
    unsigned left = source[step.a], right = source[step.b];
    return (left == a && right == b) || (left == b && right == a);
  };
  std::optional<unsigned> product;
  bool isSum = false;
  for (const Step &step : steps) {
    if (step.type.isF16() || step.type.isBF16() || isSum)
      return false;
    if (step.kind == Kind::Round)
      source[step.result] = source[step.a];
    else if (step.kind == Kind::Mul && !product && isPair(step, 0, 1))
      product = step.result;
    else if (step.kind == Kind::Add && product &&
             isPair(step, accumulator, *product))
      isSum = step.result == yielded;
    else
      return false;
  }
  return isSum;
}

/// `sum` and the products of `count` pairs, one after the other.
static float addProducts(float sum, const float *a, int64_t stepA,
                         const float *b, int64_t stepB, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    float product = a[i * stepA] * b[i * stepB];
    sum += product;
  }
  return sum;
}

llvm::Expected<std::vector<float>>
WeightValues::evaluateLinalg(linalg::LinalgOp op) const {
  auto fail = [&] {
    return llvm::createStringError("it depends on '" +
                                   op->getName().getStringRef() +
                                   "', which is not evaluated here");
  };
  if (op->getNumResults() != 1 || op.hasDynamicShape() ||
      op.hasIndexSemantics())
    return fail();
  OpOperand *init = op.getDpsInitOperand(0);
  AffineMap out = op.getMatchingIndexingMap(init);
  FailureOr<Body> body = Body::create(op);
  if (!out.isProjectedPermutation() || failed(body))
    return fail();
  // Steps of each operand's index along each loop; the result's last.
  auto getSteps = [&](OpOperand *operand) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    auto type = cast<RankedTensorType>(operand->get().getType());
    SmallVector<int64_t> steps(op.getNumLoops(), 0);
    int64_t step = 1;
    for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
      steps[map.getDimPosition(dim)] = step;
      step *= type.getDimSize(dim);
    }
    return steps;
  };
  SmallVector<SmallVector<int64_t>> steps;
  std::vector<std::vector<float>> inputs;
  FloatAttr scalar;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    if (matchPattern(operand->get(), m_Constant(&scalar))) {
      inputs.push_back({static_cast<float>(scalar.getValueAsDouble())});
      steps.emplace_back(op.getNumLoops(), 0);
      continue;
    }
    if (!isa<RankedTensorType>(operand->get().getType()) ||
        !op.getMatchingIndexingMap(operand).isProjectedPermutation())
      return fail();
    auto values = evaluate(operand->get());
    if (!values)
      return values.takeError();
    inputs.push_back(std::move(*values));
    steps.push_back(getSteps(operand));
  }
  steps.push_back(getSteps(init));

  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  std::vector<float> result(type.getNumElements());
  // What was there counts only where it is read.
  unsigned accumulator = inputs.size();
  if (!op.getBlock()->getArguments().back().use_empty()) {
    auto before = evaluate(init->get());
    if (!before)
      return before.takeError();
    result = std::move(*before);
  }
  int64_t total = 1;
  for (int64_t extent : extents)
    total *= extent;
  SmallVector<float> registers(body->numRegisters, 0.0f);
  for (auto [index, value] : body->constants)
    registers[index] = value;
  SmallVector<int64_t> loops(extents.size(), 0), offsets(steps.size(), 0);
  // The sums of a contraction, which rotations are made of, at once.
  int64_t outer = extents.size(), atOnce = 1;
  if (inputs.size() == 2 && outer != 0 && steps.back()[outer - 1] == 0 &&
      body->isProductSum())
    atOnce = extents[--outer];
  for (int64_t count = 0; count < total; count += atOnce) {
    float &element = result[offsets.back()];
    if (outer != int64_t(extents.size())) {
      element = addProducts(element, &inputs[0][offsets[0]], steps[0][outer],
                            &inputs[1][offsets[1]], steps[1][outer], atOnce);
    } else {
      for (auto [index, input] : llvm::enumerate(inputs))
        registers[index] = input[offsets[index]];
      registers[accumulator] = element;
      element = body->run(registers);
    }
    for (int64_t loop = outer - 1; loop >= 0; --loop) {
      bool wraps = ++loops[loop] == extents[loop];
      for (auto [offset, step] : llvm::zip_equal(offsets, steps))
        offset += wraps ? -step[loop] * (extents[loop] - 1) : step[loop];
      if (!wraps)
        break;
      loops[loop] = 0;
    }
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Any weight
//===----------------------------------------------------------------------===//

llvm::Expected<std::vector<float>> WeightValues::evaluate(Value value) const {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.hasStaticShape() ||
      !(getKind(type.getElementType()) || type.getElementType().isF64()))
    return llvm::createStringError(
        "it depends on what is no tensor of floats of static "
        "shape");
  if (auto argument = dyn_cast<BlockArgument>(value))
    return evaluateArgument(argument);
  Operation *op = value.getDefiningOp();
  if (auto observe = dyn_cast<ObserveOp>(op))
    return evaluate(observe.getSource());
  Attribute constant;
  if (matchPattern(value, m_Constant(&constant)))
    return decode(constant, type);
  // These leave the elements in order.
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    return evaluate(op->getOperand(0));
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return evaluateLinalg(linalgOp);
  return llvm::createStringError("it depends on '" +
                                 op->getName().getStringRef() +
                                 "', which is not evaluated here");
}

llvm::Expected<std::vector<float>>
WeightValues::evaluate(const Layer &layer) const {
  auto values = evaluate(layer.getWeight());
  if (!values || layer.getWeightAxis() == 1)
    return values;
  auto type = cast<RankedTensorType>(layer.getWeight().getType());
  int64_t k = type.getDimSize(0), n = type.getDimSize(1);
  std::vector<float> transposed(values->size());
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < n; ++j)
      transposed[j * k + i] = (*values)[i * n + j];
  return transposed;
}
