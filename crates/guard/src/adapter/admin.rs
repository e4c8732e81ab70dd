//! The operator's socket: whoever may open it lifts a stop.
//!
//! One JSON object a line, and one back: `{"lift":"SUBJECT"}`, `{"done":true}`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::{AdapterError, Guard};
use crate::unix_socket;

const LINE_BYTES_MAX: u64 = 4_096;
const OWNER_ALONE: u32 = 0o600;
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    lift: String,
}

#[derive(Serialize, Deserialize)]
struct Answered {
    done: bool,
}

/// Listens at a path that its owner alone may open. Call this inside a Tokio runtime.
///
/// # Errors
/// [`AdapterError::AdminSocketFailed`].
pub(crate) fn serve_admin(path: &Path, guard: Guard) -> Result<(), AdapterError> {
    let listener = unix_socket::listen(path, OWNER_ALONE).map_err(|error| failed(&error))?;
    tokio::spawn(async move {
        // One after the other: operators are few.
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let _ = tokio::time::timeout(PATIENCE, answer(stream, &guard)).await;
                }
                Err(error) => {
                    tracing::warn!("the operator's socket: {error}");
                    tokio::time::sleep(PATIENCE).await;
                }
            }
        }
    });
    Ok(())
}

fn failed(error: &dyn std::fmt::Display) -> AdapterError {
    AdapterError::AdminSocketFailed {
        reason: error.to_string(),
    }
}

async fn answer(mut stream: UnixStream, guard: &Guard) -> std::io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    let mut reader = tokio::io::BufReader::new(reader.take(LINE_BYTES_MAX));
    reader.read_line(&mut line).await?;
    let asked: Result<Asked, _> = serde_json::from_str(&line);
    if let Ok(asked) = &asked {
        guard.lift(&asked.lift).await;
        tracing::info!(
            subject = asked.lift,
            "an operator has lifted what held the account"
        );
    }
    let done = Answered {
        done: asked.is_ok(),
    };
    let mut text = serde_json::to_vec(&done)?;
    text.push(b'\n');
    writer.write_all(&text).await
}

/// Asks a guard on this machine to lift what holds an account.
///
/// # Errors
/// [`AdapterError::AdminSocketFailed`].
pub fn lift(path: &Path, subject: &str) -> Result<(), AdapterError> {
    let answered = ask(path, subject).map_err(|error| failed(&error))?;
    if answered.done {
        Ok(())
    } else {
        Err(failed(&"the guard has not understood"))
    }
}

fn ask(path: &Path, subject: &str) -> std::io::Result<Answered> {
    let mut stream = std::os::unix::net::UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = serde_json::to_vec(&Asked {
        lift: subject.to_owned(),
    })?;
    text.push(b'\n');
    stream.write_all(&text)?;
    let mut line = String::new();
    BufReader::new(stream.take(LINE_BYTES_MAX)).read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}
