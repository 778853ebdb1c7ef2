#!/bin/sh
# obisd, with the Deno it was tested with. A person's command may do what that person may; the service is held shorter.
export DENO_NO_UPDATE_CHECK=1
exec /opt/obisd/deno run --quiet --no-prompt --cached-only --no-config --no-lock --allow-all /opt/obisd/obisd.js "$@"
