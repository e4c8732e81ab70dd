//! The other end: how a program of this user reaches its agent, and no other one's.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use tokio::net::UnixStream;

use super::frame::{self, Frames};
use super::message::{Answer, Request};
use super::place::Place;
use super::{check_peer, unavailable};
use crate::Error;
use crate::own_status::OwnStatus;

/// How long the agent may take to say how it is, or to read its issuers.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// The same for the end of all sessions, which issuers are told of.
const ENDING_LIMIT: Duration = Duration::from_secs(10);

/// How long until an agent is looked for again that is not there.
const HOLD_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Connects to the agent of this user.
///
/// # Errors
/// [`Error::NotRunning`]; [`Error::FileUnsafe`] and [`Error::PeerRefused`] when the folder or the
/// program that listens is another user's.
pub(crate) async fn connect(path: &Path) -> Result<UnixStream, Error> {
    let place = Place::find(path)?;
    let stream = match UnixStream::connect(place.address()).await {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused
            ) =>
        {
            return Err(Error::NotRunning);
        }
        Err(error) => return Err(unavailable(path, error)),
    };
    check_peer(&stream, rustix::process::geteuid().as_raw())?;
    Ok(stream)
}

/// Asks the agent of this user for its state.
///
/// # Errors
/// As [`connect`]; [`Error::NotRunning`] also when it does not answer properly.
pub(crate) async fn ask_status(path: &Path) -> Result<OwnStatus, Error> {
    match ask(path, &Request::Status {}).await? {
        Some(Answer::Status(status)) => Ok(*status),
        _ => Err(Error::NotRunning),
    }
}

/// Has the agent of this user read its issuers again; `false` where it could not.
///
/// # Errors
/// As [`connect`].
pub(crate) async fn ask_to_read_issuers(path: &Path) -> Result<bool, Error> {
    let answer = ask(path, &Request::ReadIssuers {}).await?;
    Ok(matches!(answer, Some(Answer::Issuers { .. })))
}

/// Has the agent of this user end all its sessions; how many there were.
///
/// # Errors
/// As [`connect`]; [`Error::NotRunning`] also when it does not answer properly.
pub(crate) async fn ask_to_end_sessions(path: &Path) -> Result<usize, Error> {
    match ask_within(path, &Request::EndSessions {}, ENDING_LIMIT).await? {
        Some(Answer::Ended { sessions }) => Ok(sessions),
        _ => Err(Error::NotRunning),
    }
}

/// Tells the agent of this user that this program holds a session through `issuer`. Resolves when
/// its person ends all sessions; what is returned is to be kept until the departure is told.
///
/// Where no agent runs there is nobody who could pass that on; one that starts later is told then.
pub(crate) async fn hear_of_end(path: &Path, issuer: &str, portal: &str) -> HeldConnection {
    let request = |portal| Request::HoldSession {
        issuer: issuer.to_owned(),
        portal,
    };
    // An agent that runs since before an upgrade takes no portal.
    let requests = [request(Some(portal.to_owned())), request(None)];
    loop {
        for request in &requests {
            if let Some(held) = hold(path, request).await {
                return held;
            }
        }
        tokio::time::sleep(HOLD_AGAIN_AFTER).await;
    }
}

/// None when the agent has gone, or does not know what is asked.
async fn hold(path: &Path, request: &Request) -> Option<HeldConnection> {
    let mut stream = connect(path).await.ok()?;
    let asked = serde_json::to_vec(request).ok()?;
    frame::write(&mut stream, &asked).await.ok()?;
    let text = Frames::default().read(&mut stream).await.ok()??;
    match serde_json::from_slice(&text).ok()? {
        Answer::EndSession {} => Some(HeldConnection(stream)),
        _ => None,
    }
}

/// The agent waits for its end.
#[derive(Debug)]
pub(crate) struct HeldConnection(#[expect(dead_code, reason = "only its end counts")] UnixStream);

/// The agent's answer; none when it gives no proper one.
async fn ask(path: &Path, request: &Request) -> Result<Option<Answer>, Error> {
    ask_within(path, request, ANSWER_LIMIT).await
}

async fn ask_within(
    path: &Path,
    request: &Request,
    limit: Duration,
) -> Result<Option<Answer>, Error> {
    let mut stream = connect(path).await?;
    let asked = serde_json::to_vec(request).map_err(|_| Error::RequestInvalid)?;
    let answer = tokio::time::timeout(limit, async {
        frame::write(&mut stream, &asked).await?;
        Frames::default().read(&mut stream).await
    });
    let Ok(Ok(Some(text))) = answer.await else {
        return Ok(None);
    };
    Ok(serde_json::from_slice(&text).ok())
}
