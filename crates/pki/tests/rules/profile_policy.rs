//! Which cards an operator accepts: families, certificate policies, test cards or real ones.

use crate::authority::{Draft, policies};
use crate::card::{CARD_POLICY, certificate_kind};
use crate::profile::read_with;
use cardea_pki::profile::{CardFamily, CardRule, ProfilePolicy};
use cardea_pki::{Oid, ProfessionalIdentity};

/// Attack A8.
#[test]
fn the_operator_says_which_cards_are_accepted() {
    const OTHER: &str = "1.2.250.1.213.1.7.9.2";
    let rule = |family, policies: &[&str]| CardRule {
        family: CardFamily::new(family),
        policies: policies.iter().filter_map(|oid| Oid::parse(oid)).collect(),
    };
    let accept = |cards| ProfilePolicy {
        cards: Some(cards),
        ..ProfilePolicy::sandbox()
    };
    let doctors = accept(vec![rule("cps", &[OTHER, CARD_POLICY])]);
    let others = accept(vec![rule("cps", &[OTHER])]);
    let staff = accept(vec![rule("cpe", &[])]);
    let nobody = accept(Vec::new());
    let real = |card: &mut Draft| card.set(certificate_kind(0));
    let any_policy = |card: &mut Draft| card.set(policies(&["2.5.29.32.0"]));
    let code = |outcome: Result<ProfessionalIdentity, _>| outcome.map(|_| ());
    for (name, outcome, expected) in [
        (
            "its policy is listed",
            code(read_with(&doctors, |_| {})),
            Ok(()),
        ),
        (
            "its policy is another",
            code(read_with(&others, |_| {})),
            Err("pki.card_policy_refused"),
        ),
        (
            "its policy is any",
            code(read_with(&doctors, any_policy)),
            Err("pki.card_policy_refused"),
        ),
        (
            "its family has no rule",
            code(read_with(&staff, |_| {})),
            Err("pki.card_family_refused"),
        ),
        (
            "no family has a rule",
            code(read_with(&nobody, |_| {})),
            Err("pki.card_family_refused"),
        ),
        (
            "a test card in production",
            code(read_with(&ProfilePolicy::production(), |_| {})),
            Err("pki.test_mark_refused"),
        ),
        (
            "a real card in production",
            code(read_with(&ProfilePolicy::production(), real)),
            Ok(()),
        ),
        (
            "a real card in a sandbox",
            code(read_with(&ProfilePolicy::sandbox(), real)),
            Err("pki.test_mark_refused"),
        ),
    ] {
        assert_eq!(outcome, expected, "{name}");
    }
}
