// C++ exceptions around an operation, `op` (C linkage: its name shows no sign of C++). Exits with
// 7 when all is well.
//
//   [--wait] inside N        thrown and caught inside the operation: all finish
//            above N         thrown through the operation, caught above it: all abandoned
//            nested N        operation inside an operation; the outer one catches what the inner
//                            one throws
//            deep N          two operations inside one another, both thrown through, caught above
//            mixed N         N of each, in turn, with N that return normally
//            marker N        RAII marker `marked`: N finish with a value, N by an exception
//                            (finished as failed)
//            uncaught N      N normal calls, then an uncaught exception: std::terminate, SIGABRT
#include "soakbox.h"
#include "target.h"

#include <stdexcept>

SOAKBOX_OPERATION(marked);

namespace {

enum how { returns, throws_inside, throws, catches_inner, calls_thrower };

struct counter {
    explicit counter(long &count) : count_(count) {}
    ~counter() { ++count_; }
    long &count_;
};

long destructors;
long caught;

OPERATION void fail(long index) { throw std::runtime_error(index % 2 ? "odd" : "even"); }

} // namespace

extern "C" OPERATION int op(long index, int how)
{
    counter leaving(destructors);
    int result = static_cast<int>(index % 1000);
    switch (how) {
    case throws_inside:
        try {
            fail(index);
        } catch (const std::exception &error) {
            ++caught;
            result = -1 - (error.what()[0] == 'o');
        }
        break;
    case throws:
        fail(index);
        break;
    case catches_inner:
        try {
            result = op(index, throws);
        } catch (const std::exception &) {
            ++caught;
        }
        break;
    case calls_thrower:
        result = op(index, throws) + 1;
        break;
    default:
        break;
    }
    NO_TAIL_CALL();
    return result;
}

namespace {

// One call of the outermost operation, with its exception caught here; adds the expected counts.
OPERATION void once(counts &c, long index, how how)
{
    bool inner = how == catches_inner || how == calls_thrower;
    c.begun += inner ? 2 : 1;
    try {
        int result = op(index, how);
        c.finished++;
        c.abandoned += inner;
        c.failures += result < 0;
    } catch (const std::runtime_error &) {
        ++caught;
        c.abandoned += inner ? 2 : 1;
    }
}

OPERATION void marked_operation(long index, bool fails)
{
    soakbox::operation marker(soakbox_begin_marked, soakbox_finish_marked);
    if (fails)
        fail(index);
    marker.finish(index, true);
}

void run_marker(counts &c, long calls)
{
    for (long i = 0; i < 2 * calls; i++) {
        try {
            marked_operation(i, i % 2 != 0);
        } catch (const std::runtime_error &) {
            ++caught;
            c.failures++;
        }
        c.begun++;
        c.finished++;
    }
}

void run(counts &c, long calls, how how)
{
    for (long i = 0; i < calls; i++)
        once(c, i, how);
}

} // namespace

int main(int argc, char **argv)
{
    target_start(&argc, argv);
    counts c = {0, 0, 0, 0, 0};
    long calls = argument(argc, argv, 2);
    if (is_mode(argc, argv, "inside"))
        run(c, calls, throws_inside);
    else if (is_mode(argc, argv, "above"))
        run(c, calls, throws);
    else if (is_mode(argc, argv, "nested"))
        run(c, calls, catches_inner);
    else if (is_mode(argc, argv, "deep"))
        run(c, calls, calls_thrower);
    else if (is_mode(argc, argv, "mixed")) {
        for (long i = 0; i < calls; i++)
            for (how how : {returns, throws_inside, throws, catches_inner, calls_thrower})
                once(c, i, how);
    } else if (is_mode(argc, argv, "marker"))
        run_marker(c, calls);
    else if (is_mode(argc, argv, "uncaught")) {
        run(c, calls, returns);
        c.begun++;
        c.abandoned++;
        print_counts(&c, "");
        return op(calls, throws);
    } else
        return unknown_mode(argv);
    char extra[96];
    snprintf(extra, sizeof extra, ",\"caught\":%ld,\"destructors\":%ld", caught, destructors);
    print_counts(&c, extra);
    return 7;
}
