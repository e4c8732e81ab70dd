// What the page shows. It holds no words: each state's text is a <template> of the page.

const login = document.getElementById("login");
const panel = document.getElementById("panel");
const reference = document.getElementById("reference");
const pageTitle = document.title;

// Longest advice of the agent that is shown: a sentence or two, with a program's name.
const ADVICE_CHARS_MAX = 300;

/** Why signing in does not go on: a code of the agent, the extension or the server. */
class Refusal extends Error {
  constructor(code, { correlation, advice, retryAfterSeconds } = {}) {
    super(code);
    this.code = code;
    this.correlation = correlation;
    this.advice = advice;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** An agent that had answered is gone: it may come back, and is asked anew then. */
class AgentGone extends Error {}

/** Why signing in does not go on, where the page itself saw it: a state of its own. */
class Standstill extends Error {
  constructor(state) {
    super(state);
    this.state = state;
  }
}

function templateFor(attribute, word) {
  for (const template of document.querySelectorAll("template[data-state]")) {
    if (template.getAttribute(attribute).split(" ").includes(word)) return template;
  }
  return null;
}

/** Writes what was learned into the places that the texts have for it; a line without it goes. */
function fill(content, { triesLeft, advice, retryAfterSeconds }) {
  for (const place of content.querySelectorAll("[data-minutes]")) {
    const minutes = Math.ceil(retryAfterSeconds / 60);
    if (minutes > 0) place.textContent = String(minutes);
    else place.parentElement.remove();
  }
  for (const place of content.querySelectorAll("[data-tries]")) {
    if (Number.isInteger(triesLeft)) place.textContent = String(triesLeft);
    else place.parentElement.remove();
  }
  for (const place of content.querySelectorAll("[data-advice]")) {
    if (typeof advice === "string") place.textContent = advice.slice(0, ADVICE_CHARS_MAX);
    else place.parentElement.remove();
  }
}

function show(template, learned = {}) {
  const content = template.content.cloneNode(true);
  fill(content, learned);
  const button = content.querySelector("button");
  if (button) button.addEventListener("click", start);
  // Whoever pressed a button of the panel must not lose their place with it.
  const wasHere = panel.contains(document.activeElement);
  panel.replaceChildren(content);
  reference.hidden = true;
  login.dataset.state = template.dataset.state;
  document.title = `${panel.querySelector("h2").textContent} – ${pageTitle}`;
  if (button) button.focus({ preventScroll: true });
  else if (wasHere) panel.focus({ preventScroll: true });
}

/** Shows a state; one that this page does not know changes nothing. */
function showState(state, triesLeft) {
  const shown = login.dataset.state;
  if (shown === state && !Number.isInteger(triesLeft)) return;
  // The panel about a wrong PIN asks for the PIN too, and says how many tries are left.
  const asks = state === "pin_asked" || state === "pin_on_reader";
  if (asks && (shown === "pin_incorrect" || shown === "pin_last_try")) return;
  const template = templateFor("data-state", String(state));
  if (template) show(template, { triesLeft });
}

function showRefusal({ code, correlation, advice, retryAfterSeconds }) {
  const template = templateFor("data-codes", code) || templateFor("data-state", "refused");
  if (login.dataset.state !== template.dataset.state) show(template, { advice, retryAfterSeconds });
  login.dataset.code = code;
  reference.querySelector("code").textContent = correlation || code;
  reference.hidden = "quiet" in template.dataset;
}
