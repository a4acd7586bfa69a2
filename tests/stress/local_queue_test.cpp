// The ring of a worker and the inject queue, owner against thieves: every task is taken exactly
// once.

#include <edo/runtime/scheduler/local_queue.h>

#include <atomic>
#include <barrier>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <source_location>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/random.h>
#include <edo/runtime/scheduler/inject_queue.h>
#include <edo/task/state/header.h>
#include <edo/task/state/scheduler.h>

namespace {

using edo::detail::inject_queue;
using edo::detail::local_queue;
using edo::detail::task_header;
using edo::detail::task_list;

std::uint64_t seed() {
    const char* given = std::getenv("EDO_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 0) : 42;
}

task_header* pop(inject_queue& from) {
    task_list one;
    from.take(1, one);
    return one.pop_front();
}

class no_scheduler final : public edo::detail::root_scheduler {
public:
    void schedule(task_header&) noexcept override {}

    const char* name() const noexcept override { return "none"; }

    void destroy() noexcept override {}
};

/// A task that is only queued, and counts how often it was taken.
class token : public task_header {
public:
    explicit token(edo::detail::scheduler& s)
        : task_header(kind_of, s, std::source_location::current()) {
        init_state(false);
    }

    std::atomic<int> taken = 0;

private:
    static constexpr edo::detail::task_kind kind_of{nullptr, nullptr, nullptr, nullptr};
};

class tokens {
public:
    explicit tokens(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i)
            all_.push_back(std::make_unique<token>(scheduler_));
    }

    token& operator[](std::size_t i) { return *all_[i]; }

    std::size_t size() const { return all_.size(); }

    void reset() {
        for (auto& t : all_)
            t->taken.store(0, std::memory_order_relaxed);
    }

    std::size_t taken_once() const {
        std::size_t count = 0;
        for (const auto& t : all_)
            count += t->taken.load(std::memory_order_relaxed) == 1;
        return count;
    }

private:
    no_scheduler scheduler_;
    std::vector<std::unique_ptr<token>> all_;
};

void take(task_header& task) {
    static_cast<token&>(task).taken.fetch_add(1, std::memory_order_relaxed);
}

void spin(std::uint32_t turns) {
    for (std::uint32_t i = 0; i < turns; ++i)
        edo::detail::spin_hint();
}

TEST(local_queue, pops_in_the_order_of_pushing) {
    tokens all(3);
    local_queue queue;
    inject_queue inject;
    for (std::size_t i = 0; i < 3; ++i)
        queue.push(all[i], inject, false);

    for (std::size_t i = 0; i < 3; ++i)
        EXPECT_EQ(queue.pop(false), &all[i]);
    EXPECT_EQ(queue.pop(false), nullptr);
    EXPECT_TRUE(inject.is_empty());
}

TEST(local_queue, full_ring_sends_its_older_half_and_the_new_task_away) {
    tokens all(local_queue::capacity + 1);
    local_queue queue;
    inject_queue inject;
    for (std::size_t i = 0; i < all.size(); ++i)
        queue.push(all[i], inject, false);

    EXPECT_EQ(queue.size(), local_queue::capacity / 2);
    EXPECT_EQ(inject.size(), local_queue::capacity / 2 + 1);
    EXPECT_EQ(pop(inject), &all[0]);
    EXPECT_EQ(queue.pop(false), &all[local_queue::capacity / 2]);
}

TEST(local_queue, full_ring_drops_entries_that_are_void) {
    tokens all(local_queue::capacity + 1);
    local_queue queue;
    inject_queue inject;
    for (std::size_t i = 0; i < local_queue::capacity / 2 - 1; ++i)
        ASSERT_TRUE(all[i].state.start_first_poll());
    for (std::size_t i = 0; i < all.size(); ++i)
        queue.push(all[i], inject, false);

    EXPECT_EQ(queue.size(), local_queue::capacity / 2);
    EXPECT_EQ(inject.size(), 2U);
    EXPECT_EQ(pop(inject), &all[local_queue::capacity / 2 - 1]);
    EXPECT_EQ(pop(inject), &all[local_queue::capacity]);
}

TEST(local_queue, thief_takes_the_older_half_rounded_up) {
    tokens all(5);
    local_queue victim, thief;
    inject_queue inject;
    for (std::size_t i = 0; i < 5; ++i)
        victim.push(all[i], inject, false);

    EXPECT_EQ(victim.steal_into(thief), &all[2]);

    EXPECT_EQ(thief.size(), 2U);
    EXPECT_EQ(victim.size(), 2U);
    EXPECT_EQ(thief.pop(false), &all[0]);
    EXPECT_EQ(victim.pop(false), &all[3]);
}

TEST(local_queue, nothing_is_stolen_from_an_empty_ring_nor_into_a_half_full_one) {
    tokens all(local_queue::capacity);
    local_queue empty, victim, full;
    inject_queue inject;
    victim.push(all[0], inject, false);
    for (std::size_t i = 1; i < local_queue::capacity; ++i)
        full.push(all[i], inject, false);

    EXPECT_EQ(empty.steal_into(victim), nullptr);
    EXPECT_EQ(victim.steal_into(full), nullptr);
}

TEST(local_queue, owner_and_thieves_take_each_task_exactly_once) {
    constexpr int rounds = 400, thieves = 2;
    constexpr std::size_t per_round = 700;  // more than the ring holds: some rounds overflow
    tokens all(per_round);
    local_queue queue;
    inject_queue inject;
    local_queue stolen[thieves];
    std::barrier<> together(thieves + 1);
    std::atomic<bool> pushed = false;
    std::atomic<std::size_t> popped = 0, stolen_count = 0, overflowed = 0;

    std::vector<std::thread> threads;
    for (int t = 0; t < thieves; ++t) {
        threads.emplace_back([&, t] {
            for (int round = 0; round < rounds; ++round) {
                together.arrive_and_wait();
                std::size_t mine = 0;
                while (!pushed.load() || !queue.is_empty()) {
                    task_header* task = queue.steal_into(stolen[t]);
                    for (; task != nullptr; task = stolen[t].pop(false)) {
                        take(*task);
                        ++mine;
                    }
                }
                stolen_count += mine;
                together.arrive_and_wait();
            }
        });
    }
    edo::detail::random delays(seed());
    for (int round = 0; round < rounds; ++round) {
        all.reset();
        pushed = false;
        // Now and then more than the ring holds is there before the thieves are: it overflows
        // however quick they are.
        const std::size_t ahead = round % 10 == 0 ? 300 : 0;
        for (std::size_t i = 0; i < ahead; ++i)
            queue.push(all[i], inject, false);
        together.arrive_and_wait();
        for (std::size_t i = ahead; i < per_round; ++i) {
            queue.push(all[i], inject, false);
            if (delays.below(4) == 0) {
                if (task_header* task = queue.pop(false); task != nullptr) {
                    take(*task);
                    ++popped;
                }
            }
            if (delays.below(16) == 0) spin(delays.below(50));
        }
        pushed = true;
        while (task_header* task = queue.pop(false)) {
            take(*task);
            ++popped;
        }
        together.arrive_and_wait();
        overflowed += inject.size();
        while (task_header* task = pop(inject))
            take(*task);
        ASSERT_EQ(all.taken_once(), per_round) << "round " << round << ", EDO_SEED=" << seed();
    }
    for (auto& t : threads)
        t.join();

    EXPECT_GT(popped, 0U);
    EXPECT_GT(stolen_count, 0U) << "no race took place";
    EXPECT_GT(overflowed, 0U);
}

TEST(inject_queue, producers_and_consumers_move_each_task_exactly_once) {
    constexpr int rounds = 60;
    constexpr std::size_t count = 512;
    tokens all(count);
    inject_queue queue;
    std::barrier<> together(4);
    std::atomic<std::size_t> left = 0, batches = 0;
    std::vector<std::thread> threads;
    for (std::size_t producer = 0; producer < 2; ++producer) {
        threads.emplace_back([&, producer] {
            for (int round = 0; round < rounds; ++round) {
                together.arrive_and_wait();
                for (std::size_t i = producer; i < count; i += 2)
                    queue.push(all[i]);
                together.arrive_and_wait();
            }
        });
    }
    threads.emplace_back([&] {
        for (int round = 0; round < rounds; ++round) {
            together.arrive_and_wait();
            while (left.load() != 0) {
                task_list taken;
                queue.take(16, taken);
                if (!taken.is_empty()) ++batches;
                while (task_header* task = taken.pop_front()) {
                    take(*task);
                    --left;
                }
            }
            together.arrive_and_wait();
        }
    });
    for (int round = 0; round < rounds; ++round) {
        all.reset();
        left = count;
        together.arrive_and_wait();
        while (left.load() != 0) {
            if (task_header* task = pop(queue); task != nullptr) {
                take(*task);
                --left;
            }
        }
        together.arrive_and_wait();
        ASSERT_EQ(all.taken_once(), count) << "round " << round;
    }
    for (auto& t : threads)
        t.join();

    EXPECT_GT(batches, 0U);
}

}  // namespace
