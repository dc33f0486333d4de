/* Exit status 0: all was right. */
#include "client.h"

/* With an argument: refused problems are no failures. */
int main(int argc, char **argv) {
  (void)argv;
  dropin_may_refuse = argc > 1;
  return dropin_client();
}
