/* An operation, `op`, that is called again by a function that it calls (mutual recursion).
 *
 *   [--wait] mutual N DEPTH    N calls, each DEPTH levels of op deep
 *
 * It is called by a function of this program; with -DPOINTER through a pointer; with -DCALLBACK by
 * the C library.
 */
#include "target.h"

static volatile long sink;

OPERATION long op(long depth);

static int compare(const void *a, const void *b)
{
    const long *depth = (const long *)a;
    if (*depth > 1)
        op(*depth - 1);
    NO_TAIL_CALL();
    return a < b;
}

OPERATION long deeper(long depth)
{
    long result = depth > 1 ? op(depth - 1) : 0;
    NO_TAIL_CALL();
    return result;
}

long (*volatile pointer)(long) = deeper;

OPERATION long op(long depth)
{
    long result = depth;
#if defined(POINTER)
    result += pointer(depth);
#elif defined(CALLBACK)
    /* One comparison; its two arguments are equal, so their order does not matter. */
    bsearch(&depth, &depth, 1, sizeof depth, compare);
#else
    result += deeper(depth);
#endif
    sink += result;
    return result;
}

int main(int argc, char **argv)
{
    struct counts c = {0, 0, 0, 0, 0};
    target_start(&argc, argv);
    if (!is_mode(argc, argv, "mutual"))
        return unknown_mode(argv);
    (void)compare;
    long calls = argument(argc, argv, 2), depth = argument(argc, argv, 3);
    for (long i = 0; i < calls; i++) {
        op(depth);
        c.begun += depth;
        c.finished += depth;
    }
    print_counts(&c, "");
    return 0;
}
