/* Exact attention, forward and backward, tile by tile (Dao et al. 2022, "FlashAttention", arXiv:2205.14135; 2023,
 * arXiv:2307.08691): scores never leave the cache, and tiles no query may see are skipped.
 *
 * Query t of row b sees keys first[b][t] <= s < last[b][t]; causal, document, window and two-sided masks are all
 * such ranges, and an empty range gives zeros. K of H query heads share a key head without copies.
 * Work is cut into units that own what they write, so that results do not depend on which thread ran what. */
#include <math.h>
#include <omp.h>
#include "lanes.h"


#define BLOCK 64 /* queries and keys per tile: S, P and O of one tile stay in the first two cache levels */
#define VECTORS (BLOCK / LANES)

typedef struct {
    const void *q, *k, *v;
    void *out;
    float *lse; /* (B, H, T): log2 of the sum of 2^score, scores in units of log2 */
    const void *d_out;
    void *d_q, *d_k, *d_v;
    const int32_t *first, *last; /* (B, T) */
    int64_t batch, heads, kv_heads, queries, keys, width;
    /* steps in elements over batch, token, head; the last dimension is dense */
    int64_t q_step[3], k_step[3], v_step[3], out_step[3], d_out_step[3], d_q_step[3], d_k_step[3], d_v_step[3];
    float scale;
    int32_t threads;
    char *scratch;
} attention;

typedef struct { int from, to, clear_from, clear_to; } span; /* keys some query sees; keys that all see */

/* A tile's keys in strips of 16: strip i is seen by queries 16 from[i] to 16 to[i] at most. Where a mask leaves corners of
 * a tile empty, on the diagonal and at borders of documents, the products skip them. */
#define STRIP 16
#define STRIPS (BLOCK / STRIP)
typedef struct { int from[STRIPS], to[STRIPS]; } strips;

static int round_up(int n, int to) { return (n + to - 1) / to * to; }
static int padded_width(const attention *x) { return round_up((int)x->width, 32); }
/* Query heads of one key head are split over units only where there would be too few units to keep threads busy. */
static int parts_of(const attention *x) {
    int group = (int)(x->heads / x->kv_heads);
    return x->batch * x->kv_heads >= 2 * x->threads || group == 1 ? 1 : group;
}

static span span_of(const int32_t *first, const int32_t *last, int rows) {
    span s = {INT32_MAX, 0, 0, INT32_MAX};
    for (int r = 0; r < rows; r++) {
        int empty = first[r] >= last[r];
        if (!empty && first[r] < s.from) s.from = first[r];
        if (!empty && last[r] > s.to) s.to = last[r];
        if (first[r] > s.clear_from) s.clear_from = first[r];
        if (last[r] < s.clear_to) s.clear_to = last[r];
    }
    return s;
}

static strips strips_of(const int32_t *first, const int32_t *last, int from_key) {
    strips s;
    for (int i = 0; i < STRIPS; i++) s.from[i] = STRIPS, s.to[i] = 0;
    for (int group = 0; group < STRIPS; group++) {
        span seen = span_of(first + group * STRIP, last + group * STRIP, STRIP);
        for (int i = 0; i < STRIPS; i++) {
            const int key = from_key + i * STRIP;
            if (seen.from >= key + STRIP || seen.to <= key) continue;
            if (group < s.from[i]) s.from[i] = group;
            s.to[i] = group + 1;
        }
    }
    return s;
}

/* The strips from i on that are seen alike, so that one product serves them: where they end. */
static int alike(const strips *s, int i) {
    int end = i + 1;
    while (end < STRIPS && s->from[end] == s->from[i] && s->to[end] == s->to[i]) end++;
    return end;
}

static const strips WHOLE = {{0, 0, 0, 0}, {STRIPS, STRIPS, STRIPS, STRIPS}};

/* first/last of one block of queries, relative to nothing yet; lanes past the end see nothing. */
static void copy_range(int32_t *first, int32_t *last, const attention *x, int b, int at) {
    const int64_t base = b * x->queries + at;
    for (int r = 0; r < BLOCK; r++) {
        int real = at + r < x->queries;
        first[r] = real ? x->first[base + r] : INT32_MAX;
        last[r] = real ? x->last[base + r] : 0;
    }
}

/* Bytes of scratch that `attend_*` and `attend_back_*` need for these sizes. */
EXPORT int64_t attend_scratch(const attention *x, int backward) {
    int64_t keys = round_up((int)x->keys, BLOCK), queries = round_up((int)x->queries, BLOCK), width = padded_width(x);
    int64_t floats = 16 * BLOCK * (width + BLOCK) + (backward ? 5 * keys + 6 * queries : 2 * keys) * (width + 2);
    int64_t shared = parts_of(x) > 1 && backward ? x->batch * x->heads * 2 * keys * width : 0;
    return 4 * (x->threads * floats + shared) + 4096;
}

#if defined(__AVX512F__)
INLINE void flip_16x16(uint32_t *to, size_t ldt, const uint32_t *from, size_t ldf) {
    __m512i r[16], t[16];
    for (int i = 0; i < 16; i++) r[i] = _mm512_loadu_si512(from + i * ldf);
    for (int i = 0; i < 8; i++) {
        t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 4; i++) {
        r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
    for (int i = 0; i < 16; i++) _mm512_storeu_si512(to + i * ldt, r[i]);
}
#endif

#define NAME(x) x##_f32
#define ELEM float
#define ELEM_IS_FLOAT 1
#define DOTS 0
#include "tile.h"
#include "attention_body.h"
#undef NAME
#undef ELEM
#undef ELEM_IS_FLOAT
#undef DOTS
#undef GROUP
#undef WIDE

#define NAME(x) x##_bf16
#define ELEM bf16
#define ELEM_IS_FLOAT 0
#if defined(__AVX512BF16__) && LANES == 16
#define DOTS 1
#else
#define DOTS 0
#endif
#include "tile.h"
#include "attention_body.h"
