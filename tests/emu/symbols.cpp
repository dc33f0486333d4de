// Kernels by address: how to call them, their names, and the source line of an instruction.
#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "engine.h"

namespace emu {

namespace {

std::map<const void *, KernelRecord> &kernels() {
  static std::map<const void *, KernelRecord> records;
  return records;
}

// The loaded file that contains an address, and by how much it was moved when it was loaded.
struct LoadedFile {
  std::string path;
  uintptr_t moved_by = 0;
  std::vector<char> image;
};

bool read_file(const std::string &path, std::vector<char> &image) {
  FILE *file = fopen(path.c_str(), "rb");
  if (file == nullptr) return false;
  char chunk[65536];
  size_t got;
  while ((got = fread(chunk, 1, sizeof chunk, file)) > 0) {
    image.insert(image.end(), chunk, chunk + got);
  }
  fclose(file);
  return image.size() > sizeof(Elf64_Ehdr) && memcmp(image.data(), ELFMAG, SELFMAG) == 0;
}

const LoadedFile *file_of(const void *address) {
  static std::map<const void *, LoadedFile> files;
  Dl_info info;
  if (dladdr(address, &info) == 0) return nullptr;
  auto found = files.find(info.dli_fbase);
  if (found != files.end()) return &found->second;
  LoadedFile &file = files[info.dli_fbase];
  // The name of the program itself is argv[0], which need not be a path from the current folder.
  file.path = info.dli_fname;
  if (!read_file(file.path, file.image)) {
    file.path = "/proc/self/exe";
    file.image.clear();
    if (!read_file(file.path, file.image)) file.image.clear();
  }
  if (!file.image.empty()) {
    const auto *header = reinterpret_cast<const Elf64_Ehdr *>(file.image.data());
    if (header->e_type == ET_DYN) file.moved_by = reinterpret_cast<uintptr_t>(info.dli_fbase);
  }
  return &file;
}

// Reads the full symbol table, because kernels are usually static or in anonymous namespaces.
const char *symbol_at(const LoadedFile &file, uintptr_t address) {
  if (file.image.empty()) return nullptr;
  const char *image = file.image.data();
  const auto *header = reinterpret_cast<const Elf64_Ehdr *>(image);
  const auto *sections = reinterpret_cast<const Elf64_Shdr *>(image + header->e_shoff);
  for (unsigned i = 0; i < header->e_shnum; ++i) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    const auto *symbols = reinterpret_cast<const Elf64_Sym *>(image + sections[i].sh_offset);
    const char *names = image + sections[sections[i].sh_link].sh_offset;
    for (size_t k = 0; k < sections[i].sh_size / sizeof(Elf64_Sym); ++k) {
      const bool function = ELF64_ST_TYPE(symbols[k].st_info) == STT_FUNC;
      if (function && symbols[k].st_value == address) return names + symbols[k].st_name;
    }
  }
  return nullptr;
}

std::string find_name(const void *function) {
  const LoadedFile *file = file_of(function);
  const char *symbol =
      file != nullptr ? symbol_at(*file, reinterpret_cast<uintptr_t>(function) - file->moved_by)
                      : nullptr;
  if (symbol == nullptr) {
    char text[32];
    snprintf(text, sizeof text, "kernel@%p", function);
    return text;
  }
  int status = 0;
  char *demangled = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
  const std::string name = demangled != nullptr ? demangled : symbol;
  free(demangled);
  return name;
}

}  // namespace

void register_kernel(const KernelRecord &record) {
  kernels().emplace(record.function, record);
}

const KernelRecord *find_kernel(const void *function) {
  auto found = kernels().find(function);
  return found != kernels().end() ? &found->second : nullptr;
}

const char *function_name(const void *function) {
  static std::map<const void *, std::string> names;
  std::string &name = names[function];
  if (name.empty()) name = find_name(function);
  return name.c_str();
}

std::string describe_code(void *return_address) {
  // The return address may already belong to the next line.
  const uintptr_t address = reinterpret_cast<uintptr_t>(return_address) - 1;
  char text[512];
  snprintf(text, sizeof text, "instruction %p", return_address);
  const LoadedFile *file = file_of(return_address);
  if (file == nullptr) return text;
  char command[1024];
  const char *path = file->path == "/proc/self/exe" ? "/proc/$PPID/exe" : file->path.c_str();
  snprintf(command, sizeof command, "addr2line -e %s 0x%zx 2>/dev/null", path,
           static_cast<size_t>(address - file->moved_by));
  FILE *pipe = popen(command, "r");
  if (pipe == nullptr) return text;
  char line[512];
  if (fgets(line, sizeof line, pipe) != nullptr && line[0] != '?') {
    line[strcspn(line, "\n")] = '\0';
    snprintf(text, sizeof text, "%s", line);
  }
  pclose(pipe);
  return text;
}

}  // namespace emu
