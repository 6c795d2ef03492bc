/* Prints to the file argv[1] all state that a process inherits from its caller, a line each, so
 * that two starts can be compared. The id of this process or of its parent is printed as
 * "started", because it is one or the other, depending on whether a recorder is in between. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

extern char **environ;

/* The observed operation: called once. */
__attribute__((noinline)) int op(int value) {
  __asm__ volatile("" : : "r"(value) : "memory");
  return value;
}

static char text[1 << 16];
static size_t length;

#define say(...) (length += (size_t)snprintf(text + length, sizeof text - length, __VA_ARGS__))

static void link_of(const char *name, const char *path) {
  char target[4096];
  ssize_t size = readlink(path, target, sizeof target - 1);
  target[size < 0 ? 0 : size] = 0;
  say("%s %s\n", name, size < 0 ? "none" : target);
}

/* Called before anything is opened, so that closed descriptors are found. */
static void descriptors(void) {
  for (int fd = 0; fd < 256; fd++) {
    char name[32], path[64];
    if (fcntl(fd, F_GETFD) == -1)
      continue;
    snprintf(name, sizeof name, "fd %d %x", fd, (unsigned)fcntl(fd, F_GETFL));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    link_of(name, path);
  }
}

static void file(const char *path, const char *const *wanted) {
  char line[4096];
  FILE *in = fopen(path, "re");
  if (!in) {
    say("%s none\n", path);
    return;
  }
  while (fgets(line, sizeof line, in)) {
    int show = wanted == NULL;
    for (const char *const *key = wanted; key && *key; key++)
      show |= strncmp(line, *key, strlen(*key)) == 0;
    if (show)
      say("%s %s%s", path, line, strchr(line, '\n') ? "" : "\n");
  }
  fclose(in);
}

static void process(const char *name, pid_t pid) {
  if (pid == getpid() || pid == getppid())
    say("%s started\n", name);
  else
    say("%s %d\n", name, pid);
}

static void scheduling(void) {
  struct {
    unsigned size, policy;
    unsigned long long flags;
    int nice;
    unsigned priority;
    unsigned long long runtime, deadline, period;
  } attributes = {0};
  syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0);
  say("sched %u %llx %d %u\n", attributes.policy, attributes.flags, attributes.nice, attributes.priority);
  cpu_set_t cpus;
  sched_getaffinity(0, sizeof cpus, &cpus);
  for (int cpu = 0; cpu < 16; cpu++)
    say("cpu %d %d\n", cpu, CPU_ISSET(cpu, &cpus) != 0);
  say("nice %d\n", getpriority(PRIO_PROCESS, 0));
  say("ioprio %ld\n", syscall(SYS_ioprio_get, 1, 0));
}

int main(int argc, char **argv) {
  descriptors();
  if (argc < 2)
    return 2;
  static const char *const status[] = {"SigBlk", "SigIgn",     "SigPnd",        "ShdPnd", "SigCgt", "Umask", "Uid",   "Gid",
                                       "Groups", "NoNewPrivs", "Seccomp",       "Cap",    "Speculation", NULL};
  file("/proc/self/status", status);
  file("/proc/self/limits", NULL);
  file("/proc/self/oom_score_adj", NULL);
  file("/proc/self/personality", NULL);
  file("/proc/self/coredump_filter", NULL);
  file("/proc/self/cgroup", NULL);
  file("/proc/self/timerslack_ns", NULL);
  link_of("cwd", "/proc/self/cwd");
  link_of("root", "/proc/self/root");
  static const char *const spaces[] = {"cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "user", "uts"};
  for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/ns/%s", spaces[i]);
    link_of(spaces[i], path);
  }
  process("session", getsid(0));
  process("group", getpgrp());
  int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
  say("terminal %d\n", terminal >= 0);
  if (terminal >= 0) {
    process("foreground", tcgetpgrp(terminal));
    close(terminal);
  }
  scheduling();
  int value = 0;
  prctl(PR_GET_PDEATHSIG, &value);
  say("death signal %d\n", value);
  value = 0;
  prctl(PR_GET_CHILD_SUBREAPER, &value);
  say("subreaper %d\n", value);
  say("dumpable %d\n", prctl(PR_GET_DUMPABLE));
  say("securebits %d\n", prctl(PR_GET_SECUREBITS));
  say("timer slack %d\n", prctl(PR_GET_TIMERSLACK));
  say("huge pages off %d\n", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
  for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++) {
    struct itimerval timer;
    getitimer(which, &timer);
    say("timer %d %d\n", which, timer.it_value.tv_sec != 0 || timer.it_value.tv_usec != 0);
  }
  for (char **variable = environ; *variable; variable++)
    say("env %s\n", *variable);
  for (int i = 2; i < argc; i++)
    say("arg %s\n", argv[i]);
  op(1);
  int out = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (out < 0 || write(out, text, length) != (ssize_t)length)
    return 3;
  return 0;
}
