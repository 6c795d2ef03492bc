/* An operation that is a plain function, `op`.
 *
 *   [--wait] calls N THREADS FAIL_EVERY        N calls in all; every FAIL_EVERY-th fails (0: none)
 *            recurse N DEPTH FAIL_EVERY        N calls, each DEPTH levels deep: N * DEPTH
 *                                              operations
 *            fork N FAIL_EVERY                 a fork between operations and one inside; N calls
 *                                              in each child
 *            mix N THREADS DEPTH FAIL_EVERY    N calls over threads, both forks, N / 100 + 1
 *                                              recursions
 *            spin N NS                         N calls that spin NS by the program's clock; prints
 *                                              their median
 *            cost N                            N calls that do almost nothing; prints their CPU
 *                                              time
 *            rate N PER_SECOND                 N calls at a steady rate
 */
#include "modes.h"

OPERATION int op(long index, long depth, long fail_every, long spin_ns)
{
    return op_body(index, depth, fail_every, spin_ns);
}

int main(int argc, char **argv)
{
    target_start(&argc, argv);
    int status = shared_modes(argc, argv);
    return status < 0 ? unknown_mode(argv) : status;
}
