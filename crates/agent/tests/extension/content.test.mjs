import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import vm from "node:vm";

import { Port } from "./port.mjs";

const SCRIPT = readFileSync(new URL("../../extension/content.js", import.meta.url), "utf8");
const ORIGIN = "https://login.example";

// The page's end of a channel: what the script posts, and a way to speak to it.
class PagePort {
  heard = [];
  closed = false;
  postMessage(message) { this.heard.push(message); }
  close() { this.closed = true; }
  says(data) { this.onmessage({ data }); }
}

function scene({ framed = false, hidden = false } = {}) {
  const listeners = {};
  const workers = [];
  const window = { addEventListener: (name, listener) => { listeners[name] = listener; } };
  window.top = framed ? {} : window;
  const connect = () => { workers.push(new Port()); return workers.at(-1); };
  vm.runInNewContext(SCRIPT, {
    window,
    self: { origin: hidden ? "null" : ORIGIN },
    location: { origin: ORIGIN },
    chrome: { runtime: { connect } },
  });
  const greet = (changes = {}) => {
    const port = new PagePort();
    const data = { cardea: "connect", version: 1 };
    const event = { source: window, origin: ORIGIN, data, ports: [port], ...changes };
    if (listeners.message) listeners.message(event);
    return port;
  };
  return { greet, workers, leave: () => listeners.pagehide() };
}

const plain = (values) => JSON.parse(JSON.stringify(values));
const hello = [{ type: "hello", version: 1 }];

test("the page's own window is greeted at once", () => {
  assert.deepEqual(plain(scene().greet().heard), hello);
});

test("frames, sandboxes, other windows and other words get nothing", () => {
  assert.deepEqual(scene({ framed: true }).greet().heard, []);
  assert.deepEqual(scene({ hidden: true }).greet().heard, []);
  for (const changes of [
    { source: {} },
    { origin: "https://evil.test" },
    { data: null },
    { data: { cardea: "connect", version: 2 } },
    { data: { cardea: "hello", version: 1 } },
    { data: "connect" },
    { ports: [] },
  ]) {
    const { greet, workers } = scene();
    assert.deepEqual(greet(changes).heard, [], JSON.stringify(changes.data));
    assert.equal(workers.length, 0);
  }
});

test("a request goes on stripped of all but its challenge, the lines come back", () => {
  const { greet, workers } = scene();
  const page = greet();
  page.says({ type: "assertion", challenge: "c", origin: "https://evil.test" });
  assert.deepEqual(plain(workers[0].sent), [{ type: "assertion", challenge: "c" }]);
  workers[0].says({ type: "state", state: "pin_asked" });
  assert.deepEqual(plain(page.heard.slice(1)), [{ type: "state", state: "pin_asked" }]);
});

test("what is no request is not heard", () => {
  const { greet, workers } = scene();
  const page = greet();
  const long = "c".repeat(9 * 1024);
  for (const message of [
    null,
    "assertion",
    { type: "origins" },
    { type: "assertion" },
    { type: "assertion", challenge: 7 },
    { type: "assertion", challenge: long },
  ]) {
    page.says(message);
  }
  assert.equal(workers.length, 0);
});

test("abort, a new greeting and a page that goes each end the way to the extension", () => {
  const endings = [
    ({ page }) => page.says({ type: "abort" }),
    ({ greet }) => greet(),
    ({ leave }) => leave(),
  ];
  for (const end of endings) {
    const { greet, workers, leave } = scene();
    const page = greet();
    page.says({ type: "assertion", challenge: "c" });
    assert.equal(workers[0].open, true);
    end({ page, greet, leave });
    assert.equal(workers[0].open, false);
  }
});

test("a service worker that goes away without a word is told to the page once", () => {
  const { greet, workers } = scene();
  const page = greet();
  page.says({ type: "assertion", challenge: "c" });
  workers[0].says({ type: "accepted" });
  workers[0].goes();
  const told = [{ type: "accepted" }, { type: "unavailable", code: "extension.host_failed" }];
  assert.deepEqual(plain(page.heard.slice(1)), told);
  // The page may ask again, and what it ended itself is no absence.
  page.says({ type: "assertion", challenge: "d" });
  page.says({ type: "abort" });
  workers[1].goes();
  assert.deepEqual(plain(page.heard.slice(1)), told);
});
