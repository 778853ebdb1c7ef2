/* A C library that writes down when a line is held at space: a pseudo-terminal takes that and shows nothing of it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TIOCSBRK 0x5427
#define TIOCCBRK 0x5428

int ioctl(int fd, unsigned long request, ...) {
  int (*real)(int, unsigned long, void *) = dlsym(RTLD_NEXT, "ioctl");
  va_list more;
  va_start(more, request);
  void *argument = va_arg(more, void *);
  va_end(more);
  if (request == TIOCSBRK || request == TIOCCBRK) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    FILE *notes = fopen(getenv("BREAK_NOTES"), "a");
    fprintf(notes, "%s %lld\n", request == TIOCSBRK ? "on" : "off", now.tv_sec * 1000LL + now.tv_nsec / 1000000);
    fclose(notes);
  }
  return real(fd, request, argument);
}
