#pragma once

#include <concepts>
#include <exception>
#include <new>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include <edo/task/frame/frame_pool.h>
#include <edo/task/state/header.h>
#include <edo/task/state/promise.h>
#include <edo/task/state/scheduler.h>
#include <edo/task/task.h>
#include <edo/task/unobserved.h>

namespace edo::detail {

/// Keeps the callable of a coroutine alive while the coroutine runs: a lambda's captures live in
/// it. Callables without state need no place.
struct no_callable {};

/// In place of a name.
struct no_name {};

/// A spawned task that yields a T: header, owner of the topmost coroutine, output.
template <class T>
class task_cell : public task_header {
public:
    task_cell(const task_kind& kind, scheduler& owner, std::source_location site) noexcept
        : task_header(kind, owner, site) {}

    /// Takes over a coroutine that has not started.
    void adopt(promise<T>& top) noexcept {
        top_.child = &top;
        top.owner = &top_;
        top.line = &main_line();
        main_line().start(top);
    }

    /// What the task yielded. Belongs to whoever state.h says.
    output_slot<T>& output() noexcept { return output_; }

    const output_slot<T>& output() const noexcept { return output_; }

protected:
    /// Moves the result out of the coroutine and destroys the frame, unless a drop has done so
    /// already.
    void take_output(bool dropped) noexcept {
        if constexpr (is_result_v<T>) {
            if (!dropped && top_.child == nullptr) output_.set_value(top_.early);
        }
        if (top_.child == nullptr) return;
        if (!dropped) {
            try {
                output_.move_from(static_cast<promise<T>*>(top_.child)->output);
            } catch (...) {
                output_.set_exception(std::current_exception());
            }
        }
        if (output_.has_exception()) this->note_thrown();
        std::exchange(top_.child, nullptr)->handle().destroy();
    }

    static task_end inspect_output(const task_header& self, failure& why) noexcept {
        const output_slot<T>& out = static_cast<const task_cell&>(self).output_;
        if (out.has_exception()) {
            why.exception = out.exception();
            return task_end::exception;
        }
        if (!out.has_value()) return task_end::cancelled;
        if constexpr (is_result_v<T>) {
            why.error = out.value().error();
            if (why.error) return task_end::error;
        }
        return task_end::value;
    }

    static void discard_output(task_header& self) noexcept {
        task_cell& me = static_cast<task_cell&>(self);
        failure why;
        const task_end how = inspect_output(self, why);
        const bool failed =
            how == task_end::exception || (how == task_end::error && why.error != errc::cancelled);
        if (failed && !me.failure_kept_from_hook)
            report_unobserved(
                {me.id, me.spawn_site(), why.error, std::move(why.exception), me.name()});
        me.output_.clear();
    }

private:
    using owner_type = std::conditional_t<is_result_v<T>, result_owner, frame_owner>;
    [[no_unique_address]] owner_type top_;
    [[no_unique_address]] output_slot<T> output_;
};

/// A cell with the callable whose coroutine it runs. `Name`: std::string or no_name.
template <class T, class Callable, class Name = no_name>
class callable_cell final : public task_cell<T> {
    static_assert(alignof(Callable) <= 64, "a spawned callable cannot be over-aligned");

public:
    template <class F>
    callable_cell(scheduler& owner, std::source_location site, F&& callable, Name name = {})
        : task_cell<T>(kind_of, owner, site),
          callable_(std::forward<F>(callable)),
          name_(std::move(name)) {}

    static void* operator new(std::size_t size) { return allocate_frame(size); }

    static void operator delete(void* cell, std::size_t size) noexcept { free_frame(cell, size); }

    Callable& callable() noexcept { return callable_; }

    ~callable_cell() {
        if (!finished_) destroy_callable();
    }

private:
    static void finish(task_header& self, bool dropped) noexcept {
        auto& me = static_cast<callable_cell&>(self);
        me.take_output(dropped);
        me.destroy_callable();
        me.finished_ = true;
    }

    void destroy_callable() noexcept { callable_.~Callable(); }

    static void deallocate(task_header& self) noexcept {
        delete static_cast<callable_cell*>(&self);
    }

    static const std::string& name_of(const task_header& self) noexcept
        requires std::is_same_v<Name, std::string>
    {
        return static_cast<const callable_cell&>(self).name_;
    }

    static constexpr task_kind kind() noexcept {
        task_kind made{&finish, &task_cell<T>::discard_output, &task_cell<T>::inspect_output,
                       &deallocate};
        if constexpr (std::is_same_v<Name, std::string>) made.name = &name_of;
        return made;
    }

    static constexpr task_kind kind_of = kind();

    union {
        Callable callable_;  // destroyed with the coroutine, long before the cell may be freed
    };

    bool finished_ = false;
    [[no_unique_address]] Name name_;  // as long as the cell: dumps read it at any time
};

// A million sleeping tasks are a million cells.
static_assert(sizeof(atomic<void*>) != 8 || sizeof(callable_cell<void, no_callable>) <= 192);

}  // namespace edo::detail
