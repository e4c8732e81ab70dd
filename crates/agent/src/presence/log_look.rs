//! A look at what an issuer shows of its log, without a card and without a session: for whoever
//! wants to know why nobody is signed in. Nothing is kept of it.

use std::sync::Arc;

use cardea_assertion::LOG_SHOWN_BYTES_MAX;

use super::connection::{Connection, Lost};
use super::frame::ServerFrame;
use super::log_check::{Announced, blocking};
use crate::Error;
use crate::enrolled_issuers::EnrolledIssuer;
use crate::log_memory::Outcome;

/// What would come of a login, as far as the log goes; none where the issuer does not answer. The
/// caller limits how long.
pub(crate) async fn look(issuer: &Arc<EnrolledIssuer>) -> Option<Result<Outcome, Error>> {
    let shown = match ask(issuer).await? {
        Ok(shown) => shown,
        Err(error) => return Some(Err(error)),
    };
    Some(blocking(issuer, move |it| it.log_memory.examine(&shown)).await)
}

/// The text that is shown, an empty one for nothing.
async fn ask(issuer: &Arc<EnrolledIssuer>) -> Option<Result<String, Error>> {
    let mut connection = Connection::open(issuer).await.ok()?;
    let announced = match connection.receive().await {
        Ok(ServerFrame::Nonce {
            log,
            newest,
            witnesses,
            ..
        }) => Announced::of(log, newest, witnesses),
        Ok(_) | Err(_) => return None,
    };
    if announced == Announced::Nothing {
        return Some(Ok(String::new()));
    }
    let question = match blocking(issuer, |it| it.log_memory.question()).await {
        Ok(question) => question,
        Err(error) => return Some(Err(error)),
    };
    connection.ask_for_log(&question, announced).await.ok()?;
    gather(&mut connection).await.ok().map(Ok)
}

async fn gather(connection: &mut Connection) -> Result<String, Lost> {
    let mut shown = String::new();
    loop {
        if let ServerFrame::Checkpoint { part, last } = connection.receive().await? {
            shown.push_str(&part);
            if shown.len() > LOG_SHOWN_BYTES_MAX {
                return Err(Lost::Broken);
            }
            if last {
                return Ok(shown);
            }
        }
    }
}
