/* Attributes of the extended interface: a table of their ranges and first values. */
#include <math.h>
#include <stdlib.h>

#include "core/check.h"
#include "core/error.h"
#include "host/activation.h"
#include "host/exchange.h"
#include "host/extended.h"
#include "host/names.h"

/* A number without a name is no attribute. */
typedef struct attribute_range {
  const char *name;
  double preset, least, most;
  bool is_whole;
} attribute_range;

static const attribute_range ranges[CUBN_ATTRIBUTE_COUNT] = {
    [CUBN_BATCHNORM_MODE] = {"CUBN_BATCHNORM_MODE", CUBN_BATCHNORM_SPATIAL,
                             CUBN_BATCHNORM_PER_ACTIVATION, CUBN_BATCHNORM_SPATIAL_PERSISTENT,
                             true},
    [CUBN_BATCHNORM_STATISTICS] = {"CUBN_BATCHNORM_STATISTICS", CUBN_STATISTICS_BATCH,
                                   CUBN_STATISTICS_BATCH, CUBN_STATISTICS_GIVEN_INV_STD, true},
    [CUBN_BATCHNORM_EPSILON] = {"CUBN_BATCHNORM_EPSILON", 1e-5, CUBN_BN_MIN_EPSILON, 1e308, false},
    [CUBN_BATCHNORM_FACTOR] = {"CUBN_BATCHNORM_FACTOR", 0.1, 0, 1, false},
    [CUBN_BATCHNORM_RUNNING_VAR] = {"CUBN_BATCHNORM_RUNNING_VAR", CUBN_RUNNING_VAR_UNBIASED,
                                    CUBN_RUNNING_VAR_UNBIASED, CUBN_RUNNING_VAR_BIASED, true},
    [CUBN_BATCHNORM_SUMS] = {"CUBN_BATCHNORM_SUMS", CUBN_SUMS_COMPUTED, CUBN_SUMS_COMPUTED,
                             CUBN_SUMS_GIVEN, true},
    [CUBN_BATCHNORM_COUNT] = {"CUBN_BATCHNORM_COUNT", 0, 0, 0x1p53, true},
    [CUBN_BATCHNORM_ALPHA] = {"CUBN_BATCHNORM_ALPHA", 1, -1e308, 1e308, false},
    [CUBN_BATCHNORM_BETA] = {"CUBN_BATCHNORM_BETA", 0, -1e308, 1e308, false},
    [CUBN_BATCHNORM_PARAM_ALPHA] = {"CUBN_BATCHNORM_PARAM_ALPHA", 1, -1e308, 1e308, false},
    [CUBN_BATCHNORM_PARAM_BETA] = {"CUBN_BATCHNORM_PARAM_BETA", 0, -1e308, 1e308, false},
    [CUBN_BATCHNORM_PARAM_SUMS] = {"CUBN_BATCHNORM_PARAM_SUMS", CUBN_PARAM_SUMS_LOCAL,
                                   CUBN_PARAM_SUMS_LOCAL, CUBN_PARAM_SUMS_ALL, true},
    [CUBN_BATCHNORM_VIRTUAL_BATCH] = {"CUBN_BATCHNORM_VIRTUAL_BATCH", 0, 0, 0x1p53, true},
    [CUBN_BATCHNORM_VARIANCE] = {"CUBN_BATCHNORM_VARIANCE", CUBN_VARIANCE_BIASED,
                                 CUBN_VARIANCE_BIASED, CUBN_VARIANCE_UNBIASED, true},
    [CUBN_BATCHNORM_EPSILON_PLACE] = {"CUBN_BATCHNORM_EPSILON_PLACE", CUBN_EPSILON_INSIDE_ROOT,
                                      CUBN_EPSILON_INSIDE_ROOT, CUBN_EPSILON_OUTSIDE_ROOT, true},
    [CUBN_BATCHNORM_RUNNING_GUARD] = {"CUBN_BATCHNORM_RUNNING_GUARD", 0, 0, 1, true},
    [CUBN_BATCHNORM_R_MAX] = {"CUBN_BATCHNORM_R_MAX", 1, 1, 1e30, false},
    [CUBN_BATCHNORM_D_MAX] = {"CUBN_BATCHNORM_D_MAX", 0, 0, 1e30, false},
    [CUBN_BATCHNORM_BACKWARD_FROM] = {"CUBN_BATCHNORM_BACKWARD_FROM", CUBN_BACKWARD_FROM_X,
                                      CUBN_BACKWARD_FROM_X, CUBN_BACKWARD_FROM_Y, true},
    [CUBN_BATCHNORM_PADDING] = {"CUBN_BATCHNORM_PADDING", CUBN_PADDING_ZERO, CUBN_PADDING_ZERO,
                                CUBN_PADDING_KEEP, true},
    [CUBN_BATCHNORM_LENGTHS_DIM] = {"CUBN_BATCHNORM_LENGTHS_DIM", 2, 2, CUBN_DIM_MAX - 1, true},
};

cubnStatus_t cubnCreateBatchNormDescriptor(cubnBatchNormDescriptor_t *descriptor) {
  CUBN_REQUIRE(descriptor, __func__, "descriptor is NULL");
  cubnBatchNormDescriptor_t created = calloc(1, sizeof *created);
  if (!created)
    return cubn_fail(CUBN_STATUS_HOST_ALLOCATION_FAILED, __func__, "no memory for a descriptor");
  for (int i = 0; i < CUBN_ATTRIBUTE_COUNT; ++i) created->values[i] = ranges[i].preset;
  created->object.kind = CUBN_BATCH_NORM;
  created->activation = cubn_identity;
  *descriptor = created;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnDestroyBatchNormDescriptor(cubnBatchNormDescriptor_t descriptor) {
  if (!descriptor) return CUBN_STATUS_SUCCESS;
  CUBN_REQUIRE_OBJECT(descriptor, CUBN_BATCH_NORM, __func__, "descriptor");
  const cubnStatus_t status = cubn_within(__func__, cubn_exchange_destroy(descriptor->exchange));
  cubn_object_end(&descriptor->object);
  free(descriptor);
  return status;
}

static cubnStatus_t check_attribute(const char *function, cubnBatchNormDescriptor_t descriptor,
                                    cubnBatchNormAttribute_t attribute) {
  CUBN_REQUIRE_OBJECT(descriptor, CUBN_BATCH_NORM, function, "descriptor");
  const int number = (int)attribute;
  CUBN_REQUIRE(number >= 0 && number < CUBN_ATTRIBUTE_COUNT && ranges[number].name, function,
               "attribute is %d, which is no cubnBatchNormAttribute_t", (int)attribute);
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnSetBatchNormAttribute(cubnBatchNormDescriptor_t descriptor,
                                       cubnBatchNormAttribute_t attribute, double value) {
  CUBN_TRY(check_attribute(__func__, descriptor, attribute));
  const attribute_range *range = &ranges[attribute];
  CUBN_REQUIRE(value >= range->least && value <= range->most, __func__,
               "value of %s is %g, must be in [%g, %g]", range->name, value, range->least,
               range->most);
  CUBN_REQUIRE(!range->is_whole || value == floor(value), __func__,
               "value of %s is %g, must be a whole number", range->name, value);
  descriptor->values[attribute] = value;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnGetBatchNormAttribute(const cubnBatchNormDescriptor_t descriptor,
                                       cubnBatchNormAttribute_t attribute, double *value) {
  CUBN_TRY(check_attribute(__func__, descriptor, attribute));
  CUBN_REQUIRE(value, __func__, "value is NULL");
  *value = descriptor->values[attribute];
  return CUBN_STATUS_SUCCESS;
}

const char *cubn_changed_attribute(const cubnBatchNormDescriptor_t descriptor,
                                   const bool but[CUBN_ATTRIBUTE_COUNT]) {
  for (int i = 0; i < CUBN_ATTRIBUTE_COUNT; ++i)
    if (!but[i] && descriptor->values[i] != ranges[i].preset) return ranges[i].name;
  return NULL;
}

cubnStatus_t cubnSetBatchNormActivation(cubnBatchNormDescriptor_t descriptor,
                                        cubnBatchNormOps_t ops,
                                        const cubnActivationDescriptor_t activation) {
  CUBN_REQUIRE_OBJECT(descriptor, CUBN_BATCH_NORM, __func__, "descriptor");
  cubn_problem problem = {0};
  CUBN_REQUIRE(activation || ops == CUBN_BATCHNORM_OPS_BN, __func__,
               "activation is NULL, but ops is %s", cubn_ops_name(ops));
  CUBN_TRY(cubn_set_ops(&problem, ops, activation, __func__));
  descriptor->adds = problem.adds;
  descriptor->activation = problem.activation;
  return CUBN_STATUS_SUCCESS;
}
