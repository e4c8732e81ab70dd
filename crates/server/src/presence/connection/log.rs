//! Showing an agent the log, before it says that its card is there: one that keeps a checkpoint
//! goes on only where the log has grown from it (docs/ledger.md).

use cardea_transparency::Hash;

use super::{Close, Connection};
use crate::ledger::shown::{Asked, Known};
use crate::presence::frame::{Head, ServerFrame};

/// Bytes of the answer that go into one frame. It is JSON inside of JSON: quotation marks and
/// backslashes take two.
const PART_BYTES_MAX: usize = 2_000;

const MALFORMED: Close = Close::Refused("server.request_malformed");

impl Connection<'_> {
    /// Shows the newest checkpoint, and that the log goes on from the one that the agent keeps.
    /// Once a connection, for it has the database look.
    pub(super) async fn show_log(
        &mut self,
        (cosigned, newest): (&Head, Option<&Head>),
        (quorum, witnesses): (Option<u32>, Option<Vec<String>>),
    ) -> Result<(), Close> {
        if self.log_shown {
            return Err(MALFORMED);
        }
        self.log_shown = true;
        let asked = Asked {
            cosigned: known(cosigned)?,
            newest: newest.map(known).transpose()?,
            quorum,
            witnesses: witnesses.unwrap_or_default(),
        };
        let shown = self.state.log_keeper().show(asked).await;
        let shown = shown.map_err(|error| Close::Unavailable(error.code()))?;
        let text = shown.as_ref().map(serde_json::to_string).transpose();
        let text = text.map_err(|_| Close::Unavailable("server.internal"))?;
        let mut rest = text.as_deref().unwrap_or_default();
        loop {
            let (part, after) = rest.split_at(part_of(rest));
            let last = after.is_empty();
            self.send(&ServerFrame::Checkpoint { part, last }).await?;
            if last {
                return Ok(());
            }
            rest = after;
        }
    }
}

fn known(head: &Head) -> Result<Known, Close> {
    let root = Hash::from_base64(&head.root).map_err(|_| MALFORMED)?;
    Ok(Known {
        size: head.size,
        root,
    })
}

/// How many bytes of a text go into one frame: whole characters.
fn part_of(text: &str) -> usize {
    let mut bytes = text.len().min(PART_BYTES_MAX);
    while !text.is_char_boundary(bytes) {
        bytes = bytes.saturating_sub(1);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{PART_BYTES_MAX, part_of};

    #[test]
    fn parts_are_whole_characters() {
        assert_eq!(part_of(""), 0);
        assert_eq!(part_of("abc"), 3);
        let text = format!("{}\u{2014}", "a".repeat(PART_BYTES_MAX - 1));
        assert_eq!(part_of(&text), PART_BYTES_MAX - 1);
    }
}
