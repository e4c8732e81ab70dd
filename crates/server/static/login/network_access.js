// Whether the browser lets this page speak to programs of this computer (Local Network Access).

// The permission's names, the one that counts first: where a browser knows several, the later ones
// are the earlier one's old or wider names.
const NETWORK_PERMISSIONS = ["loopback-network", "local-network-access", "local-network"];

/** `granted`, `prompt` or `denied`; null where the browser does not know such a permission. */
async function networkPermission() {
  for (const name of NETWORK_PERMISSIONS) {
    try {
      return (await navigator.permissions.query({ name })).state;
    } catch {
      // The browser does not know this name.
    }
  }
  return null;
}

/** Why nothing that this page may read came back from the agent's address. */
async function whyUnreached(agentUrl, signal) {
  if ((await networkPermission()) === "denied") return "network_denied";
  const options = { mode: "no-cors", credentials: "omit", cache: "no-store", signal };
  try {
    await fetch(`${agentUrl}/v1/status`, options);
    // Something answers there, but does not let this page read what.
    return "not_for_this_site";
  } catch {
    return "agent_missing";
  }
}
