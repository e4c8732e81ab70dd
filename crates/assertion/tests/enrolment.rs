//! The enrolment document: what it must be before a person is asked to compare its keys.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use cardea_assertion::{
    ENROLMENT_TYP, EnrolmentDocument, Origin, UncomparedEnrolment, root_fingerprint,
};
use cardea_jose::{Algorithm, JwkSet, SigningKey};

struct Issuer {
    roots: [SigningKey; 2],
    document: EnrolmentDocument,
}

impl Issuer {
    fn new() -> Self {
        let roots = [(); 2].map(|()| SigningKey::generate(Algorithm::Es256).unwrap());
        let keys = roots.iter().map(|root| root.public_jwk().clone()).collect();
        let document = EnrolmentDocument {
            iss: "https://login.example".to_owned(),
            name: "Portail santé".to_owned(),
            origins: vec![Origin::parse("https://login.example").unwrap()],
            roots: JwkSet { keys },
            iat: 1,
            log: None,
        };
        Self { roots, document }
    }
}

#[test]
fn it_is_signed_by_one_of_its_roots_and_pinned_after_both_were_compared() {
    let issuer = Issuer::new();
    for root in &issuer.roots {
        let text = issuer.document.sign(root).unwrap();
        let read = UncomparedEnrolment::read(&format!("{text}\n")).unwrap();
        assert_eq!(read.unconfirmed(), &issuer.document);
        let own = read.fingerprints();
        assert_eq!(own.len(), 2);
        let reversed: Vec<_> = own.iter().rev().cloned().collect();
        let lower: Vec<_> = own
            .iter()
            .map(|text| text.replace(' ', ":").to_lowercase())
            .collect();
        for given in [own.clone(), reversed, lower] {
            let compared = read.clone().compared(&given);
            assert_eq!(compared.as_ref(), Some(&issuer.document));
        }
        // One of the two would leave the other to whoever serves the document.
        let doubled = vec![own[0].clone(), own[0].clone()];
        for given in [own[..1].to_vec(), doubled, Vec::new()] {
            assert_eq!(read.clone().compared(&given), None);
        }
    }
}

#[test]
fn a_fingerprint_is_thirty_two_bytes_in_groups_of_four_digits() {
    let root = SigningKey::generate(Algorithm::Es256).unwrap();
    let text = root_fingerprint(root.public_jwk());
    let groups: Vec<_> = text.split(' ').collect();
    assert_eq!(groups.len(), 16);
    let is_group = |group: &&str| group.len() == 4 && group.chars().all(|c| c.is_ascii_hexdigit());
    assert!(groups.iter().all(is_group), "{text}");
}

#[test]
fn a_document_that_disagrees_with_itself_is_refused() {
    let issuer = Issuer::new();
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let changed = |change: fn(&mut EnrolmentDocument)| {
        let mut document = issuer.document.clone();
        change(&mut document);
        // Past the check of `sign`, as an attacker would.
        issuer.roots[0].sign_jwt(ENROLMENT_TYP, &document).unwrap()
    };
    let cases = [
        changed(|document| document.roots.keys.clear()),
        changed(|document| document.roots.keys.truncate(0)),
        changed(|document| document.roots.keys[1] = document.roots.keys[0].clone()),
        changed(|document| document.origins.clear()),
        changed(|document| document.name = " ".to_owned()),
        changed(|document| document.name = "a\nb".to_owned()),
        changed(|document| document.name = "x".repeat(129)),
        changed(|document| document.iss = "login.example".to_owned()),
        stranger.sign_jwt(ENROLMENT_TYP, &issuer.document).unwrap(),
        issuer.roots[0].sign_jwt("x+jwt", &issuer.document).unwrap(),
        "nonsense".to_owned(),
        "x".repeat(9000),
    ];
    for text in cases {
        assert!(UncomparedEnrolment::read(&text).is_err(), "{text}");
    }
    assert!(issuer.document.sign(&stranger).is_err());
    // A signature of the real root under another name or origin is nobody's.
    let text = issuer.document.sign(&issuer.roots[0]).unwrap();
    let mut other = issuer.document.clone();
    other.name = "Autre".to_owned();
    let forged = stranger.sign_jwt(ENROLMENT_TYP, &other).unwrap();
    let (_, payload) = forged.split_once('.').unwrap();
    let (payload, _) = payload.split_once('.').unwrap();
    let mut parts = text.split('.');
    let (header, _, signature) = (
        parts.next().unwrap(),
        parts.next().unwrap(),
        parts.next().unwrap(),
    );
    let error = UncomparedEnrolment::read(&format!("{header}.{payload}.{signature}")).unwrap_err();
    assert_eq!(error.code(), "assertion.signature_invalid");
}
