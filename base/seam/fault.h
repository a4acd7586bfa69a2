#pragma once
// Fault points: places where a rare branch can be made common. Constant false in production.

#if defined(EDO_SEAMS)
namespace edo::detail {
/// True when the running test wants the rare branch `name` to be taken now.
bool fault(const char* name) noexcept;
/// Lets each fault point fire about once in `one_in` visits, in an order given by `seed`; 0
/// switches all off.
void enable_faults(unsigned long seed, unsigned one_in) noexcept;
/// How often fault points have fired since they were enabled.
unsigned long faults_fired() noexcept;
}  // namespace edo::detail

#define EDO_FAULT(name) ::edo::detail::fault(name)
#else
#define EDO_FAULT(name) false
#endif
