// RUN: quant-opt --import-dequantize %s | FileCheck %s

// Two codes in each byte, the halves of K; codes minus 8.
func.func @halves(%packed: tensor<32x32xi8>) -> tensor<32x64xf32> {
  %fifteen = arith.constant dense<15> : tensor<32x32xi8>
  %four = arith.constant dense<4> : tensor<32x32xi8>
  %eight = arith.constant dense<8> : tensor<32x32xi8>
  %lo = arith.andi %packed, %fifteen : tensor<32x32xi8>
  %hi = arith.shrui %packed, %four : tensor<32x32xi8>
  %l = arith.subi %lo, %eight : tensor<32x32xi8>
  %h = arith.subi %hi, %eight : tensor<32x32xi8>
  %c = tensor.concat dim(1) %l, %h
      : (tensor<32x32xi8>, tensor<32x32xi8>) -> tensor<32x64xi8>
  %d = arith.sitofp %c : tensor<32x64xi8> to tensor<32x64xf32>
  return %d : tensor<32x64xf32>
}
// CHECK: storage = ui4{{.*}}halves
// CHECK-LABEL: func @halves
// CHECK: quant_tensor.assemble
// CHECK: quant_tensor.dequantize
// CHECK-NOT: arith.sitofp
