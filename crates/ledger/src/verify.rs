//! Walking over the whole log, to say the first thing that is wrong.

use std::collections::{HashMap, VecDeque};

use cardea_storage::ledger::{
    self, Checkpoint, PlacedEntry, TreeState, count_beyond, find_outsider, list_checkpoints,
    list_details_behind, list_entries, load_state, newest_checkpoint,
};
use cardea_storage::{Store, Transaction};
use cardea_transparency::{
    Checkpoint as Head, ERASURE_KIND, Erasures, Frontier, Hash, Leaf, NodeId, Rest, RestoreRecord,
    VerifierKey, named_places,
};

use crate::entry::{digest_of, parse_leaf, shown_by};
use crate::restored::{RESTORE_KIND, Restores};
use crate::tree::{LEVEL_STORED_MIN, is_stored, leaves_at, parse_frontier, stored_name};
use crate::{Error, Finding, SignedCheckpoint};

/// Rows and checkpoints that are held at once.
const PAGE: u32 = 500;
const PAGE_ROWS: usize = 500;
/// Tries to read the state and its checkpoint of one moment.
const READS_MAX: usize = 50;
/// Erasures that have no place below the walk's end yet: some seconds' worth.
const ERASURES_MAX: u32 = 10_000;

/// What a log is made of, where nothing is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Leaves.
    pub size: u64,
    /// The root over them.
    pub root: Option<Hash>,
    /// Leaves with their whole event.
    pub whole: u64,
    /// Leaves of which the personal part was erased.
    pub erased: u64,
    /// Those of them whose erasure is on record without the log's signature: by a program from
    /// before erasures were signed.
    pub erased_unsigned: u64,
    /// Leaves of which the event was forgotten.
    pub forgotten: u64,
    /// Leaves that were made after their events.
    pub made_afterwards: u64,
    /// Stored checkpoints that fit; the newest covers all of it.
    pub checkpoints: u64,
    /// The restore that is why the checkpoint from elsewhere does not fit; none where it does.
    pub explained_by: Option<RestoreRecord>,
}

/// A signed checkpoint from elsewhere (a witness, an agent, an older export).
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The signed note.
    pub note: &'a str,
    /// When somebody had it, in Unix seconds: a restore before that does not explain it.
    pub seen_at: u64,
}

/// A walk under way.
struct Walk<'a> {
    origin: &'a str,
    key: &'a VerifierKey,
    /// The newest checkpoint: the log must agree with it.
    newest: Option<SignedCheckpoint>,
    /// One from elsewhere, and when it was seen: the log agrees with it, or says why not.
    known: Option<(Head, u64)>,
    /// What is wrong by that one, where a restore may explain it.
    doubt: Option<Finding>,
    restores: Restores,
    frontier: Frontier,
    result: Verified,
    /// Checkpoints that the walk has not come to, in their order.
    ahead: VecDeque<Checkpoint>,
    is_last_page: bool,
    /// Places whose personal part is gone, and whether an erasure took it.
    erasures: Erasures,
}

/// Walks over leaves, events, subtrees, state and checkpoints. A log that was cut off whole, with
/// its checkpoints, is found by a `known` one alone; only a restore that the log tells of, over its
/// own signature, explains one that does not fit.
///
/// # Errors
/// [`Error::Storage`]. What is wrong with the log is no error of this function, but its
/// [`Finding`].
pub async fn verify(
    store: &Store,
    origin: &str,
    key: &VerifierKey,
    known: Option<Known<'_>>,
) -> Result<Result<Verified, Finding>, Error> {
    match walk(store, origin, key, known).await {
        Ok(verified) => Ok(Ok(verified)),
        Err(Stop::Found(finding)) => Ok(Err(*finding)),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// Why a walk ends early.
enum Stop {
    Found(Box<Finding>),
    Failed(Error),
}

impl From<Finding> for Stop {
    fn from(finding: Finding) -> Self {
        Self::Found(Box::new(finding))
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<cardea_storage::Error> for Stop {
    fn from(error: cardea_storage::Error) -> Self {
        Self::Failed(error.into())
    }
}

async fn walk(
    store: &Store,
    origin: &str,
    key: &VerifierKey,
    known: Option<Known<'_>>,
) -> Result<Verified, Stop> {
    let known = known.map(|known| {
        let signed = SignedCheckpoint::read(known.note, origin, key)?;
        let head = Head::new(origin, signed.size, signed.root)?;
        Ok::<_, Error>((head, known.seen_at))
    });
    let (state, newest) = state_as_signed(store).await?;
    let newest = newest.map(|newest| {
        let size = newest.size;
        let signed = SignedCheckpoint::read(&newest.note, origin, key).ok();
        let signed = signed.filter(|it| it.size == size);
        signed.ok_or(Finding::CheckpointUnsigned { size })
    });
    let restores = Restores::read(&mut store.begin_read().await?, key).await?;
    let mut walk = Walk {
        origin,
        key,
        newest: newest.transpose()?,
        known: known.transpose()?,
        doubt: None,
        restores,
        frontier: Frontier::default(),
        result: Verified::default(),
        ahead: VecDeque::new(),
        is_last_page: false,
        erasures: Erasures::new(key.clone()),
    };
    loop {
        let mut reading = store.begin_read().await?;
        // One more than is gone over, so that no second row of a place falls between two pages.
        let mut page = list_entries(&mut reading, walk.size(), PAGE + 1).await?;
        drop(reading);
        let next = page.split_off(page.len().min(PAGE_ROWS)).pop();
        if let (Some(last), Some(next)) = (page.last(), next)
            && last.leaf.index == next.leaf.index
        {
            page.push(next);
        }
        // What was placed since the walk began is of another tree.
        let page: Vec<_> = page
            .into_iter()
            .filter(|it| it.leaf.index < state.size)
            .collect();
        if page.is_empty() {
            break;
        }
        walk.go_over(store, page).await?;
    }
    walk.finish(store, &state).await
}

/// The state, and the checkpoint that was signed for it: both are written in one transaction.
async fn state_as_signed(store: &Store) -> Result<(TreeState, Option<Checkpoint>), Stop> {
    let mut later = None;
    for _ in 0..READS_MAX {
        let mut reading = store.begin_read().await?;
        let state = load_state(&mut reading).await?;
        let state = state.ok_or(Finding::StateMissing)?;
        let newest = newest_checkpoint(&mut reading).await?;
        let signed = newest.as_ref().map_or(0, |it| it.size);
        if signed == state.size {
            return Ok((state, newest));
        }
        if signed < state.size {
            let size = state.size;
            return Err(Finding::TailUnsigned { signed, size }.into());
        }
        // The tree may have grown between the two statements.
        later = Some((state.size, signed));
    }
    let (found, expected) = later.unwrap_or_default();
    Err(Finding::Truncated { found, expected }.into())
}

impl Walk<'_> {
    fn size(&self) -> u64 {
        self.frontier.size()
    }

    async fn go_over(&mut self, store: &Store, page: Vec<PlacedEntry>) -> Result<(), Stop> {
        let places: HashMap<String, u64> = page
            .iter()
            .map(|it| (it.leaf.entry_sha256.clone(), it.leaf.index))
            .collect();
        let mut completed: Vec<(NodeId, Hash)> = Vec::new();
        for placed in page {
            let index = self.size();
            if placed.leaf.index < index {
                return Err(Finding::EntryDoubled {
                    index: placed.leaf.index,
                }
                .into());
            }
            if placed.leaf.index > index {
                return Err(Finding::LeafMissing { index }.into());
            }
            let leaf = parse_leaf(&placed.leaf).map_err(|_| Finding::EntryChanged {
                index,
                id: String::new(),
            })?;
            self.look_at(&placed, &leaf, &places)?;
            completed.extend(self.frontier.append(leaf.hash()));
            self.compare_signed(store).await?;
        }
        self.compare_nodes(store, &completed).await
    }

    /// Whether a row is what its leaf was made of.
    fn look_at(
        &mut self,
        placed: &PlacedEntry,
        leaf: &Leaf,
        places: &HashMap<String, u64>,
    ) -> Result<(), Finding> {
        let index = placed.leaf.index;
        self.result.made_afterwards += u64::from(leaf.flags.made_afterwards);
        let Some(row) = &placed.entry else {
            if placed.is_unreadable {
                let id = "(unreadable)".to_owned();
                return Err(Finding::EntryChanged { index, id });
            }
            // The flag is under the leaf's hash.
            if !leaf.flags.may_be_forgotten {
                return Err(Finding::EntryRemoved { index });
            }
            self.result.forgotten += 1;
            return Ok(());
        };
        let id = row.event.id.clone();
        let Some(rest) = shown_by(row) else {
            return Err(Finding::EntryChanged { index, id });
        };
        let digest = digest_of(&rest);
        if digest != leaf.entry {
            return Err(match places.get(&digest.to_base64()).copied() {
                Some(belongs) => Finding::EntryMoved { index, belongs, id },
                None => Finding::EntryChanged { index, id },
            });
        }
        match rest {
            Rest::Whole(public, _, personal) => {
                self.result.whole += 1;
                self.restores
                    .note(&public.kind, &personal.details, self.key);
                self.erasures.look_at(&public.kind, &personal.details);
            }
            _ => {
                self.result.erased += 1;
                self.erasures.take(index, leaf.hash());
            }
        }
        Ok(())
    }

    /// Compares the tree as it stands with what was signed for this size.
    async fn compare_signed(&mut self, store: &Store) -> Result<(), Stop> {
        let size = self.size();
        self.restores.compare(&self.frontier);
        if let Some(newest) = self.newest.as_ref().filter(|it| it.size == size) {
            self.compare(newest)?;
        }
        let known = self.known.as_ref().filter(|(it, _)| it.size() == size);
        if known.is_some_and(|(it, _)| it.root() != self.frontier.root()) {
            self.doubt(Finding::CheckpointContradicted { size })?;
        }
        self.fetch_checkpoints(store).await?;
        let Some(checkpoint) = self.ahead.pop_front_if(|it| it.size == size) else {
            return Ok(());
        };
        let signed = SignedCheckpoint::read(&checkpoint.note, self.origin, self.key)
            .ok()
            .filter(|it| it.size == size)
            .ok_or(Finding::CheckpointUnsigned { size })?;
        self.compare(&signed)?;
        self.result.checkpoints += 1;
        Ok(())
    }

    fn compare(&self, signed: &SignedCheckpoint) -> Result<(), Finding> {
        let size = signed.size;
        if signed.root != self.frontier.root() {
            return Err(Finding::CheckpointContradicted { size });
        }
        Ok(())
    }

    /// Something is wrong by the checkpoint from elsewhere: said at once where nothing can explain
    /// it, else at the end.
    fn doubt(&mut self, finding: Finding) -> Result<(), Finding> {
        let known = self.known.as_ref();
        if known.is_none_or(|(known, seen_at)| !self.restores.may_explain(known, *seen_at)) {
            return Err(finding);
        }
        self.doubt = Some(finding);
        Ok(())
    }

    async fn fetch_checkpoints(&mut self, store: &Store) -> Result<(), Stop> {
        if self.ahead.is_empty() && !self.is_last_page {
            let mut reading = store.begin_read().await?;
            // From before the present size on: none is passed over.
            let above = self.size().saturating_sub(1);
            let page = list_checkpoints(&mut reading, above, PAGE).await?;
            self.is_last_page = u32::try_from(page.len()).is_ok_and(|found| found < PAGE);
            self.ahead.extend(page);
        }
        Ok(())
    }

    async fn compare_nodes(&self, store: &Store, completed: &[(NodeId, Hash)]) -> Result<(), Stop> {
        let stored = completed.iter().filter(|(node, _)| is_stored(*node));
        let expected: Vec<_> = stored
            .map(|(node, hash)| (stored_name(*node), *hash))
            .collect();
        let names: Vec<_> = expected.iter().map(|(name, _)| *name).collect();
        let mut reading = store.begin_read().await?;
        let found = ledger::list_nodes(&mut reading, &names).await?;
        let found: HashMap<_, _> = found.into_iter().collect();
        for (name, hash) in expected {
            if found.get(&name).is_none_or(|it| *it != hash.to_base64()) {
                let (level, index) = (name.level, name.index);
                return Err(Finding::NodeWrong { level, index }.into());
            }
        }
        Ok(())
    }

    /// What can be said at the end alone.
    async fn finish(mut self, store: &Store, state: &TreeState) -> Result<Verified, Stop> {
        let found = self.size();
        let truncated = |expected| Finding::Truncated { found, expected };
        if found < state.size {
            return Err(truncated(state.size).into());
        }
        if let Some(newest) = self.newest.as_ref().filter(|it| it.size > found) {
            return Err(truncated(newest.size).into());
        }
        let known = self.known.as_ref().map_or(0, |(known, _)| known.size());
        if known > found {
            self.doubt(truncated(known))?;
        }
        let frontier = parse_frontier(&state.frontier, state.size);
        if frontier.ok().as_ref() != Some(&self.frontier) {
            return Err(Finding::StateWrong.into());
        }
        let mut reading = store.begin_read().await?;
        let size = found;
        check_beyond(&mut reading, size).await?;
        self.look_at_waiting_erasures(&mut reading).await?;
        // A restore likewise.
        for details in list_details_behind(&mut reading, RESTORE_KIND, size, ERASURES_MAX).await? {
            self.restores.note(RESTORE_KIND, &details, self.key);
        }
        drop(reading);
        self.result.erased_unsigned = self.erasures.finish().map_err(Finding::from)?;
        if let (Some(finding), Some((known, seen_at))) = (self.doubt.take(), &self.known) {
            let explained_by = self.restores.explaining(known, *seen_at);
            self.result.explained_by = Some(explained_by.ok_or(finding)?.clone());
        }
        self.result.size = found;
        self.result.root = Some(self.frontier.root());
        Ok(self.result)
    }
}

impl Walk<'_> {
    /// An erasure is on record at once, and has its own place a moment later.
    async fn look_at_waiting_erasures(&mut self, reading: &mut Transaction) -> Result<(), Stop> {
        if self.erasures.finish().is_ok() {
            return Ok(());
        }
        let size = self.size();
        let waiting = list_details_behind(reading, ERASURE_KIND, size, ERASURES_MAX).await?;
        for details in waiting {
            // Also of what got its place since the walk began: the signature is over all of it.
            let leaves = leaves_at(reading, named_places(&details)).await?;
            self.erasures
                .look_at_waiting(&details, |place| leaves.get(&place).copied());
        }
        Ok(())
    }
}

/// Nothing stands behind the end of the tree, nor outside of it.
async fn check_beyond(reading: &mut Transaction, size: u64) -> Result<(), Stop> {
    let beyond = count_beyond(reading, LEVEL_STORED_MIN).await?;
    if beyond.events > 0 {
        let count = beyond.events;
        return Err(Finding::EntriesBeyond { count, size }.into());
    }
    if beyond.leaves > 0 {
        let count = beyond.leaves;
        return Err(Finding::LeavesBeyond { count, size }.into());
    }
    if let Some(outsider) = find_outsider(reading).await? {
        let (id, place) = (outsider.event_id, outsider.place);
        return Err(Finding::EntryOutside { id, place }.into());
    }
    Ok(())
}
