#include "kit/data.h"

double data_uniform(uint64_t stream, uint64_t index) {
  /* The finalizer of splitmix64 (Steele, Lea and Flood 2014), over both numbers. */
  uint64_t z = (index + 1) * 0x9e3779b97f4a7c15u ^ (stream + 1) * 0xd1b54a32d192ed03u;
  for (int round = 0; round < 2; ++round) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
  }
  return (double)(z >> 11) * 0x1p-53;
}
