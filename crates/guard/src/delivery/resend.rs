//! Sends again what the issuer has refused, once its cause is mended: a client that was registered
//! wrongly, a table that was full.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::post::{Issuer, Posted};
use super::set_aside::{self, SetAside};
use crate::access_token::TokenConfig;
use crate::clock::Clock;
use crate::{Error, SpoolConfig, SpooledRecord, http_client};

/// Reports of one batch, and their bytes: as the courier sends.
const REPORTS_MAX: usize = 100;
const BATCH_BYTES_MAX: usize = 30 * 1024;

/// What became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resent {
    /// So many are on record at the issuer now.
    pub taken: u64,
    /// So many were refused again, and stand in `refused.jsonl` as before.
    pub refused: u64,
}

/// Sends what stands in `refused.jsonl` of a spool's folder to the issuer, under the ids that they
/// have; a guard that serves from that folder goes on meanwhile.
///
/// # Errors
/// [`Error::SpoolFailed`], [`Error::Access`], [`Error::ReportsNotDelivered`]: what was not
/// delivered stays in the folder, and the next call goes on with it.
pub async fn resend(
    config: &SpoolConfig,
    token: &TokenConfig,
    clock: Arc<dyn Clock>,
) -> Result<Resent, Error> {
    let issuer = Issuer {
        http: http_client::client(token.ca_file.as_deref())?,
        url: super::post::address(&token.issuer)?,
        issuer: token.issuer.clone(),
        credentials: token.credentials()?,
        clock,
    };
    let mut resent = Resent::default();
    let out = config.folder.join(set_aside::RESENT_FILE);
    // What an earlier call was interrupted over, before what was refused since.
    if out.exists() {
        send_all(&issuer, &config.folder, &out, &mut resent).await?;
    }
    if take_out(&config.folder, &out)? {
        send_all(&issuer, &config.folder, &out, &mut resent).await?;
    }
    Ok(resent)
}

/// Takes the file out of the way of a guard that serves, which begins another; whether there was
/// one.
fn take_out(folder: &Path, out: &Path) -> Result<bool, Error> {
    let file = folder.join(set_aside::FILE);
    match fs::rename(&file, out) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(set_aside::failed(&file, &error)),
    }
}

async fn send_all(
    issuer: &Issuer,
    folder: &Path,
    file: &Path,
    resent: &mut Resent,
) -> Result<(), Error> {
    let text = fs::read(file).map_err(|error| set_aside::failed(file, &error))?;
    let lines: Vec<&[u8]> = text.split(|it| *it == b'\n').collect();
    let all: Vec<_> = lines.into_iter().filter(|it| !it.is_empty()).collect();
    let mut waiting = all.into_iter().map(read_line).peekable();
    let mut refused = Vec::new();
    while waiting.peek().is_some() {
        let mut batch = Vec::new();
        let mut bytes = 0_usize;
        while let Some(next) = waiting.next_if(|it| {
            let more = bytes.saturating_add(it.record.len());
            batch.is_empty() || (batch.len() < REPORTS_MAX && more <= BATCH_BYTES_MAX)
        }) {
            bytes = bytes.saturating_add(next.record.len());
            batch.push(next);
        }
        send(issuer, batch, resent, &mut refused).await?;
    }
    // What is refused again is in its place before it is gone from here.
    resent.refused = u64::try_from(refused.len()).unwrap_or(u64::MAX);
    if !refused.is_empty() {
        SetAside::open(folder)?.keep(&refused)?;
    }
    fs::remove_file(file).map_err(|error| set_aside::failed(file, &error))
}

/// One batch, and each alone where the issuer takes none of it.
async fn send(
    issuer: &Issuer,
    batch: Vec<SpooledRecord>,
    resent: &mut Resent,
    refused: &mut Vec<(SpooledRecord, String)>,
) -> Result<(), Error> {
    let mut parts = vec![batch];
    while let Some(part) = parts.pop() {
        match issuer.post(&part).await? {
            Posted::Taken(codes) => {
                for report in part {
                    match codes.get(&report.event_id) {
                        Some(code) => refused.push((report, code.clone())),
                        None => resent.taken = resent.taken.saturating_add(1),
                    }
                }
            }
            Posted::Invalid(code) if part.len() == 1 => {
                refused.extend(part.into_iter().map(|report| (report, code.clone())));
            }
            Posted::Invalid(_) => parts.extend(part.into_iter().map(|report| vec![report])),
        }
    }
    Ok(())
}

/// A line as it was put aside; what is none of ours is sent as it is, and refused.
fn read_line(line: &[u8]) -> SpooledRecord {
    let members: Value = serde_json::from_slice(line).unwrap_or_default();
    let event_id = members.get("event_id").and_then(Value::as_str);
    let report = members.get("report").filter(|it| it.is_object());
    SpooledRecord {
        sequence: 0,
        event_id: event_id.unwrap_or_default().to_owned(),
        record: report.map_or_else(|| line.to_vec(), |it| it.to_string().into_bytes()),
    }
}
