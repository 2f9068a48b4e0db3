// Serves the proxy Worker over an empty D1 database, both in workerd, on a free port of this machine.
// Reads the token from its first line of input, says `READY <address>` once it serves, and ends when its input does.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Miniflare } from "miniflare";

const [script] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { value: token } = await lines.next();
const miniflare = new Miniflare({
  name: "purchase-d1",
  modules: true,
  script: readFileSync(script, "utf8"),
  d1Databases: { DB: "purchase" },
  bindings: { TOKEN: token },
  compatibilityDate: "2026-04-01",
  host: "127.0.0.1",
  port: 0,
});
const address = await miniflare.ready;
process.stdout.write(`READY ${address}\n`);
while (!(await lines.next()).done);
await miniflare.dispose();
