//! The native messaging host: what a browser starts when Cardea's extension calls its agent.
//!
//! The browser runs it as its own user, with pipes for standard input and output, and names the
//! extension that calls. The host takes one request, finds the agent of the same user, and copies
//! frames until either side ends. It holds no card, no key and no PIN, and believes nothing: the
//! agent judges the origin, which the browser attested to the extension.

use std::os::fd::AsFd as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

use crate::Error;
use crate::agent_socket::connect;
use crate::agent_socket::frame::{self, Frames};
use crate::agent_socket::message::Request;
use crate::config::Config;

mod caller;
pub(crate) mod manifest;

pub use caller::{CHROMIUM_ID, GECKO_ID};

/// How long the browser may take to send the request.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// How long a program may take to read what is written to it.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// Codes that the login page learns when the way over the extension does not lead to an agent. The
/// first two are the extension's own (`extension/background.js`), the last one the host's.
pub const UNAVAILABLE_CODES: [&str; 3] = [
    "extension.host_missing",
    "extension.host_failed",
    "extension.agent_not_running",
];

/// The answer when there is no way to the agent: the page may try another one.
#[derive(Serialize)]
struct Unavailable {
    r#type: &'static str,
    code: &'static str,
}

/// Serves one request of the extension that `arguments` names, and tells it of a failure.
///
/// # Errors
/// What keeps the request from the agent; it has been told to the extension then.
pub async fn serve(
    config: Result<Config, Error>,
    arguments: &[String],
    mut input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> Result<(), Error> {
    let mut frames = Frames::default();
    let outcome = match open(config, arguments, &mut frames, &mut input).await {
        Ok(None) => Ok(()),
        Ok(Some(agent)) => relay(agent, frames, input, &mut output).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => Ok(()),
        Err(error) => {
            let answer = Unavailable {
                r#type: "unavailable",
                code: match error {
                    Error::NotRunning => "extension.agent_not_running",
                    _ => error.code(),
                },
            };
            if let Ok(text) = serde_json::to_vec(&answer) {
                let _ = write(&mut output, &text).await;
            }
            Err(error)
        }
    }
}

/// Does what `cardea-agent native-host` is for, over standard input and output.
///
/// # Errors
/// As [`serve`]; [`Error::Internal`] when there is no runtime.
pub fn run(config: Result<Config, Error>, arguments: &[String]) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|_| Error::Internal {
            reason: "no runtime",
        })?;
    let streams = [std::io::stdin().as_fd(), std::io::stdout().as_fd()]
        .map(|stream| stream.try_clone_to_owned().map(std::fs::File::from));
    let [Ok(input), Ok(output)] = streams else {
        return Err(Error::Internal {
            reason: "no standard streams",
        });
    };
    let (input, output) = (File::from_std(input), File::from_std(output));
    let outcome = runtime.block_on(serve(config, arguments, input, output));
    // A read of standard input that still waits must not keep the program alive.
    runtime.shutdown_background();
    outcome
}

/// Checks who calls, reads the request and hands it to the agent; `None` when there is none.
async fn open(
    config: Result<Config, Error>,
    arguments: &[String],
    frames: &mut Frames,
    input: &mut (impl AsyncRead + Unpin),
) -> Result<Option<UnixStream>, Error> {
    let config = config?;
    caller::check(arguments, &config.browser_extensions)?;
    let text = tokio::time::timeout(REQUEST_LIMIT, frames.read(input)).await;
    let Ok(text) = text else {
        return Err(Error::RequestInvalid);
    };
    let Some(text) = text? else {
        return Ok(None);
    };
    match Request::parse(&text)? {
        Request::Assertion { .. } | Request::Origins {} => {}
        Request::Abort {} => return Ok(None),
        Request::Status {}
        | Request::ReadIssuers {}
        | Request::EndSessions {}
        | Request::HoldSession { .. } => {
            return Err(Error::RequestInvalid);
        }
    }
    let mut agent = connect(&config.socket).await?;
    write(&mut agent, &text).await?;
    Ok(Some(agent))
}

/// Copies the agent's answers. Whatever the browser says now ends the request, as its end does.
///
/// # Errors
/// [`Error::NotRunning`] when the agent goes before its last answer: it was stopped or killed.
async fn relay(
    mut agent: UnixStream,
    mut from_browser: Frames,
    mut input: impl AsyncRead + Unpin,
    output: &mut (impl AsyncWrite + Unpin),
) -> Result<(), Error> {
    let mut from_agent = Frames::default();
    let mut answered = false;
    loop {
        tokio::select! {
            text = from_agent.read(&mut agent) => match text {
                Ok(Some(text)) => {
                    answered = is_last(&text);
                    write(output, &text).await?;
                }
                Ok(None) if answered => return Ok(()),
                Ok(None) | Err(_) => return Err(Error::NotRunning),
            },
            _ = from_browser.read(&mut input) => return Ok(()),
        }
    }
}

/// Whether the agent's answer is one after which none comes.
fn is_last(text: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Answer {
        r#type: String,
    }
    let answer: Option<Answer> = serde_json::from_slice(text).ok();
    answer.is_some_and(|answer| ["assertion", "error", "origins"].contains(&&*answer.r#type))
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), text: &[u8]) -> Result<(), Error> {
    let written = tokio::time::timeout(WRITE_LIMIT, frame::write(stream, text)).await;
    written.unwrap_or(Err(Error::PageGone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_in_the_error_list_has_these_codes_and_no_others() {
        let mut sections = include_str!("../../../docs/errors.md").split("\n## ");
        let section = sections
            .find(|text| text.starts_with("extension\n"))
            .unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        let codes: Vec<_> = rows.filter_map(|row| row.split('`').next()).collect();
        assert_eq!(codes, UNAVAILABLE_CODES);
    }

    #[test]
    fn the_extension_knows_its_codes() {
        let script = include_str!("../extension/background.js");
        for code in ["extension.host_missing", "extension.host_failed"] {
            assert!(script.contains(&format!("\"{code}\"")), "{code}");
        }
    }
}
