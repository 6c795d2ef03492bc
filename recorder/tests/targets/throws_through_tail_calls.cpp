/* Functions that end in tail calls of a function that may throw. Prints a line for each, as
 * shapes_of_tail_calls.c does. A call is caught where it was made, so that each call has the stack
 * pointers of the one before.
 *
 *   throws_through_tail_calls SEED ROUNDS
 */
#include <cstdio>
#include <cstdlib>

#if defined(__clang__)
#define SHAPE extern "C" __attribute__((noinline, used))
#else
#define SHAPE extern "C" __attribute__((noinline, noclone, noipa, used))
#endif

struct count { long began, returned, left, sum; };
enum { FIRST, SECOND, THROWS, IDS };
static count counts[IDS];
static unsigned passed;
static volatile long sink;

#define ENTER(id) (counts[id].began++, passed |= 1u << (id))

SHAPE long l_throws(long a, long b) { ENTER(THROWS); sink += a; if (a % 3 == 0) throw b; return a - b; }
SHAPE long l_second(long a, long b) { ENTER(SECOND); if (b & 4) return 9; sink ^= b; return l_throws(a, b); }
SHAPE long l_first(long a, long b) { ENTER(FIRST); if (a & 1) return l_throws(b, a); sink ^= a; return l_second(a, b); }

typedef long function(long, long);
__attribute__((noinline)) static void call(function *called, long a, long b)
{
    passed = 0;
    long value = 0;
    bool returned = false;
    try { value = called(a, b); returned = true; } catch (long) {}
    for (int id = 0; id < IDS; id++) if (passed >> id & 1) {
        if (returned) { counts[id].returned++; counts[id].sum += value; } else counts[id].left++;
    }
}

int main(int words_count, char **words)
{
    if (words_count != 3) return 2;
    unsigned long state = strtoul(words[1], nullptr, 10) * 2654435761u + 1;
    function *functions[] = {l_first, l_second, l_throws};
    for (long i = 20 * atol(words[2]); i > 0; i--) {
        state = state * 6364136223846793005ul + 1442695040888963407ul;
        call(functions[(state >> 40) % 3], (long)(state >> 33) % 1000, (long)(state >> 13) % 1000);
    }
    const char *names[] = {"l_first", "l_second", "l_throws"};
    for (int id = 0; id < IDS; id++)
        printf("%s %ld %ld %ld %ld\n", names[id], counts[id].began, counts[id].returned, counts[id].left, counts[id].sum);
}
