//===- QuantTensorOps.cpp - Op definitions and custom assembly ------------===//

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

static ParseResult parseParamMethod(OpAsmParser &parser,
                                    ParamMethodAttr &method) {
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<ParamMethod> value = symbolizeParamMethod(keyword);
  if (!value)
    return parser.emitError(loc)
           << "unknown method '" << keyword
           << "', expected absmax, minmax, percentile, mse or kl";
  method = ParamMethodAttr::get(parser.getContext(), *value);
  return success();
}

static void printParamMethod(OpAsmPrinter &printer, Operation *,
                             ParamMethodAttr method) {
  printer << stringifyParamMethod(method.getValue());
}

static ParseResult parseObserveKinds(OpAsmParser &parser, ArrayAttr &kinds) {
  SmallVector<Attribute> parsed;
  if (parser.parseCommaSeparatedList(
          AsmParser::Delimiter::Square, [&]() -> ParseResult {
            StringRef keyword;
            SMLoc loc = parser.getCurrentLocation();
            if (parser.parseKeyword(&keyword))
              return failure();
            std::optional<ObserveKind> kind = symbolizeObserveKind(keyword);
            if (!kind)
              return parser.emitError(loc)
                     << "unknown statistic '" << keyword << "'";
            parsed.push_back(ObserveKindAttr::get(parser.getContext(), *kind));
            return success();
          }))
    return failure();
  kinds = ArrayAttr::get(parser.getContext(), parsed);
  return success();
}

static void printObserveKinds(OpAsmPrinter &printer, Operation *,
                              ArrayAttr kinds) {
  printer << '[';
  llvm::interleaveComma(kinds.getAsRange<ObserveKindAttr>(), printer,
                        [&](ObserveKindAttr kind) {
                          printer << stringifyObserveKind(kind.getValue());
                        });
  printer << ']';
}

#define GET_OP_CLASSES
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensorOps.cpp.inc"
