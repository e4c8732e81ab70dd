use cardea_storage::agent_instance::AgentInstance;
use cardea_storage::instance_standing::{DecidedStanding, InstanceDecision};
use time::{Duration, OffsetDateTime};

use super::{InstancePolicy, InstanceRefusal, InstanceStanding, refusal, standing_of};

const SEEN: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

fn own(change: impl FnOnce(&mut AgentInstance)) -> AgentInstance {
    let mut own = AgentInstance {
        instance_jkt: "instance".to_owned(),
        name: None,
        first_seen_at: SEEN,
        last_seen_at: SEEN,
        acknowledged_at: Some(SEEN),
        confirmed_here_at: None,
        revoked_at: None,
    };
    change(&mut own);
    own
}

fn decided(standing: DecidedStanding) -> InstanceDecision {
    InstanceDecision {
        instance_jkt: "instance".to_owned(),
        standing,
        name: None,
        note: None,
        decided_at: SEEN,
    }
}

#[test]
fn a_standing_follows_from_both_words_and_revocation_wins() {
    use DecidedStanding as D;
    use InstanceStanding as S;
    let unsaid = |it: &mut AgentInstance| it.acknowledged_at = None;
    let cases = [
        ("never used", None, None, 0, S::Unknown),
        ("acknowledged", Some(own(|_| ())), None, 0, S::Known),
        ("unsaid", Some(own(unsaid)), None, 29, S::Unknown),
        ("unsaid for a month", Some(own(unsaid)), None, 30, S::Known),
        (
            "said at the new one alone",
            Some(own(|it| {
                it.acknowledged_at = None;
                it.confirmed_here_at = Some(SEEN);
            })),
            None,
            0,
            S::Unknown,
        ),
        ("managed, never used", None, Some(D::Managed), 0, S::Managed),
        (
            "revoked by the operator",
            Some(own(|_| ())),
            Some(D::Revoked),
            0,
            S::Revoked,
        ),
        (
            "managed and revoked by its person",
            Some(own(|it| it.revoked_at = Some(SEEN))),
            Some(D::Managed),
            0,
            S::Revoked,
        ),
    ];
    for (name, own, word, days, expected) in cases {
        let now = SEEN + Duration::days(days);
        let (standing, _) = standing_of(own.as_ref(), word.map(decided).as_ref(), now);
        assert_eq!(standing, expected, "{name}");
    }
}

#[test]
fn a_client_refuses_what_it_does_not_ask_for_and_everybody_what_is_revoked() {
    use InstancePolicy as P;
    use InstanceRefusal as R;
    use InstanceStanding as S;
    for (policy, standing, refused) in [
        (P::Any, S::Unknown, None),
        (P::Any, S::Known, None),
        (P::Any, S::Managed, None),
        (P::Any, S::Revoked, Some(R::RevokedByOwner)),
        (P::Known, S::Unknown, Some(R::NotKnown)),
        (P::Known, S::Known, None),
        (P::Known, S::Managed, None),
        (P::Known, S::Revoked, Some(R::RevokedByOwner)),
        (P::Managed, S::Unknown, Some(R::NotManaged)),
        (P::Managed, S::Known, Some(R::NotManaged)),
        (P::Managed, S::Managed, None),
        (P::Managed, S::Revoked, Some(R::RevokedByOwner)),
    ] {
        let revoked = (standing == S::Revoked).then_some(R::RevokedByOwner);
        assert_eq!(
            refusal(policy, (standing, revoked)),
            refused,
            "{policy:?} {standing:?}"
        );
    }
}

#[test]
fn words_are_read_back_and_order_by_strictness() {
    for policy in [
        InstancePolicy::Any,
        InstancePolicy::Known,
        InstancePolicy::Managed,
    ] {
        assert_eq!(InstancePolicy::find(policy.as_str()), Some(policy));
    }
    assert_eq!(InstancePolicy::find("all"), None);
    assert!(InstancePolicy::Any < InstancePolicy::Known);
    assert!(InstancePolicy::Known < InstancePolicy::Managed);
}
