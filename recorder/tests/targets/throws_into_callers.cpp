/* Functions that leave to other files and through pointers, and may throw into callers that go on
 * at the place after the call: they catch there, or come there without a call. Prints a line for
 * each, as shapes_of_tail_calls.c does.
 *
 *   throws_into_callers SEED ROUNDS
 */
#include <cstdio>
#include <cstdlib>

#if defined(__clang__)
#define SHAPE extern "C" __attribute__((noinline, used))
#else
#define SHAPE extern "C" __attribute__((noinline, noclone, noipa, used))
#endif

struct count { long began, returned, left, sum; };
enum { LEAVES, IMPORTS, ONWARD, IDS };
static count counts[IDS];
/* The call that runs: the functions that it passed through, whether one threw, and its value. */
static unsigned passed;
static bool thrown;
static long last;
static volatile long sink;

#define ENTER(id) (counts[id].began++, passed |= 1u << (id))

static void account()
{
    for (int id = 0; id < IDS; id++) if (passed >> id & 1) {
        if (thrown) counts[id].left++; else { counts[id].returned++; counts[id].sum += last; }
    }
    passed = 0;
    thrown = false;
}

static const char *const texts[] = {"17", "4000000000", "0", "9x"};
static const long values[] = {17, 4000000000, 0, 9};
__attribute__((noinline)) static long stays(long a, long b) { sink ^= b; return last = a + b; }
__attribute__((noinline)) static long goes(long a, long b)
{
    sink += a;
    if (a % 3 == 0) { thrown = true; throw b; }
    return last = a ^ b;
}
typedef long function(long, long);
static function *volatile pointers[2] = {stays, goes};

SHAPE long l_leaves(long a, long b) { ENTER(LEAVES); sink ^= a; return pointers[b & 1](a, b); }
SHAPE long l_imports(long a, long b)
{
    ENTER(IMPORTS);
    if (a % 5 == 0) { thrown = true; throw b; }
    sink = a;
    last = values[b & 3];
    return strtol(texts[b & 3], nullptr, 10);
}
SHAPE long l_onward(long a, long b) { ENTER(ONWARD); if (a & 2) return l_imports(b, a); sink ^= b; if (a & 1) return last = 3; return l_leaves(a, b); }

/* Catches, and goes on where the call would. */
__attribute__((noinline)) static void catches(long a, long b)
{
    if (a & 4) { try { l_leaves(a, b); } catch (long) {} }
    sink++;
    account();
    if (b & 4) { try { l_onward(a, b); } catch (long) {} }
    sink++;
    account();
}

/* Does not catch: an exception leaves it, and the next call of it may come to the same place. */
__attribute__((noinline)) static void passes(long a, long b, bool calls)
{
    if (calls) l_imports(a, b);
    sink++;
    if (!calls && b & 1) l_leaves(a, b);
    sink++;
}

__attribute__((noinline)) static void repeats(long a, long b)
{
    for (long i = 0; i < 4; i++) {
        if (a >> i & 1) { try { l_onward(a + i, b); } catch (long) {} }
        sink++;
        account();
    }
}

static void tries(long a, long b, bool calls)
{
    try { passes(a, b, calls); } catch (long) {}
    account();
}

int main(int words_count, char **words)
{
    if (words_count != 3) return 2;
    unsigned long state = strtoul(words[1], nullptr, 10) * 2654435761u + 1;
    for (long i = 5 * atol(words[2]); i > 0; i--) {
        state = state * 6364136223846793005ul + 1442695040888963407ul;
        long a = (long)(state >> 33) % 1000, b = (long)(state >> 13) % 1000;
        catches(a, b);
        tries(a, b, true); tries(b, a, false); tries(a, b, state >> 50 & 1); tries(5, b, true); tries(b, 2, false);
        repeats(a, b);
    }
    const char *names[] = {"l_leaves", "l_imports", "l_onward"};
    for (int id = 0; id < IDS; id++)
        printf("%s %ld %ld %ld %ld\n", names[id], counts[id].began, counts[id].returned, counts[id].left, counts[id].sum);
}
