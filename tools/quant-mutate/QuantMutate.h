//===- QuantMutate.h - Parts of the quant-mutate tool -----------*- C++ -*-===//

#ifndef QUANTMLIR_TOOLS_QUANT_MUTATE_QUANTMUTATE_H
#define QUANTMLIR_TOOLS_QUANT_MUTATE_QUANTMUTATE_H

#include "quantmlir/Emulator/LaunchRecord.h"
#include "quantmlir/Emulator/Mutation.h"
#include "llvm/Support/GlobPattern.h"
#include "llvm/Support/MemoryBuffer.h"

namespace quantmlir::mutate {

/// What the command line says.
struct Options {
  /// Artifacts, or files of MLIR whose kernels say their launches.
  std::vector<std::string> inputs;
  /// Dynamic sizes to run an artifact with.
  std::vector<int64_t> sizes;
  uint64_t seed = 0;
  /// Mutants to try, chosen by the seed; 0 for all.
  unsigned sample = 0;
  /// Launch grids of more blocks along x again with so many; 0 does not.
  unsigned blocks = 0;
  unsigned workers = 0;
  uint64_t maxSteps = 0;
};

/// One input with all launches that were seen, and their kernels.
struct Subject {
  std::string input; ///< as the user wrote it
  std::string path;  ///< of the kernels' MLIR
  std::vector<emulator::LaunchRecord> launches;
};

/// A mutant of a kernel of subject `subject`.
struct Mutant {
  unsigned subject;
  /// What its file is called, without folder and extension.
  std::string input;
  /// The gpu.module of the file, and the kernel in it.
  unsigned module;
  std::string kernel;
  emulator::Mutation mutation;
  std::string location;

  std::string getKernelName() const { return input + "/" + kernel; }
};

/// What became of it.
struct Verdict {
  enum Kind {
    Killed,
    Survived,
    /// Its condition is what the mutation makes it, for every thread of every
    /// launch, and follows from the thread's place alone: shown equivalent.
    Constant,
    NotRun, ///< no launch of its kernel was seen
    Invalid ///< it does not compile
  } kind = NotRun;
  std::string reason;
  double seconds = 0;
};

mlir::DialectRegistry makeRegistry();

/// Runs `input` as it is and records its launches, which must be clean.
llvm::Expected<Subject> recordLaunches(const std::string &input,
                                       const Options &options);

/// All mutants of the kernels of `subject`, number `index`.
llvm::Expected<std::vector<Mutant>> enumerateMutants(const Subject &subject,
                                                     unsigned index);

/// Tries `mutants` on as many OS threads as the options say. Calls `done` for
/// each, one at a time, in their order.
llvm::Error
tryMutants(llvm::ArrayRef<Subject> subjects, llvm::ArrayRef<Mutant> mutants,
           const Options &options,
           llvm::function_ref<void(const Mutant &, const Verdict &)> done);

/// Mutants known to change nothing. Each line of the file is
///
///   INPUT/KERNEL | MUTATION | REASON
///
/// with patterns of names ("{a,b}" is either), a kernel's behind its file's and
/// a mutation's as in "guard llvm.icmp ult #3". # starts a comment line.
class Equivalents {
public:
  llvm::Error read(const std::string &path);
  /// The reason, or null.
  const std::string *find(const Mutant &mutant);
  /// Lines that no mutant matched.
  std::vector<std::string> getUnused() const;

private:
  struct Entry {
    llvm::GlobPattern kernel, mutation;
    std::string text, reason;
    bool used = false;
  };
  std::vector<Entry> entries;
  /// What the patterns are views of.
  std::unique_ptr<llvm::MemoryBuffer> text;
};

} // namespace quantmlir::mutate

#endif // QUANTMLIR_TOOLS_QUANT_MUTATE_QUANTMUTATE_H
