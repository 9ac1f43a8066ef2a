//===- SplitModule.cpp - Kernels of a module, each by itself --------------===//

#include "SplitModule.h"

#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Module.h"
#include "llvm/Transforms/Utils/Cloning.h"

using namespace mlir;
using namespace quantmlir;

/// Calls `found` with every function whose body uses `value`, through constants
/// or directly.
static void findUsers(const llvm::Value *value,
                      llvm::function_ref<void(const llvm::GlobalValue *)> found,
                      SmallPtrSetImpl<const llvm::Value *> &visited) {
  for (const llvm::User *user : value->users()) {
    if (!visited.insert(user).second)
      continue;
    if (auto *instruction = dyn_cast<llvm::Instruction>(user))
      found(instruction->getFunction());
    else if (auto *global = dyn_cast<llvm::GlobalValue>(user))
      found(global);
    else
      findUsers(user, found, visited);
  }
}

/// Whether `global` is only a name: declared, or an array of nothing, which is
/// how dynamic shared memory is written. Each part has its own.
static bool isOnlyName(const llvm::GlobalValue &global) {
  if (global.isDeclaration())
    return true;
  return isa<llvm::GlobalVariable>(global) &&
         global.getParent()->getDataLayout().getTypeAllocSize(
             global.getValueType()) == 0;
}

std::vector<SmallVector<char, 0>> quantmlir::splitModule(llvm::Module &module) {
  llvm::EquivalenceClasses<const llvm::GlobalValue *> together;
  for (const llvm::GlobalValue &global : module.global_values()) {
    if (isOnlyName(global))
      continue;
    together.insert(&global);
    SmallPtrSet<const llvm::Value *, 16> visited;
    findUsers(
        &global,
        [&](const llvm::GlobalValue *user) {
          together.unionSets(&global, user);
        },
        visited);
  }
  llvm::MapVector<const llvm::GlobalValue *,
                  SmallPtrSet<const llvm::GlobalValue *, 4>>
      parts;
  for (const llvm::Function &function : module)
    if (!function.isDeclaration())
      parts[together.getLeaderValue(&function)].insert(&function);
  // A variable that no function uses belongs to none; it is not needed.
  for (const llvm::GlobalVariable &variable : module.globals())
    if (!isOnlyName(variable))
      if (auto *part = parts.find(together.getLeaderValue(&variable));
          part != parts.end())
        part->second.insert(&variable);

  std::vector<SmallVector<char, 0>> result;
  for (auto &[leader, members] : parts) {
    llvm::ValueToValueMapTy map;
    std::unique_ptr<llvm::Module> clone = llvm::CloneModule(
        module, map, [&, &own = members](const llvm::GlobalValue *global) {
          return own.contains(global) || isOnlyName(*global);
        });
    for (llvm::Function &function : llvm::make_early_inc_range(*clone))
      if (function.isDeclaration() && function.use_empty())
        function.eraseFromParent();
    for (llvm::GlobalVariable &variable :
         llvm::make_early_inc_range(clone->globals()))
      if (isOnlyName(variable) && variable.use_empty())
        variable.eraseFromParent();
    llvm::raw_svector_ostream stream(result.emplace_back());
    llvm::WriteBitcodeToFile(*clone, stream);
  }
  return result;
}

std::string quantmlir::joinPTX(ArrayRef<std::string> parts) {
  std::string result;
  llvm::StringSet<> seen;
  for (StringRef part : parts) {
    bool first = result.empty();
    while (!part.empty()) {
      auto [line, rest] = part.split('\n');
      if (line.starts_with(".visible") || line.starts_with(".entry") ||
          line.starts_with(".func"))
        break;
      bool isNew = seen.insert(line).second;
      if (first || (isNew && !line.trim().empty()))
        (result += line) += '\n';
      part = rest;
    }
    result += part;
  }
  return result;
}
