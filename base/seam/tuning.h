#pragma once
// The capacities and counts that protocols between threads depend on, with the small value that a
// model-checking build uses so that each edge (full ring, exhausted budget, wrapped slot) is
// reached within a few steps. What concerns one file alone (the size of a copy's buffer, say)
// stands there.

#include <cstddef>
#include <cstdint>

#include <edo/base/clock.h>

namespace edo::detail::tuning {

#if defined(EDO_MODEL)
template <class T>
constexpr T pick(T, T model) noexcept {
    return model;
}
#else
template <class T>
constexpr T pick(T production, T) noexcept {
    return production;
}
#endif

/// Leaf operations that may complete in one poll of a task before it must yield.
inline constexpr std::uint32_t poll_budget = pick<std::uint32_t>(128, 2);
/// Inline resumptions between coroutines before the stack is unwound to the executor loop.
inline constexpr std::uint32_t inline_resumptions = pick<std::uint32_t>(128, 2);
/// Tasks in a worker's local ring; a power of two.
inline constexpr std::uint32_t local_queue_capacity = pick<std::uint32_t>(256, 4);
/// Polls of tasks woken through the LIFO slot in a row.
inline constexpr std::uint32_t lifo_polls_in_row = pick<std::uint32_t>(3, 1);
/// New tasks that are polled inside of the poll of the task that joins them, one in the other; and
/// the stack that they may use before no further one is begun.
inline constexpr unsigned nested_polls = pick<unsigned>(32, 1);
inline constexpr std::size_t nested_stack_bytes = std::size_t{32} * 1024;
/// How long after its last look at the reactor and the inject queue a worker may go on with them
/// though the next look is due; asked once in so many of them.
inline constexpr duration nested_gap =
    pick(duration(std::chrono::microseconds(50)), duration::zero());
inline constexpr unsigned nested_polls_unasked = 16;
/// Task polls between two visits to the reactor and the inject queue.
inline constexpr std::uint32_t event_interval = pick<std::uint32_t>(61, 2);
/// Most tasks taken from the inject queue in one visit.
inline constexpr std::uint32_t inject_batch = pick<std::uint32_t>(128, 2);
/// Wakers a task can tell apart besides its main line: branches of select and join.
inline constexpr unsigned branch_slots = pick<unsigned>(63, 3);
/// Each level of a timer wheel has two to the power of this many slots, at most 64.
inline constexpr unsigned wheel_slot_bits = pick<unsigned>(6, 2);
/// Timers that a wheel handles while it holds its lock, and in one call.
inline constexpr unsigned wheel_batch = pick<unsigned>(64, 1);
inline constexpr unsigned wheel_batches_per_turn = pick<unsigned>(16, 2);
/// Events taken from the kernel in one call. Fewer than a ring has room for: the tasks that they
/// wake will wake others.
inline constexpr unsigned events_per_poll = pick<unsigned>(192, 2);
/// Entries of a worker's io_uring submission queue.
inline constexpr unsigned ring_entries = pick<unsigned>(256, 4);
/// Free frames that a thread keeps per size class before it hands half of them over.
inline constexpr unsigned frames_per_cache = pick<unsigned>(64, 4);
/// Slabs of frames, all free, that are kept for the next burst: 16 MiB.
inline constexpr unsigned unused_slabs_kept = pick<unsigned>(512, 2);
/// Small messages that the first memory of a channel has room for; a power of two.
inline constexpr std::size_t small_messages = pick<std::size_t>(16, 2);
/// Live tasks are listed in this many independently locked shards.
inline constexpr unsigned registry_shards = pick<unsigned>(16, 1);
/// Looks at a lock that is held before the thread sleeps.
inline constexpr int mutex_spins = pick(64, 1);
inline constexpr int spin_lock_spins = pick(256, 1);
/// How long a worker spins before it parks, and what counts as a short and as a long wait for that.
inline constexpr duration adaptive_spin = std::chrono::microseconds(60);
inline constexpr duration short_wait = std::chrono::microseconds(150);
inline constexpr duration long_wait = std::chrono::milliseconds(2);
/// A worker that is busy asks the reactor at most this often, however short the polls of its tasks
/// are.
inline constexpr duration driver_gap =
    pick(duration(std::chrono::microseconds(4)), duration::zero());
/// Where others are always ready, batch tasks have one part in so many of a worker's time.
inline constexpr int batch_share = 9;
/// How often a worker that is busy looks at the reactor and the inject queue, however long the
/// polls of its tasks are (though never in the middle of one).
inline constexpr duration visit_gap = std::chrono::microseconds(200);
/// How long a full batch of timers holds up the next at most, for the tasks that it has woken.
inline constexpr duration timer_gap = std::chrono::milliseconds(1);
/// How long passes between two polls that a worker measures.
inline constexpr duration sample_gap = std::chrono::microseconds(100);
/// How long a worker may be in one poll before others do its work, and before a line says so.
inline constexpr duration blocked_after = std::chrono::milliseconds(10);
inline constexpr duration report_blocked_after = std::chrono::milliseconds(100);
/// Jobs that may wait for a thread of the blocking pool before try_spawn_blocking() refuses.
inline constexpr std::size_t blocking_queue_capacity = pick<std::size_t>(1024, 2);
/// How long a thread of the blocking pool waits for the next job before it ends.
inline constexpr duration blocking_keep_alive = std::chrono::seconds(10);
/// Longest name of a worker thread, the terminating zero included (a limit of Linux).
inline constexpr std::size_t thread_name_bytes = 16;

}  // namespace edo::detail::tuning
