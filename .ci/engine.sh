#!/bin/bash
# A Docker engine for the tests, where none runs:  engine.sh start | stop | status
# start: leaves a running engine alone; otherwise starts dockerd and remembers which process that was.
# stop:  stops only the dockerd that `start` started (by pid AND process start time), never another one.
set -euo pipefail
STATE=${NACT_CI_ENGINE_STATE:-/run/nact-ci-engine}
SOCK=${NACT_CI_ENGINE_SOCKET:-/var/run/docker.sock}
PIDFILE=${NACT_CI_ENGINE_PIDFILE:-/var/run/docker.pid}
read -ra EXTRA <<<"${NACT_CI_ENGINE_ARGS:-}"
answers() { docker -H "unix://$SOCK" version --format '{{.Server.Version}}' >/dev/null 2>&1; }
started_at() { # clock ticks since boot at which pid $1 started; empty when there is no such process
  sed -E 's/^.*\) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}
ours() { # prints the pid of the engine `start` started, if it still runs
  local pid at
  [ -f "$STATE/pid" ] || return 1
  read -r pid at <"$STATE/pid"
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] && [ "$(started_at "$pid")" = "$at" ] && echo "$pid"
}

case "${1:-}" in
start)
  if answers; then echo "engine already running, left alone"; exit 0; fi
  if ! command -v dockerd >/dev/null; then
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends docker.io cgroupfs-mount iptables
    if answers; then echo "engine started by its package"; exit 0; fi
  fi
  mountpoint -q /sys/fs/cgroup || cgroupfs-mount
  # a pid file left by a killed engine names a process that may since be anything: dockerd then refuses to start
  if [ -f "$PIDFILE" ] && [ "$(cat "/proc/$(<"$PIDFILE")/comm" 2>/dev/null)" != dockerd ]; then rm -f "$PIDFILE"; fi
  mkdir -p "$STATE"
  setsid dockerd -H "unix://$SOCK" -p "$PIDFILE" "${EXTRA[@]}" >"$STATE/dockerd.log" 2>&1 </dev/null &
  pid=$!
  for _ in $(seq 300); do
    if answers; then
      echo "$pid $(started_at "$pid")" >"$STATE/pid"; echo "engine started, pid $pid"; exit 0
    fi
    if ! kill -0 "$pid" 2>/dev/null; then break; fi
    sleep 0.1
  done
  tail -n 20 "$STATE/dockerd.log" >&2; kill "$pid" 2>/dev/null || true; echo "engine did not start" >&2; exit 1 ;;
stop)
  if ! pid=$(ours); then echo "no engine of ours"; exit 0; fi
  kill -TERM "$pid"                       # also stops its containers and its containerd
  for _ in $(seq 300); do kill -0 "$pid" 2>/dev/null || { rm -f "$STATE/pid"; echo "engine stopped"; exit 0; }; sleep 0.1; done
  echo "engine $pid still running after 30 s" >&2; exit 1 ;;
status)
  answers && echo "engine answers on $SOCK" || { echo "no engine on $SOCK"; exit 1; }
  if pid=$(ours); then echo "started by us, pid $pid"; else echo "not ours"; fi ;;
*) sed -n 2,4p "$0"; exit 2 ;;
esac
