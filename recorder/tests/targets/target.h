/* Shared by all target programs: the attributes of an operation, the clock, `--wait`, and the
 * printed line.
 *
 * A target counts its own operations and prints the counts as one JSON object on one line, with
 * which a test compares the recording. The first five keys are always there:
 *   begun       operations entered
 *   finished    operations that returned where they were entered
 *   failures    finished with a value below 0
 *   abandoned   entered and left by other means: unwound, longjmp, the end of the thread, process
 *               or program
 *   unmatched   returns in a forked child of an operation that its parent entered
 */
#ifndef TARGET_H
#define TARGET_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A function that the compiler keeps as it is: not inlined, cloned, split, or analysed across
 * calls. */
#if defined(__GNUC__) && !defined(__clang__)
#define OPERATION __attribute__((noinline, noclone, noipa, used))
#else
#define OPERATION __attribute__((noinline, used))
#endif

/* Placed after a call, keeps it from becoming a tail call. */
#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")


struct counts {
    long begun, finished, failures, abandoned, unmatched;
};

static inline int64_t clock_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static inline int64_t now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

static inline void add_counts(struct counts *to, const struct counts *from)
{
    to->begun += from->begun;
    to->finished += from->finished;
    to->failures += from->failures;
    to->abandoned += from->abandoned;
    to->unmatched += from->unmatched;
}

/* The five counts, then EXTRA, which is empty or begins with a comma. */
static inline void print_counts(const struct counts *c, const char *extra)
{
    printf("{\"begun\":%ld,\"finished\":%ld,\"failures\":%ld,\"abandoned\":%ld,\"unmatched\":%ld%s}\n", c->begun,
           c->finished, c->failures, c->abandoned, c->unmatched, extra);
    fflush(stdout);
}

/* `--wait` as the first argument: reads one line before anything else happens, so that a test
 * attaches first. Shifts it out of the arguments. */
static inline void target_start(int *argc, char **argv)
{
    if (*argc > 1 && strcmp(argv[1], "--wait") == 0) {
        char line[64];
        if (!fgets(line, sizeof line, stdin))
            exit(3);
        memmove(argv + 1, argv + 2, sizeof *argv * (size_t)(*argc - 1));
        --*argc;
    }
}

static inline const char *text_argument(int argc, char **argv, int index)
{
    if (index >= argc) {
        fprintf(stderr, "%s: argument %d is missing\n", argv[0], index);
        exit(2);
    }
    return argv[index];
}

static inline long argument(int argc, char **argv, int index)
{
    char *end;
    const char *text = text_argument(argc, argv, index);
    long value = strtol(text, &end, 10);
    if (*end || end == text) {
        fprintf(stderr, "%s: '%s' is no number\n", argv[0], text);
        exit(2);
    }
    return value;
}

static inline int is_mode(int argc, char **argv, const char *mode) { return argc > 1 && !strcmp(argv[1], mode); }

static inline int unknown_mode(char **argv)
{
    fprintf(stderr, "%s: unknown mode; the head of the source lists them\n", argv[0]);
    return 2;
}

#endif
