#!/bin/bash
# Runs commands as a newcomer does: in a clone of this work tree, on a machine with nothing but Python, venv and git, as
# an ordinary user. Each gets a clone of its own.
#   fresh-machine.sh SUITE [COMMAND...]    SUITE of Debian: bookworm (Python 3.11), forky (Python 3.15)
# Without a command, it runs those that the README begins with.
# The machine is a container. It has what this one needs to reach a package index: proxies, index, certificates.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
suite=$1; shift
if [ $# = 0 ]; then
  mapfile -t commands < <(python3 -I "$here/../tools/readme.py" commands)
  set -- "${commands[@]}"
fi
export DOCKER_CLI_HINTS=false

"$here/images/build.sh" "fresh:$suite" >&2

scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
cd "$here/.."
git clone --quiet --no-hardlinks . "$scratch/nact"
git ls-files -z --deleted | (cd "$scratch/nact" && xargs -0 --no-run-if-empty rm -f)
git ls-files -z --cached --others --exclude-standard --deduplicate | tar --create --null --files-from=- --ignore-failed-read 2>/dev/null \
  | tar --extract --directory "$scratch/nact"

environment=()
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL UV_DEFAULT_INDEX NACT_MATRIX; do
  if [ -n "${!name:-}" ]; then environment+=(--env "$name"); fi
done
certificates=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
if [ -f "$certificates" ]; then
  cp "$certificates" "$scratch/certificates.crt"
  for name in SSL_CERT_FILE PIP_CERT REQUESTS_CA_BUNDLE; do environment+=(--env "$name=/home/newcomer/certificates.crt"); done
fi

for command; do
  printf '\n$ %s   (Debian %s)\n' "$command" "$suite"
  # shellcheck disable=SC2016 # $0 is for the shell in the container
  tar --directory "$scratch" --create . \
    | docker run --rm --interactive --init "${environment[@]}" "nact-ci/fresh:$suite" \
      bash -c 'tar --extract && cd nact && exec bash -c "$0" </dev/null' "$command"
done
