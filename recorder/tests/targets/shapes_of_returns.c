/* Functions that are observed at their return instructions, each called often: by threads, in a
 * forked child, and by a signal handler that interrupts the others. Prints a line for each: its
 * name, how many calls returned, and the sum of the values that they returned.
 *
 *   shapes_of_returns SEED ROUNDS
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__clang__)
#define SHAPE __attribute__((noinline, used))
#else
#define SHAPE __attribute__((noinline, noclone, noipa, used))
#endif
/* The whole function is in its assembly code. */
#define BARE __attribute__((naked, noinline, used))

/* No jump after the last call. */
SHAPE long helper(long a) { return a * 3 + (a & 1); }
SHAPE long l_straight(long a, long b) { return helper(a) + helper(b); }
SHAPE long l_recursive(long a, long b)
{
    long below = 0;
    if ((a & 7) != 0) below = l_recursive((a & 7) - 1, b);
    return below + helper(b);
}
/* Ends in a tail call, of a function that is observed too. */
SHAPE long l_tail(long a, long b) { __asm__ volatile("" : "+r"(a)); return l_straight(b, a); }
/* Many registers to restore. */
SHAPE long l_registers(long a, long b)
{
    long c = helper(a), d = helper(b), e = helper(c), f = helper(d), g = helper(e), h = helper(f);
    return c ^ d ^ e ^ f ^ g ^ h;
}
/* A frame of several pages. */
SHAPE long l_frame(long a, long b)
{
    volatile char frame[20000];
    memset((char *)frame, (int)a, sizeof frame);
    return helper(frame[b & 0x3fff] + b);
}
/* A call comes right before the return. */
BARE long l_direct(long a, long b) { __asm__("call helper\n\tret"); }
/* The same, and the call is of itself: the return address is the address of the return. */
BARE long l_self(long a, long b)
{
    __asm__("and $7, %edi\n\tdec %edi\n\tjs 1f\n\tcall l_self\n\tret\n1:\tmov $9, %eax\n\tnop\n\tret");
}
/* Other encodings of a return. */
BARE long l_rep(long a, long b) { __asm__("lea (%rdi,%rsi), %rax\n\trep ret"); }
BARE long l_takes_off(long a, long b) { __asm__("lea 1(%rdi,%rsi), %rax\n\tret $0"); }
/* Nothing but a return. */
BARE void v_nothing(long a, long b) { __asm__("ret"); }

typedef long function(long, long);
static const struct { const char *name; function *call; } FUNCTIONS[] = {
    {"l_straight", l_straight}, {"l_recursive", l_recursive}, {"l_tail", l_tail},
    {"l_registers", l_registers}, {"l_frame", l_frame}, {"l_direct", l_direct},
    {"l_self", l_self}, {"l_rep", l_rep}, {"l_takes_off", l_takes_off},
    {"v_nothing", (function *)v_nothing},
};
enum { COUNT = sizeof FUNCTIONS / sizeof *FUNCTIONS };

/* Shared with the child. */
static struct { _Atomic long calls, sum; } *totals;

static void add(int which, long calls, long value)
{
    atomic_fetch_add(&totals[which].calls, calls);
    atomic_fetch_add(&totals[which].sum, value);
}

/* The calls within a call are calls too. */
static void call(int which, long a, long b)
{
    long value = FUNCTIONS[which].call(a, b);
    switch (which) {
    case 1:
        for (long depth = (a & 7) - 1, below = helper(b); depth >= -1; depth--, below += helper(b)) add(1, 1, below);
        break;
    case 2: add(2, 1, value); add(0, 1, value); break;
    case 6: add(6, (a & 7) + 1, value * ((a & 7) + 1)); break;
    case 9: add(9, 1, 0); break;
    default: add(which, 1, value);
    }
}

static void interrupt(int signal) { (void)signal; call(0, 3, 4); call(8, 1, 2); }

static unsigned long next(unsigned long *state)
{
    *state ^= *state << 13; *state ^= *state >> 7; *state ^= *state << 17;
    return *state;
}

static long rounds;

static void *work(void *seed)
{
    unsigned long state = (unsigned long)seed | 1;
    for (long round = 0; round < rounds; round++)
        for (int which = 0; which < COUNT; which++) call(which, (long)next(&state) >> 8, (long)next(&state) >> 8);
    return NULL;
}

int main(int count, char **arguments)
{
    if (count < 3) return 2;
    long seed = atol(arguments[1]);
    rounds = atol(arguments[2]);
    totals = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    signal(SIGALRM, interrupt);
    struct itimerval often = {{0, 3000}, {0, 3000}}, never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &often, NULL);
    pthread_t threads[3];
    for (long i = 0; i < 3; i++) pthread_create(&threads[i], NULL, work, (void *)(seed * 1000 + i));
    work((void *)(seed * 1000 + 7));
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    setitimer(ITIMER_REAL, &never, NULL);
    pid_t child = fork();
    if (child == 0) { work((void *)(seed * 1000 + 9)); _exit(7); }
    int status;
    while (waitpid(child, &status, 0) < 0) { }
    for (int which = 0; which < COUNT; which++)
        printf("%s %ld %ld\n", FUNCTIONS[which].name, totals[which].calls, totals[which].sum);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
