/* Every layer of a pre-norm decoder for a batch of rows in one call: the engine's fast path.
 *
 * One token of a 26M model moves 52 MB of bf16 weights, 1 to 2 ms of a laptop's memory, while 150 framework calls cost
 * several times that. Here one team of threads walks all layers (phases.h), and weights are read as they lie
 * (panels.h). Each number is summed in an order that depends on its own row alone: a token has the same bits alone, in
 * a batch, or inside a prompt.
 *
 * R rows (tokens of this call, of any sequences), D width, H query heads, K kv heads, E head width, F ffn width,
 * V vocabulary, P = 16 positions per block of the cache, L layers, N blocks. */
#include <math.h>
#include "lanes.h"
#include "panels.h"
#include "phases.h"

#define BLOCK 16
#define BLOCK_VECTORS (BLOCK / LANES)
#define GROUP 4 /* query heads at once over one kv head */
#if defined(__AVX512F__)
#define WIDE 4 /* vectors of a value at once: 4 x 4 accumulators */
#else
#define WIDE 2
#endif

enum { SILU, GELU, GELU_TANH, RELU, RELU2 };
enum { STORE, ADD, GATE, ACTIVATE };

typedef struct { const float *weight, *bias; } norm; /* (D); weight NULL: none; bias NULL: RMS, else layer norm */
typedef struct { norm attention_norm, mlp_norm, q_norm, k_norm; matrix qkv, out, up, down; } layer;

typedef struct {
    int32_t num_layers, width, heads, kv_heads, head_dim, ffn, is_bf16, layer_norm, gated, activation;
    float epsilon, scale, embedding_scale;
    const float *embedding; /* (V, D) */
    const float *positions; /* (max_seq_len, D) or NULL */
    const float *cos, *sin; /* (max_seq_len, E / 2) or NULL */
    norm final_norm;
    matrix head;
    const layer *layers;
} decoder;

typedef struct {
    int32_t rows, num_logits, table_width, threads;
    const int32_t *tokens, *positions, *sequences; /* (R); sequences: the row of `tables` */
    const int32_t *tables;                         /* (sequences, table_width): numbers of blocks */
    const int32_t *logit_rows;                     /* (num_logits) */
    float *logits;                                 /* (num_logits, V) */
    void *keys;                                    /* (L, N, K, E, P) in the weights' type */
    void *values;                                  /* (L, N, K, P, E) */
    int64_t num_blocks;
    char *scratch;
} batch;

typedef struct {
    const decoder *m;
    const batch *b;
    phase *phases;
    float *x, *qkv, *scores; /* (R, D), (R, (H + 2K) E), per thread (GROUP, table_width * P) */
    void *in, *act;          /* (R, max(D, H E)), (R, F) in the weights' type */
} work;

INLINE lanes tanh_lanes(lanes x) { return all(2) * sigmoid_lanes(x + x) - all(1); }

INLINE lanes activate(lanes x, int kind) {
    const float root = 0.7978845608028654f, cubic = 0.044715f;
    if (kind == SILU) return x * sigmoid_lanes(x);
    if (kind == GELU_TANH) return x * all(0.5f) * (all(1) + tanh_lanes((x + x * x * x * cubic) * root));
    if (kind == GELU) {
        for (int i = 0; i < LANES; i++) x[i] *= 0.5f * (1 + erff(x[i] * 0.70710678118654752f));
        return x;
    }
    x = choose(x < all(0), all(0), x);
    return kind == RELU ? x : x * x;
}

/* Write one row's panel: as it is, added to what is there, or through the activation in the weights' type. */
static void settle(const decoder *m, lanes acc[VECTORS], void *row, int64_t panel, int64_t out, int how) {
    if (how == GATE) {
        UNROLL for (int j = 0; j < VECTORS / 2; j++)
            put(row, panel * PANEL / 2 + j * LANES, activate(acc[j], m->activation) * acc[j + VECTORS / 2], m->is_bf16);
    } else if (how == ACTIVATE) {
        UNROLL for (int j = 0; j < VECTORS; j++)
            put(row, panel * PANEL + j * LANES, activate(acc[j], m->activation), m->is_bf16);
    } else {
        float *y = (float *)row + panel * PANEL;
        UNROLL for (int j = 0; j < VECTORS; j++, y += LANES) {
            int64_t left = out - panel * PANEL - j * LANES;
            if (left >= LANES) store(y, how == ADD ? load(y) + acc[j] : acc[j]);
            else for (int i = 0; i < left; i++) y[i] = how == ADD ? y[i] + acc[j][i] : acc[j][i];
        }
    }
}

/* y (rows, stride) = x (rows, in) times a matrix. */
static phase *product(const work *w, phase *phases, const matrix *a, const void *x, void *y, int64_t stride,
                      int64_t rows, int how) {
    const int is_bf16 = w->m->is_bf16, y_is_bf16 = is_bf16 && (how == GATE || how == ACTIVATE);
    EACH(panel, (a->out + PANEL - 1) / PANEL, 8192 / (a->in * rows + 1)) { /* some microseconds */
        for (int64_t first = 0; first < rows;) {
            lanes acc[MANY][VECTORS];
            int count = multiply_some(acc, a, panel, at(x, first * a->in, is_bf16), rows - first, is_bf16);
            for (int r = 0; r < count; r++, first++)
                settle(w->m, acc[r], at(y, first * stride, y_is_bf16), panel, a->out, how);
        }
    }
    return phases;
}

/* ---- rows ---- */

static void normalise(const decoder *m, const norm *n, const float *x, void *y, int size, int is_bf16) {
    lanes total = all(0), squares = all(0);
    for (int i = 0; i < size; i += LANES) total += load(x + i);
    const float mean = m->layer_norm && n->bias ? sum(total) / size : 0;
    for (int i = 0; i < size; i += LANES) squares += (load(x + i) - mean) * (load(x + i) - mean);
    const float scale = 1 / sqrtf(sum(squares) / size + m->epsilon);
    for (int i = 0; i < size; i += LANES) {
        lanes v = (load(x + i) - mean) * scale * load(n->weight + i);
        put(y, i, n->bias ? v + load(n->bias + i) : v, is_bf16);
    }
}

static phase *normalise_rows(const work *w, phase *phases, const norm *n) {
    const int64_t width = w->m->width, is_bf16 = w->m->is_bf16;
    EACH(r, w->b->rows, 8) normalise(w->m, n, w->x + r * width, at(w->in, r * width, is_bf16), (int)width, is_bf16);
    return phases;
}

static void embed(const work *w, int64_t row) {
    const decoder *m = w->m;
    const float *token = m->embedding + (int64_t)w->b->tokens[row] * m->width;
    float *x = w->x + row * m->width;
    for (int i = 0; i < m->width; i++) x[i] = token[i] * m->embedding_scale;
    if (!m->positions) return;
    const float *position = m->positions + (int64_t)w->b->positions[row] * m->width;
    for (int i = 0; i < m->width; i++) x[i] += position[i];
}

/* ---- attention ---- */

static void turn(const decoder *m, const norm *n, float *head, int64_t position) {
    const int half = m->head_dim / 2;
    if (n->weight) normalise(m, n, head, head, m->head_dim, 0);
    if (!m->cos) return;
    const float *cos = m->cos + position * half, *sin = m->sin + position * half;
    for (int i = 0; i < half; i++) {
        float a = head[i], b = head[i + half];
        head[i] = a * cos[i] - b * sin[i];
        head[i + half] = b * cos[i] + a * sin[i];
    }
}

INLINE int64_t cache_start(const work *w, int l, int32_t block, int64_t kv) {
    const decoder *m = w->m;
    return ((l * w->b->num_blocks + block) * m->kv_heads + kv) * m->head_dim * BLOCK;
}
INLINE const int32_t *table_of(const work *w, int64_t row) {
    return w->b->tables + (int64_t)w->b->sequences[row] * w->b->table_width;
}
INLINE float *heads_of(const work *w, int64_t row) {
    return w->qkv + row * (w->m->heads + 2 * w->m->kv_heads) * w->m->head_dim;
}

/* Norm and rotate a row's queries and key of one kv head; key and value go into the cache. */
static void remember(const work *w, int l, int64_t row, int64_t kv) {
    const decoder *m = w->m;
    const int64_t position = w->b->positions[row], width = m->head_dim, group = m->heads / m->kv_heads;
    float *q = heads_of(w, row), *k = q + (m->heads + kv) * width, *v = k + m->kv_heads * width;
    for (int64_t g = 0; g < group; g++) turn(m, &m->layers[l].q_norm, q + (kv * group + g) * width, position);
    turn(m, &m->layers[l].k_norm, k, position);
    const int64_t slot = position % BLOCK, start = cache_start(w, l, table_of(w, row)[position / BLOCK], kv);
    for (int64_t e = 0; e < width; e += LANES) {
        put(w->b->values, start + slot * width + e, load(v + e), m->is_bf16);
        bf16 narrowed[LANES];
        if (m->is_bf16) store_bf16(narrowed, load(k + e));
        for (int i = 0; i < LANES; i++) {
            int64_t to = start + (e + i) * BLOCK + slot;
            if (m->is_bf16) ((bf16 *)w->b->keys)[to] = narrowed[i];
            else ((float *)w->b->keys)[to] = k[e + i];
        }
    }
}

typedef struct { int l, seen, blocks; int64_t kv, stride; const int32_t *table; float *scores; } view;

INLINE lanes visible(lanes x, float otherwise, const view *s, int64_t first) {
    lanes index;
    for (int i = 0; i < LANES; i++) index[i] = i;
    return choose(index < all((float)(s->seen - first)), x, all(otherwise));
}

/* Blocks lie apart, where no processor looks by itself. */
INLINE void ask_for(const void *cache, int64_t start, int width, int is_bf16) {
    const char *p = at(cache, start, is_bf16), *end = at(cache, start + width * BLOCK, is_bf16);
    for (; p < end; p += 64) __builtin_prefetch(p);
}

/* scores[g] = q . k * scale over all blocks; returns each head's largest. */
INLINE void score(const work *w, const view *s, const float *q, float top[GROUP], int heads, int is_bf16) {
    const int width = w->m->head_dim;
    lanes best[GROUP];
    UNROLL for (int g = 0; g < heads; g++) best[g] = all(-INFINITY);
    for (int t = 0; t < s->blocks; t++) {
        const int64_t start = cache_start(w, s->l, s->table[t], s->kv);
        ask_for(w->b->values, start, width, is_bf16);
        if (t + 1 < s->blocks) ask_for(w->b->keys, cache_start(w, s->l, s->table[t + 1], s->kv), width, is_bf16);
        UNROLL for (int j = 0; j < BLOCK_VECTORS; j++) {
            lanes acc[GROUP];
            UNROLL for (int g = 0; g < heads; g++) acc[g] = all(0);
            for (int e = 0; e < width; e++) {
                lanes k = get(w->b->keys, start + e * BLOCK + j * LANES, is_bf16);
                UNROLL for (int g = 0; g < heads; g++) acc[g] += k * q[g * width + e];
            }
            const int64_t first = t * BLOCK + j * LANES;
            UNROLL for (int g = 0; g < heads; g++) {
                acc[g] = visible(acc[g] * w->m->scale, -INFINITY, s, first);
                best[g] = larger(best[g], acc[g]);
                store(s->scores + g * s->stride + first, acc[g]);
            }
        }
    }
    for (int g = 0; g < heads; g++) top[g] = largest(best[g]);
}

/* scores[g] = e^(scores[g] - top[g]), and 1 / their sum. */
INLINE void weigh(const view *s, const float top[GROUP], float inverse[GROUP], int heads) {
    for (int g = 0; g < heads; g++) {
        lanes total = all(0);
        for (int64_t first = 0; first < s->blocks * BLOCK; first += LANES) {
            float *p = s->scores + g * s->stride + first;
            lanes v = visible(exp_lanes(load(p) - top[g]), 0, s, first);
            total += v;
            store(p, v);
        }
        inverse[g] = 1 / sum(total);
    }
}

/* out[g] = scores[g] . v for numbers e .. e + vectors * LANES of the heads. */
INLINE void mix(const work *w, const view *s, int e, int64_t out, const float inverse[GROUP], int heads, int vectors,
                int is_bf16) {
    const int width = w->m->head_dim;
    lanes acc[GROUP][WIDE];
    UNROLL for (int g = 0; g < heads; g++) UNROLL for (int j = 0; j < vectors; j++) acc[g][j] = all(0);
    for (int t = 0; t < s->blocks; t++) {
        const int64_t start = cache_start(w, s->l, s->table[t], s->kv) + e;
        const float *p = s->scores + t * BLOCK;
        const int slots = s->seen - t * BLOCK < BLOCK ? s->seen - t * BLOCK : BLOCK;
        for (int slot = 0; slot < slots; slot++) {
            lanes v[WIDE];
            UNROLL for (int j = 0; j < vectors; j++)
                v[j] = get(w->b->values, start + slot * width + j * LANES, is_bf16);
            UNROLL for (int g = 0; g < heads; g++) {
                const float weight = p[g * s->stride + slot];
                UNROLL for (int j = 0; j < vectors; j++) acc[g][j] += v[j] * weight;
            }
        }
    }
    UNROLL for (int g = 0; g < heads; g++)
        UNROLL for (int j = 0; j < vectors; j++)
            put(w->in, out + g * width + e + j * LANES, acc[g][j] * inverse[g], is_bf16);
}

INLINE void attend(const work *w, int l, int64_t row, int64_t kv, int64_t head, int heads, int is_bf16) {
    const decoder *m = w->m;
    const int64_t seen = w->b->positions[row] + 1, stride = (int64_t)w->b->table_width * BLOCK;
    float top[GROUP], inverse[GROUP];
    view s = {l, (int)seen, (int)((seen + BLOCK - 1) / BLOCK), kv, stride, table_of(w, row),
              w->scores + omp_get_thread_num() * GROUP * stride};
    score(w, &s, heads_of(w, row) + head * m->head_dim, top, heads, is_bf16);
    weigh(&s, top, inverse, heads);
    int e = 0;
    const int64_t out = (row * m->heads + head) * m->head_dim;
    for (; e + WIDE * LANES <= m->head_dim; e += WIDE * LANES) mix(w, &s, e, out, inverse, heads, WIDE, is_bf16);
    for (; e < m->head_dim; e += LANES) mix(w, &s, e, out, inverse, heads, 1, is_bf16);
}

INLINE void attend_group(const work *w, int l, int64_t row, int64_t kv, int is_bf16) {
    const int64_t group = w->m->heads / w->m->kv_heads, last = (kv + 1) * group;
    int64_t head = kv * group;
    for (; head + 4 <= last; head += 4) attend(w, l, row, kv, head, 4, is_bf16);
    for (; head + 2 <= last; head += 2) attend(w, l, row, kv, head, 2, is_bf16);
    for (; head < last; head++) attend(w, l, row, kv, head, 1, is_bf16);
}

/* ---- the whole ---- */

static void walk(const work *w) {
    const decoder *m = w->m;
    const batch *b = w->b;
    phase *phases = w->phases;
    const int64_t rows = b->rows, width = m->width, pairs = rows * m->kv_heads;
    EACH(r, rows, 8) embed(w, r);
    for (int l = 0; l < m->num_layers; l++) {
        const layer *part = m->layers + l;
        phases = normalise_rows(w, phases, &part->attention_norm);
        phases = product(w, phases, &part->qkv, w->in, w->qkv, part->qkv.out, rows, STORE);
        EACH(i, pairs, 8) remember(w, l, i / m->kv_heads, i % m->kv_heads);
        EACH(i, pairs, 1) {
            if (m->is_bf16) attend_group(w, l, i / m->kv_heads, i % m->kv_heads, 1);
            else attend_group(w, l, i / m->kv_heads, i % m->kv_heads, 0);
        }
        phases = product(w, phases, &part->out, w->in, w->x, width, rows, ADD);
        phases = normalise_rows(w, phases, &part->mlp_norm);
        phases = product(w, phases, &part->up, w->in, w->act, m->ffn, rows, m->gated ? GATE : ACTIVATE);
        phases = product(w, phases, &part->down, w->act, w->x, width, rows, ADD);
    }
    EACH(r, b->num_logits, 8) {
        void *to = at(w->in, r * width, m->is_bf16);
        normalise(m, &m->final_norm, w->x + b->logit_rows[r] * width, to, (int)width, m->is_bf16);
    }
    product(w, phases, &m->head, w->in, b->logits, m->head.out, b->num_logits, STORE);
}

static int64_t rounded(int64_t n) { return (n + 63) / 64 * 64; }
static int64_t num_phases(const decoder *m) { return 8 * (int64_t)m->num_layers + 3; }

/* Bytes of scratch for `rows` rows of sequences of up to `table_width` blocks. */
EXPORT int64_t hanlin_decode_scratch(const decoder *m, int64_t rows, int64_t table_width, int64_t threads) {
    const int64_t heads = (int64_t)m->heads * m->head_dim, wide = heads > m->width ? heads : m->width;
    return 64 + num_phases(m) * (int64_t)sizeof(phase) +
           4 * (rounded(rows * m->width) + rounded(rows * (m->heads + 2 * m->kv_heads) * m->head_dim) +
                rounded(rows * wide) + rounded(rows * m->ffn) + rounded(threads * GROUP * table_width * BLOCK));
}

EXPORT void hanlin_decode_forward(const decoder *m, const batch *b) {
    const int64_t heads = (int64_t)m->heads * m->head_dim, wide = heads > m->width ? heads : m->width;
    work w = {.m = m, .b = b};
    w.phases = (phase *)(((uintptr_t)b->scratch + 63) / 64 * 64);
    memset(w.phases, 0, num_phases(m) * sizeof(phase));
    w.x = (float *)(w.phases + num_phases(m));
    w.qkv = w.x + rounded((int64_t)b->rows * m->width);
    w.in = w.qkv + rounded((int64_t)b->rows * (m->heads + 2 * m->kv_heads) * m->head_dim);
    w.act = (float *)w.in + rounded(b->rows * wide);
    w.scores = (float *)w.act + rounded((int64_t)b->rows * m->ffn);
#pragma omp parallel num_threads(b->threads)
    walk(&w);
}
