/* A C library under which OBISD_CARD holds what a power cut would leave of a journal: what was written arrives there when
   it is flushed, and never otherwise. While OBISD_CARD/fail is there, a flush fails as Linux lets it fail: what was to be
   flushed is forgotten, the next flush succeeds without it, and each descriptor that was open is told once. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAIN, LOG, NONE };
static const char *NAMES[] = {"journal.db", "journal.db-wal"};
static struct { off_t at; size_t size; } dirty[2][100000];
static int count[2], failures[2], known[4096], heard[4096];
static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void card(char *path, const char *name) { snprintf(path, 4096, "%s/%s", getenv("OBISD_CARD"), name); }

static int which(int fd) {
  char link[64], path[4096];
  if (fd <= 2 || fd >= 4096) return NONE;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return NONE;
  path[length] = 0;
  const char *name = strrchr(path, '/');
  int file = MAIN;
  while (file < NONE && (!name || strcmp(name + 1, NAMES[file]))) file++;
  if (file < NONE && !known[fd]) known[fd] = 1, heard[fd] = failures[file];
  return file;
}

static void wrote(int fd, off_t at, ssize_t size) {
  pthread_mutex_lock(&one);
  int file = size > 0 ? which(fd) : NONE;
  if (file < NONE) dirty[file][count[file]].at = at, dirty[file][count[file]++].size = size;
  pthread_mutex_unlock(&one);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t at) {
  ssize_t written = REAL(pwrite64)(fd, bytes, size, at);
  wrote(fd, at, written);
  return written;
}

ssize_t write(int fd, const void *bytes, size_t size) {
  ssize_t written = REAL(write)(fd, bytes, size);
  if (fd > 2) wrote(fd, lseek(fd, 0, SEEK_CUR) - written, written);
  return written;
}

static void arrive(int fd, int file) {
  char path[4096];
  card(path, NAMES[file]);
  int copy = open(path, O_WRONLY | O_CREAT, 0644);
  for (int at = 0; at < count[file]; at++) {
    char *bytes = malloc(dirty[file][at].size);
    ssize_t size = pread(fd, bytes, dirty[file][at].size, dirty[file][at].at);
    if (size > 0) REAL(pwrite64)(copy, bytes, size, dirty[file][at].at);
    free(bytes);
  }
  close(copy);
}

static int flush(int fd, int (*real)(int)) {
  char fail[4096];
  pthread_mutex_lock(&one);
  int file = which(fd), failed = 0;
  if (file < NONE) {
    card(fail, "fail");
    if (count[file] > 0 && access(fail, F_OK) == 0) failures[file]++;
    else arrive(fd, file);
    count[file] = 0;
    failed = heard[fd] < failures[file];
    heard[fd] = failures[file];
  }
  pthread_mutex_unlock(&one);
  if (!failed) return real(fd);
  errno = EIO;
  return -1;
}

int fsync(int fd) { return flush(fd, REAL(fsync)); }
int fdatasync(int fd) { return flush(fd, REAL(fdatasync)); }

int close(int fd) {
  if (fd >= 0 && fd < 4096) known[fd] = 0;
  return REAL(close)(fd);
}

int unlink(const char *path) {
  char copy[4096];
  const char *name = strrchr(path, '/');
  if (name && !strcmp(name + 1, NAMES[LOG])) {
    card(copy, NAMES[LOG]);
    REAL(unlink)(copy);
    count[LOG] = 0;
  }
  return REAL(unlink)(path);
}
