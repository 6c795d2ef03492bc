#include "marked.h"

#include <cstdio>
#include <stdexcept>

static long guarded(long value)
{
    soakbox::operation marker(soakbox_begin_shared_operation, soakbox_finish_shared_operation);
    if (value % 2)
        throw std::runtime_error("odd");
    marker.finish(value, true);
    return value;
}

int main()
{
    long sum = 0;
    for (long i = 0; i < 1000; i++) {
        sum += second(i);
        try {
            guarded(i);
        } catch (const std::runtime_error &) {
        }
    }
    std::printf("%ld\n", sum);
    return 0;
}
