// RUN: quant-opt %s --convert-quant-to-quant-tensor --split-input-file --verify-diagnostics

func.func @wide(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{codes have 2 to 8 bits, got storage 'i16'}}
  %q = quant.qcast %x : tensor<8xf32> to tensor<8x!quant.uniform<i16:f32, 0.5>>
  %d = quant.dcast %q : tensor<8x!quant.uniform<i16:f32, 0.5>> to tensor<8xf32>
  return %d : tensor<8xf32>
}

// -----

func.func @computes(%x: tensor<8xf32>) -> tensor<4x2xf32> {
  %q = quant.qcast %x : tensor<8xf32> to tensor<8x!quant.uniform<i8:f32, 0.5>>
  // expected-error @below {{computes on a quantized type; dequantize with quant.dcast first}}
  %r = tensor.expand_shape %q [[0, 1]] output_shape [4, 2] : tensor<8x!quant.uniform<i8:f32, 0.5>> into tensor<4x2x!quant.uniform<i8:f32, 0.5>>
  %d = quant.dcast %r : tensor<4x2x!quant.uniform<i8:f32, 0.5>> to tensor<4x2xf32>
  return %d : tensor<4x2xf32>
}

// -----

func.func @narrow_storage(%x: tensor<8xi4>) -> tensor<8xf32> {
  // expected-error @below {{reads 'i4' elements one by one; encoded tensors hold narrow codes in bytes}}
  %q = quant.scast %x : tensor<8xi4> to tensor<8x!quant.uniform<i4:f32, 0.5>>
  %d = quant.dcast %q : tensor<8x!quant.uniform<i4:f32, 0.5>> to tensor<8xf32>
  return %d : tensor<8xf32>
}

// -----

func.func @scalar(%x: f32) -> f32 {
  // expected-error @below {{only ranked tensors of rank 1 or more have an encoding}}
  %q = quant.qcast %x : f32 to !quant.uniform<i8:f32, 0.5>
  %d = quant.dcast %q : !quant.uniform<i8:f32, 0.5> to f32
  return %d : f32
}

// -----

// expected-error @below {{has no uniform scale: 'tensor<2x8x!quant.calibrated<f32<-1.000000e+00:1.000000e+00>>>'}}
func.func @calibrated(%x: tensor<2x8x!quant.calibrated<f32<-1.0:1.0>>>) {
  return
}

// -----

// expected-error @below {{has no uniform scale: 'tensor<2x8x!quant.any<i8:f32>>'}}
func.func @any(%x: tensor<2x8x!quant.any<i8:f32>>) {
  return
}

// -----

// expected-error @below {{quantizes a dimension that the tensor lacks}}
func.func @no_such_axis(%x: tensor<2x8x!quant.uniform<i8:f32:5, {0.5, 0.25}>>) {
  return
}

// -----

// expected-error @below {{quantizes a dimension that the tensor lacks}}
func.func @no_such_block(%x: tensor<2x8x!quant.uniform<i8:f32:{0:1, 2:4}, {{{0.5, 0.25}, {1.0, 2.0}}}>>) {
  return
}

// -----

// expected-error @below {{has an encoding beside its quantized type}}
func.func @encoded(%x: tensor<2x8x!quant.uniform<i8:f32, 0.5>, "sparse">) {
  return
}

// -----

// expected-error @below {{values must be f16, bf16, f32 or f64}}
func.func @narrow_values(%x: tensor<2x8x!quant.uniform<i8:f8E4M3FN, 0.5>>) {
  return
}

// -----

// expected-error @below {{has 2 scales, but its shape needs}}
func.func @few_scales(%x: tensor<3x8x!quant.uniform<i8:f32:0, {0.5, 0.25}>>) {
  return
}
