//===- LaunchTest.cpp - Devices and launches, on a fake driver ------------===//

#include "Crc32.h"
#include "FakeCuda.h"
#include "TestArtifact.h"
#include "quantmlir/Runtime/Runtime.h"

#include "gtest/gtest.h"

#include <cstdlib>
#include <dlfcn.h>
#include <memory>
#include <new>
#include <thread>

using namespace quantmlir::test;

// Counts what this thread allocates, to see that a launch allocates nothing.
static thread_local size_t numAllocations = 0;
void *operator new(size_t size) {
  ++numAllocations;
  if (void *memory = std::malloc(size ? size : 1))
    return memory;
  std::abort();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }

namespace {

template <auto destroy> struct Deleter {
  template <typename T> void operator()(T *handle) const { destroy(handle); }
};
using Artifact =
    std::unique_ptr<QuantmlirRtArtifact, Deleter<quantmlirRtArtifactDestroy>>;
using Plan = std::unique_ptr<QuantmlirRtPlan, Deleter<quantmlirRtPlanDestroy>>;
using Context =
    std::unique_ptr<QuantmlirRtContext, Deleter<quantmlirRtContextDestroy>>;
using Executable = std::unique_ptr<QuantmlirRtExecutable,
                                   Deleter<quantmlirRtExecutableDestroy>>;

/// Comes first: the driver is opened once in a process. That the tests below
/// find the fake driver shows that the failure is not remembered.
TEST(NoDriver, IsAClearError) {
  setenv("QUANTMLIR_LIBCUDA", "/nowhere/libcuda.so.1", 1);
  QuantmlirRtContext *context = nullptr;
  EXPECT_EQ(quantmlirRtContextCreate(0, &context), QUANTMLIR_RT_NO_DRIVER);
  EXPECT_NE(std::string(quantmlirRtGetLastErrorMessage())
                .find("cannot open the CUDA driver '/nowhere/libcuda.so.1'"),
            std::string::npos);
  EXPECT_EQ(context, nullptr);
}

class Launch : public testing::Test {
protected:
  static void SetUpTestSuite() {
    setenv("QUANTMLIR_LIBCUDA", QUANTMLIR_FAKE_CUDA, 1);
    void *library = dlopen(QUANTMLIR_FAKE_CUDA, RTLD_NOW);
    ASSERT_TRUE(library) << dlerror();
    auto find = [&](auto &entry, const char *name) {
      entry =
          reinterpret_cast<std::decay_t<decltype(entry)>>(dlsym(library, name));
      ASSERT_TRUE(entry) << name;
    };
    find(reset, "fakeCudaReset");
    find(takeLog, "fakeCudaTakeLog");
    find(failCall, "fakeCudaFail");
    find(setJITLog, "fakeCudaSetJITLog");
    find(setDevice, "fakeCudaSetDevice");
  }

  void SetUp() override {
    reset();
    QuantmlirRtContext *handle = nullptr;
    ASSERT_EQ(quantmlirRtContextCreate(0, &handle), QUANTMLIR_RT_SUCCESS)
        << quantmlirRtGetLastErrorMessage();
    context.reset(handle);
    artifact = load(makeManifest());
    ASSERT_TRUE(artifact) << quantmlirRtGetLastErrorMessage();
  }

  static Artifact load(const Json &manifest) {
    TemporaryDirectory directory;
    writeArtifact(directory, manifest);
    QuantmlirRtArtifact *handle = nullptr;
    quantmlirRtArtifactLoad(directory.path().c_str(), &handle);
    return Artifact(handle);
  }
  Executable makeExecutable(QuantmlirRtImage image = QUANTMLIR_RT_IMAGE_AUTO) {
    QuantmlirRtExecutable *handle = nullptr;
    lastStatus = quantmlirRtExecutableCreate(context.get(), artifact.get(),
                                             image, &handle);
    return Executable(handle);
  }
  Plan makePlan(size_t function, std::vector<int64_t> dims) {
    QuantmlirRtPlan *handle = nullptr;
    quantmlirRtPlanCreate(artifact.get(), function, dims.data(), dims.size(),
                          &handle);
    return Plan(handle);
  }
  static void expectError(const char *message) {
    EXPECT_NE(std::string(quantmlirRtGetLastErrorMessage()).find(message),
              std::string::npos)
        << "got: " << quantmlirRtGetLastErrorMessage();
  }

  inline static decltype(&fakeCudaReset) reset;
  inline static decltype(&fakeCudaTakeLog) takeLog;
  inline static decltype(&fakeCudaFail) failCall;
  inline static decltype(&fakeCudaSetJITLog) setJITLog;
  inline static decltype(&fakeCudaSetDevice) setDevice;

  Context context;
  Artifact artifact;
  QuantmlirRtStatus lastStatus = QUANTMLIR_RT_SUCCESS;
};

/// Addresses for the buffers of `linear` at d0 = 100.
const QuantmlirRtBuffer goodBuffers[6] = {{0x10000, 12800}, {0x20000, 192},
                                          {0x30000, 1536},  {0x40000, 19200},
                                          {0, 0},           {0, 0}};
const QuantmlirRtBuffer goodWorkspace = {0x90000, 6400};
void *const stream = reinterpret_cast<void *>(uintptr_t(0x77));

TEST_F(Launch, LoadsKernelsBeforeTheFirstLaunch) {
  takeLog();
  Executable executable = makeExecutable();
  ASSERT_TRUE(executable) << quantmlirRtGetLastErrorMessage();
  EXPECT_STREQ(quantmlirRtContextGetDeviceName(context.get()), "Fake GPU");
  EXPECT_EQ(quantmlirRtContextGetComputeCapability(context.get()), 90);
  EXPECT_STREQ(takeLog(), "cuCtxGetCurrent\n"
                          "cuCtxPushCurrent\n"
                          "cuModuleLoadDataEx //\n"
                          "cuModuleGetFunction quantize\n"
                          "cuFuncLoad quantize\n"
                          "cuFuncGetAttribute\n"
                          "cuFuncGetAttribute\n"
                          "cuModuleGetFunction matmul\n"
                          "cuFuncLoad matmul\n"
                          "cuFuncGetAttribute\n"
                          "cuFuncGetAttribute\n"
                          "cuFuncSetAttribute matmul 8=65536\n"
                          "cuModuleGetFunction repack\n"
                          "cuFuncLoad repack\n"
                          "cuFuncGetAttribute\n"
                          "cuFuncGetAttribute\n"
                          "cuCtxPopCurrent\n");
}

TEST_F(Launch, EnqueuesKernelsAndNothingElse) {
  Executable executable = makeExecutable();
  Plan plan = makePlan(0, {100});
  ASSERT_TRUE(executable && plan) << quantmlirRtGetLastErrorMessage();
  takeLog();
  ASSERT_EQ(quantmlirRtLaunch(executable.get(), plan.get(), goodBuffers, 6,
                              goodWorkspace, stream),
            QUANTMLIR_RT_SUCCESS)
      << quantmlirRtGetLastErrorMessage();
  // tmp0 and tmp1 are both at the start of the workspace: their lives are
  // apart.
  EXPECT_STREQ(
      takeLog(),
      "cuCtxGetCurrent\n"
      "cuCtxPushCurrent\n"
      "cuLaunchKernelEx quantize grid=[100,1,1] block=[128,1,1] shared=0 "
      "stream=0x77 : 0x10000 0x90000 0x1900\n"
      "cuTensorMapEncodeTiled type=0 address=0x90000 sizes=[64,100] "
      "strides=[64] box=[32,16] steps=[1,1] modes=[0,1,2,0]\n"
      "cuLaunchKernelEx matmul grid=[4,3,1] block=[256,1,1] shared=65536 "
      "stream=0x77 cluster=[2,1,1] dependent=1 : map:0x90000 0x30000 100 "
      "0x40000 0xfffffffffffffff9\n"
      "cuLaunchKernelEx quantize grid=[1,1,1] block=[128,1,1] shared=0 "
      "stream=0x77 : 0x20000 0x90000 0x5\n"
      "cuCtxPopCurrent\n");
}

TEST_F(Launch, PrepareIsAFunctionLikeAnyOther) {
  Executable executable = makeExecutable();
  Plan plan = makePlan(1, {});
  ASSERT_TRUE(executable && plan) << quantmlirRtGetLastErrorMessage();
  takeLog();
  QuantmlirRtBuffer buffers[] = {{0x1000, 1536}, {0x2000, 1536}};
  ASSERT_EQ(quantmlirRtLaunch(executable.get(), plan.get(), buffers, 2, {0, 0},
                              nullptr),
            QUANTMLIR_RT_SUCCESS)
      << quantmlirRtGetLastErrorMessage();
  EXPECT_NE(std::string(takeLog()).find(
                "repack grid=[48,1,1] block=[32,1,1] shared=0 "
                "stream=0x0 : 0x1000 0x2000"),
            std::string::npos);
}

/// What a kernel reads before the one ahead of it has ended may be what that
/// one, a prepare function's, writes.
TEST_F(Launch, WaitsForAPrepareFunction) {
  Json manifest = makeManifest();
  manifest["kernels"][0]["dependent_launch"] = true;
  artifact = load(manifest);
  ASSERT_TRUE(artifact) << quantmlirRtGetLastErrorMessage();
  Executable executable = makeExecutable();
  Plan prepare = makePlan(1, {}), plan = makePlan(0, {100});
  ASSERT_TRUE(executable && prepare && plan);
  QuantmlirRtBuffer buffers[] = {{0x1000, 1536}, {0x2000, 1536}};
  auto launchesEarly = [&](void *on) {
    takeLog();
    EXPECT_EQ(quantmlirRtLaunch(executable.get(), plan.get(), goodBuffers, 6,
                                goodWorkspace, on),
              QUANTMLIR_RT_SUCCESS);
    std::string log = takeLog();
    size_t first = log.find("quantize"), next = log.find('\n', first);
    // The kernels behind the first one may overlap it as ever.
    EXPECT_NE(log.find("dependent=1", next), std::string::npos);
    return log.substr(first, next - first).find("dependent=1") !=
           std::string::npos;
  };
  EXPECT_TRUE(launchesEarly(stream));
  ASSERT_EQ(quantmlirRtLaunch(executable.get(), prepare.get(), buffers, 2,
                              {0, 0}, stream),
            QUANTMLIR_RT_SUCCESS);
  // Another stream has nothing to wait for: ordering the two is up to the
  // caller.
  EXPECT_TRUE(launchesEarly(nullptr));
  EXPECT_FALSE(launchesEarly(stream));
  EXPECT_TRUE(launchesEarly(stream));
}

TEST_F(Launch, AllocatesNoHostMemory) {
  Executable executable = makeExecutable();
  Plan plan = makePlan(0, {100});
  ASSERT_TRUE(executable && plan);
  // The fake driver allocates for its notes, in its own copy of operator new.
  size_t before = numAllocations;
  quantmlirRtLaunch(executable.get(), plan.get(), goodBuffers, 6, goodWorkspace,
                    stream);
  EXPECT_EQ(numAllocations, before);
}

TEST_F(Launch, RefusesBuffersBeforeLaunching) {
  Executable executable = makeExecutable();
  Plan plan = makePlan(0, {100});
  ASSERT_TRUE(executable && plan);
  takeLog();
  auto expectRefused = [&](size_t index, QuantmlirRtBuffer buffer,
                           const char *message) {
    QuantmlirRtBuffer buffers[6];
    std::copy(std::begin(goodBuffers), std::end(goodBuffers), buffers);
    buffers[index] = buffer;
    EXPECT_EQ(quantmlirRtLaunch(executable.get(), plan.get(), buffers, 6,
                                goodWorkspace, stream),
              QUANTMLIR_RT_INVALID_ARGUMENT);
    expectError(message);
  };
  expectRefused(0, {0x10000, 12799}, "'x' has 12799 bytes; its shape needs");
  expectRefused(2, {0x30000, 1540}, "'w.codes' has 1540 bytes");
  expectRefused(3, {0, 19200}, "buffer 'result0' is null");
  expectRefused(3, {0x40008, 19200}, "'result0' is not aligned to 16 bytes");
  expectRefused(4, {0x50000, 6400}, "temporary 'tmp0' lives in the workspace");
  auto expectWorkspace = [&](QuantmlirRtBuffer workspace, const char *message) {
    EXPECT_EQ(quantmlirRtLaunch(executable.get(), plan.get(), goodBuffers, 6,
                                workspace, stream),
              QUANTMLIR_RT_INVALID_ARGUMENT);
    expectError(message);
  };
  expectWorkspace({0x90000, 6399}, "needs 6400");
  expectWorkspace({0, 6400}, "the workspace is null");
  expectWorkspace({0x90080, 6400}, "not aligned to 256 bytes");
  EXPECT_EQ(quantmlirRtLaunch(executable.get(), plan.get(), goodBuffers, 5,
                              goodWorkspace, stream),
            QUANTMLIR_RT_INVALID_ARGUMENT);
  expectError("has 6 buffers, got 5");
  EXPECT_EQ(quantmlirRtLaunch(executable.get(), plan.get(), nullptr, 6,
                              goodWorkspace, stream),
            QUANTMLIR_RT_INVALID_ARGUMENT);
  EXPECT_EQ(quantmlirRtLaunch(nullptr, plan.get(), goodBuffers, 6,
                              goodWorkspace, stream),
            QUANTMLIR_RT_INVALID_ARGUMENT);
  Artifact other = load(makeManifest());
  std::swap(artifact, other);
  Plan foreign = makePlan(0, {100});
  EXPECT_EQ(quantmlirRtLaunch(executable.get(), foreign.get(), goodBuffers, 6,
                              goodWorkspace, stream),
            QUANTMLIR_RT_INVALID_ARGUMENT);
  expectError("the plan belongs to another artifact");
  // The driver has heard of none of this.
  EXPECT_STREQ(takeLog(), "");
}

TEST_F(Launch, NothingToDoNeedsNoMemory) {
  Executable executable = makeExecutable();
  Plan plan = makePlan(0, {0});
  ASSERT_TRUE(executable && plan);
  QuantmlirRtBuffer buffers[6] = {{0, 0}, {0x20000, 192}, {0x30000, 1536},
                                  {0, 0}, {0, 0},         {0, 0}};
  takeLog();
  EXPECT_EQ(quantmlirRtLaunch(executable.get(), plan.get(), buffers, 6, {0, 0},
                              stream),
            QUANTMLIR_RT_SUCCESS)
      << quantmlirRtGetLastErrorMessage();
  EXPECT_EQ(std::string(takeLog()).find("cuLaunch"), std::string::npos);
}

TEST_F(Launch, FailuresNameCallAndKernel) {
  Executable executable = makeExecutable();
  Plan plan = makePlan(0, {100});
  ASSERT_TRUE(executable && plan);
  failCall("cuLaunchKernelEx", 1);
  EXPECT_EQ(quantmlirRtLaunch(executable.get(), plan.get(), goodBuffers, 6,
                              goodWorkspace, stream),
            QUANTMLIR_RT_DRIVER_ERROR);
  expectError("launch of kernel 'quantize': CUDA_ERROR_FAKE (1): a failure");
  failCall("cuLaunchKernelEx", 0);
  failCall("cuTensorMapEncodeTiled", 1);
  EXPECT_EQ(quantmlirRtLaunch(executable.get(), plan.get(), goodBuffers, 6,
                              goodWorkspace, stream),
            QUANTMLIR_RT_DRIVER_ERROR);
  expectError("kernel 'matmul': cuTensorMapEncodeTiled");
}

TEST_F(Launch, JITErrorsComeWithTheirLog) {
  failCall("cuModuleLoadDataEx", 218);
  setJITLog("ptxas application ptx input, line 9; fatal");
  EXPECT_FALSE(makeExecutable());
  EXPECT_EQ(lastStatus, QUANTMLIR_RT_DRIVER_ERROR);
  expectError("cuModuleLoadDataEx: CUDA_ERROR_FAKE (218)");
  expectError("ptx input, line 9; fatal");
  failCall("cuModuleLoadDataEx", 0);
  failCall("cuModuleGetFunction", 500);
  EXPECT_FALSE(makeExecutable());
  expectError("kernel 'quantize': cuModuleGetFunction");
}

TEST_F(Launch, RefusesDevicesThatCannotRunIt) {
  auto recreate = [&](int major, int minor, int sharedMemory) {
    setDevice(major, minor, sharedMemory);
    QuantmlirRtContext *handle = nullptr;
    ASSERT_EQ(quantmlirRtContextCreate(0, &handle), QUANTMLIR_RT_SUCCESS);
    context.reset(handle);
  };
  recreate(10, 0, 232448);
  EXPECT_FALSE(makeExecutable());
  EXPECT_EQ(lastStatus, QUANTMLIR_RT_UNSUPPORTED);
  expectError("compiled for sm_90a; Fake GPU has compute capability 10.0");
  recreate(9, 0, 60000);
  EXPECT_FALSE(makeExecutable());
  EXPECT_EQ(lastStatus, QUANTMLIR_RT_UNSUPPORTED);
  expectError("kernel 'matmul' needs 66560 bytes of shared memory");

  recreate(9, 0, 232448);
  Json json = makeManifest();
  json["kernels"][0]["block"] = {512, 1, 1};
  artifact = load(json);
  ASSERT_TRUE(artifact);
  EXPECT_FALSE(makeExecutable());
  expectError("launched with 512 threads but runs with at most 256");
}

TEST_F(Launch, LargeClustersAreAskedFor) {
  Json json = makeManifest();
  json["kernels"][1]["cluster"] = {16, 1, 1};
  artifact = load(json);
  takeLog();
  ASSERT_TRUE(makeExecutable());
  EXPECT_NE(std::string(takeLog()).find("cuFuncSetAttribute matmul 14=1"),
            std::string::npos);
}

TEST_F(Launch, ImageKinds) {
  EXPECT_FALSE(makeExecutable(QUANTMLIR_RT_IMAGE_CUBIN));
  EXPECT_EQ(lastStatus, QUANTMLIR_RT_NOT_FOUND);
  expectError("the artifact has no cubin");
  EXPECT_TRUE(makeExecutable(QUANTMLIR_RT_IMAGE_PTX));

  Json json = makeManifest();
  // The fake device takes any image; what matters is which one it is given.
  TemporaryDirectory directory;
  const std::string cubin = "\x7f"
                            "ELF";
  char checksum[16];
  std::snprintf(checksum, sizeof(checksum), "%08x",
                quantmlir::runtime::crc32(cubin.data(), cubin.size()));
  json["images"].push_back({{"kind", "cubin"},
                            {"file", "module.cubin"},
                            {"bytes", cubin.size()},
                            {"crc32", checksum}});
  writeArtifact(directory, json);
  directory.write("module.cubin", cubin);
  QuantmlirRtArtifact *handle = nullptr;
  ASSERT_EQ(quantmlirRtArtifactLoad(directory.path().c_str(), &handle),
            QUANTMLIR_RT_SUCCESS)
      << quantmlirRtGetLastErrorMessage();
  artifact.reset(handle);
  takeLog();
  ASSERT_TRUE(makeExecutable());
  EXPECT_NE(std::string(takeLog()).find("cuModuleLoadDataEx \x7f"
                                        "ELF"),
            std::string::npos);
  ASSERT_TRUE(makeExecutable(QUANTMLIR_RT_IMAGE_PTX));
  EXPECT_NE(std::string(takeLog()).find("cuModuleLoadDataEx //"),
            std::string::npos);
}

TEST_F(Launch, MissingDevices) {
  QuantmlirRtContext *handle = nullptr;
  EXPECT_EQ(quantmlirRtContextCreate(1, &handle), QUANTMLIR_RT_NO_DEVICE);
  expectError("there is no CUDA device 1; this machine has 1");
  EXPECT_EQ(quantmlirRtContextCreate(-1, &handle), QUANTMLIR_RT_NO_DEVICE);
  failCall("cuDevicePrimaryCtxRetain", 2);
  EXPECT_EQ(quantmlirRtContextCreate(0, &handle), QUANTMLIR_RT_OUT_OF_MEMORY);
  expectError("cuDevicePrimaryCtxRetain");
  EXPECT_EQ(handle, nullptr);
}

TEST_F(Launch, HandlesMayBeDestroyedInAnyOrder) {
  Executable executable = makeExecutable();
  Plan plan = makePlan(0, {100});
  ASSERT_TRUE(executable && plan);
  artifact.reset();
  context.reset();
  EXPECT_EQ(quantmlirRtLaunch(executable.get(), plan.get(), goodBuffers, 6,
                              goodWorkspace, stream),
            QUANTMLIR_RT_SUCCESS);
  takeLog();
  executable.reset();
  EXPECT_STREQ(takeLog(), "cuCtxGetCurrent\ncuCtxPushCurrent\ncuModuleUnload\n"
                          "cuCtxPopCurrent\ncuDevicePrimaryCtxRelease\n");
}

TEST_F(Launch, ThreadsShareHandles) {
  Executable executable = makeExecutable();
  Plan plan = makePlan(0, {100});
  ASSERT_TRUE(executable && plan);
  takeLog();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 50; ++round) {
        void *own = reinterpret_cast<void *>(uintptr_t(0x100 + i));
        EXPECT_EQ(quantmlirRtLaunch(executable.get(), plan.get(), goodBuffers,
                                    6, goodWorkspace, own),
                  QUANTMLIR_RT_SUCCESS);
        // Errors belong to the thread that made them.
        EXPECT_NE(quantmlirRtLaunch(executable.get(), plan.get(), goodBuffers,
                                    size_t(i), goodWorkspace, own),
                  QUANTMLIR_RT_SUCCESS);
        EXPECT_NE(std::string(quantmlirRtGetLastErrorMessage())
                      .find("got " + std::to_string(i)),
                  std::string::npos);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  std::string log = takeLog();
  size_t launches = 0;
  for (size_t at = log.find("cuLaunchKernelEx"); at != std::string::npos;
       at = log.find("cuLaunchKernelEx", at + 1))
    ++launches;
  EXPECT_EQ(launches, 4u * 50 * 3);
}

TEST_F(Launch, Memory) {
  QuantmlirRtBuffer buffer = {1, 1};
  ASSERT_EQ(quantmlirRtMemoryAllocate(context.get(), 0, &buffer),
            QUANTMLIR_RT_SUCCESS);
  EXPECT_EQ(buffer.address, 0u);
  ASSERT_EQ(quantmlirRtMemoryAllocate(context.get(), 8, &buffer),
            QUANTMLIR_RT_SUCCESS);
  char text[8] = "launch!";
  EXPECT_EQ(
      quantmlirRtMemoryCopyToDevice(context.get(), buffer, text, 8, nullptr),
      QUANTMLIR_RT_SUCCESS);
  char back[8] = {};
  EXPECT_EQ(
      quantmlirRtMemoryCopyToHost(context.get(), back, buffer, 8, nullptr),
      QUANTMLIR_RT_SUCCESS);
  EXPECT_STREQ(back, "launch!");
  EXPECT_EQ(
      quantmlirRtMemoryCopyToHost(context.get(), back, buffer, 9, nullptr),
      QUANTMLIR_RT_INVALID_ARGUMENT);
  EXPECT_EQ(
      quantmlirRtMemoryCopyToDevice(context.get(), buffer, text, 9, nullptr),
      QUANTMLIR_RT_INVALID_ARGUMENT);
  EXPECT_EQ(quantmlirRtMemoryFree(context.get(), buffer), QUANTMLIR_RT_SUCCESS);
  failCall("cuMemAlloc", 2);
  EXPECT_EQ(quantmlirRtMemoryAllocate(context.get(), 1 << 20, &buffer),
            QUANTMLIR_RT_OUT_OF_MEMORY);
  expectError("cuMemAlloc of 1048576 bytes");
}

} // namespace
