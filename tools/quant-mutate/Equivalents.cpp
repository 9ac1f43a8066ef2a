//===- Equivalents.cpp - Mutants known to change nothing ------------------===//

#include "QuantMutate.h"

using namespace quantmlir::mutate;
using llvm::StringRef;

llvm::Error Equivalents::read(const std::string &path) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!file)
    return llvm::createStringError("cannot open '" + path +
                                   "': " + file.getError().message());
  llvm::SmallVector<StringRef> lines;
  text = std::move(*file);
  text->getBuffer().split(lines, '\n');
  unsigned number = 0;
  for (StringRef line : lines) {
    ++number;
    line = line.trim();
    if (line.empty() || line.starts_with("#"))
      continue;
    auto fail = [&](const llvm::Twine &why) {
      return llvm::createStringError(path + ":" + llvm::Twine(number) + ": " +
                                     why);
    };
    llvm::SmallVector<StringRef> fields;
    line.split(fields, '|', /*MaxSplit=*/2);
    for (StringRef &field : fields)
      field = field.trim();
    if (fields.size() != 3 || fields[2].empty())
      return fail("expected INPUT/KERNEL | MUTATION | REASON");
    auto kernel = llvm::GlobPattern::create(fields[0], /*MaxSubPatterns=*/64);
    if (!kernel)
      return fail(llvm::toString(kernel.takeError()));
    auto mutation = llvm::GlobPattern::create(fields[1], /*MaxSubPatterns=*/64);
    if (!mutation)
      return fail(llvm::toString(mutation.takeError()));
    entries.push_back({std::move(*kernel), std::move(*mutation), line.str(),
                       fields[2].str()});
  }
  return llvm::Error::success();
}

const std::string *Equivalents::find(const Mutant &mutant) {
  std::string name = mutant.mutation.getName();
  for (Entry &entry : entries)
    if (entry.kernel.match(mutant.getKernelName()) &&
        entry.mutation.match(name)) {
      entry.used = true;
      return &entry.reason;
    }
  return nullptr;
}

std::vector<std::string> Equivalents::getUnused() const {
  std::vector<std::string> unused;
  for (const Entry &entry : entries)
    if (!entry.used)
      unused.push_back(entry.text);
  return unused;
}
