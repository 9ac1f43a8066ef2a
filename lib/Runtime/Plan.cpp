//===- Plan.cpp - One function at fixed dimensions ------------------------===//

#include "Plan.h"
#include "Checked.h"
#include "Workspace.h"

#include <cstring>

using namespace quantmlir::runtime;

/// Checks that dimensions which kernels take for related are.
static Status checkRequirements(const Function &function, const int64_t *dims) {
  for (const Requirement &requirement : function.requirements) {
    int64_t holds = 0;
    if (const char *why = requirement.condition.evaluate(dims, holds))
      return invalidArgument("function '", function.name, "' requires ",
                             requirement.text, ": ", why);
    if (holds)
      continue;
    std::string values;
    for (size_t i = 0; i < function.dims.size(); ++i) {
      const Dim &dim = function.dims[i];
      if (requirement.condition.uses(i))
        values += concat(values.empty() ? ", but " : ", ", dim.name, " (size ",
                         dim.axis, " of '", function.buffers[dim.buffer].name,
                         "') is ", dims[i]);
    }
    return invalidArgument("function '", function.name, "' requires ",
                           requirement.text, values);
  }
  return Status();
}

Status Plan::create(std::shared_ptr<const Artifact> artifact, size_t function,
                    const int64_t *dims, size_t numDims,
                    std::shared_ptr<const Plan> &result) {
  const Manifest &manifest = artifact->getManifest();
  if (function >= manifest.functions.size())
    return invalidArgument("there is no function ", function,
                           "; the artifact has ", manifest.functions.size());
  const Function &info = manifest.functions[function];
  if (numDims != info.dims.size())
    return invalidArgument("function '", info.name, "' has ", info.dims.size(),
                           " dynamic dimensions, got ", numDims);
  for (size_t i = 0; i < numDims; ++i) {
    const Dim &dim = info.dims[i];
    if (dims[i] < dim.min || dims[i] > dim.max)
      return invalidArgument("dimension '", dim.name, "' of function '",
                             info.name, "' is ", dims[i], ", not from ",
                             dim.min, " to ", dim.max);
  }
  if (Status status = checkRequirements(info, dims); !status.ok())
    return status;
  auto plan = std::make_shared<Plan>();
  plan->artifact = std::move(artifact);
  plan->function = function;
  if (Status status = plan->planBuffers(dims); !status.ok())
    return status;
  for (size_t i = 0; i < info.steps.size(); ++i)
    if (Status status = plan->planStep(i, dims); !status.ok())
      return status;
  if (Status status = plan->packTemporaries(); !status.ok())
    return status;
  result = std::move(plan);
  return Status();
}

Status Plan::planBuffers(const int64_t *dims) {
  for (const Buffer &buffer : getFunction().buffers) {
    PlannedBuffer planned;
    planned.bytes = buffer.element->bytes;
    bool overflow = false;
    for (size_t axis = 0; axis < buffer.shape.size(); ++axis) {
      int64_t size = 0;
      if (const char *why = buffer.shape[axis].evaluate(dims, size))
        return invalidArgument("size ", axis, " of buffer '", buffer.name,
                               "': ", why);
      if (size < 0)
        return invalidArgument("size ", axis, " of buffer '", buffer.name,
                               "' would be ", size);
      overflow |= !checkedMul<uint64_t>(planned.bytes, size, planned.bytes);
      planned.shape.push_back(size);
    }
    // Kernels compute with signed 64-bit offsets.
    if (overflow || planned.bytes > uint64_t(INT64_MAX))
      return invalidArgument("buffer '", buffer.name,
                             "' would have more than 2^63 bytes");
    buffers.push_back(std::move(planned));
  }
  return Status();
}

Status Plan::planStep(size_t stepIndex, const int64_t *dims) {
  const Step &step = getFunction().steps[stepIndex];
  const Kernel &kernel = artifact->getManifest().kernels[step.kernel];
  std::string where =
      concat("step ", stepIndex, " (kernel '", kernel.name, "')");
  if (step.when) {
    int64_t condition = 0;
    if (const char *why = step.when->evaluate(dims, condition))
      return invalidArgument(where, ": condition: ", why);
    if (!condition)
      return Status();
  }
  // CUDA's limits on grids, the same for all compute capabilities.
  static constexpr int64_t limits[3] = {INT32_MAX, 65535, 65535};
  PlannedLaunch launch;
  launch.kernel = step.kernel;
  bool empty = false;
  for (size_t i = 0; i < 3; ++i) {
    int64_t size = 0;
    if (const char *why = step.grid[i].evaluate(dims, size))
      return invalidArgument(where, ": grid ", i, ": ", why);
    if (size < 0 || size > limits[i])
      return invalidArgument(where, ": grid ", i, " is ", size,
                             ", not from 0 to ", limits[i]);
    if (size % kernel.cluster[i] != 0)
      return invalidArgument(where, ": grid ", i, " is ", size,
                             ", not a multiple of the cluster's ",
                             kernel.cluster[i]);
    empty |= size == 0;
    launch.grid[i] = static_cast<uint32_t>(size);
  }
  if (empty)
    return Status();
  if (Status status = planArguments(step, where, dims, launch); !status.ok())
    return status;
  launches.push_back(std::move(launch));
  return Status();
}

Status Plan::planArguments(const Step &step, const std::string &where,
                           const int64_t *dims, PlannedLaunch &launch) {
  for (size_t i = 0; i < step.arguments.size(); ++i) {
    const Argument &argument = step.arguments[i];
    uint32_t alignment = getParameterAlignment(argument.kind);
    uint32_t offset =
        (launch.values.size() + alignment - 1) / alignment * alignment;
    launch.offsets.push_back(offset);
    launch.values.resize(offset + getParameterBytes(argument.kind));
    switch (argument.kind) {
    case ParameterKind::Pointer:
      launch.pointers.push_back({offset, argument.index});
      break;
    case ParameterKind::TensorMap: {
      const TensorMap &map = step.tensorMaps[argument.index];
      PlannedLaunch::Map planned{offset, map.buffer, {}};
      if (Status status = describeTensorMap(
              map, dims, buffers[map.buffer].bytes, planned.description);
          !status.ok())
        return invalidArgument(where, ": argument ", i, ": ", status.message());
      launch.tensorMaps.push_back(planned);
      break;
    }
    case ParameterKind::I32:
    case ParameterKind::I64: {
      int64_t value = 0;
      if (const char *why = argument.value.evaluate(dims, value))
        return invalidArgument(where, ": argument ", i, ": ", why);
      if (argument.kind == ParameterKind::I64) {
        std::memcpy(&launch.values[offset], &value, sizeof(value));
        break;
      }
      if (value < INT32_MIN || value > INT32_MAX)
        return invalidArgument(where, ": argument ", i, " is ", value,
                               ", which is no i32");
      int32_t narrow = static_cast<int32_t>(value);
      std::memcpy(&launch.values[offset], &narrow, sizeof(narrow));
      break;
    }
    }
  }
  return Status();
}

Status Plan::packTemporaries() {
  const Function &info = getFunction();
  // A temporary lives from the first to the last launch that sees it. Launches
  // that these dimensions skip do not count.
  std::vector<WorkspaceItem> items;
  std::vector<size_t> itemOfBuffer(buffers.size(), SIZE_MAX);
  auto touch = [&](uint32_t buffer, size_t launch) {
    if (info.buffers[buffer].role != QUANTMLIR_RT_TEMPORARY)
      return;
    size_t &item = itemOfBuffer[buffer];
    if (item == SIZE_MAX) {
      item = items.size();
      items.push_back({buffers[buffer].bytes, info.buffers[buffer].alignment,
                       launch, launch, 0});
    }
    items[item].lastUse = launch;
  };
  for (size_t i = 0; i < launches.size(); ++i) {
    for (const PlannedLaunch::Pointer &pointer : launches[i].pointers)
      touch(pointer.buffer, i);
    for (const PlannedLaunch::Map &map : launches[i].tensorMaps)
      touch(map.buffer, i);
  }
  if (!packWorkspace(items, workspaceBytes))
    return invalidArgument("function '", info.name,
                           "' would need a workspace of more than 2^63 bytes");
  for (size_t buffer = 0; buffer < buffers.size(); ++buffer)
    if (itemOfBuffer[buffer] != SIZE_MAX)
      buffers[buffer].workspaceOffset = items[itemOfBuffer[buffer]].offset;
  return Status();
}
