// The way to the agent without the extension: HTTP on this computer's loopback address.

// The agent's answer holds one assertion (24 KiB at most) and its attestation.
const STREAM_CHARS_MAX = 128 * 1024;

// Whether this page is asking there now.
let atPort = false;

function parseLine(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Gives each line of the agent's stream to `onLine` as an object, until it returns true. */
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
      if (line.trim() !== "" && onLine(parseLine(line))) return;
    }
  }
  if (text.trim() !== "") onLine(parseLine(text));
}

/** The refusal of an agent; another program's answer has no code of ours. */
async function refusalOf(response) {
  const refusal = await problemOf(response);
  const isAgents = refusal.code.startsWith("agent.") || refusal.code.startsWith("card.");
  return isAgents ? refusal : new Standstill("other_program");
}

/** Asks over loopback: what was signed, or why no agent was reached this way. */
async function askLoopback(agentUrl, challenge, signal) {
  atPort = true;
  try {
    return await askAtPort(agentUrl, challenge, signal);
  } finally {
    // An attempt that took this one's place may be there already.
    if (!signal.aborted) atPort = false;
  }
}

async function askAtPort(agentUrl, challenge, signal) {
  const answer = await AgentAnswer.to(challenge);
  let response;
  try {
    response = await fetch(`${agentUrl}/v1/assertion`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ challenge }),
      credentials: "omit",
      redirect: "error",
      cache: "no-store",
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    return { absence: new Standstill(await whyUnreached(agentUrl, signal)) };
  }
  if (!response.ok) throw await refusalOf(response);
  try {
    await readLines(response, (line) => answer.take(line));
    return { outcome: answer.end() };
  } catch (error) {
    if (signal.aborted || error instanceof Refusal || error instanceof Standstill) throw error;
    if (!answer.begun) throw new Refusal("agent.internal");
    return { absence: new Standstill("agent_missing"), spent: true };
  } finally {
    answer.stop();
  }
}
