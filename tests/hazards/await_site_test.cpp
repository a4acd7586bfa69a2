// Dumps and messages name the await at which a coroutine is suspended. Compilers disagree about the
// column, and about the line when an expression spans several; a co_await in a statement of one
// line is exact.

#include "../support/manual_executor.h"
#include "turnstile.h"
#include <source_location>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <edo/task/context.h>
#include <edo/task/operation.h>
#include <edo/task/or_return.h>
#include <edo/task/select.h>
#include <edo/task/state/promise.h>
#include <edo/task/task.h>

namespace {

using edo::task;
using edo::testing::manual_executor;
using edo::testing::turnstile;

using sites = std::vector<std::source_location>;

// Waits for one turn, then notes where the coroutines of its line are suspended, from the innermost
// outwards.
class note_sites {
public:
    explicit note_sites(sites& out) noexcept : out_(out) {}

    bool poll(edo::context& cx) noexcept {
        if (!waited_) {
            waited_ = true;
            cx.yield();
            return false;
        }
        for (auto* frame = cx.leaf()->frame; frame != nullptr; frame = frame->parent)
            out_.push_back(frame->site);
        return true;
    }

    void take() noexcept {}

private:
    sites& out_;
    bool waited_ = false;
};

class note_sites_with_result : public note_sites {
public:
    using note_sites::note_sites;

    edo::result<int> take() noexcept { return 1; }
};

constexpr unsigned line_here(std::source_location at = std::source_location::current()) {
    return at.line();
}

struct expectation {
    sites found;
    std::vector<unsigned> lines;
};

void expect_lines(task<> (*coroutine)(expectation&)) {
    expectation both;
    manual_executor ex;

    auto handle = ex.spawn(coroutine, std::ref(both));
    ex.run_until_idle();

    ASSERT_EQ(both.found.size(), both.lines.size());
    for (std::size_t i = 0; i < both.found.size(); ++i) {
        EXPECT_EQ(both.found[i].line(), both.lines[i]) << "site " << i;
        EXPECT_TRUE(std::string_view(both.found[i].file_name()).ends_with("await_site_test.cpp"));
    }
}

task<> alone_in_a_statement(expectation& out) {
    out.lines.push_back(line_here() + 1);
    co_await note_sites(out.found);
    out.lines.push_back(line_here() + 1);
    const auto first = co_await note_sites_with_result(out.found);
    out.lines.push_back(line_here() + 1);
    if (first) co_await note_sites(out.found);
    for (int i = 0; i < 2; ++i) {
        out.lines.push_back(line_here() + 1);
        co_await note_sites(out.found);
    }
}

TEST(await_site, is_the_line_of_the_statement) {
    expect_lines(alone_in_a_statement);
}

task<edo::result<int>> inner(expectation& out) {
    out.lines.push_back(line_here() + 1);
    const int n = co_await edo::or_return(note_sites_with_result(out.found));
    co_return n;
}

constexpr unsigned line_of_middle = line_here() + 3;

task<> middle(expectation& out) {
    const auto yielded = co_await inner(out);
    EXPECT_TRUE(yielded);
}

task<> outer(expectation& out) {
    const unsigned line = line_here() + 1;
    co_await middle(out);
    out.lines.push_back(line_of_middle);
    out.lines.push_back(line);
}

TEST(await_site, is_known_for_each_coroutine_of_a_chain) {
    expect_lines(outer);
}

template <class T>
task<T> in_a_template(expectation& out) {
    out.lines.push_back(line_here() + 1);
    co_await note_sites(out.found);
    co_return T{};
}

task<> of_templates_and_lambdas(expectation& out) {
    auto lambda = [](expectation& o) -> task<> {
        o.lines.push_back(line_here() + 1);
        co_await note_sites(o.found);
    };
    const unsigned line = line_here() + 1;
    co_await lambda(out);
    out.lines.push_back(line);
    const unsigned next_line = line_here() + 1;
    co_await in_a_template<int>(out);
    out.lines.push_back(next_line);
}

TEST(await_site, is_known_in_templates_and_lambdas) {
    expect_lines(of_templates_and_lambdas);
}

edo::testing::pass_operation<int> wait_in_an_expression_of_several_lines(turnstile& gate) {
    return gate.pass();
}

// An expression may span lines: then any of them may be named.
task<> over_several_lines(turnstile& gate, unsigned& first, unsigned& last) {
    first = line_here() + 1;
    auto which = co_await edo::select(wait_in_an_expression_of_several_lines(gate),
                                      wait_in_an_expression_of_several_lines(gate),
                                      wait_in_an_expression_of_several_lines(gate));
    last = line_here() - 1;
    EXPECT_LT(which.index(), 3u);
}

TEST(await_site, of_a_long_expression_is_one_of_its_lines) {
    turnstile gate(0);
    unsigned first = 0, last = 0, named = 0;
    manual_executor ex;

    auto handle = ex.spawn(over_several_lines, std::ref(gate), std::ref(first), std::ref(last));
    ex.run_until_idle();
    ex.scheduler().tasks.for_each(
        [](void* to, edo::detail::task_header& waiting) {
            *static_cast<unsigned*>(to) = waiting.main_line().leaf()->frame->site.line();
        },
        &named);
    gate.admit_all();
    ex.run_until_idle();

    EXPECT_GE(named, first);
    EXPECT_LE(named, last);
}

}  // namespace
