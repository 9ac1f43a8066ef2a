//===- LaunchRecord.cpp - A launch that can be made again -----------------===//

#include "quantmlir/Emulator/LaunchRecord.h"
#include "Launch.h"

using namespace quantmlir::emulator;

MemoryState MemoryState::capture(const GlobalMemory &memory) {
  MemoryState state;
  for (const auto &from : memory.getBuffers()) {
    Buffer &buffer = state.buffers.emplace_back();
    buffer.name = from->name;
    buffer.role = from->role;
    buffer.elementBytes = from->elementBytes;
    buffer.isRegistered = from->registered;
    if (!from->registered)
      continue;
    buffer.data.assign(from->data, from->data + from->size);
    buffer.written = from->written;
    for (auto [byte, sharing] : llvm::enumerate(from->sharing)) {
      uint8_t how = sharing.write.cluster ? 1 : 0;
      for (const auto &touch : from->touches[sharing.since])
        how |= touch.isWrite ? 1 : 2;
      if (how && buffer.touched.empty())
        buffer.touched.resize(from->size);
      if (how)
        buffer.touched[byte] = how;
    }
  }
  return state;
}

/// Where `now` differs from `wanted`, or nothing.
static std::string compare(const MemoryState &wanted, const MemoryState &now) {
  for (auto [a, b] : llvm::zip_equal(wanted.buffers, now.buffers))
    for (size_t i = 0; i < a.data.size(); ++i) {
      bool differs =
          a.holds(i) != b.holds(i) || (a.holds(i) && a.data[i] != b.data[i]);
      if (!differs)
        continue;
      std::string where = llvm::formatv("byte {0} of '{1}'", i, a.name);
      if (a.elementBytes > 1)
        where += llvm::formatv(" (element {0})", i / a.elementBytes);
      return where;
    }
  return "";
}

static void restore(Buffer &buffer, const MemoryState::Buffer &state) {
  buffer.written = state.written;
  if (state.touched.empty())
    return;
  buffer.sharing.resize(buffer.size);
  quantmlir::emulator::Buffer::Touch touch;
  touch.cluster = 1;
  buffer.touches.push_back({touch});
  touch.isWrite = true;
  for (auto [sharing, how] : llvm::zip_equal(buffer.sharing, state.touched)) {
    if (how & 1)
      sharing.write = touch;
    sharing.since = how & 2 ? 1 : 0;
  }
}

llvm::Expected<ReplayResult>
quantmlir::emulator::replay(const LaunchRecord &record, Emulator &emulator) {
  // A copy whose data the kernel writes.
  MemoryState state = record.before;
  auto memory = std::make_shared<GlobalMemory>();
  for (MemoryState::Buffer &buffer : state.buffers) {
    uint64_t address = memory->registerBuffer(buffer.name, buffer.data,
                                              buffer.role, buffer.elementBytes);
    if (!buffer.isRegistered)
      memory->unregisterBuffer(address);
    else
      restore(*memory->getBuffers().back(), buffer);
  }
  emulator.setMemory(memory);
  std::vector<uint64_t> arguments = record.arguments;
  for (auto [argument, bytes] : llvm::zip_equal(arguments, record.byValue))
    if (!bytes.empty())
      argument = reinterpret_cast<uint64_t>(bytes.data());
  auto report = emulator.launch(record.kernel, record.shape, arguments);
  // The state goes away with this call.
  auto after = MemoryState::capture(*memory);
  emulator.setMemory(std::make_shared<GlobalMemory>());
  if (!report)
    return report.takeError();
  ReplayResult result;
  result.report = std::move(*report);
  // What a launch that was given up has not written says nothing.
  if (result.report.isClean())
    result.difference = compare(record.after, after);
  result.after = std::move(after);
  return result;
}
