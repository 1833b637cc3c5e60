/*
 * The least that a program can do which brings a changed state file into its peers' caches: it
 * hears of the change, reads the state, and for each peer reads the cache, finds the section's
 * delimiters, writes the file anew beside it, fsync, rename. It hashes nothing, guards nothing,
 * gathers nothing and forgives nothing. What state-syncd takes beyond this is what its promises cost.
 *
 *   floor [--no-fsync] [--eager] LIST       LIST has a line a repo: name, state file, cache; tabs between
 *   floor --once NAME LIST                  that one repo's state to all others, and out
 *
 * It takes in all events that wait, then rewrites each due cache once. With --eager it looks for
 * further events after each cache, so that a storm is written in fewer goes.
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
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define BEGIN "<!-- state-syncd:begin repo=\""
#define END "<!-- state-syncd:end repo=\""
#define MOST 4096

struct text {
  char *at;
  size_t length, room;
};

struct repo {
  char *name, *state, *file, *cache, *temporary;
  size_t name_length;
  int watch;
  bool changed;   /* its state is newer than what was read */
  bool is_fresh;  /* what was read is newer than what some cache holds */
  unsigned long version; /* counts the readings of its state */
  unsigned long brought; /* up to which reading, of all repos, its cache is complete */
  struct text body, before;
};

static struct repo repos[MOST];
static int count, queue = -1;
static bool with_fsync = true, eager = false;
static unsigned long readings = 0;
static struct text whole;

static void fail(const char *what, const char *where) {
  fprintf(stderr, "floor: %s %s: %s\n", what, where, strerror(errno));
  exit(1);
}

static bool read_all(const char *path, struct text *into) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  struct stat stats;
  if (descriptor < 0) return false;
  if (fstat(descriptor, &stats) < 0) fail("stat", path);
  if (into->room < (size_t)stats.st_size + 1) {
    into->room = (size_t)stats.st_size * 2 + 1;
    free(into->at);
    into->at = malloc(into->room);
    if (into->at == NULL) fail("memory for", path);
  }
  into->length = 0;
  for (;;) {
    ssize_t got = read(descriptor, into->at + into->length, into->room - into->length);
    if (got < 0) fail("read", path);
    if (got == 0) break;
    into->length += (size_t)got;
    if (into->length == into->room) {
      into->room *= 2;
      into->at = realloc(into->at, into->room);
      if (into->at == NULL) fail("memory for", path);
    }
  }
  close(descriptor);
  return true;
}

/* Names come in the order of the list, mostly: the search begins behind the last one found. */
static struct repo *by_name(const char *name, size_t length) {
  static int last = 0;
  for (int step = 0; step < count; step += 1) {
    struct repo *repo = &repos[(last + step) % count];
    if (repo->name_length == length && memcmp(repo->name, name, length) == 0) {
      last = (int)(repo - repos) + 1;
      return repo;
    }
  }
  return NULL;
}

static char *behind_line(char *at, char *end) {
  char *newline = memchr(at, '\n', (size_t)(end - at));
  return newline == NULL ? end : newline + 1;
}

static void write_out(const char *path, struct iovec *parts, int number) {
  int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) fail("open", path);
  while (number > 0) {
    ssize_t done = writev(descriptor, parts, number < 1024 ? number : 1024);
    if (done < 0) fail("write", path);
    while (number > 0 && (size_t)done >= parts->iov_len) {
      done -= (ssize_t)parts->iov_len;
      parts += 1;
      number -= 1;
    }
    if (number > 0) {
      parts->iov_base = (char *)parts->iov_base + done;
      parts->iov_len -= (size_t)done;
    }
  }
  if (with_fsync && fsync(descriptor) < 0) fail("fsync", path);
  close(descriptor);
}

/* Everything before, the new section, everything after, for each section that is older than its repo's state. */
static void rewrite(struct repo *target) {
  static struct iovec parts[2 * MOST + 1];
  int number = 0;
  if (!read_all(target->cache, &whole)) fail("open", target->cache);
  char *end = whole.at + whole.length, *kept = whole.at, *at = whole.at;
  while ((at = memmem(at, (size_t)(end - at), BEGIN, sizeof BEGIN - 1)) != NULL) {
    char *name = at + sizeof BEGIN - 1, marker[512];
    char *quote = memchr(name, '"', (size_t)(end - name));
    if (quote == NULL) break;
    size_t length = (size_t)(quote - name);
    int size = snprintf(marker, sizeof marker, END "%.*s\"", (int)length, name);
    char *body = behind_line(quote, end);
    char *closing = memmem(body, (size_t)(end - body), marker, (size_t)size);
    if (closing == NULL) break;
    struct repo *source = by_name(name, length);
    if (source != NULL && source != target && source->version > target->brought) {
      parts[number++] = (struct iovec){kept, (size_t)(body - kept)};
      parts[number++] = (struct iovec){source->body.at, source->body.length};
      kept = closing;
    }
    at = closing;
  }
  target->brought = readings;
  if (number == 0) return;
  parts[number++] = (struct iovec){kept, (size_t)(end - kept)};
  write_out(target->temporary, parts, number);
  if (rename(target->temporary, target->cache) < 0) fail("rename", target->cache);
}

/* Takes in what waits. Sleeps until something does, if it may. */
static void listen_for(bool may_sleep) {
  static char buffer[1 << 16] __attribute__((aligned(__alignof__(struct inotify_event))));
  struct pollfd ready = {.fd = queue, .events = POLLIN};
  if (may_sleep && poll(&ready, 1, -1) < 0 && errno != EINTR) fail("poll", "inotify");
  for (;;) {
    ssize_t got = read(queue, buffer, sizeof buffer);
    if (got < 0 && errno == EAGAIN) break;
    if (got < 0) fail("read", "inotify");
    for (char *at = buffer; at < buffer + got;) {
      struct inotify_event *event = (struct inotify_event *)at;
      at += sizeof *event + event->len;
      if (event->wd < 1 || event->wd > count) continue;
      struct repo *repo = &repos[event->wd - 1];
      if (event->len > 0 && strcmp(event->name, repo->file) == 0) repo->changed = true;
    }
  }
  for (int index = 0; index < count; index += 1) {
    struct repo *repo = &repos[index];
    if (!repo->changed) continue;
    repo->changed = false;
    /* In the middle of a writing in place: that one's end is an event of its own. */
    if (!read_all(repo->state, &repo->before) || repo->before.length == 0) continue;
    struct text old = repo->body;
    repo->body = repo->before;
    repo->before = old;
    repo->version = ++readings;
  }
}

static bool is_due(const struct repo *target) {
  for (int index = 0; index < count; index += 1) {
    if (&repos[index] != target && repos[index].version > target->brought) return true;
  }
  return false;
}

static void load(const char *path) {
  struct text list = {0};
  if (!read_all(path, &list)) fail("open", path);
  list.at[list.length] = '\0';
  for (char *rest = list.at, *line; (line = strsep(&rest, "\n")) != NULL && count < MOST;) {
    struct repo *repo = &repos[count];
    repo->name = strsep(&line, "\t");
    repo->state = strsep(&line, "\t");
    repo->cache = strsep(&line, "\t");
    if (repo->cache == NULL) continue;
    repo->name_length = strlen(repo->name);
    repo->file = strrchr(repo->state, '/') + 1;
    if (asprintf(&repo->temporary, "%s.%d.tmp", repo->cache, (int)getpid()) < 0) fail("memory for", repo->name);
    count += 1;
  }
}

static void watch_all(void) {
  queue = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (queue < 0) fail("inotify", "");
  for (int index = 0; index < count; index += 1) {
    char *directory = strndup(repos[index].state, (size_t)(repos[index].file - repos[index].state));
    /* The kernel counts them from one on. */
    int watch = inotify_add_watch(queue, directory, IN_CLOSE_WRITE | IN_MOVED_TO);
    if (watch != index + 1) fail("watch", directory);
    free(directory);
  }
}

int main(int argc, char **argv) {
  const char *once = NULL;
  int at = 1;
  for (; at < argc && argv[at][0] == '-'; at += 1) {
    if (strcmp(argv[at], "--no-fsync") == 0) with_fsync = false;
    if (strcmp(argv[at], "--eager") == 0) eager = true;
    if (strcmp(argv[at], "--once") == 0) once = argv[++at];
  }
  if (at != argc - 1) {
    fputs("usage: floor [--no-fsync] [--eager] [--once NAME] LIST\n", stderr);
    return 2;
  }
  load(argv[at]);
  if (once != NULL) {
    struct repo *repo = by_name(once, strlen(once));
    if (repo == NULL || !read_all(repo->state, &repo->body)) fail("read", once);
    repo->version = ++readings;
  } else {
    watch_all();
    puts("ready");
    fflush(stdout);
  }
  do {
    if (once == NULL) listen_for(true);
    for (bool again = true; again;) {
      again = false;
      for (int index = 0; index < count; index += 1) {
        if (!is_due(&repos[index])) continue;
        rewrite(&repos[index]);
        if (!eager || once != NULL) continue;
        unsigned long before = readings;
        listen_for(false);
        again = again || readings > before;
      }
    }
  } while (once == NULL);
  return 0;
}
