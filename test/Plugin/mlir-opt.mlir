// The same passes in stock mlir-opt, which knows nothing of this project.

// RUN: mlir-opt --load-dialect-plugin=%build_dir/lib/QuantMLIRPlugin.so \
// RUN:   --pass-pipeline='builtin.module(quant-tensor-verify-encodings)' %s \
// RUN:   | FileCheck %s
// RUN: mlir-opt --load-dialect-plugin=%build_dir/lib/QuantMLIRPlugin.so \
// RUN:   --load-pass-plugin=%build_dir/lib/QuantMLIRPlugin.so \
// RUN:   --pass-pipeline='builtin.module(quant-tensor-verify-encodings)' %s \
// RUN:   | FileCheck %s

// Without it the dialect is unknown: what passes above is the plugin's work.
// RUN: not mlir-opt %s 2>&1 | FileCheck %s --check-prefix=WITHOUT
// WITHOUT: error: {{.*}}quant_tensor

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>

// CHECK-LABEL: func @dequantize
// CHECK: quant_tensor.dequantize %{{.*}} : tensor<8x64xf32, #
func.func @dequantize(%w: tensor<8x64xf32, #w8>) -> tensor<8x64xf32> {
  %d = quant_tensor.dequantize %w : tensor<8x64xf32, #w8> -> tensor<8x64xf32>
  return %d : tensor<8x64xf32>
}
