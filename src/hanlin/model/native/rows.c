/* What a Transformer does row by row beside products: RMSNorm, SwiGLU, rotary positions, cross-entropy.
 *
 * Each is one pass over memory instead of the five to ten that separate tensor operations make. Sums run in float32.
 * Rows are shared out in fixed runs, one per thread, so results are the same at every run with as many threads. */
#include <math.h>
#include <omp.h>
#include "lanes.h"

typedef struct { int64_t from, to; } run;
static run run_of(int64_t rows, int thread, int threads) {
    return (run){rows * thread / threads, rows * (thread + 1) / threads};
}

#define NAME(x) x##_f32
#define ELEM float
#define ELEM_IS_FLOAT 1
#include "rows_body.h"
#undef NAME
#undef ELEM
#undef ELEM_IS_FLOAT
#define NAME(x) x##_bf16
#define ELEM bf16
#define ELEM_IS_FLOAT 0
#include "rows_body.h"
