use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

fn insertion(event_count: u32) -> Insertion {
    let reader = cardea_card::Reader {
        name: "Reader A".to_owned(),
        card: cardea_card::CardPresence::Present {
            atr: Vec::new(),
            exclusive: false,
        },
        event_count,
    };
    reader.insertion().unwrap()
}

fn kept_for(event_count: u32, issuer: &str, origin: &str) -> KeptFor {
    KeptFor {
        insertion: insertion(event_count),
        issuer: issuer.to_owned(),
        origin: Origin::parse(origin).unwrap(),
    }
}

fn usual() -> KeptFor {
    kept_for(1, "https://login.example", "https://login.example")
}

/// One login an hour after the PIN was typed, with everything in favour of doing without.
fn check(change: impl FnOnce(&mut Circumstances<'_>)) -> Result<(), PinNeeded> {
    let asked = usual();
    let verified = VerifiedPin {
        kept_for: usual(),
        verified_at: SinceBoot::at(HOUR),
    };
    let mut circumstances = Circumstances {
        policy: PinPolicy::Pharmacy { kept_max: KEPT_MAX },
        allowed: UserVerification::Cached,
        several_users: false,
        outlasts_lock: false,
        verified: Some(&verified),
        asked: &asked,
        now: SinceBoot::at(HOUR * 2),
    };
    change(&mut circumstances);
    circumstances.may_go_without()
}

#[test]
fn a_login_goes_without_a_pin_only_if_every_condition_holds() {
    assert_eq!(check(|_| {}), Ok(()));
    assert_eq!(check(|it| it.allowed = UserVerification::None), Ok(()));
    let until_the_limit = HOUR + KEPT_MAX - Duration::from_millis(1);
    assert_eq!(check(|it| it.now = SinceBoot::at(until_the_limit)), Ok(()));

    let refused = [
        (
            PinNeeded::StrictPolicy,
            check(|it| it.policy = PinPolicy::Strict),
        ),
        (
            PinNeeded::ChallengeWantsIt,
            check(|it| it.allowed = UserVerification::Now),
        ),
        (PinNeeded::SeveralUsers, check(|it| it.several_users = true)),
        (
            PinNeeded::ScreenUnwatched,
            check(|it| it.outlasts_lock = true),
        ),
        (PinNeeded::NotVerified, check(|it| it.verified = None)),
        (
            PinNeeded::TooLongAgo,
            check(|it| it.now = SinceBoot::at(HOUR + KEPT_MAX)),
        ),
        (
            PinNeeded::TooLongAgo,
            check(|it| it.policy = PinPolicy::Pharmacy { kept_max: HOUR }),
        ),
    ];
    for (reason, checked) in refused {
        assert_eq!(checked, Err(reason));
    }
}

/// Attack D14: what was unlocked for one page is not unlocked for another.
#[test]
fn d14_a_pin_counts_for_the_same_insertion_issuer_and_page_alone() {
    let others = [
        (
            PinNeeded::OtherInsertion,
            kept_for(3, "https://login.example", "https://login.example"),
        ),
        (
            PinNeeded::OtherIssuer,
            kept_for(1, "https://other.example", "https://login.example"),
        ),
        (
            PinNeeded::OtherOrigin,
            kept_for(1, "https://login.example", "https://pages.example"),
        ),
    ];
    for (reason, other) in others {
        let asked = usual();
        let verified = VerifiedPin {
            kept_for: other,
            verified_at: SinceBoot::at(HOUR),
        };
        let circumstances = Circumstances {
            policy: PinPolicy::Pharmacy { kept_max: KEPT_MAX },
            allowed: UserVerification::Cached,
            several_users: false,
            outlasts_lock: false,
            verified: Some(&verified),
            asked: &asked,
            now: SinceBoot::at(HOUR),
        };
        assert_eq!(circumstances.may_go_without(), Err(reason));
        // It may be typed and then count from now on, for this one.
        assert_eq!(circumstances.may_keep(), Ok(KEPT_MAX));
    }
}

#[test]
fn no_configuration_keeps_a_pin_longer_than_four_hours() {
    let asked = usual();
    let circumstances = Circumstances {
        policy: PinPolicy::Pharmacy {
            kept_max: HOUR * 12,
        },
        allowed: UserVerification::Cached,
        several_users: false,
        outlasts_lock: false,
        verified: None,
        asked: &asked,
        now: SinceBoot::at(HOUR),
    };
    assert_eq!(circumstances.may_keep(), Ok(HOUR * 4));
}
