#!/bin/sh
# Installs, upgrades or removes obisd as a systemd service. obisd's own needs are all in /opt/obisd; nothing is
# downloaded when a Deno of the right version and the bundle are at hand.
set -eu

DENO_VERSION=2.9.6 # the one that obisd is tested with

HELP="Installs obisd as a service of systemd; run again, it upgrades and keeps configuration and data.

  sudo sh systemd/install.sh [OPTIONS]

  --deno PATH    take this Deno, whatever its version; else the one in place, on the PATH or of npx, if it is $DENO_VERSION
  --root DIR     install into the system below DIR (an image, a chroot) instead of the running one
  --uninstall    remove the program, keep /etc/obisd and /var/lib/obisd
  --help         this text

  /opt/obisd            Deno and the program         /etc/obisd       obisd.yaml, permissions.env
  /usr/local/bin/obisd  the command                  /var/lib/obisd   the journal, CSV files"

say() { printf '%s\n' "$*"; }
warn() { printf 'install.sh: %s\n' "$*" >&2; }
fail() { warn "$*"; exit 1; }

# Arguments and machine

read_arguments() {
  root='' deno='' uninstall=no
  while [ $# -gt 0 ]; do
    case $1 in
      --deno | --root)
        [ $# -ge 2 ] || fail "$1 wants a value: see --help"
        if [ "$1" = --deno ]; then deno=$2; else root=${2%/}; fi
        shift
        ;;
      --uninstall) uninstall=yes ;;
      --help | -h) say "$HELP"; exit 0 ;;
      *) fail "there is no option $1: see --help" ;;
    esac
    shift
  done
}

check_root() {
  [ "$(id -u)" = 0 ] || fail "this writes to $root/opt, $root/etc and $root/usr/local: run it as root (sudo sh systemd/install.sh)"
  [ -z "$root" ] || [ -d "$root" ] || fail "there is no directory $root: --root wants an existing one"
}

check_machine() {
  case $(uname -m) in
    x86_64 | aarch64) ;;
    *) fail "this machine is $(uname -m), and Deno exists for 64-bit Intel/AMD and ARM (x86_64, aarch64) only." \
      "On a Raspberry Pi 3 or later install the 64-bit Raspberry Pi OS" ;;
  esac
  [ "$(getconf LONG_BIT)" = 64 ] || fail "the kernel has 64 bits but this system's programs have $(getconf LONG_BIT):" \
    "install the 64-bit edition (64-bit Raspberry Pi OS)"
  pages=$(getconf PAGESIZE)
  [ "$pages" = 4096 ] || fail "the kernel uses memory pages of $pages bytes, with which Deno crashes at start." \
    "On a Raspberry Pi 5 add the line kernel=kernel8.img to /boot/firmware/config.txt, restart, and run this again"
  for tool in systemctl systemd-sysusers systemd-tmpfiles; do
    command -v $tool >/dev/null || fail "$tool is missing: obisd runs under systemd (apt-get install systemd)"
  done
}

# Deno and the program

version_of() { "$1" --version 2>/dev/null | sed -n 's/^deno \([0-9.]*\).*/\1/p'; }

# The program itself: what is on the PATH may be npm's script in front of it.
executable_of() { "$1" eval 'console.log(Deno.execPath())' 2>/dev/null || true; }

find_deno() {
  if [ -n "$deno" ]; then
    [ -x "$deno" ] || fail "there is no program $deno: --deno wants the path of a Deno"
    found=$(version_of "$deno")
    [ -n "$found" ] || fail "$deno does not run here: take the Deno for $(uname -m) with glibc (npm pack @deno/linux-…-glibc)"
    [ "$found" = "$DENO_VERSION" ] || warn "Deno $found instead of $DENO_VERSION, with which obisd was tested"
    deno=$(executable_of "$deno")
    return
  fi
  for candidate in "$root/opt/obisd/deno" "$(command -v deno || true)"; do
    [ -x "$candidate" ] || continue
    [ "$(version_of "$candidate")" = "$DENO_VERSION" ] || continue
    deno=$(executable_of "$candidate")
    return
  done
  if command -v npx >/dev/null; then
    say "Fetching Deno $DENO_VERSION with npx"
    deno=$(npx -y "deno@$DENO_VERSION" eval 'console.log(Deno.execPath())') || deno=''
  fi
  [ -n "$deno" ] || fail "there is no Deno $DENO_VERSION here: install npm (apt-get install npm) and run this again," \
    "or bring the program along and say --deno PATH"
}

# Builds the bundle unless it is there and newer than its sources.
make_bundle() {
  dist=$project/dist
  if [ -f "$dist/obisd.js" ] && [ -f "$dist/journal_worker.js" ]; then
    [ -d "$project/src" ] || return 0
    newer=$(find "$project/src" "$project/sinks" "$project/deno.json" -newer "$dist/obisd.js" -type f | head -n 1)
    [ -n "$newer" ] || return 0
  fi
  [ -d "$project/src" ] || fail "$dist/obisd.js is missing: unpack the whole of obisd and run its systemd/install.sh"
  say "Building the program"
  (cd "$project" && "$deno" task --quiet bundle) ||
    fail "the program could not be built: without a network run \"deno task bundle\" elsewhere and copy dist/ to $dist"
}

# put MODE FILE TARGET: whole or not at all, also while the old one runs.
put() {
  mkdir -p "$(dirname "$root$3")"
  cp "$2" "$root$3.new"
  chmod "$1" "$root$3.new"
  mv -f "$root$3.new" "$root$3"
}

put_program() {
  cmp -s "$deno" "$root/opt/obisd/deno" || put 755 "$deno" /opt/obisd/deno
  # The pieces before what imports them, and then away with those of another version.
  for piece in "$project"/dist/*.js; do
    [ "${piece##*/}" = obisd.js ] || put 644 "$piece" "/opt/obisd/${piece##*/}"
  done
  put 644 "$project/dist/obisd.js" /opt/obisd/obisd.js
  for piece in "$root"/opt/obisd/*.js; do
    [ -f "$project/dist/${piece##*/}" ] || rm -f "$piece"
  done
  put 644 "$here/README.md" /opt/obisd/README.md
  put 755 "$here/obisd.sh" /usr/local/bin/obisd
}

# Whether the clock is right, systemd-timesyncd says in a file; of other services only the kernel knows.
clock=/etc/systemd/system/obisd.service.d/obisd-clock.conf

put_service() {
  put 644 "$here/obisd.service" /etc/systemd/system/obisd.service
  if [ -x "$root/lib/systemd/systemd-timesyncd" ]; then
    rm -f "$root$clock"
  else
    put 644 "$here/clock.conf" "$clock"
  fi
  put 644 "$here/60-obisd.rules" /etc/udev/rules.d/60-obisd.rules
  put 644 "$here/obisd.sysusers" /etc/sysusers.d/obisd.conf
  put 644 "$here/obisd.tmpfiles" /etc/tmpfiles.d/obisd.conf
  systemd-sysusers ${root:+"--root=$root"} obisd.conf || fail "the user obisd could not be made: systemd-sysusers says why above"
  systemd-tmpfiles ${root:+"--root=$root"} --create obisd.conf || fail "/var/lib/obisd could not be made: systemd-tmpfiles says why above"
}

# Configuration and permissions

# A first configuration reads the one optical head that is plugged in, if it is one.
put_configuration() {
  config=$root/etc/obisd/obisd.yaml
  first=no
  [ -e "$config" ] && return
  first=yes
  put 644 "$here/first.yaml" /etc/obisd/obisd.yaml
  set -- /dev/serial/by-id/*
  if [ $# = 1 ] && [ -e "$1" ]; then sed -i "s|/dev/ttyUSB0|$1|" "$config"; fi
}

put_permissions() {
  if obisd check --write-permissions -c "$config" >/dev/null; then
    # Below --root the paths are those of the system that will start there.
    [ -z "$root" ] || sed -i "s|$root/|/|g" "$root/etc/obisd/permissions.env"
    return 0
  fi
  warn "the program is in place, but its configuration is not right (above): mend $config, then run" \
    "\"obisd check --write-permissions\" and \"systemctl restart obisd\""
  return 1
}

obisd() {
  "$root/opt/obisd/deno" run --quiet --no-prompt --cached-only --no-config --no-lock --allow-all "$root/opt/obisd/obisd.js" "$@"
}

# systemd

systemd_runs() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

start_service() {
  systemctl ${root:+"--root=$root"} enable --quiet obisd.service
  if ! systemd_runs; then
    say "systemd does not run here: the service starts with the next boot"
    return
  fi
  systemctl daemon-reload
  if ! { udevadm control --reload && udevadm trigger --subsystem-match=tty --subsystem-match=usb-serial; }; then
    warn "udev did not take the new rule: plug the head out and in"
  fi
  [ "$permitted" = no ] || systemctl try-restart obisd.service ||
    warn "the service did not come up again: journalctl -u obisd says why"
}

install_obisd() {
  check_machine
  find_deno
  make_bundle
  put_program
  put_service
  put_configuration
  permitted=no
  if put_permissions; then permitted=yes; fi
  start_service
  say "$(obisd --version) is in place"
  [ $first = no ] || say "Next: write your meters into $config, then
  obisd read /dev/serial/by-id/…         what does this meter say?
  sudo obisd check --write-permissions   is the configuration right?
  sudo systemctl start obisd             and watch it: journalctl -fu obisd"
  [ "$permitted" = yes ]
}

uninstall_obisd() {
  if systemd_runs; then systemctl stop obisd.service || true; fi
  systemctl ${root:+"--root=$root"} disable --quiet obisd.service 2>/dev/null || true
  rm -rf "$root/opt/obisd" "$root/var/cache/obisd"
  rm -f "$root/usr/local/bin/obisd" "$root/etc/systemd/system/obisd.service" "$root/etc/udev/rules.d/60-obisd.rules" \
    "$root/etc/sysusers.d/obisd.conf" "$root/etc/tmpfiles.d/obisd.conf" "$root$clock"
  rmdir "$root/etc/systemd/system/obisd.service.d" 2>/dev/null || true
  if systemd_runs; then systemctl daemon-reload; fi
  say "obisd is removed. Kept: $root/etc/obisd, $root/var/lib/obisd and the user obisd that owns the data"
}

here=$(cd "$(dirname "$0")" && pwd)
project=$(dirname "$here")
read_arguments "$@"
check_root
if [ $uninstall = yes ]; then uninstall_obisd; else install_obisd; fi
