//===- QuantRun.h - Parts of the quant-run tool -----------------*- C++ -*-===//

#ifndef QUANTMLIR_TOOLS_QUANT_RUN_QUANTRUN_H
#define QUANTMLIR_TOOLS_QUANT_RUN_QUANTRUN_H

#include "quantmlir/Emulator/DriverExtensions.h"
#include "quantmlir/Runtime/ArrayIO.h"
#include "quantmlir/Runtime/Runtime.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace quantmlir::run {

/// What the command line says.
struct Options {
  std::string artifact;
  /// Empty: the only one that prepares nothing.
  std::string function;
  /// NAME=FILE.npy each.
  std::vector<std::string> inputs;
  /// .npz or .safetensors files.
  std::vector<std::string> inputFiles;
  std::string output;
  int ordinal = 0;
  QuantmlirRtImage image = QUANTMLIR_RT_IMAGE_AUTO;
  /// Timed runs after the first; 0 for none.
  unsigned bench = 0;
  /// Convert arrays whose element type differs from the argument's.
  bool convert = false;
  /// Take integers for the bits of a float argument of the same width, and
  /// write such results as integers where the file format lacks their type.
  bool bits = false;
  /// Makes up arrays that were not given, from this seed; their dynamic sizes
  /// are all `randomSize`.
  std::optional<uint64_t> randomSeed;
  int64_t randomSize = 1;
  /// Of each float matrix but an encoded weight's, the first elements of even
  /// (1) or odd (2) rows are infinite: nothing else may depend on them, and
  /// what is multiplied by zero for want of data must be zero.
  unsigned randomInfinities = 0;
  /// Emulator: steps after which a thread is taken to run for ever; 0 for its
  /// own limit.
  uint64_t maxSteps = 0;
  /// Emulator: print what kernels ask of memory, and write it as JSON.
  bool profile = false;
  std::string profileJson;
  /// Files of samples to calibrate on, files of statistics to add, and where
  /// the statistics go.
  std::vector<std::string> calibrationFiles;
  std::vector<std::string> mergedStatistics;
  std::string statistics;
  /// Told of each buffer on the device and what the manifest says of it.
  std::function<void(QuantmlirRtBuffer, const QuantmlirRtBufferInfo &)>
      describeBuffer;
};

template <auto destroy> struct Destroyer {
  template <typename T> void operator()(T *handle) const { destroy(handle); }
};
using ArtifactHandle =
    std::unique_ptr<QuantmlirRtArtifact, Destroyer<quantmlirRtArtifactDestroy>>;
using PlanHandle =
    std::unique_ptr<QuantmlirRtPlan, Destroyer<quantmlirRtPlanDestroy>>;

llvm::Error makeError(const llvm::Twine &message);
/// Turns a status of the runtime into an error with its message.
llvm::Error check(QuantmlirRtStatus status);

/// An argument as both the manifest and the reference describe it. Sizes that
/// are not constant are -1.
struct Argument {
  std::string name;
  std::string element;
  std::vector<int64_t> shape;
  bool isWeight = false;
};

/// The arrays that the user named, by name.
class Inputs {
public:
  /// What `options` name, and the values that the artifact, where there is one,
  /// brings along for weights that they do not.
  static llvm::Expected<Inputs>
  read(const Options &options, const QuantmlirRtArtifact *artifact = nullptr);

  /// The array for `argument`, converted where the options allow it; or an
  /// error that says what is missing or does not fit.
  llvm::Expected<io::Array> get(const Argument &argument);

  /// Fails if an array given by --input was never asked for: a misspelt name.
  llvm::Error checkAllUsed() const;

private:
  explicit Inputs(const Options &options) : options(options) {}

  const Options &options;
  io::ArrayMap arrays, constants;
  io::Unreadable unreadable;
  /// Names given by --input that nobody has asked for yet.
  std::vector<std::string> unused;
};

/// Whether the caller gives buffers of that role.
inline bool isGiven(QuantmlirRtRole role) {
  return role == QUANTMLIR_RT_INPUT || role == QUANTMLIR_RT_WEIGHT;
}

/// A function's arrays, and its plan at their dimensions.
struct Arguments {
  std::vector<QuantmlirRtBufferInfo> buffers;
  /// One for each buffer; empty where the caller gives none.
  std::vector<io::Array> arrays;
  PlanHandle plan;
};

using Shapes = std::vector<std::vector<int64_t>>;

/// Reads the arrays that `function` takes; an error where one is missing, or
/// its type, its shape or its dimensions beside the others' are not what the
/// manifest says. `preparedShapes` are the result shapes of its prepare
/// function.
llvm::Expected<Arguments> readArguments(const QuantmlirRtArtifact *artifact,
                                        size_t function, Inputs &inputs,
                                        const Shapes &preparedShapes);

/// The shapes of the function's results at those arguments' dimensions.
llvm::Expected<Shapes> getResultShapes(const Arguments &arguments);

/// Says what readArguments would, for `function` and its prepare function.
llvm::Error checkArguments(const QuantmlirRtArtifact *artifact, size_t function,
                           Inputs &inputs);

/// Random elements for an argument: floats in [-2, 2), bytes of all values,
/// wider integers in [-100, 100]. Sizes that are not constant are
/// `dynamicSize`.
llvm::Expected<io::Array> makeRandomArray(const Argument &argument,
                                          const Options &options);

/// Results in the function's order, and the time of a run if measured.
struct Outcome {
  std::vector<std::pair<std::string, io::Array>> results;
  double microseconds = 0;
};

/// Runs the model `options.artifact` (MLIR with observers, or an artifact made
/// of such) on samples, and writes statistics.
llvm::Error calibrate(const Options &options);

/// Whether arrays of `given` are integers that may be the bits of `element`.
bool areBitsOf(llvm::StringRef given, llvm::StringRef element);

/// Adds files of statistics up.
llvm::Error mergeStatistics(const Options &options);

/// Prints functions, kernels and buffers of an artifact as a table; buffers and
/// launches of `function` alone where it is given.
llvm::Error list(const QuantmlirRtArtifact *artifact,
                 std::optional<size_t> function);

/// Runs the artifact's reference on this machine.
llvm::Expected<Outcome> runOnCpu(const QuantmlirRtArtifact *artifact,
                                 size_t function, Inputs &inputs,
                                 const Options &options);

/// Runs the artifact's kernels on a CUDA device.
llvm::Expected<Outcome> runOnCuda(const QuantmlirRtArtifact *artifact,
                                  size_t function, Inputs &inputs,
                                  const Options &options);

/// What the emulator's driver does beside CUDA: the functions of
/// quantmlir/Emulator/DriverExtensions.h.
struct EmulatorLibrary {
  QuantmlirEmulatorSetMaxStepsFn setMaxSteps;
  QuantmlirEmulatorDescribeBufferFn describeBuffer;
  QuantmlirEmulatorSetObserverFn setObserver;
  QuantmlirEmulatorSetProfileFn setProfile;
  QuantmlirEmulatorWriteProfileFn writeProfile;

  /// Opens the driver, and lets the runtime use it with the kernels of
  /// `artifact`. `program` is a tool beside it.
  static llvm::Expected<EmulatorLibrary>
  open(const QuantmlirRtArtifact *artifact, llvm::StringRef program);
};

/// Runs them in the emulator, which prints their faults and then fails.
llvm::Expected<Outcome> runOnEmulator(const QuantmlirRtArtifact *artifact,
                                      size_t function, Inputs &inputs,
                                      const Options &options);

} // namespace quantmlir::run

#endif // QUANTMLIR_TOOLS_QUANT_RUN_QUANTRUN_H
