/* An operation, `op`, whose return is reached by a jump after its last call: it begins and finishes
 * at instructions that the kernel emulates. The program could switch stacks, so that no uretprobe
 * is used. Modes of ops.c except recurse, fork and mix; depth is ignored.
 */
#include "modes.h"

#include <setjmp.h>

void (*volatile could_switch_stacks)(sigjmp_buf, int) = siglongjmp;

OPERATION int op(long index, long depth, long fail_every, long spin_ns)
{
    int64_t start = spin_ns ? now_ns() : 0;
    while (spin_ns && now_ns() - start < spin_ns)
        ;
    (void)depth;
    int result = fail_every > 0 && index % fail_every == 0 ? (int)(-1 - index % 100) : (int)(index % 1000);
    __asm__ volatile("jmp 1f\n1:" : "+r"(result));
    return result;
}

int main(int argc, char **argv)
{
    target_start(&argc, argv);
    if (is_mode(argc, argv, "recurse") || is_mode(argc, argv, "fork") || is_mode(argc, argv, "mix"))
        return unknown_mode(argv);
    int status = shared_modes(argc, argv);
    return status < 0 ? unknown_mode(argv) : status;
}
