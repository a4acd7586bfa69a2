#pragma once
// A ring without a kernel: stands in the place of io/uring/ring.h in the model build. Everything
// that the kernel does is a step under one lock.

#include <cerrno>
#include <cstdint>
#include <edo_check/engine.h>
#include <edo_check/lock.h>
#include <edo_check/thread.h>
#include <source_location>
#include <sys/epoll.h>

#include <edo/base/clock.h>

namespace edo::detail {

class ring {
public:
    ring() noexcept { present = this; }

    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;

    ~ring() { present = nullptr; }

    int open() noexcept { return 0; }

    bool poll_add(int, std::uint32_t, void* tag) noexcept {
        const edo_check::mutex_lock held(lock_);
        return request({tag, true});
    }

    bool poll_remove(void* tag) noexcept {
        const edo_check::mutex_lock held(lock_);
        return request({tag, false});
    }

    int submit_and_look() noexcept {
        const edo_check::mutex_lock held(lock_);
        submit();
        return 0;
    }

    int submit_and_wait(duration) noexcept {
        for (;;) {
            {
                const edo_check::mutex_lock held(lock_);
                submit();
                if (report_count_ != 0) return 0;
            }
            bell_.park();
        }
    }

    bool has_work() noexcept {
        const edo_check::mutex_lock held(lock_);
        return request_count_ != 0 || report_count_ != 0;
    }

    bool is_behind() const noexcept { return false; }

    bool has_reports() noexcept {
        const edo_check::mutex_lock held(lock_);
        return report_count_ != 0;
    }

    bool has_overflow() const noexcept { return false; }

    struct report {
        void* tag;
        std::int32_t answer;
        bool is_last;
    };

    template <class Take>
    unsigned take_reports(unsigned most, Take&& take) noexcept {
        unsigned count = 0;
        for (report r; count != most && pop(r); ++count)
            take(r);
        return count;
    }

    /// What a foreign thread does to the ring: a write to its notifier.
    static void given_to_kernel(
        const void* at, std::source_location place = std::source_location::current()) noexcept {
        if (present == nullptr || edo_check::engine::get().mutation_at(place) != nullptr) return;
        present->happens(at, EPOLLIN, false);
    }

    static void seen_by_us(const void*) noexcept {}

    // For scenarios.

    /// Something happens to the descriptor that `tag` polls; `ends`: and the poll ends with it.
    void happens(const void* tag, std::int32_t what, bool ends) noexcept {
        {
            const edo_check::mutex_lock held(lock_);
            for (unsigned i = 0; i < request_count_; ++i)
                if (requests_[i].adds && requests_[i].tag == tag) requests_[i].finds = what;
            poll* const p = find(tag);
            if (p == nullptr) return;
            add({p->tag, what, ends});
            if (ends) p->tag = nullptr;
        }
        bell_.unpark();
    }

    /// The queue has no room for the next `count` requests.
    void refuse(unsigned count) noexcept { refused_ = count; }

    /// The ring of the run.
    static inline ring* present = nullptr;

private:
    struct poll {
        void* tag;
    };

    struct wish {
        void* tag;
        bool adds;
        std::int32_t finds = 0;  // what has happened before it was submitted
    };

    bool request(const wish& w) noexcept {
        if (refused_ != 0) {
            --refused_;
            return false;
        }
        edo_check::expect(request_count_ != capacity, "more requests than the model has room for");
        requests_[request_count_++] = w;
        return true;
    }

    void submit() noexcept {
        for (unsigned i = 0; i < request_count_; ++i) {
            const wish& w = requests_[i];
            poll* const p = find(w.adds ? nullptr : w.tag);
            if (w.adds) {
                edo_check::expect(p != nullptr, "more polls than the model has room for");
                p->tag = w.tag;
                if (w.finds != 0) add({w.tag, w.finds, false});
            } else if (p != nullptr) {
                add({p->tag, -ECANCELED, true});
                p->tag = nullptr;
            } else {
                add({nullptr, -ENOENT, true});
            }
        }
        request_count_ = 0;
    }

    poll* find(const void* tag) noexcept {
        for (poll& p : polls_)
            if (p.tag == tag) return &p;
        return nullptr;
    }

    void add(const report& r) noexcept {
        edo_check::expect(report_count_ != capacity, "more reports than the model has room for");
        reports_[report_count_++] = r;
    }

    bool pop(report& into) noexcept {
        const edo_check::mutex_lock held(lock_);
        if (report_count_ == 0) return false;
        into = reports_[0];
        --report_count_;
        for (unsigned i = 0; i < report_count_; ++i)
            reports_[i] = reports_[i + 1];
        return true;
    }

    static constexpr unsigned capacity = 8;
    edo_check::mutex lock_;
    edo_check::parker bell_;
    poll polls_[3] = {};
    wish requests_[capacity] = {};
    report reports_[capacity] = {};
    unsigned request_count_ = 0;
    unsigned report_count_ = 0;
    unsigned refused_ = 0;
};

}  // namespace edo::detail
