// Operations that are left without a finish, far more than a recorder can keep track of, and
// normal ones after them.
//
//   [--wait] markers N EVERY    N operations of marker `op`; every EVERY-th is left without its
//                               finish
//            throws N M         N calls of `op` that throw, each at a stack pointer of its own,
//                               then M that return; the program could switch stacks (it imports
//                               swapcontext), so that the order of stack pointers does not prove
//                               that a frame was left
#include "target.h"

#include "soakbox.h"

#include <alloca.h>
#include <ucontext.h>

SOAKBOX_OPERATION(op);

extern "C" OPERATION int op(long index, int throwing)
{
    if (throwing)
        throw index;
    return (int)(index % 1000);
}

// Uses 16 bytes of stack for each step, because alloca rounds to that.
static void throw_deeper(long index, long step)
{
    volatile char *room = (volatile char *)alloca((size_t)step * 16 + 16);
    room[0] = 0;
    op(index, 1);
    NO_TAIL_CALL();
}

int main(int argc, char **argv)
{
    target_start(&argc, argv);
    struct counts c = {0, 0, 0, 0, 0};
    long first = argument(argc, argv, 2), second = argument(argc, argv, 3);
    if (is_mode(argc, argv, "markers")) {
        for (long i = 0; i < first; i++) {
            soakbox_begin(op);
            c.begun++;
            if (i % second == 0) {
                c.abandoned++;
                continue;
            }
            soakbox_finish(op, i, 1);
            c.finished++;
        }
    } else if (is_mode(argc, argv, "throws")) {
        ucontext_t from, to;
        if (argc > 99 && getcontext(&to) == 0)
            swapcontext(&from, &to);
        for (long i = 0; i < first; i++) {
            try {
                throw_deeper(i, i);
            } catch (long) {
                c.abandoned++;
            }
            c.begun++;
        }
        for (long i = 0; i < second; i++) {
            op(i, 0);
            c.begun++;
            c.finished++;
        }
    } else {
        return unknown_mode(argv);
    }
    print_counts(&c, "");
    return 0;
}
