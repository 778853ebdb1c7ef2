import * as f from "./torture/fuzz_telegrams.ts";
const seed = Number(Deno.args[1] ?? 1), count=Number(Deno.args[0]);
for (const [n,k] of [["fuzzDecode",1],["fuzzBytes",0.2],["fuzzPushes",0.3],["fuzzSessions",0.3]] as const) {
  const t=performance.now();
  try { console.log(n, await f[n]({count: count*k, seed})); } catch(e){ console.log(n, String((e as Error).message).slice(0,3000), "CAUSE", (e as any).cause?.stack?.slice(0,800)); }
  console.log(n, ((performance.now()-t)*1000/(count*k)).toFixed(0),"us each");
}
