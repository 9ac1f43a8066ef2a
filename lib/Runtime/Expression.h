//===- Expression.h - Integer functions of the dimensions -------*- C++ -*-===//
//
// Grids, shapes and scalar arguments in a manifest are expressions over the
// function's dynamic dimensions. They are compiled once to postfix form and
// evaluated without allocating.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_RUNTIME_EXPRESSION_H
#define QUANTMLIR_LIB_RUNTIME_EXPRESSION_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace quantmlir::runtime {

/// A signed 64-bit integer expression. Division and modulo round towards minus
/// infinity and need a positive divisor; comparisons give 0 or 1; `and`, `or`
/// and `not` take anything but 0 for true and evaluate both sides.
class Expression {
public:
  enum class Op : uint8_t {
    Constant,
    Dim,
    Add,
    Sub,
    Mul,
    FloorDiv,
    CeilDiv,
    Mod,
    Min,
    Max,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    And,
    Or,
    Not
  };

  /// Bounds on what the reader accepts. A left-leaning tree of depth d needs at
  /// most d + 1 stack slots.
  static constexpr unsigned maxDepth = 32;
  static constexpr size_t maxNodes = 512;

  Expression() = default;
  static Expression constant(int64_t value);

  /// The operator spelled `name`, if there is one (never Constant or Dim).
  static std::optional<Op> parseOp(std::string_view name);
  static unsigned getNumOperands(Op op) { return op == Op::Not ? 1 : 2; }

  /// Building in postfix order: operands first.
  void appendConstant(int64_t value) { nodes.push_back({Op::Constant, value}); }
  void appendDim(size_t dim) {
    nodes.push_back({Op::Dim, static_cast<int64_t>(dim)});
  }
  void appendOp(Op op) { nodes.push_back({op, 0}); }
  size_t size() const { return nodes.size(); }

  /// The value if this is a literal.
  std::optional<int64_t> getConstant() const;
  /// The dimension if this is nothing but a dimension's name.
  std::optional<size_t> getDim() const;
  bool operator==(const Expression &other) const;
  /// Whether the value may depend on dimension `dim`.
  bool uses(size_t dim) const;

  /// Computes the value. Returns null on success, otherwise why there is none.
  const char *evaluate(const int64_t *dims, int64_t &result) const;

private:
  struct Node {
    Op op;
    /// The literal, or the index of the dimension.
    int64_t value;
    bool operator==(const Node &other) const {
      return op == other.op && value == other.value;
    }
  };
  std::vector<Node> nodes;
};

} // namespace quantmlir::runtime

#endif // QUANTMLIR_LIB_RUNTIME_EXPRESSION_H
