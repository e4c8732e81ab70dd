//! The bounds of path building: a mesh of authorities has far more paths than edges.

use crate::authority::{Authority, NOW, p256};
use crate::card::{Baseline, doctor};
use crate::path::code;
use crate::path_mesh::cross;
use cardea_pki::{Certificate, PathPolicy, TrustStore, validate_path};
use std::time::{Duration, Instant};

const AUTHORITIES: usize = 12;

/// Every authority certified by every other, and a card of the first.
fn mesh() -> (Certificate, Vec<Certificate>) {
    let named = |index| Authority::root(&format!("CN=M{index},C=FR"));
    let authorities: Vec<Authority> = (0..AUTHORITIES).map(named).collect();
    let mut certificates = Vec::new();
    for issuer in &authorities {
        let others = authorities.iter().filter(|it| it.name() != issuer.name());
        certificates.extend(others.map(|subject| cross(issuer, subject).certificate()));
    }
    (doctor(&authorities[0], &p256()).certificate(), certificates)
}

/// With five authorities on a path the mesh has some hundred thousand paths and 132 edges, whose
/// signatures are all within their bound: what ends the search is the bound on looking.
#[test]
fn a_mesh_that_leads_nowhere_ends_at_the_bound_on_candidates() {
    let (card, mut certificates) = mesh();
    let baseline = Baseline::new();
    let policy = PathPolicy {
        intermediates_max: 5,
        signature_checks_max: 256,
        ..PathPolicy::login()
    };
    let store = TrustStore::new(vec![baseline.root.certificate()], certificates.clone());
    let begin = Instant::now();
    let outcome = code(validate_path(&card, &[], &store, &policy, NOW));
    assert_eq!(outcome, Err("pki.path_budget_exceeded"));
    assert!(begin.elapsed() < Duration::from_secs(10));

    certificates.truncate(AUTHORITIES / 2);
    let store = TrustStore::new(vec![baseline.root.certificate()], certificates);
    let outcome = code(validate_path(&card, &[], &store, &policy, NOW));
    assert_eq!(
        outcome,
        Err("pki.untrusted_anchor"),
        "few enough to see the end"
    );
}
