import assert from "node:assert/strict";
import { test } from "node:test";

import { Origins, patternsOf } from "../../extension/origins.mjs";
import { Port } from "./port.mjs";

class Scripting {
  registered = [];
  async getRegisteredContentScripts() { return this.registered; }
  async registerContentScripts([script]) { this.registered = [script]; }
  async updateContentScripts([script]) { this.registered = [script]; }
  async unregisterContentScripts() { this.registered = []; }
}

async function refreshed(scripting, answer, ports = true) {
  const host = new Port();
  const connectHost = () => host;
  const origins = new Origins({ connectHost, lastError: () => undefined, scripting, ports });
  const known = origins.refresh();
  assert.deepEqual(host.sent, [{ type: "origins" }]);
  if (answer) host.says(answer);
  else host.goes();
  return known;
}

test("patterns name each enrolled origin and nothing wider", () => {
  const origins = ["https://b.example:8443", "https://a.example", "https://a.example"];
  assert.deepEqual(patternsOf(origins, true), ["https://a.example/*", "https://b.example:8443/*"]);
  assert.deepEqual(patternsOf(origins, false), ["https://a.example/*", "https://b.example/*"]);
  const refused = ["*://*", "https://*", "<all_urls>", "file:///etc/passwd", "https://a b", 7, null];
  assert.deepEqual(patternsOf(refused, true), []);
});

test("the script runs in a tab's own window on enrolled origins only", async () => {
  const scripting = new Scripting();
  assert.equal(await refreshed(scripting, { type: "origins", origins: ["https://a.example"] }), true);
  const [script] = scripting.registered;
  assert.deepEqual(script.matches, ["https://a.example/*"]);
  assert.equal(script.allFrames, false);
  assert.equal(script.matchOriginAsFallback, false);
});

test("a new list replaces the old one, an empty one ends it", async () => {
  const scripting = new Scripting();
  for (const origins of [["https://a.example"], ["https://b.example"]]) {
    await refreshed(scripting, { type: "origins", origins });
  }
  assert.deepEqual(scripting.registered[0].matches, ["https://b.example/*"]);
  await refreshed(scripting, { type: "origins", origins: [] });
  assert.deepEqual(scripting.registered, []);
});

test("without an answer what was known stays", async () => {
  const scripting = new Scripting();
  await refreshed(scripting, { type: "origins", origins: ["https://a.example"] });
  assert.equal(await refreshed(scripting, null), false);
  const unavailable = { type: "unavailable", code: "extension.agent_not_running" };
  assert.equal(await refreshed(scripting, unavailable), false);
  assert.deepEqual(scripting.registered[0].matches, ["https://a.example/*"]);
});

test("where patterns have no ports the host's name stands alone", async () => {
  const scripting = new Scripting();
  await refreshed(scripting, { type: "origins", origins: ["https://b.example:8443"] }, false);
  assert.deepEqual(scripting.registered[0].matches, ["https://b.example/*"]);
});
