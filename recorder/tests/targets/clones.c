/* An operation, `op`, of which the compiler makes copies (clones) for some callers (built with
 * -O2).
 *
 *   [--wait] clones N     N rounds: one call of each copy and one through a pointer
 */
#include "target.h"

static volatile long sink;

__attribute__((noinline)) static long op(long index, const long *scale, long unused)
{
    (void)unused;
    for (long i = 0; i < *scale; i++)
        sink += index ^ i;
    NO_TAIL_CALL();
    return sink & 0xff;
}

long (*volatile pointer)(long, const long *, long) = op;

int main(int argc, char **argv)
{
    struct counts c = {0, 0, 0, 0, 0};
    static const long three = 3;
    target_start(&argc, argv);
    if (!is_mode(argc, argv, "clones"))
        return unknown_mode(argv);
    long calls = argument(argc, argv, 2);
    for (long i = 0; i < calls; i++) {
        sink += op(i, &three, 7);
        sink += op(i + 1, &three, i);
        if (!pointer)
            return 3;
        sink += pointer(i, &three, 2);
        c.begun += 3;
        c.finished += 3;
    }
    print_counts(&c, "");
    return 0;
}
