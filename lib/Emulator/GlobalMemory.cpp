//===- GlobalMemory.cpp - The memory that kernels get pointers to ---------===//

#include "quantmlir/Emulator/GlobalMemory.h"
#include "Launch.h"

using namespace quantmlir::emulator;

GlobalMemory::GlobalMemory() = default;
GlobalMemory::~GlobalMemory() = default;

static uint64_t getNumber(uint64_t address) {
  return (address & ~address::globalTag) >> address::bufferShift;
}
static uint64_t getOffset(uint64_t address) {
  return address & ((uint64_t(1) << address::bufferShift) - 1);
}

uint64_t GlobalMemory::registerBuffer(llvm::StringRef name,
                                      llvm::MutableArrayRef<char> data,
                                      BufferRole role, unsigned elementBytes) {
  auto buffer = std::make_unique<Buffer>();
  buffer->name = name.str();
  buffer->data = data.data();
  buffer->size = data.size();
  buffer->role = role;
  buffer->elementBytes = elementBytes;
  if (role == BufferRole::Output || role == BufferRole::Temporary)
    buffer->written.assign(data.size(), 0);
  buffers.push_back(std::move(buffer));
  return address::globalTag | uint64_t(buffers.size()) << address::bufferShift;
}

llvm::Error GlobalMemory::describeBuffer(uint64_t address, llvm::StringRef name,
                                         BufferRole role,
                                         unsigned elementBytes) {
  auto buffer = find(address, 0);
  if (!buffer)
    return buffer.takeError();
  (*buffer)->name = name.str();
  (*buffer)->role = role;
  (*buffer)->elementBytes = elementBytes;
  return llvm::Error::success();
}

void GlobalMemory::unregisterBuffer(uint64_t address) {
  uint64_t number = getNumber(address);
  assert(number > 0 && number <= buffers.size() && "not a registered buffer");
  Buffer &buffer = *buffers[number - 1];
  buffer.registered = false;
  buffer.written = {};
  buffer.sharing = {};
}

llvm::Expected<Buffer *> GlobalMemory::find(uint64_t address,
                                            uint64_t size) const {
  uint64_t number = getNumber(address);
  if (!(address & address::globalTag) || number == 0 ||
      number > buffers.size() || !buffers[number - 1]->registered ||
      !fits(getOffset(address), size, buffers[number - 1]->size))
    return llvm::createStringError(
        llvm::formatv("{0} bytes at {1:x} are in no buffer", size, address)
            .str());
  return buffers[number - 1].get();
}

llvm::Expected<Report> GlobalMemory::write(uint64_t address, const void *from,
                                           uint64_t size) {
  auto buffer = find(address, size);
  if (!buffer)
    return buffer.takeError();
  std::memcpy((*buffer)->data + getOffset(address), from, size);
  if (!(*buffer)->written.empty())
    std::fill_n((*buffer)->written.begin() + getOffset(address), size, 1);
  return Report();
}

/// A finding about bytes [offset, offset + size) of `buffer`, if any was never
/// written.
static std::optional<Finding> checkWritten(const Buffer &buffer,
                                           uint64_t offset, uint64_t size,
                                           mlir::Location location) {
  if (buffer.written.empty())
    return std::nullopt;
  auto range = llvm::ArrayRef(buffer.written).slice(offset, size);
  uint64_t missing = llvm::count(range, 0);
  if (!missing)
    return std::nullopt;
  uint64_t first = offset + (llvm::find(range, 0) - range.begin());
  std::string message =
      llvm::formatv("{0} of {1} bytes of output buffer '{2}' were never "
                    "written, the first is byte {3}",
                    missing, size, buffer.name, first);
  if (buffer.elementBytes > 1)
    message += llvm::formatv(" (element {0})", first / buffer.elementBytes);
  return Finding{FindingKind::UnwrittenOutput, location, message, std::nullopt,
                 std::nullopt};
}

llvm::Expected<Report> GlobalMemory::read(void *to, uint64_t address,
                                          uint64_t size,
                                          mlir::Location location) {
  auto buffer = find(address, size);
  if (!buffer)
    return buffer.takeError();
  std::memcpy(to, (*buffer)->data + getOffset(address), size);
  Report report;
  if (auto finding = checkWritten(**buffer, getOffset(address), size, location))
    report.findings.push_back(std::move(*finding));
  return report;
}

void GlobalMemory::synchronize() {
  for (const std::unique_ptr<Buffer> &buffer : buffers)
    buffer->startLaunch(/*dependent=*/false);
}

Report GlobalMemory::checkOutputs(mlir::Location location) const {
  Report report;
  for (const auto &buffer : buffers)
    if (buffer->registered && buffer->role == BufferRole::Output)
      if (auto finding = checkWritten(*buffer, 0, buffer->size, location))
        report.findings.push_back(std::move(*finding));
  return report;
}
