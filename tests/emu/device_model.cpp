// The emulated machine: how many devices of which model it has.
#include <cstdlib>
#include <cstring>

#include "runtime.h"

namespace emu {

namespace {

// From the tables of compute capabilities in the CUDA programming guide; L2 sizes are those of a
// large chip of the family.
const DeviceModel kModels[] = {
    {"sm75", 75, 64, 64, 1024, 16, 6, 0, 0},     {"sm80", 80, 163, 164, 2048, 32, 40, 0, 0},
    {"sm86", 86, 99, 100, 1536, 16, 6, 0, 0},    {"sm89", 89, 99, 100, 1536, 24, 72, 0, 0},
    {"sm90", 90, 227, 228, 2048, 32, 50, 8, 16}, {"sm100", 100, 227, 228, 2048, 32, 126, 8, 16},
    {"sm120", 120, 99, 100, 1536, 24, 96, 8, 8},
};

constexpr int kDefaultSmCount = 4;

const DeviceModel *find_model(const char *name) {
  for (const DeviceModel &model : kModels) {
    if (strcmp(model.name, name) == 0) return &model;
  }
  fail("emulator", "there is no device '%s'", name);
}

struct Machine {
  const DeviceModel *model;
  int sm_count = kDefaultSmCount;
  int devices = 1;
  int free_sms = 0;     // for launches of blocks that run together; 0: all
  size_t l2_bytes = 0;  // instead of the model's
};

Machine &machine() {
  static Machine emulated = [] {
    const char *name = getenv("CUBN_EMU_DEVICE");
    Machine initial = {};
    initial.model = find_model(name != nullptr && *name != '\0' ? name : "sm90");
    return initial;
  }();
  return emulated;
}

}  // namespace

const DeviceModel &device_model() {
  return *machine().model;
}

size_t device_l2_bytes() {
  const size_t instead = machine().l2_bytes;
  return instead != 0 ? instead : static_cast<size_t>(device_model().l2_mib) << 20;
}

int sm_count() {
  return machine().sm_count;
}

int device_count() {
  return machine().devices;
}

int free_sms() {
  return machine().free_sms != 0 ? machine().free_sms : machine().sm_count;
}

void set_free_sms(int count) {
  machine().free_sms = count;
}

void set_device_model(const char *name, int sm_count) {
  machine().model = find_model(name);
  machine().sm_count = sm_count;
}

void set_l2_bytes(size_t bytes) {
  machine().l2_bytes = bytes;
}

void set_device_count(int count) {
  machine().devices = count;
  leave_missing_devices();
}

size_t emulated_memory_bytes() {
  // The trace build keeps about fifteen bytes of shadow for each byte that is used.
  static const size_t bytes = environment_number("CUBN_EMU_MEMORY_MIB", kTrace ? 1024 : 4096) << 20;
  return bytes;
}

}  // namespace emu
