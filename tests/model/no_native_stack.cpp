// The monitor's look at a blocked thread, without one: threads of the model are fibers, and what
// reads their stacks takes no part in any protocol.

#include <edo/runtime/native_stack/native_stack.h>

namespace edo::detail {

modules::modules() {}

void native_stack::look(address, address) noexcept {}

bool native_stack::interrupt_and_look(int) noexcept {
    return false;
}

std::string native_stack::text() const {
    return {};
}

}  // namespace edo::detail
