//===- QuantTileAttrs.td - Attributes of quant_tile -----------*- tablegen -*-===//

#ifndef QUANTMLIR_QUANTTILE_ATTRS_TD
#define QUANTMLIR_QUANTTILE_ATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "quantmlir/Dialect/QuantTile/IR/QuantTileDialect.td"

class QuantTile_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<QuantTile_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

#endif // QUANTMLIR_QUANTTILE_ATTRS_TD
