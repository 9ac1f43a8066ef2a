//===- ManifestParser.h - From JSON to a validated Manifest -----*- C++ -*-===//

#ifndef QUANTMLIR_LIB_RUNTIME_MANIFESTPARSER_H
#define QUANTMLIR_LIB_RUNTIME_MANIFESTPARSER_H

#include "JSONReader.h"
#include "Manifest.h"

#include <unordered_map>

namespace quantmlir::runtime {

/// Maps names to positions in a list whose names must be unique.
class NameTable {
public:
  /// False if the name is taken.
  bool insert(const std::string &name) {
    return table.emplace(name, table.size()).second;
  }
  std::optional<uint32_t> lookup(const std::string &name) const {
    auto it = table.find(name);
    if (it == table.end())
      return std::nullopt;
    return static_cast<uint32_t>(it->second);
  }

private:
  std::unordered_map<std::string, size_t> table;
};

/// Each parse function returns false after recording what is wrong.
class ManifestParser : public JSONReader {
public:
  explicit ManifestParser(Manifest &manifest) : manifest(manifest) {}

  bool parse(const Json &root);

  /// An expression over the dimensions in `dims`.
  bool parseExpression(const Json &json, const Path &path,
                       const NameTable &dims, Expression &expression);

private:
  /// What a function's parts refer to while it is being read.
  struct FunctionScope {
    NameTable dims;
    NameTable buffers;
  };

  // ManifestParser.cpp: the parts around the functions.
  bool parseHeader(const Json &root, const Path &path);
  bool parseFile(const Json &json, const Path &path, FileEntry &entry);
  bool parseImages(const Json &json, const Path &path);
  bool parseKernel(const Json &json, const Path &path, Kernel &kernel);
  bool parseKernels(const Json &json, const Path &path);
  bool parseExpressionNode(const Json &json, const Path &path,
                           const NameTable &dims, unsigned depth,
                           Expression &expression);

  // FunctionParser.cpp: functions, their buffers and steps.
  bool parseFunctions(const Json &json, const Path &path);
  bool parseFunction(const Json &json, const Path &path, Function &function);
  bool parseDims(const Json &json, const Path &path, FunctionScope &scope,
                 Function &function);
  bool parseRequirements(const Json &json, const Path &path,
                         const FunctionScope &scope, Function &function);
  bool parseBuffers(const Json &json, const Path &path, FunctionScope &scope,
                    Function &function);
  bool parseBuffer(const Json &json, const Path &path,
                   const FunctionScope &scope, Buffer &buffer);
  bool checkDimBindings(const Path &path, const Function &function);
  bool parseStep(const Json &json, const Path &path, const FunctionScope &scope,
                 const Function &function, Step &step);
  bool parseArgument(const Json &json, const Path &path,
                     const FunctionScope &scope, const Function &function,
                     Step &step);
  bool parseTensorMap(const Json &json, const Path &path,
                      const FunctionScope &scope, const Function &function,
                      TensorMap &map);
  bool parseShape(const Json &json, const Path &path,
                  const FunctionScope &scope, std::vector<Expression> &shape);
  bool parseElement(const Json &json, const Path &path,
                    const ElementType *&element);
  bool linkPrepare(const Json &json, const Path &path);
  bool checkPrepared(const Path &path, const Function &function);

  Manifest &manifest;
  NameTable kernelNames;
  NameTable functionNames;
};

} // namespace quantmlir::runtime

#endif // QUANTMLIR_LIB_RUNTIME_MANIFESTPARSER_H
