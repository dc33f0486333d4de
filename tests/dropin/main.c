/* The exit status is 0 if everything was right. */
#include "dropin.h"

/* With an argument, refused problems are no failures. */
int main(int argc, char **argv) {
  (void)argv;
  dropin_may_refuse = argc > 1;
  return dropin_client();
}
