// An operation of a program that is compiled with -fno-exceptions, `op` (C linkage). It uses the
// C++ library, which may throw: then the program ends, since nothing catches.
//
//   [--wait] calls N     N calls that return
//            throws N    the same, then a call in which a string throws: std::terminate, SIGABRT
//            deep N      the same, inside N calls of another function
#include "target.h"

#include <string>
#include <vector>

static std::vector<std::string> texts;

extern "C" OPERATION int op(long index, size_t at)
{
    std::string text;
    text += "a text that does not fit into a short string";
    text += static_cast<char>('0' + index % 10);
    texts.push_back(text.substr(1));
    return text.at(at) - 'a' + (index % 3 ? 1 : -100);
}

OPERATION static int deeper(long depth, size_t at)
{
    if (depth == 0)
        return op(1, at);
    int result = deeper(depth - 1, at) + 1;
    NO_TAIL_CALL();
    return result;
}

int main(int argc, char **argv)
{
    target_start(&argc, argv);
    const char *mode = text_argument(argc, argv, 1);
    long number = atol(text_argument(argc, argv, 2));
    struct counts counts = {0, 0, 0, 0, 0};
    for (long index = 0; index < number; ++index) {
        int result = op(index, static_cast<size_t>(index) % 40);
        counts.begun++;
        counts.finished++;
        counts.failures += result < 0;
    }
    bool ends = strcmp(mode, "calls") != 0;
    counts.begun += ends;
    counts.abandoned += ends;
    print_counts(&counts, "");
    if (strcmp(mode, "throws") == 0)
        return op(number, 1000);
    if (strcmp(mode, "deep") == 0)
        return deeper(number, 1000);
    return 7;
}
