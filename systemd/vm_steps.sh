#!/bin/sh
# The steps of vm_test.sh, run in the machine: installs obisd, reads the meter on the second serial port and the one behind
# the USB adapter, and does to the service what happens to services. Prints "ok NAME" or "not ok NAME" for each step and a
# count, and "@ plug" or "@ pull" for who holds the adapter. Without KVM a machine
# is some twenty times slower, so what is waited for has time; nothing is waited for that has come.
set -u
. "$(dirname "$0")/trial.sh"
export PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root

PORT=/dev/ttyS1
USB=/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_METER1-if00-port0
DISK=/var/lib/obisd/disk
from=today log=/run/vm-steps.log

# Of a step that went wrong.
explain() {
  tail -n 5 $log
  properties
  journalctl -u obisd -o short-precise | grep -v '{"time"' | tail -n 10
}

say() { echo "   $*"; }

# What systemd knows of the service, and what the service said.

properties() { systemctl show -p ActiveState,SubState,Result,ExecMainStatus,NRestarts,StatusText obisd; }
property() { systemctl show --value -p "$1" obisd; }
is() { [ "$(property "$1")" = "$2" ]; }
has() { property "$1" | grep -q -- "$2"; }
again_after() { [ "$(property NRestarts)" -gt "$1" ] && is ActiveState active; }
listen_from_now() { sleep 1 && from=$(date '+%F %T'); } # --since knows whole seconds
# said PRIORITY TEXT: since then, with this priority or a graver one.
said() { journalctl -u obisd --since "$from" -p "$1" -o cat | grep -- "$2"; }
silent() { ! said "$1" .; }
nothing_denied() { ! journalctl -k -o cat SYSLOG_IDENTIFIER=kernel | grep -iE 'seccomp|denied|obisd|deno\b|segfault|oom'; }

# What the port and the files say.

port_is() { stty -F $PORT -a | tr '\n' ' ' | grep -q "speed $1 baud.* parenb -parodd .*cs7 .*-cstopb"; }
counted() { sed -n "s/^1:.* $1:\([0-9]*\).*/\1/p" /proc/tty/driver/serial; } # tx or rx, bytes
# In its data message, which takes a minute at 300 Bd: what it signs on with is shorter.
meter_speaks() { rx=$(counted rx) tx=$(counted tx) && sleep 2 && [ "$(counted rx)" -gt $((rx + 40)) ] && [ "$(counted tx)" = "$tx" ]; }
readings() { cat /var/lib/obisd/readings-*.csv 2>/dev/null; }
readouts() { readings | grep -c ',1\.8\.60,'; }
more_than() { [ "$(readouts)" -gt "$1" ]; }
reads_on() { within 120 more_than "$(readouts)"; }
usb_readouts() { readings | grep -c ',usb-1,.*,000678.9,'; }
more_usb_than() { [ "$(usb_readouts)" -gt "$1" ]; }
# line_is NAME STATE: as the status file says, which is ten seconds old at most.
line_is() { tr -d ' \n' </run/obisd/status.json | grep -o "\"name\":\"$1\",\"url\"[^}]*" | grep -q "\"state\":\"$2\""; }
# holds NAME: whether the service has such a device open.
holds() { find "/proc/$(property MainPID)/fd" -lname "*$1*" | grep -q .; }
# At least once is what a sink is promised, after a kill too.
whole() { [ "$(readings | grep ',meter-1,' | cut -d , -f 1 | uniq -c | awk '$1 < 62' | wc -l)" = 0 ]; }

# As a time service does when it has set the clock: adjtimex(ADJ_MAXERROR | ADJ_STATUS), nothing in doubt, 1 ms at most.
call_clock_right() {
  /root/deno eval --quiet '
    const timex = new DataView(new ArrayBuffer(208));
    timex.setUint32(0, 0x14, true);
    timex.setBigInt64(24, 1000n, true);
    const { symbols } = Deno.dlopen("libc.so.6", { adjtimex: { parameters: ["buffer"], result: "i32" } });
    if (symbols.adjtimex(timex) < 0) Deno.exit(1);'
}

# configure INTERVAL [LINE [OPTIONS]]: a line of the file's own, options for the URL of the line "head".
configure() {
  cat >/etc/obisd/obisd.yaml <<YAML
lines: { head: { url: "serial://$PORT${3-}" }, usb: { url: "serial://$USB" } }
meters: [{ name: meter-1, line: head, every: $1 }, { name: usb-1, line: usb, every: $1 }]
sinks: [{ type: stdout }, { type: csv, path: "/var/lib/obisd/readings-%Y-%m-%d.csv" }]
journal: { path: $DISK/journal.db }
${2-}
YAML
}

say "the machine was up after $(now) s"
step "install" sh /root/obisd/systemd/install.sh --deno /root/deno
step "the port is the group's" [ "$(stat -c %a:%G $PORT)" = 660:dialout ]
mkdir -p $DISK
mount LABEL=journal $DISK && chown -R obisd:obisd /var/lib/obisd
echo "@ plug"
step "an adapter is plugged in" within 60 [ -e $USB ]
step "… it is the group's" [ "$(stat -L -c %a:%G $USB)" = 660:dialout ]
configure 20s
step "the configuration is valid" obisd check --write-permissions

step "the kernel calls its clock right" call_clock_right
# A machine that is emulated on busy cores needs more than the minute that the unit gives a start.
mkdir -p /run/systemd/system/obisd.service.d
printf '[Service]\nTimeoutStartSec=300s\n' >/run/systemd/system/obisd.service.d/slow.conf
systemctl daemon-reload
step "it starts: ready" systemctl start obisd
step "it is active" is ActiveState active
step "it says what it does" within 120 has StatusText "2 meters"
step "it signs on at 300 Bd 7E1" within 120 port_is 300
step "it reads at 9600 Bd 7E1" within 120 port_is 9600
step "readings are in the file" within 120 more_than 0
step "… with the meter's digits" sh -c "grep ',1.8.0,.*,000123.4500,.*kWh' /var/lib/obisd/readings-*.csv"
step "… each readout whole" whole
step "readings are in systemd's journal" said info 000123.4500
begun=$(now) cpu=$(property CPUUsageNSec)
step "it reads again" reads_on
step "and again" reads_on
say "processor: $((($(property CPUUsageNSec) - cpu) / 1000000)) ms in $(since "$begun") s"
say "memory: $(($(property MemoryCurrent) / 1024)) kB by systemd's count, $(grep VmRSS "/proc/$(property MainPID)/status" | tr -s '\t ' ' ')"
step "it reads the meter behind the adapter" within 120 more_usb_than 0
step "it warns of nothing" silent warning
step "it was denied nothing" nothing_denied

for round in $(seq 1 "$(cat /root/replugs)"); do
  echo "@ pull"
  step "the adapter is pulled ($round)" within 60 refused [ -e $USB ]
  step "… and let go of" within 10 refused holds ttyUSB
  step "… the line is away" within 120 line_is usb away
  before=$(usb_readouts)
  echo "@ plug"
  step "it is plugged in again" within 60 [ -e $USB ]
  step "… under the same name" [ "$(basename "$(readlink $USB)")" = ttyUSB0 ]
  step "… the line is back" within 120 line_is usb open
  step "… and its meter is read" within 120 more_usb_than "$before"
done
step "the other meter was read on" reads_on

listen_from_now
configure 10s
step "it is told to reload" systemctl reload obisd
step "the new configuration is in force" within 120 said info "Configuration loaded again"
listen_from_now
configure 10s "nonsense: 1"
step "it is told to reload a wrong one" systemctl reload obisd
step "that is an error" within 120 said err "obisd.yaml:.*nonsense"
step "… the old one is kept" within 30 said err "old one is kept"
step "… and it reads on" reads_on

# Stopped while a meter speaks: at 300 Bd, for at 9600 Bd it has finished before an emulated machine has stopped anything.
listen_from_now
configure 10s "" "?max_baud=300"
systemctl reload obisd
step "a slow line is in force" within 120 said info "Configuration loaded again"
step "the meter speaks" within 60 meter_speaks
tx=$(counted tx) begun=$(now)
step "it is stopped" systemctl stop obisd
took=$(since "$begun")
step "within 11 s" [ "${took%.*}" -lt 11 ]
step "it ended well" is Result success
step "the meter was sent a break (5 bytes)" [ "$(counted tx)" = $((tx + 5)) ]

configure 10s
step "it starts again" systemctl start obisd
kill -KILL "$(property MainPID)"
step "killed, it comes back" within 300 again_after 0
step "… and reads" reads_on
kill -STOP "$(property MainPID)"
listen_from_now
step "frozen, the watchdog ends it, and it comes back" within 300 again_after 1
step "… and reads" reads_on

restarts=$(property NRestarts)
fsfreeze -f $DISK && sleep 20 && fsfreeze -u $DISK
step "a disk that stalls for 20 s" reads_on
step "… ends nothing" is NRestarts "$restarts"
listen_from_now
fsfreeze -f $DISK
begun=$(now)
step "one that stands still is told" within 60 said err "Stuck: journal"
took=$(since "$begun")
step "… within 40 s" [ "${took%.*}" -lt 40 ]
fsfreeze -u $DISK
step "… the watchdog ends it, and it comes back" within 300 again_after "$restarts"
step "… and reads" reads_on
step "… and each readout is whole" whole

step "an upgrade under way" sh /root/obisd/systemd/install.sh
step "… and it reads" reads_on

configure 10s "nonsense: 1"
step "it does not start with a wrong configuration" refused systemctl restart obisd
step "… exit code 78" is ExecMainStatus 78
step "… which systemd does not try again" is SubState failed
step "… and the journal says where" said err "obisd.yaml:.*nonsense"
configure 10s
step "mended, it starts" systemctl start obisd
step "it is removed" sh /root/obisd/systemd/install.sh --uninstall
step "… and stopped" is ActiveState inactive
step "nothing was denied to the end" nothing_denied

summary vm
