/* Functions that end in tail calls, of many shapes. Prints a line for each: its name, how many
 * calls began, how many of them returned, how many a longjmp left, and the sum of the values that
 * they returned. A function that tail calls reach again, while it is in flight, goes on with the
 * same call.
 *
 *   shapes_of_tail_calls SEED ROUNDS
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__clang__)
#define SHAPE __attribute__((noinline, used))
#else
#define SHAPE __attribute__((noinline, noclone, noipa, used))
#endif

#define SHAPES(use) use(l_leaf) use(l_other) use(l_tail) use(l_chain) use(l_middle) use(l_plain) use(l_branch) use(l_thunk) \
    use(l_even) use(l_odd) use(l_leaves) use(l_left) use(l_deep) use(l_recursive) use(l_short) use(l_to_short) use(l_ends) \
    use(l_loop) use(l_again) use(l_first) use(l_never) use(l_slot) \
    use(l_import) use(l_pointer) use(l_onward) use(l_nested)
#define ID(name) ID_##name,
enum { SHAPES(ID) IDS };

struct count { long began, returned, left, sum; };
enum { LEVELS = 128 };
static __thread struct count *mine;
/* The functions that each nested call has passed through by tail calls, innermost last. */
static __thread unsigned passed[LEVELS];
static __thread int level;
static __thread jmp_buf back;

#define ENTER(name) (mine[ID_##name].began += !(passed[level] >> ID_##name & 1), passed[level] |= 1u << ID_##name)

static void finish(long value, int returned)
{
    for (int id = 0; id < IDS; id++) if (passed[level] >> id & 1) {
        if (returned) { mine[id].returned++; mine[id].sum += value; } else mine[id].left++;
    }
    level--;
}
#define CALL(name, ...) ({ level++; passed[level] = 0; long value_ = name(__VA_ARGS__); finish(value_, 1); value_; })
/* The same for functions in assembly, which do not count themselves. */
#define CALL_ASM(name, ...) ({ level++; passed[level] = 0; ENTER(name); long value_ = name(__VA_ARGS__); finish(value_, 1); value_; })

static volatile long sink;
__attribute__((noinline)) static void nothing(long a) { sink ^= a; __asm__ volatile("" ::: "memory"); }

SHAPE long l_leaf(long a, long b) { ENTER(l_leaf); nothing(a); if (a & 2) return b; nothing(b); return a * 3 + b; }
SHAPE long l_other(long a, long b) { ENTER(l_other); if (a & 4) return 7; nothing(b); return CALL(l_leaf, b, a) + 1; }
SHAPE long l_middle(long a, long b) { ENTER(l_middle); if (b & 1) return l_other(b, a); nothing(a); return l_leaf(a + 1, b); }
SHAPE long l_tail(long a, long b) { ENTER(l_tail); if (a & 1) return l_leaf(b, a); nothing(a); return 5; }
SHAPE long l_chain(long a, long b)
{
    ENTER(l_chain);
    if (a & 8) { nothing(a); return CALL(l_middle, a, b) - 1; }
    nothing(b);
    return l_middle(b, a);
}
SHAPE long l_plain(long a, long b) { ENTER(l_plain); return l_leaf(a, b); }
SHAPE long l_odd(long a, long b);
SHAPE long l_even(long a, long b) { ENTER(l_even); if (a == 0) return b; return l_odd(a - 1, b + 1); }
SHAPE long l_odd(long a, long b) { ENTER(l_odd); if (a == 0) return -b; nothing(a); return l_even(a - 1, b + 2); }
SHAPE long l_left(long a, long b) { ENTER(l_left); nothing(a); if (a % 3 == 0) longjmp(back, 1); return a + b; }
SHAPE long l_leaves(long a, long b) { ENTER(l_leaves); if (b & 1) return 3; nothing(b); return l_left(a, b); }
SHAPE long l_deep(long a, long b) { ENTER(l_deep); if (a <= 0) return l_leaf(b, a); long sum = CALL(l_deep, a - 1, b); return l_other(sum, b); }
SHAPE long l_recursive(long a, long b) { ENTER(l_recursive); if (a <= 0) return l_middle(b, b); nothing(CALL(l_recursive, a - 1, b)); return l_plain(a, b); }

/* Begins at a jump of which one way returns at once; on the other way a longjmp may leave it. */
long l_short(long a, long b);
/* The same, and its other way ends in a tail call of the first. */
long l_ends(long a, long b);
__attribute__((noinline, used)) void may_leave(long a) { nothing(a); if (a % 3 == 1) longjmp(back, 1); }
__asm__(".text\n"
        ".globl l_short\n.type l_short, @function\nl_short:\n .cfi_startproc\n test $2, %dil\n je 1f\n push %rsi\n"
        " .cfi_def_cfa_offset 16\n call may_leave\n pop %rax\n .cfi_def_cfa_offset 8\n nop\n ret\n1: mov %rdi, %rax\n ret\n"
        " .cfi_endproc\n .size l_short, .-l_short\n"
        ".globl l_ends\n.type l_ends, @function\nl_ends:\n .cfi_startproc\n test $4, %dil\n jne 1f\n mov $11, %eax\n ret\n"
        "1: add $1, %rdi\n jmp l_short\n .cfi_endproc\n .size l_ends, .-l_ends\n");
SHAPE long l_to_short(long a, long b) { ENTER(l_to_short); ENTER(l_short); return l_short(a, b); }

/* Functions whose first instructions are the jump. */
long l_thunk(long a, long b);
long l_branch(long a, long b);
__asm__(".text\n"
        ".globl l_thunk\n.type l_thunk, @function\nl_thunk:\n .cfi_startproc\n jmp l_leaf\n .cfi_endproc\n .size l_thunk, .-l_thunk\n"
        ".globl l_branch\n.type l_branch, @function\nl_branch:\n .cfi_startproc\n test %rdi, %rdi\n je l_leaf\n mov %rsi, %rax\n nop\n ret\n"
        " .cfi_endproc\n .size l_branch, .-l_branch\n");

/* Jumps through a pointer that is constant once the program runs, as compilers of Rust do. */
long l_slot(long a, long b);
__asm__(".section .data.rel.ro, \"aw\", @progbits\n .balign 8\nslot: .quad l_chain\n.text\n"
        ".globl l_slot\n.type l_slot, @function\nl_slot:\n .cfi_startproc\n test $1, %sil\n je 1f\n mov $9, %eax\n ret\n"
        "1: jmp *slot(%rip)\n .cfi_endproc\n .size l_slot, .-l_slot\n");

/* Loops that begin at the first instruction; a longjmp may leave one of them in any turn, and another begins at the jump
 * back. */
long l_loop(long a, long b);
long l_again(long a, long b);
long l_first(long a, long b);
__asm__(".text\n"
        ".globl l_loop\n.type l_loop, @function\nl_loop:\n .cfi_startproc\n test %rdi, %rdi\n je 1f\n add $3, %rsi\n sub $1, %rdi\n"
        " jmp l_loop\n1: mov %rsi, %rax\n ret\n .cfi_endproc\n .size l_loop, .-l_loop\n"
        ".globl l_again\n.type l_again, @function\nl_again:\n .cfi_startproc\n push %rsi\n .cfi_def_cfa_offset 16\n push %rdi\n"
        " .cfi_def_cfa_offset 24\n sub $8, %rsp\n .cfi_def_cfa_offset 32\n call may_leave\n add $8, %rsp\n .cfi_def_cfa_offset 24\n"
        " pop %rdi\n .cfi_def_cfa_offset 16\n pop %rsi\n .cfi_def_cfa_offset 8\n sub $1, %rdi\n jg l_again\n mov %rsi, %rax\n nop\n ret\n"
        " .cfi_endproc\n .size l_again, .-l_again\n"
        ".globl l_first\n.type l_first, @function\nl_first:\n .cfi_startproc\n sub $1, %rdi\n jg l_first\n mov %rsi, %rax\n ret\n"
        " .cfi_endproc\n .size l_first, .-l_first\n");

/* Functions that leave to other files and through pointers. Something stands between each call of them and the code
 * after it, so that nothing else leads there. */
#define TEXT(number) TEXT_(number)
#define TEXT_(number) #number
#define CALL_APART(name, ...) ({ level++; passed[level] = 0; long value_ = name(__VA_ARGS__); \
    __asm__ volatile("nop # " TEXT(__LINE__) : "+r"(value_) :: "memory"); finish(value_, 1); value_; })
static const char *const texts[] = {"17", "4000000000", "0", "9x"};
__attribute__((noinline)) static long stays(long a, long b) { nothing(b); return a & 0xffff; }
__attribute__((noinline)) static long goes(long a, long b) { nothing(b); if (a % 3 == 0) longjmp(back, 1); return b + 2; }
static long (*volatile pointers[2])(long, long) = {stays, goes};
SHAPE long l_import(long a, long b) { ENTER(l_import); if (a & 4) return b; nothing(a); return strtol(texts[a & 3], 0, 10); }
SHAPE long l_pointer(long a, long b) { ENTER(l_pointer); nothing(a); return pointers[a & 1](a, b); }
SHAPE long l_onward(long a, long b) { ENTER(l_onward); if (b & 1) return l_import(b, a); nothing(b); if (b & 2) return l_pointer(b, a); return 5; }
SHAPE long l_nested(long a, long b)
{
    ENTER(l_nested);
    if (a > 0) { nothing(CALL_APART(l_nested, a - 1, b)); nothing(b); }
    return l_onward(b, b);
}

/* Left by a longjmp in every call. */
SHAPE __attribute__((noreturn)) long l_never(long a, long b) { ENTER(l_never); nothing(a + b); longjmp(back, 1); }

/* Calls from one place on the stack, so that each call has the stack pointers of the one before. */
static void leave(long a, long b, int how)
{
    volatile int before = level;
    if (setjmp(back)) {
        while (level > before) finish(0, 0);
        return;
    }
    switch (how) {
    case 0: CALL(l_leaves, a, b); break;
    case 1: CALL(l_left, a, b); break;
    case 2: CALL_ASM(l_short, a, b); break;
    case 3: CALL(l_to_short, a, b); break;
    case 5: CALL_ASM(l_again, a, b); break;
    case 6: CALL(l_never, a, b); break;
    case 7: CALL_APART(l_pointer, a, b); nothing(a); break;
    case 8: CALL_APART(l_onward, a, b); nothing(b); break;
    case 9: CALL_APART(l_nested, a & 15, b); nothing(a); break;
    default:
        level++;
        passed[level] = 0;
        ENTER(l_ends);
        if (a & 4) ENTER(l_short);
        finish(l_ends(a, b), 1);
    }
}

static void rounds(unsigned seed, long number)
{
    unsigned long state = seed * 2654435761u + 1;
    for (long i = 0; i < number; i++) {
        state = state * 6364136223846793005ul + 1442695040888963407ul;
        long a = (long)(state >> 33) % 1000, b = (long)(state >> 13) % 1000;
        CALL(l_tail, a, b); CALL(l_leaf, a, b); CALL(l_chain, a, b); CALL(l_middle, b, a); CALL(l_plain, a, b);
        CALL_ASM(l_thunk, a, b); CALL_ASM(l_branch, a & 1, b); CALL_ASM(l_slot, b, a);
        CALL(l_even, a & 31, b); CALL(l_odd, b & 15, a); CALL(l_other, a, b);
        leave(a, b, (int)(state >> 20 & 1)); leave(b, a, (int)(state >> 21 & 1)); leave(a + 1, b + 1, 1); leave(a + 2, b, 0);
        leave(a, b, 2); leave(b, a, 3); leave(a + 1, b, 4); leave(b + 2, a, 2 + (int)((state >> 22) % 3));
        leave(a, b, 5); leave(b, a, 5 + (int)(state >> 23 & 1)); leave(b, a, 6); leave(a + 1, b, 5);
        leave(a, b, 7); leave(b, a, 8); leave(a + 1, b, 7 + (int)((state >> 24) % 3)); leave(b, a, 9); leave(a + 2, b + 1, 8);
        CALL_APART(l_import, a, b); nothing(b); CALL_APART(l_pointer, a & ~1, b); nothing(a); CALL_APART(l_import, b, a);
        CALL_ASM(l_loop, a & 7, b); CALL_ASM(l_first, b & 7, a); CALL_ASM(l_loop, b & 3, a);
        CALL(l_deep, a & 63, b); CALL(l_recursive, b % 90, a); CALL(l_plain, b, a);
    }
}

struct job { struct count *counts; unsigned seed; long number; };
static void *thread(void *argument) { struct job *job = argument; mine = job->counts; rounds(job->seed, job->number); return 0; }

int main(int count, char **words)
{
    if (count != 3) return 2;
    unsigned seed = (unsigned)atol(words[1]);
    long number = atol(words[2]);
    enum { JOBS = 4 };
    struct count (*all)[IDS] = mmap(0, sizeof(struct count[JOBS][IDS]), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return 3;
    pid_t child = fork();
    if (!child) { mine = all[0]; rounds(seed + 7, number); _exit(0); }
    struct job jobs[JOBS];
    pthread_t threads[JOBS];
    for (int i = 1; i < JOBS; i++) {
        jobs[i] = (struct job){all[i], seed + (unsigned)i, number};
        pthread_create(&threads[i], 0, thread, &jobs[i]);
    }
    for (int i = 1; i < JOBS; i++) pthread_join(threads[i], 0);
    int status;
    waitpid(child, &status, 0);
#define PRINT(name) { struct count sum = {0, 0, 0, 0}; \
    for (int i = 0; i < JOBS; i++) { struct count *one = &all[i][ID_##name]; \
        sum.began += one->began; sum.returned += one->returned; sum.left += one->left; sum.sum += one->sum; } \
    printf(#name " %ld %ld %ld %ld\n", sum.began, sum.returned, sum.left, sum.sum); }
    SHAPES(PRINT)
    return status;
}
