// RUN: quant-opt --select-plain-schedule %s | FileCheck %s

func.func @sums(%x: tensor<8x512xf32>, %z: tensor<8xf32>) -> tensor<8xf32> {
  %s = linalg.reduce { arith.addf } ins(%x : tensor<8x512xf32>) outs(%z : tensor<8xf32>) dimensions = [1]
  return %s : tensor<8xf32>
}
// CHECK: #quant_tile.plain_schedule<threads = 256, lanes = 32>
