#include <edo/base/seam/sys.h>

#if defined(EDO_SEAMS)
namespace edo::detail::sys {
table current{};
}  // namespace edo::detail::sys
#endif
