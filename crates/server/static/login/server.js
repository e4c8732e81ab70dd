// What the page says to the server that it comes from.

async function problemOf(response) {
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    // An answer without a body says enough by its status.
  }
  const unknown = response.status >= 500 ? "server.unavailable" : "login.refused";
  const code = typeof problem.code === "string" ? problem.code : unknown;
  return new Refusal(code, {
    correlation: problem.correlation_id,
    advice: problem.advice,
    retryAfterSeconds: problem.retry_after_seconds,
  });
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
