// Threads that end inside an operation, `op`, with C++ destructors and a C cleanup handler above
// it.
//
//   [--wait] cancel N     N threads that pthread_cancel ends while they block in the operation
//            exit N       N threads that call pthread_exit in the operation
//            return N     N threads that return from it
//
// Prints the number of destructors and cleanup handlers that ran; each must have run for every
// thread.
#include "target.h"

#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

namespace {

long destructors, handlers;
sem_t inside;
enum { cancelled, exits, returns } mode;

struct above {
    ~above() { ++destructors; }
};

void handler(void *) { ++handlers; }

} // namespace

extern "C" OPERATION int op(long index)
{
    sem_post(&inside);
    if (mode == exits)
        pthread_exit(nullptr);
    while (mode == cancelled)
        pause();
    NO_TAIL_CALL();
    return static_cast<int>(index);
}

namespace {

OPERATION int below_destructor(long index)
{
    above frame;
    int result = op(index);
    NO_TAIL_CALL();
    return result + 1;
}

void *thread(void *argument)
{
    volatile int result = 0;
    pthread_cleanup_push(handler, nullptr);
    result = below_destructor(reinterpret_cast<long>(argument));
    pthread_cleanup_pop(1);
    (void)result;
    return nullptr;
}

} // namespace

int main(int argc, char **argv)
{
    target_start(&argc, argv);
    if (is_mode(argc, argv, "cancel"))
        mode = cancelled;
    else if (is_mode(argc, argv, "exit"))
        mode = exits;
    else if (is_mode(argc, argv, "return"))
        mode = returns;
    else
        return unknown_mode(argv);
    long threads = argument(argc, argv, 2);
    counts c = {threads, mode == returns ? threads : 0, 0, mode == returns ? 0 : threads, 0};
    sem_init(&inside, 0, 0);
    for (long i = 0; i < threads; i++) {
        pthread_t id;
        if (pthread_create(&id, nullptr, thread, reinterpret_cast<void *>(i)))
            return 3;
        sem_wait(&inside);
        if (mode == cancelled)
            pthread_cancel(id);
        pthread_join(id, nullptr);
    }
    char extra[96];
    snprintf(extra, sizeof extra, ",\"destructors\":%ld,\"handlers\":%ld", destructors, handlers);
    print_counts(&c, extra);
    return destructors == threads && handlers == threads ? 0 : 1;
}
