import * as f from "./torture/fuzz_telegrams.ts";
await f[Deno.args[0] as "fuzzDecode"]({count:Number(Deno.args[1]), seed:1});
