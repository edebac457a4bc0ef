/* Vectors of floats as wide as the processor's registers, and the few operations the kernels need.
 *
 * GCC and Clang vector extensions carry the portable path (AVX2, NEON, plain SSE2); intrinsics stand only where one
 * instruction replaces many. Everything here lets NaN through: a loss that is not finite has to stay visible. */
#ifndef HANLIN_LANES_H
#define HANLIN_LANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif

typedef float lanes __attribute__((vector_size(4 * LANES)));
typedef int32_t ilanes __attribute__((vector_size(4 * LANES)));
typedef uint32_t ulanes __attribute__((vector_size(4 * LANES)));
typedef uint16_t hlanes __attribute__((vector_size(2 * LANES)));

#define INLINE static inline __attribute__((always_inline))
#define EXPORT __attribute__((visibility("default")))
/* Far below any score, far above -inf; a power of two, so that scaling is exact and differences of two of them are 0. */
#define FAR_BELOW (-0x1p100f)

INLINE lanes all(float x) { return x - (lanes){0}; }
INLINE ilanes iall(int32_t x) { return x - (ilanes){0}; }
INLINE lanes load(const void *p) { lanes v; memcpy(&v, p, sizeof v); return v; }
INLINE ilanes iload(const void *p) { ilanes v; memcpy(&v, p, sizeof v); return v; }
INLINE void store(void *p, lanes v) { memcpy(p, &v, sizeof v); }
INLINE lanes choose(ilanes mask, lanes a, lanes b) { return (lanes)((mask & (ilanes)a) | (~mask & (ilanes)b)); }
/* A NaN in `a` is kept. */
INLINE lanes larger(lanes a, lanes b) { return choose(a < b, b, a); }
INLINE int any(ilanes mask) {
    int found = 0;
    for (int i = 0; i < LANES; i++) found |= mask[i];
    return found;
}
INLINE float sum(lanes v) {
    float total = 0;
    for (int i = 0; i < LANES; i++) total += v[i];
    return total;
}
INLINE float largest(lanes v) {
    float best = v[0];
    for (int i = 1; i < LANES; i++) best = best < v[i] ? v[i] : best;
    return best;
}

/* bfloat16: the upper half of a float. */
typedef uint16_t bf16;
INLINE float widen(bf16 x) { uint32_t u = (uint32_t)x << 16; float f; memcpy(&f, &u, 4); return f; }
INLINE bf16 narrow(float x) {
    uint32_t u;
    memcpy(&u, &x, 4);
    return x != x ? 0x7fc0 : (bf16)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}
INLINE lanes load_bf16(const bf16 *p) {
    hlanes h;
    memcpy(&h, p, sizeof h);
    return (lanes)(__builtin_convertvector(h, ulanes) << 16);
}
INLINE void store_bf16(bf16 *p, lanes v) {
#if defined(__AVX512BF16__)
    __m256bh h = _mm512_cvtneps_pbh((__m512)v);
    memcpy(p, &h, sizeof h);
#else
    ulanes u = (ulanes)v;
    u = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
    u = (ulanes)choose(v != v, (lanes)((ulanes)iall(0x7fc0)), (lanes)u);
    hlanes h = __builtin_convertvector(u, hlanes);
    memcpy(p, &h, sizeof h);
#endif
}

/* 2^x within 2e-7 relative, 0 below 2^-126, NaN stays NaN; x <= 127. */
INLINE lanes exp2_lanes(lanes x) {
#if defined(__AVX512F__)
    lanes n = (lanes)_mm512_roundscale_ps((__m512)x, 0x08);
    lanes f = x - n;
#else
    x = choose(x < all(-127.0f), all(-127.0f), x);
    lanes shift = choose(x < all(0.0f), all(-0.5f), all(0.5f));
    ilanes i = __builtin_convertvector(x + shift, ilanes);
    lanes f = x - __builtin_convertvector(i, lanes);
#endif
    lanes p = all(1.5403530e-4f); /* (ln 2)^n / n!, from n = 6 down */
    p = p * f + all(1.3333558e-3f);
    p = p * f + all(9.6181291e-3f);
    p = p * f + all(5.5504109e-2f);
    p = p * f + all(2.4022651e-1f);
    p = p * f + all(6.9314718e-1f);
    p = p * f + all(1.0f);
#if defined(__AVX512F__)
    return (lanes)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    return p * (lanes)((i + 127) << 23); /* i = -127 makes the factor 0 */
#endif
}

#define LOG2E 1.44269504088896340736f
#define LN2 0.69314718055994530942f
INLINE lanes exp_lanes(lanes x) { return exp2_lanes(x * all(LOG2E)); }
/* 1 / (1 + e^-x); the clamp keeps e^-x finite and lets NaN pass. */
INLINE lanes sigmoid_lanes(lanes x) {
    lanes t = x * all(-LOG2E);
    t = choose(t > all(126.0f), all(126.0f), t);
    const lanes d = all(1.0f) + exp2_lanes(t);
#if defined(__AVX512F__)
    /* A 14-bit guess and one Newton step: 1e-7 relative, a quarter of a division's time. */
    const lanes guess = (lanes)_mm512_rcp14_ps((__m512)d);
    return guess * (all(2.0f) - d * guess);
#else
    return all(1.0f) / d;
#endif
}

#endif
