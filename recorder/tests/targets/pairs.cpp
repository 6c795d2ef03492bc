// Operations, `op`, each of which writes a log line, so that a test can find out which begin a
// finish was paired with: its value (which it returns, or with which its marker finishes) is
// unique.
//
//   [--wait] FILE recurse N DEPTH     N calls, each DEPTH levels deep; each level works before and
//                                     after the one inside
//            FILE threads N THREADS   N calls over THREADS threads, one or two levels deep
//            FILE throws N DEPTH      N calls, each DEPTH levels deep, of which the innermost
//                                     throws an exception, caught at each level in turn, where
//                                     another operation follows
//            FILE jumps N DEPTH       the same by longjmp
//            FILE crossed N           N pairs of which the first begun finishes first (-DTOKENS)
//            FILE fibers N            N calls on each of two fibers, one to three levels deep,
//                                     that switch in the innermost (-DFIBERS)
//
// -DMARKERS announces the same operations by markers, with -DTOKENS each by a token. FILE gets a
// line of each operation that finished: its value, that of the operation around it (-1: none), its
// thread; the boot clock before the call, first and last in the operation, and after the call; UTC
// last in it and after it.
#include "target.h"

#ifdef MARKERS
#include "soakbox.h"
SOAKBOX_OPERATION(op);
#endif

#include <atomic>
#include <csetjmp>
#include <pthread.h>
#include <unistd.h>
#ifdef FIBERS
#include <ucontext.h>
#endif

namespace {

enum { MOST = 200000, WORK_NS = 15000 };
enum how { returns, throws, jumps, switches };

struct record {
    long parent, thread;
    int64_t before, begun, ended, after, utc_ended, utc_after;
};

record records[MOST];
std::atomic<long> begun, finished;
jmp_buf above;

int64_t boot_ns() { return clock_ns(CLOCK_BOOTTIME); }

void work()
{
    int64_t start = boot_ns();
    while (boot_ns() - start < WORK_NS)
        ;
}

long before(long parent)
{
    long value = begun++;
    if (value >= MOST)
        exit(2);
    records[value].parent = parent;
    records[value].thread = gettid();
    records[value].before = boot_ns();
    return value;
}

void first_in(long value)
{
#ifdef TOKENS
    soakbox_begin_token(op, value + 1);
#elif defined(MARKERS)
    soakbox_begin(op);
#endif
    records[value].begun = boot_ns();
}

void last_in(long value)
{
    records[value].utc_ended = clock_ns(CLOCK_REALTIME);
    records[value].ended = boot_ns();
#ifdef TOKENS
    soakbox_finish_token(op, value + 1, value, value % 3 != 0);
#elif defined(MARKERS)
    soakbox_finish(op, value, value % 3 != 0);
#endif
}

void after(long value)
{
    records[value].after = boot_ns();
    records[value].utc_after = clock_ns(CLOCK_REALTIME);
    finished++;
}

void leave(how);
void call(long parent, long levels, how, long caught_at);
void call_and_catch(long parent, long levels, how, long caught_at);

} // namespace

// `levels` counts down to 1, the innermost.
extern "C" OPERATION long op(long value, long levels, int leaving, long caught_at)
{
    how how = static_cast<enum how>(leaving);
    first_in(value);
    work();
    if (levels == 1) {
        leave(how);
    } else if (levels == caught_at) {
        call_and_catch(value, levels - 1, how, caught_at);
        call(value, 1, returns, 0);
    } else {
        call(value, levels - 1, how, caught_at);
    }
    work();
    last_in(value);
    return value;
}

namespace {

OPERATION void call(long parent, long levels, how how, long caught_at)
{
    long value = before(parent);
    if (op(value, levels, how, caught_at) != value)
        exit(4);
    after(value);
}

OPERATION void call_and_catch(long parent, long levels, how how, long caught_at)
{
    if (how == jumps) {
        if (setjmp(above) == 0)
            call(parent, levels, how, caught_at);
        return;
    }
    try {
        call(parent, levels, how, caught_at);
    } catch (int) {
    }
}

struct share {
    long from, to;
};

void *run_share(void *argument)
{
    share *own = static_cast<share *>(argument);
    for (long i = own->from; i < own->to; i++)
        call(-1, 1 + i % 2, returns, 0);
    return nullptr;
}

void run_threads(long calls, long threads)
{
    pthread_t ids[16];
    share shares[16];
    if (threads < 1 || threads > 16)
        exit(2);
    for (long t = 0; t < threads; t++) {
        shares[t] = {calls * t / threads, calls * (t + 1) / threads};
        if (pthread_create(&ids[t], nullptr, run_share, &shares[t]))
            exit(3);
    }
    for (long t = 0; t < threads; t++)
        pthread_join(ids[t], nullptr);
}

#ifdef TOKENS
void run_crossed(long pairs)
{
    for (long i = 0; i < pairs; i++) {
        long first = before(-1);
        first_in(first);
        work();
        long second = before(-1);
        first_in(second);
        work();
        last_in(first);
        after(first);
        work();
        last_in(second);
        after(second);
    }
}
#endif

#ifdef FIBERS
ucontext_t home, fibers[2];
bool ended[2];
int current;
long calls_each;

void change()
{
    int own = current;
    if (ended[!own])
        return;
    current = !own;
    swapcontext(&fibers[own], &fibers[!own]);
}

void run_fiber()
{
    int own = current;
    for (long i = 0; i < calls_each; i++)
        call(-1, 1 + (i + own) % 3, switches, 0);
    ended[own] = true;
    change();
    setcontext(&home);
}

void run_fibers(long calls)
{
    calls_each = calls;
    for (ucontext_t &fiber : fibers) {
        getcontext(&fiber);
        fiber.uc_stack.ss_size = 256 * 1024;
        fiber.uc_stack.ss_sp = malloc(fiber.uc_stack.ss_size);
        fiber.uc_link = &home;
        makecontext(&fiber, run_fiber, 0);
    }
    swapcontext(&home, &fibers[0]);
}
#endif

OPERATION void leave(how how)
{
    if (how == throws)
        throw 1;
    if (how == jumps)
        longjmp(above, 1);
#ifdef FIBERS
    if (how == switches)
        change();
#endif
}

void write_down(const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file)
        exit(3);
    for (long value = 0; value < begun; value++) {
        const record &r = records[value];
        if (r.after)
            fprintf(file, "%ld %ld %ld %lld %lld %lld %lld %lld %lld\n", value, r.parent, r.thread, (long long)r.before,
                    (long long)r.begun, (long long)r.ended, (long long)r.after, (long long)r.utc_ended,
                    (long long)r.utc_after);
    }
    if (fclose(file))
        exit(3);
}

} // namespace

int main(int argc, char **argv)
{
    target_start(&argc, argv);
    const char *path = text_argument(argc, argv, 1);
    argc--, argv++;
    long calls = argument(argc, argv, 2);
    how how = is_mode(argc, argv, "throws") ? throws : is_mode(argc, argv, "jumps") ? jumps : returns;
    if (how != returns || is_mode(argc, argv, "recurse")) {
        long depth = argument(argc, argv, 3);
        for (long i = 0; i < calls; i++)
            call_and_catch(-1, depth, how, how == returns ? 0 : 2 + i % depth);
    } else if (is_mode(argc, argv, "threads")) {
        run_threads(calls, argument(argc, argv, 3));
#ifdef TOKENS
    } else if (is_mode(argc, argv, "crossed")) {
        run_crossed(calls);
#endif
#ifdef FIBERS
    } else if (is_mode(argc, argv, "fibers")) {
        run_fibers(calls);
#endif
    } else {
        return unknown_mode(argv);
    }
    write_down(path);
    counts c = {begun, finished, 0, begun - finished, 0};
    print_counts(&c, "");
    return 0;
}
