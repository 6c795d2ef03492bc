// Functions that share a readable name, each of which counts its own calls.
//
//   [--wait] N     N rounds; each calls every function as often as the number in it
//
// The printed line has a key for each function in addition to the usual ones.
#include "target.h"

namespace {

long called[12];

OPERATION int count(int function, int value)
{
    called[function]++;
    return value + function;
}

} // namespace

namespace app {

struct Store {
    int value;

    OPERATION Store(int start) { value = count(10, start); }
    OPERATION int get() { return count(1, value) + 1; }
    OPERATION int get() const { return count(2, value) + 2; }
    OPERATION static int fetch(int key) { return count(3, key) + 3; }
    OPERATION static int fetch(long key) { return count(4, (int)key) + 4; }
    template <class T> OPERATION T find(T key) { return count(sizeof(T) == 4 ? 5 : 6, (int)key) + 5; }
    OPERATION int take() & { return count(7, value) + 7; }
    OPERATION int take() && { return count(8, value) + 8; }
    OPERATION int only() { return count(9, value) + 9; }
};

// Calls the base-object constructor (C2), which without virtual bases is the same code as the
// complete one (C1).
struct Special : Store {
    OPERATION Special(int start) : Store(start) { value++; }
};

} // namespace app

int main(int argc, char **argv)
{
    target_start(&argc, argv);
    long rounds = argument(argc, argv, 1);
    volatile int sink = 0;
    app::Store store(1);
    const app::Store &constant = store;
    for (long round = 0; round < rounds; round++) {
        for (int i = 0; i < 1; i++)
            sink = sink + store.get();
        for (int i = 0; i < 2; i++)
            sink = sink + constant.get();
        for (int i = 0; i < 3; i++)
            sink = sink + app::Store::fetch(i);
        for (long i = 0; i < 4; i++)
            sink = sink + app::Store::fetch(i);
        for (int i = 0; i < 5; i++)
            sink = sink + store.find(i);
        for (long i = 0; i < 6; i++)
            sink = sink + (int)store.find(i);
        for (int i = 0; i < 7; i++)
            sink = sink + store.take();
        for (int i = 0; i < 8; i++)
            sink = sink + static_cast<app::Store &&>(store).take();
        for (int i = 0; i < 9; i++)
            sink = sink + store.only();
        for (int i = 0; i < 5; i++)
            sink = sink + app::Store(i).value + app::Special(i).value;
    }
    struct counts counts = {0, 0, 0, 0, 0};
    for (int i = 1; i <= 10; i++)
        counts.begun += called[i];
    counts.finished = counts.begun;
    char extra[512];
    snprintf(extra, sizeof extra,
             ",\"get\":%ld,\"get_const\":%ld,\"fetch_int\":%ld,\"fetch_long\":%ld,\"find_int\":%ld,\"find_long\":%ld,"
             "\"take_left\":%ld,\"take_right\":%ld,\"only\":%ld,\"constructed\":%ld",
             called[1], called[2], called[3], called[4], called[5], called[6], called[7], called[8], called[9],
             called[10]);
    print_counts(&counts, extra);
    return 0;
}
