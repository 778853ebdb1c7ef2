// Decodes the telegram in a file again and again by smartmeter-obis, as its own LocalFileTransport does, and prints how
// often in a second.
"use strict";
const { readFileSync } = require("node:fs");
const { D0Protocol } = require("smartmeter-obis");

const [WARM_UP_MS, MEASURED_MS] = [1000, 2000];

const bytes = readFileSync(process.argv[2]);
let measurements = 0;
const protocol = new D0Protocol({ debug: 0, logger: () => {} }, (error, result) => {
  if (error) throw error;
  measurements += Object.keys(result).length;
});

function once() {
  protocol.initState();
  let data = bytes;
  while (data && data.length > 0 && !protocol.isProcessComplete()) {
    if (!protocol.checkMessage(data)) throw new Error("no telegram");
    data = protocol.handleMessage(data);
  }
}

function timesIn(ms) {
  const startMs = performance.now();
  let times = 0;
  while (performance.now() - startMs < ms) {
    once();
    times++;
  }
  if (measurements === 0) throw new Error("nothing was decoded");
  return times / (performance.now() - startMs) * 1000;
}

timesIn(WARM_UP_MS);
process.stdout.write(`${timesIn(MEASURED_MS)}\n`);
