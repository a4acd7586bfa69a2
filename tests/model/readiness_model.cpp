// What the kernel has said of a descriptor (io/readiness.h), and who waits for it
// (io/registration.cpp), between operations, the reactor and the owner.

#include "model_test.h"
#include "thread_task.h"
#include <memory>

#include <gtest/gtest.h>

#include <edo/io/reactor/readiness.h>
#include <edo/io/reactor/registration.h>

namespace {

using edo::detail::farewell;
using edo::detail::interest;
using edo::detail::io_waiter;
using edo::detail::readiness;
using edo::detail::readiness_view;
using edo::detail::registration;
using edo::model::thread_scheduler;
using edo::model::thread_task;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::mutant;
using edo_check::run_threads;
using edo_check::scenario;

/// An operation that reads.
class reader final : public io_waiter {
public:
    explicit reader(edo::detail::scheduler& s) : io_waiter(interest::read), task(s) {}

    bool is_waiting() const noexcept { return is_waiting_; }

    thread_task task;
};

/// A descriptor: the record, and the kernel's side of it.
struct world {
    thread_scheduler scheduler;
    reader readers[2] = {reader(scheduler), reader(scheduler)};
    // No descriptor of this number exists, and closing it does no harm.
    registration* record = registration::create(-1, farewell::none);

    edo_check::mutex kernel;
    int bytes = 0;
    bool is_closed = false;

    // The reactor: what has come is in the kernel before the event is.
    void arrives(int n) {
        {
            const edo_check::mutex_lock guard(kernel);
            bytes += n;
        }
        record->happened(readiness_view::readable);
    }

    void closes() {
        {
            const edo_check::mutex_lock guard(kernel);
            is_closed = true;
        }
        record->happened(readiness_view::readable | readiness_view::read_closed);
    }

    // The call: up to `most` bytes; -1 would block.
    int read(int most) {
        const edo_check::mutex_lock guard(kernel);
        const int n = bytes < most ? bytes : most;
        bytes -= n;
        return n == 0 && !is_closed ? -1 : n;
    }

    // What an operation does until it has something. Returns: bytes; 0 at the end, -1 if the owner
    // has gone.
    int receive(unsigned who, int most) {
        reader& me = readers[who];
        for (;;) {
            const readiness_view seen = record->look();
            if (seen.is_dropped()) {
                forget(me);
                return -1;
            }
            if (seen.allows(interest::read)) {
                const int n = read(most);
                if (n != most) record->clear(interest::read, seen);
                if (n >= 0) {
                    forget(me);
                    return n;
                }
                continue;
            }
            if (record->wait(me, me.task.target(), seen)) me.task.wait();
        }
    }

    void forget(reader& me) {
        if (me.is_waiting()) record->forget(me);
    }

    void end() { record->drop_owner(); }
};

void event_beside_a_read() {
    auto w = std::make_unique<world>();
    int n = 0;
    run_threads([&] { w->arrives(1); }, [&] { n = w->receive(0, 8); });
    expect(n == 1, "a read that ended without its byte");
    w->end();
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
    w->end();
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
    w->end();
}

void two_readers() {
    auto w = std::make_unique<world>();
    run_threads([&] { w->arrives(2); }, [&] { w->receive(0, 1); }, [&] { w->receive(1, 1); });
    w->end();
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
    w->end();
}

// The last owner goes while an operation waits: that is told, and lets go of the record last.
void owner_goes_beside_a_wait() {
    auto w = std::make_unique<world>();
    reader& waiting = w->readers[0];
    const readiness_view seen = w->record->look();
    w->record->clear(interest::read, seen);
    expect(w->record->wait(waiting, waiting.task.target(), seen), "an event out of nowhere");
    run_threads([&] { w->record->drop_owner(); },
                [&] {
                    waiting.task.wait();
                    expect(w->receive(0, 8) == -1, "the owner goes, and nobody is told");
                });
}

// Two sockets of one descriptor go at once; the last takes the record with it.
void two_owners_go() {
    auto w = std::make_unique<world>();
    w->record->add_owner();
    run_threads([&] { w->record->drop_owner(); }, [&] { w->record->drop_owner(); });
}

// Whoever sets has something to say besides the bits.
void what_precedes_an_event_is_seen() {
    struct word {
        readiness ready;
        int payload = 0;
    };

    auto w = std::make_unique<word>();
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
const scenario owner_s{"readiness.owner_goes_beside_a_wait", owner_goes_beside_a_wait};
const scenario owners_s{"readiness.two_owners_go", two_owners_go};
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

TEST(readiness_model, waiting_operation_outlives_the_owner) {
    expect_holds(owner_s);
}

TEST(readiness_model, last_of_two_owners_takes_the_record_along) {
    expect_holds(owners_s);
}

TEST(readiness_model, what_precedes_an_event_is_seen) {
    expect_holds(precedes_s);
}

void caught(const char* name,
            const char* line,
            mutant::kind what,
            const char* file = "io/reactor/readiness.h",
            const char* in = "") {
    const mutant bug{.name = name, .file = file, .line = line, .what = what, .in = in};
    expect_caught(bug,
                  {event_s, owners_s, owner_s, precedes_s, events_s, end_s, setters_s, readers_s});
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

constexpr const char* registration_cpp = "io/reactor/registration.cpp";

TEST(readiness_mutants, wait_takes_no_lock) {
    caught("wait without lock", "spin_guard guard(lock_)", mutant::kind::skip, registration_cpp,
           "::wait(");
}

TEST(readiness_mutants, wake_takes_no_lock) {
    caught("wake without lock", "spin_guard guard(lock_)", mutant::kind::skip, registration_cpp,
           "::wake_waiters");
}

TEST(readiness_mutants, end_of_a_wait_takes_no_lock) {
    caught("forget without lock", "spin_guard guard(lock_)", mutant::kind::skip, registration_cpp,
           "::forget");
}

TEST(readiness_mutants, owners_go_without_order) {
    caught("P of owners torn", "owners_.fetch_sub(1, acq_rel)", mutant::kind::tear,
           registration_cpp);
}

TEST(readiness_mutants, waiters_let_go_without_order) {
    caught("G relaxed", "refs_.fetch_sub(1, acq_rel)", mutant::kind::weaken, registration_cpp);
}

}  // namespace
