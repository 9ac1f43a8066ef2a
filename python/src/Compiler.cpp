//===- Compiler.cpp - Python over the C API -------------------------------===//
//
// Text in, text or artifact out; arrays as (bytes, shape, element). What a
// NumPy array is, is Python's affair (quantmlir/arrays.py).
//
//===----------------------------------------------------------------------===//

#include "quantmlir-c/Compiler.h"
#include "Strings.h"
#include "mlir-c/Diagnostics.h"
#include "mlir-c/IR.h"
#include "mlir-c/Pass.h"
#include "quantmlir-c/Reference.h"
#include "quantmlir-c/Registration.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

namespace nb = nanobind;
using namespace quantmlir::python;

namespace {

/// The program is wrong: the message holds every diagnostic.
struct CompileFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

const char *severityName(MlirDiagnosticSeverity severity) {
  switch (severity) {
  case MlirDiagnosticError:
    return "error";
  case MlirDiagnosticWarning:
    return "warning";
  case MlirDiagnosticNote:
    return "note";
  case MlirDiagnosticRemark:
    return "remark";
  }
  return "diagnostic";
}

void describe(MlirDiagnostic diagnostic, std::string &text) {
  mlirLocationPrint(mlirDiagnosticGetLocation(diagnostic), append, &text);
  text += ": ";
  text += severityName(mlirDiagnosticGetSeverity(diagnostic));
  text += ": ";
  mlirDiagnosticPrint(diagnostic, append, &text);
  text += '\n';
  for (intptr_t i = 0; i < mlirDiagnosticGetNumNotes(diagnostic); ++i)
    describe(mlirDiagnosticGetNote(diagnostic, i), text);
}

/// A context of one call, and everything it had to say.
class Session {
public:
  Session() : context(quantmlirContextCreate()) {
    mlirContextAttachDiagnosticHandler(
        context,
        [](MlirDiagnostic diagnostic, void *userData) {
          describe(diagnostic, static_cast<Session *>(userData)->said);
          return mlirLogicalResultSuccess();
        },
        this, nullptr);
  }
  Session(const Session &) = delete;
  ~Session() {
    if (module.ptr)
      mlirModuleDestroy(module);
    mlirContextDestroy(context);
  }

  void parse(const std::string &text) {
    // Behind a string literal that the end of the text cuts off, LLVM's lexer
    // would read on.
    module = mlirModuleCreateParse(context, toRef(text + "\n"));
    if (!module.ptr)
      fail("the module does not parse");
  }

  void run(const std::string &pipeline) {
    MlirPassManager passes = mlirPassManagerCreate(context);
    MlirOpPassManager nested = mlirPassManagerGetAsOpPassManager(passes);
    // The anchor that quant-opt wants around a pipeline is optional here.
    const std::string anchor = "builtin.module(";
    std::string inner = pipeline;
    if (pipeline.rfind(anchor, 0) == 0 && pipeline.back() == ')')
      inner =
          pipeline.substr(anchor.size(), pipeline.size() - anchor.size() - 1);
    bool known = mlirLogicalResultIsSuccess(
        mlirOpPassManagerAddPipeline(nested, toRef(inner), append, &said));
    bool ran = known && mlirLogicalResultIsSuccess(mlirPassManagerRunOnOp(
                            passes, mlirModuleGetOperation(module)));
    mlirPassManagerDestroy(passes);
    if (!known)
      fail("cannot parse the pipeline '" + pipeline + "'");
    if (!ran)
      fail("the pipeline failed");
  }

  std::string print() const {
    std::string text;
    mlirOperationPrint(mlirModuleGetOperation(module), append, &text);
    return text;
  }

  [[noreturn]] void fail(const std::string &what) const {
    throw CompileFailure(said.empty() ? what : said);
  }

  MlirContext context;
  MlirModule module{nullptr};
  std::string said;
};

std::pair<std::string, std::string> optimize(const std::string &text,
                                             const std::string &pipeline) {
  nb::gil_scoped_release release;
  Session session;
  session.parse(text);
  session.run(pipeline);
  return {session.print(), session.said};
}

/// Compiles text or bytecode to an artifact in `directory`; returns what the
/// compiler had to say.
std::string compile(nb::bytes module, const std::string &chip,
                    const std::string &ptxas, const std::string &directory) {
  std::string text(module.c_str(), module.size());
  nb::gil_scoped_release release;
  Session session;
  session.parse(text);
  QuantmlirArtifact artifact =
      quantmlirCompile(session.module, {toRef(chip), toRef(ptxas)});
  if (!artifact.ptr)
    session.fail("the module does not compile");
  std::string error;
  bool written = mlirLogicalResultIsSuccess(
      quantmlirArtifactWrite(artifact, toRef(directory), append, &error));
  quantmlirArtifactDestroy(artifact);
  if (!written)
    throw std::runtime_error(error);
  return session.said;
}

/// The reference program of a module, compiled for this machine.
class Reference {
public:
  explicit Reference(nb::bytes module) {
    std::string text(module.c_str(), module.size());
    std::string error;
    nb::gil_scoped_release release;
    reference = quantmlirReferenceCreate(toRef(text), append, &error);
    if (!reference.ptr)
      throw CompileFailure(error);
  }
  Reference(const Reference &) = delete;
  ~Reference() {
    if (reference.ptr)
      quantmlirReferenceDestroy(reference);
  }

  /// [{name, arguments, results}], each buffer {name, element, shape, weight}.
  nb::list functions() const {
    nb::list result;
    intptr_t count = quantmlirReferenceGetNumFunctions(reference);
    for (intptr_t f = 0; f < count; ++f) {
      nb::list arguments, results;
      for (intptr_t i = 0; i < quantmlirReferenceGetNumArguments(reference, f);
           ++i)
        arguments.append(
            describeBuffer(quantmlirReferenceGetArgument(reference, f, i)));
      for (intptr_t i = 0; i < quantmlirReferenceGetNumResults(reference, f);
           ++i)
        results.append(
            describeBuffer(quantmlirReferenceGetResult(reference, f, i)));
      nb::dict function;
      function["name"] =
          toString(quantmlirReferenceGetFunctionName(reference, f));
      function["arguments"] = arguments;
      function["results"] = results;
      result.append(function);
    }
    return result;
  }

  /// `inputs` are (contiguous array of bytes, shape, element); so are results.
  nb::list invoke(const std::string &function, nb::list inputs) {
    std::vector<std::vector<int64_t>> shapes;
    std::vector<std::string> elements;
    std::vector<nb::ndarray<nb::ro, uint8_t, nb::c_contig, nb::device::cpu>>
        arrays;
    for (nb::handle input : inputs) {
      auto [array, shape, element] =
          nb::cast<std::tuple<nb::object, std::vector<int64_t>, std::string>>(
              input);
      arrays.push_back(nb::cast<decltype(arrays)::value_type>(array));
      shapes.push_back(std::move(shape));
      elements.push_back(std::move(element));
    }
    std::vector<QuantmlirArray> views;
    for (size_t i = 0; i < arrays.size(); ++i)
      views.push_back({arrays[i].data(), arrays[i].size(),
                       static_cast<intptr_t>(shapes[i].size()),
                       shapes[i].data(), toRef(elements[i])});
    QuantmlirArrays results;
    std::string error;
    {
      nb::gil_scoped_release release;
      results =
          quantmlirReferenceInvoke(reference, toRef(function), views.size(),
                                   views.data(), append, &error);
    }
    if (!results.ptr)
      throw nb::value_error(error.c_str());
    return takeResults(results);
  }

private:
  static nb::dict describeBuffer(QuantmlirBufferInfo info) {
    nb::dict result;
    result["name"] = toString(info.name);
    result["element"] = toString(info.element);
    result["shape"] = std::vector<int64_t>(info.shape, info.shape + info.rank);
    result["weight"] = info.isWeight;
    return result;
  }

  static nb::list takeResults(QuantmlirArrays results) {
    std::unique_ptr<void, void (*)(void *)> owner(
        results.ptr, [](void *ptr) { quantmlirArraysDestroy({ptr}); });
    nb::list list;
    for (intptr_t i = 0; i < quantmlirArraysGetSize(results); ++i) {
      QuantmlirArray array = quantmlirArraysGet(results, i);
      std::vector<int64_t> shape(array.shape, array.shape + array.rank);
      list.append(nb::make_tuple(
          nb::bytes(static_cast<const char *>(array.data), array.numBytes),
          shape, toString(array.element)));
    }
    return list;
  }

  QuantmlirReference reference{nullptr};
};

} // namespace

NB_MODULE(_compiler, m) {
  nb::exception<CompileFailure> error(m, "CompileError", PyExc_RuntimeError);
  error.attr("__module__") = "quantmlir";
  m.def("version", [] { return quantmlirGetVersion(); });
  m.def("optimize", &optimize, nb::arg("text"), nb::arg("pipeline"));
  m.def("compile", &compile, nb::arg("module"), nb::arg("chip"),
        nb::arg("ptxas"), nb::arg("directory"));
  nb::class_<Reference>(m, "Reference")
      .def(nb::init<nb::bytes>(), nb::arg("module"))
      .def_prop_ro("functions", &Reference::functions)
      .def("invoke", &Reference::invoke, nb::arg("function"),
           nb::arg("inputs"));
}
