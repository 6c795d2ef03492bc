#include "marked.h"

#include <stdio.h>

int main(void)
{
    long sum = 0;
    for (long i = 0; i < 1000; i++) {
        soakbox_begin(shared_operation);
        sum += second(i);
        soakbox_finish(shared_operation, sum, 1);
    }
    printf("%ld\n", sum);
    return 0;
}
