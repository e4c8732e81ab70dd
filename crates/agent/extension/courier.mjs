// Carries one page's request to the native messaging host and the answers back.

const ORIGIN = /^(https:\/\/[a-z0-9.-]+(:[0-9]{1,5})?|http:\/\/(localhost|127\.0\.0\.1)(:[0-9]{1,5})?)$/;
const LAST = new Set(["assertion", "error", "unavailable"]);

/**
 * The origin of the page behind a port, as the browser attests it; null for whatever is no page of
 * a tab's own window: a frame, another extension, a document that hides its origin.
 */
export function originOf(sender, ownId) {
  if (!sender || sender.id !== ownId) return null;
  if (sender.frameId !== 0 || !sender.tab || typeof sender.tab.id !== "number") return null;
  if (sender.tab.id < 0) return null;
  const { origin } = sender;
  return typeof origin === "string" && ORIGIN.test(origin) ? origin : null;
}

/** The request of a page as the host takes it; null for anything else. */
export function requestOf(message, origin) {
  if (message === null || typeof message !== "object" || message.type !== "assertion") return null;
  const { challenge } = message;
  return typeof challenge === "string" ? { type: "assertion", origin, challenge } : null;
}

export class Courier {
  #connectHost;
  #lastError;
  #whyGone;
  #ownId;

  constructor({ connectHost, lastError, whyGone, ownId }) {
    this.#connectHost = connectHost;
    this.#lastError = lastError;
    this.#whyGone = whyGone;
    this.#ownId = ownId;
  }

  /** Serves one content script. A port carries one request; a second one ends it. */
  accept(page) {
    const origin = originOf(page.sender, this.#ownId);
    if (page.name !== "page" || origin === null) return page.disconnect();
    let host = null;
    page.onMessage.addListener((message) => {
      const request = host === null ? requestOf(message, origin) : null;
      if (request === null) {
        if (host) host.disconnect();
        return page.disconnect();
      }
      host = this.#ask(request, page);
    });
    // The tab was closed, went elsewhere, or the page does not want an answer any more.
    page.onDisconnect.addListener(() => host && host.disconnect());
  }

  #ask(request, page) {
    const host = this.#connectHost();
    let ended = false;
    const tell = (line) => {
      ended = LAST.has(line.type);
      try {
        page.postMessage(line);
      } catch {
        // The page has gone meanwhile.
        ended = true;
      }
      if (ended) host.disconnect();
    };
    host.onMessage.addListener((line) => {
      if (!ended && line && typeof line.type === "string") tell(line);
    });
    host.onDisconnect.addListener((port) => {
      const code = this.#whyGone(this.#lastError(port || host));
      if (!ended) tell({ type: "unavailable", code });
    });
    host.postMessage(request);
    return host;
  }
}
