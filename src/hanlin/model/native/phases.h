/* Work that a team of threads shares, phase by phase.
 *
 * A phase is over when its units are done, not when every thread has arrived: a thread that the system has put to sleep
 * is waited for only if it holds a unit. Which thread does which unit is left open, so units must not depend on it. */
#ifndef HANLIN_PHASES_H
#define HANLIN_PHASES_H

#include <omp.h>
#include <sched.h>
#include <stdatomic.h>
#include "lanes.h"

typedef struct { _Atomic int64_t next, done; char apart[48]; } phase; /* a cache line each */
typedef struct { phase *phase; int64_t count, grain, from, to; } share;

/* `grain` units are taken at once, fewer where that would leave a thread without. */
INLINE share open_phase(phase **phases, int64_t count, int64_t grain) {
    const int64_t fair = count / (4 * omp_get_num_threads());
    grain = grain < fair ? grain : fair;
    return (share){(*phases)++, count, grain > 0 ? grain : 1, 0, 0};
}

/* Take the next run of the phase's units; 0 once all of them, everyone's, are done. */
static int take(share *s) {
    if (s->to > s->from) atomic_fetch_add_explicit(&s->phase->done, s->to - s->from, memory_order_release);
    s->from = atomic_fetch_add_explicit(&s->phase->next, s->grain, memory_order_relaxed);
    s->to = s->from + s->grain < s->count ? s->from + s->grain : s->count;
    if (s->from < s->count) return 1;
    for (int spins = 0; atomic_load_explicit(&s->phase->done, memory_order_acquire) < s->count; spins++) {
#if defined(__x86_64__)
        _mm_pause();
#endif
        if (spins > 2000) sched_yield(); /* more threads than free cores: let the owner run */
    }
    return 0;
}

#define EACH(i, n, grain) \
    for (share s_##i = open_phase(&phases, n, grain); take(&s_##i);) \
        for (int64_t i = s_##i.from; i < s_##i.to; i++)

#endif
