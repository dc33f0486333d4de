// Integer arithmetic of the plans.
#pragma once
#include <cstdint>

namespace cubn {

// For a >= 0 and b > 0.
constexpr int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}
constexpr int64_t round_up(int64_t a, int64_t b) {
  return ceil_div(a, b) * b;
}
// The result is at least `low`, even if `high` is less.
constexpr int64_t clamp(int64_t value, int64_t low, int64_t high) {
  return value > high ? high : value < low ? low : value;
}

}  // namespace cubn
