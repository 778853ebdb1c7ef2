import * as f from "./torture/fuzz_telegrams.ts";
for (const c of [10,100,300]) { const t=performance.now();
 try { console.log(c, await f.fuzzSessions({count:c, seed:1})); } catch(e){ console.log(String((e as Error).message).slice(0,3000), "CAUSE", (e as any).cause?.stack?.slice(0,800)); }
 console.log(((performance.now()-t)*1000/c).toFixed(0)); }
