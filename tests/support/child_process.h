#pragma once

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

namespace edo::testing {

/// A process that makes one call and ends: for what a test must not do to its own, as limits that
/// do not go away and signals that stop everything.
///
///     child_process child([] { EXPECT_TRUE(works()); });
///     EXPECT_EQ(child.end(), "exit 0");
///
/// Requires: the calling thread is the only one. What fails in the child is printed by it, and
/// makes its exit code 1; its destructors and those of the test do not run in it.
class child_process {
public:
    template <class F>
    explicit child_process(F&& body) {
        std::fflush(nullptr);  // else both print it
        id_ = ::fork();
        if (id_ == 0) run(std::forward<F>(body));
        EXPECT_GT(id_, 0);
    }

    child_process(child_process&& other) noexcept : id_(std::exchange(other.id_, -1)) {}

    child_process& operator=(child_process&&) = delete;

    ~child_process() {
        if (id_ <= 0) return;
        ::kill(id_, SIGKILL);
        ::waitpid(id_, nullptr, 0);
    }

    /// Returns: true when no thread of it runs any more.
    bool stop() {
        int status = 0;
        ::kill(id_, SIGSTOP);
        return ::waitpid(id_, &status, WUNTRACED) == id_ && keep(status) && WIFSTOPPED(status);
    }

    void go_on() { ::kill(id_, SIGCONT); }

    /// Waits for its end. Returns: "exit 3" or "signal 11".
    std::string end() {
        int status = 0;
        if (id_ > 0 && ::waitpid(id_, &status, 0) == id_) keep(status);
        return ended_;
    }

private:
    template <class F>
    [[noreturn]] static void run(F&& body) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves nobody behind
        ::alarm(60);  // none needs this long; without a limit a lost event would hang, not fail
        try {
            std::forward<F>(body)();
        } catch (const std::exception& thrown) {
            ADD_FAILURE() << "the child threw: " << thrown.what();
        }
        std::fflush(nullptr);
        ::_exit(::testing::Test::HasFailure() ? 1 : 0);
    }

    /// Notes the end, if it is one; then there is nobody left to be killed.
    bool keep(int status) {
        if (WIFEXITED(status)) ended_ = "exit " + std::to_string(WEXITSTATUS(status));
        if (WIFSIGNALED(status)) ended_ = "signal " + std::to_string(WTERMSIG(status));
        if (WIFEXITED(status) || WIFSIGNALED(status)) id_ = -1;
        return true;
    }

    pid_t id_ = -1;
    std::string ended_ = "lost";
};

}  // namespace edo::testing
