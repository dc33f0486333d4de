#ifdef CUBN_TESTS_EMULATED
#include "suites/support/cuda_steps.h"

#include <string.h>

#include "core/check.h"
#include "core/handle.h"
#include "suites/support/expect_error.h"

static cubnStatus_t open_handle(cuda_fixture *f) {
  return cubnCreateOnDevice(&f->handle, f->device);
}

static cubnStatus_t open_buffer(cuda_fixture *f) {
  CUBN_TRY(open_handle(f));
  return cubnCreateBuffer(f->handle, sizeof f->bytes, &f->buffer);
}

static cubnStatus_t open_stream(cuda_fixture *f) {
  CUBN_TRY(open_handle(f));
  cudaSetDevice(f->device[5] - '0'); /* "cuda:N" */
  cudaStreamCreate(&f->stream);
  cudaSetDevice(0);
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t open_run(cuda_fixture *f) {
  line_problem problem;
  char report[512] = "";
  CUBN_TRY(open_handle(f));
  CU_ASSERT_PTR_NULL(line_parse(f->line, &problem));
  SUITE_CHECK(run_create(f->handle, &problem, &f->data, report, sizeof report), "%s", report);
  return run_open(&f->run, f->handle, &problem, &f->data);
}

/* Two virtual batches, with room for what they count. */
static cubnStatus_t open_virtual(cuda_fixture *f) {
  CUBN_TRY(open_run(f));
  CUBN_TRY(cubnCreateBuffer(f->handle, sizeof f->bytes, &f->buffer));
  return cubnSetBatchNormAttribute(f->run.batch_norm, CUBN_BATCHNORM_VIRTUAL_BATCH, 4);
}

static cubnStatus_t open_double(cuda_fixture *f) {
  const double_case c = {.type = CUBN_DATA_FLOAT,
                         .dims = {3, 4, 5, 2},
                         .mode = CUBN_BATCHNORM_SPATIAL,
                         .epsilon = 1e-3,
                         .seed = 1};
  CUBN_TRY(open_handle(f));
  double_open(&f->twice, f->handle, &c);
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t open_int8(cuda_fixture *f) {
  const int8_case c = {.dims = {3, 5, 4, 3},
                       .epsilon = 1e-3,
                       .x_scale = 0.05,
                       .y_scale = 0.03,
                       .activation = CUBN_ACTIVATION_IDENTITY,
                       .seed = 1};
  CUBN_TRY(open_handle(f));
  int8_open(&f->quantized, f->handle, &c);
  return CUBN_STATUS_SUCCESS;
}

void cuda_step_end(cuda_fixture *f) {
  if (f->run.handle) run_close(&f->run);
  if (f->twice.descriptor) double_close(&f->twice);
  if (f->quantized.descriptor) int8_close(&f->quantized);
  data_destroy(&f->data);
  cubnDestroyBuffer(f->buffer);
  cubnDestroy(f->handle);
  if (f->stream) cudaStreamDestroy(f->stream);
}

static cubnStatus_t do_nothing(cuda_fixture *f) {
  (void)f;
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t do_set_stream(cuda_fixture *f) {
  const cubnStatus_t status = cubnSetStream(f->handle, f->stream);
  cubnStream_t current;
  cubnGetStream(f->handle, &current);
  CU_ASSERT_EQUAL(current, status == CUBN_STATUS_SUCCESS ? f->stream : NULL);
  if (status != CUBN_STATUS_SUCCESS) { /* the handle does not use it, so it may go */
    cudaStreamDestroy(f->stream);
    f->stream = NULL;
  }
  return status;
}

static cubnStatus_t do_create_buffer(cuda_fixture *f) {
  return cubnCreateBuffer(f->handle, sizeof f->bytes, &f->buffer);
}

static cubnStatus_t do_upload(cuda_fixture *f) {
  return cubnUploadBuffer(f->buffer, 0, f->bytes, sizeof f->bytes);
}

static cubnStatus_t do_download(cuda_fixture *f) {
  return cubnDownloadBuffer(f->buffer, 0, f->bytes, sizeof f->bytes);
}

static cubnStatus_t do_fill(cuda_fixture *f) {
  return cubnFillBuffer(f->buffer, 1);
}

static cubnStatus_t do_destroy_buffer(cuda_fixture *f) {
  const cubnBuffer_t buffer = f->buffer;
  f->buffer = NULL;
  return cubnDestroyBuffer(buffer);
}

static cubnStatus_t do_destroy(cuda_fixture *f) {
  const cubnHandle_t handle = f->handle;
  f->handle = NULL;
  return cubnDestroy(handle);
}

static cubnStatus_t do_synchronize(cuda_fixture *f) {
  return cubnSynchronize(f->handle);
}

static cubnStatus_t do_query(cuda_fixture *f) {
  cubnStatus_t found = CUBN_STATUS_SUCCESS;
  CUBN_TRY(cubnQueryRuntimeError(f->handle, &found, CUBN_ERRQUERY_NONBLOCKING, NULL));
  return found;
}

static cubnStatus_t do_run(cuda_fixture *f) {
  return run_call(&f->run);
}

/* x of a training line as the weights, six outputs with six inputs each. */
static cubnStatus_t do_fold(cuda_fixture *f) {
  void *const *const at = f->run.pointers;
  return cubnFoldBatchNorm(f->handle, f->run.tensors[LINE_X], at[DATA_X], NULL, at[DATA_SCALE],
                           at[DATA_BIAS], at[DATA_SAVED_MEAN], at[DATA_RUNNING_VAR], 1e-3, NULL,
                           at[DATA_OUTPUT], at[DATA_RUNNING_MEAN]);
}

/* The same weights, with the columns as inputs of this layer. */
static cubnStatus_t do_fold_behind(cuda_fixture *f) {
  void *const *const at = f->run.pointers;
  return cubnFoldBatchNormBehind(f->handle, f->run.tensors[LINE_X], at[DATA_X], NULL, 1,
                                 at[DATA_SCALE], at[DATA_BIAS], at[DATA_SAVED_MEAN],
                                 at[DATA_RUNNING_VAR], 1e-3, NULL, at[DATA_OUTPUT],
                                 at[DATA_RUNNING_MEAN], at[DATA_SAVED_INV_STD]);
}

static cubnStatus_t do_count(cuda_fixture *f) {
  int64_t count;
  return cubnCountNonfinite(f->handle, f->run.tensors[LINE_X], f->run.pointers[DATA_X], &count);
}

static cubnStatus_t do_virtual(cuda_fixture *f) {
  cubnBatchNormTensors_t tensors = run_tensors(&f->run);
  void *memory;
  CUBN_TRY(cubnGetBufferPointer(f->buffer, &memory));
  tensors.nonfinite = memory;
  return cubnBatchNormForward(f->handle, f->run.batch_norm, &tensors);
}

static cubnStatus_t do_double(cuda_fixture *f) {
  return cubnBatchNormDoubleBackward(f->handle, f->twice.descriptor, &f->twice.call);
}

static cubnStatus_t do_int8(cuda_fixture *f) {
  return cubnBatchNormForwardInt8(f->handle, f->quantized.descriptor, &f->quantized.call);
}

static cubnStatus_t do_normalization(cuda_fixture *f) {
  return run_normalization(&f->run);
}

const cuda_step cuda_steps[] = {
    {"cubnCreateOnDevice", do_nothing, open_handle, NULL},
    {"cubnSetStream", open_stream, do_set_stream, NULL},
    {"cubnCreateBuffer", open_handle, do_create_buffer, NULL},
    {"cubnUploadBuffer", open_buffer, do_upload, NULL},
    {"cubnDownloadBuffer", open_buffer, do_download, NULL},
    {"cubnFillBuffer", open_buffer, do_fill, NULL},
    {"cubnDestroyBuffer", open_buffer, do_destroy_buffer, NULL},
    {"cubnDestroy", open_handle, do_destroy, NULL},
    {"cubnSynchronize", open_handle, do_synchronize, NULL},
    {"cubnQueryRuntimeError", open_handle, do_query, NULL},
    {"resident", open_run, do_run, "train nchw f32 n8c6h8w8"},
    {"two_pass", open_run, do_run, "train nchw f32 n8c6h8w8"},
    {"strided", open_run, do_run, "train nchw f32 n8c6h8w8"},
    {"inference", open_run, do_run, "infer nhwc f16 n2c3h4w5"},
    {"strided", open_run, do_run, "infer nhwc f16 n2c3h4w5"},
    {"resident", open_run, do_run, "backward nhwc f32 n2c6h8w8 nosaved"},
    {"cluster", open_run, do_run, "backward nhwc f32 n8c6h8w8 nosaved"},
    {"streamed", open_run, do_run, "backward nhwc f32 n8c8h8w8"},
    {"cooperative", open_run, do_run, "backward nhwc f32 n8c6h8w8"},
    {"two_pass", open_run, do_run, "backward nhwc f32 n8c6h8w8 nosaved"},
    {"strided", open_run, do_run, "backward nhwc f32 n8c6h8w8 nosaved"},
    {"strided", open_run, do_run, "backward nc f32 n0c6"},
    {"resident", open_run, do_run, "train nchw f32 n8c6h8w8 add_relu"},
    {"two_pass", open_run, do_run, "train nhwc f16 n8c6h8w8 swish"},
    {"strided", open_run, do_run, "train nchw+1 bf16 n8c6h8w8 relu"},
    {"inference", open_run, do_run, "infer nhwc f16 n2c8h4w5 add_relu reserve"},
    {"inference", open_run, do_run, "infer nhwc f16 n2c3h4w5 add_relu"},
    {"cluster", open_run, do_run, "backward nhwc f32 n8c8h8w8 add_relu"},
    {"two_pass", open_run, do_run, "backward nchw f16 n8c6h8w8 add_gelu"},
    {"strided", open_run, do_run, "backward nchw+1 f32 n8c6h8w8 relu"},
    {"two_pass", open_run, do_run, "train nchw f32 n8c6h8w8 statistics devfactor"},
    {"two_pass", open_run, do_run, "train nhwc f32 n8c6h8w8 noscale nobias separate biased"},
    {"two_pass", open_run, do_run, "backward nhwc f32 n8c6h8w8 frozen"},
    {"two_pass", open_run, do_run, "backward nhwc f32 n8c6h8w8 sums"},
    {"two_pass", open_run, do_run, "backward nhwc f32 n8c6h8w8 nodx"},
    {"inference", open_run, do_run, "infer nhwc f32 n2c3h4w5 invstd"},
    {"strided", open_run, do_run, "train nchw f32 n8c6h8w8 mask"},
    {"strided", open_run, do_run, "train nchw f32 n8c6h8w8 lengths=2 keep"},
    {"strided", open_run, do_run, "infer nchw f32 n8c6h8w8 maskn"},
    {"strided", open_run, do_run, "backward nhwc f32 n8c6h8w8 mask"},
    {"two_pass", open_run, do_run, "train nchw f32 n8c6h8w8 r_max=2 d_max=1"},
    {"two_pass", open_run, do_run, "backward nhwc f32 n8c6h8w8 from_y"},
    {"two_pass", open_run, do_run, "train nhwc f32 n8c6h8w8 unbiased guard low"},
    {"cubnFoldBatchNorm", open_run, do_fold, "train nc f32 n6c6"},
    {"cubnFoldBatchNormBehind", open_run, do_fold_behind, "train nc f32 n6c6"},
    {"cubnCountNonfinite", open_run, do_count, "train nchw f32 n8c6h8w8"},
    {"cubnBatchNormForward", open_virtual, do_virtual, "train nchw f32 n8c6h8w8 nosaved guard"},
    {"cubnBatchNormDoubleBackward", open_double, do_double, "double backward"},
    {"cubnBatchNormForwardInt8", open_int8, do_int8, "int8"},
    {"cubnNormalizationForwardTraining", open_run, do_normalization,
     "train nchw f32 n8c6h8w8 add_relu"},
    {"cubnNormalizationForwardInference", open_run, do_normalization,
     "infer nchw f32 n8c6h8w8 add_relu"},
    {"cubnNormalizationBackward", open_run, do_normalization,
     "backward nchw f32 n8c6h8w8 add_relu"},
};

const size_t cuda_step_count = sizeof cuda_steps / sizeof *cuda_steps;

const char *cuda_step_algo(const cuda_step *step) {
  return step->perform == do_run ? step->name : NULL;
}

bool cuda_step_begin(cuda_fixture *f, const cuda_step *what, const char *device) {
  *f = (cuda_fixture){.device = device, .line = what->line};
  if (!expect_success(what->prepare(f), what->name)) return false;
  if (cuda_step_algo(what)) strcpy(f->handle->forced_algo, what->name);
  return true;
}
#endif
