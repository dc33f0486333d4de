/* Tiles to and from memory. */
#include "cpu/plain/job.h"

void cubn_load_tile(const cubn_tile *tile, cubn_array array, const void *base, double *values) {
  const cubn_job *job = tile->job;
  const int64_t width = tile->group->width, count = tile->samples * width;
  for (int64_t done = 0; done < count;) {
    const int64_t sample = done / width;
    const cubn_patch patch = job->plan.patch(job->problem, tile->group, array, tile->first + sample,
                                             tile->samples - sample);
    job->type->load(base, patch, values + done);
    done += patch.rows * patch.count;
  }
}

void cubn_store_tile(const cubn_tile *tile, cubn_array array, const double *values, void *base) {
  const cubn_job *job = tile->job;
  const int64_t width = tile->group->width, count = tile->samples * width;
  for (int64_t done = 0; done < count;) {
    const int64_t sample = done / width;
    const cubn_patch patch = job->plan.patch(job->problem, tile->group, array, tile->first + sample,
                                             tile->samples - sample);
    job->type->store(values + done, patch, base);
    done += patch.rows * patch.count;
  }
}
