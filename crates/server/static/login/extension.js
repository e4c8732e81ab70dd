// The main way to the agent: the browser extension, whose content script listens in this page. The
// browser itself tells the extension which origin the page has.

const EXTENSION_HELLO_MS = 250;

/** The extension's end of a channel of our own, or null where there is no extension. */
function connectExtension() {
  const { port1: port, port2: theirs } = new MessageChannel();
  return new Promise((resolve) => {
    const late = setTimeout(() => {
      port.close();
      resolve(null);
    }, EXTENSION_HELLO_MS);
    port.onmessage = ({ data }) => {
      if (data?.type !== "hello" || data.version !== 1) return;
      clearTimeout(late);
      resolve(port);
    };
    window.postMessage({ cardea: "connect", version: 1 }, location.origin, [theirs]);
  });
}

/** Asks through the extension: what was signed, or why no agent was reached this way. */
async function askExtension(connecting, challenge, signal) {
  const port = await connecting;
  signal.throwIfAborted();
  if (port === null) return { absence: null };
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
            if (answer.begun) throw absence;
            resolve({ absence });
          } else if (answer.take(data)) {
            resolve({ outcome: answer.end() });
          }
        } catch (error) {
          reject(error);
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
