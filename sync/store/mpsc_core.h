#pragma once

#include <cstddef>
#include <optional>
#include <system_error>
#include <utility>

#include <edo/base/check.h>
#include <edo/base/result.h>
#include <edo/base/seam/spin_lock.h>
#include <edo/sync/store/message.h>
#include <edo/sync/store/message_ring.h>
#include <edo/sync/store/read_window.h>
#include <edo/sync/wait/wait_list.h>
#include <edo/task/context.h>
#include <edo/task/frame/frame_pool.h>

namespace edo::detail {

inline constexpr std::size_t unbounded = ~std::size_t{0};

/// How an attempt to send, or to reserve room, stands. `needs_block`: it is to be made again with
/// more memory, without the lock meanwhile; that is the core's own concern.
enum class send_answer : unsigned char { waits, done, closed, no_memory, needs_block };

/// The error of an attempt that was given up; `waits` is one that was not to wait.
std::error_code error_of(send_answer answer) noexcept;

/// Waits for room: to send `message`, or for a permit if there is none.
template <class T>
struct send_request : wait_node {
    send_request() noexcept {}

    send_request(send_request&& other) noexcept : wait_node(std::move(other)) {}

    T* message = nullptr;
    send_answer answer = send_answer::waits;
};

/// What the ends of an mpsc channel share. Freed by the end that goes last.
///
/// One lock protects everything but the messages that the receiver has in its window, which it
/// takes without (read_window.h). Room that becomes free goes to the sender that waits longest, at
/// once: its message is moved into the ring, or a permit is counted for it. So nobody overtakes,
/// and while somebody waits for room there is none:
///
///     used_ = messages in the ring + permits;   senders wait  =>  used_ >= capacity_
///
/// Messages that were read count until they are settled, which is before it matters.
///
/// The ring has room for used_ + 1 messages at any time; so neither a hand-over nor putting back a
/// message that a dropped receive did not take needs memory.
/// No message is destroyed under the lock: its destructor is the user's code. Nor is memory taken
/// or given back, which may take long: who needs some leaves the lock, gets it and comes back, when
/// everything may have changed.
template <class T>
class mpsc_core {
public:
    static constexpr const char* closed_name = "mpsc closed";

    explicit mpsc_core(std::size_t capacity) noexcept : capacity_(capacity) {
        check_message_type<T>();
    }

    static void* operator new(std::size_t size) { return allocate_frame(size); }

    static void operator delete(void* memory, std::size_t size) noexcept {
        free_frame(memory, size);
    }

    // Senders.

    send_answer try_send(T& message) noexcept {
        spare_blocks<T> spare;
        do {
            wake_batch woken;
            spin_guard held(lock_);
            const send_answer answer = take_room_locked(spare);
            if (answer == send_answer::done) put_locked(message, woken);
            if (answer != send_answer::needs_block) [[likely]]
                return answer;
        } while (spare.allocate());
        return send_answer::no_memory;
    }

    /// Sends what needs nothing but room that is there, and wakes one receive at most: the usual
    /// way of poll_send(), in half of its instructions.
    /// Returns: false, having done nothing, when poll_send() is to be asked.
    bool send_at_once(T& message) noexcept {
        woken_task receiver;
        spin_guard held(lock_);
        if (closed_ || used_ >= capacity_ || !ring_.has_room_for(used_ + 2) ||
            !receiving_.has_one_at_most())
            return false;
        EDO_ASSERT(requests_.is_empty());  // for there is room: see above
        ++used_;
        ring_.push_back(std::move(message));
        if (wait_node* const waits = receiving_.front()) receiver.take(receiving_.fire(*waits));
        return true;
    }

    send_answer poll_send(send_request<T>& request, T& message, const context& cx) noexcept {
        spare_blocks<T> spare;
        do {
            wake_batch woken;
            spin_guard held(lock_);
            const send_answer answer = poll_room_locked(request, spare, cx);
            if (answer == send_answer::waits) {
                request.message = &message;
            } else if (answer == send_answer::done && request.message == nullptr) {
                put_locked(message, woken);
            }
            if (answer != send_answer::needs_block) [[likely]]
                return answer;
        } while (spare.allocate());
        return send_answer::no_memory;
    }

    void abandon_send(send_request<T>& request) noexcept {
        spin_guard held(lock_);
        requests_.forget(request);
        note_waits_locked();
    }

    send_answer try_reserve() noexcept {
        spare_blocks<T> spare;
        do {
            spin_guard held(lock_);
            const send_answer answer = take_room_locked(spare);
            if (answer == send_answer::done) ++permits_;
            if (answer != send_answer::needs_block) [[likely]]
                return answer;
        } while (spare.allocate());
        return send_answer::no_memory;
    }

    send_answer poll_reserve(send_request<T>& request, const context& cx) noexcept {
        spare_blocks<T> spare;
        do {
            spin_guard held(lock_);
            const bool was_fired = request.is_fired();
            const send_answer answer = poll_room_locked(request, spare, cx);
            if (answer == send_answer::done && !was_fired) ++permits_;
            if (answer != send_answer::needs_block) [[likely]]
                return answer;
        } while (spare.allocate());
        return send_answer::no_memory;
    }

    void abandon_reserve(send_request<T>& request) noexcept {
        wake_batch woken;
        spin_guard held(lock_);
        const bool was_fired = requests_.forget(request);
        note_waits_locked();
        if (was_fired && request.answer == send_answer::done) release_permit_locked(woken);
    }

    void send_reserved(T& message) noexcept {
        bool is_last = false;
        {
            wake_batch woken;
            spin_guard held(lock_);
            --permits_;
            if (receiver_gone_) {
                --used_;
            } else {
                put_locked(message, woken);
                if (is_ended_locked()) receiving_.fire_all(woken);
            }
            is_last = has_no_end_locked();
        }
        if (is_last) delete this;
    }

    void release_permit() noexcept {
        bool is_last = false;
        {
            wake_batch woken;
            spin_guard held(lock_);
            release_permit_locked(woken);
            is_last = has_no_end_locked();
        }
        if (is_last) delete this;
    }

    void add_sender() noexcept {
        spin_guard held(lock_);
        ++senders_;
    }

    void drop_sender() noexcept {
        bool is_last = false;
        {
            wake_batch woken;
            spin_guard held(lock_);
            --senders_;
            if (is_ended_locked()) receiving_.fire_all(woken);
            is_last = has_no_end_locked();
        }
        if (is_last) delete this;
    }

    bool poll_closed(wait_node& node, const context& cx) noexcept {
        spin_guard held(lock_);
        return closing_.poll(node, cx, closed_);
    }

    void abandon_closed(wait_node& node) noexcept {
        spin_guard held(lock_);
        closing_.forget(node);
    }

    // The receiver.

    /// Receives a message that is there, and looks for it with the lock when the window is empty.
    /// Returns: false, having done nothing, when poll_recv() is to be asked.
    bool recv_at_once(std::optional<T>& into) noexcept {
        if (window_.is_empty()) {
            spin_guard held(lock_);
            settle_locked();
            if (ring_.size() < 2) return take_only_locked(into);
            open_window_locked();
        }
        window_.take_to(into);
        if (window_.is_waited_for()) [[unlikely]]
            hand_out_read();
        return true;
    }

    bool poll_recv(wait_node& node, std::optional<T>& into, const context& cx) noexcept {
        spare_blocks<T> unused;
        wake_batch woken;
        spin_guard held(lock_);
        const bool is_over = recv_locked(into, unused, woken) || is_ended_locked();
        return receiving_.poll(node, cx, is_over);
    }

    /// Ends a receive that was not finished, and puts back a message that was not taken.
    void abandon_recv(wait_node& node, std::optional<T>& untaken) noexcept {
        spare_blocks<T> spare;
        do {
            wake_batch woken;
            spin_guard held(lock_);
            settle_locked();
            // Room for one more is there, see above, unless several receives are dropped at once or
            // the ring has just shrunk.
            if (untaken && !ring_.make_room(used_ + 1, spare)) continue;
            receiving_.forget(node);
            if (untaken) {
                ++used_;
                ring_.push_front(std::move(*untaken));
                window_.open(nullptr, 0);  // it began behind this message
            }
            if (!ring_.is_empty() || is_ended_locked()) receiving_.fire_all(woken);
            return;
        } while (spare.allocate());
        EDO_CHECK(false, "out of memory while a dropped mpsc receive put its message back");
    }

    result<T> try_recv() noexcept {
        std::optional<T> taken;
        if (recv_at_once(taken)) return std::move(*taken);
        spare_blocks<T> unused;
        wake_batch woken;
        spin_guard held(lock_);
        if (recv_locked(taken, unused, woken)) return std::move(*taken);
        if (is_ended_locked()) return errc::closed;
        return errc::would_block;
    }

    void close() noexcept {
        wake_batch woken;
        spin_guard held(lock_);
        close_locked(woken);
    }

    void drop_receiver() noexcept {
        // destroyed when the lock is free and the senders are queued: may run the user's code
        std::optional<message_ring<T>> unread;
        bool is_last = false;
        {
            wake_batch woken;
            spin_guard held(lock_);
            EDO_CHECK(receiving_.is_empty(),
                      "an mpsc receiver was destroyed while a task waits in its recv()");
            close_locked(woken);
            settle_locked();
            receiver_gone_ = true;
            used_ = permits_;
            unread.emplace(std::move(ring_));
            is_last = has_no_end_locked();
        }
        if (is_last) delete this;
    }

    bool is_closed() const noexcept {
        spin_guard held(lock_);
        return closed_;
    }

    std::size_t size() const noexcept {
        spin_guard held(lock_);
        return ring_.size() - window_.unsettled();
    }

    std::size_t room() const noexcept {
        spin_guard held(lock_);
        const std::size_t used = used_ - window_.unsettled();
        return used < capacity_ ? capacity_ - used : 0;
    }

    std::size_t capacity() const noexcept { return capacity_; }

private:
    /// Nothing will come any more besides what is in the ring.
    bool is_ended_locked() const noexcept { return permits_ == 0 && (senders_ == 0 || closed_); }

    send_answer take_room_locked(spare_blocks<T>& spare) noexcept {
        if (closed_) return send_answer::closed;
        if (!requests_.is_empty()) return send_answer::waits;
        if (used_ >= capacity_ || !ring_.has_room_for(used_ + 2)) settle_locked();
        if (used_ >= capacity_) return send_answer::waits;
        if (!ring_.make_room(used_ + 2, spare)) return send_answer::needs_block;
        ++used_;
        return send_answer::done;
    }

    send_answer poll_room_locked(send_request<T>& request,
                                 spare_blocks<T>& spare,
                                 const context& cx) noexcept {
        if (!request.is_known()) {
            send_answer answer = take_room_locked(spare);
            if (answer == send_answer::waits && requests_.is_empty()) {
                window_.set_waiting(true);  // W
                answer = take_room_locked(spare);
                if (answer != send_answer::waits) note_waits_locked();
            }
            if (answer != send_answer::waits) return answer;
        } else if (request.is_fired()) {
            requests_.forget(request);
            return request.answer;
        }
        requests_.wait(request, cx);
        return send_answer::waits;
    }

    void put_locked(T& message, wake_batch& woken) noexcept {
        ring_.push_back(std::move(message));
        receiving_.fire_all(woken);  // the first may be in a variable, where nobody polls it
    }

    bool recv_locked(std::optional<T>& into, spare_blocks<T>& unused, wake_batch& woken) noexcept {
        settle_locked();
        if (ring_.is_empty()) {
            if (capacity_ == unbounded && permits_ == 0) ring_.shrink(unused);
            return false;
        }
        if (window_.is_empty()) open_window_locked();
        window_.take_to(into);
        settle_locked();
        hand_out_room_locked(woken);
        return true;
    }

    /// Takes the only message, for which no window is worth its while, unless a sender waits.
    bool take_only_locked(std::optional<T>& into) noexcept {
        if (ring_.is_empty() || !requests_.is_empty()) return false;
        ring_.pop_front_to(into);
        --used_;
        return true;
    }

    /// Requires: there are messages, and nothing is left to settle.
    void open_window_locked() noexcept { window_.open(ring_.front(), ring_.side_by_side()); }

    void settle_locked() noexcept {
        const std::size_t read = window_.settle();
        if (read == 0) return;
        ring_.drop_read(read);
        used_ -= read;
    }

    [[gnu::noinline]] void hand_out_read() noexcept {
        wake_batch woken;
        spin_guard held(lock_);
        settle_locked();
        hand_out_room_locked(woken);
    }

    /// Gives room that has become free to those who wait for it.
    void hand_out_room_locked(wake_batch& woken) noexcept {
        while (used_ < capacity_ && !requests_.is_empty()) {
            auto* const first = static_cast<send_request<T>*>(requests_.front());
            ++used_;
            first->answer = send_answer::done;
            if (first->message != nullptr) {
                put_locked(*first->message, woken);
            } else {
                ++permits_;
            }
            requests_.fire(*first, woken);
        }
        note_waits_locked();
    }

    void note_waits_locked() noexcept {
        if (requests_.is_empty()) window_.set_waiting(false);
    }

    void release_permit_locked(wake_batch& woken) noexcept {
        --permits_;
        --used_;
        hand_out_room_locked(woken);
        if (is_ended_locked()) receiving_.fire_all(woken);
    }

    void close_locked(wake_batch& woken) noexcept {
        if (closed_) return;
        closed_ = true;
        while (auto* first = static_cast<send_request<T>*>(requests_.front())) {
            first->answer = send_answer::closed;
            requests_.fire(*first, woken);
        }
        note_waits_locked();
        closing_.fire_all(woken);
        if (is_ended_locked()) receiving_.fire_all(woken);
    }

    /// Who finds that frees the core, when the lock is free.
    bool has_no_end_locked() const noexcept {
        return senders_ == 0 && permits_ == 0 && receiver_gone_;
    }

    mutable spin_lock lock_;
    bool closed_ = false;
    bool receiver_gone_ = false;
    const std::size_t capacity_;
    std::size_t used_ = 0;
    std::size_t permits_ = 0;
    std::size_t senders_ = 1;
    message_ring<T> ring_;
    wait_list requests_;
    wait_list receiving_;
    wait_list closing_;
    [[maybe_unused]] char apart_[64];  // so that the receiver has a line of the cache for itself
    read_window<T> window_;
};

}  // namespace edo::detail
