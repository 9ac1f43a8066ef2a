//===- ProgressBar.h - How far a long run has come --------------*- C++ -*-===//

#ifndef QUANTMLIR_TOOLS_PROGRESSBAR_H
#define QUANTMLIR_TOOLS_PROGRESSBAR_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <chrono>
#include <string>

namespace quantmlir {

/// One line of standard error that is drawn over and over, at most ten times a
/// second. Nothing where that is no terminal.
class ProgressBar {
public:
  ~ProgressBar() { clear(); }

  /// `done` of `total` in the same unit; `label` is what is at hand.
  void update(uint64_t done, uint64_t total, llvm::StringRef label) {
    auto now = std::chrono::steady_clock::now();
    if (!isTerminal || (done != total && isDrawn &&
                        now - last < std::chrono::milliseconds(100)))
      return;
    last = now;
    constexpr int width = 30;
    double part = total ? static_cast<double>(done) / total : 1.0;
    int filled = static_cast<int>(part * width);
    constexpr size_t room = 40;
    llvm::errs() << "\r\033[K[" << std::string(filled, '#')
                 << std::string(width - filled, '.') << "] "
                 << llvm::format("%3d%% ", static_cast<int>(part * 100))
                 << label.take_back(room);
    llvm::errs().flush();
    isDrawn = true;
  }

  /// Makes room for other output.
  void clear() {
    if (!isDrawn)
      return;
    llvm::errs() << "\r\033[K";
    isDrawn = false;
  }

private:
  bool isTerminal = llvm::errs().is_displayed();
  bool isDrawn = false;
  std::chrono::steady_clock::time_point last;
};

} // namespace quantmlir

#endif // QUANTMLIR_TOOLS_PROGRESSBAR_H
