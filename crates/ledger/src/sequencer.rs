//! Giving events their places in the tree, one batch a transaction.
//!
//! Rows are found by having no place, not by where the last batch ended: on PostgreSQL a row of a
//! long transaction becomes visible after rows with later ids got their places, and is then taken
//! like any other. Nothing rests on ids or times being in order; the order of the tree is the order
//! in which rows were taken.
//!
//! One node at a time does this. Each batch begins by touching the one row of the tree's state,
//! which nobody else can until the transaction is over, and which only the holder with the newest
//! fence finds: a node that was overtaken, however late it wakes up, writes nothing.
//!
//! Before a batch is signed, what stands there must be what was signed before (`history`): whoever
//! has the database alone does not get the key to sign another history. The key signs between two
//! transactions, for a token may take seconds, and SQLite has one writer.

use std::sync::Arc;

use cardea_storage::ledger::{
    Checkpoint, Hold, Leaf, LedgerEntry, Node, Placement, TreeState, advance, has_unplaced, hold,
    insert_checkpoint, insert_leaves, insert_nodes, list_unplaced, load_state, newest_checkpoint,
    place, put_outside, take_over,
};
use cardea_storage::retention::goes_with_its_login;
use cardea_storage::{Store, Transaction};
use cardea_transparency::{Frontier, Hash};
use time::{Duration, OffsetDateTime};

use crate::append::new_salt;
use crate::entry::{leaf_of, parse_salt};
use crate::history::{check, read_kept};
use crate::tree::{frontier_text, is_stored, stored_name};
use crate::{CheckpointSigner, Error, LastSigned, SignedCheckpoint};

/// The most events of one transaction: SQLite's only writer is taken for some milliseconds.
const BATCH: u32 = 500;
/// How long a node holds the tree without a sign of life.
const HOLD: Duration = Duration::seconds(15);
/// Of the checkpoints of so long a time the last stays.
const CHECKPOINT_KEPT_EVERY: Duration = Duration::hours(1);

/// Makes the tree grow, while this node holds it.
pub struct Sequencer {
    store: Store,
    signer: Arc<dyn CheckpointSigner>,
    name: String,
    hold: Option<Hold>,
    /// The largest tree that this node knows to be signed; what stands must begin with it.
    last: Option<SignedCheckpoint>,
    /// The same outside of the database, for the next start.
    kept: Option<Box<dyn LastSigned>>,
    is_recalled: bool,
    /// Whether this node has looked at the tree since its start, or was kept from it.
    is_looked_at: bool,
}

/// What a batch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Events that got their places.
    pub placed: usize,
    /// Their ids, and the digests of the entries that this node's own signature is over now.
    pub signed: Vec<(String, Hash)>,
    /// Whether another batch waits.
    pub is_more: bool,
    /// Whether another node holds the tree.
    pub is_held_elsewhere: bool,
}

/// A batch under way.
struct Growth {
    before: TreeState,
    frontier: Frontier,
    is_more: bool,
    placed: Vec<Placement>,
    signed: Vec<(String, Hash)>,
    nodes: Vec<(Node, String)>,
    outside: Vec<String>,
}

impl Sequencer {
    /// Works on a database under a name that no other node has.
    #[must_use]
    pub fn new(store: Store, signer: Arc<dyn CheckpointSigner>, name: String) -> Self {
        Self {
            store,
            signer,
            name,
            hold: None,
            last: None,
            kept: None,
            is_recalled: false,
            is_looked_at: false,
        }
    }

    /// Keeps what was signed last outside of the database as well, across restarts.
    #[must_use]
    pub fn remembering(mut self, kept: Box<dyn LastSigned>) -> Self {
        self.kept = Some(kept);
        self
    }

    /// Does one batch, if something waits. Without anything to do, nothing is written.
    ///
    /// # Errors
    /// [`Error::Storage`]; [`Error::TreeDamaged`], [`Error::HistoryChanged`]: nothing is built on
    /// it, and no other node takes the tree over while this one goes on asking;
    /// [`Error::SigningFailed`]: the events get their places when the key signs again;
    /// [`Error::LastSignedUnusable`].
    pub async fn run_once(&mut self, now: OffsetDateTime) -> Result<Outcome, Error> {
        self.recall().await?;
        if !self.is_needed().await? {
            return Ok(Outcome::default());
        }
        self.is_looked_at = true;
        let until = (now + HOLD).unix_timestamp();
        let held = match self.hold.take() {
            Some(held) => held,
            None => match self.take_over(now, until).await? {
                Some(held) => held,
                None => return Ok(held_elsewhere()),
            },
        };
        let Some(mut growth) = self.plan(&held, until).await? else {
            return Ok(held_elsewhere());
        };
        let outcome = Outcome {
            placed: growth.placed.len(),
            signed: std::mem::take(&mut growth.signed),
            is_more: growth.is_more,
            is_held_elsewhere: false,
        };
        // A token takes its time, and nobody waits for it: no transaction is open.
        let signed = match growth.placed.is_empty() {
            true if growth.outside.is_empty() => {
                self.hold = Some(held);
                return Ok(outcome);
            }
            true => None,
            false => {
                let (size, root) = (growth.frontier.size(), growth.frontier.root());
                Some(SignedCheckpoint::sign(&*self.signer, size, root)?)
            }
        };
        if !self.write(&held, &growth, signed.as_ref(), now).await? {
            return Ok(held_elsewhere());
        }
        self.hold = Some(held);
        if let Some(signed) = signed {
            self.remember(signed).await?;
        }
        Ok(outcome)
    }

    async fn recall(&mut self) -> Result<(), Error> {
        let Some(kept) = self.kept.as_ref().filter(|_| !self.is_recalled) else {
            return Ok(());
        };
        if let Some(text) = kept.recall().await? {
            self.last = Some(read_kept(&text, &*self.signer)?);
        }
        self.is_recalled = true;
        Ok(())
    }

    async fn remember(&mut self, signed: SignedCheckpoint) -> Result<(), Error> {
        let note = signed.note.to_string();
        self.last = Some(signed);
        match &self.kept {
            Some(kept) => kept.keep(&note).await,
            None => Ok(()),
        }
    }

    /// Gives the tree up to whoever comes next; after the last batch of a node that stops.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn let_go(&mut self) -> Result<(), Error> {
        let Some(held) = self.hold.take() else {
            return Ok(());
        };
        let mut transaction = self.store.begin().await?;
        hold(&mut transaction, &held, 0).await?;
        Ok(transaction.commit().await?)
    }

    async fn is_needed(&self) -> Result<bool, Error> {
        let mut reading = self.store.begin_read().await?;
        let state = load_state(&mut reading).await?.ok_or(STATE_MISSING)?;
        if !self.is_looked_at || has_unplaced(&mut reading).await? {
            return Ok(true);
        }
        let newest = newest_checkpoint(&mut reading).await?;
        let is_as_known = match (&self.last, &newest) {
            (Some(last), Some(newest)) if last.size == newest.size => {
                last.note.to_string() == newest.note
            }
            (Some(last), _) => last.size < state.size,
            (None, _) => true,
        };
        Ok(!is_as_known || state.size != newest.map_or(0, |it| it.size))
    }

    async fn take_over(&self, now: OffsetDateTime, until: i64) -> Result<Option<Hold>, Error> {
        let mut transaction = self.store.begin().await?;
        let held = take_over(&mut transaction, &self.name, now.unix_timestamp(), until).await?;
        transaction.commit().await?;
        Ok(held)
    }

    /// Works a batch out, on a tree that is the one that was signed. None for whoever was
    /// overtaken.
    async fn plan(&mut self, held: &Hold, until: i64) -> Result<Option<Growth>, Error> {
        let mut transaction = self.store.begin().await?;
        let Some(state) = hold(&mut transaction, held, until).await? else {
            return Ok(None);
        };
        let checked = check(&mut transaction, &state, &*self.signer, self.last.as_ref());
        let (frontier, newest) = checked.await?;
        let mut rows = list_unplaced(&mut transaction, BATCH).await?;
        transaction.commit().await?;
        self.last = newest.or(self.last.take());
        let is_more = u32::try_from(rows.len()).is_ok_and(|found| found == BATCH);
        rows.sort_by(|one, other| one.event.id.cmp(&other.event.id));
        let mut growth = Growth {
            before: state,
            frontier,
            is_more,
            placed: Vec::new(),
            signed: Vec::new(),
            nodes: Vec::new(),
            outside: Vec::new(),
        };
        for row in rows {
            growth.take(row)?;
        }
        Ok(Some(growth))
    }

    /// Writes a batch with its checkpoint, in one transaction. False for whoever was overtaken.
    async fn write(
        &self,
        held: &Hold,
        growth: &Growth,
        signed: Option<&SignedCheckpoint>,
        now: OffsetDateTime,
    ) -> Result<bool, Error> {
        let until = (now + HOLD).unix_timestamp();
        let mut transaction = self.store.begin().await?;
        let Some(state) = hold(&mut transaction, held, until).await? else {
            return Ok(false);
        };
        let before = &growth.before;
        if (state.size, &state.frontier) != (before.size, &before.frontier) {
            return Err(Error::HistoryChanged {
                what: "its state was changed while this node held it",
            });
        }
        place(&mut transaction, &growth.placed).await?;
        put_outside(&mut transaction, &growth.outside).await?;
        insert_leaves(&mut transaction, &growth.placed).await?;
        insert_nodes(&mut transaction, &growth.nodes).await?;
        let edge = frontier_text(&growth.frontier);
        if !advance(&mut transaction, held, growth.frontier.size(), &edge).await? {
            return Err(STATE_MISSING);
        }
        if let Some(signed) = signed {
            store_checkpoint(&mut transaction, signed, now).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}

const STATE_MISSING: Error = Error::TreeDamaged {
    what: "its state is gone",
};

fn held_elsewhere() -> Outcome {
    Outcome {
        is_held_elsewhere: true,
        ..Outcome::default()
    }
}

async fn store_checkpoint(
    transaction: &mut Transaction,
    checkpoint: &SignedCheckpoint,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let seconds = CHECKPOINT_KEPT_EVERY.whole_seconds();
    let made_at = now.unix_timestamp();
    let record = Checkpoint {
        size: checkpoint.size,
        note: checkpoint.note.to_string(),
        made_at,
    };
    let since = made_at - made_at.rem_euclid(seconds);
    Ok(insert_checkpoint(transaction, &record, since).await?)
}

impl Growth {
    fn take(&mut self, row: LedgerEntry) -> Result<(), Error> {
        let LedgerEntry { event, salt, .. } = row;
        if goes_with_its_login(&event.kind) {
            // An older program wrote it.
            self.outside.push(event.id);
            return Ok(());
        }
        let written = salt.and_then(|text| Some((parse_salt(&text)?, text)));
        let made_afterwards = written.is_none();
        let (salt, text) = match written {
            Some(written) => written,
            None => new_salt()?,
        };
        let leaf = leaf_of(&event, &salt, made_afterwards);
        let index = self.frontier.size();
        let completed = self.frontier.append(leaf.hash()).into_iter();
        let stored = completed.filter(|(node, _)| is_stored(*node));
        self.nodes
            .extend(stored.map(|(node, hash)| (stored_name(node), hash.to_base64())));
        self.signed.push((event.id.clone(), leaf.entry));
        self.placed.push(Placement {
            event_id: event.id,
            salt: text,
            leaf: Leaf {
                index,
                flags: i64::from(leaf.flags.bits()),
                entry_sha256: leaf.entry.to_base64(),
            },
        });
        Ok(())
    }
}
