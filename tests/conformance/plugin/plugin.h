#pragma once

/// What the plugin offers. `workers` is 0 for a current-thread runtime.
/// Returns: how many messages of its echo came back, or less than 0 when something failed, or was
///          left alive; a line on the standard error output says what.
extern "C" [[gnu::visibility("default")]] int use_edo(unsigned workers, const char* reactor);
