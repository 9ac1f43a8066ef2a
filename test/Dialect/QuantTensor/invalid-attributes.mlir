// RUN: quant-opt %s -verify-diagnostics -split-input-file

// The numbers are those of the constraints in QuantTensorAttrs.td; S stands for
// syntax.

// -----

// codebook C1
// expected-error @below {{a codebook has 4, 8, ... or 256 values, got 3}}
#c = #quant_tensor.codebook<[-1.0, 0.0, 1.0]>

// -----

// codebook C1
// expected-error @below {{a codebook has 4, 8, ... or 256 values, got 2}}
#c = #quant_tensor.codebook<[-1.0, 1.0]>

// -----

// codebook C1
// expected-error @below {{a codebook has 4, 8, ... or 256 values, got 0}}
#c = #quant_tensor.codebook<[]>

// -----

// codebook C2
// expected-error @below {{codebook value #3 is not finite as f32}}
#c = #quant_tensor.codebook<[0.0, 1.0, 2.0, 0x7FF0000000000000]>

// -----

// codebook C2: a number of f64 that f32 has no finite one for
// expected-error @below {{codebook value #3 is not finite as f32}}
#c = #quant_tensor.codebook<[0.0, 1.0, 2.0, 1.0e300]>

// -----

// codebook C2: numbers of f64 that are one in f32
// expected-error @below {{codebook values must ascend as f32, but value #2 does not}}
#c = #quant_tensor.codebook<[0.0, 1.0, 1.000000000001, 2.0]>

// -----

// codebook C2
// expected-error @below {{codebook values must ascend as f32, but value #2 does not}}
#c = #quant_tensor.codebook<[0.0, 1.0, 1.0, 2.0]>

// -----

// codebook S
// expected-error @below {{expected floating point literal}}
#c = #quant_tensor.codebook<[zero, 1.0, 2.0, 3.0]>

// -----

// layout C1
// expected-error @below {{a row_major layout has no fields}}
#l = #quant_tensor.layout<row_major, word = 8>

// -----

// layout C1
// expected-error @below {{a row_major layout has no fields}}
#l = #quant_tensor.layout<row_major, tile = [16, 64]>

// -----

// layout C2
// expected-error @below {{a fragment layout has only a tile}}
#l = #quant_tensor.layout<fragment, tile = [16, 64], axis = 1>

// -----

// layout C2
// expected-error @below {{a fragment layout needs a tile of two extents in [1, 65536]}}
#l = #quant_tensor.layout<fragment>

// -----

// layout C2
// expected-error @below {{a fragment layout needs a tile of two extents in [1, 65536]}}
#l = #quant_tensor.layout<fragment, tile = [16]>

// -----

// layout C2
// expected-error @below {{a fragment layout needs a tile of two extents in [1, 65536]}}
#l = #quant_tensor.layout<fragment, tile = [16, 0]>

// -----

// layout C2
// expected-error @below {{a fragment layout needs a tile of two extents in [1, 65536]}}
#l = #quant_tensor.layout<fragment, tile = [4294967296, 4294967296]>

// -----

// layout C3
// expected-error @below {{a packed layout has no tile}}
#l = #quant_tensor.layout<packed, word = 8, axis = 0, order = [0, 1], tile = [16, 64]>

// -----

// layout C3
// expected-error @below {{a packed layout has words of 8 or 32 bits, got 16}}
#l = #quant_tensor.layout<packed, word = 16, axis = 0, order = [0, 1]>

// -----

// layout C3
// expected-error @below {{a packed layout has words of 8 or 32 bits, got 0}}
#l = #quant_tensor.layout<packed, axis = 0, order = [0, 1]>

// -----

// layout C3
// expected-error @below {{a packed layout needs an axis of 0 or more}}
#l = #quant_tensor.layout<packed, word = 8, order = [0, 1]>

// -----

// layout C3
// expected-error @below {{a packed layout needs an axis of 0 or more}}
#l = #quant_tensor.layout<packed, word = 8, axis = -9223372036854775808, order = [0, 1]>

// -----

// layout C3
// expected-error @below {{order must be a permutation of the word's slots}}
#l = #quant_tensor.layout<packed, word = 8, axis = 0>

// -----

// layout C3
// expected-error @below {{order must be a permutation of the word's slots}}
#l = #quant_tensor.layout<packed, word = 8, axis = 0, order = [1, 1]>

// -----

// layout C3
// expected-error @below {{order must be a permutation of the word's slots}}
#l = #quant_tensor.layout<packed, word = 8, axis = 0, order = [0, 2]>

// -----

// layout C3
// expected-error @below {{order must be a permutation of the word's slots}}
#l = #quant_tensor.layout<packed, word = 8, axis = 0, order = [0, -1]>

// -----

// layout C3
// expected-error @below {{permutation must be a permutation of the tensor's dimensions}}
#l = #quant_tensor.layout<packed, word = 8, axis = 0, order = [0, 1], permutation = [0, 0]>

// -----

// layout S
// expected-error @below {{unknown layout 'diagonal'}}
#l = #quant_tensor.layout<diagonal>

// -----

// layout S
// expected-error @below {{unknown layout field 'words', expected one of: word, axis, order, halves, permutation, tile}}
#l = #quant_tensor.layout<packed, words = 8>

// -----

// layout S
// expected-error @below {{field 'word' is given twice}}
#l = #quant_tensor.layout<packed, word = 8, word = 32>

// -----

// layout S
// expected-error @below {{halves is true or false, got 'maybe'}}
#l = #quant_tensor.layout<packed, halves = maybe>

// -----

// layout S
// expected-error @below {{integer value too large}}
#l = #quant_tensor.layout<packed, word = 99999999999999999999>

// -----

// encoding C1
// expected-error @below {{storage must be i2..i8, ui2..ui8, f8E4M3FN, f8E5M2 or f4E2M1FN, got 'i1'}}
#e = #quant_tensor.encoding<{storage = i1, block = [0], scale = f32}>

// -----

// encoding C1
// expected-error @below {{storage must be i2..i8, ui2..ui8, f8E4M3FN, f8E5M2 or f4E2M1FN, got 'i9'}}
#e = #quant_tensor.encoding<{storage = i9, block = [0], scale = f32}>

// -----

// encoding C1
// expected-error @below {{storage must be i2..i8, ui2..ui8, f8E4M3FN, f8E5M2 or f4E2M1FN, got 'ui16'}}
#e = #quant_tensor.encoding<{storage = ui16, block = [0], scale = f32}>

// -----

// encoding C1
// expected-error @below {{storage must be i2..i8, ui2..ui8, f8E4M3FN, f8E5M2 or f4E2M1FN, got 'f32'}}
#e = #quant_tensor.encoding<{storage = f32, block = [0], scale = f32}>

// -----

// encoding C1
// expected-error @below {{storage must be i2..i8, ui2..ui8, f8E4M3FN, f8E5M2 or f4E2M1FN, got 'f8E5M2FNUZ'}}
#e = #quant_tensor.encoding<{storage = f8E5M2FNUZ, block = [0], scale = f32}>

// -----

// encoding C1
// expected-error @below {{storage must be i2..i8, ui2..ui8, f8E4M3FN, f8E5M2 or f4E2M1FN, got 'tensor<2xf32>'}}
#e = #quant_tensor.encoding<{storage = tensor<2xf32>, block = [0], scale = f32}>

// -----

// encoding C1
// expected-error @below {{signed storage is written i4, got 'si4'}}
#e = #quant_tensor.encoding<{storage = si4, block = [0], scale = f32}>

// -----

// encoding C2
// expected-error @below {{block needs one extent per dimension, got none}}
#e = #quant_tensor.encoding<{storage = i8, block = [], scale = f32}>

// -----

// encoding C2
// expected-error @below {{block extents are positive, or 0 for the whole dimension, got -1}}
#e = #quant_tensor.encoding<{storage = i8, block = [1, -1], scale = f32}>

// -----

// encoding C3
// expected-error @below {{scale must be f32, f16, bf16, f8E8M0FNU or f8E4M3FN, got 'f64'}}
#e = #quant_tensor.encoding<{storage = i8, block = [0], scale = f64}>

// -----

// encoding C3
// expected-error @below {{scale must be f32, f16, bf16, f8E8M0FNU or f8E4M3FN, got 'i32'}}
#e = #quant_tensor.encoding<{storage = i8, block = [0], scale = i32}>

// -----

// encoding C4
// expected-error @below {{a float storage has no zero point}}
#e = #quant_tensor.encoding<{storage = f8E4M3FN, block = [0], scale = f32, zero_point = i8}>

// -----

// encoding C4
// expected-error @below {{a codebook has no zero point}}
#e = #quant_tensor.encoding<{storage = ui4, block = [0], scale = f32, codebook = nf4, zero_point = i8}>

// -----

// encoding C4
// expected-error @below {{zero_point must be i2..i32, ui2..ui32, f32, f16 or bf16, got 'si8'}}
#e = #quant_tensor.encoding<{storage = i8, block = [0], scale = f32, zero_point = si8}>

// -----

// encoding C4
// expected-error @below {{zero_point must be i2..i32, ui2..ui32, f32, f16 or bf16, got 'i1'}}
#e = #quant_tensor.encoding<{storage = i8, block = [0], scale = f32, zero_point = i1}>

// -----

// encoding C4
// expected-error @below {{zero_point must be i2..i32, ui2..ui32, f32, f16 or bf16, got 'ui33'}}
#e = #quant_tensor.encoding<{storage = i8, block = [0], scale = f32, zero_point = ui33}>

// -----

// encoding C4
// expected-error @below {{zero_point must be i2..i32, ui2..ui32, f32, f16 or bf16, got 'i64'}}
#e = #quant_tensor.encoding<{storage = i8, block = [0], scale = f32, zero_point = i64}>

// -----

// encoding C4
// expected-error @below {{zero_point must be i2..i32, ui2..ui32, f32, f16 or bf16, got 'f64'}}
#e = #quant_tensor.encoding<{storage = i8, block = [0], scale = f32, zero_point = f64}>

// -----

// encoding C4
// expected-error @below {{zero_point must be i2..i32, ui2..ui32, f32, f16 or bf16, got 'index'}}
#e = #quant_tensor.encoding<{storage = i8, block = [0], scale = f32, zero_point = index}>

// -----

// encoding C5
// expected-error @below {{range needs an integer storage without codebook}}
#e = #quant_tensor.encoding<{storage = f8E4M3FN, block = [0], scale = f32, range = [-7, 7]}>

// -----

// encoding C5
// expected-error @below {{range needs an integer storage without codebook}}
#e = #quant_tensor.encoding<{storage = ui4, block = [0], scale = f32, codebook = nf4, range = [0, 7]}>

// -----

// encoding C5
// expected-error @below {{range must be [low, high] within [-8, 7] of 'i4'}}
#e = #quant_tensor.encoding<{storage = i4, block = [0], scale = f32, range = [-7]}>

// -----

// encoding C5
// expected-error @below {{range must be [low, high] within [-8, 7] of 'i4'}}
#e = #quant_tensor.encoding<{storage = i4, block = [0], scale = f32, range = [-7, 0, 7]}>

// -----

// encoding C5
// expected-error @below {{range must be [low, high] within [-8, 7] of 'i4'}}
#e = #quant_tensor.encoding<{storage = i4, block = [0], scale = f32, range = [7, -7]}>

// -----

// encoding C5
// expected-error @below {{range must be [low, high] within [-8, 7] of 'i4'}}
#e = #quant_tensor.encoding<{storage = i4, block = [0], scale = f32, range = [1, 1]}>

// -----

// encoding C5
// expected-error @below {{range must be [low, high] within [-8, 7] of 'i4'}}
#e = #quant_tensor.encoding<{storage = i4, block = [0], scale = f32, range = [-9, 7]}>

// -----

// encoding C5
// expected-error @below {{range must be [low, high] within [-8, 7] of 'i4'}}
#e = #quant_tensor.encoding<{storage = i4, block = [0], scale = f32, range = [-8, 8]}>

// -----

// encoding C5
// expected-error @below {{range must be [low, high] within [-8, 7] of 'i4'}}
#e = #quant_tensor.encoding<{storage = i4, block = [0], scale = f32, range = [-9223372036854775808, 9223372036854775807]}>

// -----

// encoding C5
// expected-error @below {{range must be [low, high] within [0, 15] of 'ui4'}}
#e = #quant_tensor.encoding<{storage = ui4, block = [0], scale = f32, range = [-1, 15]}>

// -----

// encoding C5
// expected-error @below {{range must reach up to 1 or more, got [-8, 0]}}
#e = #quant_tensor.encoding<{storage = i4, block = [0], scale = f32, range = [-8, 0]}>

// -----

// encoding C6
// expected-error @below {{a codebook needs an unsigned storage, got 'i4'}}
#e = #quant_tensor.encoding<{storage = i4, block = [0], scale = f32, codebook = nf4}>

// -----

// encoding C6
// expected-error @below {{a codebook needs an unsigned storage, got 'f4E2M1FN'}}
#e = #quant_tensor.encoding<{storage = f4E2M1FN, block = [0], scale = f32, codebook = nf4}>

// -----

// encoding C6
// expected-error @below {{storage 'ui8' needs a codebook of 256 values, got 16}}
#e = #quant_tensor.encoding<{storage = ui8, block = [0], scale = f32, codebook = nf4}>

// -----

// encoding C7
// expected-error @below {{overflow = wrap needs an integer storage}}
#e = #quant_tensor.encoding<{storage = f8E5M2, block = [0], scale = f32, overflow = wrap}>

// -----

// encoding C7
// expected-error @below {{overflow = wrap uses all codes of the storage: it goes with no range}}
#e = #quant_tensor.encoding<{storage = i8, block = [0], scale = f32, range = [-127, 127], overflow = wrap}>

// -----

// encoding C7
// expected-error @below {{overflow = wrap needs an integer storage}}
#e = #quant_tensor.encoding<{storage = ui4, block = [0], scale = f32, codebook = nf4, overflow = wrap}>

// -----

// encoding C8
// expected-error @below {{a word of 8 bits does not hold whole codes of 'i3'}}
#e = #quant_tensor.encoding<{storage = i3, block = [0], scale = f32, layout = <packed, word = 8, axis = 0, order = [0, 1]>}>

// -----

// encoding C8
// expected-error @below {{order needs one entry for each of the word's 8 codes, got 2}}
#e = #quant_tensor.encoding<{storage = i4, block = [0], scale = f32, layout = <packed, word = 32, axis = 0, order = [0, 1]>}>

// -----

// encoding C8
// expected-error @below {{axis 2 is out of range for rank 2}}
#e = #quant_tensor.encoding<{storage = i4, block = [1, 0], scale = f32, layout = <packed, word = 8, axis = 2, order = [0, 1]>}>

// -----

// encoding C8
// expected-error @below {{permutation needs 2 entries, one per dimension, got 3}}
#e = #quant_tensor.encoding<{storage = i4, block = [1, 0], scale = f32, layout = <packed, word = 8, axis = 1, order = [0, 1], permutation = [2, 1, 0]>}>

// -----

// encoding C8
// expected-error @below {{a fragment layout needs rank 2, got rank 3}}
#e = #quant_tensor.encoding<{storage = i4, block = [1, 1, 0], scale = f32, layout = <fragment, tile = [16, 64]>}>

// -----

// encoding C8
// expected-error @below {{the tile of a fragment layout has 16 rows and a multiple of 32 columns}}
#e = #quant_tensor.encoding<{storage = i4, block = [1, 0], scale = f32, layout = <fragment, tile = [3, 5]>}>

// -----

// encoding S
// expected-error @below {{an encoding needs storage, block and scale}}
#e = #quant_tensor.encoding<{storage = i4, block = [1, 0]}>

// -----

// encoding S
// expected-error @below {{unknown rounding 'random'}}
#e = #quant_tensor.encoding<{storage = i4, block = [1, 0], scale = f32, rounding = random}>

// -----

// encoding S
// expected-error @below {{unknown overflow 'trap'}}
#e = #quant_tensor.encoding<{storage = i4, block = [1, 0], scale = f32, overflow = trap}>

// -----

// encoding S
// expected-error @below {{unknown encoding field 'scales', expected one of: storage, block, scale, zero_point, range, rounding, overflow, codebook, layout}}
#e = #quant_tensor.encoding<{storage = i4, block = [1, 0], scales = f32}>

// -----

// encoding S
// expected-error @below {{field 'block' is given twice}}
#e = #quant_tensor.encoding<{storage = i4, block = [1, 0], block = [0, 0], scale = f32}>

// -----

// encoding C9
#e = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
// expected-error @below {{block has 2 extents, but the tensor has rank 1}}
func.func private @f(tensor<8xf32, #e>)

// -----

// encoding C9
#e = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
// expected-error @below {{block has 2 extents, but the tensor has rank 0}}
func.func private @f(tensor<f32, #e>)

// -----

// encoding C10
#e = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
// expected-error @below {{an encoded tensor means f16, bf16, f32 or f64 values, got element type 'i8'}}
func.func private @f(tensor<8x8xi8, #e>)

// -----

// encoding C10
#e = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
// expected-error @below {{an encoded tensor means f16, bf16, f32 or f64 values, got element type 'f8E4M3FN'}}
func.func private @f(tensor<8x8xf8E4M3FN, #e>)

// -----

// encoding C10
#e = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
// expected-error @below {{an encoded tensor means f16, bf16, f32 or f64 values, got element type 'index'}}
func.func private @f(tensor<8x8xindex, #e>)

// -----

// encoding C10
#e = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
// expected-error @below {{an encoded tensor means f16, bf16, f32 or f64 values, got element type 'complex<f32>'}}
func.func private @f(tensor<8x8xcomplex<f32>, #e>)

// -----

// encoding C11
#e = #quant_tensor.encoding<{storage = i8, block = [1, 128], scale = f32}>
// expected-error @below {{block extent 128 exceeds dimension #1 of extent 64 (0 means the whole dimension)}}
func.func private @f(tensor<8x64xf32, #e>)

// -----

// encoding C12
#e = #quant_tensor.encoding<{storage = i4, block = [1, 0], scale = f32}>
// expected-error @below {{dimension #1 must have a static extent: the codes are packed along it, and their extent does not tell it}}
func.func private @f(tensor<8x?xf32, #e>)

// -----

// encoding C12
#e = #quant_tensor.encoding<{storage = i4, block = [1, 0], scale = f32, layout = <packed, word = 8, axis = 0, order = [0, 1]>}>
// expected-error @below {{dimension #0 must have a static extent: the codes are packed along it}}
func.func private @f(tensor<?x64xf32, #e>)

// -----

// encoding C12
#e = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32, layout = <fragment, tile = [16, 32]>}>
// expected-error @below {{dimension #0 must have a static extent: the codes are packed along it}}
func.func private @f(tensor<?x64xf32, #e>)

// -----

// encoding C13
#e = #quant_tensor.encoding<{storage = i4, block = [1, 0], scale = f32, layout = <packed, word = 8, axis = 1, order = [0, 1], halves = true>}>
// expected-error @below {{with halves, dimension #1 must be a multiple of the 2 codes of a word, got 7}}
func.func private @f(tensor<8x7xf32, #e>)

// -----

// encoding C8
// expected-error @below {{the tile of a fragment layout has 16 rows and a multiple of 256 columns}}
#e = #quant_tensor.encoding<{storage = i3, block = [1, 0], scale = f32, layout = <fragment, tile = [16, 64]>}>

// -----

// encoding C8
// expected-error @below {{a tinygemm layout holds codes of 4 bits of rank 2, got 'i8' of rank 2}}
#e = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32, layout = <tinygemm, tile = [8, 64]>}>

// -----

// encoding C8
// expected-error @below {{the tile of a tinygemm layout is [8, 32], [8, 64] or [8, 128], got [16, 64]}}
#e = #quant_tensor.encoding<{storage = ui4, block = [1, 0], scale = f32, layout = <tinygemm, tile = [16, 64]>}>

// -----

// A missing element type: the parser reports it, and asks the encoding even so.
#e = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
// expected-error @below {{expected non-function type}}
func.func private @f(tensor<8x8x, #e>)

// -----

// encoding C8
// expected-error @below {{a fragment tile of 96 columns gives each lane 6 words, which is no whole number of 16-byte loads}}
#e = #quant_tensor.encoding<{storage = i4, block = [1, 0], scale = f32, layout = <fragment, tile = [16, 96]>}>

// -----

// encoding C8
// expected-error @below {{a fragment tile of 96 columns gives each lane 3 words, expected 1, 2 or a multiple of 4}}
#e = #quant_tensor.encoding<{storage = i2, block = [1, 0], scale = f32, layout = <fragment, tile = [16, 96]>}>

// -----

// expected-error @below {{quant_tensor.prepared is the index of a prepare function's result, got -1}}
func.func private @f(tensor<8xi8> {quant_tensor.prepared = -1})
