/* A program that does not know cuDNN and loads, locally, a plugin that is linked to it, as Python
 * loads its extensions: host PLUGIN. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
  void *plugin = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  void *symbol = plugin ? dlsym(plugin, "dropin_client") : NULL;
  if (!symbol) {
    fprintf(stderr, "host: %s\n", argc == 2 ? dlerror() : "usage: host PLUGIN");
    return 2;
  }
  int (*client)(void);
  memcpy(&client, &symbol, sizeof client);
  return client();
}
