/* A program of two versions (-DVERSION=1, -DVERSION=2). At the offset where `op` of the first
 * returns, `op` of the second is in other code, with an invalid address on top of its stack: a
 * probe of the first in the second makes it crash.
 *
 *   [--wait] N [ROUNDS]    N calls, each with as many rounds of a loop
 */
#include "target.h"

static int rounds = 50;

#if VERSION == 9
/* Ends in a tail call, and not in a return. */
OPERATION int other(int x);

OPERATION int op(int x)
{
    return other(x + rounds);
}
#else
OPERATION int op(int x)
{
    volatile int a[4];
#if VERSION == 2
    /* Past the red zone. */
    __asm__ volatile("lea -256(%%rsp), %%rsp\n push $0\n .fill 512, 1, 0x90\n lea 264(%%rsp), %%rsp" ::: "memory");
#endif
    a[0] = x * VERSION;
    for (volatile int i = 0; i < rounds; i++)
        ;
    return a[0];
}
#endif

#if VERSION != 2
/* The second version does not have it. */
OPERATION int other(int x)
{
    volatile int a = x;
    return a + 1;
}
#endif

int main(int argc, char **argv)
{
    target_start(&argc, argv);
    long sum = 0, calls = argc > 1 ? atol(argv[1]) : 0;
    rounds = argc > 2 ? atoi(argv[2]) : rounds;
    for (long i = 0; i < calls; i++)
        sum += op((int)i);
#if VERSION != 2
    other(1);
#endif
    printf("version %d: %ld calls, %ld\n", VERSION, calls, sum);
    return 0;
}
