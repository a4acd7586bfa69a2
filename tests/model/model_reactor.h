#pragma once

namespace edo::model {

/// How often wake() of the model's reactor was called in this run.
unsigned reactor_calls() noexcept;

/// The next `count` attempts of this run to make a reactor fail, as for want of descriptors.
void refuse_reactors(unsigned count) noexcept;

}  // namespace edo::model
