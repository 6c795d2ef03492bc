/* A library with an observed function, and a program that calls it. Preloaded into a program that forks,
 * the library makes one of the two processes busy: the one that SOAKBOX_TEST_BUSY names, `parent` or
 * `child`.
 *
 * With -DLIBRARY -shared -fPIC the library, otherwise the program:
 *
 *   LIBRARY RATE SECONDS   calls `op` of the library RATE times per second, and sleeps in between
 */
#define _GNU_SOURCE
#include "target.h"

#include <dlfcn.h>
#include <pthread.h>

#ifdef LIBRARY

OPERATION int op(int64_t number)
{
    NO_TAIL_CALL();
    return (int)number;
}

static void *use_the_cpu(void *unused)
{
    for (volatile int i = 0;; i++)
        ;
    return unused;
}

static void begin(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, use_the_cpu, NULL))
        abort();
}

__attribute__((constructor)) static void loaded(void)
{
    const char *busy = getenv("SOAKBOX_TEST_BUSY");
    if (!busy)
        return;
    int is_parent = !strcmp(busy, "parent");
    pthread_atfork(NULL, is_parent ? begin : NULL, is_parent ? NULL : begin);
}

#else

int main(int argc, char **argv)
{
    target_start(&argc, argv);
    void *library = dlopen(text_argument(argc, argv, 1), RTLD_NOW);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 3;
    }
    int (*op)(int64_t) = (int (*)(int64_t))dlsym(library, "op");
    double per_ns = (double)argument(argc, argv, 2) / 1e9;
    int64_t length = argument(argc, argv, 3) * 1000000000;
    struct counts counts = {0};
    int64_t start = now_ns(), since;
    do {
        struct timespec pause = {0, 10000000};
        nanosleep(&pause, NULL);
        since = now_ns() - start;
        for (long due = (long)((double)since * per_ns); counts.begun < due; counts.begun++)
            op(counts.begun);
    } while (since < length);
    counts.finished = counts.begun;
    char extra[64];
    snprintf(extra, sizeof extra, ",\"cpu_ns\":%ld", (long)clock_ns(CLOCK_PROCESS_CPUTIME_ID));
    print_counts(&counts, extra);
    return 0;
}

#endif
