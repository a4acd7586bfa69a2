// The checker's own tests: the classic litmus shapes, each with the exact set of outcomes that it
// has to produce, no more and no less. A shape's name is that of the literature.

#include <edo_check/atomic.h>
#include <edo_check/explore.h>
#include <edo_check/lock.h>
#include <edo_check/thread.h>
#include <functional>
#include <initializer_list>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using edo_check::atomic;
using edo_check::expect;
using edo_check::exploration;
using edo_check::explore;
using edo_check::fence;
using edo_check::findings;
using edo_check::run_threads;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

constexpr auto rlx = std::memory_order_relaxed;
constexpr auto acq = std::memory_order_acquire;
constexpr auto rel = std::memory_order_release;
constexpr auto sc = std::memory_order_seq_cst;

std::set<std::string> seen;

// Notes how a run ended. The set is not part of the run.
void outcome(std::initializer_list<int> values) {
    const edo_check::engine::outside here;
    std::string text;
    for (const int v : values)
        text += (text.empty() ? "" : " ") + std::to_string(v);
    seen.insert(text);
}

// All outcomes of a shape, over all its runs; of the largest ones, those with four preemptions.
std::set<std::string> outcomes(const std::function<void()>& shape, bool skips) {
    seen.clear();
    const findings found =
        explore({.name = "litmus", .extra_runs = 600'000, .skips_known_states = skips}, shape);
    EXPECT_FALSE(found.failed) << found.what << "\n" << found.table;
    EXPECT_TRUE(found.is_complete || found.bound >= 4) << found.summary("litmus");
    return seen;
}

// The same whether runs are followed beyond states that are known or not.
std::set<std::string> outcomes(const std::function<void()>& shape) {
    const std::set<std::string> all = outcomes(shape, false);
    EXPECT_EQ(outcomes(shape, true), all);
    return all;
}

findings failure_of(const std::function<void()>& scenario) {
    return explore({.name = "failing"}, scenario);
}

std::set<std::string> all_of(unsigned bits) {
    std::set<std::string> all;
    for (unsigned i = 0; i < 1U << bits; ++i) {
        std::string text;
        for (unsigned b = bits; b-- > 0;)
            text += (text.empty() ? "" : " ") + std::to_string(i >> b & 1);
        all.insert(text);
    }
    return all;
}

std::set<std::string> all_but(unsigned bits, const std::string& forbidden) {
    std::set<std::string> all = all_of(bits);
    all.erase(forbidden);
    return all;
}

// Store buffering: each thread stores one location and loads the other.
void sb(std::memory_order store, std::memory_order load, bool fence_1, bool fence_2) {
    atomic<int> x{0}, y{0};
    int a = 0, b = 0;
    run_threads(
        [&] {
            x.store(1, store);
            if (fence_1) fence(sc);
            a = y.load(load);
        },
        [&] {
            y.store(1, store);
            if (fence_2) fence(sc);
            b = x.load(load);
        });
    outcome({a, b});
}

TEST(litmus, sb_relaxed_allows_everything) {
    EXPECT_EQ(outcomes([] { sb(rlx, rlx, false, false); }), all_of(2));
}

TEST(litmus, sb_release_acquire_allows_everything) {
    EXPECT_EQ(outcomes([] { sb(rel, acq, false, false); }), all_of(2));
}

TEST(litmus, sb_seq_cst_forbids_two_old_values) {
    EXPECT_EQ(outcomes([] { sb(sc, sc, false, false); }), all_but(2, "0 0"));
}

TEST(litmus, sb_seq_cst_fences_forbid_two_old_values) {
    EXPECT_EQ(outcomes([] { sb(rlx, rlx, true, true); }), all_but(2, "0 0"));
}

TEST(litmus, sb_one_fence_is_not_enough) {
    EXPECT_EQ(outcomes([] { sb(rlx, rlx, true, false); }), all_of(2));
}

TEST(litmus, sb_seq_cst_stores_with_acquire_loads_allow_everything) {
    EXPECT_EQ(outcomes([] { sb(sc, acq, false, false); }), all_of(2));
}

TEST(litmus, sb_fence_on_one_side_and_seq_cst_accesses_on_the_other_forbid_two_old_values) {
    EXPECT_EQ(outcomes([] {
                  atomic<int> x{0}, y{0};
                  int a = 0, b = 0;
                  run_threads(
                      [&] {
                          x.store(1, rlx);
                          fence(sc);
                          a = y.load(rlx);
                      },
                      [&] {
                          y.store(1, sc);
                          b = x.load(sc);
                      });
                  outcome({a, b});
              }),
              all_but(2, "0 0"));
}

TEST(litmus, sb_exchanges_that_are_not_seq_cst_allow_two_old_values) {
    EXPECT_EQ(outcomes([] {
                  atomic<int> x{0}, y{0};
                  int a = 0, b = 0;
                  run_threads(
                      [&] {
                          x.exchange(1, std::memory_order_acq_rel);
                          a = y.load(acq);
                      },
                      [&] {
                          y.exchange(1, std::memory_order_acq_rel);
                          b = x.load(acq);
                      });
                  outcome({a, b});
              }),
              all_of(2));
}

// Store buffering with a fence for the compiler on one side, and the kernel's barrier on the other.
void asymmetric_sb(void (*fence_1)(), void (*fence_2)()) {
    atomic<int> x{0}, y{0};
    int a = 0, b = 0;
    run_threads(
        [&] {
            x.store(1, rlx);
            fence_1();
            a = y.load(rlx);
        },
        [&] {
            y.store(1, rlx);
            fence_2();
            b = x.load(rlx);
        });
    outcome({a, b});
}

void light() {
    edo_check::compiler_fence();
}

void heavy() {
    edo_check::membarrier(0);
}

TEST(litmus, sb_light_and_heavy_fence_forbid_two_old_values) {
    EXPECT_EQ(outcomes([] { asymmetric_sb(light, heavy); }), all_but(2, "0 0"));
    EXPECT_EQ(outcomes([] { asymmetric_sb(heavy, light); }), all_but(2, "0 0"));
}

TEST(litmus, sb_two_heavy_fences_forbid_two_old_values) {
    EXPECT_EQ(outcomes([] { asymmetric_sb(heavy, heavy); }), all_but(2, "0 0"));
}

TEST(litmus, sb_two_light_fences_order_nothing) {
    EXPECT_EQ(outcomes([] { asymmetric_sb(light, light); }), all_of(2));
}

TEST(litmus, sb_light_fence_is_not_ordered_with_others) {
    EXPECT_EQ(outcomes([] { asymmetric_sb(light, [] { fence(sc); }); }), all_of(2));
}

TEST(litmus, sb_heavy_fence_needs_another_on_the_other_side) {
    EXPECT_EQ(outcomes([] { asymmetric_sb([] {}, heavy); }), all_of(2));
}

// Message passing: data, then a flag.
void mp(std::memory_order store, std::memory_order load, bool fence_1, bool fence_2) {
    atomic<int> data{0}, flag{0};
    int f = 0, d = 0;
    run_threads(
        [&] {
            data.store(1, rlx);
            if (fence_1) fence(rel);
            flag.store(1, store);
        },
        [&] {
            f = flag.load(load);
            if (fence_2) fence(acq);
            d = data.load(rlx);
        });
    outcome({f, d});
}

TEST(litmus, mp_relaxed_allows_everything) {
    EXPECT_EQ(outcomes([] { mp(rlx, rlx, false, false); }), all_of(2));
}

TEST(litmus, mp_release_acquire_shows_the_data_behind_the_flag) {
    EXPECT_EQ(outcomes([] { mp(rel, acq, false, false); }), all_but(2, "1 0"));
}

TEST(litmus, mp_half_a_pair_is_nothing) {
    EXPECT_EQ(outcomes([] { mp(rel, rlx, false, false); }), all_of(2));
    EXPECT_EQ(outcomes([] { mp(rlx, acq, false, false); }), all_of(2));
}

TEST(litmus, mp_fences_do_as_well) {
    EXPECT_EQ(outcomes([] { mp(rlx, rlx, true, true); }), all_but(2, "1 0"));
}

TEST(litmus, mp_fences_pair_with_operations) {
    EXPECT_EQ(outcomes([] { mp(rel, rlx, false, true); }), all_but(2, "1 0"));
    EXPECT_EQ(outcomes([] { mp(rlx, acq, true, false); }), all_but(2, "1 0"));
}

// C++ allows "1 1" with relaxed; no run of the checker has it, and the README says so.
TEST(litmus, lb_is_not_produced) {
    EXPECT_EQ(outcomes([] {
                  atomic<int> x{0}, y{0};
                  int a = 0, b = 0;
                  run_threads(
                      [&] {
                          a = x.load(rlx);
                          y.store(1, rlx);
                      },
                      [&] {
                          b = y.load(rlx);
                          x.store(1, rlx);
                      });
                  outcome({a, b});
              }),
              all_but(2, "1 1"));
}

// Independent reads of independent writes: do two readers agree on the order of two stores?
void iriw(std::memory_order store, std::memory_order load, bool fences) {
    atomic<int> x{0}, y{0};
    int a = 0, b = 0, c = 0, d = 0;
    run_threads([&] { x.store(1, store); }, [&] { y.store(1, store); },
                [&] {
                    a = x.load(load);
                    if (fences) fence(sc);
                    b = y.load(load);
                },
                [&] {
                    c = y.load(load);
                    if (fences) fence(sc);
                    d = x.load(load);
                });
    outcome({a, b, c, d});
}

TEST(litmus, iriw_release_acquire_lets_readers_disagree) {
    EXPECT_EQ(outcomes([] { iriw(rel, acq, false); }), all_of(4));
}

TEST(litmus, iriw_seq_cst_makes_readers_agree) {
    EXPECT_EQ(outcomes([] { iriw(sc, sc, false); }), all_but(4, "1 0 1 0"));
}

TEST(litmus, iriw_seq_cst_fences_make_readers_agree) {
    EXPECT_EQ(outcomes([] { iriw(rlx, rlx, true); }), all_but(4, "1 0 1 0"));
}

// Two threads store two locations in opposite orders.
void two_plus_two_w(std::memory_order order) {
    atomic<int> x{0}, y{0};
    run_threads(
        [&] {
            x.store(1, order);
            y.store(2, order);
        },
        [&] {
            y.store(1, order);
            x.store(2, order);
        });
    outcome({x.load(rlx), y.load(rlx)});
}

TEST(litmus, two_plus_two_w_relaxed_may_leave_both_first_stores) {
    EXPECT_THAT(outcomes([] { two_plus_two_w(rlx); }),
                UnorderedElementsAre("1 1", "1 2", "2 1", "2 2"));
}

TEST(litmus, two_plus_two_w_release_may_leave_both_first_stores) {
    EXPECT_THAT(outcomes([] { two_plus_two_w(rel); }),
                UnorderedElementsAre("1 1", "1 2", "2 1", "2 2"));
}

TEST(litmus, two_plus_two_w_seq_cst_leaves_a_second_store) {
    EXPECT_THAT(outcomes([] { two_plus_two_w(sc); }), UnorderedElementsAre("1 2", "2 1", "2 2"));
}

TEST(litmus, corr_reads_of_one_location_never_go_back) {
    EXPECT_THAT(outcomes([] {
                    atomic<int> x{0};
                    int a = 0, b = 0;
                    run_threads(
                        [&] {
                            x.store(1, rlx);
                            x.store(2, rlx);
                        },
                        [&] {
                            a = x.load(rlx);
                            b = x.load(rlx);
                        });
                    outcome({a, b});
                }),
                UnorderedElementsAre("0 0", "0 1", "0 2", "1 1", "1 2", "2 2"));
}

TEST(litmus, corr_holds_across_threads_that_synchronize) {
    const auto all = outcomes([] {
        atomic<int> x{0}, flag{0};
        int a = 0, f = 0, b = 0;
        run_threads([&] { x.store(1, rlx); },
                    [&] {
                        a = x.load(rlx);
                        flag.store(1, rel);
                    },
                    [&] {
                        f = flag.load(acq);
                        b = x.load(rlx);
                    });
        outcome({a, f, b});
    });
    EXPECT_EQ(all, all_but(3, "1 1 0"));
}

TEST(litmus, cowr_own_store_hides_what_is_older) {
    EXPECT_THAT(outcomes([] {
                    atomic<int> x{0};
                    int a = 0;
                    run_threads(
                        [&] {
                            x.store(1, rlx);
                            a = x.load(rlx);
                        },
                        [&] { x.store(2, rlx); });
                    outcome({a, x.load(rlx)});
                }),
                UnorderedElementsAre("1 1", "1 2", "2 2"));
}

TEST(litmus, corw_store_comes_after_what_was_read) {
    EXPECT_THAT(outcomes([] {
                    atomic<int> x{0};
                    int a = 0;
                    run_threads(
                        [&] {
                            a = x.load(rlx);
                            x.store(1, rlx);
                        },
                        [&] { x.store(2, rlx); });
                    outcome({a, x.load(rlx)});
                }),
                UnorderedElementsAre("0 1", "0 2", "2 1"));
}

void shape_r(std::memory_order order) {
    atomic<int> x{0}, y{0};
    int a = 0;
    run_threads(
        [&] {
            x.store(1, order);
            y.store(1, order);
        },
        [&] {
            y.store(2, order);
            a = x.load(order == sc ? sc : rlx);
        });
    outcome({y.load(rlx), a});
}

TEST(litmus, r_relaxed_allows_everything) {
    EXPECT_THAT(outcomes([] { shape_r(rlx); }), UnorderedElementsAre("1 0", "1 1", "2 0", "2 1"));
}

TEST(litmus, r_release_allows_everything) {
    EXPECT_THAT(outcomes([] { shape_r(rel); }), UnorderedElementsAre("1 0", "1 1", "2 0", "2 1"));
}

TEST(litmus, r_seq_cst_shows_the_store_before_the_lost_one) {
    EXPECT_THAT(outcomes([] { shape_r(sc); }), UnorderedElementsAre("1 0", "1 1", "2 1"));
}

void shape_s(std::memory_order store, std::memory_order load) {
    atomic<int> x{0}, y{0};
    int a = 0;
    run_threads(
        [&] {
            x.store(2, rlx);
            y.store(1, store);
        },
        [&] {
            a = y.load(load);
            x.store(1, rlx);
        });
    outcome({a, x.load(rlx)});
}

TEST(litmus, s_relaxed_allows_everything) {
    EXPECT_THAT(outcomes([] { shape_s(rlx, rlx); }),
                UnorderedElementsAre("0 1", "0 2", "1 1", "1 2"));
}

TEST(litmus, s_release_acquire_orders_the_stores) {
    EXPECT_THAT(outcomes([] { shape_s(rel, acq); }), UnorderedElementsAre("0 1", "0 2", "1 1"));
}

// Write-read causality: what a thread has seen is passed on.
void wrc(std::memory_order store, std::memory_order load) {
    atomic<int> x{0}, y{0};
    int a = 0, b = 0, c = 0;
    run_threads([&] { x.store(1, rlx); },
                [&] {
                    a = x.load(rlx);
                    y.store(1, store);
                },
                [&] {
                    b = y.load(load);
                    c = x.load(rlx);
                });
    outcome({a, b, c});
}

TEST(litmus, wrc_relaxed_allows_everything) {
    EXPECT_EQ(outcomes([] { wrc(rlx, rlx); }), all_of(3));
}

TEST(litmus, wrc_release_acquire_passes_on_what_was_seen) {
    EXPECT_EQ(outcomes([] { wrc(rel, acq); }), all_but(3, "1 1 0"));
}

TEST(litmus, isa2_release_acquire_is_transitive) {
    EXPECT_EQ(outcomes([] {
                  atomic<int> x{0}, y{0}, z{0};
                  int a = 0, b = 0, c = 0;
                  run_threads(
                      [&] {
                          x.store(1, rlx);
                          y.store(1, rel);
                      },
                      [&] {
                          a = y.load(acq);
                          z.store(1, rel);
                      },
                      [&] {
                          b = z.load(acq);
                          c = x.load(rlx);
                      });
                  outcome({a, b, c});
              }),
              all_but(3, "1 1 0"));
}

// Read-to-write causality; C++20 forbids it with fences on the readers only, C++11 did not.
TEST(litmus, rwc_seq_cst_fences_order_reads_too) {
    EXPECT_EQ(outcomes([] {
                  atomic<int> x{0}, y{0};
                  int a = 0, b = 0, c = 0;
                  run_threads([&] { x.store(1, rlx); },
                              [&] {
                                  a = x.load(rlx);
                                  fence(sc);
                                  b = y.load(rlx);
                              },
                              [&] {
                                  y.store(1, rlx);
                                  fence(sc);
                                  c = x.load(rlx);
                              });
                  outcome({a, b, c});
              }),
              all_but(3, "1 0 0"));
}

TEST(litmus, seq_cst_fence_makes_nothing_happen_before) {
    const findings found = failure_of([] {
        auto data = std::make_unique<int>(0);
        atomic<int> x{0};
        run_threads(
            [&] {
                *data = 1;
                fence(sc);
                x.store(1, rlx);
            },
            [&] {
                // Both fences in order, but this side reads before it: nothing is handed over.
                fence(sc);
                if (x.load(rlx) == 1) *data = 2;
            });
    });
    EXPECT_THAT(found.what, HasSubstr("data race"));
}

TEST(litmus, release_sequence_goes_through_read_modify_writes) {
    EXPECT_THAT(outcomes([] {
                    atomic<int> data{0}, x{0};
                    int a = 0, d = 0;
                    run_threads(
                        [&] {
                            data.store(1, rlx);
                            x.store(10, rel);
                        },
                        [&] { x.fetch_add(1, rlx); },
                        [&] {
                            a = x.load(acq);
                            d = data.load(rlx);
                        });
                    outcome({a, d});
                }),
                UnorderedElementsAre("0 0", "0 1", "1 0", "1 1", "10 1", "11 1"));
}

TEST(litmus, release_sequence_ends_at_a_store) {
    EXPECT_THAT(outcomes([] {
                    atomic<int> data{0}, x{0};
                    int a = 0, d = 0;
                    run_threads(
                        [&] {
                            data.store(1, rlx);
                            x.store(1, rel);
                            x.store(2, rlx);  // C++20: not even the same thread's continues it
                        },
                        [&] {
                            a = x.load(acq);
                            d = data.load(rlx);
                        });
                    outcome({a, d});
                }),
                UnorderedElementsAre("0 0", "0 1", "1 1", "2 0", "2 1"));
}

TEST(litmus, relaxed_read_modify_write_passes_nothing_on_of_its_own) {
    EXPECT_THAT(outcomes([] {
                    atomic<int> data{0}, x{0};
                    int a = 0, d = 0;
                    run_threads(
                        [&] {
                            data.store(1, rlx);
                            x.fetch_add(1, rlx);
                        },
                        [&] {
                            a = x.load(acq);
                            d = data.load(rlx);
                        });
                    outcome({a, d});
                }),
                UnorderedElementsAre("0 0", "0 1", "1 0", "1 1"));
}

TEST(litmus, read_modify_writes_lose_nothing) {
    EXPECT_THAT(outcomes([] {
                    atomic<int> x{0};
                    int a = 0, b = 0;
                    run_threads([&] { a = x.fetch_add(1, rlx); }, [&] { b = x.fetch_add(1, rlx); });
                    outcome({a, b, x.load(rlx)});
                }),
                UnorderedElementsAre("0 1 2", "1 0 2"));
}

TEST(litmus, one_compare_exchange_of_two_succeeds) {
    EXPECT_THAT(outcomes([] {
                    atomic<int> x{0};
                    bool a = false, b = false;
                    run_threads(
                        [&] {
                            int none = 0;
                            a = x.compare_exchange_strong(none, 1, rlx, rlx);
                        },
                        [&] {
                            int none = 0;
                            b = x.compare_exchange_strong(none, 2, rlx, rlx);
                        });
                    outcome({a, b, x.load(rlx)});
                }),
                UnorderedElementsAre("1 0 1", "0 1 2"));
}

TEST(litmus, weak_compare_exchange_may_fail_for_no_reason) {
    EXPECT_THAT(outcomes([] {
                    atomic<int> x{0};
                    int none = 0;
                    const bool done = x.compare_exchange_weak(none, 1, rlx, rlx);
                    outcome({done, x.load(rlx)});
                }),
                UnorderedElementsAre("0 0", "1 1"));
}

TEST(litmus, stale_window_of_one_is_sequential_consistency_for_loads) {
    seen.clear();
    exploration how{.name = "window"};
    how.limits.memory = {.stale_window = 1, .reorders_stores = false};
    explore(how, [] { mp(rlx, rlx, false, false); });
    EXPECT_EQ(seen, all_but(2, "1 0"));
}

TEST(litmus, mutex_orders_and_excludes) {
    EXPECT_THAT(outcomes([] {
                    auto count = std::make_unique<int>(0);  // watched: a race would be reported
                    edo_check::mutex m;
                    const auto add = [&] {
                        const edo_check::mutex_lock guard(m);
                        *count = *count + 1;
                    };
                    run_threads(add, add, add);
                    outcome({*count});
                }),
                UnorderedElementsAre("3"));
}

TEST(checker, reports_a_race_of_plain_accesses) {
    const findings found = failure_of([] {
        auto data = std::make_unique<int>(0);
        atomic<int> flag{0};
        run_threads(
            [&] {
                *data = 1;
                flag.store(1, rlx);
            },
            [&] {
                if (flag.load(acq) == 1) expect(*data == 1, "old data");
            });
    });
    EXPECT_THAT(found.what, HasSubstr("data race"));
}

TEST(checker, accepts_a_hand_over_of_plain_data) {
    const findings found = failure_of([] {
        auto data = std::make_unique<int>(0);
        atomic<int> flag{0};
        run_threads(
            [&] {
                *data = 1;
                flag.store(1, rel);
            },
            [&] {
                if (flag.load(acq) == 1) expect(*data == 1, "old data");
            });
    });
    EXPECT_FALSE(found.failed) << found.what << found.table;
    EXPECT_TRUE(found.is_complete);
}

TEST(checker, reports_an_object_that_is_destroyed_too_early) {
    const findings found = failure_of([] {
        auto* const count = new atomic<int>(2);
        const auto let_go = [count] {
            if (count->fetch_sub(1, rlx) == 1) delete count;
        };
        run_threads(let_go, let_go);
    });
    EXPECT_THAT(found.what, HasSubstr("destroyed beside an atomic operation"));
}

TEST(checker, accepts_the_usual_reference_count) {
    const findings found = failure_of([] {
        auto* const count = new atomic<int>(2);
        const auto let_go = [count] {
            if (count->fetch_sub(1, std::memory_order_acq_rel) == 1) delete count;
        };
        run_threads(let_go, let_go);
    });
    EXPECT_FALSE(found.failed) << found.what << found.table;
}

TEST(checker, reports_use_after_free) {
    const findings found = failure_of([] {
        auto* const data = new int(1);
        atomic<int> is_gone{0};
        run_threads(
            [&] {
                delete data;
                is_gone.store(1, rel);
            },
            [&] {
                if (is_gone.load(acq) == 1) expect(*data == 1, "other data");
            });
        if (is_gone.load(rlx) == 0) delete data;
    });
    EXPECT_THAT(found.what, HasSubstr("read after free"));
}

TEST(checker, reports_a_double_free) {
    const findings found = failure_of([] {
        auto* const data = new int(1);
        const auto end = [data] { delete data; };
        atomic<int> turn{0};
        run_threads(
            [&] {
                end();
                turn.store(1, rel);
            },
            [&] {
                if (turn.load(acq) == 1) end();
            });
    });
    EXPECT_THAT(found.what, HasSubstr("free"));
}

TEST(checker, reports_a_leak) {
    const findings found = failure_of([] {
        long* volatile forgotten = new long(1);
        expect(forgotten != nullptr, "no memory");
    });
    EXPECT_THAT(found.what, HasSubstr("leak: 8 bytes"));
}

TEST(checker, reports_a_deadlock) {
    const findings found = failure_of([] {
        edo_check::mutex a, b;
        run_threads(
            [&] {
                const edo_check::mutex_lock first(a);
                const edo_check::mutex_lock second(b);
            },
            [&] {
                const edo_check::mutex_lock first(b);
                const edo_check::mutex_lock second(a);
            });
    });
    EXPECT_THAT(found.what, HasSubstr("deadlock"));
}

TEST(checker, reports_a_lost_wake) {
    const findings found = failure_of([] {
        atomic<int> is_set{0};
        edo_check::parker sleeper;
        run_threads(
            [&] {
                if (is_set.load(acq) == 0) sleeper.park();
            },
            [&] { is_set.store(1, rel); });
    });
    EXPECT_THAT(found.what, HasSubstr("waits for a permit"));
}

TEST(checker, lets_a_spinning_thread_see_the_store_that_it_waits_for) {
    const findings found = failure_of([] {
        atomic<int> flag{0};
        run_threads([&] { flag.store(1, rel); },
                    [&] {
                        while (flag.load(acq) == 0)
                            edo_check::spin_hint();
                    });
    });
    EXPECT_FALSE(found.failed) << found.what << found.table;
}

TEST(checker, reports_a_loop_without_end) {
    const findings found = failure_of([] {
        atomic<int> flag{0};
        run_threads([&] {
            while (flag.load(acq) == 0)
                edo_check::spin_hint();
        });
    });
    EXPECT_THAT(found.what, HasSubstr("no progress"));
}

TEST(checker, repeats_a_failure_from_its_string) {
    const std::function<void()> scenario = [] {
        atomic<int> x{0}, y{0};
        int a = 0, b = 0;
        run_threads(
            [&] {
                x.store(1, rlx);
                a = y.load(rlx);
            },
            [&] {
                y.store(1, rlx);
                b = x.load(rlx);
            });
        expect(a + b != 0, "both read the old value");
    };
    const findings first = explore({.name = "replayed"}, scenario);
    ASSERT_TRUE(first.failed);

    ::setenv("EDO_CHECK_REPLAY", first.replay.c_str(), 1);
    const findings again = explore({.name = "replayed"}, scenario);
    ::unsetenv("EDO_CHECK_REPLAY");

    EXPECT_EQ(again.runs, 1U);
    EXPECT_EQ(again.what, "both read the old value");
    EXPECT_THAT(first.table, HasSubstr("litmus_test.cpp"));
}

TEST(checker, finds_a_failure_at_random_and_repeats_it) {
    const findings found = explore({.name = "random", .most_runs = 0, .random_runs = 10'000}, [] {
        atomic<int> x{0};
        int a = 0;
        run_threads([&] { x.store(1, rlx); }, [&] { a = x.load(rlx); });
        expect(a == 0, "the store came first");
    });
    EXPECT_THAT(found.what, HasSubstr("the store came first"));
    EXPECT_THAT(found.table, HasSubstr("FAILS"));
}

}  // namespace
