//! What was signed, against what stands in the database: a server that signs whatever it finds
//! there makes an intruder's history its own.

use async_trait::async_trait;
use cardea_storage::Transaction;
use cardea_storage::ledger::{TreeState, newest_checkpoint};
use cardea_transparency::{Frontier, verify_consistency};

use crate::proof::consistency;
use crate::tree::parse_frontier;
use crate::{CheckpointSigner, Error, SignedCheckpoint};

/// Where a node keeps what it signed last, out of reach of whoever writes into the database.
#[async_trait]
pub trait LastSigned: Send + Sync {
    /// What was kept; none where nothing was yet.
    ///
    /// # Errors
    /// [`Error::LastSignedUnusable`].
    async fn recall(&self) -> Result<Option<String>, Error>;

    /// Puts a newer note in the place of the one that is kept.
    ///
    /// # Errors
    /// [`Error::LastSignedUnusable`].
    async fn keep(&self, note: &str) -> Result<(), Error>;
}

/// Reads what was kept: only what this key has signed for this log.
pub(crate) fn read_kept(
    text: &str,
    signer: &dyn CheckpointSigner,
) -> Result<SignedCheckpoint, Error> {
    SignedCheckpoint::read(text, signer.origin(), signer.verifier())
        .map_err(|_| changed("what this node has signed last bears another key or name"))
}

/// Whether the tree is the one that the newest checkpoint was signed for, and begins with the one
/// that this node signed last. Gives its edge, and that checkpoint.
pub(crate) async fn check(
    transaction: &mut Transaction,
    state: &TreeState,
    signer: &dyn CheckpointSigner,
    last: Option<&SignedCheckpoint>,
) -> Result<(Frontier, Option<SignedCheckpoint>), Error> {
    let frontier = parse_frontier(&state.frontier, state.size)?;
    let newest = match newest_checkpoint(transaction).await? {
        None if state.size == 0 => None,
        None => return Err(changed("its checkpoints are gone")),
        Some(stored) => {
            let read = SignedCheckpoint::read(&stored.note, signer.origin(), signer.verifier());
            let read = read.map_err(|_| changed("its newest checkpoint is not of this key"))?;
            if (read.size, stored.size) != (state.size, state.size) || read.root != frontier.root()
            {
                return Err(changed("its newest checkpoint is of another tree"));
            }
            Some(read)
        }
    };
    if let Some(last) = last {
        check_begins_with(transaction, last, &frontier).await?;
    }
    Ok((frontier, newest))
}

async fn check_begins_with(
    transaction: &mut Transaction,
    last: &SignedCheckpoint,
    frontier: &Frontier,
) -> Result<(), Error> {
    let (size, root) = (frontier.size(), frontier.root());
    if last.size > size {
        return Err(changed("it is shorter than what this node has signed"));
    }
    let other = |_| changed("it is not what this node has signed");
    let proof = match last.size {
        0 => Vec::new(),
        it if it == size => Vec::new(),
        it => match consistency(transaction, it, size).await {
            Err(Error::Transparency(source)) => return Err(other(source)),
            proof => proof?,
        },
    };
    verify_consistency(last.size, &last.root, size, &root, &proof).map_err(other)
}

fn changed(what: &'static str) -> Error {
    Error::HistoryChanged { what }
}
