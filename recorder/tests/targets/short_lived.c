/* Processes and threads that live for milliseconds, and the CPU time that all of them have used: each
 * process measures its own at its end. Operations, `op`, go on all the time.
 *
 *   [--wait] forks N US    N processes one after another, each of which uses US of CPU time
 *            execs N US    the same, but each executes this program anew
 *            chain N US    each executes this program N times, one after another, in one process
 *            nobody N US   the same as `forks`, but nobody waits for the processes
 *            threads N US  N threads one after another
 *            leaves US PROGRAM …  uses US of CPU time, and executes PROGRAM
 */
#define _GNU_SOURCE
#include "target.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where each process writes its CPU time: `execs` hands it on by its number. */
enum { REPORTS = 100 };

OPERATION int op(int64_t end_ns)
{
    while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < end_ns)
        for (volatile int i = 0; i < 300; i++)
            ;
    NO_TAIL_CALL();
    return 0;
}

/* Uses so much CPU time more, in operations of 50 us. Returns their number. */
static long use(long us)
{
    int64_t end = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + (int64_t)us * 1000;
    long calls = 0;
    for (int64_t now; (now = clock_ns(CLOCK_PROCESS_CPUTIME_ID)) < end; calls++)
        op(now + 50000);
    return calls;
}

struct report {
    int64_t cpu_ns, calls;
};

static int report(long calls)
{
    struct report r = {clock_ns(CLOCK_PROCESS_CPUTIME_ID), calls};
    return write(REPORTS, &r, sizeof r) == sizeof r ? 0 : 3;
}

static void *run_thread(void *us)
{
    return (void *)use((long)us);
}

int main(int argc, char **argv)
{
    if (is_mode(argc, argv, "again")) {
        long left = argument(argc, argv, 2), before = argument(argc, argv, 4);
        before += use(argument(argc, argv, 3));
        if (left > 1) {
            char number[32], calls[32];
            snprintf(number, sizeof number, "%ld", left - 1);
            snprintf(calls, sizeof calls, "%ld", before);
            execl(argv[0], argv[0], "again", number, argv[3], calls, (char *)NULL);
            return 3;
        }
        return report(before);
    }
    target_start(&argc, argv);
    if (is_mode(argc, argv, "leaves")) {
        use(argument(argc, argv, 2));
        execv(text_argument(argc, argv, 3), argv + 3);
        return 3;
    }
    long number = argument(argc, argv, 2), us = argument(argc, argv, 3);
    struct counts counts = {0};
    int ends[2], is_nobody = is_mode(argc, argv, "nobody");
    if (is_mode(argc, argv, "threads")) {
        for (long i = 0; i < number; i++) {
            pthread_t id;
            void *calls;
            if (pthread_create(&id, NULL, run_thread, (void *)us) || pthread_join(id, &calls))
                return 3;
            counts.begun += (long)calls;
        }
        number = 0;
    } else if (pipe2(ends, O_CLOEXEC) || dup2(ends[1], REPORTS) != REPORTS) {
        return 3;
    }
    if (is_nobody)
        signal(SIGCHLD, SIG_IGN);
    int is_chain = is_mode(argc, argv, "chain");
    const char *times = is_chain ? argv[2] : "1";
    int64_t cpu_ns = 0;
    for (long i = 0; i < (is_chain ? 1 : number); i++) {
        pid_t pid = fork();
        if (pid == 0) {
            if (!is_nobody && !is_mode(argc, argv, "forks"))
                execl(argv[0], argv[0], "again", times, argv[3], "0", (char *)NULL);
            _exit(report(use(us)));
        }
        struct report r;
        if (pid < 0 || read(ends[0], &r, sizeof r) != sizeof r)
            return 3;
        cpu_ns += r.cpu_ns;
        counts.begun += r.calls;
        if (!is_nobody && waitpid(pid, NULL, 0) != pid)
            return 3;
    }
    counts.finished = counts.begun;
    char extra[64];
    cpu_ns += clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    snprintf(extra, sizeof extra, ",\"cpu_ns\":%ld", (long)cpu_ns);
    print_counts(&counts, extra);
    return 0;
}
