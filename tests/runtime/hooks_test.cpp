// What is called in the life of tasks and workers.

#include <edo/task/hooks.h>

#include "runtime/flavors.h"
#include "support/event.h"
#include <atomic>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/error.h>
#include <edo/base/result.h>
#include <edo/runtime/runtime.h>
#include <edo/task/spawn.h>
#include <edo/task/spawn_options.h>
#include <edo/task/task_group.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>

namespace {

using namespace std::chrono_literals;
using edo::testing::event;
using edo::testing::flavor;

/// What the hooks of a runtime were told, task by task.
class diary {
public:
    struct life {
        std::string name;
        unsigned line = 0;
        int spawned = 0;
        int before = 0;
        int after = 0;
        std::vector<edo::task_end> ended;
    };

    edo::task_hooks hooks() {
        edo::task_hooks made;
        made.data = this;
        made.spawned = [](void* self, const edo::task_info& task) noexcept {
            static_cast<diary*>(self)->note(task, [&](life& of) {
                ++of.spawned;
                of.name = task.name;
                of.line = task.spawned_at.line();
            });
        };
        made.before_poll = [](void* self, const edo::task_info& task) noexcept {
            static_cast<diary*>(self)->note(task, [](life& of) { ++of.before; });
        };
        made.after_poll = [](void* self, const edo::task_info& task) noexcept {
            static_cast<diary*>(self)->note(task, [](life& of) { ++of.after; });
        };
        made.ended = [](void* self, const edo::task_info& task, edo::task_end how) noexcept {
            static_cast<diary*>(self)->note(task, [&](life& of) { of.ended.push_back(how); });
        };
        return made;
    }

    life of(std::string_view name) const {
        std::lock_guard guard(lock_);
        for (const auto& [id, each] : lives_)
            if (each.name == name) return each;
        ADD_FAILURE() << "no task " << name;
        return {};
    }

    std::map<std::uint64_t, life> all() const {
        std::lock_guard guard(lock_);
        return lives_;
    }

private:
    template <class F>
    void note(const edo::task_info& task, F change) {
        std::lock_guard guard(lock_);
        change(lives_[task.id]);
    }

    mutable std::mutex lock_;
    std::map<std::uint64_t, life> lives_;
};

class task_hooks_of_any_runtime : public edo::testing::runtime_of_any_kind {
protected:
    static owner make_with(edo::runtime_builder builder) {
        if (!has_workers()) {
            return {new edo::current_thread_runtime(builder.build_current_thread().value()),
                    [](edo::basic_runtime* ended) {
                        delete static_cast<edo::current_thread_runtime*>(ended);
                    }};
        }
        builder.worker_threads(GetParam() == flavor::one_worker ? 1 : 4);
        return {new edo::runtime(builder.build().value()),
                [](edo::basic_runtime* ended) { delete static_cast<edo::runtime*>(ended); }};
    }
};

INSTANTIATE_TEST_SUITE_P(in,
                         task_hooks_of_any_runtime,
                         ::testing::Values(flavor::current_thread,
                                           flavor::one_worker,
                                           flavor::four_workers),
                         &edo::testing::name_of_flavor);

edo::task<> yield_twice() {
    co_await edo::yield_now();
    co_await edo::yield_now();
}

edo::task<> throw_one() {
    throw std::runtime_error("as it should");
    co_return;
}

edo::task<edo::result<void>> fail() {
    co_return edo::errc::closed;
}

edo::task<> wait_for(std::reference_wrapper<event> e) {
    co_await e.get().wait();
}

TEST_P(task_hooks_of_any_runtime, see_each_task_from_its_spawn_to_its_end) {
    diary seen;
    {
        const auto made = make_with(edo::runtime::builder().task_hooks(seen.hooks()));
        auto& rt = *made;
        rt.block_on([]() -> edo::task<> {
            auto plain = edo::spawn(edo::named("plain", yield_twice));
            auto throws = edo::spawn(edo::named("throws", throw_one));
            auto fails = edo::spawn(edo::named("fails", fail));
            co_await std::move(plain).join();
            auto thrown = co_await std::move(throws).try_join();
            EXPECT_TRUE(thrown.exception() != nullptr);
            const auto failed = co_await std::move(fails).join();
            EXPECT_EQ(failed.error(), edo::errc::closed);
            event never;
            auto waits = edo::spawn(edo::named("waits", wait_for), std::ref(never));
            while (!never.has_waiter())
                co_await edo::yield_now();
            co_await waits.cancel();
            edo::task_group group;
            auto child = group.spawn(edo::named("child", yield_twice));
            const auto joined = co_await group.join();
            EXPECT_TRUE(joined.has_value());
        });
    }
    using edo::task_end;
    const auto plain = seen.of("plain");
    EXPECT_EQ(plain.spawned, 1);
    EXPECT_EQ(plain.before, 3);
    EXPECT_EQ(plain.after, 3);
    EXPECT_EQ(plain.ended, std::vector{task_end::value});
    EXPECT_EQ(seen.of("throws").ended, std::vector{task_end::exception});
    EXPECT_EQ(seen.of("fails").ended, std::vector{task_end::error});
    const auto waits = seen.of("waits");
    EXPECT_EQ(waits.before, 1) << "the drop is no poll";
    EXPECT_EQ(waits.ended, std::vector{task_end::cancelled});
    EXPECT_EQ(seen.of("child").before, 3);
    EXPECT_EQ(seen.of("child").ended, std::vector{task_end::value});
    for (const auto& [id, each] : seen.all()) {
        EXPECT_EQ(each.spawned, 1) << id;
        EXPECT_EQ(each.before, each.after) << id;
        EXPECT_EQ(each.ended.size(), 1U) << id;
        EXPECT_GT(each.line, 100U) << "spawned in this file";
    }
    EXPECT_EQ(seen.all().size(), 6U) << "with the root";
}

TEST_P(task_hooks_of_any_runtime, see_the_end_of_what_a_shutdown_drops) {
    diary seen;
    event never;
    {
        const auto made = make_with(edo::runtime::builder().task_hooks(seen.hooks()));
        auto& rt = *made;
        for (int i = 0; i < 20; ++i)
            rt.spawn(wait_for, std::ref(never)).detach();
        rt.shutdown();
        rt.spawn(yield_twice).detach();  // refused: no hook hears of it
    }
    EXPECT_EQ(seen.all().size(), 20U);
    for (const auto& [id, each] : seen.all())
        EXPECT_EQ(each.ended, std::vector{edo::task_end::cancelled}) << id;
}

TEST_P(task_hooks_of_any_runtime, may_each_be_left_out) {
    const auto made = make_with(edo::runtime::builder().task_hooks(edo::task_hooks()));
    made->block_on([]() -> edo::task<> {
        co_await edo::spawn(yield_twice).join();
        edo::task_group group;
        group.spawn(yield_twice);
        const auto joined = co_await group.join();
        EXPECT_TRUE(joined.has_value());
    });
}

/// Does something before the first time that worker 0 would park.
struct first_park {
    explicit first_park(void (*what)(first_park& self)) : act(what) {}

    edo::worker_hooks hooks() {
        edo::worker_hooks made;
        made.data = this;
        made.before_park = [](void* data, unsigned) noexcept {
            auto& self = *static_cast<first_park*>(data);
            if (self.is_armed.exchange(false)) self.act(self);
        };
        return made;
    }

    void (*act)(first_park& self);
    std::atomic<bool> is_armed = false;
    event raised;
};

TEST_P(task_hooks_of_any_runtime, before_park_may_wake_the_task_that_all_wait_for) {
    first_park hook([](first_park& self) { self.raised.raise(); });
    const auto made = make_with(edo::runtime::builder().worker_hooks(hook.hooks()));
    made->block_on([&]() -> edo::task<> {
        hook.is_armed.store(true);
        co_await hook.raised.wait();
    });
    EXPECT_FALSE(hook.is_armed.load());
}

TEST_P(task_hooks_of_any_runtime, before_park_may_spawn_a_task) {
    first_park hook([](first_park& self) {
        edo::spawn([&self]() -> edo::task<> {
            co_await edo::sleep(10us);  // a timer that is armed by what the hook spawned fires too
            self.raised.raise();
        }).detach();
    });
    const auto made = make_with(edo::runtime::builder().worker_hooks(hook.hooks()));
    made->block_on([&]() -> edo::task<> {
        hook.is_armed.store(true);
        co_await hook.raised.wait();
    });
}

TEST(worker_hooks, are_called_on_each_workers_thread) {
    struct seen_workers {
        std::mutex lock;
        std::map<unsigned, std::thread::id> started;
        std::map<unsigned, std::thread::id> ended;
        std::map<unsigned, int> parks;
    } seen;

    edo::worker_hooks hooks;
    hooks.data = &seen;
    hooks.started = [](void* data, unsigned worker) noexcept {
        auto& all = *static_cast<seen_workers*>(data);
        std::lock_guard guard(all.lock);
        all.started[worker] = std::this_thread::get_id();
    };
    hooks.ended = [](void* data, unsigned worker) noexcept {
        auto& all = *static_cast<seen_workers*>(data);
        std::lock_guard guard(all.lock);
        all.ended[worker] = std::this_thread::get_id();
    };
    hooks.before_park = [](void* data, unsigned worker) noexcept {
        auto& all = *static_cast<seen_workers*>(data);
        std::lock_guard guard(all.lock);
        ++all.parks[worker];
    };
    hooks.after_park = [](void* data, unsigned worker) noexcept {
        auto& all = *static_cast<seen_workers*>(data);
        std::lock_guard guard(all.lock);
        --all.parks[worker];
    };
    {
        auto rt = edo::runtime::builder().worker_threads(3).worker_hooks(hooks).build().value();
        rt.block_on([]() -> edo::task<> { co_await edo::sleep(1ms); });
    }
    EXPECT_EQ(seen.started.size(), 3U);
    EXPECT_EQ(seen.started, seen.ended);
    for (const auto& [worker, open] : seen.parks)
        EXPECT_EQ(open, 0) << "each park of worker " << worker << " has ended";
}

}  // namespace
