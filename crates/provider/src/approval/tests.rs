//! Attack H14: what takes two operators is not done by one, whatever she tries.

use std::sync::Arc;

use cardea_storage::account_stop::{self, AccountStop};
use cardea_storage::approval::{self, Approval, ApprovalState};
use cardea_storage::subject::{PersonId, load_or_create};
use cardea_storage::trust_anchor::{self, TrustAnchorRecord};
use cardea_storage::{Store, event, pairwise_subject};
use time::{Duration, OffsetDateTime};

use super::{Approvals, Outcome, PROPOSALS_MAX, Proposal};
use crate::admin::KnownOperator;
use crate::bare_provider::{bare_provider, now};
use crate::{
    AdminOperator, Author, Clock, Error, FourEyes, Operator, OperatorPerson, Permission, Records,
    StoredEvents,
};

#[derive(Clone, Copy)]
struct At(OffsetDateTime);

impl Clock for At {
    fn now(&self) -> OffsetDateTime {
        self.0
    }
}

struct Desk {
    store: Store,
    at: OffsetDateTime,
    operators: Vec<AdminOperator>,
}

/// The entry of somebody whose number is her `sub`.
fn entry(sub: &str, person: Option<&str>) -> AdminOperator {
    AdminOperator {
        subject_id: sub.to_owned(),
        subject_id_type: "rpps".to_owned(),
        trust_anchor: None,
        person: person.map(str::to_owned),
    }
}

fn person(sub: &str, name: &str) -> OperatorPerson {
    OperatorPerson {
        sub: sub.to_owned(),
        name: name.to_owned(),
        entry: entry(sub, None).digest(),
        person: None,
    }
}

fn stop(id: &str, subject: &str) -> AccountStop {
    AccountStop {
        id: id.to_owned(),
        sub: Some(format!("stopped {id}")),
        subject: subject.to_owned(),
        service: "records".to_owned(),
        audience: vec!["https://records.example".to_owned()],
        guard_client_id: "guard".to_owned(),
        client_id: "portal".to_owned(),
        report_id: "report".to_owned(),
        reasons: "[]".to_owned(),
        sequence: 0,
        stopped_at: now(),
        lifted_at: None,
    }
}

impl Desk {
    async fn open() -> Self {
        let store = Store::open_in_memory().await.unwrap();
        let names = ["anne", "anne by another register", "marc", "stopped one"];
        let desk = Self {
            store,
            at: now(),
            operators: names.map(|sub| entry(sub, None)).to_vec(),
        };
        for id in ["one", "two"] {
            desk.stop(stop(id, id)).await;
        }
        desk
    }

    async fn stop(&self, stop: AccountStop) {
        let mut transaction = self.store.begin().await.unwrap();
        let stopped = account_stop::stop(&mut transaction, stop, now()).await;
        assert!(stopped.unwrap().is_some());
        transaction.commit().await.unwrap();
    }

    /// Makes `sub` the name of whom a register knows by a number.
    async fn person(&self, sub: &str, number: &str) {
        let mut transaction = self.store.begin().await.unwrap();
        let known = PersonId {
            scheme: "rpps",
            value: number,
        };
        let made = load_or_create(&mut transaction, known, sub, now()).await;
        assert_eq!(made.unwrap(), sub);
        transaction.commit().await.unwrap();
    }

    fn records(&self, author: Author) -> Records {
        let clock = Arc::new(At(self.at));
        Records::new(self.store.clone(), Arc::new(StoredEvents), clock, author)
    }

    fn of(&self, person: OperatorPerson) -> Approvals {
        let author = Author::Person {
            sub: person.sub.clone(),
            client_id: "cardea-console".to_owned(),
        };
        Approvals {
            records: self.records(author),
            four_eyes: FourEyes::Required,
            anchors: Permission::Allowed,
            operator: Some(KnownOperator {
                person,
                operators: self.operators.clone(),
            }),
        }
    }

    fn anne(&self) -> Approvals {
        self.of(person("anne", "Anne Lefèvre"))
    }

    fn marc(&self) -> Approvals {
        self.of(person("marc", "Marc Petit"))
    }

    fn command(&self) -> Approvals {
        let root = Operator {
            uid: 0,
            user: Some("root".to_owned()),
            login_uid: None,
            login_user: None,
        };
        Approvals::of_command(self.records(root.into()), FourEyes::Required)
    }

    async fn is_lifted(&self, id: &str) -> bool {
        let mut reading = self.store.begin_read().await.unwrap();
        let stop = account_stop::find(&mut reading, id).await.unwrap().unwrap();
        stop.lifted_at.is_some()
    }

    async fn kinds(&self) -> Vec<String> {
        let mut reading = self.store.begin_read().await.unwrap();
        let events = event::list_newest(&mut reading, 100).await.unwrap();
        events.into_iter().map(|event| event.kind).collect()
    }
}

fn proposed<T>(outcome: Result<Outcome<T>, Error>) -> Proposal {
    match outcome.unwrap() {
        Outcome::Proposed(proposal) => *proposal,
        Outcome::Done(_) => panic!("it is done"),
    }
}

async fn refusal(approvals: &Approvals, id: &str) -> &'static str {
    approvals.confirm(id).await.unwrap_err().code()
}

#[tokio::test]
async fn h14_another_operators_card_confirms_and_then_it_is_done_once() {
    let desk = Desk::open().await;
    let proposal = proposed(desk.anne().lift_stop("one", "called back").await);
    assert!(!desk.is_lifted("one").await);
    assert!(!proposal.is_for_another);
    let listed = desk.marc().list().await.unwrap();
    assert!(listed[0].is_for_another);
    let confirmed = desk.marc().confirm(&proposal.id).await.unwrap();
    assert_eq!(confirmed.state, ApprovalState::Confirmed);
    assert!(desk.is_lifted("one").await);
    // A form that is sent again does nothing again.
    let again = refusal(&desk.marc(), &proposal.id).await;
    assert_eq!(again, "provider.approval_decided");
    let kinds = desk.kinds().await;
    let expected = [
        "approval.proposed",
        "approval.confirmed",
        "guard.stop_lifted",
        "approval.refused",
    ];
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn h14_nobody_confirms_her_own_with_whichever_card() {
    let desk = Desk::open().await;
    let proposal = proposed(desk.anne().lift_stop("one", "called back").await);
    let second_card = person("anne", "ANNE LEFEVRE");
    let second_entry = person("anne by another register", "Anne LEFÈVRE");
    for herself in [person("anne", "Anne Lefèvre"), second_card, second_entry] {
        let approvals = desk.of(herself);
        assert!(!approvals.list().await.unwrap()[0].is_for_another);
        let refused = refusal(&approvals, &proposal.id).await;
        assert_eq!(refused, "provider.approval_own");
    }
    assert!(!desk.is_lifted("one").await);
    assert!(desk.kinds().await.contains(&"approval.refused".to_owned()));
    // Nor does the person whose account it is.
    let hers = desk.of(person("stopped one", "Paul Blanc"));
    assert_eq!(refusal(&hers, &proposal.id).await, "provider.approval_own");
    assert!(!desk.is_lifted("one").await);
}

#[tokio::test]
async fn h14_what_a_command_proposes_takes_the_cards_of_two() {
    let desk = Desk::open().await;
    let proposal = proposed(desk.command().lift_stop("one", "called back").await);
    // A command proves nobody.
    let refused = refusal(&desk.command(), &proposal.id).await;
    assert_eq!(refused, "provider.approval_needs_person");
    let refused = desk.command().take_over(&proposal.id).await.unwrap_err();
    assert_eq!(refused.code(), "provider.approval_needs_person");
    let taken = desk.anne().take_over(&proposal.id).await.unwrap();
    assert_eq!(taken.proposer, Some(person("anne", "Anne Lefèvre")));
    assert!(!desk.is_lifted("one").await);
    let own = refusal(&desk.anne(), &proposal.id).await;
    assert_eq!(own, "provider.approval_own");
    desk.marc().confirm(&proposal.id).await.unwrap();
    assert!(desk.is_lifted("one").await);
    assert!(
        desk.kinds()
            .await
            .contains(&"approval.taken_over".to_owned())
    );
}

/// Two who have the same list before them press "Take over": the second has confirmed nothing.
#[tokio::test]
async fn h14_taking_over_confirms_nothing_whoever_was_first() {
    let desk = Desk::open().await;
    let proposal = proposed(desk.command().lift_stop("one", "called back").await);
    let early = refusal(&desk.marc(), &proposal.id).await;
    assert_eq!(early, "provider.approval_changed");
    desk.anne().take_over(&proposal.id).await.unwrap();
    let late = desk.marc().take_over(&proposal.id).await.unwrap_err();
    assert_eq!(late.code(), "provider.approval_changed");
    assert!(!desk.is_lifted("one").await);
    desk.marc().confirm(&proposal.id).await.unwrap();
    assert!(desk.is_lifted("one").await);
}

#[tokio::test]
async fn h14_what_is_confirmed_is_what_was_shown() {
    let desk = Desk::open().await;
    let with_one = |id: &str| AccountStop {
        audience: vec![
            "https://records.example".to_owned(),
            format!("https://{id}.example"),
        ],
        ..stop(id, "one")
    };
    desk.stop(with_one("older")).await;
    let proposal = proposed(desk.anne().lift_stop("one", "called back").await);
    let listed = desk.marc().list().await.unwrap();
    let shown: Vec<&str> = listed[0].stops.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(shown, ["one", "older"]);
    desk.stop(with_one("newer")).await;
    let refused = refusal(&desk.marc(), &proposal.id).await;
    assert_eq!(refused, "provider.approval_changed");
    assert!(!desk.is_lifted("newer").await);
    desk.marc().cancel(&proposal.id).await.unwrap();
    let proposal = proposed(desk.anne().lift_stop("one", "called again").await);
    desk.marc().confirm(&proposal.id).await.unwrap();
    for id in ["one", "older", "newer"] {
        assert!(desk.is_lifted(id).await, "{id}");
    }
}

/// Whose account it is does not confirm its lift by another entry of hers, nor where the guard has
/// named no person of ours; and where one decides alone she does not lift it.
#[tokio::test]
async fn h14_nobody_vouches_for_her_own_account_by_another_entry() {
    let mut desk = Desk::open().await;
    desk.person("stopped one", "1").await;
    desk.operators.push(entry("1", Some("paul")));
    desk.operators.push(entry("2", Some("paul")));
    let by_other_entry = || OperatorPerson {
        person: Some("paul".to_owned()),
        ..person("2", "PAUL BLANC")
    };
    let proposal = proposed(desk.anne().lift_stop("one", "called back").await);
    let refused = refusal(&desk.of(by_other_entry()), &proposal.id).await;
    assert_eq!(refused, "provider.approval_own");
    // A sector's name for her, and nothing else.
    let mut transaction = desk.store.begin().await.unwrap();
    let sector = pairwise_subject::load_or_create(
        &mut transaction,
        "stopped one",
        "records.example",
        "pairwise one",
        now(),
    );
    sector.await.unwrap();
    transaction.commit().await.unwrap();
    desk.stop(AccountStop {
        sub: None,
        ..stop("three", "pairwise one")
    })
    .await;
    let proposal = proposed(desk.anne().lift_stop("three", "called back").await);
    let herself = person("stopped one", "Paul Blanc");
    for operator in [herself.clone(), by_other_entry()] {
        let refused = refusal(&desk.of(operator), &proposal.id).await;
        assert_eq!(refused, "provider.approval_own");
    }
    for operator in [herself, by_other_entry()] {
        let alone = Approvals {
            four_eyes: FourEyes::NotAsked,
            ..desk.of(operator)
        };
        let refused = alone.lift_stop("one", "it was I").await.unwrap_err();
        assert_eq!(refused.code(), "provider.approval_own");
    }
    assert!(!desk.is_lifted("one").await && !desk.is_lifted("three").await);
    desk.marc().confirm(&proposal.id).await.unwrap();
    assert!(desk.is_lifted("three").await);
}

/// A reload takes an operator out at once, and what the configuration says of her counts as it says
/// it now.
#[tokio::test]
async fn h14_a_proposal_goes_with_its_proposers_right() {
    let mut desk = Desk::open().await;
    let proposal = proposed(desk.anne().lift_stop("one", "called back").await);
    desk.operators = vec![entry("anne", Some("a")), entry("marc", Some("a"))];
    let as_one = desk.of(OperatorPerson {
        person: Some("a".to_owned()),
        ..person("marc", "Marc Petit")
    });
    let refused = refusal(&as_one, &proposal.id).await;
    assert_eq!(refused, "provider.approval_own");
    desk.operators = vec![entry("marc", None)];
    let refused = refusal(&desk.marc(), &proposal.id).await;
    assert_eq!(refused, "provider.approval_expired");
    assert!(!desk.is_lifted("one").await);
    let kinds = desk.kinds().await;
    assert!(kinds.contains(&"approval.expired".to_owned()), "{kinds:?}");
    // A command's, which nobody stands for, waits on.
    let proposal = proposed(desk.command().lift_stop("one", "called back").await);
    desk.marc().take_over(&proposal.id).await.unwrap();
}

#[tokio::test]
async fn what_nobody_confirms_in_time_expires_on_record() {
    let mut desk = Desk::open().await;
    let proposal = proposed(desk.anne().lift_stop("one", "called back").await);
    desk.at += Duration::hours(24) - Duration::SECOND;
    let listed = desk.marc().list().await.unwrap();
    assert_eq!(listed[0].state, ApprovalState::Open);
    desk.at += Duration::SECOND;
    let late = refusal(&desk.marc(), &proposal.id).await;
    assert_eq!(late, "provider.approval_expired");
    assert!(!desk.is_lifted("one").await);
    let kinds = desk.kinds().await;
    assert!(kinds.contains(&"approval.expired".to_owned()), "{kinds:?}");
    let listed = desk.marc().list().await.unwrap();
    assert_eq!(listed[0].state, ApprovalState::Expired);
    // It can be proposed again, and what became of it is forgotten after half a year.
    proposed(desk.anne().lift_stop("one", "called back").await);
    desk.at += Duration::days(181);
    assert!(
        desk.marc()
            .list()
            .await
            .unwrap()
            .iter()
            .all(|it| it.id != proposal.id)
    );
}

/// Whether or not anybody looks at the list.
#[tokio::test]
async fn the_sweep_ends_a_proposal_at_its_time_once() {
    let (provider, store) = bare_provider().await;
    let mut transaction = store.begin().await.unwrap();
    for (id, left) in [("over", Duration::ZERO), ("open", Duration::SECOND)] {
        let proposal = Approval {
            id: id.to_owned(),
            target: id.to_owned(),
            change: "{}".to_owned(),
            proposed_by: "{}".to_owned(),
            proposer: None,
            proposed_at: now() - Duration::hours(24),
            expires_at: now() + left,
            state: ApprovalState::Open,
            decided_by: None,
            decided_at: None,
        };
        let stored = approval::insert(&mut transaction, &proposal).await;
        assert!(stored.unwrap());
    }
    transaction.commit().await.unwrap();
    assert_eq!(provider.expire_approvals().await.unwrap(), 1);
    assert_eq!(provider.expire_approvals().await.unwrap(), 0);
    let mut reading = store.begin_read().await.unwrap();
    let state = async |reading: &mut _, id| {
        let found = approval::find(reading, id).await.unwrap().unwrap();
        (found.state, found.decided_at)
    };
    let over = state(&mut reading, "over").await;
    assert_eq!(over, (ApprovalState::Expired, Some(now())));
    let open = state(&mut reading, "open").await;
    assert_eq!(open, (ApprovalState::Open, None));
    let events = event::list_newest(&mut reading, 9).await.unwrap();
    let [expired] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(expired.kind, "approval.expired");
    assert!(expired.details.contains("over"), "{}", expired.details);
}

#[tokio::test]
async fn a_cancelled_proposal_is_over() {
    let desk = Desk::open().await;
    let proposal = proposed(desk.anne().lift_stop("one", "called back").await);
    let cancelled = desk.marc().cancel(&proposal.id).await.unwrap();
    assert_eq!(cancelled.state, ApprovalState::Cancelled);
    let refused = refusal(&desk.marc(), &proposal.id).await;
    assert_eq!(refused, "provider.approval_decided");
    let twice = desk.marc().cancel(&proposal.id).await.unwrap_err();
    assert_eq!(twice.code(), "provider.approval_decided");
    let unknown = refusal(&desk.marc(), "unknown").await;
    assert_eq!(unknown, "provider.approval_unknown");
}

#[tokio::test]
async fn one_thing_is_proposed_once_at_a_time_and_only_what_can_be_done() {
    let desk = Desk::open().await;
    proposed(desk.anne().lift_stop("one", "called back").await);
    let again = desk.marc().lift_stop("one", "called back").await;
    assert_eq!(again.unwrap_err().code(), "provider.approval_exists");
    let unknown = desk.anne().lift_stop("three", "called back").await;
    assert_eq!(unknown.unwrap_err().code(), "provider.stop_unknown");
    let wordless = desk.anne().lift_stop("two", "  ").await;
    assert_eq!(wordless.unwrap_err().code(), "provider.stop_reason_invalid");
    let missing = desk.anne().remove_anchor("rules", "00").await;
    assert_eq!(missing.unwrap_err().code(), "provider.anchor_unknown");
}

#[tokio::test]
async fn trust_anchors_are_changed_by_two_and_only_where_operators_may() {
    let desk = Desk::open().await;
    let mut transaction = desk.store.begin().await.unwrap();
    let anchor = TrustAnchorRecord {
        rules: "rules".to_owned(),
        sha256: "00".to_owned(),
        role: "anchor".to_owned(),
        certificate: String::new(),
        added_at: now(),
        added_by: "{}".to_owned(),
    };
    assert!(
        trust_anchor::insert(&mut transaction, &anchor)
            .await
            .unwrap()
    );
    transaction.commit().await.unwrap();
    let off = Approvals {
        anchors: Permission::Refused,
        ..desk.marc()
    };
    let refused = off.remove_anchor("rules", "00").await.unwrap_err();
    assert_eq!(refused.code(), "provider.admin_anchors_off");
    let proposal = proposed(desk.anne().remove_anchor("rules", "00").await);
    let refused = refusal(&off, &proposal.id).await;
    assert_eq!(refused, "provider.admin_anchors_off");
    desk.marc().confirm(&proposal.id).await.unwrap();
    let mut reading = desk.store.begin_read().await.unwrap();
    assert!(trust_anchor::list(&mut reading).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_change_that_cannot_be_done_any_more_leaves_its_proposal_open() {
    let desk = Desk::open().await;
    let proposal = proposed(desk.anne().lift_stop("one", "called back").await);
    let mut transaction = desk.store.begin().await.unwrap();
    account_stop::lift(&mut transaction, "one", now())
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    let refused = refusal(&desk.marc(), &proposal.id).await;
    assert_eq!(refused, "provider.stop_unknown");
    let listed = desk.marc().list().await.unwrap();
    assert_eq!(listed[0].state, ApprovalState::Open);
}

#[tokio::test]
async fn where_one_operator_decides_it_is_done_at_once() {
    let desk = Desk::open().await;
    let alone = Approvals {
        four_eyes: FourEyes::NotAsked,
        ..desk.anne()
    };
    let done = alone.lift_stop("one", "called back").await.unwrap();
    assert!(matches!(done, Outcome::Done(_)));
    assert!(desk.is_lifted("one").await);
}

/// Attack H9.
#[tokio::test]
async fn h9_as_many_proposals_wait_as_anybody_can_read() {
    let desk = Desk::open().await;
    let mut transaction = desk.store.begin().await.unwrap();
    let template = proposed(desk_proposal(&desk, &mut transaction).await);
    transaction.commit().await.unwrap();
    assert_eq!(template.state, ApprovalState::Open);
    let refused = desk.anne().lift_stop("two", "called back").await;
    assert_eq!(
        refused.unwrap_err().code(),
        "provider.approval_limit_reached"
    );
}

/// Fills the places with proposals about other things.
async fn desk_proposal(
    desk: &Desk,
    transaction: &mut cardea_storage::Transaction,
) -> Result<Outcome<()>, Error> {
    let anne = desk.anne();
    let mut last = None;
    for number in 0..PROPOSALS_MAX {
        let change = super::ProposedChange::RemoveAnchor {
            rules: "rules".to_owned(),
            sha256: number.to_string(),
        };
        let row = anne.row_of(&change, now())?;
        assert!(approval::insert(transaction, &row).await?);
        last = Some(row);
    }
    let row = last.ok_or(Error::ApprovalUnknown)?;
    Ok(Outcome::Proposed(Box::new(anne.proposal(row)?)))
}
