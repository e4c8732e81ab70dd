//! The back-channel logout endpoint of the suite's client: a real one, which answers as it should,
//! on TLS with a certificate that it has issued to itself, as the suite's front has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use cardea_jose::parse_base64url;
use cardea_xtask::process;
use native_tls::Identity;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_native_tls::TlsAcceptor;
use url::form_urlencoded;

/// Longer than the server takes to tell a client.
const WAIT: Duration = Duration::from_secs(60);
/// More than a logout request has.
const REQUEST_BYTES_MAX: usize = 64 * 1024;
const ACCEPTED: &[u8] =
    b"HTTP/1.1 200 OK\r\ncache-control: no-store\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// It is bound as long as the system runs; a module listens while it waits.
pub(super) struct Receiver {
    socket: std::net::TcpListener,
    acceptor: TlsAcceptor,
}

/// The certificate and the key of a receiver.
pub(super) struct Files {
    /// Who calls it must trust this.
    pub(super) certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    /// Makes both.
    pub(super) fn make(folder: &Path) -> Result<Self> {
        let (certificate, key) = (folder.join("receiver.pem"), folder.join("receiver.key"));
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]);
        command.args(["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=suite"]);
        command.args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout"]);
        command.arg(&key).arg("-out").arg(&certificate);
        process::capture(&mut command)?;
        Ok(Self { certificate, key })
    }

    fn acceptor(&self) -> Result<TlsAcceptor> {
        let read = |file| fs::read(file).context("no TLS for the receiver");
        let identity = Identity::from_pkcs8(&read(&self.certificate)?, &read(&self.key)?)?;
        Ok(native_tls::TlsAcceptor::new(identity)?.into())
    }
}

/// One request that came.
#[derive(Clone, Debug)]
pub struct LogoutRequest {
    /// The request line and the headers, in lower case.
    pub head: String,
    /// The form.
    pub form: Vec<(String, String)>,
}

impl Receiver {
    pub(super) fn bind(folder: &Path) -> Result<(Self, Files)> {
        let files = Files::make(folder)?;
        let socket = std::net::TcpListener::bind("127.0.0.1:0").context("no free port")?;
        socket.set_nonblocking(true)?;
        let acceptor = files.acceptor()?;
        Ok((Self { socket, acceptor }, files))
    }

    /// The address without the last word, which the clients file has.
    pub(super) fn url(&self) -> Result<String> {
        Ok(format!("https://{}/backchannel", self.socket.local_addr()?))
    }

    /// The request about one session; others are answered, and left.
    pub(super) async fn logout_request(&self, sid: &str) -> Result<LogoutRequest> {
        let listener = TcpListener::from_std(self.socket.try_clone()?)?;
        let about_it = async {
            loop {
                let (connection, _) = listener.accept().await?;
                let connection = self.acceptor.accept(connection).await?;
                let request = receive(connection).await?;
                if request.sid().as_deref() == Some(sid) {
                    return Ok(request);
                }
            }
        };
        timeout(WAIT, about_it)
            .await
            .context("no logout token came")?
    }
}

impl LogoutRequest {
    /// The logout token.
    ///
    /// # Errors
    /// When the form has none, or more than it.
    pub fn token(&self) -> Result<&str> {
        match self.form.as_slice() {
            [(name, token)] if name == "logout_token" => Ok(token),
            other => bail!("the form of a logout request is {other:?}"),
        }
    }

    fn sid(&self) -> Option<String> {
        let part = self.token().ok()?.split('.').nth(1)?;
        let claims: Value = serde_json::from_slice(&parse_base64url(part).ok()?).ok()?;
        Some(claims.get("sid")?.as_str()?.to_owned())
    }
}

async fn receive(mut connection: impl AsyncRead + AsyncWrite + Unpin) -> Result<LogoutRequest> {
    let mut bytes = Vec::new();
    loop {
        let length = connection.read_buf(&mut bytes).await?;
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let expected = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .and_then(|length| length.parse::<usize>().ok())
                .context("a logout request has a length")?;
            if body.len() >= expected {
                let form = form_urlencoded::parse(body.as_bytes());
                let form = form.into_owned().collect();
                connection.write_all(ACCEPTED).await?;
                connection.flush().await?;
                return Ok(LogoutRequest { head, form });
            }
        }
        if length == 0 || bytes.len() > REQUEST_BYTES_MAX {
            bail!("no logout request: {text}");
        }
    }
}
