#!/bin/bash
# Makes real servers in containers possible: starts a Docker engine if none runs, and, where no image registry is in
# reach, builds the images from the distribution's packages.
# Prints what to source before the tests; nothing, where the official images can be pulled.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

"$here/engine.sh" start >&2
if [ -z "${NACT_CI_BUILD_IMAGES:-}" ] && timeout 60 docker pull --quiet postgres:17-alpine >/dev/null 2>&1; then
    exit 0
fi
"$here/images/build.sh" >&2
echo "$here/containers.env"
