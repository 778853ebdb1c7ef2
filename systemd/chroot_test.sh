#!/bin/sh
# Installs obisd into a small Debian of its own, uses it there as an administrator would, upgrades it, removes it.
# Wants root and mmdebstrap; needs about a minute. Prints "ok NAME" or "not ok NAME" for each step and a count.
set -eu

. "$(dirname "$0")/trial.sh"
wants mmdebstrap mmdebstrap
make_box chroot
root=$box/root

inside() { chroot "$root" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root NO_COLOR=1 "$@"; }
says() { grep -q -- "$1" "$log.before" || { cat "$log.before" && false; }; } # the step before
install_sh() { inside sh /root/obisd/systemd/install.sh "$@"; }
mode_and_owner() { [ "$(inside stat -c '%a %U:%G' "$1")" = "$2" ]; }

mmdebstrap --quiet --variant=minbase --include=systemd,udev "${SUITE:-bookworm}" "$root" >/dev/null
mount -t proc proc "$root/proc"
mkdir -p "$root/root/obisd"
cp -R "$project/systemd" "$project/dist" "$root/root/obisd/"
cp "$deno" "$root/root/deno"

step "a machine without Deno is told what to do" refused install_sh
step "… in plain words" says "say --deno PATH"
step "install" install_sh --deno /root/deno
step "it says what comes next" says "check --write-permissions"
step "the command runs" inside obisd --version
step "the first configuration is valid" inside obisd check
step "the data is the daemon's own" mode_and_owner /var/lib/obisd "750 obisd:obisd"
step "the permissions are root's" mode_and_owner /etc/obisd/permissions.env "644 root:root"
step "the user may use serial ports" inside sh -c 'id -nG obisd | grep -qw dialout'
step "the service starts at boot" inside test -L /etc/systemd/system/multi-user.target.wants/obisd.service
step "systemd understands the unit" inside sh -c '! systemd-analyze verify obisd.service 2>&1 | grep obisd.service'

inside sh -c 'echo "# mine" >>/etc/obisd/obisd.yaml; echo data >/var/lib/obisd/data; echo old >/opt/obisd/obisd.js'
step "upgrade" install_sh
step "it keeps the configuration" inside grep -q "# mine" /etc/obisd/obisd.yaml
step "it keeps the data" inside grep -q data /var/lib/obisd/data
step "it replaces the program" inside obisd --version

inside sh -c 'echo "nonsense: 1" >>/etc/obisd/obisd.yaml'
step "an upgrade over a wrong configuration fails" refused install_sh
step "… and says where" says "obisd.yaml:"

step "uninstall" install_sh --uninstall
step "the program is gone" inside sh -c '! command -v obisd && ! test -e /opt/obisd'
step "the unit is gone" inside sh -c '! find /etc/systemd -name "obisd*" | grep .'
step "the configuration stays" inside grep -q "# mine" /etc/obisd/obisd.yaml
step "the data stays" inside grep -q data /var/lib/obisd/data

summary chroot
