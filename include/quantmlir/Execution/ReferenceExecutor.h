//===- ReferenceExecutor.h - Runs a module on the CPU ---------------------===//
//
// The reference: a user-level module (linalg on encoded tensors, quant_tensor
// ops) goes through convert-quant-tensor-to-linalg and upstream's lowering to
// LLVM, is compiled for this machine, and runs on arrays of the caller. No
// kernel, schedule or pipeline of ours is involved, so it can judge them.
//
// The interface speaks no MLIR but for the module: element types are spelled as
// MLIR and the manifest spell them ("bf16", "i8", "f8E4M3FN").
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_EXECUTION_REFERENCEEXECUTOR_H
#define QUANTMLIR_EXECUTION_REFERENCEEXECUTOR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBufferRef.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mlir {
class DialectRegistry;
class ModuleOp;
} // namespace mlir

namespace quantmlir {

/// A row-major array that the caller owns.
struct ArrayView {
  /// Not written through. May be null where an extent is 0.
  const void *data = nullptr;
  std::vector<int64_t> shape;
  /// Element type as MLIR spells it: f32, bf16, i8, f8E4M3FN, ... Empty skips
  /// the check of the type, not that of the shape.
  std::string element;
  /// Bytes at `data`: fewer than shape and type take are an error. 0 skips that
  /// check.
  size_t numBytes = 0;
};

/// A row-major array that the executor made.
struct Array {
  std::vector<char> data;
  std::vector<int64_t> shape;
  std::string element;
};

/// Bytes of one element of a type as MLIR spells it, 0 for one that no array
/// has. Integers narrower than a byte take one.
size_t getElementBytes(llvm::StringRef element);

/// A module of linalg on encoded tensors, compiled for this machine.
class ReferenceExecutor {
public:
  /// An argument or result of a function, after encoded tensors have been
  /// replaced by their parts: "w" is "w.codes", "w.scales", "w.zero_points".
  struct Buffer {
    std::string name;
    std::string element;
    /// -1 where the extent is dynamic.
    std::vector<int64_t> shape;
    /// Whether it is (part of) a weight.
    bool isWeight = false;
  };

  struct Function {
    std::string name;
    std::vector<Buffer> arguments;
    std::vector<Buffer> results;
  };

  /// A `quant_tensor.observe` of the module.
  struct Observation {
    std::string name;
    /// As MLIR spells them: minmax, absmean, histogram, xtx, rows.
    std::vector<std::string> kinds;
    /// Dimension of the channels; -1 for the last.
    int64_t axis = -1;
  };

  /// Is given what an `observe` sees: the number of the observation, and its
  /// data as contiguous f32, which live during the call only. An `observe` in a
  /// loop sees something in every round.
  using Observer = llvm::function_ref<void(size_t, const ArrayView &)>;

  struct Options {
    /// Compile observers in; elsewhere they are the identity.
    bool observe = false;
  };

  ~ReferenceExecutor();
  ReferenceExecutor(const ReferenceExecutor &) = delete;
  ReferenceExecutor &operator=(const ReferenceExecutor &) = delete;

  /// Adds everything that `create` needs to parse and lower a module.
  static void registerDialects(mlir::DialectRegistry &registry);

  /// Compiles all functions of `module`, which is left as it is. Its context
  /// must have been made with `registerDialects`. Fails with every diagnostic
  /// that the lowering emitted in the message.
  static llvm::Expected<std::unique_ptr<ReferenceExecutor>>
  create(mlir::ModuleOp module, const Options &options);
  static llvm::Expected<std::unique_ptr<ReferenceExecutor>>
  create(mlir::ModuleOp module) {
    return create(module, Options());
  }

  /// Parses MLIR text or bytecode in a context of its own and compiles it.
  static llvm::Expected<std::unique_ptr<ReferenceExecutor>>
  create(llvm::MemoryBufferRef buffer, const Options &options);
  static llvm::Expected<std::unique_ptr<ReferenceExecutor>>
  create(llvm::MemoryBufferRef buffer) {
    return create(buffer, Options());
  }

  /// The functions that can be invoked: those with a body that are not private.
  llvm::ArrayRef<Function> getFunctions() const;

  /// The function of this name, or null.
  const Function *findFunction(llvm::StringRef name) const;

  /// What observers were compiled in, by number.
  llvm::ArrayRef<Observation> getObservations() const;

  /// Runs a function. Fails, without having run anything, where the number,
  /// an element type or a static extent of the inputs differs from the
  /// function's, or where two inputs disagree with the same function's shapes
  /// in a way that the lowered code checks.
  llvm::Expected<std::vector<Array>> invoke(llvm::StringRef function,
                                            llvm::ArrayRef<ArrayView> inputs,
                                            Observer observer = nullptr);

private:
  struct Implementation;
  explicit ReferenceExecutor(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation;
};

} // namespace quantmlir

#endif // QUANTMLIR_EXECUTION_REFERENCEEXECUTOR_H
