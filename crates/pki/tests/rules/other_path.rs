//! When an authority of the path is revoked, or nothing tells whether it is: another path, once,
//! and never for the card.

use crate::authority::{Authority, NOW};
use crate::card::{Baseline, ROOT_CRL_URL, crl_distribution_points};
use crate::list::ListDraft;
use crate::path_mesh::cross;
use cardea_pki::revocation::check_revocation;
use cardea_pki::{
    Certificate, Error, Evidence, KnownPaths, PathPolicy, RevocationPolicy, TrustStore,
    ValidatedPath, other_path, validate_path,
};

/// A card whose issuer two roots have certified.
struct CrossCertified {
    baseline: Baseline,
    other_root: Authority,
    /// The issuer as the other root certified it.
    other_issuing: Authority,
    card: Certificate,
    /// The issuer's two certificates: the configured one, and the one that the card brings along.
    configured: Certificate,
    extra: [Certificate; 1],
}

impl CrossCertified {
    fn new() -> Self {
        let baseline = Baseline::new();
        let other_root = Authority::root("CN=AUTRE RACINE,C=FR");
        let mut other_issuing = cross(&other_root, &baseline.issuing);
        let point = crl_distribution_points(&[ROOT_CRL_URL]);
        other_issuing.draft.set(point);
        Self {
            card: baseline.card.certificate(),
            configured: baseline.issuing.certificate(),
            extra: [other_issuing.certificate()],
            baseline,
            other_root,
            other_issuing,
        }
    }

    fn store(&self) -> TrustStore {
        let anchors = vec![
            self.baseline.root.certificate(),
            self.other_root.certificate(),
        ];
        TrustStore::new(anchors, vec![self.configured.clone()])
    }

    fn first_path(&self) -> ValidatedPath {
        let policy = PathPolicy::login();
        let path = validate_path(&self.card, &self.extra, &self.store(), &policy, NOW).unwrap();
        let issuer = &path.certificates()[1];
        assert_eq!(issuer, &self.configured, "it comes first");
        path
    }

    fn judge(&self, path: &ValidatedPath, revoked: &[&Authority]) -> Result<(), Error> {
        let list = |authority: &Authority| {
            let mut list = ListDraft::of(authority);
            for revoked in revoked {
                list.revoke(&revoked.draft.tbs.serial_number, None);
            }
            list.crl()
        };
        let (root, issuing) = (&self.baseline.root, &self.baseline.issuing);
        let evidence = Evidence {
            crls: vec![list(root), list(&self.other_root), list(issuing)],
            ..Evidence::default()
        };
        let policy = RevocationPolicy::default();
        check_revocation(path, &evidence, &policy, NOW).map(|_| ())
    }

    fn other(&self, path: &ValidatedPath, refusal: &Error) -> Option<ValidatedPath> {
        let policy = PathPolicy::login();
        other_path(path, refusal, &self.extra, &self.store(), &policy)
    }
}

#[test]
fn a_revoked_cross_certificate_does_not_hide_the_other_path() {
    let pki = CrossCertified::new();
    let first = pki.first_path();
    let refusal = pki.judge(&first, &[&pki.baseline.issuing]).unwrap_err();
    assert_eq!(refusal.code(), "pki.certificate_revoked");
    let other = pki.other(&first, &refusal).unwrap();
    assert_eq!(other.certificates()[1], pki.extra[0]);
    assert_eq!(other.validated_at(), first.validated_at());
    assert!(pki.judge(&other, &[&pki.baseline.issuing]).is_ok());

    let both = [&pki.baseline.issuing, &pki.other_issuing];
    let refusal = pki.judge(&other, &both).unwrap_err();
    assert_eq!(refusal.code(), "pki.certificate_revoked", "judged anew");
}

#[test]
fn the_revoked_certificate_brought_along_again_is_no_other_path() {
    let pki = CrossCertified::new();
    let first = pki.first_path();
    let refusal = pki.judge(&first, &[&pki.baseline.issuing]).unwrap_err();
    let again = [pki.configured.clone()];
    let other = other_path(&first, &refusal, &again, &pki.store(), &PathPolicy::login());
    assert!(other.is_none());
}

#[test]
fn an_authority_of_unknown_status_does_not_hide_the_other_path() {
    let pki = CrossCertified::new();
    let first = pki.first_path();
    let judge = |path: &ValidatedPath| {
        let lists = [&pki.other_root, &pki.baseline.issuing];
        let evidence = Evidence {
            crls: lists.map(|it| ListDraft::of(it).crl()).to_vec(),
            ..Evidence::default()
        };
        check_revocation(path, &evidence, &RevocationPolicy::default(), NOW).map(|_| ())
    };
    let refusal = judge(&first).unwrap_err();
    assert_eq!(refusal.code(), "pki.revocation_unknown");
    let other = pki.other(&first, &refusal).unwrap();
    assert_eq!(other.certificates()[1], pki.extra[0]);
    assert!(judge(&other).is_ok());
}

#[test]
fn a_refused_card_is_no_reason_to_search() {
    let pki = CrossCertified::new();
    let first = pki.first_path();
    let card = Authority {
        key: pki.baseline.card_key.clone(),
        draft: pki.baseline.card.clone(),
    };
    let revoked = pki.judge(&first, &[&card]).unwrap_err();
    assert_eq!(revoked.code(), "pki.certificate_revoked");
    let unknown = check_revocation(
        &first,
        &Evidence::default(),
        &RevocationPolicy::default(),
        NOW,
    );
    for refusal in [revoked, unknown.unwrap_err()] {
        assert!(pki.other(&first, &refusal).is_none(), "{refusal}");
    }
}

#[test]
fn paths_through_the_revoked_authority_are_forgotten_and_the_other_is_known() {
    let pki = CrossCertified::new();
    let (known, store, policy) = (KnownPaths::new(8), pki.store(), PathPolicy::login());
    let validate = |card: &[u8], extra: &[Certificate]| {
        known.validate(card, extra, &store, &policy, NOW).unwrap()
    };
    let (card, extra) = (pki.card.der(), &pki.extra);
    let colleague = crate::card::doctor(&pki.baseline.issuing, &pki.baseline.card_key);
    let first = validate(card, extra);
    validate(&colleague.der(), &[]);
    assert_eq!(known.len(), 2);
    let refusal = pki.judge(&first, &[&pki.baseline.issuing]).unwrap_err();
    let other = known.other_path(&first, &refusal, extra, &store, &policy);
    let other = other.unwrap();
    assert_eq!(known.len(), 1, "the colleague's is forgotten");
    let again = validate(card, &[]);
    assert_eq!(again.certificates(), other.certificates());
    let alone = known.other_path(&other, &refusal, &[], &store, &policy);
    assert_eq!(alone.unwrap().certificates(), first.certificates());
}
