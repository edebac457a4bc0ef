/* C (+)= A . B on small tiles, and the shuffles that lay rows out for it.
 *
 * A "word" is what one multiply-add consumes along the summed dimension: one float, or (DOTS) a pair of bfloat16.
 * A is (M, K) words, rows contiguous; B is (K, N) words; C is (M, N) floats. Included once per element type. */
#if DOTS
#define GROUP 2 /* values per word */
#else
#define GROUP 1
#endif
#if LANES == 16 || defined(__aarch64__)
#define WIDE 4 /* 32 vector registers: 4 rows x 4 vectors of sums */
#else
#define WIDE 2
#endif

typedef uint32_t word;

INLINE lanes NAME(dot)(lanes sum, word a, const word *b) {
#if DOTS
    return (lanes)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32((int)a), (__m512bh)_mm512_loadu_si512(b));
#else
    float f;
    memcpy(&f, &a, 4);
    return sum + all(f) * load(b);
#endif
}

INLINE void NAME(panel)(float *c, size_t ldc, const word *a, size_t lda, const word *b, size_t ldb, int rows, int depth,
                        int vectors, int add) {
    for (int m = 0; m < rows; m += 4) {
        lanes s[4][4];
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < vectors; j++) s[i][j] = add ? load(c + (m + i) * ldc + j * LANES) : (lanes){0};
        for (int k = 0; k < depth; k++)
            for (int i = 0; i < 4; i++)
                for (int j = 0; j < vectors; j++)
                    s[i][j] = NAME(dot)(s[i][j], a[(m + i) * lda + k], b + k * ldb + j * LANES);
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < vectors; j++) store(c + (m + i) * ldc + j * LANES, s[i][j]);
    }
}

/* rows: a multiple of 4; columns: a multiple of 16; depth in words. */
static void NAME(tile)(float *c, size_t ldc, const word *a, size_t lda, const word *b, size_t ldb, int rows, int columns,
                       int depth, int add) {
    int vectors = columns / LANES, j = 0;
    for (; j + WIDE <= vectors; j += WIDE)
        NAME(panel)(c + j * LANES, ldc, a, lda, b + j * LANES, ldb, rows, depth, WIDE, add);
    c += j * LANES, b += j * LANES;
    if (vectors - j == 3) NAME(panel)(c, ldc, a, lda, b, ldb, rows, depth, 3, add);
    if (vectors - j == 2) NAME(panel)(c, ldc, a, lda, b, ldb, rows, depth, 2, add);
    if (vectors - j == 1) NAME(panel)(c, ldc, a, lda, b, ldb, rows, depth, 1, add);
}

#if ELEM_IS_FLOAT
INLINE lanes NAME(read)(const ELEM *p) { return load(p); }
INLINE float NAME(value)(const ELEM *p) { return *p; }
#else
INLINE lanes NAME(read)(const ELEM *p) { return load_bf16(p); }
INLINE float NAME(value)(const ELEM *p) { return widen(*p); }
#endif

/* Rows of elements -> rows of words, `width` values each (zeros after `given` values and after `rows` rows). */
static void NAME(take_rows)(word *to, const ELEM *from, ptrdiff_t step, int rows, int padded, int given, int width) {
    for (int r = 0; r < padded; r++) {
        word *row = to + (size_t)r * (width / GROUP);
        memset(row, 0, (size_t)width / GROUP * sizeof(word));
        if (r >= rows) continue;
#if DOTS || ELEM_IS_FLOAT
        memcpy(row, from + r * step, (size_t)given * sizeof(ELEM));
#else
        for (int e = 0; e < given; e++) ((float *)row)[e] = widen(from[r * step + e]);
#endif
    }
}

/* (rows, width) values -> (rows / GROUP, width) words: B with the rows as the summed dimension. */
static void NAME(pair_rows)(word *to, const word *from, int rows, int width) {
#if DOTS
    for (int r = 0; r < rows; r += 2) {
        const bf16 *low = (const bf16 *)(from + (size_t)r * (width / 2)), *high = low + width;
        word *row = to + (size_t)(r / 2) * width;
        for (int e = 0; e < width; e++) row[e] = (word)low[e] | (word)high[e] << 16;
    }
#else
    memcpy(to, from, (size_t)rows * width * sizeof(word));
#endif
}

/* (rows, columns) words -> (columns, rows); both multiples of 16. */
static void NAME(flip)(word *to, size_t ldt, const word *from, size_t ldf, int rows, int columns) {
    for (int r = 0; r < rows; r += 16)
        for (int c = 0; c < columns; c += 16) {
#if defined(__AVX512F__)
            flip_16x16(to + (size_t)c * ldt + r, ldt, from + (size_t)r * ldf + c, ldf);
#else
            for (int i = 0; i < 16; i++)
                for (int j = 0; j < 16; j++) to[(size_t)(c + j) * ldt + r + i] = from[(size_t)(r + i) * ldf + c + j];
#endif
        }
}

/* Two neighbouring rows of 16 weights -> one row of words, the summed dimension running down. */
INLINE void NAME(put_pair)(word *to, size_t ldt, lanes first, lanes second) {
#if DOTS
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                           5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    __m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
    _mm512_storeu_si512(to, _mm512_permutexvar_epi16(order, both));
    (void)ldt;
#else
    store(to, first);
    store(to + ldt, second);
#endif
}

/* A vector of weights inside a row, the summed dimension running along the row. */
INLINE void NAME(put_row)(word *row, int at, lanes v) {
#if DOTS
    store_bf16((bf16 *)row + at, v);
#else
    store(row + at, v);
#endif
}

INLINE void NAME(put_elements)(ELEM *to, const float *from, int count) {
    int e = 0;
#if ELEM_IS_FLOAT
    memcpy(to, from, (size_t)count * sizeof(float));
    (void)e;
#else
    for (; e + LANES <= count; e += LANES) store_bf16(to + e, load(from + e));
    for (; e < count; e++) to[e] = narrow(from[e]);
#endif
}
