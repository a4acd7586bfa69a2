#pragma once

#include <atomic>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <cstddef>
#include <utility>

namespace bench {

/// One message from one coroutine to another, which Asio leaves to its users.
///
/// Written out because it is quicker than experimental::channel: two atomic exchanges per message,
/// and the receiver is resumed on the spot when it belongs to the sending thread's context.
///
/// Who comes second (receive() after send(), or the reverse) finds that in state_ and delivers; the
/// acquire-release exchange shows it what the first has written.
class asio_one_shot {
public:
    template <class Token>
    auto receive(Token&& token) {
        return boost::asio::async_initiate<Token, void(int)>(
            [this](auto handler) {
                waiter_ = new waiter_of<decltype(handler)>(std::move(handler));
                if (state_.exchange(state::waiting, std::memory_order_acq_rel) == state::sent)
                    waiter_->deliver_later(value_);
            },
            token);
    }

    void send(int value) {
        value_ = value;
        if (state_.exchange(state::sent, std::memory_order_acq_rel) == state::waiting)
            waiter_->deliver(value);  // *this may be gone when it returns
    }

private:
    class waiter {
    public:
        virtual void deliver(int value) = 0;
        virtual void deliver_later(int value) = 0;

    protected:
        ~waiter() = default;
    };

    template <class Handler>
    class waiter_of final : public waiter {
    public:
        explicit waiter_of(Handler handler) : handler_(std::move(handler)) {}

        static void* operator new(std::size_t) {
            return boost::asio::recycling_allocator<waiter_of>().allocate(1);
        }

        static void operator delete(void* memory) {
            boost::asio::recycling_allocator<waiter_of>().deallocate(
                static_cast<waiter_of*>(memory), 1);
        }

        void deliver(int value) override {
            Handler handler = take();
            const auto executor = boost::asio::get_associated_executor(handler);
            boost::asio::dispatch(executor, [handler = std::move(handler), value]() mutable {
                std::move(handler)(value);
            });
        }

        void deliver_later(int value) override {
            Handler handler = take();
            const auto executor = boost::asio::get_associated_executor(handler);
            boost::asio::post(executor, [handler = std::move(handler), value]() mutable {
                std::move(handler)(value);
            });
        }

    private:
        // The memory is free before the handler runs, so that the next wait gets the same block.
        Handler take() {
            Handler taken = std::move(handler_);
            delete this;
            return taken;
        }

        Handler handler_;
    };

    enum class state : unsigned char { idle, waiting, sent };
    std::atomic<state> state_{state::idle};
    int value_ = 0;
    waiter* waiter_ = nullptr;
};

}  // namespace bench
