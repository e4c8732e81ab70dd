// The lines that the agent answers with, whichever way they come. They are believed in nothing but
// what is shown: the server checks what was signed. They must name this challenge all the same, so
// that a program that merely sits at the agent's place is told from an agent.

// A challenge lives 120 s: while no card is in, it is renewed well before.
const CARD_WAIT_MS = 75_000;

// The agent waits: for a card, for a reader, or for the service that reads it.
const CARD_WAITING_STATES = ["insert_card", "reader_missing", "reader_service_down"];

// What an agent says that is stopped while it asks.
const AGENT_STOPS = "agent.interrupted";

const bytesOf = (text) => Uint8Array.from(atob(text), (it) => it.charCodeAt(0));

function toBase64Url(bytes) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The claims of a JWS, unproven. */
function claimsOf(jws) {
  const payload = String(jws).split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(new TextDecoder().decode(bytesOf(payload)));
}

/** The answer to one challenge, line by line. */
class AgentAnswer {
  #issuer;
  #hash;
  #known = false;
  #renewal = null;
  #begunAt = performance.now();

  /** What is signed, once it is. */
  outcome = null;

  static async to(challenge) {
    const answer = new AgentAnswer();
    answer.#issuer = claimsOf(challenge).iss;
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(challenge));
    answer.#hash = toBase64Url(digest);
    return answer;
  }

  /** Whether an agent has made itself known. */
  get begun() {
    return this.#known;
  }

  /** Takes a line, and says whether it was the last. */
  take(line) {
    clearTimeout(this.#renewal);
    if (line?.type === "error") throw this.#refusal(line);
    if (line?.type === "accepted") this.#check(line.issuer, line.challenge);
    if (!this.#known) throw new Standstill("other_program");
    if (line?.type === "state") {
      showState(line.state, line.tries_left);
      // One wait may turn into another, such as when a reader appears: the challenge is no younger.
      const left = Math.max(0, this.#begunAt + CARD_WAIT_MS - performance.now());
      if (CARD_WAITING_STATES.includes(line.state)) this.#renewal = setTimeout(start, left);
    }
    if (line?.type !== "assertion") return false;
    this.#checkSigned(line);
    this.outcome = line;
    return true;
  }

  /** Ends it; without an outcome something failed on the way. */
  end() {
    clearTimeout(this.#renewal);
    if (this.outcome !== null) return this.outcome;
    throw this.#known ? new AgentGone() : new Standstill("other_program");
  }

  stop() {
    clearTimeout(this.#renewal);
  }

  #refusal({ code, advice, retry_after_seconds: retryAfterSeconds }) {
    if (this.#known && code === AGENT_STOPS) return new AgentGone();
    return new Refusal(String(code), { advice, retryAfterSeconds });
  }

  #check(issuer, challenge) {
    if (issuer !== this.#issuer || challenge !== this.#hash) {
      throw new Standstill("other_program");
    }
    this.#known = true;
  }

  #checkSigned({ assertion }) {
    let claims;
    try {
      claims = claimsOf(assertion);
    } catch {
      throw new Standstill("other_program");
    }
    const { aud, origin, challenge } = claims;
    if (origin !== location.origin) throw new Standstill("other_program");
    this.#check(aud, challenge);
  }
}
