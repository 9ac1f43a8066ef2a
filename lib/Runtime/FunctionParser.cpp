//===- FunctionParser.cpp - Functions, buffers and steps ------------------===//

#include "Checked.h"
#include "ManifestParser.h"

#include <algorithm>

using namespace quantmlir::runtime;

static constexpr size_t maxFunctions = 1 << 16;
static constexpr size_t maxDims = 256;
static constexpr size_t maxRequirements = 1 << 12;
static constexpr size_t maxBuffers = 1 << 16;
static constexpr size_t maxSteps = 1 << 16;
static constexpr size_t maxRank = 16;
/// 16 bytes: what the widest vector load needs. Device allocators give more.
static constexpr uint32_t defaultAlignment = 16;

bool ManifestParser::parseFunctions(const Json &json, const Path &path) {
  if (!array(json, path, maxFunctions))
    return false;
  manifest.functions.reserve(json.size());
  for (size_t i = 0; i < json.size(); ++i) {
    Function function;
    if (!parseFunction(json[i], Path(path, i), function))
      return false;
    if (!functionNames.insert(function.name))
      return fail(Path(path, i), "a second function named '", function.name,
                  "'");
    manifest.functions.push_back(std::move(function));
  }
  return linkPrepare(json, path);
}

bool ManifestParser::parseFunction(const Json &json, const Path &path,
                                   Function &function) {
  FunctionScope scope;
  if (!object(json, path, {"name", "buffers", "steps"},
              {"prepare", "dims", "requires"}) ||
      !label(json["name"], Path(path, "name"), function.name))
    return false;
  // Dimensions first: shapes use them. Their binding to buffers is checked once
  // the buffers are known.
  if (json.contains("dims") &&
      !parseDims(json["dims"], Path(path, "dims"), scope, function))
    return false;
  if (json.contains("requires") &&
      !parseRequirements(json["requires"], Path(path, "requires"), scope,
                         function))
    return false;
  if (!parseBuffers(json["buffers"], Path(path, "buffers"), scope, function) ||
      !checkDimBindings(Path(path, "dims"), function))
    return false;

  const Json &steps = json["steps"];
  Path stepsPath(path, "steps");
  if (!array(steps, stepsPath, maxSteps))
    return false;
  function.steps.reserve(steps.size());
  for (size_t i = 0; i < steps.size(); ++i) {
    Step step;
    if (!parseStep(steps[i], Path(stepsPath, i), scope, function, step))
      return false;
    function.steps.push_back(std::move(step));
  }
  return true;
}

bool ManifestParser::parseDims(const Json &json, const Path &path,
                               FunctionScope &scope, Function &function) {
  if (!array(json, path, maxDims))
    return false;
  for (size_t i = 0; i < json.size(); ++i) {
    const Json &entry = json[i];
    Path entryPath(path, i);
    Dim dim;
    if (!object(entry, entryPath, {"name", "argument", "axis"},
                {"min", "max"}) ||
        !name(entry["name"], Path(entryPath, "name"), dim.name) ||
        !unsigned32(entry["argument"], Path(entryPath, "argument"), 0,
                    maxBuffers, dim.buffer) ||
        !unsigned32(entry["axis"], Path(entryPath, "axis"), 0, maxRank,
                    dim.axis))
      return false;
    if (entry.contains("min") &&
        !integer(entry["min"], Path(entryPath, "min"), 0, INT64_MAX, dim.min))
      return false;
    if (entry.contains("max") && !integer(entry["max"], Path(entryPath, "max"),
                                          dim.min, INT64_MAX, dim.max))
      return false;
    if (!scope.dims.insert(dim.name))
      return fail(entryPath, "a second dimension named '", dim.name, "'");
    function.dims.push_back(std::move(dim));
  }
  return true;
}

bool ManifestParser::parseRequirements(const Json &json, const Path &path,
                                       const FunctionScope &scope,
                                       Function &function) {
  if (!array(json, path, maxRequirements))
    return false;
  for (size_t i = 0; i < json.size(); ++i) {
    Path entryPath(path, i);
    Requirement requirement;
    if (!parseExpression(json[i], entryPath, scope.dims, requirement.condition))
      return false;
    if (requirement.condition.getConstant() == 0)
      return fail(entryPath, "a requirement that no dimensions meet");
    requirement.text = json[i].dump();
    function.requirements.push_back(std::move(requirement));
  }
  return true;
}

bool ManifestParser::checkDimBindings(const Path &path,
                                      const Function &function) {
  for (size_t i = 0; i < function.dims.size(); ++i) {
    const Dim &dim = function.dims[i];
    Path dimPath(path, i);
    if (dim.buffer >= function.buffers.size())
      return fail(Path(dimPath, "argument"), "there is no buffer ", dim.buffer);
    const Buffer &buffer = function.buffers[dim.buffer];
    // A dimension is read off something the caller brings.
    if (buffer.role == QUANTMLIR_RT_TEMPORARY ||
        buffer.role == QUANTMLIR_RT_OUTPUT)
      return fail(Path(dimPath, "argument"), "buffer '", buffer.name,
                  "' is not an argument that brings its size");
    if (dim.axis >= buffer.shape.size())
      return fail(Path(dimPath, "axis"), "buffer '", buffer.name, "' has rank ",
                  buffer.shape.size());
    if (buffer.shape[dim.axis].getDim() != i)
      return fail(dimPath, "axis ", dim.axis, " of buffer '", buffer.name,
                  "' is not this dimension");
  }
  return true;
}

bool ManifestParser::parseBuffers(const Json &json, const Path &path,
                                  FunctionScope &scope, Function &function) {
  if (!array(json, path, maxBuffers))
    return false;
  function.buffers.reserve(json.size());
  for (size_t i = 0; i < json.size(); ++i) {
    Buffer buffer;
    if (!parseBuffer(json[i], Path(path, i), scope, buffer))
      return false;
    if (!scope.buffers.insert(buffer.name))
      return fail(Path(path, i), "a second buffer named '", buffer.name, "'");
    function.buffers.push_back(std::move(buffer));
  }
  return true;
}

bool ManifestParser::parseBuffer(const Json &json, const Path &path,
                                 const FunctionScope &scope, Buffer &buffer) {
  if (!object(json, path, {"name", "role", "element", "shape"},
              {"from", "alignment"}) ||
      !label(json["name"], Path(path, "name"), buffer.name))
    return false;
  static constexpr QuantmlirRtRole roles[] = {
      QUANTMLIR_RT_INPUT, QUANTMLIR_RT_WEIGHT, QUANTMLIR_RT_PREPARED,
      QUANTMLIR_RT_OUTPUT, QUANTMLIR_RT_TEMPORARY};
  const auto *role =
      std::find_if(std::begin(roles), std::end(roles), [&](auto candidate) {
        return json["role"] == quantmlirRtRoleName(candidate);
      });
  if (role == std::end(roles))
    return fail(Path(path, "role"), "expected \"input\", \"weight\", "
                                    "\"prepared\", \"output\" or "
                                    "\"temporary\"");
  buffer.role = *role;
  bool isPrepared = buffer.role == QUANTMLIR_RT_PREPARED;
  if (isPrepared != json.contains("from"))
    return fail(path, isPrepared ? "a prepared buffer needs 'from'"
                                 : "'from' belongs to prepared buffers only");
  if (isPrepared &&
      !unsigned32(json["from"], Path(path, "from"), 0, maxBuffers, buffer.from))
    return false;
  if (!parseElement(json["element"], Path(path, "element"), buffer.element) ||
      !parseShape(json["shape"], Path(path, "shape"), scope, buffer.shape))
    return false;
  buffer.alignment = std::max(defaultAlignment, buffer.element->bytes);
  if (json.contains("alignment")) {
    Path alignmentPath(path, "alignment");
    if (!unsigned32(json["alignment"], alignmentPath, 1, 1 << 16,
                    buffer.alignment))
      return false;
    if (buffer.alignment & (buffer.alignment - 1))
      return fail(alignmentPath, "expected a power of two, got ",
                  buffer.alignment);
  }
  // The workspace promises no more, see QUANTMLIR_RT_WORKSPACE_ALIGNMENT.
  if (buffer.role == QUANTMLIR_RT_TEMPORARY &&
      buffer.alignment > QUANTMLIR_RT_WORKSPACE_ALIGNMENT)
    return fail(Path(path, "alignment"), "a temporary's alignment is at most ",
                QUANTMLIR_RT_WORKSPACE_ALIGNMENT);
  return true;
}

bool ManifestParser::parseElement(const Json &json, const Path &path,
                                  const ElementType *&element) {
  std::string spelling;
  if (!name(json, path, spelling))
    return false;
  element = findElementType(spelling);
  if (!element)
    return fail(path, "unknown element type '", spelling, "'");
  return true;
}

bool ManifestParser::parseShape(const Json &json, const Path &path,
                                const FunctionScope &scope,
                                std::vector<Expression> &shape) {
  if (!array(json, path, maxRank))
    return false;
  for (size_t i = 0; i < json.size(); ++i) {
    Expression size;
    if (!parseExpression(json[i], Path(path, i), scope.dims, size))
      return false;
    if (std::optional<int64_t> constant = size.getConstant();
        constant && *constant < 0)
      return fail(Path(path, i), "negative size ", *constant);
    shape.push_back(std::move(size));
  }
  return true;
}

bool ManifestParser::parseStep(const Json &json, const Path &path,
                               const FunctionScope &scope,
                               const Function &function, Step &step) {
  std::string kernelName;
  if (!object(json, path, {"launch", "grid", "arguments"}, {"when"}) ||
      !name(json["launch"], Path(path, "launch"), kernelName))
    return false;
  std::optional<uint32_t> kernelIndex = kernelNames.lookup(kernelName);
  if (!kernelIndex)
    return fail(Path(path, "launch"), "there is no kernel '", kernelName, "'");
  step.kernel = *kernelIndex;

  Path gridPath(path, "grid");
  if (!array(json["grid"], gridPath, 3, 3))
    return false;
  for (size_t i = 0; i < 3; ++i)
    if (!parseExpression(json["grid"][i], Path(gridPath, i), scope.dims,
                         step.grid[i]))
      return false;
  if (json.contains("when")) {
    step.when.emplace();
    if (!parseExpression(json["when"], Path(path, "when"), scope.dims,
                         *step.when))
      return false;
  }

  const Kernel &kernel = manifest.kernels[step.kernel];
  const Json &list = json["arguments"];
  Path listPath(path, "arguments");
  if (!array(list, listPath, Kernel::maxParameters))
    return false;
  if (list.size() != kernel.parameters.size())
    return fail(listPath, "kernel '", kernel.name, "' has ",
                kernel.parameters.size(), " parameters, got ", list.size(),
                " arguments");
  for (size_t i = 0; i < list.size(); ++i) {
    Path argumentPath(listPath, i);
    if (!parseArgument(list[i], argumentPath, scope, function, step))
      return false;
    ParameterKind got = step.arguments.back().kind;
    if (got != kernel.parameters[i])
      return fail(argumentPath, "kernel '", kernel.name, "' expects ",
                  getParameterKindName(kernel.parameters[i]), ", got ",
                  getParameterKindName(got));
  }
  return true;
}

bool ManifestParser::parseArgument(const Json &json, const Path &path,
                                   const FunctionScope &scope,
                                   const Function &function, Step &step) {
  if (!object(json, path, {}, {"buffer", "i32", "i64", "tensor_map"}))
    return false;
  if (json.size() != 1)
    return fail(path, "expected exactly one of 'buffer', 'i32', 'i64' and "
                      "'tensor_map'");
  Argument argument;
  const std::string &field = json.begin().key();
  const Json &value = json.begin().value();
  Path valuePath(path, field);
  if (field == "buffer") {
    argument.kind = ParameterKind::Pointer;
    if (function.buffers.empty())
      return fail(valuePath, "the function has no buffers");
    if (!unsigned32(value, valuePath, 0, function.buffers.size() - 1,
                    argument.index))
      return false;
  } else if (field == "tensor_map") {
    argument.kind = ParameterKind::TensorMap;
    argument.index = step.tensorMaps.size();
    TensorMap map;
    if (!parseTensorMap(value, valuePath, scope, function, map))
      return false;
    step.tensorMaps.push_back(std::move(map));
  } else if (field == "i32" || field == "i64") {
    argument.kind = field == "i32" ? ParameterKind::I32 : ParameterKind::I64;
    if (!parseExpression(value, valuePath, scope.dims, argument.value))
      return false;
  } else {
    return fail(path, "an argument cannot be '", field, "'");
  }
  step.arguments.push_back(std::move(argument));
  return true;
}

bool ManifestParser::parseTensorMap(const Json &json, const Path &path,
                                    const FunctionScope &scope,
                                    const Function &function, TensorMap &map) {
  if (!object(json, path, {"buffer", "element", "box"},
              {"shape", "strides", "swizzle", "l2_promotion"}))
    return false;
  if (function.buffers.empty())
    return fail(path, "the function has no buffers");
  if (!unsigned32(json["buffer"], Path(path, "buffer"), 0,
                  function.buffers.size() - 1, map.buffer) ||
      !parseElement(json["element"], Path(path, "element"), map.element))
    return false;
  if (map.element->tensorMapType < 0)
    return fail(Path(path, "element"), "tensor maps know no type '",
                map.element->name, "'");
  map.shape = function.buffers[map.buffer].shape;
  if (json.contains("shape")) {
    map.shape.clear();
    if (!parseShape(json["shape"], Path(path, "shape"), scope, map.shape))
      return false;
  }
  if (map.shape.empty() || map.shape.size() > 5)
    return fail(path, "a tensor map has rank 1 to 5, got ", map.shape.size());
  if (json.contains("strides")) {
    if (!parseShape(json["strides"], Path(path, "strides"), scope, map.strides))
      return false;
    if (map.strides.size() != map.shape.size())
      return fail(Path(path, "strides"), "expected ", map.shape.size(),
                  " strides, got ", map.strides.size());
    if (map.strides.back().getConstant() != 1)
      return fail(Path(path, "strides"), "the innermost stride must be 1");
  }
  const Json &box = json["box"];
  Path boxPath(path, "box");
  if (!array(box, boxPath, map.shape.size(), map.shape.size()))
    return false;
  for (size_t i = 0; i < box.size(); ++i) {
    uint32_t size;
    if (!unsigned32(box[i], Path(boxPath, i), 1, 256, size))
      return false;
    map.box.push_back(size);
  }
  auto parseChoice = [&](std::string_view field,
                         std::initializer_list<uint32_t> choices,
                         uint32_t &value) {
    if (!json.contains(field))
      return true;
    if (!unsigned32(json[field], Path(path, field), 0, 256, value))
      return false;
    if (std::find(choices.begin(), choices.end(), value) == choices.end())
      return fail(Path(path, field), "no such mode: ", value);
    return true;
  };
  if (!parseChoice("swizzle", {0, 32, 64, 128}, map.swizzle) ||
      !parseChoice("l2_promotion", {0, 64, 128, 256}, map.l2Promotion))
    return false;
  uint32_t innerBytes = map.box.back() * map.element->bytes;
  if (innerBytes % 16 != 0)
    return fail(boxPath, "the innermost box has ", innerBytes,
                " bytes, not a multiple of 16");
  if (map.swizzle != 0 && innerBytes > map.swizzle)
    return fail(boxPath, "the innermost box has ", innerBytes,
                " bytes, more than the swizzle's ", map.swizzle);
  return true;
}

/// Resolves the names of prepare functions. They may come after their users, so
/// this runs once all functions are read.
bool ManifestParser::linkPrepare(const Json &json, const Path &path) {
  for (size_t i = 0; i < json.size(); ++i) {
    if (!json[i].contains("prepare"))
      continue;
    Path preparePath(path, i);
    std::string prepare;
    if (!label(json[i]["prepare"], Path(preparePath, "prepare"), prepare))
      return false;
    std::optional<uint32_t> index = functionNames.lookup(prepare);
    if (!index)
      return fail(Path(preparePath, "prepare"), "there is no function '",
                  prepare, "'");
    if (*index == i)
      return fail(Path(preparePath, "prepare"),
                  "the function would prepare itself");
    if (json[*index].contains("prepare"))
      return fail(Path(preparePath, "prepare"), "function '", prepare,
                  "' has a prepare function itself");
    manifest.functions[i].prepare = *index;
  }
  for (size_t i = 0; i < json.size(); ++i)
    if (!checkPrepared(Path(Path(path, i), "buffers"), manifest.functions[i]))
      return false;
  return true;
}

bool ManifestParser::checkPrepared(const Path &path, const Function &function) {
  for (size_t i = 0; i < function.buffers.size(); ++i) {
    const Buffer &buffer = function.buffers[i];
    if (buffer.role != QUANTMLIR_RT_PREPARED)
      continue;
    Path bufferPath(path, i);
    if (!function.prepare)
      return fail(bufferPath, "a prepared buffer in a function without "
                              "prepare function");
    const Function &prepare = manifest.functions[*function.prepare];
    const Buffer *output = nullptr;
    uint32_t numOutputs = 0;
    for (const Buffer &candidate : prepare.buffers)
      if (candidate.role == QUANTMLIR_RT_OUTPUT && numOutputs++ == buffer.from)
        output = &candidate;
    if (!output)
      return fail(Path(bufferPath, "from"), "function '", prepare.name,
                  "' has ", numOutputs, " outputs");
    bool matches = output->element == buffer.element &&
                   output->shape.size() == buffer.shape.size();
    // Sizes in terms of dimensions mean different things in the two functions;
    // the launch compares their bytes.
    for (size_t axis = 0; matches && axis < buffer.shape.size(); ++axis) {
      std::optional<int64_t> here = buffer.shape[axis].getConstant();
      std::optional<int64_t> there = output->shape[axis].getConstant();
      matches = !here || !there || *here == *there;
    }
    if (!matches)
      return fail(bufferPath, "differs in type from output '", output->name,
                  "' of function '", prepare.name, "'");
  }
  return true;
}
