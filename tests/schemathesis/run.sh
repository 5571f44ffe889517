#!/usr/bin/env bash
# Tries a running Nexus against its own document, as two people.
#
#   NEXUS_URL       where its API is
#   NEXUS_OWNER     a token of the one whose workspace FOREIGN is
#   NEXUS_STRANGER  a token of the other one
#   NEXUS_FOREIGN   that workspace's id
#
# schemathesis itself is put into a folder of its own beside other downloads, once. Exit status 77:
# it cannot be had on this machine.
set -uo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/nexus/schemathesis
STAMP=$CACHE/$(cksum <"$HERE/requirements.txt" | cut -d' ' -f1)

if [[ ! -e $STAMP ]]; then
  rm -rf "$CACHE"
  if ! { python3 -m venv "$CACHE" && "$CACHE/bin/pip" install --quiet --requirement "$HERE/requirements.txt"; }; then
    exit 77
  fi
  touch "$STAMP"
fi

# What goes on until it is hung up on is no question with an answer.
ENDLESS='(/events|/events/ws|/logs|/terminal|/terminal/\{name\}|/ssh|/ports/\{port\})$'
cd -- "$(mktemp -d)" || exit 1
export PYTHONPATH=$HERE SCHEMATHESIS_HOOKS=hooks PYTHONDONTWRITEBYTECODE=1

try() {
  "$CACHE/bin/schemathesis" --config-file "$HERE/schemathesis.toml" run "$NEXUS_URL/openapi.json" \
    --exclude-path-regex "$ENDLESS" --phases coverage,fuzzing --rate-limit 45/s --no-color \
    --max-examples "${NEXUS_EXAMPLES:-3}" --seed "${NEXUS_SEED:-1}" --request-timeout 20 \
    --warnings off "$@"
}

NEXUS_FOREIGN='' try --header "Authorization: Bearer $NEXUS_OWNER" || exit 1
try --header "Authorization: Bearer $NEXUS_STRANGER" --include-path-regex '\{id\}' || exit 1
