/* The modes that ops.c and ops_marker.c share, over one function: op(index, depth, fail_every,
 * spin_ns).
 *
 * op fails (returns -1 - index % 100) where fail_every > 0 and index % fail_every == 0, else
 * returns index % 1000. With depth > 1 it calls itself first, with the same index, so that either
 * all levels fail or none.
 */
#ifndef MODES_H
#define MODES_H

#include "target.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

int op(long index, long depth, long fail_every, long spin_ns);

/* Set where the next call of op forks halfway; and the result of that fork, by which the caller
 * knows whether it is the child. */
static __thread int fork_inside;
static __thread pid_t fork_result;

/* The body of one level, the same for functions and markers. */
static inline int op_body(long index, long depth, long fail_every, long spin_ns)
{
    if (spin_ns) {
        int64_t start = now_ns();
        while (now_ns() - start < spin_ns)
            ;
    }
    if (fork_inside) {
        fork_inside = 0;
        fork_result = fork();
    }
    if (depth > 1) {
        volatile int deeper = op(index, depth - 1, fail_every, 0);
        NO_TAIL_CALL();
        (void)deeper;
    }
    return fail_every > 0 && index % fail_every == 0 ? (int)(-1 - index % 100) : (int)(index % 1000);
}

/* Calls op once and counts it, with its levels. */
static inline void call_op(struct counts *c, long index, long depth, long fail_every)
{
    int result = op(index, depth, fail_every, 0);
    c->begun += depth;
    c->finished += depth;
    if (result < 0)
        c->failures += depth;
}

struct share {
    long from, to, depth, fail_every;
    struct counts counts;
};

static void *run_share(void *argument)
{
    struct share *share = (struct share *)argument;
    for (long i = share->from; i < share->to; i++)
        call_op(&share->counts, i, share->depth, share->fail_every);
    return NULL;
}

/* `calls` calls of the given depth, over `threads` threads. */
static void run_threads(struct counts *c, long calls, long threads, long depth, long fail_every)
{
    pthread_t ids[64];
    struct share shares[64];
    if (threads < 1 || threads > 64)
        exit(2);
    memset(shares, 0, sizeof shares);
    for (long t = 0; t < threads; t++) {
        shares[t].from = calls * t / threads;
        shares[t].to = calls * (t + 1) / threads;
        shares[t].depth = depth;
        shares[t].fail_every = fail_every;
        if (pthread_create(&ids[t], NULL, run_share, &shares[t]))
            exit(3);
    }
    for (long t = 0; t < threads; t++) {
        pthread_join(ids[t], NULL);
        add_counts(c, &shares[t].counts);
    }
}

/* In a forked child: makes `calls` calls of its own, and sends its counts to its parent through
 * the pipe. */
static void end_child(const int result[2], struct counts *c, long calls, long fail_every)
{
    for (long i = 0; i < calls; i++)
        call_op(c, i, 1, fail_every);
    _exit(write(result[1], c, sizeof *c) == (ssize_t)sizeof *c ? 0 : 3);
}

/* Adds the counts of a child. If the child was killed, this program fails. */
static void take_child(pid_t child, const int result[2], struct counts *c)
{
    struct counts counted;
    int status = 0;
    close(result[1]);
    if (child < 0 || waitpid(child, &status, 0) != child)
        exit(3);
    if (status || read(result[0], &counted, sizeof counted) != (ssize_t)sizeof counted) {
        fprintf(stderr, "the forked child ended with status %d\n", status);
        exit(4);
    }
    close(result[0]);
    add_counts(c, &counted);
}

/* A child between operations, then one inside an operation, which first returns from the operation
 * that its parent entered. (Through pipes: with shared memory this program would import mmap, and
 * a careful tracer would assume that it could switch stacks.) */
static void run_forks(struct counts *c, long calls, long fail_every)
{
    struct counts counted = {0, 0, 0, 0, 0};
    int between[2], inside[2];
    if (pipe(between) || pipe(inside))
        exit(3);
    pid_t child = fork();
    if (child == 0)
        end_child(between, &counted, calls, fail_every);
    take_child(child, between, c);

    fork_inside = 1;
    op(1, 1, 0, 0);
    if (fork_result == 0) {
        counted.unmatched = 1;
        end_child(inside, &counted, calls, fail_every);
    }
    take_child(fork_result, inside, c);
    c->begun++;
    c->finished++;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* `calls` spins of `spin_ns`, each timed around the call with the program's own clock. */
static void run_spins(struct counts *c, long calls, long spin_ns)
{
    int64_t *around = (int64_t *)calloc((size_t)calls, sizeof *around);
    char extra[128];
    if (!around || calls < 1)
        exit(2);
    for (long i = 0; i < calls; i++) {
        int64_t start = now_ns();
        op(i, 1, 0, spin_ns);
        around[i] = now_ns() - start;
    }
    c->begun += calls;
    c->finished += calls;
    qsort(around, (size_t)calls, sizeof *around, by_value);
    snprintf(extra, sizeof extra, ",\"spin_ns\":%ld,\"median_around_ns\":%lld,\"max_around_ns\":%lld", spin_ns,
             (long long)around[calls / 2], (long long)around[calls - 1]);
    print_counts(c, extra);
    free(around);
}

/* `calls` calls that do almost nothing; prints the CPU time that they used. */
static void run_cost(struct counts *c, long calls)
{
    char extra[64];
    int64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    for (long i = 0; i < calls; i++)
        op(i, 1, 0, 0);
    int64_t cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;
    c->begun += calls;
    c->finished += calls;
    snprintf(extra, sizeof extra, ",\"cpu_ns\":%lld", (long long)cpu_ns);
    print_counts(c, extra);
}

/* `calls` calls at a steady rate: each millisecond makes the calls that are due. */
static void run_rate(struct counts *c, long calls, long per_second)
{
    int64_t start = now_ns();
    for (long done = 0; done < calls;) {
        long due = (long)((double)(now_ns() - start) * (double)per_second / 1e9) + 1;
        for (; done < due && done < calls; done++)
            call_op(c, done, 1, 0);
        struct timespec pause = {0, 1000000};
        nanosleep(&pause, NULL);
    }
    char extra[64];
    snprintf(extra, sizeof extra, ",\"wall_ns\":%lld", (long long)(now_ns() - start));
    print_counts(c, extra);
}

/* The modes above by name; -1 where it is none of them. */
static int shared_modes(int argc, char **argv)
{
    struct counts c = {0, 0, 0, 0, 0};
    if (is_mode(argc, argv, "calls")) {
        run_threads(&c, argument(argc, argv, 2), argument(argc, argv, 3), 1, argument(argc, argv, 4));
    } else if (is_mode(argc, argv, "recurse")) {
        run_threads(&c, argument(argc, argv, 2), 1, argument(argc, argv, 3), argument(argc, argv, 4));
    } else if (is_mode(argc, argv, "fork")) {
        run_forks(&c, argument(argc, argv, 2), argument(argc, argv, 3));
    } else if (is_mode(argc, argv, "mix")) {
        long calls = argument(argc, argv, 2), threads = argument(argc, argv, 3), depth = argument(argc, argv, 4);
        long fail_every = argument(argc, argv, 5);
        run_threads(&c, calls, threads, 1, fail_every);
        run_forks(&c, calls / 100 + 1, fail_every);
        run_threads(&c, calls / 100 + 1, threads, depth, fail_every);
    } else if (is_mode(argc, argv, "spin")) {
        run_spins(&c, argument(argc, argv, 2), argument(argc, argv, 3));
        return 0;
    } else if (is_mode(argc, argv, "cost")) {
        run_cost(&c, argument(argc, argv, 2));
        return 0;
    } else if (is_mode(argc, argv, "rate")) {
        run_rate(&c, argument(argc, argv, 2), argument(argc, argv, 3));
        return 0;
    } else {
        return -1;
    }
    print_counts(&c, "");
    return 0;
}

#endif
