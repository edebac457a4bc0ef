/* The functions of rows.c for one element type. N rows, D or V or F numbers in each; weights are float32. */

/* n <= LANES numbers, zeros behind them. */
INLINE lanes NAME(take)(const ELEM *p, int64_t n) {
#if ELEM_IS_FLOAT
    if (n >= LANES) return load(p);
#else
    if (n >= LANES) return load_bf16(p);
#endif
    ELEM part[LANES] = {0};
    memcpy(part, p, (size_t)n * sizeof(ELEM));
#if ELEM_IS_FLOAT
    return load(part);
#else
    return load_bf16(part);
#endif
}

INLINE void NAME(give)(ELEM *p, lanes v, int64_t n) {
    ELEM part[LANES];
#if ELEM_IS_FLOAT
    store(n >= LANES ? p : part, v);
#else
    store_bf16(n >= LANES ? p : part, v);
#endif
    if (n < LANES) memcpy(p, part, (size_t)n * sizeof(ELEM));
}

INLINE lanes NAME(weights)(const float *p, int64_t n) {
    if (n >= LANES) return load(p);
    float part[LANES] = {0};
    memcpy(part, p, (size_t)n * sizeof(float));
    return load(part);
}

#define EACH(i, count) for (int64_t i = 0; i < (count); i += LANES)

/* ---- RMSNorm: y = x w / sqrt(mean(x^2) + eps), where x first takes in a branch if there is one ---- */

static float NAME(add_row)(ELEM *sum_row, const ELEM *x, const ELEM *branch, int64_t width) {
    lanes squares = {0};
    EACH(i, width) {
        lanes v = NAME(take)(x + i, width - i);
        if (branch) {
            NAME(give)(sum_row + i, v + NAME(take)(branch + i, width - i), width - i);
            v = NAME(take)(sum_row + i, width - i);
        }
        squares += v * v;
    }
    return sum(squares);
}

/* y, inverse (N): what backward needs; branch and total may be NULL: then no sum is taken. */
EXPORT void NAME(rms_norm)(const ELEM *x, const ELEM *branch, const float *weight, ELEM *total, ELEM *y, float *inverse,
                           int64_t rows, int64_t width, float eps, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t r = 0; r < rows; r++) {
        const ELEM *row = x + r * width;
        const float squares = NAME(add_row)(total + r * width, row, branch ? branch + r * width : NULL, width);
        const float by = 1.0f / sqrtf(squares / (float)width + eps);
        if (branch) row = total + r * width;
        inverse[r] = by;
        EACH(i, width) {
            lanes v = NAME(take)(row + i, width - i) * all(by) * NAME(weights)(weight + i, width - i);
            NAME(give)(y + r * width + i, v, width - i);
        }
    }
}

static void NAME(rms_norm_back_row)(const ELEM *x, const ELEM *dy, const ELEM *through, const float *weight, ELEM *dx,
                                    float *d_weight, float by, int64_t width) {
    lanes dots = {0};
    EACH(i, width) {
        lanes v = NAME(take)(x + i, width - i), g = NAME(take)(dy + i, width - i);
        dots += v * g * NAME(weights)(weight + i, width - i);
    }
    const float pull = sum(dots) * by * by * by / (float)width;
    EACH(i, width) {
        lanes v = NAME(take)(x + i, width - i), g = NAME(take)(dy + i, width - i);
        lanes d = g * NAME(weights)(weight + i, width - i) * all(by) - v * all(pull);
        if (through) d += NAME(take)(through + i, width - i);
        NAME(give)(dx + i, d, width - i);
        store(d_weight + i, load(d_weight + i) + v * g * all(by));
    }
}

/* dx (N, D), plus what flows `through` the sum if given; d_weights (threads, D rounded up to 16) partial sums, zeroed. */
EXPORT void NAME(rms_norm_back)(const ELEM *x, const ELEM *dy, const ELEM *through, const float *weight,
                                const float *inverse, ELEM *dx, float *d_weights, int64_t rows, int64_t width,
                                int threads) {
    const int64_t padded = (width + 15) / 16 * 16;
#pragma omp parallel num_threads(threads)
    {
        const run mine = run_of(rows, omp_get_thread_num(), omp_get_num_threads());
        float *d_weight = d_weights + omp_get_thread_num() * padded;
        for (int64_t r = mine.from; r < mine.to; r++)
            NAME(rms_norm_back_row)(x + r * width, dy + r * width, through ? through + r * width : NULL, weight,
                                    dx + r * width, d_weight, inverse[r], width);
    }
}

/* ---- SwiGLU: silu(first half) * second half ---- */

EXPORT void NAME(swiglu)(const ELEM *halves, ELEM *y, int64_t rows, int64_t width, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t r = 0; r < rows; r++)
        EACH(i, width) {
            const ELEM *p = halves + r * 2 * width + i;
            lanes a = NAME(take)(p, width - i), b = NAME(take)(p + width, width - i);
            NAME(give)(y + r * width + i, a * sigmoid_lanes(a) * b, width - i);
        }
}

EXPORT void NAME(swiglu_back)(const ELEM *halves, const ELEM *dy, ELEM *d_halves, int64_t rows, int64_t width,
                              int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t r = 0; r < rows; r++)
        EACH(i, width) {
            const ELEM *p = halves + r * 2 * width + i;
            ELEM *d = d_halves + r * 2 * width + i;
            lanes a = NAME(take)(p, width - i), b = NAME(take)(p + width, width - i);
            lanes g = NAME(take)(dy + r * width + i, width - i), s = sigmoid_lanes(a);
            NAME(give)(d, g * b * s * (all(1.0f) + a * (all(1.0f) - s)), width - i);
            NAME(give)(d + width, g * a * s, width - i);
        }
}

/* ---- rotary positions: halves (a, b) of a head -> (a cos - b sin, b cos + a sin) ---- */

/* x rows of (heads, E) `step` numbers apart, y dense; cos and sin (N or `period`, E/2) float32; way = 1, or -1 back. */
EXPORT void NAME(rotate)(const ELEM *x, ELEM *y, const float *cosine, const float *sine, int64_t rows, int64_t period,
                         int64_t heads, int64_t half, int64_t step, float way, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t r = 0; r < rows; r++)
        for (int64_t h = 0; h < heads; h++)
            EACH(i, half) {
                const int64_t angle = (r % period) * half + i, n = half - i;
                const ELEM *p = x + r * step + h * 2 * half + i;
                ELEM *q = y + (r * heads + h) * 2 * half + i;
                lanes c = NAME(weights)(cosine + angle, n), s = NAME(weights)(sine + angle, n) * all(way);
                lanes a = NAME(take)(p, n), b = NAME(take)(p + half, n);
                NAME(give)(q, a * c - b * s, n);
                NAME(give)(q + half, b * c + a * s, n);
            }
}

/* ---- cross-entropy ---- */

static lanes NAME(tail)(const ELEM *p, int64_t n) { /* like take, FAR_BELOW behind the end */
    lanes v = NAME(take)(p, n);
    for (int64_t i = n; i < LANES; i++) v[i] = FAR_BELOW;
    return v;
}

static float NAME(log_sum)(const ELEM *row, int64_t width) {
    lanes top = all(FAR_BELOW), total = {0};
    EACH(i, width) top = larger(NAME(tail)(row + i, width - i), top);
    const float most = largest(top);
    EACH(i, width) total += exp_lanes(NAME(tail)(row + i, width - i) - all(most));
    return most + logf(sum(total));
}

/* logits (N, V), targets (N), none of them V or more -> nats (N): log sum exp - the target's logit. A negative target
 * is left out: 0 nats. With `gradient`, logits become (softmax - one-hot), zeros where left out. */
EXPORT void NAME(cross_entropy)(ELEM *logits, const int64_t *targets, float *nats, int64_t rows, int64_t width,
                                int64_t gradient, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t r = 0; r < rows; r++) {
        ELEM *row = logits + r * width;
        const int64_t target = targets[r];
        nats[r] = 0;
        if (target < 0) {
            if (gradient) memset(row, 0, (size_t)width * sizeof(ELEM));
            continue;
        }
        const float log_sum = NAME(log_sum)(row, width);
        const float right = NAME(take)(row + target, 1)[0];
        nats[r] = log_sum - right;
        if (!gradient) continue;
        EACH(i, width) {
            lanes v = exp_lanes(NAME(tail)(row + i, width - i) - all(log_sum));
            NAME(give)(row + i, v, width - i);
        }
        NAME(give)(row + target, all(expf(right - log_sum) - 1.0f), 1);
    }
}
