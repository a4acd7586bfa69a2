#include <edo/task/await/foreign.h>

namespace edo::detail {

relay relay::make() {
    co_return;
}

}  // namespace edo::detail
