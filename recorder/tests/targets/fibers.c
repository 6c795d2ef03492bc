/* Two fibers (swapcontext) on one thread that interleave inside an operation, `op`.
 *
 *   [--wait] fibers N     N operations, half of them on each fiber; each switches to the other
 *                         fiber halfway
 *
 * Prints the checksum of the returned values next to the expected one: a tracer that pairs returns
 * by the order of the stack changes them silently.
 */
#include "target.h"

#include <ucontext.h>

enum { STACK_BYTES = 256 * 1024 };

static ucontext_t home, fibers[2];
static int finished_fibers[2];
static long done[2], sums[2], calls;

OPERATION long op(int fiber, long index)
{
    volatile long result = index * 3 + fiber;
    if (!finished_fibers[!fiber])
        swapcontext(&fibers[fiber], &fibers[!fiber]);
    return result + 1;
}

static void run(int fiber)
{
    for (long i = 0; i < calls / 2; i++) {
        sums[fiber] += op(fiber, i);
        done[fiber]++;
    }
    finished_fibers[fiber] = 1;
    /* The fiber that ends first switches to the other; the last one returns to main. */
    if (!finished_fibers[!fiber])
        swapcontext(&fibers[fiber], &fibers[!fiber]);
    else
        setcontext(&home);
}

int main(int argc, char **argv)
{
    target_start(&argc, argv);
    if (!is_mode(argc, argv, "fibers"))
        return unknown_mode(argv);
    calls = argument(argc, argv, 2) / 2 * 2;
    for (int fiber = 0; fiber < 2; fiber++) {
        if (getcontext(&fibers[fiber]))
            return 3;
        fibers[fiber].uc_stack.ss_sp = malloc(STACK_BYTES);
        fibers[fiber].uc_stack.ss_size = STACK_BYTES;
        fibers[fiber].uc_link = &home;
        makecontext(&fibers[fiber], (void (*)(void))run, 1, fiber);
    }
    swapcontext(&home, &fibers[0]);

    long half = calls / 2, expected = 0;
    for (long i = 0; i < half; i++)
        expected += 2 * (i * 3 + 1) + 1;
    struct counts c = {done[0] + done[1], done[0] + done[1], 0, 0, 0};
    char extra[96];
    snprintf(extra, sizeof extra, ",\"checksum\":%ld,\"expected\":%ld", sums[0] + sums[1], expected);
    print_counts(&c, extra);
    return sums[0] + sums[1] == expected && c.finished == calls ? 0 : 1;
}
