#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <edo/base/seam/atomic.h>

namespace edo::detail {

// shared_value: one reference to a value that several readers look at. The value is written before
// the first copy of the reference is made and only read afterwards, so only the count is shared.
//
//  mark  where      transition  ordering  pairs with
//  N     copy       +1          relaxed   nothing: the copied reference keeps the value alive
//  R     drop       -1          acq_rel   R of the others: the last one destroys, after all reads
//  U     is_unique  reads 1     acquire   R of the others: the only one left may move the value out
//
// Models: tests/model/broadcast_model.cpp, tests/model/watch_model.cpp.
template <class T>
class shared_value {
public:
    shared_value() noexcept {}

    template <class... Args>
    explicit shared_value(std::in_place_t, Args&&... args)
        : record_(new record(std::forward<Args>(args)...)) {}

    shared_value(const shared_value& other) noexcept : record_(other.record_) {
        if (record_ != nullptr) record_->refs.fetch_add(1, relaxed);  // N
    }

    shared_value(shared_value&& other) noexcept : record_(std::exchange(other.record_, nullptr)) {}

    shared_value& operator=(shared_value other) noexcept {
        swap(other);
        return *this;
    }

    ~shared_value() {
        if (record_ != nullptr && record_->refs.fetch_sub(1, acq_rel) == 1) delete record_;  // R
    }

    void swap(shared_value& other) noexcept { std::swap(record_, other.record_); }

    explicit operator bool() const noexcept { return record_ != nullptr; }

    const T& operator*() const noexcept { return record_->value; }

    const T* operator->() const noexcept { return &record_->value; }

    bool is_unique() const noexcept { return record_->refs.load(acquire) == 1; }  // U

    /// The value itself. Requires: is_unique(), or nobody reads it yet.
    T& exclusive() noexcept { return record_->value; }

private:
    struct record {
        template <class... Args>
        explicit record(Args&&... args) : value(std::forward<Args>(args)...) {}

        atomic<std::uint32_t> refs{1};
        T value;
    };

    record* record_ = nullptr;
};

}  // namespace edo::detail
