//! A log that stands still, falls behind its witnesses, or is taken back behind their backs.

use super::*;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// Any server says so that shows both checkpoints.
const WATCH: WatchShown = WatchShown {
    witnesses: Vec::new(),
    quorum: 1,
};

/// A log, its witness, and a workstation whose enrolment names both.
struct Watched {
    folder: tempfile::TempDir,
    log: Log,
    witness: NoteSigner,
    memory: LogMemory,
}

impl Watched {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::new();
        let witness = signer("witness.example", SignatureKind::Cosignature);
        let known = KnownLog {
            key: log.signer.verifier().clone(),
            witnesses: vec![witness.verifier().clone()],
            quorum: 1,
        };
        Self {
            memory: memory(folder.path(), Some(known)),
            folder,
            log,
            witness,
        }
    }

    /// What is shown at a time: so much is cosigned then, and the rest is not.
    fn shown(&self, cosigned: u64, at: i64) -> LogShown {
        let (known, newest) = kept(&self.memory);
        let mut note = self.log.head(cosigned).to_note().unwrap();
        note.add(self.log.signer.sign(&note, 0).unwrap()).unwrap();
        let line = self.witness.sign(&note, at.unsigned_abs()).unwrap();
        note.add(line).unwrap();
        let proof = consistency_proof(known, cosigned, &self.log.kept).unwrap();
        let request = AddCheckpoint::new(known, proof, note).unwrap();
        LogShown {
            key: self.log.signer.verifier().to_string(),
            checkpoint: request.to_string(),
            restores: Vec::new(),
            newest: Some(self.log.newest_to(newest, cosigned)),
            watch: Some(WATCH),
        }
    }
}

/// Attack H14: a server shows one workstation the same checkpoint again and again.
#[test]
fn h14_a_log_that_stands_still_after_a_sign_in_is_refused() {
    let mut it = Watched::new();
    it.log.grow(9, "true");
    let frozen = it.shown(9, NOW);
    assert_eq!(take(&it.memory, &frozen), Ok(Outcome::GoesOn));
    // Nobody has signed in: nothing must have happened.
    let again = it.shown(9, NOW + 2 * HOUR);
    let taken = take_at(&it.memory, &again, NOW + 2 * HOUR);
    assert_eq!(taken, Ok(Outcome::GoesOn));

    it.memory.note_sign_in_at(9, NOW + 2 * HOUR).unwrap();
    let at = NOW + 4 * HOUR;
    let refused = take_at(&it.memory, &it.shown(9, at), at);
    assert_eq!(refused, Err("agent.log_not_grown"));
    assert_eq!(evidence(it.folder.path()), 1);
    it.log.grow(10, "true");
    assert_eq!(
        take_at(&it.memory, &it.shown(10, at), at),
        Ok(Outcome::GoesOn)
    );
    // What a session of before was shown, the log has gone beyond.
    it.memory.note_sign_in_at(9, at).unwrap();
    let later = at + 2 * HOUR;
    let taken = take_at(&it.memory, &it.shown(10, later), later);
    assert_eq!(taken, Ok(Outcome::GoesOn));
}

/// Where no witness is demanded, the person is told, and signs in.
#[test]
fn without_witnesses_a_log_that_stands_still_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, mut log) = (memory(folder.path(), None), Log::new());
    let shown = |log: &Log, known| LogShown {
        watch: Some(WATCH),
        ..log.shown_to(known, &[])
    };
    log.grow(9, "true");
    take(&memory, &shown(&log, 0)).unwrap();
    memory.note_sign_in_at(9, NOW).unwrap();
    let soon = take_at(&memory, &shown(&log, 9), NOW + HOUR - 1);
    assert_eq!(soon, Ok(Outcome::GoesOn));
    let told = take_at(&memory, &shown(&log, 9), NOW + HOUR);
    assert_eq!(doubt(told), "agent.log_not_grown");
    assert_eq!(evidence(folder.path()), 1);
    log.grow(10, "true");
    let grown = take_at(&memory, &shown(&log, 9), NOW + 2 * HOUR);
    assert_eq!(grown, Ok(Outcome::GoesOn));
}

#[test]
fn h14_an_old_cosignature_is_told_of_and_then_refused() {
    let mut it = Watched::new();
    it.log.grow(9, "true");
    take(&it.memory, &it.shown(9, NOW)).unwrap();
    it.log.grow(20, "true");
    // The log goes on; its witness does not.
    let told = take_at(&it.memory, &it.shown(9, NOW), NOW + DAY);
    assert_eq!(doubt(told), "agent.log_cosigned_long_ago");
    let refused = take_at(&it.memory, &it.shown(9, NOW), NOW + 7 * DAY);
    assert_eq!(refused, Err("agent.log_cosigned_long_ago"));
    let at = NOW + 7 * DAY;
    assert_eq!(
        take_at(&it.memory, &it.shown(20, at), at),
        Ok(Outcome::GoesOn)
    );
}

/// Attack H14: a workstation is told of one thing again and again, so that nothing is left to say
/// of what is done to it afterwards.
#[test]
fn h14_what_is_told_again_and_again_leaves_room_for_the_evidence_of_something_else() {
    let mut it = Watched::new();
    it.log.grow(9, "true");
    take(&it.memory, &it.shown(9, NOW)).unwrap();
    for size in 20..40 {
        it.log.grow(size, "true");
        let told = take_at(&it.memory, &it.shown(9, NOW), NOW + 2 * DAY);
        assert_eq!(doubt(told), "agent.log_cosigned_long_ago");
    }
    let before = evidence(it.folder.path());
    it.log = it.log.put_back_to(9, "true");
    it.log.grow(50, "false");
    let refused = take(&it.memory, &it.shown(9, NOW));
    assert_eq!(refused, Err("agent.log_rewritten"));
    assert_eq!(evidence(it.folder.path()), before + 1);
    assert!(before < 20, "{before}");
}

/// A server has a witness sign the same old tree anew, and shows a branch of its own beside it.
#[test]
fn h14_what_is_never_cosigned_is_refused_however_fresh_the_cosignature_is() {
    let mut it = Watched::new();
    it.log.grow(9, "true");
    take(&it.memory, &it.shown(9, NOW)).unwrap();
    it.memory.note_sign_in_at(9, NOW).unwrap();
    for (days, expected) in [(1, Ok(())), (7, Err("agent.log_cosigned_long_ago"))] {
        it.log.grow(10 + u64::try_from(days).unwrap(), "true");
        let at = NOW + days * DAY;
        let taken = take_at(&it.memory, &it.shown(9, at), at);
        assert_eq!(taken.map(drop), expected, "{days}");
    }
}

/// Attack H14: while the witness is down, what was shown beyond it is kept, too.
#[test]
fn h14_a_branch_behind_what_is_cosigned_is_not_deniable() {
    let mut it = Watched::new();
    it.log.grow(15, "true");
    assert_eq!(take(&it.memory, &it.shown(9, NOW)), Ok(Outcome::GoesOn));
    assert_eq!(kept(&it.memory), (9, 15));

    // The same beginning, and another end, under the same key, grown and cosigned.
    let truth = std::mem::replace(&mut it.log, Log::new());
    for (size, cosigned) in [(15, 9), (15, 15), (30, 9), (30, 30)] {
        it.log = truth.put_back_to(9, "true");
        it.log.grow(size, "false");
        let refused = take(&it.memory, &it.shown(cosigned, NOW));
        assert_eq!(refused, Err("agent.log_rewritten"), "{size} {cosigned}");
    }
    assert_eq!(evidence(it.folder.path()), 4);
    it.log = truth;
    it.log.grow(20, "true");
    assert_eq!(take(&it.memory, &it.shown(18, NOW)), Ok(Outcome::GoesOn));
    assert_eq!(kept(&it.memory), (18, 20));
}

/// The newest must begin with what witnesses have cosigned.
#[test]
fn a_newest_checkpoint_of_another_branch_is_refused_at_first_sight() {
    let mut it = Watched::new();
    it.log.grow(15, "true");
    let mut other = it.log.put_back_to(8, "true");
    other.grow(20, "false");
    let shown = LogShown {
        newest: Some(other.newest_to(0, 9)),
        ..it.shown(9, NOW)
    };
    assert_eq!(take(&it.memory, &shown), Err("agent.log_rewritten"));
    let mut unsigned = Log::new();
    unsigned.grow(20, "true");
    let shown = LogShown {
        newest: Some(unsigned.newest_to(0, 9)),
        ..it.shown(9, NOW)
    };
    assert_eq!(take(&it.memory, &shown), Err("agent.log_invalid"));
}

/// A node of before shows the one alone: for an hour, as long as an upgrade may take.
#[test]
fn what_was_shown_once_must_be_shown_again() {
    let mut it = Watched::new();
    it.log.grow(15, "true");
    take(&it.memory, &it.shown(9, NOW)).unwrap();
    for (after, expected) in [
        (0, Ok(())),
        (HOUR - 1, Ok(())),
        (HOUR, Err("agent.log_not_grown")),
    ] {
        let shown = LogShown {
            newest: None,
            ..it.shown(9, NOW + after)
        };
        let taken = take_at(&it.memory, &shown, NOW + after);
        assert_eq!(taken.map(drop), expected, "{after}");
        assert_eq!(kept(&it.memory), (9, 15));
    }
    // One that has grown beyond it, and proves nothing about it.
    it.log.grow(30, "true");
    let shown = LogShown {
        newest: None,
        ..it.shown(30, NOW + HOUR)
    };
    let taken = take_at(&it.memory, &shown, NOW + HOUR);
    assert_eq!(taken, Err("agent.log_not_grown"));
    let both = it.shown(30, NOW + HOUR);
    assert_eq!(take_at(&it.memory, &both, NOW + HOUR), Ok(Outcome::GoesOn));
    // At the size that is known the root says it.
    it.log.grow(40, "true");
    take(&it.memory, &it.shown(30, NOW + HOUR)).unwrap();
    let shown = LogShown {
        newest: None,
        ..it.shown(40, NOW + HOUR)
    };
    assert_eq!(take_at(&it.memory, &shown, NOW + HOUR), Ok(Outcome::GoesOn));
}

/// The backup knew what was cosigned, and not what was shown beside it.
#[test]
fn a_restore_explains_what_was_never_cosigned() {
    let mut it = Watched::new();
    it.log.grow(15, "true");
    take(&it.memory, &it.shown(9, NOW)).unwrap();
    it.memory.note_sign_in_at(15, NOW).unwrap();
    let record = RestoreRecord::new(
        &it.log.head(15),
        &it.log.head(12),
        1_000,
        "the disk is gone",
    );
    let mut record = record.unwrap().sign(&it.log.signer).unwrap();
    record.add(it.witness.sign(&record, 7).unwrap()).unwrap();
    it.log = it.log.put_back_to(12, "true");
    it.log.grow(14, "after");
    let shown = it.shown(14, NOW + 2 * HOUR);
    let refused = take_at(&it.memory, &shown, NOW + 2 * HOUR);
    assert_eq!(refused, Err("agent.log_rewritten"));
    let shown = LogShown {
        restores: vec![it.log.restore(&record, 12)],
        ..shown
    };
    let why = "the disk is gone".to_owned();
    let taken = take_at(&it.memory, &shown, NOW + 2 * HOUR);
    assert_eq!(taken, Ok(Outcome::Restored { why }));
    assert_eq!(kept(&it.memory), (14, 14));
    let again = it.shown(14, NOW + 4 * HOUR);
    let taken = take_at(&it.memory, &again, NOW + 4 * HOUR);
    assert_eq!(taken, Ok(Outcome::GoesOn));
}

/// The enrolment wants two, and the issuer asks one of them and is content with that.
#[test]
fn a_log_that_is_watched_otherwise_than_the_enrolment_says_is_refused_in_so_many_words() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::new();
    log.grow(3, "true");
    let names = ["a.example", "b.example", "c.example"];
    let [one, two, three] = names.map(|it| signer(it, SignatureKind::Cosignature));
    let known = KnownLog {
        key: log.signer.verifier().clone(),
        witnesses: [&one, &two, &three].map(|it| it.verifier().clone()).into(),
        quorum: 2,
    };
    let other = signer("b.example", SignatureKind::Cosignature);
    let asked = [&one, &other].map(|it| it.verifier().to_string());
    let shown = LogShown {
        watch: Some(WatchShown {
            witnesses: asked.into(),
            quorum: 1,
        }),
        ..log.shown_to(0, &[&one])
    };
    let text = serde_json::to_string(&shown).unwrap();
    let memory = memory(folder.path(), Some(known));
    let error = memory.take(&text).unwrap_err();
    assert_eq!(error.code(), "agent.log_not_cosigned");
    let said = error.to_string();
    for part in [
        "1 witnesses have cosigned",
        "2 must",
        "missing: b.example, c.example",
        "does not ask c.example",
        "knows b.example by another key",
        "1 are enough for it",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    for language in [Language::French, Language::English] {
        let advice = error.advice(language).unwrap();
        assert!(advice.contains("c.example") && advice.contains("b.example"));
    }
    assert!(memory.examine(&text).is_err());
    assert_eq!(kept(&memory), (0, 0));
}
