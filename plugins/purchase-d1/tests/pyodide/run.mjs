// Runs Python, as a Worker would, with a D1 database of the real engine: as `DB`, whose batches a Worker runs over
// its binding, and as `DIRECT`, the binding itself as miniflare hands it out.
//   node run.mjs NODE_MODULES_FOLDER WHEELS_FOLDER SCRIPT.py SOURCE_FOLDER...
// What is locked lies in the first folder; wheels are unpacked, source folders are mounted and importable. The script defines `main`.
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const [modules, wheels, script, ...sources] = process.argv.slice(2);
const locked = createRequire(path.join(modules, "package.json"));
const { Miniflare } = locked("miniflare");
const { loadPyodide } = locked("pyodide");

// Runs batches over its binding. Calls from node into the engine are requests, one by one even for preparing,
// and some get lost when node collects what it no longer needs. So what is prepared here is sent as a whole.
const WORKER = `export default {
  async fetch(request, env) {
    const bound = (await request.json()).map(({ text, values }) => env.DB.prepare(text).bind(...values));
    return env.DB.batch(bound).then(
      (results) => Response.json({ results }),
      (error) => Response.json({ said: error.message }),
    );
  },
}`;

class Statement {
  constructor(text, values = []) {
    Object.assign(this, { text, values });
  }
  bind(...values) {
    return new Statement(this.text, values);
  }
}

const binding = {
  prepare: (text) => new Statement(text),
  async batch(statements) {
    const request = { method: "POST", body: JSON.stringify(statements) };
    const { results, said } = await (await miniflare.dispatchFetch("http://worker/", request)).json();
    if (said !== undefined) throw new Error(said);
    return results;
  },
};

const miniflare = new Miniflare({
  modules: true,
  script: WORKER,
  d1Databases: { DB: "purchase" },
  compatibilityDate: "2026-04-01",
  host: "127.0.0.1",
  port: 0,
});
try {
  const pyodide = await loadPyodide({ env: { PYTHONDONTWRITEBYTECODE: "1" } });
  const site = pyodide.runPython("import site; site.getsitepackages()[0]");
  for (const name of readdirSync(wheels).filter((one) => one.endsWith(".whl"))) {
    pyodide.unpackArchive(new Uint8Array(readFileSync(path.join(wheels, name))), "wheel", { extractDir: site });
  }
  sources.forEach((folder, place) => {
    pyodide.mountNodeFS(`/source${place}`, folder);
    pyodide.runPython(`import sys; sys.path.append("/source${place}")`);
  });
  pyodide.globals.set("DB", binding);
  pyodide.globals.set("DIRECT", await miniflare.getD1Database("DB"));
  pyodide.runPython(readFileSync(script, "utf8"), { filename: script });
  await pyodide.runPythonAsync("await main()");
} finally {
  await miniflare.dispose();
}
process.exit(); // timers of what was in time would keep it here
