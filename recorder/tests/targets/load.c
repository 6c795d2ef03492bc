/* A load whose number of operations is known, whatever probes cost: operations that are late are made
 * up for. Between operations it uses the CPU.
 *
 *   [--wait] RATE PERIOD_MS BUSY_MS SECONDS SPIN_NS
 *       RATE operations per second in the first BUSY_MS of each PERIOD_MS; each takes SPIN_NS.
 *       In addition the operation `rare` every 100 ms, which takes a millisecond.
 */
#include "target.h"

OPERATION int op(int64_t spin_ns)
{
    if (spin_ns > 0) {
        int64_t end = now_ns() + spin_ns;
        while (now_ns() < end)
            ;
    }
    NO_TAIL_CALL();
    return 0;
}

OPERATION int rare(int64_t spin_ns)
{
    op(0);
    int64_t end = now_ns() + spin_ns;
    while (now_ns() < end)
        ;
    NO_TAIL_CALL();
    return 0;
}

int main(int argc, char **argv)
{
    target_start(&argc, argv);
    double per_ns = atof(text_argument(argc, argv, 1)) / 1e9;
    int64_t period = atol(text_argument(argc, argv, 2)) * 1000000;
    int64_t busy = atol(text_argument(argc, argv, 3)) * 1000000;
    int64_t length = atol(text_argument(argc, argv, 4)) * 1000000000;
    int64_t spin_ns = atol(text_argument(argc, argv, 5));
    struct counts counts = {0};
    int64_t start = now_ns(), since;
    long rare_calls = 0;
    do {
        since = now_ns() - start;
        int64_t past = since > length ? length : since;
        int64_t in_period = past % period;
        int64_t busy_time = past / period * busy + (in_period < busy ? in_period : busy);
        long due = (long)((double)busy_time * per_ns);
        for (; counts.begun < due; counts.begun++)
            op(spin_ns);
        for (; rare_calls < past / 100000000; rare_calls++, counts.begun++)
            rare(1000000);
        for (volatile int i = 0; i < 300; i++)
            ;
    } while (since < length);
    counts.finished = counts.begun;
    char extra[96];
    snprintf(extra, sizeof extra, ",\"rare\":%ld,\"cpu_ns\":%ld", rare_calls, (long)clock_ns(CLOCK_PROCESS_CPUTIME_ID));
    print_counts(&counts, extra);
    return 0;
}
