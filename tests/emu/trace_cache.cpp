// A cache of the size that the device reports for its L2: fully associative, with LRU replacement,
// cold when the launches are reset. Writes bypass it, as if they were evicted first. It counts the
// bytes of reads that come from memory.
#include "trace.h"

namespace emu {

namespace {

constexpr size_t kSectorBytes = 32;

// A ring of the sectors that are cached, and one entry (0) where it begins and ends.
struct Entry {
  uint32_t newer;
  uint32_t older;
};

Entry *entries;
size_t held_sectors;

void unlink(uint32_t entry) {
  entries[entries[entry].newer].older = entries[entry].older;
  entries[entries[entry].older].newer = entries[entry].newer;
  entries[entry] = Entry{};
}

void link_as_newest(uint32_t entry) {
  const uint32_t newest = entries[0].older;
  entries[entry] = {0, newest};
  entries[newest].newer = entry;
  entries[0].older = entry;
}

bool is_held(uint32_t entry) {
  return entries[entry].newer != 0 || entries[entry].older != 0 || entries[0].older == entry;
}

void read_sector(uint32_t entry) {
  if (is_held(entry)) {
    unlink(entry);
    --held_sectors;
  } else {
    current_counts.missed_read_bytes += kSectorBytes;
  }
  link_as_newest(entry);
  if (++held_sectors > device_l2_bytes() / kSectorBytes) {
    unlink(entries[0].newer);
    --held_sectors;
  }
}

}  // namespace

void trace_cache_clear() {
  if (entries == nullptr) return;
  while (held_sectors > 0) {
    unlink(entries[0].newer);
    --held_sectors;
  }
}

void trace_cache_read(size_t offset, size_t size_bytes) {
  if (entries == nullptr) {
    const size_t sectors = trace_memory.heap_bytes / kSectorBytes;
    entries = static_cast<Entry *>(trace_reserve_range((sectors + 1) * sizeof(Entry)));
  }
  const size_t last = (offset + size_bytes - 1) / kSectorBytes;
  for (size_t sector = offset / kSectorBytes; sector <= last; ++sector) {
    read_sector(static_cast<uint32_t>(sector + 1));
  }
}

}  // namespace emu
