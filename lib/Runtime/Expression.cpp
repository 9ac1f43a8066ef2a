//===- Expression.cpp - Integer functions of the dimensions ---------------===//

#include "Expression.h"
#include "Checked.h"

#include <algorithm>

using namespace quantmlir::runtime;

Expression Expression::constant(int64_t value) {
  Expression expression;
  expression.appendConstant(value);
  return expression;
}

std::optional<Expression::Op> Expression::parseOp(std::string_view name) {
  static constexpr std::pair<std::string_view, Op> table[] = {
      {"add", Op::Add},         {"sub", Op::Sub},
      {"mul", Op::Mul},         {"floordiv", Op::FloorDiv},
      {"ceildiv", Op::CeilDiv}, {"mod", Op::Mod},
      {"min", Op::Min},         {"max", Op::Max},
      {"eq", Op::Eq},           {"ne", Op::Ne},
      {"lt", Op::Lt},           {"le", Op::Le},
      {"gt", Op::Gt},           {"ge", Op::Ge},
      {"and", Op::And},         {"or", Op::Or},
      {"not", Op::Not}};
  for (const auto &[spelling, op] : table)
    if (spelling == name)
      return op;
  return std::nullopt;
}

std::optional<int64_t> Expression::getConstant() const {
  if (nodes.size() == 1 && nodes[0].op == Op::Constant)
    return nodes[0].value;
  return std::nullopt;
}

std::optional<size_t> Expression::getDim() const {
  if (nodes.size() == 1 && nodes[0].op == Op::Dim)
    return static_cast<size_t>(nodes[0].value);
  return std::nullopt;
}

bool Expression::operator==(const Expression &other) const {
  return nodes == other.nodes;
}

/// Applies a binary operator. Returns null, or why it has no value.
static const char *apply(Expression::Op op, int64_t a, int64_t b,
                         int64_t &result) {
  using Op = Expression::Op;
  static const char *const overflow = "the value overflows 64 bits";
  static const char *const divisor =
      "division by a number that is not positive";
  switch (op) {
  case Op::Add:
    return checkedAdd(a, b, result) ? nullptr : overflow;
  case Op::Sub:
    return checkedSub(a, b, result) ? nullptr : overflow;
  case Op::Mul:
    return checkedMul(a, b, result) ? nullptr : overflow;
  case Op::FloorDiv:
  case Op::CeilDiv:
  case Op::Mod: {
    if (b <= 0)
      return divisor;
    // C++ truncates; a nonzero remainder tells on which side the quotient lies.
    int64_t quotient = a / b;
    int64_t remainder = a % b;
    if (op == Op::FloorDiv)
      result = quotient - (remainder < 0);
    else if (op == Op::CeilDiv)
      result = quotient + (remainder > 0);
    else
      result = remainder < 0 ? remainder + b : remainder;
    return nullptr;
  }
  case Op::Min:
    result = std::min(a, b);
    return nullptr;
  case Op::Max:
    result = std::max(a, b);
    return nullptr;
  case Op::Eq:
    result = a == b;
    return nullptr;
  case Op::Ne:
    result = a != b;
    return nullptr;
  case Op::Lt:
    result = a < b;
    return nullptr;
  case Op::Le:
    result = a <= b;
    return nullptr;
  case Op::Gt:
    result = a > b;
    return nullptr;
  case Op::Ge:
    result = a >= b;
    return nullptr;
  case Op::And:
    result = a != 0 && b != 0;
    return nullptr;
  case Op::Or:
    result = a != 0 || b != 0;
    return nullptr;
  case Op::Constant:
  case Op::Dim:
  case Op::Not:
    break;
  }
  return "not a binary operator";
}

bool Expression::uses(size_t dim) const {
  return std::any_of(nodes.begin(), nodes.end(), [&](const Node &node) {
    return node.op == Op::Dim && node.value == static_cast<int64_t>(dim);
  });
}

const char *Expression::evaluate(const int64_t *dims, int64_t &result) const {
  int64_t stack[maxDepth + 2];
  size_t depth = 0;
  static const char *const broken = "the expression is not well formed";
  for (const Node &node : nodes) {
    switch (node.op) {
    case Op::Constant:
    case Op::Dim:
      if (depth == std::size(stack))
        return broken;
      stack[depth++] = node.op == Op::Dim ? dims[node.value] : node.value;
      break;
    case Op::Not:
      if (depth < 1)
        return broken;
      stack[depth - 1] = stack[depth - 1] == 0;
      break;
    default: {
      if (depth < 2)
        return broken;
      --depth;
      if (const char *why =
              apply(node.op, stack[depth - 1], stack[depth], stack[depth - 1]))
        return why;
      break;
    }
    }
  }
  if (depth != 1)
    return broken;
  result = stack[0];
  return nullptr;
}
