//! A page of evil.test that tries to reach the agent.

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A web server for the one page.
pub(crate) struct ForeignPage {
    port: u16,
}

impl ForeignPage {
    /// Serves the page until the test ends.
    pub(crate) async fn serve(agent_url: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let agent = agent_url.split_once("://").context("no address")?.1;
        let page = PAGE.replace("AGENT_PORT", agent.split_once(':').context("no port")?.1);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let page = page.clone();
                tokio::spawn(async move {
                    let _ = stream.read(&mut [0; 4096]).await;
                    let length = page.len();
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\
                         Content-Length: {length}\r\nConnection: close\r\n\r\n{page}"
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Ok(Self { port })
    }

    pub(crate) fn address(&self) -> String {
        format!("http://evil.test:{}/", self.port)
    }
}

/// Its ways to the agent, each with what came of it.
const PAGE: &str = r#"<!doctype html><html lang="en"><title>A page</title>
<form id="form" method="post" enctype="text/plain" action="http://127.0.0.1:AGENT_PORT/v1/assertion">
<input name='{"challenge":"x","y":"' value='"}'></form>
<p id="loaded">Loaded</p>
<script>
const agent = "http://127.0.0.1:AGENT_PORT";
const body = JSON.stringify({ challenge: "e30.e30.AA" });
const json = { "Content-Type": "application/json" };
const named = (promise) => promise.then((it) => it, () => "failed");
const read = async (response) => `${response.status} ${(await response.json()).code}`;
const element = (name, attributes) => new Promise((resolve) => {
  const it = Object.assign(document.createElement(name), attributes);
  it.onload = () => resolve("loaded");
  it.onerror = () => resolve("failed");
  document.body.append(it);
});
const socket = () => new Promise((resolve) => {
  const it = new WebSocket(agent.replace("http", "ws") + "/v1/assertion");
  it.onopen = () => resolve("open");
  it.onerror = () => resolve("failed");
});
// A frame without an origin: it says `Origin: null`.
const sandbox = () => new Promise((resolve) => {
  addEventListener("message", (event) => resolve(event.data), { once: true });
  const it = document.createElement("iframe");
  it.sandbox = "allow-scripts";
  it.srcdoc = `<script>fetch("${agent}/v1/status").then(
    () => parent.postMessage("answered", "*"), () => parent.postMessage("failed", "*"))<\/script>`;
  document.body.append(it);
});
window.attack = async () => ({
  "fetch": await named(fetch(`${agent}/v1/status`).then(read)),
  "fetch with a challenge":
    await named(fetch(`${agent}/v1/assertion`, { method: "POST", headers: json, body }).then(read)),
  "fetch without reading": await named(fetch(`${agent}/v1/assertion`,
    { method: "POST", mode: "no-cors", body }).then((it) => it.type)),
  "preflight from the internet": await named(fetch(`${agent}/v1/assertion`, { method: "POST",
    headers: { ...json, "X-More": "1" }, body, credentials: "include" }).then(read)),
  "image": await element("img", { src: `${agent}/v1/status` }),
  "script": await element("script", { src: `${agent}/v1/status` }),
  "web socket": await socket(),
  "sandboxed frame": await sandbox(),
});
</script>"#;
