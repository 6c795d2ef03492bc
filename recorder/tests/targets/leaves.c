/* Functions that end in jumps which cannot be followed: to functions of other files, through
 * pointers, on some ways or on all. Prints a line for each: its name, how many calls of it there were, and 0.
 *
 *   leaves SEED ROUNDS
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(__clang__)
#define SHAPE __attribute__((noinline, used))
#else
#define SHAPE __attribute__((noinline, noclone, noipa, used))
#endif
#define APART() __asm__ volatile("nop" ::: "memory")

struct object;
typedef long function(struct object *, long);
struct object { function *run, *again; long value; struct object *next; void *label; };

static volatile long sink;
static __thread jmp_buf landing;

SHAPE static long plain(struct object *o, long a) { sink += a; return o->value + a; }
SHAPE static long jumps_out(struct object *o, long a) { sink ^= a; if (a % 3 == 0) longjmp(landing, 1); return o->value; }
SHAPE static function *pick(struct object *o, long a) { sink++; return a & 1 ? o->run : plain; }
static function *const handlers[4] = {plain, jumps_out, plain, plain};

SHAPE long to_sleep(struct object *o, long a) { static const struct timespec time = {0, 2000000}; (void)o; sink = a; return syscall(SYS_nanosleep, &time, NULL); }
SHAPE long to_import(struct object *o, long a) { if (a & 1) return o->value; APART(); sink = a; return random(); }
SHAPE long if_import(struct object *o, long a) { sink = a; if (o->next != 0) return random(); return 3; }
SHAPE long after_call(struct object *o, long a) { long kept = plain(o, a); if (kept & 2) return 5; return random(); }
SHAPE long to_pointer(struct object *o, long a) { sink = a; return o->run(o, a); }
SHAPE long to_argument(struct object *o, long a) { function *f = o->again; sink = a; if (a & 4) { f = o->run; APART(); } return f(o, a); }
SHAPE long to_picked(struct object *o, long a) { return pick(o, a)(o, a); }
SHAPE long to_handler(struct object *o, long a) { if (a > 1000) return plain(o, a) + 1; return handlers[a & 3](o, a); }
SHAPE long first(struct object *o, long a) { return o->run(o, a); }
SHAPE long to_other(struct object *o, long a) { sink = a; return to_pointer(o, a + 1); }
SHAPE long either(struct object *o, long a) { if (a & 8) { sink = a; return to_import(o, a); } APART(); return o->run(o, a); }
SHAPE long thrice(struct object *o, long a)
{
    struct object *next = o->next;
    sink += a;
    if (!next || a <= 0) return o->value;
    return next->again(next, a - 1);
}
/* Not left: the pointer leads back into it. */
SHAPE long inside(struct object *o, long a)
{
    void *label = o->label;
    if (a == -1) { o->label = &&here; return 0; }
    if (a == -2) { o->label = &&there; return 0; }
    if (a == -3) goto here;
    if (a == -4) goto there;
    goto *label;
here:
    sink++;
    return 1;
there:
    sink--;
    return 2;
}

#define SHAPES(X) X(to_sleep) X(to_import) X(if_import) X(after_call) X(to_pointer) X(to_argument) X(to_picked) X(to_handler) \
    X(first) X(to_other) X(either) X(thrice) X(inside)
#define ENTRY(name) {#name, name, 0},
struct shape { const char *name; function *call; long calls; };
static const struct shape shapes[] = {SHAPES(ENTRY)};
enum { COUNT = sizeof shapes / sizeof *shapes };
static _Atomic long calls[COUNT];
static function *volatile all[COUNT];

static int place(function *call) { for (int i = 0; i < COUNT; i++) if (shapes[i].call == call) return i; abort(); }

static uint64_t seed_of(uint64_t *state) { *state ^= *state << 13; *state ^= *state >> 7; *state ^= *state << 17; return *state; }

static long once(int index, struct object *o, long a)
{
    if (setjmp(landing)) return -1;
    long value = all[index](o, a);
    APART();
    return value;
}

struct work { uint64_t seed; long rounds; };

static void *work(void *argument)
{
    struct work *work = argument;
    uint64_t state = work->seed | 1;
    /* Such a call goes on through a chain of further calls. */
    struct object chain[3];
    for (long round = 0; round < work->rounds; round++) {
        for (int index = 0; index < COUNT; index++) {
            long a = (long)(seed_of(&state) & 15);
            if (all[index] == (function *)to_sleep && round % 16) continue;
            for (int i = 0; i < 3; i++)
                chain[i] = (struct object){a & 2 ? plain : jumps_out, thrice, (long)seed_of(&state), i < 2 ? chain + i + 1 : 0, 0};
            if (a & 1) chain[0].next = a & 8 ? chain + 1 : 0;
            if (shapes[index].call == inside) { inside(chain, -1 - (a & 1)); calls[index]++; }
            calls[index]++;
            if (shapes[index].call == thrice)
                calls[index] += a <= 0 || !chain[0].next ? 0 : a == 1 ? 1 : 2;
            if (shapes[index].call == to_other) calls[place(to_pointer)]++;
            if (shapes[index].call == either && a & 8) calls[place(to_import)]++;
            if (shapes[index].call == to_argument && !(a & 4))
                calls[place(thrice)] += 1 + (a <= 0 || !chain[0].next ? 0 : a == 1 ? 1 : 2);
            sink += once(index, chain, a);
        }
    }
    return 0;
}

int main(int count, char **words)
{
    if (count != 3) return 2;
    for (int i = 0; i < COUNT; i++) all[i] = shapes[i].call;
    struct work first = {strtoull(words[1], 0, 10) * 2654435761u + 1, strtol(words[2], 0, 10)};
    struct work second = {first.seed * 31 + 7, first.rounds};
    pthread_t thread;
    if (pthread_create(&thread, 0, work, &second)) return 1;
    work(&first);
    pthread_join(thread, 0);
    for (int i = 0; i < COUNT; i++) printf("%s %ld 0\n", shapes[i].name, calls[i]);
    return 0;
}
