// Carries the challenge from the server to the agent on this workstation, and the card's assertion
// back. It holds no words: each state's text is a <template> of the page. The PIN never comes here.
"use strict";

(() => {
  // The agent's answer holds one assertion (24 KiB at most) and its attestation.
  const STREAM_CHARS_MAX = 128 * 1024;
  // A challenge lives 120 s: while no card is in, it is renewed well before.
  const CARD_WAIT_MS = 75_000;
  const AGENT_POLL_MS = 2_000;
  const AGENT_POLLS_MAX = 150;
  const BACK_AGAIN_MS = 5_000;

  const login = document.getElementById("login");
  const panel = document.getElementById("panel");
  const reference = document.getElementById("reference");
  const title = document.title;
  let attempt = null;

  class Refusal extends Error {
    constructor(code, correlation) {
      super(code);
      this.code = code;
      this.correlation = correlation;
    }
  }

  function templateFor(attribute, word) {
    for (const template of document.querySelectorAll("template[data-state]")) {
      if (template.getAttribute(attribute).split(" ").includes(word)) return template;
    }
    return null;
  }

  function show(template, triesLeft) {
    const state = template.dataset.state;
    const content = template.content.cloneNode(true);
    for (const place of content.querySelectorAll("[data-tries]")) {
      if (Number.isInteger(triesLeft)) place.textContent = String(triesLeft);
      else place.parentElement.remove();
    }
    const button = content.querySelector("button");
    if (button) button.addEventListener("click", start);
    // Whoever pressed a button of the panel must not lose their place with it.
    const wasHere = panel.contains(document.activeElement);
    panel.replaceChildren(content);
    reference.hidden = true;
    login.dataset.state = state;
    document.title = `${panel.querySelector("h2").textContent} – ${title}`;
    if (button) button.focus({ preventScroll: true });
    else if (wasHere) panel.focus({ preventScroll: true });
  }

  function showState(state, triesLeft) {
    const shown = login.dataset.state;
    if (shown === state && !Number.isInteger(triesLeft)) return;
    // The panel about a wrong PIN asks for the PIN too, and says how many tries are left.
    if (state === "pin_asked" && (shown === "pin_incorrect" || shown === "pin_last_try")) return;
    const template = templateFor("data-state", state);
    if (template) show(template, triesLeft);
  }

  function showRefusal(refusal) {
    const template =
      templateFor("data-codes", refusal.code) || templateFor("data-state", "refused");
    show(template);
    login.dataset.code = refusal.code;
    reference.querySelector("code").textContent = refusal.correlation || refusal.code;
    reference.hidden = "quiet" in template.dataset;
  }

  async function problemOf(response) {
    let problem = {};
    try {
      problem = await response.json();
    } catch {
      // An answer without a body says enough by its status.
    }
    const unknown = response.status >= 500 ? "server.unavailable" : "login.refused";
    const code = typeof problem.code === "string" ? problem.code : unknown;
    return new Refusal(code, problem.correlation_id);
  }

  async function postToServer(path, body, signal) {
    let response;
    try {
      response = await fetch(path, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        credentials: "same-origin",
        redirect: "error",
        cache: "no-store",
        signal,
      });
    } catch (error) {
      if (signal.aborted) throw error;
      throw new Refusal("server.unavailable");
    }
    if (!response.ok) throw await problemOf(response);
    return response.json();
  }

  // Gives each line of the agent's stream to `onLine` as an object, until it returns true.
  async function readLines(response, onLine) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    let total = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      total += value.length;
      if (total > STREAM_CHARS_MAX) throw new Refusal("agent.internal");
      text += value;
      const lines = text.split("\n");
      text = lines.pop();
      for (const line of lines) {
        if (line.trim() !== "" && onLine(JSON.parse(line))) return;
      }
    }
    if (text.trim() !== "") onLine(JSON.parse(text));
  }

  async function askAgent(agentUrl, challenge, current) {
    let response;
    try {
      response = await fetch(`${agentUrl}/v1/assertion`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ challenge }),
        credentials: "omit",
        redirect: "error",
        cache: "no-store",
        signal: current.signal,
      });
    } catch (error) {
      if (current.signal.aborted) throw error;
      return null;
    }
    if (!response.ok) throw await problemOf(response);

    let outcome = null;
    let renewal = null;
    try {
      await readLines(response, (message) => {
        clearTimeout(renewal);
        if (message.type !== "state") {
          outcome = message;
          return true;
        }
        showState(message.state, message.tries_left);
        if (message.state === "insert_card") renewal = setTimeout(start, CARD_WAIT_MS);
        return false;
      });
    } catch (error) {
      if (current.signal.aborted || error instanceof Refusal) throw error;
      throw new Refusal("agent.internal");
    } finally {
      clearTimeout(renewal);
    }
    if (outcome === null) throw new Refusal("agent.internal");
    if (outcome.type !== "assertion") throw new Refusal(String(outcome.code));
    return outcome;
  }

  async function agentAnswers(agentUrl, signal) {
    try {
      const options = { credentials: "omit", redirect: "error", cache: "no-store", signal };
      return (await fetch(`${agentUrl}/v1/status`, options)).ok;
    } catch {
      return false;
    }
  }

  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  // Without an agent the page waits for one to be started; the button tries at once.
  async function waitForAgent(agentUrl, current) {
    showState("agent_missing");
    for (let poll = 0; poll < AGENT_POLLS_MAX && !current.signal.aborted; poll += 1) {
      await pause(AGENT_POLL_MS);
      if (document.visibilityState !== "visible") continue;
      if (await agentAnswers(agentUrl, current.signal)) {
        if (!current.signal.aborted) start();
        return;
      }
    }
  }

  async function run(current) {
    const { challenge, agent_url: agentUrl } =
      await postToServer(login.dataset.challenge, {}, current.signal);
    const outcome = await askAgent(agentUrl, challenge, current);
    if (outcome === null) return waitForAgent(agentUrl, current);
    showState("checking");
    const { assertion, attestation } = outcome;
    const answer =
      await postToServer(login.dataset.assertion, { assertion, attestation }, current.signal);
    showState("success");
    location.replace(answer.redirect_to);
  }

  // One attempt at a time: a new one closes the agent's stream, which takes its prompt away.
  async function start() {
    if (attempt) attempt.abort();
    const current = new AbortController();
    attempt = current;
    delete login.dataset.code;
    showState("looking");
    try {
      await run(current);
    } catch (error) {
      if (current.signal.aborted) return;
      showRefusal(error instanceof Refusal ? error : new Refusal("server.unavailable"));
    }
  }

  // The way back is a plain form. A second press would take the place of the first, whose answer
  // leads to the portal.
  let leaving = false;
  document.getElementById("back").addEventListener("submit", (event) => {
    if (leaving) event.preventDefault();
    leaving = true;
    setTimeout(() => { leaving = false; }, BACK_AGAIN_MS);
  });

  // The press on the portal's button is the one gesture behind the PIN prompt: where the server
  // saw that a press led here, the page starts by itself. Sent here by a script, or come back to
  // through the browser's history, it waits for a press of its own.
  addEventListener("pagehide", () => attempt && attempt.abort());
  addEventListener("pageshow", (event) => {
    const [navigation] = performance.getEntriesByType("navigation");
    const returned = event.persisted || (navigation && navigation.type === "back_forward");
    if ("pressed" in login.dataset && !returned) start();
    else showState("start");
  });
})();
