//! Answers on their way to a portal of another origin, in a real browser: by form post, and after
//! the consent page, whose policies must let them through and nothing else (attacks E8 and E20).

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use cardea_e2e::{AuthorizationRequest, Browser, CLIENTS, Stage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use url::form_urlencoded;

/// Longer than a login takes.
const WAIT: Duration = Duration::from_secs(30);
/// More than an answer has.
const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// A portal reduced to its redirect URI: it keeps what comes.
struct Portal {
    redirect_uri: String,
    received: mpsc::UnboundedReceiver<Received>,
}

/// One request that a browser made there.
#[derive(Debug)]
struct Received {
    /// Method, target and headers.
    head: String,
    body: String,
}

impl Received {
    fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// What stands behind the question mark.
    fn query(&self) -> Result<&str> {
        let (_, query) = self.target().split_once('?').context("no query")?;
        Ok(query)
    }
}

impl Portal {
    async fn open() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let redirect_uri = format!("http://{}/callback", listener.local_addr()?);
        let (sender, received) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let sender = sender.clone();
                tokio::spawn(async move {
                    if let Ok(Some(request)) = receive(socket).await {
                        let _ = sender.send(request);
                    }
                });
            }
        });
        Ok(Self {
            redirect_uri,
            received,
        })
    }

    async fn stage(&self, name: &str) -> Result<Stage> {
        let client = format!(
            "\n[[client]]\nclient_id = \"asking\"\nname = \"Portail d’à côté\"\n\
             redirect_uris = [\"{}\"]\ntoken_endpoint_auth_method = \"none\"\n\
             consent = \"explicit\"\nscopes = [\"openid\", \"profile\"]\n",
            self.redirect_uri
        );
        Stage::open_with(name, |options| {
            let written = fs::write(
                options.folder.join("clients.toml"),
                format!("{CLIENTS}{client}"),
            );
            assert!(written.is_ok(), "the clients cannot be written");
        })
        .await
    }

    fn request(&self, mode: &str) -> Result<AuthorizationRequest> {
        Ok(AuthorizationRequest::new()?
            .with("client_id", Some("asking"))
            .with("redirect_uri", Some(&self.redirect_uri))
            .with("state", Some("\"><script>document.title='x'</script>"))
            .with("response_mode", Some(mode)))
    }

    /// The next answer, past what browsers ask for by themselves.
    async fn answer(&mut self) -> Result<Received> {
        loop {
            let received = timeout(WAIT, self.received.recv()).await;
            let request = received
                .context("nothing came in time")?
                .context("the portal is gone")?;
            if request.target().starts_with("/callback") {
                return Ok(request);
            }
        }
    }
}

/// Reads a request and answers it with a page; none for a connection that asks nothing.
async fn receive(mut socket: TcpStream) -> Result<Option<Received>> {
    let mut bytes = Vec::new();
    let request = loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lengths = head.lines().filter_map(|line| line.split_once(':'));
            let length = lengths
                .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .find_map(|(_, value)| value.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                break Received {
                    head: head.to_owned(),
                    body: body.to_owned(),
                };
            }
        }
        let mut chunk = [0; 4096];
        let read = socket.read(&mut chunk).await?;
        if read == 0 || bytes.len() > REQUEST_BYTES_MAX {
            return Ok(None);
        }
        bytes.extend_from_slice(chunk.get(..read).unwrap_or_default());
    };
    let page = "<!DOCTYPE html><title>Portal</title><p id=\"received\">received</p>";
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{page}",
        page.len()
    );
    socket.write_all(answer.as_bytes()).await?;
    Ok(Some(request))
}

fn parameter(pairs: &str, name: &str) -> Option<String> {
    form_urlencoded::parse(pairs.as_bytes())
        .find(|(found, _)| found == name)
        .map(|(_, value)| value.into_owned())
}

/// Begins a login and answers the consent page.
async fn log_in(browser: &Browser, address: &str, answer: &str) -> Result<()> {
    browser.goto(address).await?;
    browser.press_start_if_asked().await?;
    browser.wait_for("form[action^=\"/consent/\"]").await?;
    browser.click(&format!("button[value=\"{answer}\"]")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_on_the_consent_page_lets_the_code_through_in_both_modes() -> Result<()> {
    let mut portal = Portal::open().await?;
    let stage = portal.stage("answers-yes").await?;
    for mode in ["query", "form_post"] {
        // One that has no session, so that both answers come after a login.
        let browser = Browser::open().await?;
        let request = portal.request(mode)?.with("prompt", Some("consent"));
        let address = request.address(stage.system())?;
        log_in(&browser, address.as_str(), "allow").await?;
        browser.wait_for("#received").await?;
        let received = portal.answer().await?;
        let answer = match mode {
            "query" => {
                assert!(received.head.starts_with("GET /callback?"), "{received:?}");
                received.query()?
            }
            _ => {
                assert!(received.head.starts_with("POST /callback "), "{received:?}");
                received.body.as_str()
            }
        };
        assert!(parameter(answer, "code").is_some(), "{received:?}");
        let state = parameter(answer, "state");
        assert_eq!(
            state.as_deref(),
            Some("\"><script>document.title='x'</script>")
        );
        let issuer = stage.system().addresses().issuer();
        assert_eq!(parameter(answer, "iss"), Some(issuer));
        let head = received.head.to_ascii_lowercase();
        assert!(!head.contains("\r\nreferer:"), "{head}");
        browser.close().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_lets_the_refusal_through_and_a_later_yes_is_asked_for_once() -> Result<()> {
    let mut portal = Portal::open().await?;
    let stage = portal.stage("answers-no").await?;
    let browser = Browser::open().await?;
    let address = |mode: &str| portal.request(mode)?.address(stage.system());
    let (query_address, form_address) = (address("query")?, address("form_post")?);
    log_in(&browser, query_address.as_str(), "refuse").await?;
    let received = portal.answer().await?;
    let error = parameter(received.query()?, "error");
    assert_eq!(error.as_deref(), Some("access_denied"));

    log_in(&browser, query_address.as_str(), "allow").await?;
    let received = portal.answer().await?;
    assert!(parameter(received.query()?, "code").is_some());
    // The session answers by itself now, by form post as well, whose script needs no press.
    browser.goto(form_address.as_str()).await?;
    browser.wait_for("#received").await?;
    let received = portal.answer().await?;
    assert!(parameter(&received.body, "code").is_some(), "{received:?}");
    browser.close().await
}
