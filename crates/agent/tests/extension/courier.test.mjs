import assert from "node:assert/strict";
import { test } from "node:test";

import { Courier, originOf, requestOf } from "../../extension/courier.mjs";
import { Port } from "./port.mjs";

const ID = "ajfkdaenajfbbnpbnjbcbepophffeanh";
const sender = (changes = {}) =>
  ({ id: ID, frameId: 0, tab: { id: 7 }, origin: "https://login.example", ...changes });

function scene(members = {}) {
  const hosts = [];
  const courier = new Courier({
    connectHost: () => { hosts.push(new Port()); return hosts.at(-1); },
    lastError: (port) => port.error,
    whyGone: (error) => (error ? "extension.host_missing" : "extension.host_failed"),
    ownId: ID,
  });
  const page = new Port({ name: "page", sender: sender(), ...members });
  courier.accept(page);
  return { page, hosts };
}

test("the origin is the browser's word about a page in a tab's own window, or none", () => {
  const cases = [
    [{}, "https://login.example"],
    [{ origin: "https://login.example:8443" }, "https://login.example:8443"],
    [{ origin: "http://127.0.0.1:47100" }, "http://127.0.0.1:47100"],
    [{ origin: "http://localhost:47100" }, "http://localhost:47100"],
    [{ origin: "http://login.example" }, null],
    [{ origin: "null" }, null],
    [{ origin: "https://login.example/" }, null],
    [{ origin: "https://login.example\nhttps://evil.test" }, null],
    [{ origin: `chrome-extension://${ID}` }, null],
    [{ origin: undefined, url: "https://login.example/login" }, null],
    [{ frameId: 3 }, null],
    [{ frameId: undefined }, null],
    [{ tab: undefined }, null],
    [{ tab: { id: -1 } }, null],
    [{ id: "ponmlkjihgfedcbaponmlkjihgfedcba" }, null],
  ];
  for (const [changes, origin] of cases) {
    assert.equal(originOf(sender(changes), ID), origin, JSON.stringify(changes));
  }
  assert.equal(originOf(undefined, ID), null);
});

test("a request takes its origin from the browser, whatever the message says", () => {
  const message = { type: "assertion", challenge: "c", origin: "https://evil.test", pin: "1234" };
  const expected = { type: "assertion", origin: "https://login.example", challenge: "c" };
  assert.deepEqual(requestOf(message, "https://login.example"), expected);
  for (const refused of [null, "assertion", {}, { type: "origins" }, { type: "assertion" }]) {
    assert.equal(requestOf(refused, "https://login.example"), null);
  }
});

test("lines go to the page until the last one, which ends the host", () => {
  const { page, hosts } = scene();
  page.says({ type: "assertion", challenge: "c" });
  const [host] = hosts;
  assert.deepEqual(host.sent, [{ type: "assertion", origin: "https://login.example", challenge: "c" }]);
  host.says({ type: "accepted", issuer: "https://login.example", challenge: "h" });
  host.says({ type: "state", state: "pin_asked" });
  host.says("no line");
  host.says({ type: "assertion", assertion: "a", attestation: "b" });
  assert.deepEqual(page.sent.map((line) => line.type), ["accepted", "state", "assertion"]);
  assert.equal(host.open, false);
  host.goes();
  assert.equal(page.sent.length, 3, "an end after the last line is none to tell of");
});

test("a page that goes ends its host, and with it the prompt", () => {
  const { page, hosts } = scene();
  page.says({ type: "assertion", challenge: "c" });
  page.goes();
  assert.equal(hosts[0].open, false);
});

test("a missing or failing host is told apart", () => {
  for (const [error, code] of [
    [{ message: "Specified native messaging host not found." }, "extension.host_missing"],
    [undefined, "extension.host_failed"],
  ]) {
    const { page, hosts } = scene();
    page.says({ type: "assertion", challenge: "c" });
    hosts[0].error = error;
    hosts[0].goes();
    assert.deepEqual(page.sent, [{ type: "unavailable", code }]);
  }
});

test("frames, other extensions and ports of another name get nothing", () => {
  for (const members of [
    { sender: sender({ frameId: 1 }) },
    { sender: sender({ id: "other" }) },
    { name: "other" },
  ]) {
    const { page, hosts } = scene(members);
    assert.equal(page.open, false);
    page.says({ type: "assertion", challenge: "c" });
    assert.equal(hosts.length, 0);
  }
});

test("a second request on one port ends both", () => {
  const { page, hosts } = scene();
  page.says({ type: "assertion", challenge: "c" });
  page.says({ type: "assertion", challenge: "d" });
  assert.equal(hosts.length, 1);
  assert.equal(hosts[0].open, false);
  assert.equal(page.open, false);
});
