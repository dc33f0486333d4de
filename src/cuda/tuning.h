/* Every threshold of the CUDA algorithms, with where it comes from. None was measured on a GPU yet:
 * each says by what reasoning it was chosen. */
#ifndef CUBN_CUDA_TUNING_H
#define CUBN_CUDA_TUNING_H

#include <cstdint>

namespace cubn {

/* Threads of a block of the two-pass and inference kernels. */
constexpr int PASS_THREADS = 256;

/* Blocks of them that shall fit on a multiprocessor, for threads that own so many channels. Two
 * blocks may use 128 registers per thread. Sums and coefficients of 8 channels take more than that,
 * so such kernels get all registers for one block. So do fused sums over columns of backward, that
 * have a pre-activation for each channel besides. */
template <int CHANNELS, bool FUSED = false>
constexpr int PASS_BLOCKS = CHANNELS == 8 || (FUSED && CHANNELS > 1) ? 1 : 2;

/* Vectors of 16 bytes of each tensor that a thread has in flight. In all cases a multiprocessor has
 * 32 KB in flight or more, above its share of latency times bandwidth (about 18 KB on an H100, from
 * 3.35 TB/s, 700 ns and 132 multiprocessors), without spilled registers. More vectors in a batch
 * mean fewer additions in double. Threads whose columns are folded count each of these, and need the
 * registers for that. */
template <int INPUTS, int VECTOR, int CHANNELS, bool FUSED = false, bool FOLDS = false>
constexpr int REDUCE_VECTORS = FUSED &&VECTOR == 8 && CHANNELS == 1           ? 2
                               : FOLDS &&VECTOR < 8                           ? 4
                               : INPUTS == 1 && (VECTOR < 8 || CHANNELS == 8) ? 8
                                                                              : 4;
constexpr int APPLY_VECTORS = 4;
/* Fused operations move up to three tensors and need registers for each, and code for each vector;
 * two inputs of 8 values per vector need as many, and have 32 KB in flight with half as many. */
constexpr int FEW_APPLY_VECTORS = 2;
template <bool FUSED, int INPUTS, int VECTOR>
constexpr int APPLY_BATCH = FUSED || INPUTS *VECTOR == 16 ? FEW_APPLY_VECTORS : APPLY_VECTORS;

/* Blocks per multiprocessor that a pass is cut into: two waves or more, so that multiprocessors
 * that finish early find more to do, and few enough to have long chunks and few partial results. */
constexpr int64_t PASS_BLOCKS_PER_SM = 4;

/* No chunk is shorter than this many bytes of x: a block of 256 threads needs 32 KB to have one
 * full batch of 128 bytes per thread. */
constexpr int64_t CHUNK_BYTES_MIN = 32 << 10;
/* The same for inference, where chunks cost nothing but a block: one vector for each thread. */
constexpr int64_t INFERENCE_CHUNK_BYTES_MIN = 4 << 10;

/* Inference walks rows shorter than this in runs of several channels: 64 vectors, of which two at
 * the ends of a row may have to be moved by elements. */
constexpr int64_t SHORT_ROW_BYTES = 1024;

/* Partial results that are combined at a time. 32 slots are one load for each lane of a warp; the
 * depth of the tree is 2 up to 1024 chunks, which PASS_BLOCKS_PER_SM makes of a single unit on 256
 * multiprocessors.
 */
constexpr int FAN_IN = 32;

/* Threads of a block of the resident kernels; two blocks shall fit on a multiprocessor, so that one
 * computes while the other moves data. */
constexpr int RESIDENT_THREADS = 256;
constexpr int RESIDENT_BLOCKS_PER_SM = 2;

/* Vectors of each input that a thread has in flight when it fills the tile; as REDUCE_VECTORS. */
constexpr int RESIDENT_VECTORS = 4;

/* Values of a channel that a thread takes at a time from the tile. */
constexpr int RESIDENT_BATCH = 16;

/* A group's part of an image is a run of consecutive bytes. Runs of this length are long enough for
 * DRAM (4 cache lines) and short enough to leave many groups ... */
constexpr int64_t RUN_BYTES = 512;
/* ... and they are shortened down to this length, the smallest that memory fetches, to fit two
 * blocks on a multiprocessor, to fit at all, or to leave no more than one in RUN_SM_SHARE
 * multiprocessors without a group: 128 groups will do for 132 multiprocessors. */
constexpr int64_t RUN_BYTES_MIN = 64;
constexpr int64_t RUN_SM_SHARE = 8;

/* Fewer groups than one for so many multiprocessors leave most of the device idle, and are refused
 * if their tiles are longer than RESIDENT_ALONE_BYTES: to read and write these, a multiprocessor
 * needs about as long (4 us at an estimated 70 GB/s) as a second launch would. */
constexpr int64_t RESIDENT_SM_SHARE = 16;
constexpr int64_t RESIDENT_ALONE_BYTES = 128 << 10;

/* Sums of held rows are taken by vectors where a row has so many, else by elements: rows that begin
 * anywhere touch one vector more than they fill, of which two are taken apart. */
constexpr int TILE_VECTORS_MIN = 3;

/* Channels side by side that a thread of held columns has, at most: the sums of 4 take 40 registers
 * in backward, and leave room for the values. */
constexpr int TILE_COLUMNS_MAX = 4;

/* Runs of so many bytes are moved by a bulk copy each, which one thread issues; shorter ones by
 * vectors, of which one instruction of a warp moves 512 bytes. */
constexpr int64_t TILE_BULK_BYTES_MIN = 2048;

/* Rows that begin anywhere in a vector and are shorter than two vectors are held by elements. So many
 * bytes of them are 16 loads for each thread of the 8 blocks of a cluster, if elements have 4 bytes;
 * more take longer than another algorithm does. */
constexpr int64_t TILE_ROW_BYTES_MIN = 32;
constexpr int64_t TILE_SHORT_ROWS_BYTES_MAX = 128 << 10;

/* Rows are dealt to the blocks of a cluster in units of so many elements, 128 bytes or more: cache
 * lines stay with one block, and vectors keep their alignment. */
constexpr int64_t TILE_POSITIONS = 64;

/* Blocks of a cluster: what every device with clusters can do, and what an H100 can if asked. Larger
 * clusters leave multiprocessors idle where they do not divide a graphics processing cluster. */
constexpr int CLUSTER_RANKS_PORTABLE = 8;
constexpr int CLUSTER_RANKS_MAX = 16;

/* A tile shorter than this is not worth a share for another block: to load it takes a
 * multiprocessor less (0.3 us at an estimated 70 GB/s) than blocks take to meet. */
constexpr int64_t CLUSTER_SHARE_BYTES_MIN = 16 << 10;

/* Runs of a cache line are better than shorter ones, if nothing more important is lost. */
constexpr int64_t RUN_BYTES_GOOD = 128;

/* Part of the L2 cache that the units of the streamed kernels have between their two passes. The
 * cache of an H100 or A100 is in two halves, either of which may hold a copy of the other's lines,
 * and the output passes through it, too: less than half can be relied upon. */
constexpr int64_t STREAMED_WINDOW_PERCENT = 40;

/* Bytes of x in a task, as CHUNK_BYTES_MIN: one full batch for each thread. Shorter tasks spend
 * their time on synchronization; longer ones need a longer window, to have one for every block. */
constexpr int64_t STREAMED_TASK_BYTES = 32 << 10;

/* Bytes of a row in a slab of columns: 16 lanes, for 2 half-warps side by side; half as many until
 * so many units fit into the window, and not fewer than the 2 sectors that memory fetches. */
constexpr int64_t STREAMED_SLAB_BYTES = 256;
constexpr int64_t STREAMED_SLAB_BYTES_MIN = 64;
constexpr int64_t STREAMED_UNITS_WANTED = 3;

/* What memory fetches. Slabs whose rows begin anywhere in sectors take one more of them than they
 * fill: of 4 that is a quarter, and half of what a second pass would read. */
constexpr int64_t SECTOR_BYTES = 32;
constexpr int64_t STREAMED_SHARING_SLAB_BYTES_MIN = 128;

/* Tiles that a block of a crew holds, if its share does not fit. The one that is held last is also the
 * latest in the L2 cache, where it is of no use, so tiles should be short; but a block copies one at
 * a time, and two of 25 KB on a multiprocessor of an H100 are what it needs in flight. */
constexpr int64_t TILE_SLOTS_MIN = 4;

/* What a multiprocessor moves while blocks all over the device meet: some 4 us (two arrivals, two
 * times a wait for them, one read of the sums, at 0.7 to 1 us each) at its share of the memory's
 * bandwidth, 25 GB/s on an H100. */
constexpr int64_t ALL_REDUCE_BYTES = 100 << 10;

/* The cooperative kernel is worth it where it costs no more than 7/8 of two passes: less is within
 * the error of these estimates, and two passes read whole rows. */
constexpr int64_t COOPERATIVE_GAIN_SHARE = 8;

/* Threads of a block of the strided kernels, and values of each tensor that they have under way at
 * a time: 3 to 6 such blocks fit on a multiprocessor beside their 40 to 72 registers per thread, so
 * that 12 KB of floats or more are in flight. */
constexpr int STRIDED_THREADS = 256;
constexpr int STRIDED_BATCH = 4;

/* Channels are split between blocks until each multiprocessor has so many (more than fit at a time),
 * as long as every thread keeps so many samples: fewer are not worth a launch that adds the partial
 * sums. So many parts of a channel at most, as the workspace has room for. */
constexpr int STRIDED_BLOCKS_PER_SM = 8;
constexpr int STRIDED_SAMPLES_MIN = 8;
constexpr int STRIDED_SPLITS_MAX = 1024;

}  // namespace cubn

#endif /* CUBN_CUDA_TUNING_H */
