// A proxy in front of a D1 database, in the JSON of Cloudflare's REST API: POST <address>/raw with
// {"batch": [{"sql", "params"}]} and a bearer token. Each request is one batch, which is one transaction:
// if a statement fails, nothing of it is kept. Binds `DB` to the database and `TOKEN` to a secret.

const TOKEN_BYTES_MIN = 24; // a shorter one can be guessed
const BODY_BYTES_MAX = 24 * 1024 * 1024;
const STATEMENTS_MAX = 2_000; // fifty decisions on one customer are one batch
const SQL_BYTES_MAX = 100_000; // as D1 has it
const PARAMETERS_MAX = 100; // likewise

// Of what D1 says, only these words are passed on: the rest can quote SQL, and what is in it.
const SAYABLE = [
  /(UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint failed(: [\w.]{1,200})?/,
  /cannot store \w{1,10} value in \w{1,10} column [\w.]{1,200}/,
  /no such (table|column)/,
  /has no column named/,
  /too many SQL variables|statement too long|string or blob too big/,
  /maximum DB size/i,
  /overloaded|too many requests queued|requests queued for too long|too many api requests/i,
  /network connection lost|to be reset|was reset|code was updated|internal error|exceeded timeout/i,
  /transient issue|memory limit|cpu time limit/i,
  /BEGIN TRANSACTION or SAVEPOINT/,
  /SQLITE_[A-Z]{2,30}/,
];

export default {
  async fetch(request, env) {
    if (!(await allowed(request, env))) return refusal(401, "the token is not accepted");
    if (!new URL(request.url).pathname.endsWith("/raw")) return refusal(404, "there is only /raw");
    if (request.method !== "POST") return refusal(405, "only POST");
    const body = await boundedBody(request);
    if (body === undefined) return refusal(413, "the request is too large");
    const statements = read(body);
    if (typeof statements === "string") return refusal(400, `nothing was run: ${statements}`);
    let results;
    try {
      results = await env.DB.batch(statements.map(({ sql, params }) => env.DB.prepare(sql).bind(...params)));
    } catch (error) {
      return refusal(400, said(error), 7500);
    }
    return Response.json({ result: results.map(table), errors: [], messages: [], success: true });
  },
};

async function allowed(request, env) {
  const expected = new TextEncoder().encode(env.TOKEN ?? "");
  if (expected.byteLength < TOKEN_BYTES_MIN) return false; // no token is no reason to let everybody in
  const given = (request.headers.get("authorization") ?? "").replace(/^Bearer /, "");
  // Digests have one length, so that comparing them tells neither how long the token is nor where it differs.
  const [one, other] = await Promise.all(
    [expected, new TextEncoder().encode(given)].map((bytes) => crypto.subtle.digest("SHA-256", bytes)),
  );
  return crypto.subtle.timingSafeEqual(one, other);
}

async function boundedBody(request) {
  if (Number(request.headers.get("content-length") ?? 0) > BODY_BYTES_MAX) return undefined;
  const parts = [];
  let size = 0;
  for await (const part of request.body ?? []) {
    size += part.byteLength; // whatever its header says
    if (size > BODY_BYTES_MAX) return undefined;
    parts.push(part);
  }
  return new Blob(parts).text();
}

function read(body) {
  let batch;
  try {
    ({ batch } = JSON.parse(body));
  } catch {
    return "the request is not JSON";
  }
  if (!Array.isArray(batch) || batch.length === 0) return "there is no batch";
  if (batch.length > STATEMENTS_MAX) return `more than ${STATEMENTS_MAX} statements`;
  for (const one of batch) {
    if (typeof one?.sql !== "string" || one.sql.length > SQL_BYTES_MAX) return "a statement is no text, or too long";
    one.params ??= [];
    if (!Array.isArray(one.params) || one.params.length > PARAMETERS_MAX) return "too many SQL variables";
    if (!one.params.every((value) => value === null || ["string", "number"].includes(typeof value)))
      return "a parameter is neither text, number nor null";
  }
  return batch;
}

function table({ results, meta }) {
  const columns = Object.keys(results[0] ?? {});
  return { results: { columns, rows: results.map((row) => Object.values(row)) }, success: true, meta };
}

function said(error) {
  const text = String(error?.message ?? error);
  const words = SAYABLE.map((one) => text.match(one)?.[0]).filter(Boolean);
  return words.join(": ") || "the database did not say anything that may be passed on";
}

function refusal(status, message, code = status) {
  return Response.json({ result: null, errors: [{ code, message }], messages: [], success: false }, { status });
}
