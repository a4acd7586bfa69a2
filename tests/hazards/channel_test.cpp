// Channels, locks and timers as temporaries in expressions that await; messages that notice copies.

#include "forms.h"
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include <gtest/gtest.h>

#include <edo/sync/cancellation_token.h>
#include <edo/sync/mpsc.h>
#include <edo/sync/mutex.h>
#include <edo/sync/notify.h>
#include <edo/sync/oneshot.h>
#include <edo/sync/semaphore.h>
#include <edo/task/join.h>
#include <edo/task/or_return.h>
#include <edo/task/select.h>
#include <edo/task/task.h>
#include <edo/timer/interval.h>
#include <edo/timer/sleep.h>
#include <edo/timer/timeout.h>

namespace {

using edo::result;
using edo::task;
using edo::testing::expect_sound;
using edo::testing::tracked;
using edo::testing::turnstile;
namespace mpsc = edo::sync::mpsc;
namespace oneshot = edo::sync::oneshot;

// As in public_type_test.cpp: no class that is made inside an awaiting expression may be an
// aggregate.
template <class... Ts>
constexpr bool none_is_an_aggregate = (!std::is_aggregate_v<Ts> && ...);

static_assert(none_is_an_aggregate<mpsc::sender<int>,
                                   mpsc::receiver<int>,
                                   mpsc::unbounded_sender<int>,
                                   mpsc::permit<int>,
                                   decltype(std::declval<mpsc::sender<int>&>().send(1)),
                                   decltype(std::declval<mpsc::sender<int>&>().reserve()),
                                   decltype(std::declval<mpsc::sender<int>&>().closed()),
                                   decltype(std::declval<mpsc::receiver<int>&>().recv()),
                                   edo::sync::send_result<int>,
                                   oneshot::sender<int>,
                                   oneshot::receiver<int>,
                                   decltype(std::declval<oneshot::receiver<int>&>().recv())>);
static_assert(
    none_is_an_aggregate<edo::sync::mutex_guard<int>,
                         decltype(std::declval<edo::sync::mutex<int>&>().lock()),
                         edo::sync::semaphore_permit,
                         decltype(std::declval<edo::sync::semaphore&>().acquire()),
                         decltype(std::declval<edo::sync::notify&>().notified()),
                         edo::sync::cancellation_token,
                         decltype(std::declval<edo::sync::cancellation_token&>().cancelled())>);
static_assert(
    none_is_an_aggregate<decltype(edo::sleep(edo::duration{})),
                         decltype(edo::timeout(edo::duration{}, std::declval<task<int>>())),
                         decltype(std::declval<edo::interval&>().tick())>);

// ---- mpsc

task<int> send_three(turnstile& gate, mpsc::sender<tracked> tx) {
    int sent = 0;
    for (int i = 1; i <= 3; ++i) {
        co_await gate.pass();
        if (co_await tx.send(tracked(i))) ++sent;
    }
    co_return sent;
}

task<int> receive_all(mpsc::receiver<tracked> rx) {
    int total = 0;
    while (auto message = co_await rx.recv())
        total += message->value();
    co_return total;
}

task<int> through_a_channel(turnstile& gate) {
    auto ends = mpsc::channel<tracked>(1);
    auto both = co_await edo::join(send_three(gate, std::move(ends.first)),
                                   receive_all(std::move(ends.second)));
    co_return 10 * std::get<0>(both) + std::get<1>(both);
}

task<int> to_nobody(turnstile& gate) {
    auto ends = mpsc::channel<tracked>(1);
    ends.second.close();
    co_await gate.pass();
    const auto sent = co_await ends.first.send(co_await gate.give(tracked(4)));
    co_return sent ? 0 : 1;
}

task<int> comes_back(turnstile& gate) {
    auto ends = mpsc::channel<tracked>(1);
    ends.second.close();
    co_await gate.pass();
    tracked back = (co_await ends.first.send(tracked(4))).unsent();
    co_await gate.pass();
    co_return back.value();
}

task<int> in_a_select(turnstile& gate) {
    auto ends = mpsc::channel<tracked>(2);
    turnstile never(0);
    int total = 0;
    for (int i = 1; i <= 3; ++i) {
        co_await ends.first.send(tracked(i));
        co_await gate.pass();
        auto first = co_await edo::select(ends.second.recv(), never.give(tracked(9)));
        if (first.index() == 0) total += std::get<0>(first)->value();
    }
    co_return total;
}

TEST(channel, messages_live_once_on_their_way) {
    expect_sound(through_a_channel, 36);
    expect_sound(to_nobody, 1);
    expect_sound(comes_back, 4);
    expect_sound(in_a_select, 6);
}

// ---- oneshot

task<int> answer(turnstile& gate, oneshot::sender<tracked> tx) {
    co_await gate.pass();
    co_return tx.send(tracked(5)) ? 1 : 0;
}

task<result<int>> ask(turnstile& gate) {
    auto ends = oneshot::channel<tracked>();
    auto& [tx, rx] = ends;
    auto both = co_await edo::or_return(edo::try_join(answer(gate, std::move(tx)), rx.recv()));
    co_await gate.pass();
    co_return 10 * std::get<0>(both) + std::get<1>(both).value();
}

TEST(channel, a_oneshot_answer_lives_once) {
    expect_sound(ask, 15);
}

// ---- locks

task<int> add_under_lock(turnstile& gate, edo::sync::mutex<tracked>& total, int value) {
    auto guard = co_await total.lock();
    co_await gate.pass();
    *guard = tracked(guard->value() + value);
    co_return guard->value();
}

task<int> locks(turnstile& gate) {
    edo::sync::mutex<tracked> total(1);
    co_await edo::join(add_under_lock(gate, total, 2), add_under_lock(gate, total, 3));
    const int in_one_expression = (*co_await total.lock()).value();
    co_return in_one_expression;
}

task<result<int>> permits(turnstile& gate) {
    edo::sync::semaphore limit(1);
    {
        auto permit = co_await edo::or_return(limit.acquire());
        co_await gate.pass();
    }
    auto again = co_await edo::or_return(limit.acquire());
    co_await gate.pass();
    co_return 1;
}

TEST(channel, guards_and_permits_are_given_back_once) {
    expect_sound(locks, 6);
    expect_sound(permits, 1);
}

}  // namespace
