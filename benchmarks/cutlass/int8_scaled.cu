//===- int8_scaled.cu - CUTLASS's int8 product with scales ----------------===//
//
// A peer of the benchmarks: y = bf16(x·wᵀ · sx · sw), x M×K and w N×K of int8,
// a float scale for each row of either, applied in the epilogue's visitor tree.
// build.py compiles it once for each of its configurations into a library of
// its own, with
//
//   TILE_M, TILE_N    rows and columns of a block's tile
//   CLUSTER_M, _N     blocks of a cluster
//   SCHEDULE          Pingpong or Cooperative
//   STREAM_K          1: blocks divide all tiles' steps evenly; or 0
//
// Calls that fail return CUTLASS's status, which is not 0.
//
//===----------------------------------------------------------------------===//

#include "cutlass/cutlass.h"
#include "cutlass/epilogue/collective/collective_builder.hpp"
#include "cutlass/epilogue/fusion/sm90_callbacks_tma_warpspecialized.hpp"
#include "cutlass/gemm/collective/collective_builder.hpp"
#include "cutlass/gemm/device/gemm_universal_adapter.h"
#include "cutlass/gemm/kernel/gemm_universal.hpp"

using namespace cutlass;
using cute::_1;
using cute::_128;
using cute::Int;
using cute::Shape;

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
using Schedule = gemm::JOIN(KernelTmaWarpSpecialized, SCHEDULE);
// Of ping-pong, each warpgroup finishes tiles by itself.
constexpr bool isCooperative =
    std::is_same_v<Schedule, gemm::KernelTmaWarpSpecializedCooperative>;
using EpilogueSchedule =
    std::conditional_t<isCooperative, epilogue::TmaWarpSpecializedCooperative,
                       epilogue::TmaWarpSpecialized>;

using BlockTile = Shape<Int<TILE_M>, Int<TILE_N>, _128>;
using Cluster = Shape<Int<CLUSTER_M>, Int<CLUSTER_N>, _1>;

// bf16(sx · (sw · sum)).
constexpr auto kRounding = FloatRoundStyle::round_to_nearest;
using TokenScales = epilogue::fusion::Sm90ColBroadcast<0, BlockTile, float>;
using ChannelScales = epilogue::fusion::Sm90RowBroadcast<0, BlockTile, float>;
using Scaled = epilogue::fusion::Sm90EVT<
    epilogue::fusion::Sm90Compute<cutlass::multiplies, float, float, kRounding>,
    ChannelScales, epilogue::fusion::Sm90AccFetch>;
using Result = epilogue::fusion::Sm90EVT<
    epilogue::fusion::Sm90Compute<cutlass::multiplies, bfloat16_t, float,
                                  kRounding>,
    TokenScales, Scaled>;

using Epilogue = typename epilogue::collective::CollectiveBuilder<
    arch::Sm90, arch::OpClassTensorOp, BlockTile, Cluster,
    epilogue::collective::EpilogueTileAuto, int32_t, float, void,
    layout::RowMajor, 8, bfloat16_t, layout::RowMajor, 8, EpilogueSchedule,
    Result>::CollectiveOp;
using Mainloop = typename gemm::collective::CollectiveBuilder<
    arch::Sm90, arch::OpClassTensorOp, int8_t, layout::RowMajor, 16, int8_t,
    layout::ColumnMajor, 16, int32_t, BlockTile, Cluster,
    gemm::collective::StageCountAutoCarveout<static_cast<int>(
        sizeof(typename Epilogue::SharedStorage))>,
    Schedule>::CollectiveOp;
using Scheduler = std::conditional_t<STREAM_K, gemm::StreamKScheduler,
                                     gemm::PersistentScheduler>;
using GemmKernel = gemm::kernel::GemmUniversal<Shape<int, int, int, int>,
                                               Mainloop, Epilogue, Scheduler>;
using Gemm = gemm::device::GemmUniversalAdapter<GemmKernel>;

namespace {
/// A product of given operands, ready to be launched.
struct Call {
  typename Gemm::Arguments arguments;
  typename GemmKernel::Params params;
  void *workspace = nullptr;
};

typename Gemm::Arguments makeArguments(int m, int n, int k, const void *x,
                                       const void *w, const void *sx,
                                       const void *sw, void *y, int swizzle) {
  // Rows lie behind one another; there is one product.
  auto getStride = [](int64_t columns) {
    return cute::make_stride(columns, _1{}, int64_t(0));
  };
  typename Result::Arguments result = {
      {static_cast<const float *>(sx), 0.f, {}},
      {{static_cast<const float *>(sw), 0.f, {}}, {}, {}},
      {}};
  typename Gemm::Arguments arguments = {
      gemm::GemmUniversalMode::kGemm,
      {m, n, k, 1},
      {static_cast<const int8_t *>(x), getStride(k),
       static_cast<const int8_t *>(w), getStride(k)},
      {result, nullptr, {}, static_cast<bfloat16_t *>(y), getStride(n)}};
  arguments.hw_info =
      KernelHardwareInfo::make_kernel_hardware_info<GemmKernel>();
  arguments.scheduler.max_swizzle_size = swizzle;
  return arguments;
}
} // namespace

extern "C" {

/// A call of the product of `m` x `k` by `n` x `k` at these addresses on the
/// device, which the caller keeps; `swizzle` tiles are walked side by side.
int quantmlir_cutlass_prepare(int m, int n, int k, const void *x, const void *w,
                              const void *sx, const void *sw, void *y,
                              int swizzle, void **result) {
  auto arguments = makeArguments(m, n, k, x, w, sx, sw, y, swizzle);
  if (Status status = Gemm::can_implement(arguments);
      status != Status::kSuccess)
    return static_cast<int>(status);
  Call call = {arguments, {}, nullptr};
  if (size_t bytes = Gemm::get_workspace_size(arguments))
    if (cudaMalloc(&call.workspace, bytes) != cudaSuccess)
      return static_cast<int>(Status::kErrorMemoryAllocation);
  // Also allows the kernel its shared memory.
  Gemm gemm;
  if (Status status = gemm.initialize(arguments, call.workspace);
      status != Status::kSuccess) {
    cudaFree(call.workspace);
    return static_cast<int>(status);
  }
  call.params = gemm.params();
  *result = new Call(call);
  return 0;
}

/// Launches it. `dependent`: it may start while the kernel before it ends.
int quantmlir_cutlass_run(void *handle, void *stream, int dependent) {
  Call &call = *static_cast<Call *>(handle);
  auto cudaStream = static_cast<cudaStream_t>(stream);
  // Stream-K counts the parts of a tile from zero.
  Status status = GemmKernel::initialize_workspace(call.arguments,
                                                   call.workspace, cudaStream);
  if (status == Status::kSuccess)
    status = Gemm::run(call.params, cudaStream, nullptr, dependent != 0);
  return static_cast<int>(status);
}

void quantmlir_cutlass_release(void *handle) {
  Call *call = static_cast<Call *>(handle);
  cudaFree(call->workspace);
  delete call;
}

} // extern "C"
