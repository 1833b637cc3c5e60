#!/usr/bin/env bash
# A user's systemd with a journal, for tests: real ones, in namespaces of their own, as root.
#
#   user-manager.sh outside UID USER    prints "inside PID" and "ready"; ends when its input ends
#
# The manager is not this system's: no process of it is seen, no cgroup touched, and /run, /home and
# the journal are empty ones. /tmp is the one outside.
set -euo pipefail
uid=$2 user=$3 cgroups=/sys/fs/cgroup

outside() {
  mount -t cgroup2 none "$cgroups"
  own=$cgroups/state-syncd-test.$$
  mkdir "$own"
  # A manager in the root of a hierarchy takes hold of every process there. This one's root is ours.
  echo $$ >"$own/cgroup.procs"
  trap leave EXIT
  unshare --cgroup --pid --fork --kill-child --mount-proc bash "$0" inside "$uid" "$user" <&0 &
  child=$!
  trap 'kill -KILL $child' TERM INT HUP
  until inside=$(<"/proc/$child/task/$child/children") && [[ -n $inside ]]; do sleep 0.01; done
  echo "inside $inside"
  wait "$child"
}

leave() {
  echo $$ >"$cgroups/cgroup.procs"
  for _ in {1..100}; do
    if find "$own" -depth -type d -exec rmdir {} + 2>/dev/null; then return; fi
    sleep 0.05
  done
}

inside() {
  umount "$cgroups" && mount -t cgroup2 none "$cgroups"
  mkdir "$cgroups/test"
  echo $$ >"$cgroups/test/cgroup.procs"
  for controller in $(<"$cgroups/cgroup.controllers"); do
    echo "+$controller" >"$cgroups/cgroup.subtree_control" || true
  done
  empty_places
  somebody
  journald
  manager
  echo ready
  cat >/dev/null
  as_user systemctl --user exit || true
  wait "$manager" || true
  kill "$journald" && wait "$journald" || true
}

empty_places() {
  local runtime=/run/user/$uid
  mount -t tmpfs -o mode=755 none /run
  mount -t tmpfs -o mode=755 none /home
  mkdir -p /run/systemd/{system,journal/streams,unit-root} /run/lock "$runtime" "/home/$user" /var/log/journal /var/lib/systemd/linger
  # Kept on "disk", or the user's part of it is not a file that the user can read.
  mount -t tmpfs -o mode=2755 none /var/log/journal
  mount -t tmpfs none /var/lib/systemd/linger
  touch /run/systemd/journal/flushed
  chown "$uid:$uid" "/home/$user" "$runtime"
  chmod 700 "$runtime"
}

somebody() {
  cp /etc/passwd /etc/group /run
  echo "$user:x:$uid:$uid::/home/$user:/bin/sh" >>/run/passwd
  echo "$user:x:$uid:" >>/run/group
  mount --bind /run/passwd /etc/passwd
  mount --bind /run/group /etc/group
  [[ -e /etc/machine-id ]] || touch /etc/machine-id
  head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' >/run/machine-id
  mount --bind /run/machine-id /etc/machine-id
}

as_user() {
  setpriv --reuid "$uid" --regid "$uid" --clear-groups env -i \
    "HOME=/home/$user" "USER=$user" "LOGNAME=$user" SHELL=/bin/sh LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin \
    "XDG_RUNTIME_DIR=/run/user/$uid" "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$uid/bus" "$@"
}

journald() {
  mkdir -p /run/systemd/journald.conf.d
  printf '%s\n' '[Journal]' Storage=persistent ReadKMsg=no Audit=no ForwardToSyslog=no RateLimitBurst=0 \
    >/run/systemd/journald.conf.d/test.conf
  /lib/systemd/systemd-journald &
  journald=$!
  until [[ -S /run/systemd/journal/stdout ]]; do sleep 0.02; done
}

manager() {
  # By this very path the journal knows whose unit a line is from.
  local group=$cgroups/user.slice/user-$uid.slice/user@$uid.service
  mkdir -p "$group"
  chown "$uid:$uid" "$group" "$group"/cgroup.{procs,threads,subtree_control}
  (echo "$BASHPID" >"$group/cgroup.procs" && as_user /lib/systemd/systemd --user --log-target=journal) &
  manager=$!
  until as_user systemctl --user is-system-running >/dev/null 2>&1; do
    kill -0 "$manager"
    sleep 0.05
  done
}

"$1"
