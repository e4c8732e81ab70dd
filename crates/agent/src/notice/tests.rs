use super::*;
use crate::enrolment::IssuerUrl;
use crate::language::Language;

fn enrolment() -> Enrolment {
    Enrolment {
        issuer: IssuerUrl::parse("https://id.example.fr/tenant").unwrap(),
        name: "Portail".to_owned(),
        origins: Vec::new(),
        roots: Vec::new(),
        ca_pem: None,
        log: None,
    }
}

fn notice(id: &str, kind: NoticeKind) -> Notice {
    Notice {
        id: id.to_owned(),
        kind,
        at: 1_800_000_000,
        workstation: Some("Comptoir\nhttps://evil.example".to_owned()),
        code: None,
    }
}

/// Attacks H9, N2 and N5.
#[test]
fn h9_a_notice_is_taken_up_once_and_a_flood_opens_few_windows() {
    let notices = Notices::default();
    let take = |id: &str| notices.take(&enrolment(), &notice(id, NoticeKind::NewWorkstation));
    assert!(
        take("first"),
        "whoever brings the first shows those that wait"
    );
    assert!(!take("first"), "it is known");
    for number in 0..200 {
        assert!(!take(&number.to_string()), "somebody shows them already");
    }
    let mut windows = 0;
    while notices.next().is_some() {
        windows += 1;
    }
    assert_eq!(windows, WINDOWS_MAX);
    assert_eq!(notices.list().len(), LISTED_MAX);
    assert_eq!(notices.lock().seen.len(), SEEN_MAX);
}

#[test]
fn what_is_none_or_of_a_later_version_is_not_shown() {
    let notices = Notices::default();
    let long = "a".repeat(200);
    for refused in [
        notice("id", NoticeKind::Other),
        notice("<id>", NoticeKind::RefusedUse),
        Notice {
            workstation: Some(long),
            ..notice("id", NoticeKind::RefusedUse)
        },
    ] {
        assert!(!notices.take(&enrolment(), &refused));
    }
    assert!(notices.list().is_empty());
}

/// Attack N5: nothing that a server says becomes an address, or a line of its own.
#[test]
fn the_way_leads_to_the_issuer_that_was_enrolled_and_names_stay_on_their_line() {
    let notices = Notices::default();
    let refused = Notice {
        code: Some("login.card_suspended".to_owned()),
        ..notice("id", NoticeKind::RefusedUse)
    };
    notices.take(&enrolment(), &refused);
    let told = notices.next().unwrap();
    assert_eq!(told.account, "https://id.example.fr/account");
    for (language, words) in [
        (
            Language::French,
            ["refusée sur un autre poste", "suspendue", "dites-le"],
        ),
        (
            Language::English,
            ["refused at another workstation", "suspended", "say so"],
        ),
    ] {
        let text = language.notice(&told);
        for part in words {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(!text.contains("Comptoir\n"), "{text}");
        assert!(text.len() < 900, "a line of the prompt's protocol holds it");
        let listed = language.listed_notice(&notices.list()[0]);
        assert!(listed.contains("0 min"), "{listed}");
    }
}
