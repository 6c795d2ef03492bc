/* An operation that computes: `op` makes STEPS steps that depend on each other, so that its time is
 * that of the machine and not of a clock.
 *
 *   [--wait] calls N PER_SECOND STEPS    N calls at a steady rate
 */
#include "target.h"

OPERATION long op(long steps, unsigned long state)
{
    for (long i = 0; i < steps; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    return (long)(state >> 1);
}

int main(int argc, char **argv)
{
    target_start(&argc, argv);
    if (!is_mode(argc, argv, "calls"))
        return unknown_mode(argv);
    long calls = argument(argc, argv, 2), per_second = argument(argc, argv, 3), steps = argument(argc, argv, 4);
    struct counts c = {0, 0, 0, 0, 0};
    long sum = 0;
    int64_t start = now_ns();
    while (c.begun < calls) {
        long due = (long)((double)(now_ns() - start) * (double)per_second / 1e9) + 1;
        for (; c.begun < due && c.begun < calls; c.begun++)
            sum ^= op(steps, (unsigned long)c.begun + 1);
        struct timespec pause = {0, 1000000};
        nanosleep(&pause, NULL);
    }
    c.finished = c.begun;
    char extra[64];
    snprintf(extra, sizeof extra, ",\"sum\":%ld", sum);
    print_counts(&c, extra);
    return 0;
}
