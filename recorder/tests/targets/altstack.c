/* Signal handlers on an alternate stack that call an operation, `op`, inside another one of the
 * same thread.
 *
 *   [--wait] above N     N operations on a second thread, each interrupted halfway; the alternate
 *                        stack lies above the thread's own (in main's frame)
 *            below N     the same on the main thread; the alternate stack lies below its own
 *
 * sigaltstack is called by syscall(); with -DINLINE by an instruction, with -DLIBC by its name.
 * With -DPLAIN the operation has a frame pointer and its locals live in memory.
 */
#define _GNU_SOURCE
#include "target.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STACK_BYTES = 64 * 1024 };

static char *alternate;
static long rounds;
static volatile long sink;
static struct counts counted;
static volatile long wrong;

OPERATION void work(long value) { sink += value; }

OPERATION void interrupt(void) { raise(SIGUSR1); }

#ifdef PLAIN
__attribute__((optimize("O0")))
#endif
OPERATION long op(long first, long second, long third)
{
    work(first);
    if (first == 1)
        interrupt();
    work(second);
    work(third);
    NO_TAIL_CALL();
    return first + second + third;
}

static void once(long first, long second, long third)
{
    counted.begun++;
    if (op(first, second, third) != first + second + third)
        wrong++;
    counted.finished++;
}

static void handler(int signal)
{
    (void)signal;
    once(2, 3, 4);
}

static long use_alternate(const stack_t *stack)
{
#if defined(INLINE)
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"((long)SYS_sigaltstack), "D"(stack), "S"(0L)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(LIBC)
    return sigaltstack(stack, NULL);
#else
    return syscall(SYS_sigaltstack, stack, NULL);
#endif
}

static void *run(void *unused)
{
    (void)unused;
    stack_t stack;
    memset(&stack, 0, sizeof stack);
    stack.ss_sp = alternate;
    stack.ss_size = STACK_BYTES;
    if (use_alternate(&stack))
        exit(3);
    for (long i = 0; i < rounds; i++)
        once(1, i, i);
    return NULL;
}

int main(int argc, char **argv)
{
    static char low[STACK_BYTES];
    char high[STACK_BYTES];
    struct sigaction action;

    target_start(&argc, argv);
    int above = is_mode(argc, argv, "above");
    if (!above && !is_mode(argc, argv, "below"))
        return unknown_mode(argv);
    rounds = argument(argc, argv, 2);
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_ONSTACK;
    if (sigaction(SIGUSR1, &action, NULL))
        return 3;
    alternate = above ? high : low;
    if (above) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, run, NULL) || pthread_join(thread, NULL))
            return 3;
    } else {
        run(NULL);
    }
    print_counts(&counted, "");
    return wrong ? 1 : 0;
}
