#!/bin/sh
# obisd, with the Deno it was tested with. A person's command may do what that person may; the service is held shorter.
# A small nursery: a long load profile would let it grow to tens of megabytes, on a machine with few.
export DENO_NO_UPDATE_CHECK=1
exec /opt/obisd/deno run --quiet --no-prompt --cached-only --no-config --no-lock --v8-flags=--max-semi-space-size=2 \
  --allow-all /opt/obisd/obisd.js "$@"
