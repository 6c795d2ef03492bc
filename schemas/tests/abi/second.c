#include "marked.h"

SOAKBOX_OPERATION(only_here);

long second(long value)
{
    soakbox_begin(shared_operation);
    soakbox_begin_token(only_here, value + 1);
    value = value * 2 + 1;
    soakbox_finish_token(only_here, value, value, 1);
    soakbox_finish(shared_operation, value, value > 0);
    return value;
}
