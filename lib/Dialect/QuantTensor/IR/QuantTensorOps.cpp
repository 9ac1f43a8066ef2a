//===- QuantTensorOps.cpp - Verifiers, folders, canonicalisations ---------===//

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

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

//===----------------------------------------------------------------------===//
// AssembleOp, DisassembleOp
//===----------------------------------------------------------------------===//

LogicalResult AssembleOp::verify() { return success(); }
OpFoldResult AssembleOp::fold(FoldAdaptor) { return {}; }

void DisassembleOp::build(OpBuilder &, OperationState &state, Value source) {
  auto type = cast<RankedTensorType>(source.getType());
  EncodingAttr encoding = getEncoding(type);
  state.addOperands(source);
  state.addTypes({encoding.getCodesType(type.getShape()),
                  encoding.getScalesType(type.getShape())});
  if (RankedTensorType zeroPoints = encoding.getZeroPointsType(type.getShape()))
    state.addTypes(zeroPoints);
}

LogicalResult DisassembleOp::verify() { return success(); }
LogicalResult DisassembleOp::fold(FoldAdaptor,
                                  SmallVectorImpl<OpFoldResult> &) {
  return failure();
}

LogicalResult ChooseParamsOp::verify() { return success(); }
LogicalResult QuantizeOp::verify() { return success(); }
OpFoldResult QuantizeOp::fold(FoldAdaptor) { return {}; }
void QuantizeOp::getCanonicalizationPatterns(RewritePatternSet &,
                                             MLIRContext *) {}
LogicalResult DequantizeOp::verify() { return success(); }
LogicalResult RequantizeOp::verify() { return success(); }
void RequantizeOp::getCanonicalizationPatterns(RewritePatternSet &,
                                               MLIRContext *) {}
LogicalResult RepackOp::verify() { return success(); }
OpFoldResult RepackOp::fold(FoldAdaptor) { return {}; }
LogicalResult IntMatmulOp::verify() { return success(); }
void IntMatmulOp::getCanonicalizationPatterns(RewritePatternSet &,
                                              MLIRContext *) {}

//===----------------------------------------------------------------------===//
// ScaledMatmulOp
//===----------------------------------------------------------------------===//

EncodingAttr ScaledMatmulOp::getRhsEncoding() {
  return getEncoding(getRhs().getType());
}

Type ScaledMatmulOp::getAccumulatorType() {
  Builder builder(getContext());
  if (!getRhsEncoding() &&
      isa<IntegerType>(getLhs().getType().getElementType()) &&
      isa<IntegerType>(getElementTypeOrSelf(getRhs().getType())))
    return builder.getI32Type();
  return builder.getF32Type();
}

AffineMap ScaledMatmulOp::getEpilogueMap(unsigned index) {
  return cast<AffineMapAttr>(getMaps()[index]).getValue();
}

LogicalResult ScaledMatmulOp::verify() { return success(); }
void ScaledMatmulOp::getCanonicalizationPatterns(RewritePatternSet &,
                                                 MLIRContext *) {}
