//===- Clocks.h - Which accesses happened before which --------------------===//

#ifndef QUANTMLIR_LIB_EMULATOR_CLOCKS_H
#define QUANTMLIR_LIB_EMULATOR_CLOCKS_H

#include "llvm/ADT/ArrayRef.h"
#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace quantmlir::emulator {

/// A vector clock per thread of a cluster. Entry u of row t is the last moment
/// of thread u that thread t is ordered after; entry t of row t is thread t's
/// own time, which moves at each release.
///
/// Behind the threads come agents: what copies and multiplies asynchronously.
/// An agent has moments that threads are ordered after, and sees nothing
/// itself.
class Clocks {
public:
  void reset(unsigned threads) {
    threadCount = threads;
    agentTimes.clear();
    passed.clear();
    meetings.assign(threads, {});
    told.assign(threads, {});
    metThreads.clear();
    stride = threads + spareAgents;
    rows.assign(size_t(threads) * stride, 0);
    for (unsigned t = 0; t < threads; ++t)
      own(t) = 1;
  }

  unsigned size() const { return threadCount + agentTimes.size(); }
  llvm::MutableArrayRef<uint32_t> row(unsigned thread) {
    return {rows.data() + size_t(thread) * stride, size()};
  }
  uint32_t now(unsigned who) const {
    return who < threadCount ? rows[size_t(who) * stride + who]
                             : agentTimes[who - threadCount];
  }
  /// Whether moment `clock` of `other` is ordered before `thread`'s present.
  bool isOrdered(unsigned thread, unsigned other, uint32_t clock) const {
    return rows[size_t(thread) * stride + other] >= clock;
  }

  bool isAgent(unsigned who) const { return who >= threadCount; }

  /// Notes that `thread` got words that were stored asynchronously by who had
  /// seen `row`. That orders no memory, so that what others wrote is not shown.
  /// But what had been read before has been read, and a copy that had come has
  /// come: what is written now overtakes neither.
  void tell(unsigned thread, llvm::ArrayRef<uint32_t> row) {
    join(row, told[thread]);
  }
  /// All that `thread` was told like that: a moment of each thread and agent,
  /// or of the first ones.
  llvm::ArrayRef<uint32_t> getTold(unsigned thread) const {
    return told[thread];
  }

  /// Starts the next moment of a thread or agent; returns the one that ended.
  uint32_t tick(unsigned who) {
    return who < threadCount ? own(who)++ : agentTimes[who - threadCount]++;
  }

  /// Adds what `thread` has seen to `to`, and starts its next moment.
  void release(unsigned thread, std::vector<uint32_t> &to) {
    to.resize(size());
    auto from = row(thread);
    for (unsigned u = 0, n = from.size(); u < n; ++u)
      to[u] = std::max(to[u], from[u]);
    tick(thread);
  }
  /// Orders `thread` after everything in `from`.
  void acquire(unsigned thread, llvm::ArrayRef<uint32_t> from) {
    auto to = row(thread);
    for (unsigned u = 0, n = from.size(); u < n; ++u)
      to[u] = std::max(to[u], from[u]);
  }

  /// A new agent's number.
  unsigned addAgent() {
    if (size() == stride)
      widen();
    agentTimes.push_back(1);
    return size() - 1;
  }
  /// Adds the present moment of `agent` to `to`, and starts its next.
  void releaseAgent(unsigned agent, std::vector<uint32_t> &to) {
    if (to.size() < size())
      to.resize(size());
    to[agent] = std::max(to[agent], tick(agent));
  }
  /// Orders `thread` after moment `clock` of `agent`.
  void acquireAgent(unsigned thread, unsigned agent, uint32_t clock) {
    uint32_t &seen = row(thread)[agent];
    seen = std::max(seen, clock);
  }

  /// Notes that moment `clock` of `agent` came after `row`. What an agent does
  /// asynchronously orders no memory but what it touches itself; still, who
  /// knows that it is done knows how far those had come who asked for it.
  void notePassed(unsigned agent, uint32_t clock, std::vector<uint32_t> row) {
    if (passed.size() <= agent - threadCount)
      passed.resize(agent - threadCount + 1);
    auto &moments = passed[agent - threadCount];
    if (moments.size() == keptMoments)
      moments.pop_front();
    moments.push_back({clock, std::move(row)});
  }
  /// Notes that the threads of `group` have come to a warp-wide instruction,
  /// and starts their next moments. That orders no memory; still, who knows
  /// that one of them has gone on knows how far the others had come.
  void noteMeeting(llvm::ArrayRef<unsigned> group) {
    auto ended = std::make_shared<Ended>();
    for (unsigned thread : group)
      ended->push_back({thread, tick(thread)});
    for (unsigned thread : group) {
      auto &moments = meetings[thread];
      if (moments.empty())
        metThreads.push_back(thread);
      if (moments.size() == keptMeetings)
        moments.pop_front();
      moments.push_back({now(thread), ended});
    }
  }
  /// How far each thread and agent must have come where `seen` has been seen:
  /// not only what memory is ordered after, but all that has been executed.
  std::vector<uint32_t> getPassed(std::vector<uint32_t> seen) const {
    seen.resize(size());
    for (bool changes = true; changes;) {
      changes = false;
      for (unsigned a = 0; a < passed.size(); ++a) {
        auto &moments = passed[a];
        auto last = std::partition_point(
            moments.begin(), moments.end(), [&](const Moment &moment) {
              return moment.clock <= seen[threadCount + a];
            });
        if (last != moments.begin())
          changes |= join(std::prev(last)->row, seen);
      }
      for (unsigned thread : metThreads)
        for (const Meeting &meeting : meetings[thread])
          if (meeting.clock <= seen[thread])
            for (auto [who, clock] : *meeting.ended)
              if (seen[who] < clock) {
                seen[who] = clock;
                changes = true;
              }
    }
    return seen;
  }
  /// Adds `from` to `to`; whether that changes it.
  static bool join(llvm::ArrayRef<uint32_t> from, std::vector<uint32_t> &to) {
    bool changes = false;
    if (to.size() < from.size())
      to.resize(from.size());
    for (unsigned u = 0, n = from.size(); u < n; ++u) {
      changes |= from[u] > to[u];
      to[u] = std::max(to[u], from[u]);
    }
    return changes;
  }

private:
  /// More than there are stages of a ring, or groups under way.
  static constexpr unsigned keptMoments = 64;
  struct Moment {
    uint32_t clock;
    std::vector<uint32_t> row;
  };
  /// More than there are masks that lanes of a warp meet in between waits.
  static constexpr unsigned keptMeetings = 4;
  using Ended = std::vector<std::pair<unsigned, uint32_t>>;
  /// Who has ended moment `clock` has seen that others ended theirs.
  struct Meeting {
    uint32_t clock;
    std::shared_ptr<const Ended> ended;
  };
  static constexpr unsigned spareAgents = 32;

  uint32_t &own(unsigned thread) {
    return rows[size_t(thread) * stride + thread];
  }
  void widen() {
    unsigned wider = stride + std::max(stride / 2, spareAgents);
    std::vector<uint32_t> moved(size_t(threadCount) * wider, 0);
    for (unsigned t = 0; t < threadCount; ++t)
      std::copy_n(rows.data() + size_t(t) * stride, stride,
                  moved.data() + size_t(t) * wider);
    rows = std::move(moved);
    stride = wider;
  }

  unsigned threadCount = 0, stride = 0;
  std::vector<uint32_t> rows;
  std::vector<uint32_t> agentTimes;
  /// Of each agent that has some, its latest moments.
  std::vector<std::deque<Moment>> passed;
  /// Of each thread, the latest; and the threads that have some.
  std::vector<std::deque<Meeting>> meetings;
  std::vector<unsigned> metThreads;
  /// By thread, as `getTold` gives it.
  std::vector<std::vector<uint32_t>> told;
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_LIB_EMULATOR_CLOCKS_H
