//! Certificate policies along the path (RFC 5280 sections 6.1.1 and 6.1.5).

use crate::authority::{extension, oid, policies, raw_extension};
use crate::card::{Baseline, CARD_POLICY};
use crate::path::code;
use cardea_pki::{ExplicitPolicy, Inhibit, Oid, PathPolicy};
use x509_cert::der::Encode;
use x509_cert::ext::pkix::{PolicyConstraints, PolicyMapping, PolicyMappings};

#[test]
fn policy_mappings_can_be_inhibited() {
    const ISSUERS: &str = "1.2.250.1.213.1.7.9.2";
    let mapping = PolicyMappings(vec![PolicyMapping {
        issuer_domain_policy: oid(ISSUERS),
        subject_domain_policy: oid(CARD_POLICY),
    }]);
    let mapped = Baseline::new().with_issuing(|draft| {
        draft.set(policies(&[ISSUERS]));
        draft.set(extension("2.5.29.33", true, &mapping));
    });
    let mut policy = PathPolicy::login();
    policy.certificate_policies.initial = vec![Oid::parse(ISSUERS).unwrap()];
    policy.certificate_policies.explicit_policy = ExplicitPolicy::Required;
    let path = mapped.validate_with(&policy).expect("mapped");
    assert_eq!(path.policies(), [Oid::parse(ISSUERS).unwrap()]);
    policy.certificate_policies.policy_mapping = Inhibit::FromTheStart;
    assert_eq!(
        code(mapped.validate_with(&policy)),
        Err("pki.policy_refused")
    );
}

#[test]
fn certificate_policies_follow_the_inputs() {
    const OTHER: &str = "1.2.250.1.213.1.7.9.2";
    let demand = |oid: &str| {
        let mut policy = PathPolicy::login();
        policy.certificate_policies.initial = vec![Oid::parse(oid).unwrap()];
        policy.certificate_policies.explicit_policy = ExplicitPolicy::Required;
        policy
    };
    let baseline = Baseline::new();
    let validate = |baseline: &Baseline, policy: &PathPolicy| {
        baseline
            .validate_with(policy)
            .map(|path| {
                path.policies()
                    .iter()
                    .map(Oid::to_string)
                    .collect::<Vec<_>>()
            })
            .map_err(|error| error.code())
    };
    assert_eq!(
        validate(&baseline, &demand(CARD_POLICY)),
        Ok(vec![CARD_POLICY.to_owned()])
    );
    assert_eq!(
        validate(&baseline, &demand(OTHER)),
        Err("pki.policy_refused")
    );

    let mut no_any_policy = demand(CARD_POLICY);
    no_any_policy.certificate_policies.any_policy = Inhibit::FromTheStart;
    assert_eq!(
        validate(&baseline, &no_any_policy),
        Err("pki.policy_refused")
    );

    let narrowed = Baseline::new().with_issuing(|draft| draft.set(policies(&[OTHER])));
    assert_eq!(validate(&narrowed, &PathPolicy::login()), Ok(vec![]));
    let constraints = PolicyConstraints {
        require_explicit_policy: Some(0),
        inhibit_policy_mapping: None,
    };
    let demanding = narrowed.with_issuing(|draft| {
        draft.set(raw_extension(
            "2.5.29.36",
            true,
            &constraints.to_der().unwrap(),
        ));
    });
    assert_eq!(
        validate(&demanding, &PathPolicy::login()),
        Err("pki.policy_refused")
    );
}
