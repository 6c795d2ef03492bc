/* Functions of many shapes, each called often with other arguments. Prints a line for each: its
 * name, how many calls returned, and the sum of the values that they returned. Functions whose
 * names begin with `b_` return a byte, with `i_` an int, with `l_` a long.
 *
 *   shapes_of_exits SEED ROUNDS
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__clang__)
#define SHAPE __attribute__((noinline, used))
#else
#define SHAPE __attribute__((noinline, noclone, noipa, used))
#endif

typedef struct node { struct node *next; long value; } node;

static volatile long sink;
static long table[16] = {5, -3, 8, 1 << 20, -(1 << 20), 1L << 40, 0, 7, 9, 11, -13, 17, 19, -23, 29, 31};

SHAPE long helper(long a) { sink += a; return a * 3 + (a & 1); }
SHAPE void nothing(long a) { sink ^= a; }
__attribute__((noreturn, noinline, cold)) void give_up(const char *why) { fprintf(stderr, "%s\n", why); abort(); }

SHAPE int i_early(long a, long b)
{
    if (a % 3 == 0) return -1;
    if (b % 5 == 0) return 7;
    if (helper(a) & 4) { nothing(b); if (b & 2) return 12; }
    return (int)(helper(b) & 0xffff);
}
SHAPE long l_guard(long a, long b)
{
    if (!a) return b;
    nothing(a); nothing(b);
    return 5;
}
SHAPE int i_loop_exit(long a, long b)
{
    for (int i = 0; i < (a & 15); i++) { if (helper(i + b) == 31) return i; }
    return -2;
}
SHAPE long l_search(long a, long b)
{
    for (int i = 0; i < 16; i++) if (table[i] == a) return i + b;
    return -1;
}
SHAPE int i_switch(long a, long b)
{
    switch (a & 15) {
    case 0: return 3;
    case 1: nothing(b); return 4;
    case 2: return (int)helper(b);
    case 3: case 4: nothing(1); break;
    case 5: return -9;
    case 6: if (b & 1) return 77; nothing(2); break;
    case 7: return 1000000;
    case 8: return 2000000000;
    case 9: sink++; break;
    default: return 0;
    }
    return (int)b;
}
SHAPE unsigned char b_small(long a, long b) { if (a & 1) { nothing(b); return (unsigned char)a; } nothing(a); return (unsigned char)b; }
SHAPE long l_signed(int a, long b) { if (b & 1) return a; nothing(b); return -(long)a; }
SHAPE long l_constant(long a, long b)
{
    if (a & 1) { nothing(a); if (b & 1) return 0x7fffffffffffL; return -5; }
    if (b & 2) return 0xffffffffL;
    nothing(b);
    return a & 8 ? INT64_MIN : 1 << 19;
}
/* Keeps the compiler from making a loop of a recursion. */
#define STAYS_A_CALL() __asm__ volatile("" ::: "memory")
SHAPE int i_recursive(long a, long b)
{
    if (a <= 0) return (int)b;
    int more = a & 8 ? 1 : 0;
    int inner = more ? i_recursive(a - 9, b + 1) : i_recursive(a - 1, b);
    STAYS_A_CALL();
    return inner + more;
}
SHAPE int i_fibonacci(long a, long b)
{
    if (a < 2) return (int)a;
    int first = i_fibonacci(a - 1, b);
    STAYS_A_CALL();
    int second = i_fibonacci(a - 2, b);
    STAYS_A_CALL();
    return first + second;
}
SHAPE int i_cold(long a, long b)
{
    if (__builtin_expect(a == 12345678, 0)) give_up("never");
    nothing(b);
    if (__builtin_expect(b % 97 == 0, 0)) { nothing(a); helper(b); return -97; }
    return a > b ? 1 : a < b ? -1 : 0;
}
SHAPE long l_alloca(long a, long b)
{
    char *room = __builtin_alloca((a & 127) + 1);
    memset(room, (int)b, (a & 127) + 1);
    if (room[0] == 3) return 3;
    sink += room[a & 127];
    return a & 1 ? room[0] : b;
}
SHAPE long l_array(long a, long b)
{
    char room[64];
    snprintf(room, sizeof room, "%ld", a);
    if (room[0] == '-') return -1;
    return room[1] ? b : room[0];
}
SHAPE long l_list(node *list, long b)
{
    while (list) { if (list->value == b) return list->value * 2; list = list->next; }
    return 0;
}
SHAPE int i_many_arguments(long a, long b, long c, long d, long e, long f, long g, long h)
{
    if (g > h) return (int)(a + b);
    if (c == d) { nothing(e); return (int)f; }
    return (int)(e + helper(g));
}
SHAPE double d_unused(double a) { if (a < 0) return -a; nothing(1); return a * 2; }
SHAPE int i_compare(const unsigned char *a, const unsigned char *b)
{
    while (*a && *a == *b) { a++; b++; }
    return *a - *b;
}
SHAPE int i_boolean(long a, long b) { if (a > 1000) { nothing(a); return helper(b) > 5; } return a && b; }
SHAPE long l_goto(long a, long b)
{
    long found = -1;
    nothing(a);
    if (a & 1) goto out;
    found = helper(b);
    if (found & 2) goto fail;
    nothing(found);
    if (found & 4) goto out;
    found += 2;
out:
    return found;
fail:
    nothing(1);
    return -2;
}
static __thread jmp_buf landing;
SHAPE void jumps(long a) { if (a % 4 == 1) longjmp(landing, (int)(a & 7) + 1); nothing(a); }
SHAPE int i_lands(long a, long b)
{
    volatile long kept = b;
    int came = setjmp(landing);
    if (came) { if (came == 2) return -came; nothing(kept); return came; }
    jumps(a);
    if (kept & 1) return 50;
    nothing(a);
    return 51;
}
SHAPE int i_void_pointer(void **slot, long b) { if (!*slot) { *slot = &sink; return 1; } if (b & 1) { *slot = 0; nothing(b); return 2; } return 0; }
SHAPE long l_wide(long a, long b) { unsigned __int128 product = (unsigned __int128)a * (unsigned long)b; if (product >> 64) return -1; nothing(a); return (long)product; }
SHAPE int i_deep(long a, long b) { if (a & 1) { if (a & 2) { if (a & 4) { if (a & 8) { return 15; } return 7; } nothing(b); return 3; } return 1; } nothing(a); return 0; }
SHAPE int i_copy(int *to, const int *from, long n) { if (n > 8) return -1; for (long i = 0; i < n; i++) to[i] = from[i]; return n ? to[n - 1] : 0; }

/* Functions that begin at a conditional jump, because the kernel single-steps all instructions
 * before it, and of which one way returns at once. The first instruction of `l_flags` is the
 * jump. */
#define FUNCTION(name, body) ".globl " #name "\n.type " #name ", @function\n" #name ":\n .cfi_startproc\n" body \
    " .cfi_endproc\n .size " #name ", .-" #name "\n"
#define PUSH " push %rbx\n .cfi_def_cfa_offset 16\n"
#define POP " pop %rbx\n .cfi_def_cfa_offset 8\n"
__asm__(".text\n"
    FUNCTION(l_taken, " test $3, %dil\n je 1f\n" PUSH " mov %rsi, %rbx\n call helper\n add %rbx, %rax\n" POP " nop\n ret\n"
        "1: mov %rsi, %rax\n ret\n")
    FUNCTION(l_falls, " test $1, %dil\n jne 1f\n mov $-3, %eax\n cltq\n ret\n"
        "1:" PUSH " mov %rsi, %rbx\n call nothing\n lea 4(%rbx), %rax\n" POP " jmp 2f\n2: ret\n")
    FUNCTION(l_flags, " jg 1f\n" PUSH " call helper\n" POP " nop\n ret\n1: mov %esi, %eax\n ret\n")
    FUNCTION(l_first, " lea -8(%rsp), %rsp\n .cfi_def_cfa_offset 16\n cmp %rsi, %rdi\n call l_flags\n"
        " lea 8(%rsp), %rsp\n .cfi_def_cfa_offset 8\n nop\n ret\n")
    FUNCTION(l_depth, " test %rdi, %rdi\n jle 1f\n" PUSH " mov %rdi, %rbx\n sub $1, %rdi\n call l_depth\n add %rbx, %rax\n" POP
        " nop\n ret\n1: mov %rsi, %rax\n ret\n")
    FUNCTION(l_unknown, " test $2, %sil\n je 1f\n" PUSH " call helper\n" POP " nop\n ret\n1: lea 1(%rsi), %rax\n ret\n")
    FUNCTION(l_three, " test $6, %dil\n je 2f\n cmp $40, %rsi\n jl 1f\n mov $9, %eax\n ret\n"
        "1:" PUSH " call helper\n" POP " nop\n ret\n2: or $-1, %rax\n ret\n"));
long l_taken(long a, long b), l_falls(long a, long b), l_flags(long a, long b), l_first(long a, long b), l_depth(long a, long b),
    l_unknown(long a, long b), l_three(long a, long b);

struct seen { long calls; long sum; };
#define SHAPES(X) X(i_early) X(l_guard) X(i_loop_exit) X(l_search) X(i_switch) X(b_small) X(l_signed) X(l_constant) \
    X(i_recursive) X(i_fibonacci) X(i_cold) X(l_alloca) X(l_array) X(l_list) X(i_many_arguments) X(i_compare) \
    X(i_boolean) X(l_goto) X(i_lands) X(i_void_pointer) X(l_wide) X(i_deep) X(i_copy) \
    X(l_taken) X(l_falls) X(l_flags) X(l_first) X(l_depth) X(l_unknown) X(l_three)
#define MEMBER(name) struct seen name;
struct all { SHAPES(MEMBER) };
#define CALL(name, ...) do { long value = name(__VA_ARGS__); seen->name.calls++; seen->name.sum += value; } while (0)

/* Counts a call and the calls inside it, whose values follow from the arguments alone. */
static void count_recursive(struct seen *seen, long a, long b)
{
    seen->calls++;
    if (a <= 0) { seen->sum += (int)b; return; }
    if (a & 8) { count_recursive(seen, a - 9, b + 1); } else { count_recursive(seen, a - 1, b); }
    long value = b; long ups = 0;
    for (long at = a; at > 0;) { if (at & 8) { at -= 9; value++; ups++; } else at--; }
    seen->sum += (int)(value + ups);
}
static long count_fibonacci(struct seen *seen, long a)
{
    seen->calls++;
    long value = a < 2 ? a : count_fibonacci(seen, a - 1) + count_fibonacci(seen, a - 2);
    seen->sum += value;
    return value;
}

static void count_depth(struct seen *seen, long a, long b)
{
    long value = l_depth(a, b);
    for (;; value -= a--) {
        seen->calls++;
        seen->sum += value;
        if (a <= 0) return;
    }
}

static void rounds(struct all *seen, unsigned seed, long number)
{
    unsigned long state = seed * 2654435761u + 1;
    for (long i = 0; i < number; i++) {
        state = state * 6364136223846793005ul + 1442695040888963407ul;
        long a = (long)(state >> 33) % 1000, b = (long)(state >> 13) % 1000;
        if (state & 1) a = -a;
        node second = {0, a & 3}, first = {&second, b & 3};
        void *slot = a & 1 ? 0 : &first;
        int from[8] = {1, -2, 3, -4, 5, -6, 7, (int)b}, to[8];
        unsigned char left[8] = "abcdefg", right[8] = "abcdefg";
        right[a & 7] = (unsigned char)b;
        left[7] = right[7] = 0;
        CALL(i_early, a, b); CALL(l_guard, a & 3, b); CALL(i_loop_exit, a, b & 7); CALL(l_search, table[b & 15] + (a & 1), b);
        CALL(i_switch, a, b); CALL(b_small, a, b); CALL(l_signed, (int)a, b); CALL(l_constant, a, b);
        i_recursive(a & 31, b); count_recursive(&seen->i_recursive, a & 31, b);
        i_fibonacci(a & 7, b); count_fibonacci(&seen->i_fibonacci, a & 7);
        CALL(i_cold, a, b); CALL(l_alloca, a, b & 7); CALL(l_array, a, b); CALL(l_list, &first, b & 3);
        CALL(i_many_arguments, a, b, a & 3, b & 3, 5, 6, a, b); CALL(i_compare, left, right);
        CALL(i_boolean, a * 2, b & 3); CALL(l_goto, a, b); CALL(i_lands, a < 0 ? -a : a, b);
        CALL(i_void_pointer, &slot, b); CALL(l_wide, a << (b & 63), b); CALL(i_deep, a, b); CALL(i_copy, to, from, b % 11);
        CALL(l_taken, a, b); CALL(l_falls, a, b); CALL(l_unknown, a, b); CALL(l_three, a, b);
        long value = l_first(a, b);
        seen->l_first.calls++; seen->l_first.sum += value; seen->l_flags.calls++; seen->l_flags.sum += value;
        count_depth(&seen->l_depth, a & 15, b);
        d_unused((double)a);
    }
}

struct job { struct all seen; unsigned seed; long number; };
static void *thread(void *argument) { struct job *job = argument; rounds(&job->seen, job->seed, job->number); return 0; }

int main(int count, char **words)
{
    if (count != 3) return 2;
    unsigned seed = (unsigned)atol(words[1]);
    long number = atol(words[2]);
    static struct job jobs[3];
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        jobs[i].seed = seed + (unsigned)i;
        jobs[i].number = number;
        pthread_create(&threads[i], 0, thread, &jobs[i]);
    }
    int pipes[2];
    if (pipe(pipes)) return 3;
    pid_t child = fork();
    if (!child) {
        static struct all seen;
        rounds(&seen, seed + 7, number);
        _exit(write(pipes[1], &seen, sizeof seen) != sizeof seen);
    }
    static struct all all;
    if (read(pipes[0], &all, sizeof all) != sizeof all) return 4;
    int status;
    waitpid(child, &status, 0);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], 0);
#define PRINT(name) for (int i = 0; i < 3; i++) { all.name.calls += jobs[i].seen.name.calls; all.name.sum += jobs[i].seen.name.sum; } \
    printf(#name " %ld %ld\n", all.name.calls, all.name.sum);
    SHAPES(PRINT)
    return status;
}
