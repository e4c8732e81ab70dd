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
