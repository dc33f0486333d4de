#include "suite_tables.h"

#include <stddef.h>

/* The 53 batch normalizations of ResNet-50 at 224 x 224 (He et al. 2015, arXiv:1512.03385). */
static const suite_layer resnet50_layers[] = {
    {"c64h112w112", 1, NULL}, {"c64h56w56", 6, NULL},   {"c128h56w56", 1, NULL},
    {"c256h56w56", 4, NULL},  {"c128h28w28", 7, NULL},  {"c256h28w28", 1, NULL},
    {"c512h28w28", 5, NULL},  {"c256h14w14", 11, NULL}, {"c512h14w14", 1, NULL},
    {"c1024h14w14", 7, NULL}, {"c512h7w7", 5, NULL},    {"c2048h7w7", 4, NULL},
    {NULL, 0, NULL}};

/* The same with their epilogues: ReLU, after the last one of a block the shortcut and ReLU, and
 * none on the shortcut itself. */
static const suite_layer resnet50_fused_layers[] = {{"c64h112w112", 1, "relu"},
                                                    {"c64h56w56", 6, "relu"},
                                                    {"c128h56w56", 1, "relu"},
                                                    {"c256h56w56", 3, "add_relu"},
                                                    {"c256h56w56", 1, NULL},
                                                    {"c128h28w28", 7, "relu"},
                                                    {"c256h28w28", 1, "relu"},
                                                    {"c512h28w28", 4, "add_relu"},
                                                    {"c512h28w28", 1, NULL},
                                                    {"c256h14w14", 11, "relu"},
                                                    {"c512h14w14", 1, "relu"},
                                                    {"c1024h14w14", 6, "add_relu"},
                                                    {"c1024h14w14", 1, NULL},
                                                    {"c512h7w7", 5, "relu"},
                                                    {"c2048h7w7", 3, "add_relu"},
                                                    {"c2048h7w7", 1, NULL},
                                                    {NULL, 0, NULL}};

/* The outputs of fully connected layers. */
static const suite_layer fc_layers[] = {{"c10", 1, NULL},    {"c84", 1, NULL},   {"c120", 1, NULL},
                                        {"c512", 1, NULL},   {"c1000", 1, NULL}, {"c4096", 1, NULL},
                                        {"c16384", 1, NULL}, {NULL, 0, NULL}};

/* A large volume, and the 20 layers of an 18-layer residual network over 16 frames of 112 x 112
 * (Tran et al. 2018, arXiv:1711.11248). */
static const suite_layer video_layers[] = {{"c64d64h64w64", 1, NULL}, {"c64d16h56w56", 5, NULL},
                                           {"c128d8h28w28", 5, NULL}, {"c256d4h14w14", 5, NULL},
                                           {"c512d2h7w7", 5, NULL},   {NULL, 0, NULL}};

/* Sizes that are not multiples of a vector or of a power of two. */
static const suite_layer odd_layers[] = {
    {"c3h225w225", 1, NULL}, {"c12h61w61", 1, NULL}, {"c27h33w33", 1, NULL},
    {"c35h7w7", 1, NULL},    {"c65h13w13", 1, NULL}, {"c100h15w15", 1, NULL},
    {"c127h27w27", 1, NULL}, {"c257h3w5", 1, NULL},  {"c1h55w55", 1, NULL},
    {"c999h1w1", 1, NULL},   {"c33w1001", 1, NULL},  {"c48d5h17w17", 1, NULL},
    {NULL, 0, NULL}};

/* The launch, or the start of threads, costs more than the memory accesses. */
static const suite_layer tiny_layers[] = {
    {"c4h1w1", 1, NULL},   {"c8h4w4", 1, NULL},  {"c16h7w7", 1, NULL},
    {"c32h8w8", 1, NULL},  {"c64h7w7", 1, NULL}, {"c64h14w14", 1, NULL},
    {"c256h7w7", 1, NULL}, {"c84", 1, NULL},     {NULL, 0, NULL}};

/* Many times the caches: few channels, each with many values, and many channels. */
static const suite_layer huge_layers[] = {{"c64h1024w1024", 1, NULL}, {"c256h512w512", 1, NULL},
                                          {"c3h2048w2048", 1, NULL},  {"c2048h128w128", 1, NULL},
                                          {"c1h4096w4096", 1, NULL},  {NULL, 0, NULL}};

/* For the host time of a call. It hardly depends on the shape, but on the operations, and on how
 * many partitions an algorithm considers: cluster one or two, or many; streamed comes next;
 * cooperative considers most, in the last two. */
static const suite_layer host_layers[] = {{"c64h7w7", 1, NULL},
                                          {"c64h7w7", 1, "relu"},
                                          {"c64h7w7", 1, "add_relu"},
                                          {"c16d2h7w7", 1, NULL},
                                          {"c84", 1, NULL},
                                          {"c2h128w128", 1, NULL},
                                          {"nhwc c64h56w56", 1, NULL},
                                          {"nhwc c32h160w160", 1, NULL},
                                          {"nhwc c64h160w160", 1, NULL},
                                          {"nhwc c128h160w160", 1, NULL},
                                          {NULL, 0, NULL}};

/* Sequences and images without padding, with padding, and with a mask that finds none. */
static const suite_layer padded_layers[] = {
    {"c256w1000", 1, NULL}, {"c256w1000", 1, "lengths=2"}, {"c256w1000", 1, "lengths=2 valid=1"},
    {"c64h56w56", 1, NULL}, {"c64h56w56", 1, "lengths=2"}, {"c64h56w56", 1, "mask valid=1"},
    {NULL, 0, NULL}};

const suite_table bench_suite_tables[] = {
    {"resnet50", 32, "train backward", resnet50_layers},
    {"resnet50-fused", 32, "train backward", resnet50_fused_layers},
    {"fc", 256, "train infer backward", fc_layers},
    {"video", 16, "train backward", video_layers},
    {"odd", 16, "train infer backward", odd_layers},
    {"padded", 32, "train infer backward", padded_layers},
    {"tiny", 4, "train infer backward", tiny_layers},
    {"huge", 4, "train backward", huge_layers},
    {"host", 4, "train infer backward", host_layers},
    {NULL, 0, NULL, NULL}};
