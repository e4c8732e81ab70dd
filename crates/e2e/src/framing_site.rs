//! A site whose pages may stand in frames and sandboxes, which the server's own never may.

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Greets Cardea's extension as a login page does, and notes its first word.
const PAGE: &str = "<!doctype html><meta charset=utf-8><title>frame</title><script>
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => { document.documentElement.dataset.heard = data.type; };
    window.postMessage({ cardea: 'connect', version: 1 }, '*', [port2]);
    </script>";

/// The site, as long as the test runs.
#[derive(Debug)]
pub struct FramingSite {
    port: u16,
}

impl FramingSite {
    /// Starts it: `/` is a page, `/frame` one that holds it in a frame, `/sandbox` one without an
    /// origin.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.context("no free port")?;
        let port = listener.local_addr()?.port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream));
            }
        });
        Ok(Self { port })
    }

    /// Its origin.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The same site under another name, which is another origin.
    pub fn other_origin(&self) -> String {
        format!("http://localhost:{}", self.port)
    }
}

async fn answer(mut stream: TcpStream) {
    let mut request = [0; 4096];
    let Ok(count) = stream.read(&mut request).await else {
        return;
    };
    let request = String::from_utf8_lossy(request.get(..count).unwrap_or_default());
    let (header, more) = match request.split(' ').nth(1) {
        Some("/frame") => ("", "<iframe src=\"/\"></iframe>"),
        Some("/sandbox") => ("Content-Security-Policy: sandbox allow-scripts\r\n", ""),
        _ => ("", ""),
    };
    let length = PAGE.len() + more.len();
    let response = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n{header}\
         Connection: close\r\n\r\n{PAGE}{more}"
    );
    let _ = stream.write_all(response.as_bytes()).await;
}
