#include "channel.h"
#include "engine.h"

namespace edo_check {

bool channel::put(void* item) noexcept {
    engine& e = engine::get();
    e.step();
    log_ = e.print().saw(e.current(), log_);
    if (is_closed_) return false;
    if (count_ == capacity) e.fail("more is queued than the checker has room for");
    items_[(first_ + count_++) % capacity] = item;
    view mine;
    e.shared().publish(e.current(), mine);
    released_.join(mine);
    return true;
}

void* channel::take() noexcept {
    engine& e = engine::get();
    e.step();
    e.wait_until({.is_ready =
                      [](const void* on, unsigned) noexcept {
                          const auto& me = *static_cast<const channel*>(on);
                          return me.count_ != 0 || me.is_closed_;
                      },
                  .on = this,
                  .name = "something to do"});
    log_ = e.print().saw(e.current(), log_);
    e.shared().learn(e.current(), released_);
    if (count_ == 0) return nullptr;
    --count_;
    void* const item = items_[first_];
    first_ = (first_ + 1) % capacity;
    return item;
}

void channel::close() noexcept {
    engine& e = engine::get();
    e.step();
    log_ = e.print().saw(e.current(), log_);
    is_closed_ = true;
    view mine;
    e.shared().publish(e.current(), mine);
    released_.join(mine);
}

}  // namespace edo_check
