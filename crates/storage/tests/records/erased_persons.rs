//! A person's rows beside the log, erased on request: what goes, what stays, and nobody else's.

use cardea_storage::agent_instance::record_use;
use cardea_storage::card::{self, SeenCard};
use cardea_storage::consent::{self, Consent};
use cardea_storage::erasure::{delete_rows_of_person, list_staying};
use cardea_storage::guard_notice::{self, GuardNotice};
use cardea_storage::incident::{self, Incident};
use cardea_storage::refused_use::{self, Refused};
use cardea_storage::subject::{PersonId, load_or_create};
use cardea_storage::{Transaction, account_stop, not_me, pairwise_subject, session};

use super::baseline::{after_seconds, pending_session, start};
use super::databases::{committed, on_both};

/// A row in each table that has some of persons.
async fn fill(transaction: &mut Transaction, sub: &str, value: &str) {
    let person = PersonId {
        scheme: "rpps",
        value,
    };
    load_or_create(transaction, person, sub, start())
        .await
        .unwrap();
    let pairwise = format!("pairwise-{sub}");
    pairwise_subject::load_or_create(transaction, sub, "sector", &pairwise, start())
        .await
        .unwrap();
    let seen = SeenCard {
        id_if_new: &format!("card-{sub}"),
        sub,
        family: "cps",
        number: value,
    };
    card::record_use(transaction, seen, start()).await.unwrap();
    record_use(transaction, sub, ("instance", None), start())
        .await
        .unwrap();
    let consent = Consent {
        sub: sub.to_owned(),
        client_id: "portal".to_owned(),
        covered: "openid".to_owned(),
        given_at: start(),
        expires_at: after_seconds(60),
    };
    consent::remember(transaction, &consent).await.unwrap();
    fill_notices(transaction, sub).await;
    fill_incidents(transaction, sub).await;
}

async fn fill_notices(transaction: &mut Transaction, sub: &str) {
    let notice = GuardNotice {
        id: format!("notice-{sub}"),
        sub: sub.to_owned(),
        session_id: "session".to_owned(),
        client_id: "portal".to_owned(),
        service: "records".to_owned(),
        stop_id: None,
        occurred_at: start(),
    };
    guard_notice::insert(transaction, &notice).await.unwrap();
    let refused = Refused {
        id_if_new: &format!("refused-{sub}"),
        sub,
        code: "login.card_suspended",
        client_id: None,
        instance: None,
    };
    refused_use::note(transaction, refused, start())
        .await
        .unwrap();
    let claimed = not_me::claim(transaction, (sub, "line"), start()).await;
    assert!(claimed.unwrap());
}

/// A closed one with a note, and a stop that was lifted.
async fn fill_incidents(transaction: &mut Transaction, sub: &str) {
    let id = format!("incident-{sub}");
    incident::insert(transaction, &incident(&id, sub))
        .await
        .unwrap();
    let noted = incident::add_note(transaction, &id, ("{}", "called"), start(), 9).await;
    assert_eq!(noted.unwrap(), Some(1));
    let closed = incident::close(transaction, &id, "done", start()).await;
    assert!(closed.unwrap());
    let id = format!("stop-{sub}");
    account_stop::stop(transaction, stop(&id, sub), start())
        .await
        .unwrap();
    let lifted = account_stop::lift(transaction, &id, after_seconds(1)).await;
    assert_eq!(lifted.unwrap().len(), 1);
}

fn incident(id: &str, sub: &str) -> Incident {
    Incident {
        id: id.to_owned(),
        kind: "operator".to_owned(),
        state: incident::OPEN.to_owned(),
        sub: Some(sub.to_owned()),
        session_id: None,
        card_sha256: None,
        event_id: None,
        client_id: None,
        stop_id: None,
        words: None,
        opened_by: "{}".to_owned(),
        opened_at: start(),
        changed_at: start(),
        closed_at: None,
        close_reason: None,
    }
}

fn stop(id: &str, sub: &str) -> account_stop::AccountStop {
    account_stop::AccountStop {
        id: id.to_owned(),
        sub: Some(sub.to_owned()),
        subject: format!("subject-{sub}"),
        service: "records".to_owned(),
        audience: vec!["https://api.example.fr".to_owned()],
        guard_client_id: "guard".to_owned(),
        client_id: "portal".to_owned(),
        report_id: format!("report of {id}"),
        reasons: "[]".to_owned(),
        sequence: 0,
        stopped_at: start(),
        lifted_at: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_needs_any_more_goes_with_the_pseudonym_and_nobody_elses() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            fill(transaction, "one", "899700000001").await;
            fill(transaction, "two", "899700000002").await;
            let gone = delete_rows_of_person(transaction, "one").await.unwrap();
            let expected = [
                "guard_notice",
                "refused_use",
                "not_me",
                "account_stop",
                "incident_note",
                "incident",
                "consent",
                "agent_instance",
                "card",
                "pairwise_subject",
                "subject",
            ];
            assert_eq!(gone, expected.map(|table| (table, 1)));
            assert!(list_staying(transaction, "one").await.unwrap().is_empty());
            let again = delete_rows_of_person(transaction, "one").await.unwrap();
            assert!(again.is_empty(), "{again:?}");
            let others = delete_rows_of_person(transaction, "two").await.unwrap();
            assert_eq!(others, gone);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_safety_needs_stays_and_the_pseudonym_with_it() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            fill(transaction, "one", "899700000001").await;
            let suspended = card::suspend(transaction, "card-one", "{}", start()).await;
            assert!(suspended.unwrap());
            let open = incident("open", "one");
            incident::insert(transaction, &open).await.unwrap();
            account_stop::stop(transaction, stop("stop-open", "one"), after_seconds(9))
                .await
                .unwrap();
            session::insert(transaction, &pending_session("one"))
                .await
                .unwrap();
            let gone = delete_rows_of_person(transaction, "one").await.unwrap();
            let gone: Vec<_> = gone.iter().map(|it| it.0).collect();
            for table in ["card", "pairwise_subject", "subject"] {
                assert!(!gone.contains(&table), "{table}");
            }
            let staying = ["session", "card", "account_stop", "incident", "subject"];
            assert_eq!(list_staying(transaction, "one").await.unwrap(), staying);
            let found = incident::find(transaction, "open").await.unwrap();
            assert_eq!(found, Some(open));
        })
        .await;
    })
    .await;
}
