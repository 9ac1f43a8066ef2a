//===- Runtime.cpp - Python over the runtime's C library ------------------===//
//
// Handles, sizes and launches; what an array is and who owns it is Python's
// affair (quantmlir/runtime.py).
//
//===----------------------------------------------------------------------===//

#include "quantmlir/Runtime/Runtime.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace nb = nanobind;

namespace {

/// Carries a status across C++ to the Python exception that `check` chose.
struct RuntimeFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void check(QuantmlirRtStatus status) {
  if (status == QUANTMLIR_RT_SUCCESS)
    return;
  std::string message = quantmlirRtGetLastErrorMessage();
  switch (status) {
  case QUANTMLIR_RT_INVALID_ARGUMENT:
  case QUANTMLIR_RT_MALFORMED:
    throw nb::value_error(message.c_str());
  case QUANTMLIR_RT_NOT_FOUND:
    PyErr_SetString(PyExc_FileNotFoundError, message.c_str());
    throw nb::python_error();
  default:
    throw RuntimeFailure(std::string(quantmlirRtStatusName(status)) + ": " +
                         message);
  }
}

/// Owns a handle of the C library.
template <typename T, void (*Destroy)(T *)> struct Handle {
  struct Deleter {
    void operator()(T *handle) const { Destroy(handle); }
  };
  std::unique_ptr<T, Deleter> handle;
  T *get() const { return handle.get(); }
};
using Artifact = Handle<QuantmlirRtArtifact, quantmlirRtArtifactDestroy>;
using Plan = Handle<QuantmlirRtPlan, quantmlirRtPlanDestroy>;
using Context = Handle<QuantmlirRtContext, quantmlirRtContextDestroy>;
using Executable = Handle<QuantmlirRtExecutable, quantmlirRtExecutableDestroy>;

Artifact loadArtifact(const std::string &directory) {
  if (directory.find('\0') != std::string::npos)
    throw nb::value_error("the directory's name has a null character");
  QuantmlirRtArtifact *artifact = nullptr;
  check(quantmlirRtArtifactLoad(directory.c_str(), &artifact));
  Artifact result;
  result.handle.reset(artifact);
  return result;
}

/// One buffer of a function as a dictionary.
nb::dict describeBuffer(const Artifact &artifact, size_t function,
                        size_t buffer) {
  QuantmlirRtBufferInfo info;
  check(quantmlirRtArtifactGetBufferInfo(artifact.get(), function, buffer,
                                         &info));
  std::vector<int64_t> shape(info.rank);
  check(quantmlirRtArtifactGetBufferShape(artifact.get(), function, buffer,
                                          shape.data(), shape.size()));
  nb::dict result;
  result["name"] = info.name;
  result["role"] = quantmlirRtRoleName(info.role);
  result["element"] = info.element;
  result["shape"] = shape;
  result["prepared_from"] = info.preparedFrom;
  return result;
}

nb::dict describeFunction(const Artifact &artifact, size_t function) {
  QuantmlirRtFunctionInfo info;
  check(quantmlirRtArtifactGetFunctionInfo(artifact.get(), function, &info));
  nb::list dims, buffers, kernels;
  for (size_t i = 0; i < info.numDims; ++i) {
    QuantmlirRtDimInfo dim;
    check(quantmlirRtArtifactGetDimInfo(artifact.get(), function, i, &dim));
    nb::dict entry;
    entry["name"] = dim.name;
    entry["buffer"] = dim.buffer;
    entry["axis"] = dim.axis;
    entry["min"] = dim.min;
    entry["max"] = dim.max;
    dims.append(entry);
  }
  for (size_t i = 0; i < info.numBuffers; ++i)
    buffers.append(describeBuffer(artifact, function, i));
  for (size_t i = 0; i < info.numSteps; ++i) {
    QuantmlirRtStepInfo step;
    check(quantmlirRtArtifactGetStepInfo(artifact.get(), function, i, &step));
    QuantmlirRtKernelInfo kernel;
    check(
        quantmlirRtArtifactGetKernelInfo(artifact.get(), step.kernel, &kernel));
    nb::dict contract, entry;
    contract["u_acc"] = kernel.uAcc;
    contract["u_decode"] = kernel.uDecode;
    contract["offset"] = kernel.offset;
    entry["kernel"] = kernel.name;
    entry["conditional"] = step.conditional != 0;
    entry["contract"] = contract;
    kernels.append(entry);
  }
  nb::dict result;
  result["name"] = info.name;
  result["prepare"] = info.prepare;
  result["dims"] = dims;
  result["buffers"] = buffers;
  result["steps"] = kernels;
  return result;
}

nb::list describeFunctions(const Artifact &artifact) {
  nb::list result;
  size_t count = quantmlirRtArtifactGetNumFunctions(artifact.get());
  for (size_t i = 0; i < count; ++i)
    result.append(describeFunction(artifact, i));
  return result;
}

Plan makePlan(const Artifact &artifact, size_t function,
              const std::vector<int64_t> &dims) {
  QuantmlirRtPlan *plan = nullptr;
  check(quantmlirRtPlanCreate(artifact.get(), function, dims.data(),
                              dims.size(), &plan));
  Plan result;
  result.handle.reset(plan);
  return result;
}

std::vector<int64_t> planShape(const Plan &plan, size_t buffer, size_t rank) {
  std::vector<int64_t> shape(rank);
  check(quantmlirRtPlanGetBufferShape(plan.get(), buffer, shape.data(), rank));
  return shape;
}

size_t planBytes(const Plan &plan, size_t buffer) {
  size_t bytes = 0;
  check(quantmlirRtPlanGetBufferBytes(plan.get(), buffer, &bytes));
  return bytes;
}

/// (kernel index, grid) of each kernel that a launch of this plan enqueues.
nb::list planLaunches(const Plan &plan) {
  nb::list result;
  size_t count = quantmlirRtPlanGetNumLaunches(plan.get());
  for (size_t i = 0; i < count; ++i) {
    size_t kernel = 0;
    uint32_t grid[3] = {0, 0, 0};
    check(quantmlirRtPlanGetLaunch(plan.get(), i, &kernel, grid));
    result.append(
        nb::make_tuple(kernel, nb::make_tuple(grid[0], grid[1], grid[2])));
  }
  return result;
}

Context openDevice(int ordinal) {
  QuantmlirRtContext *context = nullptr;
  check(quantmlirRtContextCreate(ordinal, &context));
  Context result;
  result.handle.reset(context);
  return result;
}

Executable loadExecutable(const Context &context, const Artifact &artifact) {
  QuantmlirRtExecutable *executable = nullptr;
  check(quantmlirRtExecutableCreate(context.get(), artifact.get(),
                                    QUANTMLIR_RT_IMAGE_AUTO, &executable));
  Executable result;
  result.handle.reset(executable);
  return result;
}

/// Device memory that lives as long as the object.
struct Memory {
  std::shared_ptr<Context> context;
  QuantmlirRtBuffer buffer{0, 0};
  Memory(std::shared_ptr<Context> owner, size_t bytes)
      : context(std::move(owner)) {
    check(quantmlirRtMemoryAllocate(context->get(), bytes, &buffer));
  }
  Memory(const Memory &) = delete;
  // A destructor has nobody to tell about a failure.
  ~Memory() { (void)quantmlirRtMemoryFree(context->get(), buffer); }

  void upload(nb::bytes data) {
    check(quantmlirRtMemoryCopyToDevice(context->get(), buffer, data.data(),
                                        data.size(), nullptr));
  }
  nb::bytes download(uintptr_t stream) const {
    std::string data(buffer.bytes, '\0');
    check(quantmlirRtMemoryCopyToHost(context->get(), data.data(), buffer,
                                      data.size(),
                                      reinterpret_cast<void *>(stream)));
    return nb::bytes(data.data(), data.size());
  }
};

/// The memory as an array that consumers take by DLPack; it keeps `memory`
/// alive.
nb::ndarray<nb::array_api> exportDLPack(nb::handle memory,
                                        const std::vector<size_t> &shape,
                                        uint8_t code, uint8_t bits,
                                        int ordinal) {
  auto &self = nb::cast<Memory &>(memory);
  return nb::ndarray<nb::array_api>(
      reinterpret_cast<void *>(self.buffer.address), shape.size(), shape.data(),
      memory,
      /*strides=*/nullptr, nb::dlpack::dtype{code, bits, 1},
      nb::device::cuda::value, ordinal);
}

using Span = std::tuple<uint64_t, size_t>;

void launch(const Executable &executable, const Plan &plan,
            const std::vector<Span> &spans, const Span &workspace,
            uintptr_t stream) {
  std::vector<QuantmlirRtBuffer> buffers;
  for (const auto &[address, bytes] : spans)
    buffers.push_back({address, bytes});
  nb::gil_scoped_release release;
  check(quantmlirRtLaunch(executable.get(), plan.get(), buffers.data(),
                          buffers.size(),
                          {std::get<0>(workspace), std::get<1>(workspace)},
                          reinterpret_cast<void *>(stream)));
}

/// What DLPack says of an array: (address, shape, bits of an element, elements
/// in a vector, type code, device type, device number, contiguous).
nb::tuple inspectDLPack(nb::ndarray<nb::ro> array) {
  nb::list shape;
  int64_t expected = 1;
  bool contiguous = true;
  for (size_t i = array.ndim(); i-- > 0;) {
    contiguous &= array.shape(i) == 1 || array.stride(i) == expected;
    expected *= static_cast<int64_t>(array.shape(i));
  }
  contiguous |= expected == 0;
  for (size_t i = 0; i < array.ndim(); ++i)
    shape.append(array.shape(i));
  nb::dlpack::dtype type = array.dtype();
  return nb::make_tuple(reinterpret_cast<uintptr_t>(array.data()), shape,
                        type.bits, type.lanes, type.code, array.device_type(),
                        array.device_id(), contiguous);
}

} // namespace

NB_MODULE(_runtime, m) {
  nb::exception<RuntimeFailure>(m, "RuntimeFailure", PyExc_RuntimeError);
  nb::class_<Artifact>(m, "Artifact")
      .def_prop_ro("chip",
                   [](const Artifact &self) {
                     return quantmlirRtArtifactGetChip(self.get());
                   })
      .def_prop_ro("producer",
                   [](const Artifact &self) {
                     return quantmlirRtArtifactGetProducer(self.get());
                   })
      .def_prop_ro("reference_path",
                   [](const Artifact &self) {
                     return quantmlirRtArtifactGetReferencePath(self.get());
                   })
      .def_prop_ro("constants_path",
                   [](const Artifact &self) {
                     return quantmlirRtArtifactGetConstantsPath(self.get());
                   })
      .def_prop_ro("functions", &describeFunctions);
  nb::class_<Plan>(m, "Plan")
      .def_prop_ro("workspace_bytes",
                   [](const Plan &self) {
                     return quantmlirRtPlanGetWorkspaceBytes(self.get());
                   })
      .def_prop_ro("launches", &planLaunches)
      .def("shape", &planShape, nb::arg("buffer"), nb::arg("rank"))
      .def("bytes", &planBytes, nb::arg("buffer"));
  nb::class_<Context>(m, "Context")
      .def_prop_ro("name",
                   [](const Context &self) {
                     return quantmlirRtContextGetDeviceName(self.get());
                   })
      .def_prop_ro("compute_capability",
                   [](const Context &self) {
                     return quantmlirRtContextGetComputeCapability(self.get());
                   })
      .def("synchronize", [](const Context &self, uintptr_t stream) {
        nb::gil_scoped_release release;
        check(quantmlirRtStreamSynchronize(self.get(),
                                           reinterpret_cast<void *>(stream)));
      });
  nb::class_<Executable>(m, "Executable");
  nb::class_<Memory>(m, "Memory")
      .def(nb::init<std::shared_ptr<Context>, size_t>())
      .def_prop_ro("address",
                   [](const Memory &self) { return self.buffer.address; })
      .def_prop_ro("bytes",
                   [](const Memory &self) { return self.buffer.bytes; })
      .def("upload", &Memory::upload)
      .def("download", &Memory::download, nb::arg("stream") = 0);

  m.def("version", [] { return quantmlirRtGetVersion(); });
  m.def("load_artifact", &loadArtifact, nb::arg("directory"));
  m.def("make_plan", &makePlan, nb::arg("artifact"), nb::arg("function"),
        nb::arg("dims"));
  m.def(
      "open_device",
      [](int ordinal) {
        return std::make_shared<Context>(openDevice(ordinal));
      },
      nb::arg("ordinal") = 0);
  m.def("load_executable", &loadExecutable, nb::arg("context"),
        nb::arg("artifact"));
  m.def("launch", &launch, nb::arg("executable"), nb::arg("plan"),
        nb::arg("buffers"), nb::arg("workspace"), nb::arg("stream") = 0);
  m.def("export_dlpack", &exportDLPack, nb::arg("memory"), nb::arg("shape"),
        nb::arg("code"), nb::arg("bits"), nb::arg("ordinal"));
  m.def("inspect_dlpack", &inspectDLPack, nb::arg("array"));
}
