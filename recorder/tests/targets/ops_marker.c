/* The operation of ops.c announced by markers (soakbox.h), named `op`. A finish carries the return
 * value; it succeeded where that is not negative. Modes of ops.c, and
 *
 *   [--wait] locals N                 N calls of leaf functions that keep locals alive around a
 *                                     marker pair, in registers and in the red zone; prints how
 *                                     many found them unchanged
 *            tokens N WINDOW          N operations begun on one thread and finished on another, up
 *                                     to WINDOW in flight, finished in the reverse order inside a
 *                                     window; odd ones fail
 *            nested N                 N pairs of operations inside one another without a token:
 *                                     last in, first out
 */
#include "modes.h"
#include "soakbox.h"

SOAKBOX_OPERATION(op);

OPERATION int op(long index, long depth, long fail_every, long spin_ns)
{
    soakbox_begin(op);
    int result = op_body(index, depth, fail_every, spin_ns);
    soakbox_finish(op, result, result >= 0);
    return result;
}

/* Calls only the markers, and the array is small: the optimiser may keep it below the stack
 * pointer wherever the calls of the markers allow that. */
OPERATION int locals_survive(long seed)
{
    volatile long kept[12];
    long a = seed * 3 + 1, b = seed ^ 0x5555, c = seed + 77, d = ~seed;
    for (int i = 0; i < 12; i++)
        kept[i] = seed * (i + 1);
    soakbox_begin(op);
    for (int i = 0; i < 12; i++)
        if (kept[i] != seed * (i + 1))
            return 0;
    soakbox_finish(op, a + b + c + d, 1);
    for (int i = 0; i < 12; i++)
        if (kept[i] != seed * (i + 1))
            return 0;
    return a == seed * 3 + 1 && b == (seed ^ 0x5555) && c == seed + 77 && d == ~seed;
}

static int run_locals(long calls)
{
    struct counts c = {calls, calls, 0, 0, 0};
    char extra[64];
    long ok = 0;
    for (long i = 0; i < calls; i++)
        ok += locals_survive(i * 2654435761 + 12345);
    snprintf(extra, sizeof extra, ",\"locals_ok\":%ld", ok);
    print_counts(&c, extra);
    return 0;
}

/* Passes a window of tokens from the thread that begins to the one that finishes; both wait for
 * each other. */
struct handover {
    long calls, window;
    pthread_barrier_t full, empty;
};

static void *finish_tokens(void *argument)
{
    struct handover *h = (struct handover *)argument;
    for (long from = 0; from < h->calls; from += h->window) {
        long to = from + h->window < h->calls ? from + h->window : h->calls;
        pthread_barrier_wait(&h->full);
        for (long i = to; i-- > from;)
            soakbox_finish_token(op, i + 1, i, i % 2 == 0);
        pthread_barrier_wait(&h->empty);
    }
    return NULL;
}

static int run_tokens(long calls, long window)
{
    struct handover h = {.calls = calls, .window = window};
    struct counts c = {calls, calls, calls / 2, 0, 0};
    pthread_t finisher;
    if (window < 1)
        return 2;
    pthread_barrier_init(&h.full, NULL, 2);
    pthread_barrier_init(&h.empty, NULL, 2);
    if (pthread_create(&finisher, NULL, finish_tokens, &h))
        return 3;
    for (long from = 0; from < calls; from += window) {
        long to = from + window < calls ? from + window : calls;
        for (long i = from; i < to; i++)
            soakbox_begin_token(op, i + 1);
        pthread_barrier_wait(&h.full);
        pthread_barrier_wait(&h.empty);
    }
    pthread_join(finisher, NULL);
    print_counts(&c, "");
    return 0;
}

static int run_nested(long calls)
{
    struct counts c = {2 * calls, 2 * calls, calls, 0, 0};
    for (long i = 0; i < calls; i++) {
        soakbox_begin(op);
        soakbox_begin(op);
        soakbox_finish(op, 1, 1); /* the inner one */
        soakbox_finish(op, 2, 0); /* the outer one */
    }
    print_counts(&c, "");
    return 0;
}

int main(int argc, char **argv)
{
    target_start(&argc, argv);
    if (is_mode(argc, argv, "locals"))
        return run_locals(argument(argc, argv, 2));
    if (is_mode(argc, argv, "tokens"))
        return run_tokens(argument(argc, argv, 2), argument(argc, argv, 3));
    if (is_mode(argc, argv, "nested"))
        return run_nested(argument(argc, argv, 2));
    int status = shared_modes(argc, argv);
    return status < 0 ? unknown_mode(argv) : status;
}
