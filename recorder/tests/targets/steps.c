/* A debugger and its child, which calls `op` CALLS times. The debugger single-steps the child and
 * prints how many steps it took, how many of them began in `op` or in its caller, and the result.
 *
 *   steps CALLS
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include "target.h"

OPERATION long inner(long a) { return a * 5 + 1; }
OPERATION long op(long a) { return inner(a) + a; }
OPERATION long caller(long calls)
{
    long sum = 0;
    for (long i = 0; i < calls; i++) sum += op(i);
    return sum;
}

int main(int count, char **arguments)
{
    if (count < 2) return 2;
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        _exit(caller(atol(arguments[1])) % 100);
    }
    int status;
    waitpid(child, &status, 0);
    long in_op = 0, in_caller = 0;
    while (WIFSTOPPED(status)) {
        struct user_regs_struct registers;
        ptrace(PTRACE_GETREGS, child, NULL, &registers);
        in_op += registers.rip - (unsigned long)op < 16;
        in_caller += registers.rip - (unsigned long)caller < 48;
        if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0) break;
        waitpid(child, &status, 0);
    }
    printf("%ld %ld %d\n", in_op, in_caller, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return 0;
}
