//===- Runtime.h - Load and launch quant-mlir artifacts ---------*- C -*-===//
//
// A C library that runs what `quant-compile` makes: a directory holding
// manifest.json, PTX (or a cubin) and the reference program. It links neither
// MLIR, LLVM nor CUDA; the CUDA driver is opened when a context is asked for,
// so loading, querying and planning work on a machine without a GPU.
//
// The way through it:
//
//   quantmlirRtArtifactLoad      manifest and images, fully validated
//   quantmlirRtPlanCreate        one function at fixed dimensions: shapes,
//                                workspace, grids, every scalar argument
//   quantmlirRtContextCreate     opens libcuda.so.1 and a device
//   quantmlirRtExecutableCreate  loads the images onto the device
//   quantmlirRtLaunch            only enqueues kernels: allocates nothing,
//                                waits for nothing, may be captured in a graph
//
// Every fallible function returns a status. When it is not
// QUANTMLIR_RT_SUCCESS, quantmlirRtGetLastErrorMessage() tells this thread
// what was wrong; outputs are then left untouched.
//
// Handles are immutable once made, so any number of threads may use one at the
// same time. They keep alive what they are made from: destroy in any order. A
// destroy function takes NULL.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_RUNTIME_RUNTIME_H
#define QUANTMLIR_RUNTIME_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define QUANTMLIR_RT_EXPORT __attribute__((visibility("default")))
#else
#define QUANTMLIR_RT_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/// What went wrong, coarsely; the message says it in full.
typedef enum QuantmlirRtStatus {
  QUANTMLIR_RT_SUCCESS = 0,
  /// A null or out-of-range argument, a wrong buffer size, a bad dimension.
  QUANTMLIR_RT_INVALID_ARGUMENT = 1,
  /// A file or a function that does not exist.
  QUANTMLIR_RT_NOT_FOUND = 2,
  /// The artifact is truncated, damaged or inconsistent.
  QUANTMLIR_RT_MALFORMED = 3,
  /// A valid request that this device, driver or library version cannot do.
  QUANTMLIR_RT_UNSUPPORTED = 4,
  /// No CUDA driver on this machine, or one without the needed functions.
  QUANTMLIR_RT_NO_DRIVER = 5,
  /// The driver works but the device asked for does not exist.
  QUANTMLIR_RT_NO_DEVICE = 6,
  /// The driver refused a call; the message holds its name and its reason.
  QUANTMLIR_RT_DRIVER_ERROR = 7,
  QUANTMLIR_RT_OUT_OF_MEMORY = 8,
  QUANTMLIR_RT_INTERNAL_ERROR = 9
} QuantmlirRtStatus;

/// The message of this thread's last failed call; "" if none failed. Valid
/// until the thread's next failing call.
QUANTMLIR_RT_EXPORT const char *quantmlirRtGetLastErrorMessage(void);
/// A short name such as "invalid argument"; never NULL.
QUANTMLIR_RT_EXPORT const char *quantmlirRtStatusName(QuantmlirRtStatus status);
/// The library's version, "major.minor.patch".
QUANTMLIR_RT_EXPORT const char *quantmlirRtGetVersion(void);

//===----------------------------------------------------------------------===//
// Artifacts
//===----------------------------------------------------------------------===//

/// An artifact on disk, read and checked.
typedef struct QuantmlirRtArtifact QuantmlirRtArtifact;

/// What a buffer of a function is for (docs/Manifest.md).
typedef enum QuantmlirRtRole {
  /// Given by the caller at each launch.
  QUANTMLIR_RT_INPUT = 0,
  /// A user's weight that is used as it is.
  QUANTMLIR_RT_WEIGHT = 1,
  /// An output of the prepare function, computed once.
  QUANTMLIR_RT_PREPARED = 2,
  /// Written by the launch.
  QUANTMLIR_RT_OUTPUT = 3,
  /// Lives in the workspace; the caller passes a null buffer for it.
  QUANTMLIR_RT_TEMPORARY = 4
} QuantmlirRtRole;

/// The manifest's word for a role, such as "input"; never NULL.
QUANTMLIR_RT_EXPORT const char *quantmlirRtRoleName(QuantmlirRtRole role);

/// Strings in the info structs live as long as the artifact.
typedef struct QuantmlirRtFunctionInfo {
  const char *name;
  /// Index of the function whose outputs are this one's prepared buffers, or
  /// -1.
  int64_t prepare;
  size_t numDims;
  size_t numBuffers;
  /// Kernel launches at most; conditions may skip some of them.
  size_t numSteps;
} QuantmlirRtFunctionInfo;

/// A dynamic dimension: the size of `axis` of buffer `buffer`.
typedef struct QuantmlirRtDimInfo {
  const char *name;
  size_t buffer;
  size_t axis;
  int64_t min;
  int64_t max;
} QuantmlirRtDimInfo;

/// A buffer of a function, in the manifest's order.
typedef struct QuantmlirRtBufferInfo {
  const char *name;
  QuantmlirRtRole role;
  /// MLIR's spelling of the element type: "bf16", "i8", "f8E4M3FN"...
  const char *element;
  size_t elementBytes;
  size_t rank;
  /// Bytes that the device address must be a multiple of.
  size_t alignment;
  /// For a prepared buffer: which output (counting outputs only) of the prepare
  /// function it is; -1 otherwise.
  int64_t preparedFrom;
} QuantmlirRtBufferInfo;

/// A kernel of the images.
typedef struct QuantmlirRtKernelInfo {
  const char *name;
  uint32_t block[3];
  uint32_t cluster[3];
  /// Bytes, beside what the kernel declares statically.
  uint32_t dynamicSharedMemory;
  /// Non-zero if launched with programmatic stream serialization.
  int dependentLaunch;
  size_t numParameters;
  /// The error bound that the kernel declares ("contract" in
  /// docs/Manifest.md).
  double uAcc, uDecode, offset;
} QuantmlirRtKernelInfo;

/// One launch of a function.
typedef struct QuantmlirRtStepInfo {
  size_t kernel;
  /// Non-zero if the step only runs under a condition on the dimensions.
  int conditional;
} QuantmlirRtStepInfo;

/// Reads and validates the artifact in `directory`: manifest version and
/// structure, sizes and checksums of every file, kernels present in the PTX
/// with the declared parameters. Nothing of it is trusted afterwards without
/// having been checked here.
QUANTMLIR_RT_EXPORT QuantmlirRtStatus
quantmlirRtArtifactLoad(const char *directory, QuantmlirRtArtifact **artifact);
QUANTMLIR_RT_EXPORT void
quantmlirRtArtifactDestroy(QuantmlirRtArtifact *artifact);

/// The target, for instance "sm_90a".
QUANTMLIR_RT_EXPORT const char *
quantmlirRtArtifactGetChip(const QuantmlirRtArtifact *artifact);
/// What wrote the artifact, for instance "quant-mlir 0.1.0".
QUANTMLIR_RT_EXPORT const char *
quantmlirRtArtifactGetProducer(const QuantmlirRtArtifact *artifact);
/// Path of the reference program (MLIR bytecode), or NULL if there is none.
QUANTMLIR_RT_EXPORT const char *
quantmlirRtArtifactGetReferencePath(const QuantmlirRtArtifact *artifact);
/// Path of the kernels as MLIR bytecode, which the emulator runs, or NULL if
/// there are none.
QUANTMLIR_RT_EXPORT const char *
quantmlirRtArtifactGetKernelsIRPath(const QuantmlirRtArtifact *artifact);
/// Path of the values that the program itself gave to weights, by the names of
/// their buffers, as safetensors; NULL if there are none. The runtime uploads
/// nothing: a buffer of such a name is filled from there, or otherwise.
QUANTMLIR_RT_EXPORT const char *
quantmlirRtArtifactGetConstantsPath(const QuantmlirRtArtifact *artifact);
/// Functions and kernels are numbered from 0, as the manifest lists them.
QUANTMLIR_RT_EXPORT size_t
quantmlirRtArtifactGetNumFunctions(const QuantmlirRtArtifact *artifact);
QUANTMLIR_RT_EXPORT size_t
quantmlirRtArtifactGetNumKernels(const QuantmlirRtArtifact *artifact);
/// The number of the function called `name`; "not found" says which there are.
QUANTMLIR_RT_EXPORT QuantmlirRtStatus quantmlirRtArtifactFindFunction(
    const QuantmlirRtArtifact *artifact, const char *name, size_t *function);
/// What there is to know of a function, and of its dimensions, buffers, steps
/// and kernels by number: one out of range is an invalid argument.
QUANTMLIR_RT_EXPORT QuantmlirRtStatus quantmlirRtArtifactGetFunctionInfo(
    const QuantmlirRtArtifact *artifact, size_t function,
    QuantmlirRtFunctionInfo *info);
QUANTMLIR_RT_EXPORT QuantmlirRtStatus quantmlirRtArtifactGetDimInfo(
    const QuantmlirRtArtifact *artifact, size_t function, size_t dim,
    QuantmlirRtDimInfo *info);
QUANTMLIR_RT_EXPORT QuantmlirRtStatus quantmlirRtArtifactGetBufferInfo(
    const QuantmlirRtArtifact *artifact, size_t function, size_t buffer,
    QuantmlirRtBufferInfo *info);
/// Writes the buffer's `rank` sizes; -1 where the size is not a constant.
QUANTMLIR_RT_EXPORT QuantmlirRtStatus quantmlirRtArtifactGetBufferShape(
    const QuantmlirRtArtifact *artifact, size_t function, size_t buffer,
    int64_t *shape, size_t capacity);
QUANTMLIR_RT_EXPORT QuantmlirRtStatus quantmlirRtArtifactGetStepInfo(
    const QuantmlirRtArtifact *artifact, size_t function, size_t step,
    QuantmlirRtStepInfo *info);
QUANTMLIR_RT_EXPORT QuantmlirRtStatus
quantmlirRtArtifactGetKernelInfo(const QuantmlirRtArtifact *artifact,
                                 size_t kernel, QuantmlirRtKernelInfo *info);

/// Evaluates one manifest expression (JSON text, for instance
/// `["ceildiv","d0",64]`) where `names[i]` is `values[i]`. Refuses unknown
/// names and operators, overflow, and division by anything but a positive
/// number.
QUANTMLIR_RT_EXPORT QuantmlirRtStatus quantmlirRtEvaluateExpression(
    const char *json, const char *const *names, const int64_t *values,
    size_t numNames, int64_t *result);

//===----------------------------------------------------------------------===//
// Plans
//===----------------------------------------------------------------------===//

/// One function at fixed dimensions.
typedef struct QuantmlirRtPlan QuantmlirRtPlan;

/// The workspace's address must be a multiple of this many bytes.
#define QUANTMLIR_RT_WORKSPACE_ALIGNMENT 256

/// Everything about one function that depends on its dimensions, computed
/// without a device. `dims[i]` is the value of dimension i; `numDims` must be
/// the function's.
QUANTMLIR_RT_EXPORT QuantmlirRtStatus quantmlirRtPlanCreate(
    const QuantmlirRtArtifact *artifact, size_t function, const int64_t *dims,
    size_t numDims, QuantmlirRtPlan **plan);
QUANTMLIR_RT_EXPORT void quantmlirRtPlanDestroy(QuantmlirRtPlan *plan);
/// Bytes of device memory a launch needs for temporaries. Temporaries that are
/// never alive together share memory.
QUANTMLIR_RT_EXPORT size_t
quantmlirRtPlanGetWorkspaceBytes(const QuantmlirRtPlan *plan);
/// The size of a buffer, and its shape: `capacity` is at least its rank.
QUANTMLIR_RT_EXPORT QuantmlirRtStatus quantmlirRtPlanGetBufferBytes(
    const QuantmlirRtPlan *plan, size_t buffer, size_t *bytes);
QUANTMLIR_RT_EXPORT QuantmlirRtStatus
quantmlirRtPlanGetBufferShape(const QuantmlirRtPlan *plan, size_t buffer,
                              int64_t *shape, size_t capacity);
/// Kernels that a launch enqueues: steps whose condition does not hold or whose
/// grid is empty are not among them.
QUANTMLIR_RT_EXPORT size_t
quantmlirRtPlanGetNumLaunches(const QuantmlirRtPlan *plan);
/// The kernel that launch number `launch` enqueues, and its blocks.
QUANTMLIR_RT_EXPORT QuantmlirRtStatus
quantmlirRtPlanGetLaunch(const QuantmlirRtPlan *plan, size_t launch,
                         size_t *kernel, uint32_t grid[3]);

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

/// A device of the CUDA driver.
typedef struct QuantmlirRtContext QuantmlirRtContext;
/// An artifact's kernels on a device.
typedef struct QuantmlirRtExecutable QuantmlirRtExecutable;

/// Opens the CUDA driver (libcuda.so.1, or the path in the environment variable
/// QUANTMLIR_LIBCUDA) and retains the primary context of device `ordinal`: the
/// one that the CUDA runtime and PyTorch use too.
QUANTMLIR_RT_EXPORT QuantmlirRtStatus
quantmlirRtContextCreate(int ordinal, QuantmlirRtContext **context);
QUANTMLIR_RT_EXPORT void quantmlirRtContextDestroy(QuantmlirRtContext *context);
/// The driver's name of the device; it lives as long as the context.
QUANTMLIR_RT_EXPORT const char *
quantmlirRtContextGetDeviceName(const QuantmlirRtContext *context);
/// major * 10 + minor, for instance 90.
QUANTMLIR_RT_EXPORT int
quantmlirRtContextGetComputeCapability(const QuantmlirRtContext *context);

/// Which image of an artifact to load.
typedef enum QuantmlirRtImage {
  /// The cubin where there is one, otherwise the PTX.
  QUANTMLIR_RT_IMAGE_AUTO = 0,
  QUANTMLIR_RT_IMAGE_PTX = 1,
  QUANTMLIR_RT_IMAGE_CUBIN = 2
} QuantmlirRtImage;

/// Loads the artifact's kernels onto the context's device. A chip that the
/// device cannot run, or a kernel whose resources it lacks, is refused with the
/// reason; an error of the PTX compiler comes back with its log.
QUANTMLIR_RT_EXPORT QuantmlirRtStatus quantmlirRtExecutableCreate(
    const QuantmlirRtContext *context, const QuantmlirRtArtifact *artifact,
    QuantmlirRtImage image, QuantmlirRtExecutable **executable);
/// The caller makes sure that no launch is in flight.
QUANTMLIR_RT_EXPORT void
quantmlirRtExecutableDestroy(QuantmlirRtExecutable *executable);

/// Device memory. `bytes` is the size of the tensor in it, which must be
/// exactly what the plan says; a null address is legal for zero bytes.
typedef struct QuantmlirRtBuffer {
  uint64_t address;
  size_t bytes;
} QuantmlirRtBuffer;

/// Enqueues the plan's kernels on `stream` (a CUstream or cudaStream_t of the
/// executable's device; NULL is the default stream). `buffers` has one entry
/// for each buffer of the function, in the manifest's order; those of
/// temporaries are {0, 0}. All sizes and alignments are checked before the
/// first kernel is enqueued. Allocates nothing and never synchronizes.
QUANTMLIR_RT_EXPORT QuantmlirRtStatus
quantmlirRtLaunch(const QuantmlirRtExecutable *executable,
                  const QuantmlirRtPlan *plan, const QuantmlirRtBuffer *buffers,
                  size_t numBuffers, QuantmlirRtBuffer workspace, void *stream);

/// Plain device memory and streams, for callers that have no CUDA library of
/// their own. The copies wait for their stream.
QUANTMLIR_RT_EXPORT QuantmlirRtStatus quantmlirRtMemoryAllocate(
    const QuantmlirRtContext *context, size_t bytes, QuantmlirRtBuffer *buffer);
QUANTMLIR_RT_EXPORT QuantmlirRtStatus quantmlirRtMemoryFree(
    const QuantmlirRtContext *context, QuantmlirRtBuffer buffer);
QUANTMLIR_RT_EXPORT QuantmlirRtStatus quantmlirRtMemoryCopyToDevice(
    const QuantmlirRtContext *context, QuantmlirRtBuffer to, const void *from,
    size_t bytes, void *stream);
QUANTMLIR_RT_EXPORT QuantmlirRtStatus
quantmlirRtMemoryCopyToHost(const QuantmlirRtContext *context, void *to,
                            QuantmlirRtBuffer from, size_t bytes, void *stream);
QUANTMLIR_RT_EXPORT QuantmlirRtStatus
quantmlirRtStreamCreate(const QuantmlirRtContext *context, void **stream);
QUANTMLIR_RT_EXPORT QuantmlirRtStatus
quantmlirRtStreamDestroy(const QuantmlirRtContext *context, void *stream);
QUANTMLIR_RT_EXPORT QuantmlirRtStatus
quantmlirRtStreamSynchronize(const QuantmlirRtContext *context, void *stream);

#ifdef __cplusplus
}
#endif

#endif // QUANTMLIR_RUNTIME_RUNTIME_H
