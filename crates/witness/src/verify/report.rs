//! What was found, for a person or for a program.

use std::fmt;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Counts, Findings};
use crate::Error;

/// The outcome; as JSON one document.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether everything held.
    pub valid: bool,
    /// The stable code of what did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The first entry that is wrong, counted from zero, where one can be named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_bad_index: Option<u64>,
    /// The log, once its signature has verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// How many entries its checkpoint covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The root over them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// The witnesses that were demanded and have cosigned.
    pub witnesses: Vec<WitnessSeen>,
    /// What became of the entries that were read before the first bad one.
    pub entries: EntriesSeen,
}

/// A witness's cosignature.
#[derive(Clone, Debug, Serialize)]
pub struct WitnessSeen {
    /// The name of its key.
    pub name: String,
    /// When it cosigned.
    pub time: String,
}

/// [`Counts`], as they are printed.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct EntriesSeen {
    whole: u64,
    erased: u64,
    /// Those of them that a program erased from before erasures were signed.
    erased_unsigned: u64,
    forgotten: u64,
    made_afterwards: u64,
}

impl Report {
    /// Puts an outcome together.
    #[must_use]
    pub fn new(findings: &Findings, outcome: &Result<(), Error>) -> Self {
        let error = outcome.as_ref().err();
        let head = findings.head.as_ref();
        let Counts {
            whole,
            erased,
            erased_unsigned,
            forgotten,
            made_afterwards,
        } = findings.entries;
        Self {
            valid: error.is_none(),
            code: error.map(Error::code),
            reason: error.map(Error::to_string),
            first_bad_index: error.and_then(Error::first_bad_index),
            origin: head.map(|head| head.origin().to_owned()),
            size: head.map(|head| head.size()),
            root: head.map(|head| head.root().to_base64()),
            witnesses: findings.witnesses.iter().map(WitnessSeen::new).collect(),
            entries: EntriesSeen {
                whole,
                erased,
                erased_unsigned,
                forgotten,
                made_afterwards,
            },
        }
    }
}

impl WitnessSeen {
    fn new((name, seconds): &(String, u64)) -> Self {
        let time = i64::try_from(*seconds).ok();
        let time = time.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
        let time = time.and_then(|time| time.format(&Rfc3339).ok());
        Self {
            name: name.clone(),
            time: time.unwrap_or_else(|| seconds.to_string()),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(origin), Some(size), Some(root)) = (&self.origin, self.size, &self.root) {
            writeln!(
                formatter,
                "log      {origin}\nentries  {size}\nroot     {root}"
            )?;
        }
        for WitnessSeen { name, time } in &self.witnesses {
            writeln!(formatter, "witness  {name} at {time}")?;
        }
        let EntriesSeen {
            whole,
            erased,
            erased_unsigned,
            forgotten,
            made_afterwards,
        } = self.entries;
        writeln!(
            formatter,
            "read     {whole} whole, {erased} erased, {forgotten} forgotten \
             ({made_afterwards} of them made afterwards)"
        )?;
        if erased_unsigned > 0 {
            writeln!(
                formatter,
                "         {erased_unsigned} of the erased are on record without the log's signature"
            )?;
        }
        match (&self.reason, self.code) {
            (Some(reason), Some(code)) => write!(formatter, "WRONG    {reason} ({code})"),
            _ => write!(formatter, "good     the log is what its checkpoint says"),
        }
    }
}
