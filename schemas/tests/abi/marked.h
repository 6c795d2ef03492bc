/* Declared in a shared header: every file that includes it has the same operation. */
#ifndef MARKED_H
#define MARKED_H
#include "soakbox.h"

SOAKBOX_OPERATION(shared_operation);

#ifdef __cplusplus
extern "C"
#endif
    long
    second(long value);

#endif
