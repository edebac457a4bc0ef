/* Products of a few rows with a large matrix that is read once, from memory: y = x W^T + bias.
 *
 * Weights lie in panels of 32 outputs, in the order in which they are read. float32 (out / 32, in, 32); bf16
 * (out / 32, in / 2, 32, 2), the pair order of vdpbf16ps. Each number is summed over `in` from first to last, whatever
 * the number of rows. */
#ifndef HANLIN_PANELS_H
#define HANLIN_PANELS_H

#include "lanes.h"

#define PANEL 32
#define VECTORS (PANEL / LANES)
#if defined(__AVX512F__)
#define MANY 12 /* rows at once: 12 x 2 accumulators, 2 weights and an input fit 32 registers */
#else
#define MANY 2
#endif
#define AHEAD 4096 /* bytes of weights to ask for early: processors do not look over the border of a page */
#define UNROLL _Pragma("GCC unroll 12")

/* bias (out, padded to whole panels) or NULL. */
typedef struct { const void *weight; const float *bias; int64_t in, out; } matrix;

/* Numbers of the weights' type. */

INLINE void *at(const void *p, int64_t i, int is_bf16) { return (char *)p + i * (is_bf16 ? 2 : 4); }
INLINE lanes get(const void *p, int64_t i, int is_bf16) {
    return is_bf16 ? load_bf16(at(p, i, 1)) : load(at(p, i, 0));
}
INLINE void put(void *p, int64_t i, lanes v, int is_bf16) {
    if (is_bf16) store_bf16(at(p, i, 1), v);
    else store(at(p, i, 0), v);
}

/* out[r] = bias + one panel of weights times row r of x. */
INLINE void multiply(lanes out[MANY][VECTORS], const matrix *w, int64_t panel, const void *x, int rows, int is_bf16) {
    const int64_t in = w->in;
    lanes acc[MANY][VECTORS]; /* registers: `out` might overlap x for all the compiler knows */
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < VECTORS; j++)
            acc[r][j] = w->bias ? load(w->bias + panel * PANEL + j * LANES) : all(0);
    const char *p = at(w->weight, panel * PANEL * in, is_bf16);
    if (!is_bf16) {
        for (int64_t k = 0; k < in; k++, p += 4 * PANEL) {
            lanes weight[VECTORS];
            UNROLL for (int j = 0; j < VECTORS; j++) weight[j] = load(p + 4 * LANES * j);
            UNROLL for (int j = 0; j < 2; j++) __builtin_prefetch(p + AHEAD + 64 * j);
            UNROLL for (int r = 0; r < rows; r++)
                UNROLL for (int j = 0; j < VECTORS; j++) acc[r][j] += weight[j] * ((const float *)x)[r * in + k];
        }
    } else for (int64_t k = 0; k < in / 2; k++, p += 4 * PANEL) {
        UNROLL for (int j = 0; j < 2; j++) __builtin_prefetch(p + AHEAD + 64 * j);
#if defined(__AVX512BF16__)
        __m512bh weight[VECTORS];
        UNROLL for (int j = 0; j < VECTORS; j++) weight[j] = (__m512bh)_mm512_loadu_si512(p + 64 * j);
        UNROLL for (int r = 0; r < rows; r++) {
            __m512bh pair = (__m512bh)_mm512_set1_epi32(((const int32_t *)x)[r * (in / 2) + k]);
            UNROLL for (int j = 0; j < VECTORS; j++)
                acc[r][j] = (lanes)_mm512_dpbf16_ps((__m512)acc[r][j], weight[j], pair);
        }
#else
        ilanes weight[VECTORS];
        UNROLL for (int j = 0; j < VECTORS; j++) weight[j] = iload(p + 4 * LANES * j);
        UNROLL for (int r = 0; r < rows; r++) {
            const bf16 *pair = (const bf16 *)x + r * in + 2 * k;
            UNROLL for (int j = 0; j < VECTORS; j++) {
                acc[r][j] += (lanes)(weight[j] << 16) * widen(pair[0]);
                acc[r][j] += (lanes)(weight[j] & iall(-65536)) * widen(pair[1]);
            }
        }
#endif
    }
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < VECTORS; j++) out[r][j] = acc[r][j];
}

#define MULTIPLY(N)                                                                                            \
    static void multiply_##N(lanes acc[MANY][VECTORS], const matrix *w, int64_t panel, const void *x, int is_bf16) { \
        if (is_bf16) multiply(acc, w, panel, x, N, 1);                                                         \
        else multiply(acc, w, panel, x, N, 0);                                                                 \
    }
MULTIPLY(1)
MULTIPLY(2)
#if MANY == 12
MULTIPLY(4)
MULTIPLY(8)
MULTIPLY(12)
#endif

/* As many rows at once as there are registers for; returns their number. The order of sums is the same for all. */
static int multiply_some(lanes acc[MANY][VECTORS], const matrix *w, int64_t panel, const void *x, int64_t left, int is_bf16) {
#if MANY == 12
    if (left >= 12) return multiply_12(acc, w, panel, x, is_bf16), 12;
    if (left >= 8) return multiply_8(acc, w, panel, x, is_bf16), 8;
    if (left >= 4) return multiply_4(acc, w, panel, x, is_bf16), 4;
#endif
    if (left >= 2) return multiply_2(acc, w, panel, x, is_bf16), 2;
    return multiply_1(acc, w, panel, x, is_bf16), 1;
}

#endif
