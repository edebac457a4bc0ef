/* Forward and backward for one element type; see attention.c. Scores are held transposed, (keys, queries): a vector
 * is then 16 queries against one key, so that the softmax needs no sums across a vector. */

/* Shapes of the packed operands of one block of 64 tokens, width padded to W (G values per word):
 *   rows (64, W/G)   across (W/G, 64)   pairs (64/G, W)   down (W, 64/G) */
#define WORDS(width) ((size_t)BLOCK * (width) / GROUP)

typedef struct { int b, kv, head, head_end; } NAME(unit);

static NAME(unit) NAME(unit_of)(const attention *x, int index) {
    int parts = parts_of(x), group = (int)(x->heads / x->kv_heads);
    int row = index / parts, part = index % parts, share = group / parts;
    NAME(unit) u = {row / (int)x->kv_heads, row % (int)x->kv_heads, 0, 0};
    u.head = u.kv * group + part * share;
    u.head_end = u.head + share;
    return u;
}

#define AT(x, name, b, t, h) ((const ELEM *)(x)->name + (b) * (x)->name##_step[0] + (t) * (x)->name##_step[1] + (h) * (x)->name##_step[2])
#define MIN(a, b) ((a) < (b) ? (a) : (b))

static void NAME(pack)(word *rows, word *across, word *pairs, word *down, const ELEM *from, ptrdiff_t step, int count,
                       int given, int width) {
    NAME(take_rows)(rows, from, step, count, BLOCK, given, width);
    if (across) NAME(flip)(across, BLOCK, rows, width / GROUP, BLOCK, width / GROUP);
    if (pairs) NAME(pair_rows)(pairs, rows, BLOCK, width);
    if (down) NAME(flip)(down, BLOCK / GROUP, pairs, width, BLOCK / GROUP, width);
}

/* The three products of a tile, over the strips of keys that are seen: keys by queries, keys by width, width by queries.
 * `words` counts words along the width of keys and queries, W the floats of a row of sums. */
static void NAME(keys_by_queries)(float *c, const word *keys, const word *queries, int words, const strips *s) {
    for (int i = 0, end; i < STRIPS; i = end) {
        end = alike(s, i);
        const int from = s->from[i] * STRIP, count = s->to[i] * STRIP - from;
        if (count <= 0) continue;
        NAME(tile)(c + i * STRIP * BLOCK + from, BLOCK, keys + (size_t)i * STRIP * words, words, queries + from, BLOCK,
                   (end - i) * STRIP, count, words, 0);
    }
}

static void NAME(keys_by_width)(float *c, const word *weights, const word *pairs, int width, const strips *s) {
    for (int i = 0, end; i < STRIPS; i = end) {
        end = alike(s, i);
        const int from = s->from[i] * STRIP / GROUP, count = s->to[i] * STRIP / GROUP - from;
        if (count <= 0) continue;
        NAME(tile)(c + (size_t)i * STRIP * width, width, weights + i * STRIP * (BLOCK / GROUP) + from, BLOCK / GROUP,
                   pairs + (size_t)from * width, width, (end - i) * STRIP, width, count, 1);
    }
}

static void NAME(width_by_queries)(float *c, const word *down, const word *weights, int width, const strips *s) {
    for (int i = 0, end; i < STRIPS; i = end) {
        end = alike(s, i);
        const int from = s->from[i] * STRIP, count = s->to[i] * STRIP - from, key = i * STRIP / GROUP;
        if (count <= 0) continue;
        NAME(tile)(c + from, BLOCK, down + key, BLOCK / GROUP, weights + (size_t)key * BLOCK + from, BLOCK, width, count,
                   (end - i) * STRIP / GROUP, 1);
    }
}

/* Scores outside each query's range become FAR_BELOW. */
static void NAME(hide)(float *s, const int32_t *first, const int32_t *last, int at) {
    for (int c = 0; c < VECTORS; c++) {
        ilanes from = iload(first + c * LANES) - at, to = iload(last + c * LANES) - at;
        for (int r = 0; r < BLOCK; r++) {
            float *p = s + r * BLOCK + c * LANES;
            store(p, choose((from <= r) & (to > r), load(p), all(FAR_BELOW)));
        }
    }
}

/* One tile of the running softmax: s -> weights p (pairs), the maxima and sums of 64 queries, and their rescaling. */
static int NAME(soften)(float *s, word *p, float *most, float *total, float *shrink, float scale) {
    int moved = 0;
    for (int c = 0; c < VECTORS; c++) {
        lanes old = load(most + c * LANES), top = old, added = {0};
        for (int r = 0; r < BLOCK; r++) top = larger(load(s + r * BLOCK + c * LANES), top);
        lanes base = top * all(scale), factor = exp2_lanes(old * all(scale) - base);
        for (int r = 0; r < BLOCK; r += 2) {
            lanes one = exp2_lanes(load(s + r * BLOCK + c * LANES) * all(scale) - base);
            lanes two = exp2_lanes(load(s + (r + 1) * BLOCK + c * LANES) * all(scale) - base);
            NAME(put_pair)(p + (r / GROUP) * BLOCK + c * LANES, BLOCK, one, two);
            added += one + two;
        }
        store(most + c * LANES, top);
        store(total + c * LANES, load(total + c * LANES) * factor + added);
        store(shrink + c * LANES, factor);
        moved |= any(top != old);
    }
    return moved;
}

static void NAME(scale_columns)(float *o, const float *by, int width) {
    for (int e = 0; e < width; e++)
        for (int c = 0; c < VECTORS; c++)
            store(o + e * BLOCK + c * LANES, load(o + e * BLOCK + c * LANES) * load(by + c * LANES));
}

/* (width, 64) sums -> rows of elements. */
static void NAME(put_block)(ELEM *to, ptrdiff_t step, float *sums, float *rows, int count, int given, int width) {
    NAME(flip)((word *)rows, width, (word *)sums, BLOCK, width, BLOCK);
    for (int r = 0; r < count; r++) NAME(put_elements)(to + r * step, rows + (size_t)r * width, given);
}

typedef struct {
    int width, blocks;
    word *rows, *pairs, *keys, *values, *query, *weights;
    float *s, *o, *turned;
} NAME(desk);

static void NAME(attend_block)(const attention *x, const NAME(desk) *d, int b, int head, int at) {
    int32_t first[BLOCK], last[BLOCK];
    float most[BLOCK], total[BLOCK], shrink[BLOCK];
    const int count = MIN(BLOCK, (int)x->queries - at), width = d->width;
    const float scale = x->scale * LOG2E;
    copy_range(first, last, x, b, at);
    span seen = span_of(first, last, count);
    NAME(pack)(d->rows, d->query, NULL, NULL, AT(x, q, b, at, head), x->q_step[1], count, (int)x->width, width);
    for (int r = 0; r < BLOCK; r++) most[r] = FAR_BELOW, total[r] = 0;
    memset(d->o, 0, (size_t)width * BLOCK * sizeof(float));
    for (int j = seen.from / BLOCK; j * BLOCK < seen.to; j++) {
        const int hidden = seen.clear_from > j * BLOCK || seen.clear_to < (j + 1) * BLOCK;
        const strips s = hidden ? strips_of(first, last, j * BLOCK) : WHOLE;
        NAME(keys_by_queries)(d->s, d->keys + j * WORDS(width), d->query, width / GROUP, &s);
        if (hidden) NAME(hide)(d->s, first, last, j * BLOCK);
        if (NAME(soften)(d->s, d->weights, most, total, shrink, scale)) NAME(scale_columns)(d->o, shrink, width);
        NAME(width_by_queries)(d->o, d->values + j * WORDS(width), d->weights, width, &s);
    }
    float *lse = x->lse + ((int64_t)b * x->heads + head) * x->queries + at;
    for (int r = 0; r < count; r++) {
        int empty = first[r] >= last[r];
        lse[r] = empty ? -FAR_BELOW : most[r] * scale + log2f(total[r]);
        shrink[r] = empty ? 0.0f : 1.0f / total[r];
    }
    for (int r = count; r < BLOCK; r++) shrink[r] = 0;
    NAME(scale_columns)(d->o, shrink, width);
    NAME(put_block)((ELEM *)AT(x, out, b, at, head), x->out_step[1], d->o, d->turned, count, (int)x->width, width);
}

/* The next `count` bytes of scratch, on a cache line of their own. */
static void *NAME(cut)(char **at, size_t count) {
    char *here = (char *)(((uintptr_t)*at + 63) & ~(uintptr_t)63);
    *at = here + count;
    return here;
}

static NAME(desk) NAME(lay_desk)(const attention *x, char **at) {
    NAME(desk) d;
    d.width = padded_width(x);
    d.blocks = round_up((int)x->keys, BLOCK) / BLOCK;
    const size_t words = WORDS(d.width) * sizeof(word), floats = (size_t)BLOCK * d.width * sizeof(float);
    d.rows = NAME(cut)(at, words);
    d.pairs = NAME(cut)(at, words);
    d.query = NAME(cut)(at, words);
    d.weights = NAME(cut)(at, BLOCK * BLOCK * sizeof(word));
    d.s = NAME(cut)(at, BLOCK * BLOCK * sizeof(float));
    d.o = NAME(cut)(at, floats);
    d.turned = NAME(cut)(at, floats);
    d.keys = NAME(cut)(at, words * (size_t)d.blocks);
    d.values = NAME(cut)(at, words * (size_t)d.blocks);
    return d;
}

static void NAME(attend_unit)(const attention *x, NAME(desk) *d, NAME(unit) u) {
    for (int j = 0; j < d->blocks; j++) {
        const int at = j * BLOCK, count = MIN(BLOCK, (int)x->keys - at);
        const size_t offset = j * WORDS(d->width);
        NAME(take_rows)(d->keys + offset, AT(x, k, u.b, at, u.kv), x->k_step[1], count, BLOCK, (int)x->width, d->width);
        NAME(pack)(d->rows, NULL, d->pairs, d->values + offset, AT(x, v, u.b, at, u.kv), x->v_step[1], count,
                   (int)x->width, d->width);
    }
    for (int head = u.head; head < u.head_end; head++)
        for (int at = 0; at < x->queries; at += BLOCK) NAME(attend_block)(x, d, u.b, head, at);
}

EXPORT void NAME(attend)(const attention *x) {
    const int units = (int)(x->batch * x->kv_heads) * parts_of(x);
    const size_t share = (size_t)(attend_scratch(x, 0) / x->threads) & ~(size_t)63;
#pragma omp parallel num_threads(x->threads)
    {
        char *at = x->scratch + share * (size_t)omp_get_thread_num();
        NAME(desk) d = NAME(lay_desk)(x, &at);
#pragma omp for schedule(dynamic, 1)
        for (int i = 0; i < units; i++) NAME(attend_unit)(x, &d, NAME(unit_of)(x, i));
    }
}

/* ---- backward ---- */

typedef struct {
    int width, key_blocks, query_blocks;
    word *rows, *pairs;
    word *k, *k_down, *v;                            /* per block of keys: rows, down, rows */
    word *q_across, *q_pairs, *g_across, *g_pairs;   /* per block of queries; g is the gradient of the output */
    float *delta, *lse;                              /* per query */
    float *d_q;                                      /* per block of queries (W, 64) */
    float *d_k, *d_v;                                /* per block of keys (64, W) */
    float *s, *ds;
    word *p_rows, *ds_rows, *ds_pairs;
    float *turned;
} NAME(bench);

static NAME(bench) NAME(lay_bench)(const attention *x, char **at) {
    NAME(bench) d;
    d.width = padded_width(x);
    d.key_blocks = round_up((int)x->keys, BLOCK) / BLOCK;
    d.query_blocks = round_up((int)x->queries, BLOCK) / BLOCK;
    const size_t words = WORDS(d.width) * sizeof(word), floats = (size_t)BLOCK * d.width * sizeof(float);
    const size_t tile = BLOCK * BLOCK * sizeof(float), keys = (size_t)d.key_blocks, queries = (size_t)d.query_blocks;
    d.rows = NAME(cut)(at, words), d.pairs = NAME(cut)(at, words);
    d.s = NAME(cut)(at, tile), d.ds = NAME(cut)(at, tile);
    d.p_rows = NAME(cut)(at, tile), d.ds_rows = NAME(cut)(at, tile), d.ds_pairs = NAME(cut)(at, tile);
    d.turned = NAME(cut)(at, floats);
    d.k = NAME(cut)(at, words * keys), d.k_down = NAME(cut)(at, words * keys), d.v = NAME(cut)(at, words * keys);
    d.q_across = NAME(cut)(at, words * queries), d.q_pairs = NAME(cut)(at, words * queries);
    d.g_across = NAME(cut)(at, words * queries), d.g_pairs = NAME(cut)(at, words * queries);
    d.d_q = NAME(cut)(at, floats * queries);
    d.d_k = NAME(cut)(at, floats * keys), d.d_v = NAME(cut)(at, floats * keys);
    d.delta = NAME(cut)(at, queries * BLOCK * sizeof(float)), d.lse = NAME(cut)(at, queries * BLOCK * sizeof(float));
    return d;
}

static float NAME(inner)(const ELEM *a, const ELEM *b, int count) {
    lanes total = {0};
    int e = 0;
    for (; e + LANES <= count; e += LANES) total += NAME(read)(a + e) * NAME(read)(b + e);
    float rest = sum(total);
    for (; e < count; e++) rest += NAME(value)(a + e) * NAME(value)(b + e);
    return rest;
}

/* Packed queries and output gradients of one head; delta = sum over width of gradient x output. */
static void NAME(lay_head)(const attention *x, NAME(bench) *d, int b, int head) {
    const float *lse = x->lse + ((int64_t)b * x->heads + head) * x->queries;
    for (int i = 0; i < d->query_blocks; i++) {
        const int at = i * BLOCK, count = MIN(BLOCK, (int)x->queries - at);
        const size_t offset = i * WORDS(d->width);
        NAME(pack)(d->rows, d->q_across + offset, d->q_pairs + offset, NULL, AT(x, q, b, at, head), x->q_step[1], count,
                   (int)x->width, d->width);
        NAME(pack)(d->rows, d->g_across + offset, d->g_pairs + offset, NULL, AT(x, d_out, b, at, head),
                   x->d_out_step[1], count, (int)x->width, d->width);
        for (int r = 0; r < BLOCK; r++) d->delta[at + r] = d->lse[at + r] = 0;
        for (int r = 0; r < count; r++) {
            const ELEM *g = AT(x, d_out, b, at + r, head), *o = AT(x, out, b, at + r, head);
            d->delta[at + r] = NAME(inner)(g, o, (int)x->width);
            d->lse[at + r] = lse[at + r];
        }
    }
    memset(d->d_q, 0, (size_t)d->query_blocks * BLOCK * d->width * sizeof(float));
}

/* s, ds (keys, queries) -> weights p and score gradients p * (ds - delta), as operands of the three products. */
static void NAME(slopes)(NAME(bench) *d, const int32_t *first, const int32_t *last, int from_key, int at, int hidden,
                         float scale) {
    for (int c = 0; c < VECTORS; c++) {
        const lanes lse = load(d->lse + at + c * LANES), delta = load(d->delta + at + c * LANES);
        const ilanes from = iload(first + c * LANES) - from_key, to = iload(last + c * LANES) - from_key;
        for (int r = 0; r < BLOCK; r += 2) {
            lanes p[2], g[2];
            for (int i = 0; i < 2; i++) {
                const int here = (r + i) * BLOCK + c * LANES;
                p[i] = exp2_lanes(load(d->s + here) * all(scale) - lse);
                g[i] = p[i] * (load(d->ds + here) - delta);
                if (hidden) { /* what no query sees was not computed: anything may stand there, NaN too */
                    const ilanes seen = (from <= r + i) & (to > r + i);
                    p[i] = choose(seen, p[i], all(0)), g[i] = choose(seen, g[i], all(0));
                }
                NAME(put_row)(d->p_rows + (r + i) * (BLOCK / GROUP), c * LANES, p[i]);
                NAME(put_row)(d->ds_rows + (r + i) * (BLOCK / GROUP), c * LANES, g[i]);
            }
            NAME(put_pair)(d->ds_pairs + (r / GROUP) * BLOCK + c * LANES, BLOCK, g[0], g[1]);
        }
    }
}

static void NAME(back_tile)(const attention *x, NAME(bench) *d, int i, int j, const int32_t *first, const int32_t *last,
                            int hidden) {
    const int width = d->width;
    const size_t q = i * WORDS(width), k = j * WORDS(width), sums = (size_t)BLOCK * width;
    const strips s = hidden ? strips_of(first, last, j * BLOCK) : WHOLE;
    NAME(keys_by_queries)(d->s, d->k + k, d->q_across + q, width / GROUP, &s);
    NAME(keys_by_queries)(d->ds, d->v + k, d->g_across + q, width / GROUP, &s);
    NAME(slopes)(d, first, last, j * BLOCK, i * BLOCK, hidden, x->scale * LOG2E);
    NAME(keys_by_width)(d->d_v + j * sums, d->p_rows, d->g_pairs + q, width, &s);
    NAME(keys_by_width)(d->d_k + j * sums, d->ds_rows, d->q_pairs + q, width, &s);
    NAME(width_by_queries)(d->d_q + i * sums, d->k_down + k, d->ds_pairs, width, &s);
}

static void NAME(back_head)(const attention *x, NAME(bench) *d, int b, int head) {
    NAME(lay_head)(x, d, b, head);
    for (int i = 0; i < d->query_blocks; i++) {
        int32_t first[BLOCK], last[BLOCK];
        copy_range(first, last, x, b, i * BLOCK);
        const int count = MIN(BLOCK, (int)x->queries - i * BLOCK);
        span seen = span_of(first, last, count);
        for (int j = seen.from / BLOCK; j * BLOCK < seen.to; j++)
            NAME(back_tile)(x, d, i, j, first, last, seen.clear_from > j * BLOCK || seen.clear_to < (j + 1) * BLOCK);
        float *sums = d->d_q + (size_t)i * BLOCK * d->width;
        for (int e = 0; e < BLOCK * d->width; e++) sums[e] *= x->scale;
        NAME(put_block)((ELEM *)AT(x, d_q, b, i * BLOCK, head), x->d_q_step[1], sums, d->turned, count, (int)x->width,
                        d->width);
    }
}

static void NAME(put_key_gradients)(const attention *x, const float *d_k, const float *d_v, int b, int kv, int width) {
    for (int t = 0; t < x->keys; t++) {
        NAME(put_elements)((ELEM *)AT(x, d_k, b, t, kv), d_k + (size_t)t * width, (int)x->width);
        NAME(put_elements)((ELEM *)AT(x, d_v, b, t, kv), d_v + (size_t)t * width, (int)x->width);
    }
}

static void NAME(back_unit)(const attention *x, NAME(bench) *d, NAME(unit) u, float *partial) {
    const size_t sums = (size_t)d->key_blocks * BLOCK * d->width;
    if (partial) d->d_k = partial, d->d_v = partial + sums;
    memset(d->d_k, 0, sums * sizeof(float));
    memset(d->d_v, 0, sums * sizeof(float));
    for (int j = 0; j < d->key_blocks; j++) {
        const int at = j * BLOCK, count = MIN(BLOCK, (int)x->keys - at);
        const size_t offset = j * WORDS(d->width);
        NAME(pack)(d->k + offset, NULL, d->pairs, d->k_down + offset, AT(x, k, u.b, at, u.kv), x->k_step[1], count,
                   (int)x->width, d->width);
        NAME(take_rows)(d->v + offset, AT(x, v, u.b, at, u.kv), x->v_step[1], count, BLOCK, (int)x->width, d->width);
    }
    for (int head = u.head; head < u.head_end; head++) NAME(back_head)(x, d, u.b, head);
    for (size_t e = 0; e < sums; e++) d->d_k[e] *= x->scale;
    if (!partial) NAME(put_key_gradients)(x, d->d_k, d->d_v, u.b, u.kv, d->width);
}

EXPORT void NAME(attend_back)(const attention *x) {
    const int parts = parts_of(x), rows = (int)(x->batch * x->kv_heads), width = padded_width(x);
    const size_t sums = (size_t)round_up((int)x->keys, BLOCK) * width;
    const size_t shared = parts > 1 ? (size_t)rows * parts * 2 * sums : 0;
    const size_t share = ((size_t)attend_scratch(x, 1) - 4 * shared) / x->threads & ~(size_t)63;
    float *partials = parts > 1 ? (float *)(x->scratch + share * x->threads) : NULL;
#pragma omp parallel num_threads(x->threads)
    {
        char *at = x->scratch + share * (size_t)omp_get_thread_num();
        NAME(bench) d = NAME(lay_bench)(x, &at);
#pragma omp for schedule(dynamic, 1)
        for (int i = 0; i < rows * parts; i++)
            NAME(back_unit)(x, &d, NAME(unit_of)(x, i), partials ? partials + (size_t)i * 2 * sums : NULL);
        if (parts > 1) {
#pragma omp for schedule(dynamic, 1)
            for (int row = 0; row < rows; row++) {
                float *all_parts = partials + (size_t)row * parts * 2 * sums;
                for (int part = 1; part < parts; part++)
                    for (size_t e = 0; e < 2 * sums; e++) all_parts[e] += all_parts[part * 2 * sums + e];
                NAME(put_key_gradients)(x, all_parts, all_parts + sums, row / (int)x->kv_heads, row % (int)x->kv_heads,
                                        width);
            }
        }
    }
}
