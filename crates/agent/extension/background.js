// The extension's only part that reaches the workstation: registers the content script for the
// origins that the agent is enrolled with, and carries one request of such a page to the native
// messaging host. Whose page it is comes from the browser (`sender`), never from a message.

import { Courier } from "./courier.mjs";
import { Origins } from "./origins.mjs";

const HOST = "cardea.agent";
const REFRESH = "refresh";

const HOST_MISSING = "extension.host_missing";
const HOST_FAILED = "extension.host_failed";

// What Chromium and Firefox say when there is no host to start, or none that this extension may.
const MISSING = /host not found|forbidden|No such native application/i;

function whyGone(error) {
  return error && MISSING.test(String(error.message)) ? HOST_MISSING : HOST_FAILED;
}

const connectHost = () => chrome.runtime.connectNative(HOST);
const lastError = (port) => port.error || chrome.runtime.lastError;
const courier = new Courier({ connectHost, lastError, whyGone, ownId: chrome.runtime.id });
const ports = !chrome.runtime.getURL("").startsWith("moz-extension:");
const origins = new Origins({ connectHost, lastError, scripting: chrome.scripting, ports });

// While no agent answers, it is looked for each minute; else the enrolled origins are read again
// twice an hour, when the browser starts, and when the person presses the button.
async function refresh() {
  let known = false;
  try {
    known = await origins.refresh();
  } finally {
    await chrome.alarms.create(REFRESH, { delayInMinutes: known ? 30 : 1 });
  }
}

chrome.runtime.onConnect.addListener((port) => courier.accept(port));
chrome.runtime.onInstalled.addListener(refresh);
chrome.runtime.onStartup.addListener(refresh);
chrome.action.onClicked.addListener(refresh);
chrome.alarms.onAlarm.addListener((alarm) => alarm.name === REFRESH && refresh());
