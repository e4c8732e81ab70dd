// The main way to the agent: the browser extension, whose content script listens in this page. The
// browser itself tells the extension which origin the page has.

const EXTENSION_HELLO_MS = 250;
const EXTENSION_HELLO_AGAIN_MS = 5_000;

// The extension works, and finds no agent, or no longer.
const AGENT_NOT_RUNNING = "extension.agent_not_running";

// Whether the extension has spoken on this page. From then on the port is no way any more, whatever
// the extension says later: with an agent and a card of his own, another user of this computer who
// sits there could sign this browser in as himself.
let extensionSpoke = false;

/** The extension's end of a channel of our own, or null where there is no extension. */
function connectExtension() {
  const { port1: port, port2: theirs } = new MessageChannel();
  return new Promise((resolve) => {
    const patience = extensionSpoke ? EXTENSION_HELLO_AGAIN_MS : EXTENSION_HELLO_MS;
    const late = setTimeout(() => resolve(null), patience);
    port.onmessage = ({ data }) => {
      if (data?.type !== "hello" || data.version !== 1) return;
      clearTimeout(late);
      extensionSpoke = true;
      resolve(port);
      // On a slow machine it came after all: what began at the port meanwhile is given up.
      if (atPort) start();
    };
    window.postMessage({ cardea: "connect", version: 1 }, location.origin, [theirs]);
  });
}

/** Asks through the extension: what was signed, or why no agent was reached this way. */
async function askExtension(port, challenge, signal) {
  const answer = await AgentAnswer.to(challenge);
  const abort = () => port.postMessage({ type: "abort" });
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      port.onmessage = ({ data }) => {
        try {
          if (data?.type === "hello") return;
          if (data?.type === "unavailable") {
            const absence = new Refusal(String(data.code));
            if (answer.begun && absence.code !== AGENT_NOT_RUNNING) throw absence;
            resolve({ absence, spent: answer.begun });
          } else if (answer.take(data)) {
            resolve({ outcome: answer.end() });
          }
        } catch (error) {
          if (!(error instanceof AgentGone)) return reject(error);
          resolve({ absence: new Refusal(AGENT_NOT_RUNNING), spent: true });
        }
      };
      port.postMessage({ type: "assertion", challenge });
    });
  } finally {
    answer.stop();
    signal.removeEventListener("abort", abort);
    port.close();
  }
}
