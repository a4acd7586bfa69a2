#pragma once

namespace edo::model {

/// How often wake() of the model's reactor was called in this run.
unsigned reactor_calls() noexcept;

}  // namespace edo::model
