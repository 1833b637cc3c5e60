// The queue of src/sync/work-queue.ts and the trigger of src/watch/trigger.ts on a disk that is a byte rate.

/** What happens when, in that order. */
class Timeline {
  now = 0;
  #heap = [];
  #count = 0;

  at(time, what) {
    const heap = this.#heap;
    const entry = { time, order: (this.#count += 1), what };
    let place = heap.length;
    for (let above; place > 0; place = above) {
      above = (place - 1) >> 1;
      if (isBefore(heap[above], entry)) break;
      heap[place] = heap[above];
    }
    heap[place] = entry;
  }

  run() {
    for (let next = this.#first(); next !== undefined; next = this.#first()) {
      this.now = next.time;
      next.what();
    }
  }

  #first() {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (heap.length === 0) return first;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1], heap[below])) below += 1;
      if (isBefore(last, heap[below])) break;
      heap[place] = heap[below];
      place = below;
    }
    heap[place] = last;
    return first;
  }
}

function isBefore(one, other) {
  return one.time < other.time || (one.time === other.time && one.order < other.order);
}

/** Whoever writes at the same time shares the rate. All writes of one disk are of one size: first in, first out. */
class Disk {
  busyMs = 0;
  bytes = 0;
  #timeline;
  #bytesPerMs;
  #until;
  /** What each has to have been given, in bytes, and what it has by now. */
  #given = 0;
  #seen = 0;
  #jobs = [];
  #alarm;

  constructor(timeline, bytesPerMs, until) {
    this.#timeline = timeline;
    this.#bytesPerMs = bytesPerMs;
    this.#until = until;
  }

  write(bytes, done) {
    this.#advance();
    this.#jobs.push({ end: this.#given + bytes, bytes, done });
    this.#schedule();
  }

  #advance() {
    const { now } = this.#timeline;
    if (this.#jobs.length > 0) {
      this.#given += ((now - this.#seen) * this.#bytesPerMs) / this.#jobs.length;
      this.busyMs += Math.max(0, Math.min(now, this.#until) - this.#seen);
    }
    this.#seen = now;
  }

  #schedule() {
    const [first] = this.#jobs;
    const alarm = Symbol("alarm");
    this.#alarm = alarm;
    if (first === undefined) return;
    const restMs = (Math.max(0, first.end - this.#given) * this.#jobs.length) / this.#bytesPerMs;
    this.#timeline.at(this.#timeline.now + restMs, () => {
      if (this.#alarm !== alarm) return;
      this.#advance();
      this.#given = Math.max(this.#given, first.end);
      this.#jobs.shift();
      this.#schedule();
      if (this.#timeline.now <= this.#until) this.bytes += first.bytes;
      first.done();
    });
  }
}

/**
 * @param repos how many. @param groupSize how many of them share.
 * @param saves each with `repo`, by number, and `at` in ms.
 * @param until bytes and the disk's time count until then, in ms.
 * @param constants see scale.mjs.
 * @returns how long each save took until its last peer had it, in ms, and what the disk did.
 */
export function simulate({ repos, groupSize, saves, until = Number.POSITIVE_INFINITY, constants }) {
  const { readMs, turnMs, sectionBytes, bytesPerSecond, turns, patienceMs, holdMs, waitMs, maxWaitMs } =
    constants;
  const timeline = new Timeline();
  const disk = new Disk(timeline, bytesPerSecond / 1_000, until);
  const latencies = [];
  let threadFreeAt = 0;
  let newest = 0;
  /** By repo: what its cache has, and its trigger. */
  const states = Array.from({ length: repos }, (_, repo) => ({
    repo,
    group: Math.floor(repo / groupSize),
    brought: 0,
    unread: [],
    lastSignal: Number.NEGATIVE_INFINITY,
    pending: false,
    due: false,
    reading: false,
    debounce: undefined,
    deadline: undefined,
  }));
  /** Reads by group that have not arrived everywhere, oldest first. */
  const travelling = Array.from({ length: Math.ceil(repos / groupSize) }, () => []);
  const waiting = new Map();
  const running = new Set();
  const again = new Set();
  const holds = new Set();
  let places = 0;

  for (const { repo, at } of saves) timeline.at(at, () => save(states[repo]));
  timeline.run();
  return { latencies, bytes: disk.bytes, busyMs: disk.busyMs };

  /** The one thread does one thing after the other. */
  function onThread(ms, what) {
    threadFreeAt = Math.max(timeline.now, threadFreeAt) + ms;
    timeline.at(threadFreeAt, what);
  }

  function save(state) {
    const { now } = timeline;
    state.unread.push(now);
    const isFirst = now - state.lastSignal >= waitMs && !state.pending;
    state.lastSignal = now;
    if (isFirst) {
      fire(state);
      return;
    }
    if (!state.pending) {
      state.pending = true;
      alarm(state, "deadline", maxWaitMs);
    }
    alarm(state, "debounce", waitMs);
  }

  function alarm(state, which, ms) {
    const mine = Symbol(which);
    state[which] = mine;
    timeline.at(timeline.now + ms, () => {
      if (state.pending && state[which] === mine) fire(state);
    });
  }

  function fire(state) {
    state.pending = false;
    state.due = true;
    if (!state.reading) read(state);
  }

  function read(state) {
    state.due = false;
    state.reading = true;
    const hold = { since: timeline.now };
    holds.add(hold);
    const times = state.unread.splice(0);
    onThread(readMs, () => {
      holds.delete(hold);
      state.reading = false;
      const from = state.group * groupSize;
      const to = Math.min(repos, from + groupSize);
      newest += 1;
      travelling[state.group].push({ number: newest, state, times, left: to - from - 1 });
      for (let peer = from; peer < to; peer += 1) if (peer !== state.repo) add(states[peer]);
      if (state.due) read(state);
      pump();
    });
  }

  function add(state) {
    if (running.has(state)) again.add(state);
    else if (!waiting.has(state)) waiting.set(state, timeline.now);
  }

  function pump() {
    if (waiting.size === 0) return;
    const [oldest] = waiting.values();
    const { now } = timeline;
    if (now < oldest + holdMs && [...holds].some(({ since }) => now - since < holdMs)) {
      timeline.at(oldest + holdMs, pump);
      return;
    }
    for (const state of waiting.keys()) {
      if (places >= turns) return;
      waiting.delete(state);
      turn(state);
    }
  }

  function turn(state) {
    places += 1;
    running.add(state);
    let over = false;
    let overdue = false;
    timeline.at(timeline.now + patienceMs, () => {
      if (over) return;
      overdue = true;
      places -= 1;
      pump();
    });
    const end = (brought) => {
      over = true;
      arrived(state, brought);
      running.delete(state);
      if (!overdue) places -= 1;
      if (again.delete(state)) waiting.set(state, timeline.now);
      pump();
    };
    onThread(turnMs, () => {
      const brought = newest;
      const isNews = travelling[state.group].some((one) => one.number > state.brought && one.state !== state);
      const peers = Math.min(repos, (state.group + 1) * groupSize) - state.group * groupSize - 1;
      if (isNews) disk.write(peers * sectionBytes, () => end(brought));
      else end(brought);
    });
  }

  function arrived(state, brought) {
    const group = travelling[state.group];
    for (const one of group) {
      if (one.number <= state.brought || one.number > brought || one.state === state) continue;
      one.left -= 1;
      if (one.left === 0) latencies.push(...one.times.map((time) => timeline.now - time));
    }
    state.brought = Math.max(state.brought, brought);
    while (group.length > 0 && group[0].left === 0) group.shift();
  }
}
