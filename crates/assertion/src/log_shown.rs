//! What a server shows of its log over a presence connection, before an agent says that a card is
//! there: an agent that keeps a checkpoint goes on only where the log has grown from it.
//!
//! The texts are those of C2SP's signed-note and tlog-witness; whoever reads them believes nothing
//! of them before their signatures.

use serde::{Deserialize, Serialize};

/// Longest text of a [`LogShown`], in bytes: a note of thirty signatures, and proofs.
pub const LOG_SHOWN_BYTES_MAX: usize = 64 * 1024;
/// Restores that are told at once.
pub const RESTORES_SHOWN_MAX: usize = 8;
/// Witnesses that are told of at once.
pub const WATCHERS_SHOWN_MAX: usize = 16;

/// A log's newest checkpoint, and how it follows from what an agent keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogShown {
    /// The log's verifier key: `name+id+key`.
    pub key: String,
    /// The size that the agent has named, a proof from there on, and the newest checkpoint, as
    /// witnesses get them (`add-checkpoint`). The size is 0 where the log has no such tree.
    pub checkpoint: String,
    /// The restores of the log that may be why it does not follow, the first one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restores: Vec<RestoreShown>,
    /// The newest checkpoint of all, for an agent that wants witnesses: what they have cosigned may
    /// be older, and nothing between is to be deniable. None where that is the same one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<NewestShown>,
    /// Who watches the log, as its server has it, which explains. A server that shows the newest
    /// of all, wherever that is another one, says so to whoever asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<WatchShown>,
}

/// A log's newest checkpoint, and how it follows from what an agent keeps and from the other one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewestShown {
    /// The size that the agent has named as the newest that it keeps, a proof, and the checkpoint,
    /// as in [`LogShown::checkpoint`].
    pub checkpoint: String,
    /// The hashes that prove that it goes on from [`LogShown::checkpoint`].
    pub proof: Vec<String>,
}

/// Who watches a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchShown {
    /// The verifier keys of its witnesses.
    pub witnesses: Vec<String>,
    /// How many of them are enough for its server.
    pub quorum: u32,
}

/// A restore, and how the newest checkpoint follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreShown {
    /// The signed record.
    pub record: String,
    /// The hashes that prove it, from the size that the log went on from.
    pub proof: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::LogShown;

    #[test]
    fn what_a_later_version_adds_is_passed_over() {
        let text = r#"{"key":"k","checkpoint":"c","more":1}"#;
        let shown: LogShown = serde_json::from_str(text).unwrap();
        assert_eq!(shown.restores, []);
        let text = r#"{"key":"k","checkpoint":"c"}"#;
        assert_eq!(serde_json::to_string(&shown).unwrap(), text);
        assert!(serde_json::from_str::<LogShown>(r#"{"key":"k"}"#).is_err());
    }
}
