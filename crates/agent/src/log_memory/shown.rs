//! What a server shows of its log, its signatures verified.

use cardea_assertion::{LogShown, NewestShown, WATCHERS_SHOWN_MAX, WatchShown};
use cardea_transparency::{
    AddCheckpoint, Hash, Note, PROOF_HASHES_MAX, SignatureKind, VerifierKey, verify_consistency,
};

use super::known_log::KnownLog;
use super::refusal::{LogRefusal, WatchDiffers};
use super::{invalid, restored};
use crate::Error;

/// What a server shows, its signatures verified.
pub(super) struct Shown {
    pub(super) key: VerifierKey,
    pub(super) request: AddCheckpoint,
    /// With the signatures of known keys alone.
    pub(super) note: Note,
    /// When so many witnesses had cosigned it as the enrolment wants; none where it wants none.
    pub(super) cosigned_at: Option<i64>,
    /// The newest checkpoint of all, where that is another one or goes on from another one.
    pub(super) newest: Option<ShownNewest>,
    /// Whether the server is one that shows it wherever it is another one.
    pub(super) shows_newest: bool,
    pub(super) restored: Vec<restored::Restored>,
}

/// The newest checkpoint, which begins with the one that witnesses have cosigned.
pub(super) struct ShownNewest {
    pub(super) request: AddCheckpoint,
    note: Note,
}

/// A note, and when enough witnesses had cosigned it.
type Checked = (Note, Option<i64>);

impl Shown {
    /// Reads what a server shows of a log that the enrolment names, or whose key was seen before.
    ///
    /// # Errors
    /// [`LogRefusal::Invalid`], [`LogRefusal::KeyChanged`], [`LogRefusal::NotCosigned`].
    pub(super) fn verify(
        text: &str,
        known: Option<&KnownLog>,
        kept: Option<&VerifierKey>,
    ) -> Result<Self, Error> {
        let shown: LogShown = serde_json::from_str(text).map_err(|_| invalid("it is no JSON"))?;
        let key = VerifierKey::parse(&shown.key).map_err(malformed)?;
        let expected = known.map(|it| &it.key).or(kept);
        if key.kind() != SignatureKind::Ed25519 || expected.is_some_and(|it| *it != key) {
            return Err(LogRefusal::KeyChanged.into());
        }
        let request = read(&shown.checkpoint, &key)?;
        let watch = shown.watch.as_ref();
        let (note, cosigned_at) = check_signatures(request.note(), &key, known, watch)?;
        let restored = restored::verify(&shown.restores, |note| {
            check_signatures(note, &key, known, watch)?;
            Ok(key.clone())
        })?;
        let newest = shown.newest.as_ref();
        let newest = newest.map(|it| ShownNewest::verify(it, &key, &request));
        Ok(Self {
            newest: newest.transpose()?,
            shows_newest: shown.watch.is_some(),
            key,
            request,
            note,
            cosigned_at,
            restored,
        })
    }

    /// The newest note that is shown.
    pub(super) fn newest_note(&self) -> &Note {
        self.newest.as_ref().map_or(&self.note, |it| &it.note)
    }
}

impl ShownNewest {
    fn verify(
        shown: &NewestShown,
        key: &VerifierKey,
        cosigned: &AddCheckpoint,
    ) -> Result<Self, Error> {
        let request = read(&shown.checkpoint, key)?;
        let log = std::slice::from_ref(key);
        request.note().verify(log).map_err(unsigned)?;
        if shown.proof.len() > PROOF_HASHES_MAX {
            return Err(invalid("the proof of its newest checkpoint is too long"));
        }
        let proof: Result<Vec<Hash>, _> =
            shown.proof.iter().map(|it| Hash::from_base64(it)).collect();
        let proof = proof.map_err(malformed)?;
        let (old, new) = (cosigned.checkpoint(), request.checkpoint());
        let grown = verify_consistency(old.size(), &old.root(), new.size(), &new.root(), &proof);
        grown.map_err(|_| LogRefusal::Rewritten {
            kept: old.size(),
            shown: new.size(),
        })?;
        Ok(Self {
            note: request.note().only(log),
            request,
        })
    }
}

/// Reads a checkpoint of the log of this key; its signatures are verified elsewhere.
fn read(text: &str, key: &VerifierKey) -> Result<AddCheckpoint, Error> {
    let request = AddCheckpoint::parse(text.as_bytes()).map_err(malformed)?;
    match request.checkpoint().origin() == key.name().as_str() {
        true => Ok(request),
        false => Err(invalid("its checkpoint is of another log than its key")),
    }
}

/// Whether the log has signed a note, and enough of the witnesses that the enrolment names; the
/// note with their signatures alone.
fn check_signatures(
    note: &Note,
    key: &VerifierKey,
    known: Option<&KnownLog>,
    watch: Option<&WatchShown>,
) -> Result<Checked, Error> {
    let log = std::slice::from_ref(key);
    note.verify(log).map_err(unsigned)?;
    let Some(known) = known else {
        return Ok((note.only(log), None));
    };
    let cosigned = note.verify(&known.witnesses).unwrap_or_default();
    if cosigned.len() < known.quorum {
        let is_missing = |it: &&VerifierKey| !cosigned.iter().any(|one| one.key == *it);
        let missing = known.witnesses.iter().filter(is_missing);
        return Err(LogRefusal::NotCosigned {
            cosigned: cosigned.len(),
            quorum: known.quorum,
            missing: missing.map(|it| it.name().to_string()).collect(),
            differs: watch.and_then(|it| difference(known, it)),
        }
        .into());
    }
    let mut times: Vec<u64> = cosigned.iter().filter_map(|it| it.timestamp).collect();
    times.sort_unstable_by(|one, other| other.cmp(one));
    let enough = known.quorum.checked_sub(1);
    let cosigned_at = enough.and_then(|index| times.get(index));
    let mut keys = known.witnesses.clone();
    keys.push(key.clone());
    Ok((
        note.only(&keys),
        cosigned_at.map(|at| i64::try_from(*at).unwrap_or(i64::MAX)),
    ))
}

/// How the issuer says that it has its log watched, where that is less than the enrolment wants.
/// Nothing is decided by it.
fn difference(known: &KnownLog, watch: &WatchShown) -> Option<WatchDiffers> {
    let asked = watch.witnesses.iter().take(WATCHERS_SHOWN_MAX);
    let asked: Vec<_> = asked.filter_map(|it| VerifierKey::parse(it).ok()).collect();
    let mut differs = WatchDiffers::default();
    for witness in &known.witnesses {
        let name = witness.name();
        match asked.iter().find(|it| it.name() == name) {
            None => differs.unasked.push(name.to_string()),
            Some(other) if other != witness => differs.other_key.push(name.to_string()),
            Some(_) => {}
        }
    }
    let wanted = u32::try_from(known.quorum).unwrap_or(u32::MAX);
    differs.quorum = Some(watch.quorum).filter(|it| *it < wanted);
    (differs != WatchDiffers::default()).then_some(differs)
}

fn malformed<E>(_: E) -> Error {
    invalid("its key or its checkpoint is none")
}

fn unsigned<E>(_: E) -> Error {
    invalid("its note is not signed by its key")
}
