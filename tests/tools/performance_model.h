/* What a launch of a kernel is expected to take on an H100, from what its machine code is like
 * (scripts/sass_limits.txt). Nothing is measured: every constant of the device is an assumption,
 * whose source performance_model.c states. */
#ifndef CUBN_TESTS_PERFORMANCE_MODEL_H
#define CUBN_TESTS_PERFORMANCE_MODEL_H

enum { MODEL_SMS = 132 };

/* The rate of copies that others measured on H100s. */
#define MODEL_COPY_BYTES_PER_US 3.0e6

/* A launch. `inputs` tensors of `elements` elements are read and one is written. */
typedef struct model_launch {
  char kernel[128];    /* as scripts/sass_limits.txt has it */
  double blocks;       /* tasks, if the blocks of the kernel take tasks */
  double shared_bytes; /* of a block */
  int columns;         /* the layout is columns */
  double elements, element_bytes, inputs;
  double memory_bytes; /* that memory moves; if 0, what the loops say */
  double all_reduces;  /* of cooperative, during which nothing else happens */
} model_launch;

enum { MODEL_MEMORY, MODEL_ISSUE, MODEL_FLIGHT, MODEL_SERIAL, MODEL_LAUNCH, MODEL_PARTS };
extern const char *const model_part_names[MODEL_PARTS];

/* Reads the table of `file`. The result is 0 if there is none. */
int model_read(const char *file);

/* Adds the time of a launch to parts[], by what limits it, in us. `earlier_bytes` are those that
 * an earlier launch of the call has read of the inputs. The result is 0, and a line is printed, if
 * the table lacks a loop. */
int model_add(const model_launch *launch, double earlier_bytes, double parts[MODEL_PARTS]);

/* Shortens the name of a kernel as scripts/sass.py does. */
void model_shorten(const char *name, char *to, unsigned long size);

#endif
