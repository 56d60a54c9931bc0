// A handler that greets, and counts how often it was called on its lease.
import kv from "maillage:edge/kv@1.0.0";
import log from "maillage:edge/log@1.0.0";

export function handle(req) {
  if (req.path === "/healthz") return answer(200, { ok: true });
  if (req.path !== "/") return answer(404, { error: `there is nothing at ${req.path}` });
  const kept = kv.get("visits");
  const visits = (kept === null ? 0 : Number(text(kept))) + 1;
  try {
    kv.set("visits", bytes(String(visits)));
  } catch (refused) {
    log.write("warning", `the count is not kept: ${refused}`);
  }
  log.write("info", `visit ${visits}`);
  return answer(200, { hello: "world", visits });
}

function answer(status, document) {
  const headers = [{ name: "content-type", value: "application/json" }];
  return { status, headers, body: bytes(JSON.stringify(document)) };
}

// The engine has no TextEncoder and no TextDecoder.
function bytes(string) {
  const escaped = unescape(encodeURIComponent(string));
  return Uint8Array.from(escaped, (character) => character.charCodeAt(0));
}

function text(array) {
  return decodeURIComponent(escape(String.fromCharCode(...array)));
}
