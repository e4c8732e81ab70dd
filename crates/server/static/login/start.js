// Carries the challenge from the server to the agent on this workstation, and the card's assertion
// back. The PIN never comes here.

const AGENT_POLL_MS = 2_000;
const AGENT_POLLS_MAX = 150;
const BACK_AGAIN_MS = 5_000;

/** States in which an agent may still come, so that the page looks again by itself. */
const WAITING_STATES = ["agent_missing", "agent_not_running", "network_denied"];

/** What the person said no by in the agent's window. */
const CANCELS = ["agent.prompt_cancelled", "agent.last_try_declined"];

let attempt = null;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Asks the agent by the extension; over loopback only where no extension has ever spoken. */
async function askAgent(connecting, { challenge, agent_url: agentUrl }, signal) {
  let port = await connecting;
  // The hello came a moment late, after its channel was given up and before the port was asked.
  if (port === null && extensionSpoke) port = await connectExtension();
  signal.throwIfAborted();
  if (port !== null) return askExtension(port, challenge, signal);
  if (!extensionSpoke) return askLoopback(agentUrl, challenge, signal);
  // It was switched off or updated since: a page that is loaded again finds out.
  return { absence: new Refusal("extension.host_failed") };
}

function showAbsence(absence) {
  if (absence instanceof Refusal) showRefusal(absence);
  else showState(absence.state);
}

/** Looks for an agent until one has answered. Without one the page waits for it to be started. */
async function untilAgentAnswers(connecting, signal) {
  // Browsers let no such page near this computer, and it could not check an answer either.
  if (!window.isSecureContext) throw new Standstill("insecure_page");
  let asked = null;
  let askedAt = 0;
  for (let poll = 0; poll <= AGENT_POLLS_MAX; poll += 1) {
    if (asked === null || performance.now() - askedAt > CARD_WAIT_MS) {
      asked = await postToServer(login.dataset.challenge, {}, signal);
      askedAt = performance.now();
      // Said before the browser asks, and not again while the page waits.
      if (poll === 0 && (await connecting) === null && !extensionSpoke) await announceQuestion();
    }
    const { outcome, absence, spent } = await askAgent(connecting, asked, signal);
    if (outcome) return outcome;
    signal.throwIfAborted();
    showAbsence(absence);
    // An agent that has begun with a challenge takes it only once.
    if (spent) asked = null;
    if (!WAITING_STATES.includes(login.dataset.state)) break;
    do {
      await pause(AGENT_POLL_MS);
      signal.throwIfAborted();
    } while (document.visibilityState !== "visible");
    if (extensionSpoke) connecting = connectExtension();
  }
  return null;
}

async function announceQuestion() {
  if ((await networkPermission()) === "prompt") showState("network_prompt");
}

async function run(signal) {
  const outcome = await untilAgentAnswers(connectExtension(), signal);
  if (outcome === null) return;
  showState("checking");
  const { assertion, attestation } = outcome;
  const answer = await postToServer(login.dataset.assertion, { assertion, attestation }, signal);
  showState("success");
  location.replace(answer.redirect_to);
}

/** One attempt at a time: a new one closes the agent's stream, which takes its prompt away. */
async function start() {
  if (attempt) attempt.abort();
  atPort = false;
  const current = new AbortController();
  attempt = current;
  delete login.dataset.code;
  showState("looking");
  try {
    await run(current.signal);
  } catch (error) {
    if (current.signal.aborted) return;
    if (error instanceof Standstill) showState(error.state);
    else showRefusal(error instanceof Refusal ? error : new Refusal("server.unavailable"));
    // "Cancel" in the agent's window is the same answer as the button of this page.
    if (CANCELS.includes(error.code)) back.requestSubmit();
  }
}

// The way back is a plain form. A second press would take the place of the first, whose answer
// leads to the portal.
const back = document.getElementById("back");
let leaving = false;
back.addEventListener("submit", (event) => {
  if (leaving) event.preventDefault();
  leaving = true;
  setTimeout(() => { leaving = false; }, BACK_AGAIN_MS);
});

// The press on the portal's button is the one gesture behind the PIN prompt: where the server saw
// that a press led here, the page starts by itself. Sent here by a script, or come back to through
// the browser's history, it waits for a press of its own.
addEventListener("pagehide", () => {
  if (attempt) attempt.abort();
  // A late hello starts nothing on a page that is come back to.
  atPort = false;
});
addEventListener("pageshow", (event) => {
  const [navigation] = performance.getEntriesByType("navigation");
  const returned = event.persisted || (navigation && navigation.type === "back_forward");
  if ("pressed" in login.dataset && !returned) start();
  else showState("start");
});
