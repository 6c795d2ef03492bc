/* Fifty operations, `op0` to `op49`, for the cost of reading the counts of many.
 *
 *   [--wait] COUNT RATE   calls them in turn, COUNT calls in all, RATE a second
 */
#include "target.h"

/* Each of its own length in instructions, so that none can be folded into another. */
#define ONE(number) \
    OPERATION int op##number(long index) \
    { \
        NO_TAIL_CALL(); \
        return (int)(index % (number + 2)); \
    }
#define TEN(tens) \
    ONE(tens##0) ONE(tens##1) ONE(tens##2) ONE(tens##3) ONE(tens##4) \
    ONE(tens##5) ONE(tens##6) ONE(tens##7) ONE(tens##8) ONE(tens##9)
#define NAME(number) op##number,
#define TEN_NAMES(tens) \
    NAME(tens##0) NAME(tens##1) NAME(tens##2) NAME(tens##3) NAME(tens##4) \
    NAME(tens##5) NAME(tens##6) NAME(tens##7) NAME(tens##8) NAME(tens##9)

TEN() TEN(1) TEN(2) TEN(3) TEN(4)

static int (*const operations[])(long) = {TEN_NAMES() TEN_NAMES(1) TEN_NAMES(2) TEN_NAMES(3) TEN_NAMES(4)};
#define OPERATIONS (sizeof operations / sizeof operations[0])

int main(int argc, char **argv)
{
    target_start(&argc, argv);
    long count = argument(argc, argv, 1), rate = argument(argc, argv, 2);
    struct counts counts = {0};
    int64_t start = now_ns();
    while (counts.begun < count) {
        long due = (long)((double)(now_ns() - start) * (double)rate / 1e9) + 1;
        for (; counts.begun < due && counts.begun < count; counts.begun++)
            operations[counts.begun % OPERATIONS](counts.begun);
        struct timespec pause = {0, 1000000};
        nanosleep(&pause, NULL);
    }
    counts.finished = counts.begun;
    char extra[48];
    snprintf(extra, sizeof extra, ",\"wall_ns\":%ld", (long)(now_ns() - start));
    print_counts(&counts, extra);
    return 0;
}
