// A reactor without a kernel: what drivers get in the model build.

#include "model_reactor.h"
#include <edo_check/engine.h>
#include <edo_check/lock.h>
#include <memory>

#include <edo/io/reactor/reactor.h>

namespace edo {
namespace model {
namespace {

unsigned calls = 0;
unsigned calls_in_run = 0;
unsigned refused = 0;
unsigned refused_in_run = 0;

class reactor final : public detail::reactor {
public:
    ~reactor() override { home_.close(), home_.release_ref(); }

    reactor_kind kind() const noexcept override { return reactor_kind::epoll; }

    std::error_code attach(detail::registration&) noexcept override { return {}; }

    detail::detachment detach(detail::registration&) noexcept override { return {}; }

    // A wait that does not sleep takes the edge all the same.
    unsigned poll(duration limit, unsigned) noexcept override {
        if (limit > duration::zero()) wakes_.park(limit);
        return 0;
    }

    void wake() noexcept override {
        if (std::exchange(calls_in_run, edo_check::engine::get().run_number()) !=
            edo_check::engine::get().run_number())
            calls = 0;
        ++calls;
        wakes_.unpark();
    }

    void shutdown() noexcept override { home_.close(); }

private:
    edo_check::parker wakes_;
};

}  // namespace

unsigned reactor_calls() noexcept {
    return calls_in_run == edo_check::engine::get().run_number() ? calls : 0;
}

void refuse_reactors(unsigned count) noexcept {
    refused = count;
    refused_in_run = edo_check::engine::get().run_number();
}

}  // namespace model

result<detail::reactor_choice> detail::make_reactor(reactor_kind kind) {
    edo_check::engine& e = edo_check::engine::get();
    if (model::refused != 0 && model::refused_in_run == e.run_number()) {
        e.print().saw(e.current(), model::refused--);
        return std::make_error_code(std::errc::too_many_files_open);
    }
    reactor_choice made;
    made.reactor = std::make_unique<model::reactor>();
    made.kind = kind;
    return made;
}

}  // namespace edo
