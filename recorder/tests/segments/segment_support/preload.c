/* A library to preload. It lets one system call on the files below a directory fail, or several from it on, wherever
 * the call is made: a seccomp filter traps them all, also those that bypass the C library.
 *
 *   SOAKBOX_FAULT_ROOT   calls on paths and descriptors below this directory are counted
 *   SOAKBOX_FAULT        what happens to the chosen calls, with an error number where one is given:
 *                          ERRNO        they fail
 *                          late ERRNO   they are carried out and fail
 *                          short        reads and writes move half of the bytes
 *                          none         nothing: the calls are only counted
 *   SOAKBOX_FAULT_FROM   the first chosen call, counted from 1 among those to which this can happen
 *   SOAKBOX_FAULT_TIMES  how many calls are chosen
 *   SOAKBOX_FAULT_LOG    a file outside of the directory, which gets one line for each chosen or counted call
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* The only instruction whose calls the filter lets through. */
long bare_call(long number, long a, long b, long c, long d, long e, long f);
extern const char bare_call_made[];
__asm__(".text\n.globl bare_call\nbare_call:\n"
        "mov %rdi,%rax\nmov %rsi,%rdi\nmov %rdx,%rsi\nmov %rcx,%rdx\nmov %r8,%r10\nmov %r9,%r8\nmov 8(%rsp),%r9\n"
        "syscall\n.globl bare_call_made\nbare_call_made:\nret\n");

enum target { DESCRIPTOR, FIRST_PATH, SECOND_PATH };
enum kind { MOVES_BYTES = 1, OTHER = 2, GIVES_DESCRIPTOR = 4 };

static const struct call {
    int number;
    const char *name;
    enum target target;
    enum kind kind;
} CALLS[] = {
    {SYS_read, "read", DESCRIPTOR, MOVES_BYTES},
    {SYS_pread64, "pread64", DESCRIPTOR, MOVES_BYTES},
    {SYS_write, "write", DESCRIPTOR, MOVES_BYTES},
    {SYS_pwrite64, "pwrite64", DESCRIPTOR, MOVES_BYTES},
    {SYS_fsync, "fsync", DESCRIPTOR, OTHER},
    {SYS_fdatasync, "fdatasync", DESCRIPTOR, OTHER},
    {SYS_ftruncate, "ftruncate", DESCRIPTOR, OTHER},
    {SYS_getdents64, "getdents64", DESCRIPTOR, OTHER},
    {SYS_flock, "flock", DESCRIPTOR, OTHER},
    {SYS_fstat, "fstat", DESCRIPTOR, OTHER},
    {SYS_open, "open", FIRST_PATH, GIVES_DESCRIPTOR},
    {SYS_openat, "openat", SECOND_PATH, GIVES_DESCRIPTOR},
    {SYS_rename, "rename", FIRST_PATH, OTHER},
    {SYS_renameat, "renameat", SECOND_PATH, OTHER},
    {SYS_renameat2, "renameat2", SECOND_PATH, OTHER},
    {SYS_link, "link", FIRST_PATH, OTHER},
    {SYS_linkat, "linkat", SECOND_PATH, OTHER},
    {SYS_unlink, "unlink", FIRST_PATH, OTHER},
    {SYS_unlinkat, "unlinkat", SECOND_PATH, OTHER},
    {SYS_mkdir, "mkdir", FIRST_PATH, OTHER},
    {SYS_mkdirat, "mkdirat", SECOND_PATH, OTHER},
    {SYS_rmdir, "rmdir", FIRST_PATH, OTHER},
};
enum { CALL_COUNT = sizeof CALLS / sizeof CALLS[0] };

static char root[PATH_MAX];
static size_t root_length;
static int error, is_late, is_short, is_none, log_file = -1;
static long from, times;
static atomic_long seen;

static const char *path_of(const struct call *call, const greg_t *registers, char *buffer) {
    if (call->target == FIRST_PATH)
        return (const char *)registers[REG_RDI];
    if (call->target == SECOND_PATH)
        return (const char *)registers[REG_RSI];
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", (int)registers[REG_RDI]);
    long length = readlink(link, buffer, PATH_MAX - 1);
    buffer[length < 0 ? 0 : length] = 0;
    return buffer;
}

static int can_happen(const struct call *call, const greg_t *registers) {
    if (is_none)
        return 1;
    if (is_short)
        return call->kind == MOVES_BYTES && registers[REG_RDX] > 1;
    /* A descriptor that nobody knows would stay open. */
    return !(is_late && call->kind == GIVES_DESCRIPTOR);
}

static void trapped(int signal, siginfo_t *info, void *context) {
    (void)signal;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    int saved = errno;
    const struct call *call = NULL;
    for (int at = 0; at < CALL_COUNT; at++)
        if (CALLS[at].number == info->si_syscall)
            call = &CALLS[at];
    char buffer[PATH_MAX];
    const char *path = path_of(call, registers, buffer);
    long length = registers[REG_RDX];
    int is_chosen = 0;
    if (strncmp(path, root, root_length) == 0 && can_happen(call, registers)) {
        long count = atomic_fetch_add(&seen, 1) + 1;
        is_chosen = count >= from && count - from < times;
        if (is_chosen || is_none) {
            char line[PATH_MAX + 64];
            int bytes = snprintf(line, sizeof line, "%ld %s %s\n", count, call->name, path);
            bare_call(SYS_write, log_file, (long)line, bytes, 0, 0, 0);
        }
    }
    if (is_chosen && is_short)
        length /= 2;
    long result = -error;
    if (!is_chosen || is_short || is_late)
        result = bare_call(info->si_syscall, registers[REG_RDI], registers[REG_RSI], length,
                           registers[REG_R10], registers[REG_R8], registers[REG_R9]);
    if (is_chosen && is_late)
        result = -error;
    registers[REG_RAX] = result;
    errno = saved;
}

static void trap(void) {
    uintptr_t address = (uintptr_t)bare_call_made;
    struct sock_filter filter[CALL_COUNT + 8];
    unsigned length = 0;
#define ADD(instruction) filter[length++] = (struct sock_filter)instruction
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
    ADD(LOAD(instruction_pointer));
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)address, 0, 3));
    ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4));
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(address >> 32), 0, 1));
    ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    ADD(LOAD(nr));
    for (int at = 0; at < CALL_COUNT; at++)
        ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)CALLS[at].number, (uint8_t)(CALL_COUNT - at), 0));
    ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP));
    struct sock_fprog program = {.len = (unsigned short)length, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("preload: no seccomp filter");
        _exit(97);
    }
}

static const char *setting(const char *name) {
    const char *value = getenv(name);
    if (!value) {
        fprintf(stderr, "preload: %s is not set\n", name);
        _exit(97);
    }
    return value;
}

__attribute__((constructor)) static void start(void) {
    const char *what = setting("SOAKBOX_FAULT");
    snprintf(root, sizeof root, "%s", setting("SOAKBOX_FAULT_ROOT"));
    root_length = strlen(root);
    is_short = strcmp(what, "short") == 0;
    is_none = strcmp(what, "none") == 0;
    is_late = strncmp(what, "late ", 5) == 0;
    error = atoi(is_late ? what + 5 : what);
    from = atol(setting("SOAKBOX_FAULT_FROM"));
    times = atol(setting("SOAKBOX_FAULT_TIMES"));
    log_file = open(setting("SOAKBOX_FAULT_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO | SA_NODEFER};
    if (log_file < 0 || sigaction(SIGSYS, &action, NULL)) {
        perror("preload");
        _exit(97);
    }
    trap();
}
