// Stands between a login page and the extension. It runs only on origins that this workstation is
// enrolled with, in the page's own window and never in a frame, and it carries messages: what the
// page is, the browser tells the service worker.
"use strict";

(() => {
  const VERSION = 1;
  const CHALLENGE_CHARS_MAX = 8 * 1024;

  // A document whose origin is hidden (a sandbox) only looks like the page of its address.
  if (window !== window.top || self.origin !== location.origin) return;

  let current = null;

  // What a page may say, copied member by member: nothing else of its objects goes on.
  function requestOf(message) {
    if (message === null || typeof message !== "object") return null;
    if (message.type === "abort") return { type: "abort" };
    const { type, challenge } = message;
    if (type !== "assertion" || typeof challenge !== "string") return null;
    if (challenge.length > CHALLENGE_CHARS_MAX) return null;
    return { type, challenge };
  }

  // One conversation: `page` is the page's end of a channel, `worker` the way to the extension.
  class Conversation {
    #page;
    #worker = null;

    constructor(page) {
      this.#page = page;
      page.onmessage = ({ data }) => this.#hear(requestOf(data));
      // Where the browser tells of it: the page has closed its end without a word.
      page.onclose = () => this.#end();
      page.postMessage({ type: "hello", version: VERSION });
    }

    close() {
      this.#end();
      this.#page.close();
    }

    #hear(request) {
      if (request === null) return;
      this.#end();
      if (request.type === "abort") return;
      let worker;
      try {
        worker = chrome.runtime.connect({ name: "page" });
      } catch {
        // The extension was updated or switched off since this page was loaded.
        return this.#tellAbsence();
      }
      this.#worker = worker;
      worker.onMessage.addListener((line) => this.#page.postMessage(line));
      // The other end went: updated, switched off, or stopped by the browser. A page that already
      // has its last line has closed its channel and hears no more.
      worker.onDisconnect.addListener(() => {
        if (this.#worker !== worker) return;
        this.#worker = null;
        this.#tellAbsence();
      });
      worker.postMessage(request);
    }

    #tellAbsence() {
      this.#page.postMessage({ type: "unavailable", code: "extension.host_failed" });
    }

    // Closing the way ends the sign-in: the agent takes its prompt away.
    #end() {
      if (this.#worker) this.#worker.disconnect();
      this.#worker = null;
    }
  }

  function drop() {
    if (current) current.close();
    current = null;
  }

  window.addEventListener("message", (event) => {
    if (event.source !== window || event.origin !== location.origin) return;
    const message = event.data;
    if (message === null || typeof message !== "object") return;
    if (message.cardea !== "connect" || message.version !== VERSION) return;
    if (event.ports.length !== 1) return;
    drop();
    current = new Conversation(event.ports[0]);
  });

  window.addEventListener("pagehide", drop);
})();
