#include <edo/base/seam/fault.h>

#if defined(EDO_SEAMS)
#include <edo/base/random.h>
#include <edo/base/seam/atomic.h>

namespace edo::detail {
namespace {
// All relaxed: the counters order nothing, and a fault that fires one visit later is as good.
atomic<unsigned> rate{0};
atomic<unsigned long> root_seed{0};
atomic<unsigned long> fired{0};
atomic<unsigned long> threads{0};
}  // namespace

bool fault(const char*) noexcept {
    const unsigned one_in = rate.load(relaxed);  // see above: no ordering needed
    if (one_in == 0) return false;
    thread_local random coin{root_seed.load(relaxed) + threads.fetch_add(1, relaxed)};  // as above
    if (coin.below(one_in) != 0) return false;
    fired.fetch_add(1, relaxed);  // as above
    return true;
}

void enable_faults(unsigned long seed, unsigned one_in) noexcept {
    root_seed.store(seed, relaxed);  // as above
    fired.store(0, relaxed);         // as above
    rate.store(one_in, relaxed);     // as above
}

unsigned long faults_fired() noexcept {
    return fired.load(relaxed);  // a count, orders nothing
}

}  // namespace edo::detail
#endif
