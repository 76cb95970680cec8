// The processes that this R session joined: see core/training/exchange_c10d.h.
#pragma once

#include "../core/training/exchange.h"

namespace sailer {

// Null when it trains alone.
Exchange* joined_processes();

}  // namespace sailer
