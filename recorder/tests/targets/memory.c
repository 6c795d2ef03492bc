/* Operations that touch memory, `op`; in between, `op` with 0 bytes.
 *
 *   [--wait] touch N BYTES    N operations that map and touch BYTES, each followed by one that
 *                             touches nothing; the memory is unmapped between operations, not
 *                             inside one
 *            leak N BYTES     the same, never unmapped
 *
 * Prints the resident memory from /proc/self/statm before the first mapping and while the last one
 * is held.
 */
#include "target.h"

#include <sys/mman.h>
#include <unistd.h>

OPERATION void *op(long bytes)
{
    if (!bytes)
        return NULL;
    char *memory = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    for (long at = 0; at < bytes; at += 4096)
        memory[at] = 1;
    return memory;
}

static long resident_bytes(void)
{
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &size, &resident) != 2)
        exit(3);
    fclose(file);
    return resident * sysconf(_SC_PAGESIZE);
}

int main(int argc, char **argv)
{
    target_start(&argc, argv);
    int leak = is_mode(argc, argv, "leak");
    if (!leak && !is_mode(argc, argv, "touch"))
        return unknown_mode(argv);
    long calls = argument(argc, argv, 2), bytes = argument(argc, argv, 3);
    struct counts c = {0, 0, 0, 0, 0};
    long before = resident_bytes(), held = before;
    for (long i = 0; i < calls; i++) {
        void *memory = op(bytes);
        held = resident_bytes();
        op(0);
        if (!memory)
            return 3;
        if (!leak)
            munmap(memory, (size_t)bytes);
        c.begun += 2;
        c.finished += 2;
    }
    char extra[96];
    snprintf(extra, sizeof extra, ",\"resident_before\":%ld,\"resident_held\":%ld", before, held);
    print_counts(&c, extra);
    return 0;
}
