// RUN: quant-opt %s --quant-tile-copies-to-launches --verify-diagnostics

func.func @unranked(%x: memref<*xf32>, %y: memref<8xf32>) {
  // expected-error @below {{copies a memref of unknown rank}}
  memref.copy %x, %y : memref<*xf32> to memref<8xf32>
  return
}
