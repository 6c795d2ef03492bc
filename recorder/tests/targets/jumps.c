/* longjmp past an operation, `op`, and operations after it at other depths of the stack.
 *
 *   [--wait] jumps N EVERY DEPTH    N rounds; each calls op once DEPTH frames down, and every
 *                                   EVERY-th of these leaves by longjmp; then one normal call at
 *                                   the same, a deeper and a shallower stack, and every EVERY-th
 *                                   round two nested calls that are both left by longjmp
 */
#include "target.h"

#include <setjmp.h>

static jmp_buf above;

OPERATION int op(long index, int nested, int jumps)
{
    volatile int result = (int)(index % 1000);
    if (nested)
        result = op(index, nested - 1, jumps);
    else if (jumps)
        longjmp(above, 1);
    NO_TAIL_CALL();
    return result;
}

/* Calls op below `depth` frames of about 100 bytes. */
OPERATION int at_depth(long depth, long index, int nested, int jumps)
{
    volatile char frame[64];
    frame[0] = (char)depth;
    int result = depth ? at_depth(depth - 1, index, nested, jumps) : op(index, nested, jumps);
    NO_TAIL_CALL();
    return result + (frame[0] != (char)depth);
}

/* One call that longjmp may leave; the counts live outside of this frame. */
OPERATION void once(struct counts *c, long depth, long index, int nested, int jumps)
{
    c->begun += 1 + nested;
    if (setjmp(above) == 0) {
        at_depth(depth, index, nested, jumps);
        c->finished += 1 + nested;
    } else {
        c->abandoned += 1 + nested;
    }
}

int main(int argc, char **argv)
{
    target_start(&argc, argv);
    if (!is_mode(argc, argv, "jumps"))
        return unknown_mode(argv);
    struct counts c = {0, 0, 0, 0, 0};
    long rounds = argument(argc, argv, 2), every = argument(argc, argv, 3), depth = argument(argc, argv, 4);
    for (long i = 0; i < rounds; i++) {
        int jumps = every > 0 && i % every == 0;
        once(&c, depth, i, 0, jumps);
        once(&c, depth, i, 0, 0);
        once(&c, depth + 7, i, 0, 0);
        once(&c, depth / 2, i, 0, 0);
        if (jumps) {
            once(&c, depth, i, 1, 1);
            once(&c, depth + 1, i, 1, 0);
        }
    }
    print_counts(&c, "");
    return 0;
}
