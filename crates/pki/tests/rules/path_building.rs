//! Path building: which issuer is found, who is trusted, and how much work that may take.

use crate::authority::{Authority, NOW, SUBJECT_KEY_IDENTIFIER, p256};
use crate::card::{Baseline, doctor};
use cardea_pki::{
    Certificate, EXTRA_CERTIFICATES_MAX, Error, PathPolicy, TrustStore, validate_path,
};
use std::time::Instant;

fn validate(
    card: &Certificate,
    extra: &[Certificate],
    anchors: Vec<Certificate>,
    intermediates: Vec<Certificate>,
) -> Result<usize, &'static str> {
    let store = TrustStore::new(anchors, intermediates);
    validate_path(card, extra, &store, &PathPolicy::login(), NOW)
        .map(|path| path.certificates().len())
        .map_err(|error| error.code())
}

#[test]
fn a_missing_intermediate_may_come_with_the_card() {
    let baseline = Baseline::new();
    let (card, root) = (baseline.card.certificate(), baseline.root.certificate());
    let issuing = baseline.issuing.certificate();
    let untrusted = Err("pki.untrusted_anchor");
    assert_eq!(
        validate(
            &card,
            std::slice::from_ref(&issuing),
            vec![root.clone()],
            vec![]
        ),
        Ok(3)
    );
    assert_eq!(validate(&card, &[], vec![root.clone()], vec![]), untrusted);
    assert_eq!(
        validate(&card, &[root, issuing], vec![], vec![]),
        untrusted,
        "not trusted"
    );
}

#[test]
fn an_issuing_authority_can_be_an_anchor_but_the_card_itself_cannot() {
    let baseline = Baseline::new();
    let card = baseline.card.certificate();
    assert_eq!(
        validate(&card, &[], vec![baseline.issuing.certificate()], vec![]),
        Ok(2)
    );
    assert_eq!(
        validate(&card, &[], vec![card.clone()], vec![]),
        Err("pki.untrusted_anchor")
    );
}

/// Attack A1: another PKI with the same names and the same key identifiers.
#[test]
fn trust_follows_the_key_and_not_the_name() {
    let baseline = Baseline::new();
    let own = |authority: &Authority| authority.draft.tbs.subject.to_string();
    let forged_root = Authority::root(&own(&baseline.root));
    let mut forged_issuing = forged_root.subordinate(&own(&baseline.issuing));
    let genuine = baseline.issuing.draft.clone().extensions().clone();
    for extension in genuine {
        if extension.extn_id.to_string() == SUBJECT_KEY_IDENTIFIER {
            forged_issuing.draft.set(extension);
        }
    }
    let mut forged_card = doctor(&forged_issuing, &baseline.card_key);
    for extension in baseline.card.clone().extensions().clone() {
        forged_card.set(extension);
    }
    let outcome = validate_path(
        &forged_card.certificate(),
        &[forged_issuing.certificate(), forged_root.certificate()],
        &baseline.store(),
        &PathPolicy::login(),
        NOW,
    );
    match outcome {
        Err(error @ Error::UntrustedAnchor { same_name_issuers }) => {
            assert_eq!(error.code(), "pki.untrusted_anchor");
            assert!(same_name_issuers > 0, "the names did fit");
        }
        other => panic!("{other:?}"),
    }
}

/// Attack A2.
#[test]
fn a_self_signed_copy_of_a_card_is_refused() {
    let baseline = Baseline::new();
    let mut copy = baseline.card.clone();
    let key = p256();
    copy.tbs.issuer = copy.tbs.subject.clone();
    copy.key(&key);
    copy.issuer_key = key;
    let (root, issuing) = (baseline.root.certificate(), baseline.issuing.certificate());
    let outcome = validate(&copy.certificate(), &[], vec![root], vec![issuing]);
    assert_eq!(outcome, Err("pki.untrusted_anchor"));
}

#[test]
fn the_right_one_of_several_issuers_with_one_name_is_found() {
    let baseline = Baseline::new();
    let subject = baseline.issuing.draft.tbs.subject.to_string();
    let renewed: Vec<Authority> = (0..5)
        .map(|_| baseline.root.subordinate(&subject))
        .collect();
    let mut intermediates: Vec<Certificate> = renewed
        .iter()
        .map(|authority| {
            let mut draft = authority.draft.clone();
            draft.remove(SUBJECT_KEY_IDENTIFIER);
            draft.certificate()
        })
        .collect();
    intermediates.push(baseline.issuing.certificate());
    let roots = vec![
        Authority::root("CN=UNE AUTRE,C=FR").certificate(),
        baseline.root.certificate(),
    ];
    assert_eq!(
        validate(&baseline.card.certificate(), &[], roots, intermediates),
        Ok(3)
    );
}

/// A path whose first candidate has expired goes on to the renewed one; when none is left, the
/// expiry is what the operator learns.
#[test]
fn an_expired_issuer_does_not_hide_its_renewal() {
    let baseline = Baseline::new();
    let mut expired = baseline.issuing.clone();
    expired
        .draft
        .valid_between(NOW - time::Duration::days(9), NOW - time::Duration::days(1));
    let (card, root) = (baseline.card.certificate(), baseline.root.certificate());
    let renewed = baseline.issuing.certificate();
    let both = vec![expired.certificate(), renewed];
    assert_eq!(validate(&card, &[], vec![root.clone()], both), Ok(3));
    let alone = validate(&card, &[], vec![root], vec![expired.certificate()]);
    assert_eq!(alone, Err("pki.certificate_expired"));
}

#[test]
fn paths_end_at_the_configured_depth() {
    let root = Authority::root("CN=R,C=FR");
    let chain = |count: usize| {
        let mut authorities = vec![root.clone()];
        for depth in 0..count {
            let next = authorities[depth].subordinate(&format!("CN=I{depth},C=FR"));
            authorities.push(next);
        }
        let card = doctor(&authorities[count], &p256()).certificate();
        let intermediates = authorities
            .iter()
            .skip(1)
            .map(Authority::certificate)
            .collect();
        validate(&card, &[], vec![root.certificate()], intermediates)
    };
    assert_eq!(chain(6), Ok(8));
    assert_eq!(chain(7), Err("pki.path_too_long"));
}

/// Attack A18: authorities that certify each other in circles.
#[test]
fn cross_certified_circles_end() {
    let names = ["CN=A,C=FR", "CN=B,C=FR", "CN=C,C=FR", "CN=D,C=FR"];
    let keys: Vec<_> = names.iter().map(|_| p256()).collect();
    let mut intermediates = Vec::new();
    let mut first = None;
    for (issuer_name, issuer_key) in names.iter().zip(&keys) {
        let mut issuer = Authority::root(issuer_name);
        issuer.key = issuer_key.clone();
        for (subject, key) in names.iter().zip(&keys) {
            let authority = issuer.subordinate_with_key(subject, key);
            intermediates.push(authority.certificate());
            first.get_or_insert(authority);
        }
    }
    let card = doctor(&first.expect("an authority"), &p256()).certificate();
    let anchor = Authority::root("CN=R,C=FR").certificate();
    let started = Instant::now();
    let code = validate(&card, &[], vec![anchor], intermediates).expect_err("no anchor");
    assert!(
        ["pki.untrusted_anchor", "pki.path_budget_exceeded"].contains(&code),
        "{code}"
    );
    assert!(started.elapsed().as_secs() < 1, "{:?}", started.elapsed());
}

/// Attack A18: thousands of certificates with the issuer's name.
#[test]
fn a_crowd_of_same_name_issuers_costs_a_bounded_number_of_checks() {
    let baseline = Baseline::new();
    let subject = baseline.issuing.draft.tbs.subject.to_string();
    let stranger = Authority::root("CN=UN AUTRE,C=FR");
    let crowd: Vec<Certificate> = (0..2000)
        .map(|_| {
            let mut one = stranger.subordinate_with_key(&subject, &stranger.key);
            one.draft.remove(SUBJECT_KEY_IDENTIFIER);
            one.certificate()
        })
        .collect();
    let (card, root) = (baseline.card.certificate(), baseline.root.certificate());
    let started = Instant::now();
    let outcome = validate(&card, &[], vec![root], crowd);
    assert_eq!(outcome, Err("pki.path_budget_exceeded"));
    assert!(started.elapsed().as_secs() < 1, "{:?}", started.elapsed());
}

#[test]
fn a_card_brings_along_only_a_few_certificates() {
    let baseline = Baseline::new();
    let (card, root) = (baseline.card.certificate(), baseline.root.certificate());
    let extra = vec![baseline.issuing.certificate(); EXTRA_CERTIFICATES_MAX + 1];
    let most = &extra[..EXTRA_CERTIFICATES_MAX];
    assert_eq!(validate(&card, most, vec![root.clone()], vec![]), Ok(3));
    assert_eq!(
        validate(&card, &extra, vec![root], vec![]),
        Err("pki.certificate_too_large")
    );
}
