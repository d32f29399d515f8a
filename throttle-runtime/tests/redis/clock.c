// The clock of a server under test, which jumps. Preloaded, it adds the number in a file to the time of day, in
// microseconds. It allocates nothing and looks up no symbols, because servers with an allocator of their own are not
// ready for that when they first read the time.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long long *offset;

__attribute__((constructor)) static void map(void) {
  const char *path = getenv("THROTTLE_TEST_CLOCK");
  int file = path ? open(path, O_RDONLY) : -1;
  if (file >= 0) {
    void *mapped = mmap(0, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) offset = mapped;
    close(file);
  }
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = syscall(SYS_clock_gettime, clock, time);
  int jumps = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  if (result == 0 && jumps && offset) {
    long long nanos = time->tv_nsec + *offset % 1000000 * 1000;
    time->tv_sec += *offset / 1000000;
    if (nanos < 0) { time->tv_sec--; nanos += 1000000000; }
    if (nanos >= 1000000000) { time->tv_sec++; nanos -= 1000000000; }
    time->tv_nsec = nanos;
  }
  return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
