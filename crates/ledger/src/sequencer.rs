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

use std::sync::Arc;

use cardea_storage::ledger::{
    Checkpoint, Hold, Leaf, LedgerEntry, Node, Placement, TreeState, advance, has_unplaced, hold,
    insert_checkpoint, insert_leaves, insert_nodes, list_unplaced, load_state, newest_checkpoint,
    place, put_outside, take_over,
};
use cardea_storage::retention::goes_with_its_login;
use cardea_storage::{Store, Transaction};
use cardea_transparency::Frontier;
use time::{Duration, OffsetDateTime};

use crate::append::new_salt;
use crate::entry::{leaf_of, parse_salt};
use crate::tree::{frontier_text, is_stored, parse_frontier, stored_name};
use crate::{CheckpointSigner, Error, SignedCheckpoint};

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
}

/// What a batch did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Events that got their places.
    pub placed: usize,
    /// Whether another batch waits.
    pub is_more: bool,
    /// Whether another node holds the tree.
    pub is_held_elsewhere: bool,
}

/// A batch under way.
struct Growth {
    frontier: Frontier,
    placed: Vec<Placement>,
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
        }
    }

    /// Does one batch, if something waits. Without anything to do, nothing is written.
    ///
    /// # Errors
    /// [`Error::Storage`]; [`Error::TreeDamaged`]: nothing is built on it;
    /// [`Error::SigningFailed`]: the events have their places, and the next call signs.
    pub async fn run_once(&mut self, now: OffsetDateTime) -> Result<Outcome, Error> {
        if !self.is_needed().await? {
            return Ok(Outcome::default());
        }
        let until = (now + HOLD).unix_timestamp();
        let held = match self.hold.take() {
            Some(held) => held,
            None => match self.take_over(now, until).await? {
                Some(held) => held,
                None => return Ok(held_elsewhere()),
            },
        };
        let mut transaction = self.store.begin().await?;
        let Some(state) = hold(&mut transaction, &held, until).await? else {
            return Ok(held_elsewhere());
        };
        let (outcome, signed) = self.grow(&mut transaction, &held, &state, now).await?;
        transaction.commit().await?;
        self.hold = Some(held);
        signed.map(|()| outcome)
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
        if has_unplaced(&mut reading).await? {
            return Ok(true);
        }
        let state = load_state(&mut reading).await?.ok_or(STATE_MISSING)?;
        let newest = newest_checkpoint(&mut reading).await?;
        Ok(state.size > newest.map_or(0, |it| it.size))
    }

    async fn take_over(&self, now: OffsetDateTime, until: i64) -> Result<Option<Hold>, Error> {
        let mut transaction = self.store.begin().await?;
        let held = take_over(&mut transaction, &self.name, now.unix_timestamp(), until).await?;
        transaction.commit().await?;
        Ok(held)
    }

    /// The batch itself; whether it could be signed is told apart, for the places stand either way.
    async fn grow(
        &self,
        transaction: &mut Transaction,
        held: &Hold,
        state: &TreeState,
        now: OffsetDateTime,
    ) -> Result<(Outcome, Result<(), Error>), Error> {
        let mut rows = list_unplaced(transaction, BATCH).await?;
        let is_more = u32::try_from(rows.len()).is_ok_and(|found| found == BATCH);
        rows.sort_by(|one, other| one.event.id.cmp(&other.event.id));
        let mut growth = Growth {
            frontier: parse_frontier(&state.frontier, state.size)?,
            placed: Vec::new(),
            nodes: Vec::new(),
            outside: Vec::new(),
        };
        for row in rows {
            growth.take(row)?;
        }
        place(transaction, &growth.placed).await?;
        put_outside(transaction, &growth.outside).await?;
        insert_leaves(transaction, &growth.placed).await?;
        insert_nodes(transaction, &growth.nodes).await?;
        let size = growth.frontier.size();
        let edge = frontier_text(&growth.frontier);
        if !advance(transaction, held, size, &edge).await? {
            return Err(STATE_MISSING);
        }
        let root = growth.frontier.root();
        let signed = match SignedCheckpoint::sign(&*self.signer, size, root) {
            Ok(checkpoint) => {
                store_checkpoint(transaction, &checkpoint, now).await?;
                Ok(())
            }
            Err(error) => Err(error),
        };
        let outcome = Outcome {
            placed: growth.placed.len(),
            is_more,
            is_held_elsewhere: false,
        };
        Ok((outcome, signed))
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
    let newest = newest_checkpoint(transaction).await?;
    if newest.is_some_and(|it| it.size >= checkpoint.size) || checkpoint.size == 0 {
        return Ok(());
    }
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
