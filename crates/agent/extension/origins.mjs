// Which pages the content script runs on: those of the origins that the agent is enrolled with.

const SCRIPT = "login-page";
const ORIGIN = /^https?:\/\/[^/?#*\s]+$/;

/**
 * Match patterns of the origins. Firefox takes patterns with ports and then matches no page by them:
 * there the host's name stands alone, and the agent refuses pages of its other ports.
 */
export function patternsOf(origins, ports) {
  const valid = origins.filter((origin) => typeof origin === "string" && ORIGIN.test(origin));
  const patterns = valid.map((origin) => {
    const url = new URL(origin);
    return `${url.protocol}//${ports ? url.host : url.hostname}/*`;
  });
  return [...new Set(patterns)].sort();
}

export class Origins {
  #connectHost;
  #lastError;
  #scripting;
  #ports;

  constructor({ connectHost, lastError, scripting, ports }) {
    this.#connectHost = connectHost;
    this.#lastError = lastError;
    this.#scripting = scripting;
    this.#ports = ports;
  }

  /** Asks the agent, and registers the script anew. False when no agent answered. */
  async refresh() {
    const origins = await this.#ask();
    if (origins === null) return false;
    await this.#register(patternsOf(origins, this.#ports));
    return true;
  }

  #ask() {
    return new Promise((resolve) => {
      const host = this.#connectHost();
      const end = (origins) => {
        resolve(origins);
        host.disconnect();
      };
      host.onMessage.addListener((answer) => {
        const known = answer && answer.type === "origins" && Array.isArray(answer.origins);
        end(known ? answer.origins : null);
      });
      host.onDisconnect.addListener((port) => {
        // Reading the error tells the browser that it was seen.
        this.#lastError(port || host);
        resolve(null);
      });
      host.postMessage({ type: "origins" });
    });
  }

  async #register(matches) {
    const known = await this.#scripting.getRegisteredContentScripts({ ids: [SCRIPT] });
    if (matches.length === 0) {
      if (known.length > 0) await this.#scripting.unregisterContentScripts({ ids: [SCRIPT] });
      return;
    }
    const script = {
      id: SCRIPT,
      matches,
      js: ["content.js"],
      allFrames: false,
      matchOriginAsFallback: false,
      runAt: "document_start",
      persistAcrossSessions: true,
      world: "ISOLATED",
    };
    if (known.length > 0) await this.#scripting.updateContentScripts([script]);
    else await this.#scripting.registerContentScripts([script]);
  }
}
