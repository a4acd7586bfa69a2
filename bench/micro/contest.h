#pragma once

#include "asio_side.h"
#include "edo_side.h"
#include "entry.h"

namespace bench {

/// Registers both sides next to each other, so that they also run next to each other.
template <class EdoBody, class AsioBody>
void add(const contest& asked, EdoBody edo_body, AsioBody asio_body) {
    for (unsigned workers = asked.fewest_workers; workers <= asked.most_workers; ++workers) {
        enter<edo_side>(asked, workers, edo_body);
        enter<asio_side>(asked, workers, asio_body);
    }
}

}  // namespace bench
