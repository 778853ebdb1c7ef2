/* A C library of a machine without a clock: ten years back and kept right by nothing, until the file $FAKE_TIME_RIGHT is there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static int is_right(void) {
  return access(getenv("FAKE_TIME_RIGHT"), F_OK) == 0;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, time);
  if (clock == CLOCK_REALTIME && !is_right()) time->tv_sec -= 3652L * 86400;
  return result;
}

int adjtimex(struct timex *state) {
  if (state->modes != 0) {
    errno = EPERM;
    return -1;
  }
  memset(state, 0, sizeof *state);
  state->maxerror = is_right() ? 1000 : 16000000;
  state->status = is_right() ? 0 : STA_UNSYNC;
  return is_right() ? TIME_OK : TIME_ERROR;
}
