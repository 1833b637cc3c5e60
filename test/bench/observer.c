/*
 * Notes when files arrive, and disturbs as little as it can: it opens each at once, so that this
 * very version can be read when the round is over, by way of /proc/<pid>/fd, and says nothing until
 * it is asked.
 *
 *   observer LIST                LIST has a line a file that is waited for: its path
 *
 * On standard input, a line each:
 *   wait TARGETS QUIET LIMIT     answers when TARGETS files have arrived and nothing has for QUIET
 *                                milliseconds, or after LIMIT: all arrivals so far, `index ns descriptor`, then `end`
 *   drop                         closes what it holds and answers `end`
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct target {
  char *path, *name;
  int watch, next; /* the next target in the same directory */
  bool arrived;
};

struct arrival {
  int target, descriptor;
  long long at;
};

static struct target *targets;
static struct arrival *arrivals;
static int *first_of_watch, target_count, watch_room, arrival_count, arrival_room, distinct, queue;
static long long last_at;

static void fail(const char *what, const char *where) {
  fprintf(stderr, "observer: %s %s: %s\n", what, where, strerror(errno));
  exit(1);
}

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void *grown(void *memory, int *room, int needed, size_t size) {
  int before = *room;
  if (needed < before) return memory;
  *room = needed * 2 + 64;
  memory = realloc(memory, (size_t)*room * size);
  if (memory == NULL) fail("memory for", "arrivals");
  memset((char *)memory + (size_t)before * size, 0xff, (size_t)(*room - before) * size);
  return memory;
}

static void load(const char *path) {
  FILE *list = fopen(path, "r");
  char *line = NULL;
  size_t room = 0;
  int target_room = 0;
  if (list == NULL) fail("open", path);
  for (ssize_t length; (length = getline(&line, &room, list)) > 0;) {
    if (line[length - 1] == '\n') line[--length] = '\0';
    if (length == 0) continue;
    targets = grown(targets, &target_room, target_count, sizeof *targets);
    struct target *target = &targets[target_count];
    target->path = strdup(line);
    target->arrived = false;
    char *slash = strrchr(target->path, '/');
    target->name = slash + 1;
    *slash = '\0';
    target->watch = inotify_add_watch(queue, target->path, IN_CLOSE_WRITE | IN_MOVED_TO);
    if (target->watch < 0) fail("watch", target->path);
    *slash = '/';
    first_of_watch = grown(first_of_watch, &watch_room, target->watch, sizeof *first_of_watch);
    target->next = first_of_watch[target->watch];
    first_of_watch[target->watch] = target_count;
    target_count += 1;
  }
  free(line);
  fclose(list);
}

static void take_in(void) {
  static char buffer[1 << 16] __attribute__((aligned(__alignof__(struct inotify_event))));
  ssize_t got = read(queue, buffer, sizeof buffer);
  if (got < 0) fail("read", "inotify");
  for (char *from = buffer; from < buffer + got;) {
    struct inotify_event *event = (struct inotify_event *)from;
    from += sizeof *event + event->len;
    if (event->mask & IN_Q_OVERFLOW) {
      fputs("observer: events were lost, raise fs.inotify.max_queued_events\n", stderr);
      exit(1);
    }
    if (event->len == 0 || event->wd < 0 || event->wd >= watch_room) continue;
    int index = first_of_watch[event->wd];
    while (index >= 0 && strcmp(targets[index].name, event->name) != 0) index = targets[index].next;
    if (index < 0) continue;
    int descriptor = open(targets[index].path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) continue;
    arrivals = grown(arrivals, &arrival_room, arrival_count, sizeof *arrivals);
    /* The time after the opening: what is in hand was there by then. */
    last_at = now();
    arrivals[arrival_count++] = (struct arrival){index, descriptor, last_at};
    if (!targets[index].arrived) distinct += 1;
    targets[index].arrived = true;
  }
}

static void wait_for(int wanted, int quiet_ms, int limit_ms) {
  struct pollfd ready = {.fd = queue, .events = POLLIN};
  long long until = now() + limit_ms * 1000000LL;
  long long asked = now();
  for (;;) {
    long long left = until - now();
    long long since = last_at > asked ? last_at : asked;
    long long rest = distinct >= wanted ? since + quiet_ms * 1000000LL - now() : left;
    if (left <= 0 || rest <= 0) break;
    long long sleep = (rest < left ? rest : left) / 1000000 + 1;
    if (poll(&ready, 1, (int)sleep) > 0) take_in();
  }
  for (int index = 0; index < arrival_count; index += 1) {
    struct arrival *arrival = &arrivals[index];
    printf("%d %lld %d\n", arrival->target, arrival->at, arrival->descriptor);
  }
}

static void drop(void) {
  for (int index = 0; index < arrival_count; index += 1) close(arrivals[index].descriptor);
  for (int index = 0; index < target_count; index += 1) targets[index].arrived = false;
  arrival_count = distinct = 0;
}

int main(int argc, char **argv) {
  struct rlimit limit;
  char line[256];
  if (argc != 2) {
    fputs("usage: observer LIST\n", stderr);
    return 2;
  }
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  queue = inotify_init1(IN_CLOEXEC);
  if (queue < 0) fail("inotify", "");
  load(argv[1]);
  puts("end");
  fflush(stdout);
  /* Between questions too: what arrives is opened at once. */
  struct pollfd sources[] = {{.fd = 0, .events = POLLIN}, {.fd = queue, .events = POLLIN}};
  setvbuf(stdin, NULL, _IONBF, 0);
  for (;;) {
    if (poll(sources, 2, -1) < 0 && errno != EINTR) fail("poll", "");
    if (sources[1].revents & POLLIN) take_in();
    if (!(sources[0].revents & (POLLIN | POLLHUP))) continue;
    if (fgets(line, sizeof line, stdin) == NULL) return 0;
    int wanted, quiet_ms, limit_ms;
    if (sscanf(line, "wait %d %d %d", &wanted, &quiet_ms, &limit_ms) == 3) wait_for(wanted, quiet_ms, limit_ms);
    else drop();
    puts("end");
    fflush(stdout);
  }
}
