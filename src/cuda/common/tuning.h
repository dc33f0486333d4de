/* Every threshold of the CUDA algorithms, with its origin. None was measured on a GPU yet: each
 * comment states the reasoning behind the choice. */
#ifndef CUBN_CUDA_COMMON_TUNING_H
#define CUBN_CUDA_COMMON_TUNING_H

#include <cstdint>

namespace cubn {

/* Threads of a block of the two-pass, streamed and inference kernels. */
constexpr int PASS_THREADS = 256;

/* Co-resident blocks of these kernels per SM. Two blocks can use 128 registers per thread. Fused
 * sums over columns of backward have a pre-activation for each channel besides the sums and get all
 * registers for one block. */
template <int CHANNELS, bool FUSED_BACKWARD = false>
constexpr int PASS_BLOCKS = FUSED_BACKWARD &&CHANNELS > 1 ? 1 : 2;

/* The same for the streamed kernel. It has both passes, and with an epilogue two blocks would spill
 * registers for 8 channels. It is not compiled for double. */
template <int CHANNELS, bool FUSED, int INPUTS>
constexpr int STREAMED_BLOCKS =
    FUSED &&CHANNELS == 8 ? 1 : PASS_BLOCKS<CHANNELS, FUSED && INPUTS == 2>;

/* Vectors of 16 bytes of each tensor that a thread has in flight. An SM has at least 32 KB in
 * flight in every loop, more than its share of latency times bandwidth (about 18 KB on an H100,
 * from 3.35 TB/s, 700 ns and 132 SMs), without spilled registers; "make check-sass" holds that. In
 * reductions more vectors in a batch mean fewer additions in double. Threads whose columns are
 * folded count each of these, and need registers for that; two blocks whose threads sum 8 channels
 * have registers for half as many vectors. */
template <int BLOCKS, int INPUTS, int VECTOR, int CHANNELS, bool FUSED = false, bool FOLDS = false>
constexpr int REDUCE_VECTORS = CHANNELS == 8 && BLOCKS == 2                          ? 4 / INPUTS
                               : FUSED &&INPUTS == 2 && VECTOR == 8 && CHANNELS == 1 ? 2
                               : FOLDS &&VECTOR < 8                                  ? 4
                               : INPUTS == 1 && (VECTOR < 8 || CHANNELS == 8)        ? 8
                                                                                     : 4;
/* Two inputs of 8 values per vector, or of fused operations, which move up to four tensors, have
 * registers for half as many vectors, and a single block on an SM for twice as many. */
template <int BLOCKS, bool FUSED, int INPUTS, int VECTOR>
constexpr int APPLY_VECTORS = (INPUTS == 2 && (FUSED || VECTOR == 8) ? 4 : 8) / BLOCKS;

/* Blocks per SM into which a pass is partitioned: two waves or more, so that SMs that finish early
 * find more to do, and few enough for long chunks and few partial results. */
constexpr int64_t PASS_BLOCKS_PER_SM = 4;

/* The least bytes of x in a chunk: a block of 256 threads needs 32 KB for one full batch of 128
 * bytes per thread. */
constexpr int64_t CHUNK_BYTES_MIN = 32 << 10;
/* The same for inference, where a chunk costs nothing but a block: one vector for each thread. */
constexpr int64_t INFERENCE_CHUNK_BYTES_MIN = 4 << 10;

/* Inference traverses rows shorter than this in runs of several channels: a row has 64 vectors, of
 * which two at its ends may have to be moved by elements. */
constexpr int64_t SHORT_ROW_BYTES = 1024;

/* Partial results that are combined at a time. 32 slots are one load for each lane of a warp. The
 * tree has two levels up to 1024 chunks, which PASS_BLOCKS_PER_SM makes of a single unit on 256
 * SMs. */
constexpr int FAN_IN = 32;

/* Threads of a block of the resident, cluster and cooperative kernels. Two blocks should fit on an
 * SM, so that one computes while the other moves data. */
constexpr int RESIDENT_THREADS = 256;
constexpr int RESIDENT_BLOCKS_PER_SM = 2;

/* Values of a channel that a thread reads at a time from the tile. */
constexpr int RESIDENT_BATCH = 16;

/* A channel group has a run of consecutive bytes in each image. Runs of this length are long enough
 * for DRAM (4 cache lines) and short enough to leave many groups. */
constexpr int64_t RUN_BYTES = 512;
/* Runs are shortened to no less than this, the smallest size that memory fetches. They are
 * shortened so that two blocks fit on an SM, so that one fits at all, or so that at most one in
 * IDLE_SM_FRACTION SMs is without a group: 128 groups are enough for 132 SMs. */
constexpr int64_t RUN_BYTES_MIN = 64;
constexpr int64_t IDLE_SM_FRACTION = 8;

/* Fewer than one group for so many SMs leave most of the device idle, and are refused if their
 * tiles are longer than RESIDENT_FEW_GROUPS_BYTES_MAX: to read and write such a tile, an SM needs
 * about as long (4 us at an estimated 70 GB/s) as a second launch. */
constexpr int64_t RESIDENT_SMS_PER_GROUP_MAX = 16;
constexpr int64_t RESIDENT_FEW_GROUPS_BYTES_MAX = 128 << 10;

/* Rows of a tile are summed by vectors if they have at least so many, else by elements. Rows that
 * begin anywhere in a vector touch one vector more than they fill, and two of these are partial. */
constexpr int TILE_VECTORS_MIN = 3;

/* Neighboring channels of columns that a thread sums, at most. The sums of 4 need 40 registers in
 * backward, and leave room for the values. */
constexpr int TILE_COLUMNS_MAX = 4;
/* Rows of columns that a thread reads from the tile at a time. */
constexpr int TILE_COLUMNS_BATCH = 4;

/* Runs of at least so many bytes are moved by one bulk copy each, which one thread issues. Shorter
 * runs are moved by vectors, of which one instruction of a warp moves 512 bytes. */
constexpr int64_t TILE_BULK_BYTES_MIN = 2048;

/* Vectors of each input that a thread copies to the tile in one round of a loop: four share what
 * the loop costs. */
constexpr int TILE_COPIES = 4;

/* Vectors of a tile that a thread takes in one round, of the second pass, and of the first one's
 * gradients of the pre-activation. They are what it has in flight of the tensors that are not in
 * the tile, 32 KB on an SM: z in forward with an epilogue, a stored pre-activation in backward.
 * Without such tensors a round has one. Blocks of a block group have registers for half as many
 * gradients, and double gets less code. */
template <bool FUSED, int INPUTS, int VECTOR>
constexpr int TILE_APPLY_VECTORS = !FUSED || INPUTS == 2 ? 1
                                   : VECTOR == 2         ? 2
                                                         : 4;
template <int VECTOR, bool IN_GROUP = false>
constexpr int TILE_DIFFERENTIATE_VECTORS = VECTOR == 2 || IN_GROUP ? 2 : 4;

/* Rows that begin anywhere in a vector and are shorter than two vectors are moved by elements. This
 * many bytes of them are 16 loads for each thread of the 8 blocks of a cluster, if elements have 4
 * bytes. More of them take longer than another algorithm does. */
constexpr int64_t TILE_ROW_BYTES_MIN = 32;
constexpr int64_t TILE_SHORT_ROWS_BYTES_MAX = 128 << 10;

/* Rows are partitioned among the blocks of a cluster in units of so many elements, 128 bytes or
 * more: a cache line then belongs to one block, and vectors keep their alignment. */
constexpr int64_t TILE_POSITIONS = 64;

/* Blocks of a cluster: the number that every device with clusters supports, and the number that an
 * H100 supports if asked. Larger clusters leave SMs idle if they do not divide a graphics
 * processing cluster. */
constexpr int CLUSTER_RANKS_PORTABLE = 8;
constexpr int CLUSTER_RANKS_MAX = 16;

/* A block slice shorter than this is not worth another block: the time to load it on one SM (0.3 us
 * at an estimated 70 GB/s) is less than that of a reduction between blocks. */
constexpr int64_t CLUSTER_SLICE_BYTES_MIN = 16 << 10;

/* Runs of a cache line are better than shorter ones, if nothing more important is lost. */
constexpr int64_t RUN_BYTES_GOOD = 128;

/* The part of the L2 cache that the streamed kernels use for units between their two passes. The
 * cache of an H100 or A100 has two halves, each of which may have a copy of the other's lines, and
 * the output passes through it as well: less than half of it can be relied on. */
constexpr int64_t STREAMED_WINDOW_PERCENT = 40;

/* Bytes of x in a task of streamed: one full batch for each thread, as CHUNK_BYTES_MIN. Shorter
 * tasks spend their time on synchronization. Longer ones need a longer window, because it must
 * contain one for every block. */
constexpr int64_t STREAMED_TASK_BYTES = 32 << 10;

/* Bytes of a row in a slab of columns: 16 lanes, so that a warp covers two rows. The slab is halved
 * until STREAMED_UNITS_WANTED units fit in the window, but not below the two sectors that memory
 * fetches. */
constexpr int64_t STREAMED_SLAB_BYTES = 256;
constexpr int64_t STREAMED_SLAB_BYTES_MIN = 64;
constexpr int64_t STREAMED_UNITS_WANTED = 3;

/* The unit in which memory is fetched. Slabs whose rows begin anywhere in a sector touch one more
 * sector than they fill: one in four is a quarter more, half of what a second pass would read. */
constexpr int64_t SECTOR_BYTES = 32;
constexpr int64_t STREAMED_UNALIGNED_SLAB_BYTES_MIN = 128;

/* Tile buffers of a block of a block group, if its block slice does not fit in shared memory. The
 * tile that stays in the last buffer is also the latest in the L2 cache, where it is of no use, so
 * tiles should be short. But a block copies one at a time, and two of 25 KB on an SM of an H100 are
 * what it needs in flight. */
constexpr int64_t TILE_BUFFERS_MIN = 4;

/* What an SM moves during an all-reduce of a block group: some 4 us (two arrivals, two waits for
 * them, one read of the sums, at 0.7 to 1 us each) at its share of the memory's bandwidth, 25 GB/s
 * on an H100. */
constexpr int64_t ALL_REDUCE_BYTES = 100 << 10;

/* The cooperative kernel must save at least this fraction, 1/8, of the cost of two passes: less is
 * within the error of these estimates, and two passes read whole rows. */
constexpr int64_t COOPERATIVE_GAIN_FRACTION = 8;

/* Threads of a block of the strided kernels, and values of each tensor that a thread has in flight:
 * with 40 to 72 registers per thread, 3 to 6 such blocks fit on an SM, so that 12 KB of floats or
 * more are in flight. */
constexpr int STRIDED_THREADS = 256;
constexpr int STRIDED_BATCH = 4;

/* Channels are split between blocks until each SM has so many blocks (more than are co-resident),
 * as long as every thread has at least so many samples: fewer do not justify a launch that adds the
 * partial sums. A channel has at most so many splits, because the workspace has no room for more:
 * fewer in double backward, whose partial sums are larger. */
constexpr int STRIDED_BLOCKS_PER_SM = 8;
constexpr int STRIDED_SAMPLES_MIN = 8;
constexpr int STRIDED_SPLITS_MAX = 1008;
constexpr int STRIDED_DOUBLE_SPLITS_MAX = 512;

}  // namespace cubn

#endif /* CUBN_CUDA_COMMON_TUNING_H */
