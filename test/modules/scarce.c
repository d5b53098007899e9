// Makes things scarce in a server: preloaded (LD_PRELOAD), it fails writes with ENOSPC and allocations with ENOMEM while a
// file tells it to. The file, named by VECX_SCARCE, has one line: KIND PID AFTER PATTERN.
//   KIND     disk: what would add to a file; memory: malloc and realloc of 8 kB or more; room: statvfs of PATTERN says that
//            AFTER bytes are left
//   PID      of the process, 0 for all
//   AFTER    how many such calls still succeed
//   PATTERN  disk: what must be in the file's path
// The file is read again whenever its time of change moves; counting starts anew then.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

static struct timespec read_at;
static char kind[16], pattern[256];
static long pid, after, count;
static __thread int inside;

static int told(const char *what) {
    struct stat st;
    const char *path = getenv("VECX_SCARCE");
    if (path == NULL || inside || stat(path, &st) != 0)
        return 0;
    if (st.st_mtim.tv_sec != read_at.tv_sec || st.st_mtim.tv_nsec != read_at.tv_nsec) {
        char text[400] = "";
        int fd;
        inside = 1;
        fd = open(path, O_RDONLY);
        if (fd >= 0) {
            ssize_t n = read(fd, text, sizeof text - 1);
            text[n > 0 ? n : 0] = 0;
            close(fd);
        }
        inside = 0;
        kind[0] = pattern[0] = 0;
        pid = after = count = 0;
        read_at = st.st_mtim;
        if (sscanf(text, "%15s %ld %ld %255s", kind, &pid, &after, pattern) < 3)
            kind[0] = 0;
    }
    return strcmp(kind, what) == 0 && (pid == 0 || pid == getpid());
}

static int no_memory(size_t size) { return size >= 8192 && told("memory") && count++ >= after; }

static int disk_full(int fd, off_t end) {
    char link[64], path[512];
    struct stat st;
    ssize_t n;
    if (!told("disk") || fstat(fd, &st) != 0 || (end >= 0 && end <= st.st_size))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    if (n <= 0)
        return 0;
    path[n] = 0;
    return strstr(path, pattern) != NULL && count++ >= after;
}

#define REAL(name, type) \
    static __typeof__(type) *real; \
    if (real == NULL) \
        real = (__typeof__(type) *)dlsym(RTLD_NEXT, name)

ssize_t pwrite(int fd, const void *buf, size_t n, off_t at) {
    REAL("pwrite", ssize_t(int, const void *, size_t, off_t));
    if (disk_full(fd, at + (off_t)n)) {
        errno = ENOSPC;
        return -1;
    }
    return real(fd, buf, n, at);
}
ssize_t pwrite64(int fd, const void *buf, size_t n, off_t at) { return pwrite(fd, buf, n, at); }

ssize_t pwritev(int fd, const struct iovec *v, int nv, off_t at) {
    REAL("pwritev", ssize_t(int, const struct iovec *, int, off_t));
    off_t end = at;
    for (int i = 0; i < nv; i++)
        end += (off_t)v[i].iov_len;
    if (disk_full(fd, end)) {
        errno = ENOSPC;
        return -1;
    }
    return real(fd, v, nv, at);
}
ssize_t pwritev64(int fd, const struct iovec *v, int nv, off_t at) { return pwritev(fd, v, nv, at); }

int posix_fallocate(int fd, off_t at, off_t n) {
    REAL("posix_fallocate", int(int, off_t, off_t));
    return disk_full(fd, -1) ? ENOSPC : real(fd, at, n);
}
int posix_fallocate64(int fd, off_t at, off_t n) { return posix_fallocate(fd, at, n); }

int statvfs(const char *path, struct statvfs *out) {
    REAL("statvfs", int(const char *, struct statvfs *));
    int rc = real(path, out);
    if (rc == 0 && told("room") && strstr(path, pattern) != NULL)
        out->f_bavail = (fsblkcnt_t)after / out->f_frsize;
    return rc;
}
int statvfs64(const char *path, struct statvfs64 *out) { return statvfs(path, (struct statvfs *)out); }

void *__libc_malloc(size_t size);
void *__libc_realloc(void *p, size_t size);

void *malloc(size_t size) {
    if (no_memory(size)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_malloc(size);
}
void *realloc(void *p, size_t size) {
    if (no_memory(size)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_realloc(p, size);
}
