//===- MatrixKernels.cpp - Products of dense matrices ---------------------===//

#include "MatrixKernels.h"
#include "Codes.h"

#include <algorithm>

using namespace quantmlir::calibration;

/// Rows and bytes of columns of C that stay in registers, and the depth of a
/// panel of B that stays in the first cache.
static constexpr int64_t tileRows = 6;
static constexpr int64_t panelDepth = 128;

/// C[0..rows) -= A B for a tile of C of `Width` columns.
template <typename T, int64_t Rows, int64_t Width>
static inline __attribute__((always_inline)) void
subtractTile(const T *__restrict a, int64_t aStride, const T *__restrict b,
             int64_t bStride, int64_t depth, T *__restrict c, int64_t cStride) {
  T sums[Rows][Width];
  for (int64_t i = 0; i < Rows; ++i)
    for (int64_t j = 0; j < Width; ++j)
      sums[i][j] = c[i * cStride + j];
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t i = 0; i < Rows; ++i) {
      T factor = a[i * aStride + k];
      for (int64_t j = 0; j < Width; ++j)
        sums[i][j] -= factor * b[k * bStride + j];
    }
  for (int64_t i = 0; i < Rows; ++i)
    for (int64_t j = 0; j < Width; ++j)
      c[i * cStride + j] = sums[i][j];
}

/// Any other tile.
template <typename T>
static inline __attribute__((always_inline)) void
subtractEdge(const T *__restrict a, int64_t aStride, const T *__restrict b,
             int64_t bStride, int64_t rows, int64_t depth, int64_t columns,
             T *__restrict c, int64_t cStride) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t k = 0; k < depth; ++k) {
      T factor = a[i * aStride + k];
      for (int64_t j = 0; j < columns; ++j)
        c[i * cStride + j] -= factor * b[k * bStride + j];
    }
}

template <typename T, int64_t Width>
static inline __attribute__((always_inline)) void
subtractPanel(const T *a, int64_t aStride, const T *b, int64_t bStride,
              int64_t rows, int64_t depth, int64_t columns, T *c,
              int64_t cStride) {
  for (int64_t j = 0; j < columns; j += Width) {
    int64_t width = std::min(Width, columns - j);
    int64_t i = 0;
    if (width == Width)
      for (; i + tileRows <= rows; i += tileRows)
        subtractTile<T, tileRows, Width>(a + i * aStride, aStride, b + j,
                                         bStride, depth, c + i * cStride + j,
                                         cStride);
    subtractEdge<T>(a + i * aStride, aStride, b + j, bStride, rows - i, depth,
                    width, c + i * cStride + j, cStride);
  }
}

#define QUANTMLIR_DEFINE_PANEL(T, NAME, WIDTH)                                 \
  QUANTMLIR_VECTOR_CLONES static void NAME(                                    \
      const T *a, int64_t aStride, const T *b, int64_t bStride, int64_t rows,  \
      int64_t depth, int64_t columns, T *c, int64_t cStride) {                 \
    subtractPanel<T, WIDTH>(a, aStride, b, bStride, rows, depth, columns, c,   \
                            cStride);                                          \
  }
QUANTMLIR_DEFINE_PANEL(float, subtractPanelF32, 32)
QUANTMLIR_DEFINE_PANEL(double, subtractPanelF64, 16)
#undef QUANTMLIR_DEFINE_PANEL

void quantmlir::calibration::subtractProduct(MatrixRef<const float> a,
                                             MatrixRef<const float> b,
                                             MatrixRef<float> c) {
  for (int64_t k = 0; k < a.columns; k += panelDepth)
    subtractPanelF32(a.data + k, a.stride, b.row(k), b.stride, a.rows,
                     std::min(panelDepth, a.columns - k), b.columns, c.data,
                     c.stride);
}

void quantmlir::calibration::subtractProduct(MatrixRef<const double> a,
                                             MatrixRef<const double> b,
                                             MatrixRef<double> c) {
  for (int64_t k = 0; k < a.columns; k += panelDepth)
    subtractPanelF64(a.data + k, a.stride, b.row(k), b.stride, a.rows,
                     std::min(panelDepth, a.columns - k), b.columns, c.data,
                     c.stride);
}
