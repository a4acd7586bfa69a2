// The code of docs/own_operations.md.

#include "../support/manual_executor.h"
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/clock.h>
#include <edo/base/result.h>
#include <edo/task/operation.h>
#include <edo/task/or_return.h>
#include <edo/task/select.h>
#include <edo/task/task.h>
#include <edo/task/yield.h>

namespace {

using namespace std::chrono_literals;
using edo::testing::manual_executor;

// ---- a flag

// [snippet: flag]
// Something that happens once. Any number of tasks may wait for it, on any threads.
class flag {
public:
    class wait_operation;

    wait_operation wait() noexcept;
    void raise() noexcept;

private:
    std::mutex lock_;
    bool is_raised_ = false;
    wait_operation* first_ = nullptr;  // those who wait; each lives in the frame of its coroutine
};

class flag::wait_operation {
public:
    static constexpr const char* wait_name = "flag";

    explicit wait_operation(flag& waited_for) noexcept : flag_(waited_for) {}

    // Operations are moved only before their first poll, so there is no interest to move.
    wait_operation(wait_operation&& other) noexcept : flag_(other.flag_) {}

    ~wait_operation() {
        if (!is_listed_) return;
        std::lock_guard guard(flag_.lock_);
        wait_operation** link = &flag_.first_;
        while (*link != this)
            link = &(*link)->next_;
        *link = next_;
    }

    bool poll(edo::context& cx) noexcept {
        std::lock_guard guard(flag_.lock_);
        if (flag_.is_raised_) return true;
        if (!std::exchange(is_listed_, true)) next_ = std::exchange(flag_.first_, this);
        if (!waker_.wakes(cx)) waker_ = cx.waker();
        return false;
    }

    void take() noexcept {}

private:
    friend class flag;

    flag& flag_;
    bool is_listed_ = false;          // only the task itself looks at this
    wait_operation* next_ = nullptr;  // with the lock
    edo::waker waker_;                // with the lock
};

flag::wait_operation flag::wait() noexcept {
    return wait_operation(*this);
}

void flag::raise() noexcept {
    std::lock_guard guard(lock_);
    is_raised_ = true;
    for (wait_operation* waits = first_; waits != nullptr; waits = waits->next_)
        waits->waker_.wake();
}

// [end]

static_assert(edo::operation<flag::wait_operation>);

// [snippet: use_flag]
edo::task<> wait_for_all(flag& first, flag& second) {
    co_await first.wait();
    co_await second.wait();
}

edo::task<bool> wait_for_start(flag& start, flag& stop) {
    auto first = co_await edo::select(start.wait(), stop.wait());
    co_return first.index() == 0;
}

// [end]

edo::task<> note_start(flag& start, flag& stop, std::optional<bool>& out) {
    out = co_await wait_for_start(start, stop);
}

TEST(own_operation, is_awaited_by_itself) {
    manual_executor ex;
    flag first, second;

    auto handle = ex.spawn(wait_for_all, std::ref(first), std::ref(second));
    second.raise();
    ex.run_until_idle();
    EXPECT_FALSE(handle.is_finished());
    first.raise();
    ex.run_until_idle();

    EXPECT_TRUE(handle.is_finished());
}

TEST(own_operation, wakes_every_task_that_waits) {
    manual_executor ex;
    flag start, stop;
    std::optional<bool> first, second;

    auto a = ex.spawn(note_start, std::ref(start), std::ref(stop), std::ref(first));
    auto b = ex.spawn(note_start, std::ref(start), std::ref(stop), std::ref(second));
    ex.run_until_idle();
    EXPECT_FALSE(first || second);
    std::thread([&] { start.raise(); }).join();
    ex.run_until_idle();

    EXPECT_EQ(first, true);
    EXPECT_EQ(second, true);
}

TEST(own_operation, may_be_dropped_while_it_waits) {
    manual_executor ex;
    flag start, stop;
    std::optional<bool> first, second;

    auto a = ex.spawn(note_start, std::ref(start), std::ref(stop), std::ref(first));
    auto b = ex.spawn(note_start, std::ref(start), std::ref(stop), std::ref(second));
    ex.run_until_idle();
    a.request_cancel();
    ex.run_until_idle();
    stop.raise();
    ex.run_until_idle();

    EXPECT_TRUE(a.is_finished());
    EXPECT_EQ(first, std::nullopt);
    EXPECT_EQ(second, false);
}

// ---- a library with callbacks

// The made-up library: it answers when the test says so, on a thread of its own.
std::vector<std::function<void(int)>> open_lookups;

void lookup(const std::string& name, std::function<void(int)> done) {
    if (name.empty()) throw std::bad_alloc();
    open_lookups.push_back(std::move(done));
}

void answer_lookups(int with) {
    std::thread([with] {
        for (auto& done : std::exchange(open_lookups, {}))
            done(with);
    }).join();
}

// [snippet: answer]
// Where an answer is left by whoever has it, and found by the task that waits. Both share it, so
// the answer may come when the task is long gone.
template <class T>
class answer {
public:
    void give(T value) {
        std::lock_guard guard(lock_);
        value_.emplace(std::move(value));
        waiting_.wake();
    }

    bool poll(edo::context& cx) noexcept {
        std::lock_guard guard(lock_);
        if (value_) return true;
        if (!waiting_.wakes(cx)) waiting_ = cx.waker();
        return false;
    }

    T take() { return std::move(*value_); }

private:
    std::mutex lock_;
    std::optional<T> value_;
    edo::waker waiting_;
};

// [end]

// [snippet: callback]
// Asks a library that answers with a callback, on some thread, and that cannot be called off:
//     void lookup(const std::string& name, std::function<void(int)> done);
class lookup_operation {
public:
    static constexpr const char* wait_name = "lookup";

    explicit lookup_operation(std::string name)
        : name_(std::move(name)), answer_(std::make_shared<answer<int>>()) {}

    bool poll(edo::context& cx) noexcept {
        if (!std::exchange(is_asked_, true)) {
            try {
                lookup(name_, [to = answer_](int found) { to->give(found); });
            } catch (...) {
                failure_ = std::current_exception();
            }
        }
        return failure_ != nullptr || answer_->poll(cx);
    }

    int take() {
        if (failure_) std::rethrow_exception(failure_);
        return answer_->take();
    }

private:
    std::string name_;
    std::shared_ptr<answer<int>> answer_;
    bool is_asked_ = false;
    std::exception_ptr failure_;
};

// [end]

edo::task<> note_lookup(std::string name, int& out) {
    try {
        out = co_await lookup_operation(name);
    } catch (const std::bad_alloc&) {
        out = -1;
    }
}

TEST(own_operation, brings_an_answer_from_a_callback) {
    manual_executor ex;
    int out = 0;

    auto handle = ex.spawn(note_lookup, std::string("edo"), std::ref(out));
    ex.run_until_idle();
    EXPECT_EQ(out, 0);
    answer_lookups(7);
    ex.run_until_idle();

    EXPECT_EQ(out, 7);
}

TEST(own_operation, throws_from_take_what_went_wrong_in_poll) {
    manual_executor ex;
    int out = 0;

    auto handle = ex.spawn(note_lookup, std::string(), std::ref(out));
    ex.run_until_idle();

    EXPECT_EQ(out, -1);
}

TEST(own_operation, leaves_nothing_for_a_late_callback_to_break) {
    manual_executor ex;
    int out = 0;

    auto handle = ex.spawn(note_lookup, std::string("edo"), std::ref(out));
    ex.run_until_idle();
    handle.request_cancel();
    ex.run_until_idle();
    EXPECT_TRUE(handle.is_finished());
    answer_lookups(7);

    EXPECT_EQ(out, 0);
}

// ---- an operation around another

// [snippet: around]
// How long an operation took, by the clock of the runtime.
template <edo::operation Op>
class measured {
public:
    explicit measured(Op inner) : inner_(std::move(inner)) {}

    bool poll(edo::context& cx) noexcept {
        if (!began_) began_ = cx.now();
        if (!inner_.poll(cx)) return false;
        took_ = cx.now() - *began_;
        return true;
    }

    edo::duration take() {
        inner_.take();
        return took_;
    }

private:
    Op inner_;
    std::optional<edo::instant> began_;
    edo::duration took_{};
};

edo::task<edo::duration> time_to_start(flag& start) {
    const edo::duration waited = co_await measured(start.wait());
    co_return waited;
}

// [end]

edo::task<> note_time(flag& start, edo::duration& out) {
    out = co_await time_to_start(start);
}

TEST(own_operation, may_be_put_around_another) {
    manual_executor ex;
    flag start;
    edo::duration out{};

    auto handle = ex.spawn(note_time, std::ref(start), std::ref(out));
    ex.run_until_idle();
    ex.set_now(ex.execution().now + 3s);
    start.raise();
    ex.run_until_idle();

    EXPECT_EQ(out, 3s);
}

// ---- an operation that can fail

class reading {
public:
    explicit reading(int level) : level_(level) {}

    int level() const { return level_; }

private:
    int level_;
};

// [snippet: failing]
// An operation that yields a result works with or_return as any of Edo's.
class sensor_operation {
public:
    static constexpr const char* wait_name = "sensor";

    sensor_operation(flag& ready, int level) noexcept : ready_(ready.wait()), level_(level) {}

    bool poll(edo::context& cx) noexcept { return ready_.poll(cx); }

    edo::result<reading> take() noexcept {
        if (level_ < 0) return std::make_error_code(std::errc::result_out_of_range);
        return reading(level_);
    }

private:
    flag::wait_operation ready_;
    int level_;
};

edo::task<edo::result<int>> double_level(flag& ready, int level) {
    const reading taken = co_await edo::or_return(sensor_operation(ready, level));
    co_return 2 * taken.level();
}

// [end]

edo::task<> note_level(flag& ready, int level, edo::result<int>& out) {
    out = co_await double_level(ready, level);
}

TEST(own_operation, that_yields_a_result_works_with_or_return) {
    for (const int level : {4, -1}) {
        manual_executor ex;
        flag ready;
        edo::result<int> out = 0;

        auto handle = ex.spawn(note_level, std::ref(ready), level, std::ref(out));
        ex.run_until_idle();
        ready.raise();
        ex.run_until_idle();

        EXPECT_EQ(out.has_value(), level > 0);
        EXPECT_EQ(out.value_or(8), 8);
    }
}

// ---- unbounded work in one poll

// [snippet: charge]
// Finds the next number that is no multiple of the divisor; may have to look at many in one poll.
class next_without_operation {
public:
    next_without_operation(int& position, int divisor) noexcept
        : position_(position), divisor_(divisor) {}

    bool poll(edo::context& cx) noexcept {
        while (++position_ % divisor_ == 0)
            if (!cx.charge()) return false;  // others first; poll() is called again after them
        return true;
    }

    int take() noexcept { return position_; }

private:
    int& position_;
    int divisor_;
};

// [end]

edo::task<> note_next(int& position, int& found) {
    found = co_await next_without_operation(position, 1'000'000);
    // With a divisor of one the search has no end: only the budget ends the poll.
    co_await next_without_operation(position, 1);
}

TEST(own_operation, that_works_without_end_lets_others_run_when_it_charges) {
    manual_executor ex;
    int position = 0, found = 0;

    auto handle = ex.spawn(note_next, std::ref(position), std::ref(found));
    ex.run_one();

    EXPECT_EQ(found, 1);
    EXPECT_FALSE(handle.is_finished());
    EXPECT_EQ(ex.queued(), 1u);
    handle.request_cancel();
    ex.run_until_idle();
}

// ---- foreign awaitables

// [snippet: foreign]
// The event of another coroutine library: whoever sets it resumes the coroutine that waits, there
// and then.
class foreign_event {
public:
    class awaiter {
    public:
        explicit awaiter(foreign_event& awaited) noexcept : event_(awaited) {}

        awaiter(const awaiter&) = delete;

        // The one thing that Edo needs: afterwards the handle is not resumed any more.
        ~awaiter() {
            if (event_.waiting_ == waiting_) event_.waiting_ = nullptr;
        }

        bool await_ready() const noexcept { return event_.value_.has_value(); }

        void await_suspend(std::coroutine_handle<> waiting) noexcept {
            waiting_ = event_.waiting_ = waiting;
        }

        int await_resume() const noexcept { return *event_.value_; }

    private:
        foreign_event& event_;
        std::coroutine_handle<> waiting_;
    };

    awaiter operator co_await() noexcept { return awaiter(*this); }

    void set(int value) {
        value_ = value;
        if (waiting_) std::exchange(waiting_, nullptr).resume();
    }

private:
    std::optional<int> value_;
    std::coroutine_handle<> waiting_;
};

edo::task<int> await_foreign(foreign_event& event) {
    const int value = co_await event;
    co_return value + 1;
}

edo::task<bool> await_foreign_or(foreign_event& event, flag& stop) {
    // A foreign awaitable is no branch and no operand of or_return; a task around it is.
    auto first = co_await edo::select(await_foreign(event), stop.wait());
    co_return first.index() == 0;
}

// [end]

edo::task<> note_foreign(foreign_event& event, std::optional<int>& out) {
    out = co_await await_foreign(event);
}

edo::task<> note_foreign_or(foreign_event& event, flag& stop, std::optional<bool>& out) {
    out = co_await await_foreign_or(event, stop);
}

TEST(foreign_awaitable, wakes_the_task_instead_of_running_it_on_the_foreign_thread) {
    manual_executor ex;
    foreign_event event;
    std::optional<int> out;

    auto handle = ex.spawn(note_foreign, std::ref(event), std::ref(out));
    ex.run_until_idle();
    std::thread([&] { event.set(4); }).join();
    EXPECT_EQ(out, std::nullopt);
    ex.run_until_idle();

    EXPECT_EQ(out, 5);
}

TEST(foreign_awaitable, within_a_task_may_lose_a_select) {
    manual_executor ex;
    foreign_event event;
    flag stop;
    std::optional<bool> out;

    auto handle = ex.spawn(note_foreign_or, std::ref(event), std::ref(stop), std::ref(out));
    ex.run_until_idle();
    stop.raise();
    ex.run_until_idle();
    event.set(4);

    EXPECT_EQ(out, false);
}

// A foreign awaitable that cannot be called off: its thread resumes the handle whatever happens.
std::vector<std::coroutine_handle<>> on_foreign_thread;

class foreign_job {
public:
    explicit foreign_job(int value) noexcept : value_(value) {}

    bool await_ready() const noexcept { return false; }

    void await_suspend(std::coroutine_handle<> waiting) { on_foreign_thread.push_back(waiting); }

    int await_resume() const noexcept { return value_; }

private:
    int value_;
};

void run_foreign_thread() {
    std::thread([] {
        for (auto waiting : std::exchange(on_foreign_thread, {}))
            waiting.resume();
    }).join();
}

// [snippet: shield]
// Runs by itself and frees itself: stands between a foreign awaitable and a task that may be
// dropped.
class detached_coroutine {
public:
    class promise_type {
    public:
        detached_coroutine get_return_object() noexcept { return {}; }

        std::suspend_never initial_suspend() noexcept { return {}; }

        std::suspend_never final_suspend() noexcept { return {}; }

        void return_void() noexcept {}

        void unhandled_exception() noexcept { std::terminate(); }
    };
};

// foreign_job resumes its coroutine in any case. This coroutine bears it: nobody drops it.
detached_coroutine run_job(int input, std::shared_ptr<answer<int>> to) {
    const int output = co_await foreign_job(input);
    to->give(output);
}

class job_operation {
public:
    static constexpr const char* wait_name = "foreign job";

    explicit job_operation(int input) : input_(input), answer_(std::make_shared<answer<int>>()) {}

    bool poll(edo::context& cx) noexcept {
        if (!std::exchange(is_started_, true)) run_job(input_, answer_);
        return answer_->poll(cx);
    }

    int take() { return answer_->take(); }

private:
    int input_;
    std::shared_ptr<answer<int>> answer_;
    bool is_started_ = false;
};

// [end]

edo::task<> note_job(int input, int& out) {
    out = co_await job_operation(input);
}

TEST(foreign_awaitable, that_cannot_be_called_off_is_awaited_behind_a_shield) {
    manual_executor ex;
    int out = 0, dropped = 0;

    auto kept = ex.spawn(note_job, 3, std::ref(out));
    auto lost = ex.spawn(note_job, 4, std::ref(dropped));
    ex.run_until_idle();
    lost.request_cancel();
    ex.run_until_idle();
    run_foreign_thread();
    ex.run_until_idle();

    EXPECT_EQ(out, 3);
    EXPECT_EQ(dropped, 0);
}

}  // namespace
