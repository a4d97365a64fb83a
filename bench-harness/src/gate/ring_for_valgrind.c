/* Lets a program that waits on io_uring run below valgrind, whose wrapper of io_uring_enter keeps
 * every other thread of the process from running for as long as the call waits. Preloaded into the
 * program, this waits by ppoll, which valgrind knows to block, and enters the ring only to submit
 * and to reap. Rings are set up so that completions arrive without being asked for; else ppoll
 * would not see them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <time.h>

enum { SETUP = 425, ENTER = 426 };

/* io_uring_setup(2): IORING_SETUP_COOP_TASKRUN, TASKRUN_FLAG and DEFER_TASKRUN. */
static const uint32_t DEFERRED = 1u << 8 | 1u << 9 | 1u << 13;

/* io_uring_enter(2): IORING_ENTER_EXT_ARG, and what its argument points to. */
static const long EXT_ARG = 8;
struct getevents_arg { uint64_t sigmask; uint32_t sigmask_size, pad; uint64_t timeout; };

long syscall(long number, ...) {
    static long (*libc_syscall)(long, ...);
    if (!libc_syscall)
        libc_syscall = dlsym(RTLD_NEXT, "syscall");
    va_list arguments;
    va_start(arguments, number);
    long a[6];
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);

    if (number == SETUP)
        ((uint32_t *)a[1])[2] &= ~DEFERRED;
    if (number != ENTER || a[2] == 0)
        return libc_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);

    const struct timespec *timeout = 0;
    if ((a[3] & EXT_ARG) && a[4])
        timeout = (const struct timespec *)((const struct getevents_arg *)a[4])->timeout;
    long flags = a[3] & ~EXT_ARG;
    long submitted = libc_syscall(ENTER, a[0], a[1], 0L, flags, 0L, 8L);
    if (submitted < 0)
        return submitted;
    struct pollfd ring = {.fd = (int)a[0], .events = POLLIN};
    int ready = ppoll(&ring, 1, timeout, 0);
    if (ready < 0 && submitted == 0)
        return -1;
    libc_syscall(ENTER, a[0], 0L, 0L, flags, 0L, 8L);
    if (ready == 0 && submitted == 0) {
        errno = ETIME;
        return -1;
    }
    return submitted;
}
