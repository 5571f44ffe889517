#!/bin/sh
# Fills the base tree from inside (chroot): packages, the user `dev`, no identity left behind.
# Called by build.sh with the package list as arguments; the wheels of Node and Go are already there.
set -eu

export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 HOME=/root
export PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
PNPM_VERSION=10.34.8

# No service may start while packages are set up, and a tree that is thrown away on failure needs no fsync.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/unsafe-io
cat >/etc/dpkg/dpkg.cfg.d/lean <<'LEAN'
path-exclude=/usr/share/man/*
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/info/*
LEAN
# Made at first start of each workspace instead: a key in an image would be everybody's key.
mkdir -p /etc/ssh
touch /etc/ssh/ssh_host_rsa_key /etc/ssh/ssh_host_ecdsa_key /etc/ssh/ssh_host_ed25519_key

update-ca-certificates >/dev/null
apt-get -qq update
apt-get -qq install --yes --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >/dev/null

npm install --silent --global --no-fund --no-audit "pnpm@$PNPM_VERSION" >/dev/null

useradd --uid 1000 --create-home --shell /bin/bash dev
echo 'dev ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/dev
chmod 440 /etc/sudoers.d/dev
install -d -o dev -g dev /home/dev/workspace
install -d -m 755 /run/sshd

rm -f /etc/ssh/ssh_host_* /usr/sbin/policy-rc.d /etc/dpkg/dpkg.cfg.d/unsafe-io
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /root/.npm /root/.cache /var/log/*.log /var/log/apt
find /tmp /var/tmp -mindepth 1 -delete
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id
: >/etc/resolv.conf
echo workspace >/etc/hostname
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >/etc/hosts
