/* Operations, `op`, that the end of a program, thread or process interrupts.
 *
 *   [--wait] exec N M       N calls, then one that executes this program anew inside it, which
 *                           makes M calls
 *            thread N       N threads whose system call `exit` ends them inside the operation
 *            leader N       N calls, then the main thread ends inside the operation; another
 *                           thread makes N more calls and prints
 *            exit N CODE    N calls, then one that ends the process with CODE
 *            kill N         N calls, then one that ends the process by SIGKILL
 *
 * The last operation, which does not return, is counted as abandoned.
 */
#define _GNU_SOURCE
#include "target.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static void (*volatile halfway)(void);

OPERATION int op(long index)
{
    if (halfway)
        halfway();
    NO_TAIL_CALL();
    return (int)(index % 1000);
}

static char exec_calls[32], exec_before[32];
static int exit_code;

static void exec_again(void)
{
    execl("/proc/self/exe", "exec", "again", exec_calls, exec_before, (char *)NULL);
    _exit(3);
}

static void end_thread(void) { syscall(SYS_exit, 0); }
static void end_process(void) { _exit(exit_code); }
static void kill_process(void) { kill(getpid(), SIGKILL); }

static void *run_and_end(void *argument)
{
    op((long)argument);
    return NULL;
}

static void call(struct counts *c, long calls)
{
    for (long i = 0; i < calls; i++)
        op(i);
    c->begun += calls;
    c->finished += calls;
}

/* Waits until the main thread, which is ending, is a zombie; then makes the further calls. */
static void *run_after_leader(void *argument)
{
    struct counts *c = argument;
    char path[64], state = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", getpid());
    while (state != 'Z') {
        FILE *file = fopen(path, "r");
        if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
            exit(3);
        fclose(file);
    }
    halfway = NULL;
    call(c, c->begun - 1);
    print_counts(c, "");
    exit(0);
}

int main(int argc, char **argv)
{
    target_start(&argc, argv);
    static struct counts c;
    long calls = argument(argc, argv, 2);
    if (is_mode(argc, argv, "again")) {
        long before = argument(argc, argv, 3); /* calls before it executed itself */
        c.begun = before + 1;
        c.finished = before;
        c.abandoned = 1;
        call(&c, calls);
        print_counts(&c, "");
        return 0;
    }
    if (is_mode(argc, argv, "thread")) {
        halfway = end_thread;
        for (long i = 0; i < calls; i++) {
            pthread_t id;
            if (pthread_create(&id, NULL, run_and_end, (void *)i))
                return 3;
            pthread_join(id, NULL);
            c.begun++;
            c.abandoned++;
        }
        print_counts(&c, "");
        return 0;
    }
    call(&c, calls);
    c.begun++;
    c.abandoned++;
    if (is_mode(argc, argv, "exec")) {
        snprintf(exec_calls, sizeof exec_calls, "%ld", argument(argc, argv, 3));
        snprintf(exec_before, sizeof exec_before, "%ld", calls);
        halfway = exec_again;
    } else if (is_mode(argc, argv, "leader")) {
        pthread_t id;
        halfway = end_thread;
        if (pthread_create(&id, NULL, run_after_leader, &c))
            return 3;
    } else if (is_mode(argc, argv, "exit")) {
        exit_code = (int)argument(argc, argv, 3);
        halfway = end_process;
        print_counts(&c, "");
    } else if (is_mode(argc, argv, "kill")) {
        halfway = kill_process;
        print_counts(&c, "");
    } else {
        return unknown_mode(argv);
    }
    op(calls);
    return 3;
}
