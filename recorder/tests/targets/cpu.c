/* Operations that use a known kind of time: `op`, NS nanoseconds each by the program's clock; they
 * return 0, 1, 2, …
 *
 *   [--wait] spin|syscall|sleep N NS [FILE]
 *
 * Prints what the thread used by its own clocks: `cpu_ns`, the sum of CLOCK_THREAD_CPUTIME_ID over
 * the operations; with FILE, that of each operation is a line in it; `user_ns` and `system_ns`,
 * the change of getrusage(RUSAGE_THREAD) over the whole loop; `wall_ns` of all operations.
 */
#define _GNU_SOURCE
#include "target.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

enum kind { SPIN, SYSCALL, SLEEP };

static char buffer[1 << 18];
static int zeros;

OPERATION int op(int kind, long ns, long index)
{
    int64_t start = now_ns();
    if (kind == SLEEP) {
        struct timespec time = {ns / 1000000000, ns % 1000000000};
        nanosleep(&time, NULL);
    } else {
        while (now_ns() - start < ns)
            if (kind == SYSCALL && read(zeros, buffer, sizeof buffer) < 0)
                return -1;
    }
    return (int)index;
}

static int64_t timeval_ns(struct timeval time) { return (int64_t)time.tv_sec * 1000000000 + time.tv_usec * 1000; }

int main(int argc, char **argv)
{
    target_start(&argc, argv);
    int kind = is_mode(argc, argv, "spin") ? SPIN : is_mode(argc, argv, "syscall") ? SYSCALL : SLEEP;
    if (kind == SLEEP && !is_mode(argc, argv, "sleep"))
        return unknown_mode(argv);
    long calls = argument(argc, argv, 2), ns = argument(argc, argv, 3);
    FILE *each = argc > 4 ? fopen(argv[4], "w") : NULL;
    zeros = open("/dev/zero", O_RDONLY);
    memset(buffer, 1, sizeof buffer);

    struct counts c = {0, 0, 0, 0, 0};
    int64_t cpu_ns = 0, wall_ns = 0;
    struct rusage before, after;
    getrusage(RUSAGE_THREAD, &before);
    for (long i = 0; i < calls; i++) {
        int64_t wall = now_ns(), cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        c.failures += op(kind, ns, i) < 0;
        cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
        cpu_ns += cpu;
        if (each)
            fprintf(each, "%lld\n", (long long)cpu);
        wall_ns += now_ns() - wall;
        c.begun++;
        c.finished++;
    }
    getrusage(RUSAGE_THREAD, &after);
    if (each)
        fclose(each);
    char extra[192];
    snprintf(extra, sizeof extra, ",\"cpu_ns\":%lld,\"user_ns\":%lld,\"system_ns\":%lld,\"wall_ns\":%lld",
             (long long)cpu_ns, (long long)(timeval_ns(after.ru_utime) - timeval_ns(before.ru_utime)),
             (long long)(timeval_ns(after.ru_stime) - timeval_ns(before.ru_stime)), (long long)wall_ns);
    print_counts(&c, extra);
    return 0;
}
