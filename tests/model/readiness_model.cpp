// What the kernel has said of a descriptor (io/readiness.h), with the way in which operations and
// the reactor use it (io/registration.cpp), locks and list of waiters included.

#include "model_test.h"
#include <memory>

#include <gtest/gtest.h>

#include <edo/base/seam/spin_lock.h>
#include <edo/io/reactor/readiness.h>

namespace {

using edo::detail::interest;
using edo::detail::readiness;
using edo::detail::readiness_view;
using edo::detail::spin_guard;
using edo::detail::spin_lock;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::mutant;
using edo_check::run_threads;
using edo_check::scenario;

/// A descriptor: the kernel's side of it, and the record.
struct world {
    readiness ready;
    spin_lock lock;        // of the list of waiters
    bool is_waiting[2]{};  // the list
    edo_check::parker task[2];

    edo_check::mutex kernel;
    int bytes = 0;
    bool is_closed = false;

    int payload = 0;  // written by the setter before it sets

    // The reactor: what has come is in the kernel before the event is.
    void arrives(int n) {
        {
            const edo_check::mutex_lock guard(kernel);
            bytes += n;
        }
        happened(readiness_view::readable);
    }

    void closes() {
        {
            const edo_check::mutex_lock guard(kernel);
            is_closed = true;
        }
        happened(readiness_view::readable | readiness_view::read_closed);
    }

    // registration::happened()
    void happened(std::uint32_t bits) {
        ready.set(bits);
        const spin_guard guard(lock);
        for (unsigned i = 0; i < 2; ++i)
            if (is_waiting[i]) task[i].unpark();
    }

    // The call: up to `most` bytes; -1 would block.
    int read(int most) {
        const edo_check::mutex_lock guard(kernel);
        const int n = bytes < most ? bytes : most;
        bytes -= n;
        return n == 0 && !is_closed ? -1 : n;
    }

    // What an operation does until it has something. Returns: bytes; 0 at the end.
    int receive(unsigned me, int most) {
        for (;;) {
            const readiness_view seen = ready.look();
            if (seen.allows(interest::read)) {
                const int n = read(most);
                if (n != most) ready.clear(interest::read, seen);
                if (n >= 0) {
                    forget(me);
                    return n;
                }
                continue;
            }
            if (wait(me, seen)) task[me].park();
        }
    }

    // registration::wait()
    bool wait(unsigned me, readiness_view before) {
        const spin_guard guard(lock);
        if (!ready.look().is_as_old_as(before)) return false;
        is_waiting[me] = true;
        return true;
    }

    void forget(unsigned me) {
        const spin_guard guard(lock);
        is_waiting[me] = false;
    }
};

void event_beside_a_read() {
    auto w = std::make_unique<world>();
    int n = 0;
    run_threads([&] { w->arrives(1); }, [&] { n = w->receive(0, 8); });
    expect(n == 1, "a read that ended without its byte");
}

void two_events_and_two_reads() {
    auto w = std::make_unique<world>();
    int n = 0;
    run_threads(
        [&] {
            w->arrives(1);
            w->arrives(1);
        },
        [&] {
            while (n < 2)
                n += w->receive(0, 8);
        });
}

void data_and_end() {
    auto w = std::make_unique<world>();
    int n = 0;
    run_threads(
        [&] {
            w->arrives(1);
            w->closes();
        },
        [&] {
            while (const int more = w->receive(0, 8))
                n += more;
        });
    expect(n == 1, "the end came before the byte");
}

void two_readers() {
    auto w = std::make_unique<world>();
    run_threads([&] { w->arrives(2); }, [&] { w->receive(0, 1); }, [&] { w->receive(1, 1); });
}

void reader_and_two_setters() {
    auto w = std::make_unique<world>();
    int calls = 0;
    run_threads([&] { w->arrives(1); }, [&] { w->closes(); },
                [&] {
                    while (w->receive(0, 8) != 0)
                        ++calls;
                });
    expect(calls <= 1, "a byte was read twice");
}

// Whoever sets has something to say besides the bits: an owner that has dropped, for example.
void what_precedes_an_event_is_seen() {
    auto w = std::make_unique<world>();
    run_threads(
        [&] {
            w->payload = 1;
            w->ready.set(readiness_view::dropped);
        },
        [&] {
            if (w->ready.look().is_dropped()) expect(w->payload == 1, "old data");
        });
}

const scenario event_s{"readiness.event_beside_a_read", event_beside_a_read};
const scenario events_s{"readiness.two_events_and_two_reads", two_events_and_two_reads};
const scenario end_s{"readiness.data_and_end", data_and_end};
const scenario readers_s{"readiness.two_readers", two_readers};
const scenario setters_s{"readiness.reader_and_two_setters", reader_and_two_setters};
const scenario precedes_s{"readiness.what_precedes_an_event_is_seen",
                          what_precedes_an_event_is_seen};

TEST(readiness_model, reader_misses_no_event) {
    expect_holds(event_s);
}

TEST(readiness_model, reader_misses_neither_of_two_events) {
    expect_holds(events_s);
}

TEST(readiness_model, end_of_the_stream_hides_no_data) {
    expect_holds(end_s);
}

TEST(readiness_model, two_readers_get_a_byte_each) {
    expect_holds(readers_s);
}

TEST(readiness_model, events_of_two_threads_both_count) {
    expect_holds(setters_s);
}

TEST(readiness_model, what_precedes_an_event_is_seen) {
    expect_holds(precedes_s);
}

void caught(const char* name, const char* line, mutant::kind what) {
    const mutant bug{.name = name, .file = "io/reactor/readiness.h", .line = line, .what = what};
    expect_caught(bug, {event_s, events_s, end_s, setters_s, readers_s, precedes_s});
}

TEST(readiness_mutants, set_publishes_nothing) {
    caught("E relaxed", "// E", mutant::kind::weaken);
}

TEST(readiness_mutants, look_acquires_nothing) {
    caught("R relaxed", "// R", mutant::kind::weaken);
}

TEST(readiness_mutants, clear_is_not_atomic) {
    caught("K torn", "relaxed)) {  // K", mutant::kind::tear);
}

TEST(readiness_mutants, set_is_not_atomic) {
    caught("E torn", "// E", mutant::kind::tear);
}

TEST(readiness_mutants, set_does_nothing) {
    caught("E skipped", "// E", mutant::kind::skip);
}

}  // namespace
