//===- Runtime.cpp - C interface: artifacts and plans ---------------------===//

#include "Handles.h"

using namespace quantmlir::runtime;

#ifndef QUANTMLIR_RUNTIME_VERSION
#define QUANTMLIR_RUNTIME_VERSION "0.1.0"
#endif

static thread_local std::string lastError;

QuantmlirRtStatus quantmlir::runtime::report(Status status) noexcept {
  if (!status.ok()) {
    try {
      lastError = status.message();
    } catch (...) {
      lastError.clear();
    }
  }
  return status.code();
}

const char *quantmlirRtGetLastErrorMessage(void) { return lastError.c_str(); }

const char *quantmlirRtStatusName(QuantmlirRtStatus status) {
  switch (status) {
  case QUANTMLIR_RT_SUCCESS:
    return "success";
  case QUANTMLIR_RT_INVALID_ARGUMENT:
    return "invalid argument";
  case QUANTMLIR_RT_NOT_FOUND:
    return "not found";
  case QUANTMLIR_RT_MALFORMED:
    return "malformed artifact";
  case QUANTMLIR_RT_UNSUPPORTED:
    return "unsupported";
  case QUANTMLIR_RT_NO_DRIVER:
    return "no driver";
  case QUANTMLIR_RT_NO_DEVICE:
    return "no device";
  case QUANTMLIR_RT_DRIVER_ERROR:
    return "driver error";
  case QUANTMLIR_RT_OUT_OF_MEMORY:
    return "out of memory";
  case QUANTMLIR_RT_INTERNAL_ERROR:
    return "internal error";
  }
  return "unknown status";
}

const char *quantmlirRtRoleName(QuantmlirRtRole role) {
  switch (role) {
  case QUANTMLIR_RT_INPUT:
    return "input";
  case QUANTMLIR_RT_WEIGHT:
    return "weight";
  case QUANTMLIR_RT_PREPARED:
    return "prepared";
  case QUANTMLIR_RT_OUTPUT:
    return "output";
  case QUANTMLIR_RT_TEMPORARY:
    return "temporary";
  }
  return "unknown role";
}

const char *quantmlirRtGetVersion(void) { return QUANTMLIR_RUNTIME_VERSION; }

static Status nullArgument() { return invalidArgument("a null argument"); }

/// Finds function `index`, or fails.
static Status getFunction(const QuantmlirRtArtifact *artifact, size_t index,
                          const Function *&function) {
  if (!artifact)
    return nullArgument();
  const Manifest &manifest = artifact->object->getManifest();
  if (index >= manifest.functions.size())
    return invalidArgument("there is no function ", index,
                           "; the artifact has ", manifest.functions.size());
  function = &manifest.functions[index];
  return Status();
}

/// Finds one of `items` of the function of that name, or fails.
template <typename Item>
static Status getItem(const std::vector<Item> &items, size_t index,
                      const char *what, const std::string &function,
                      const Item *&item) {
  if (index >= items.size())
    return invalidArgument("there is no ", what, " ", index, "; function '",
                           function, "' has ", items.size());
  item = &items[index];
  return Status();
}

/// The same for a field of a function of an artifact: its dimensions, buffers
/// or steps.
template <typename Item>
static Status getItem(const QuantmlirRtArtifact *artifact, size_t function,
                      std::vector<Item> Function::*items, size_t index,
                      const char *what, const Item *&item) {
  const Function *info = nullptr;
  if (Status status = getFunction(artifact, function, info); !status.ok())
    return status;
  return getItem(info->*items, index, what, info->name, item);
}

/// Writes the extents of a shape where there is room for them.
template <typename Extents, typename Value>
static Status writeShape(const Extents &extents, const std::string &buffer,
                         int64_t *shape, size_t capacity, Value getValue) {
  if (capacity < extents.size() || (!shape && !extents.empty()))
    return invalidArgument("buffer '", buffer, "' has rank ", extents.size(),
                           ", got room for ", capacity);
  for (size_t axis = 0; axis < extents.size(); ++axis)
    shape[axis] = getValue(extents[axis]);
  return Status();
}

QuantmlirRtStatus quantmlirRtArtifactLoad(const char *directory,
                                          QuantmlirRtArtifact **artifact) {
  return guarded([&] {
    if (!directory || !artifact)
      return nullArgument();
    return makeHandle(artifact, [&](std::shared_ptr<const Artifact> &object) {
      return Artifact::load(directory, object);
    });
  });
}

void quantmlirRtArtifactDestroy(QuantmlirRtArtifact *artifact) {
  delete artifact;
}

const char *quantmlirRtArtifactGetChip(const QuantmlirRtArtifact *artifact) {
  return artifact ? artifact->object->getManifest().chip.c_str() : nullptr;
}

const char *
quantmlirRtArtifactGetProducer(const QuantmlirRtArtifact *artifact) {
  return artifact ? artifact->object->getManifest().producer.c_str() : nullptr;
}

/// One of the artifact's paths, null where it is empty.
static const char *getPath(const QuantmlirRtArtifact *artifact,
                           std::string ArtifactPaths::*path) {
  if (!artifact || (artifact->object->getPaths().*path).empty())
    return nullptr;
  return (artifact->object->getPaths().*path).c_str();
}

const char *
quantmlirRtArtifactGetReferencePath(const QuantmlirRtArtifact *artifact) {
  return getPath(artifact, &ArtifactPaths::reference);
}

const char *
quantmlirRtArtifactGetKernelsIRPath(const QuantmlirRtArtifact *artifact) {
  return getPath(artifact, &ArtifactPaths::kernelsIR);
}

const char *
quantmlirRtArtifactGetConstantsPath(const QuantmlirRtArtifact *artifact) {
  return getPath(artifact, &ArtifactPaths::constants);
}

size_t quantmlirRtArtifactGetNumFunctions(const QuantmlirRtArtifact *artifact) {
  return artifact ? artifact->object->getManifest().functions.size() : 0;
}

size_t quantmlirRtArtifactGetNumKernels(const QuantmlirRtArtifact *artifact) {
  return artifact ? artifact->object->getManifest().kernels.size() : 0;
}

QuantmlirRtStatus
quantmlirRtArtifactFindFunction(const QuantmlirRtArtifact *artifact,
                                const char *name, size_t *function) {
  return guarded([&] {
    if (!artifact || !name || !function)
      return nullArgument();
    const std::vector<Function> &functions =
        artifact->object->getManifest().functions;
    for (size_t i = 0; i < functions.size(); ++i) {
      if (functions[i].name != name)
        continue;
      *function = i;
      return Status();
    }
    std::string known;
    for (const Function &candidate : functions)
      known += concat(known.empty() ? "" : ", ", candidate.name);
    return Status(
        QUANTMLIR_RT_NOT_FOUND,
        concat("there is no function '", name, "'; the artifact has: ", known));
  });
}

QuantmlirRtStatus
quantmlirRtArtifactGetFunctionInfo(const QuantmlirRtArtifact *artifact,
                                   size_t function,
                                   QuantmlirRtFunctionInfo *info) {
  return guarded([&] {
    const Function *object = nullptr;
    if (Status status = getFunction(artifact, function, object); !status.ok())
      return status;
    if (!info)
      return nullArgument();
    info->name = object->name.c_str();
    info->prepare = object->prepare ? int64_t(*object->prepare) : -1;
    info->numDims = object->dims.size();
    info->numBuffers = object->buffers.size();
    info->numSteps = object->steps.size();
    return Status();
  });
}

QuantmlirRtStatus
quantmlirRtArtifactGetDimInfo(const QuantmlirRtArtifact *artifact,
                              size_t function, size_t dim,
                              QuantmlirRtDimInfo *info) {
  return guarded([&] {
    const Dim *entry = nullptr;
    if (Status status = getItem(artifact, function, &Function::dims, dim,
                                "dimension", entry);
        !status.ok())
      return status;
    if (!info)
      return nullArgument();
    *info = {entry->name.c_str(), entry->buffer, entry->axis, entry->min,
             entry->max};
    return Status();
  });
}

QuantmlirRtStatus
quantmlirRtArtifactGetBufferInfo(const QuantmlirRtArtifact *artifact,
                                 size_t function, size_t buffer,
                                 QuantmlirRtBufferInfo *info) {
  return guarded([&] {
    const Buffer *object = nullptr;
    if (Status status = getItem(artifact, function, &Function::buffers, buffer,
                                "buffer", object);
        !status.ok())
      return status;
    if (!info)
      return nullArgument();
    info->name = object->name.c_str();
    info->role = object->role;
    info->element = object->element->name;
    info->elementBytes = object->element->bytes;
    info->rank = object->shape.size();
    info->alignment = object->alignment;
    info->preparedFrom =
        object->role == QUANTMLIR_RT_PREPARED ? int64_t(object->from) : -1;
    return Status();
  });
}

QuantmlirRtStatus
quantmlirRtArtifactGetBufferShape(const QuantmlirRtArtifact *artifact,
                                  size_t function, size_t buffer,
                                  int64_t *shape, size_t capacity) {
  return guarded([&] {
    const Buffer *object = nullptr;
    if (Status status = getItem(artifact, function, &Function::buffers, buffer,
                                "buffer", object);
        !status.ok())
      return status;
    return writeShape(
        object->shape, object->name, shape, capacity,
        [](const Expression &size) { return size.getConstant().value_or(-1); });
  });
}

QuantmlirRtStatus
quantmlirRtArtifactGetStepInfo(const QuantmlirRtArtifact *artifact,
                               size_t function, size_t step,
                               QuantmlirRtStepInfo *info) {
  return guarded([&] {
    const Step *object = nullptr;
    if (Status status =
            getItem(artifact, function, &Function::steps, step, "step", object);
        !status.ok())
      return status;
    if (!info)
      return nullArgument();
    *info = {object->kernel, object->when.has_value()};
    return Status();
  });
}

QuantmlirRtStatus
quantmlirRtArtifactGetKernelInfo(const QuantmlirRtArtifact *artifact,
                                 size_t kernel, QuantmlirRtKernelInfo *info) {
  return guarded([&] {
    if (!artifact || !info)
      return nullArgument();
    const std::vector<Kernel> &kernels =
        artifact->object->getManifest().kernels;
    if (kernel >= kernels.size())
      return invalidArgument("there is no kernel ", kernel,
                             "; the artifact has ", kernels.size());
    const Kernel &object = kernels[kernel];
    info->name = object.name.c_str();
    for (size_t i = 0; i < 3; ++i) {
      info->block[i] = object.block[i];
      info->cluster[i] = object.cluster[i];
    }
    info->dynamicSharedMemory = object.dynamicSharedMemory;
    info->dependentLaunch = object.dependentLaunch;
    info->numParameters = object.parameters.size();
    info->uAcc = object.uAcc;
    info->uDecode = object.uDecode;
    info->offset = object.offset;
    return Status();
  });
}

QuantmlirRtStatus quantmlirRtEvaluateExpression(const char *json,
                                                const char *const *names,
                                                const int64_t *values,
                                                size_t numNames,
                                                int64_t *result) {
  return guarded([&] {
    if (!json || !result || (numNames != 0 && (!names || !values)))
      return nullArgument();
    std::vector<std::string> dims;
    for (size_t i = 0; i < numNames; ++i) {
      if (!names[i])
        return nullArgument();
      dims.emplace_back(names[i]);
    }
    Expression expression;
    if (Status status = parseExpression(json, dims, expression); !status.ok())
      return status;
    int64_t value = 0;
    if (const char *why = expression.evaluate(values, value))
      return invalidArgument(why);
    *result = value;
    return Status();
  });
}

QuantmlirRtStatus quantmlirRtPlanCreate(const QuantmlirRtArtifact *artifact,
                                        size_t function, const int64_t *dims,
                                        size_t numDims,
                                        QuantmlirRtPlan **plan) {
  return guarded([&] {
    if (!artifact || !plan || (numDims != 0 && !dims))
      return nullArgument();
    return makeHandle(plan, [&](std::shared_ptr<const Plan> &object) {
      return Plan::create(artifact->object, function, dims, numDims, object);
    });
  });
}

void quantmlirRtPlanDestroy(QuantmlirRtPlan *plan) { delete plan; }

size_t quantmlirRtPlanGetWorkspaceBytes(const QuantmlirRtPlan *plan) {
  return plan ? plan->object->getWorkspaceBytes() : 0;
}

/// Finds a buffer of a plan, or fails.
static Status getBuffer(const QuantmlirRtPlan *plan, size_t index,
                        const PlannedBuffer *&buffer) {
  if (!plan)
    return nullArgument();
  return getItem(plan->object->getBuffers(), index, "buffer",
                 plan->object->getFunction().name, buffer);
}

QuantmlirRtStatus quantmlirRtPlanGetBufferBytes(const QuantmlirRtPlan *plan,
                                                size_t buffer, size_t *bytes) {
  return guarded([&] {
    const PlannedBuffer *object = nullptr;
    if (Status status = getBuffer(plan, buffer, object); !status.ok())
      return status;
    if (!bytes)
      return nullArgument();
    *bytes = object->bytes;
    return Status();
  });
}

QuantmlirRtStatus quantmlirRtPlanGetBufferShape(const QuantmlirRtPlan *plan,
                                                size_t buffer, int64_t *shape,
                                                size_t capacity) {
  return guarded([&] {
    const PlannedBuffer *object = nullptr;
    if (Status status = getBuffer(plan, buffer, object); !status.ok())
      return status;
    return writeShape(object->shape,
                      plan->object->getFunction().buffers[buffer].name, shape,
                      capacity, [](int64_t size) { return size; });
  });
}

size_t quantmlirRtPlanGetNumLaunches(const QuantmlirRtPlan *plan) {
  return plan ? plan->object->getLaunches().size() : 0;
}

QuantmlirRtStatus quantmlirRtPlanGetLaunch(const QuantmlirRtPlan *plan,
                                           size_t launch, size_t *kernel,
                                           uint32_t grid[3]) {
  return guarded([&] {
    if (!plan || !kernel || !grid)
      return nullArgument();
    const std::vector<PlannedLaunch> &launches = plan->object->getLaunches();
    if (launch >= launches.size())
      return invalidArgument("there is no launch ", launch, "; the plan has ",
                             launches.size());
    *kernel = launches[launch].kernel;
    for (size_t i = 0; i < 3; ++i)
      grid[i] = launches[launch].grid[i];
    return Status();
  });
}
