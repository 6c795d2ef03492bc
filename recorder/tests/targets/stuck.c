/* Operations, `op`, that finish only when a line comes in on stdin.
 *
 *   functions THREADS     `op` and `quick` are functions
 *   deep THREADS          the same, and `op` calls itself twice before it waits
 *   markers THREADS       `op` and `quick` are announced by markers
 *   tokens THREADS        the same with a token
 *
 * As soon as the first thread waits in its operation, prints the boot clock before its call and
 * inside it. The other threads begin later. Until the line comes, one more thread does nothing but
 * `quick`. With -DSWITCHES the program could switch stacks.
 */
#include "target.h"
#include "soakbox.h"

#include <pthread.h>
#include <ucontext.h>
#include <unistd.h>

SOAKBOX_OPERATION(op);
SOAKBOX_OPERATION(quick);

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static volatile int is_over, waits;
static int marks;
static long token_of_all;
static int64_t before_ns, inside_ns;

static void wait_at_the_gate(long number)
{
    if (number == 0)
        inside_ns = clock_ns(CLOCK_BOOTTIME);
    __atomic_add_fetch(&waits, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
}

OPERATION long op(long number, long depth)
{
    long result = 0;
    if (depth > 1) {
        result = op(number, depth - 1);
        NO_TAIL_CALL();
    } else {
        wait_at_the_gate(number);
    }
    return result + number;
}

OPERATION long quick(long number)
{
    NO_TAIL_CALL();
    return number * 3;
}

/* `number` 0 is the first. */
static void begin(long number, long depth)
{
    if (number == 0)
        before_ns = clock_ns(CLOCK_BOOTTIME);
    if (!marks) {
        op(number, depth);
    } else if (token_of_all) {
        soakbox_begin_token(op, token_of_all + number);
        wait_at_the_gate(number);
        soakbox_finish_token(op, token_of_all + number, number, 1);
    } else {
        soakbox_begin(op);
        wait_at_the_gate(number);
        soakbox_finish(op, number, 1);
    }
}

static long depth = 1;

static void *run_one(void *number)
{
    begin((long)number, depth);
    return NULL;
}

static void *run_quick(void *calls)
{
    for (long i = 0; !is_over; i++, ++*(long *)calls) {
        if (!marks) {
            quick(i);
        } else if (token_of_all) {
            soakbox_begin_token(quick, 1 + i % 3);
            soakbox_finish_token(quick, 1 + i % 3, i, 1);
        } else {
            soakbox_begin(quick);
            soakbox_finish(quick, i, 1);
        }
        if (i % 100 == 99)
            usleep(1000);
    }
    return NULL;
}

static pthread_t start(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, argument))
        exit(3);
    return thread;
}

int main(int argc, char **argv)
{
    long threads = argument(argc, argv, 2), calls = 0;
    pthread_t ids[64];
    char line[64], extra[64];
    if (threads < 1 || threads > 64)
        return 2;
    marks = is_mode(argc, argv, "markers") || is_mode(argc, argv, "tokens");
    token_of_all = is_mode(argc, argv, "tokens") ? 1000 : 0;
    depth = is_mode(argc, argv, "deep") ? 3 : 1;
#ifdef SWITCHES
    ucontext_t here, there;
    if (argc > 64)
        swapcontext(&here, &there);
#endif
    pthread_mutex_lock(&gate);
    pthread_t quick_thread = start(run_quick, &calls);
    for (long number = 0; number < threads; number++) {
        ids[number] = start(run_one, (void *)number);
        while (waits <= number)
            usleep(100);
        if (number == 0) {
            printf("%lld %lld\n", (long long)before_ns, (long long)inside_ns);
            fflush(stdout);
        }
    }
    if (!fgets(line, sizeof line, stdin))
        return 3;
    is_over = 1;
    pthread_join(quick_thread, NULL);
    pthread_mutex_unlock(&gate);
    for (long number = 0; number < threads; number++)
        pthread_join(ids[number], NULL);
    struct counts c = {threads * depth, threads * depth, 0, 0, 0};
    snprintf(extra, sizeof extra, ",\"quick\":%ld", calls);
    print_counts(&c, extra);
    return 0;
}
