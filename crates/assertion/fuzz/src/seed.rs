//! Good assertions to start from, the same bytes each time.

use super::signing::CardKey;
use cardea_assertion::{
    AssertionClaims, Confirmation, GrantClaims, SigningInput, UserVerification, certificate_name,
};
use cardea_jose::Algorithm;
use std::fs;
use std::path::Path;

/// A name and the bytes.
pub type Seed = (&'static str, Vec<u8>);

/// The environment variable that names the folder for a target's seeds.
pub const FOLDER_VARIABLE: &str = "CARDEA_SEED_FOLDER";

/// Writes the seeds into the folder that [`FOLDER_VARIABLE`] names, if it names one.
pub fn write_where_asked() {
    let Some(folder) = std::env::var_os(FOLDER_VARIABLE) else {
        return;
    };
    for (name, bytes) in assertions() {
        fs::write(Path::new(&folder).join(name), bytes).expect("the folder takes files");
    }
}

/// Assertions of two kinds of keys, without signatures: each use signs them again.
pub fn assertions() -> Vec<Seed> {
    let cases: [(&str, Algorithm, &[&[u8]]); 4] = [
        ("p256", Algorithm::Es256, &[b"a certificate"]),
        ("brainpool", Algorithm::Bp256r1, &[b"a certificate"]),
        ("rsa", Algorithm::Rs256, &[b"a certificate"]),
        (
            "with-issuers",
            Algorithm::Es256,
            &[b"a card", b"an issuer", b"a root"],
        ),
    ];
    cases
        .into_iter()
        .map(|(name, algorithm, certificates)| {
            let input = SigningInput::new(algorithm, certificates, &claims());
            let assertion = input.expect("a good recipe").into_assertion(b"unsigned");
            (name, assertion.into_bytes())
        })
        .chain([("grant", grant())])
        .collect()
}

/// A card grant: a mutation of it must not become an assertion.
fn grant() -> Vec<u8> {
    let of_login = claims();
    let card = certificate_name(b"a certificate");
    let claims = GrantClaims {
        iss: card.clone(),
        sub: card,
        aud: of_login.aud,
        client_id: of_login.client_id,
        challenge: of_login.challenge,
        nonce: of_login.nonce,
        jti: of_login.jti,
        iat: of_login.iat,
        exp: of_login.iat + 120,
        card_serial: of_login.card_serial,
        uv: of_login.uv,
        cnf: of_login.cnf,
        instance_jkt: of_login.instance_jkt,
    };
    let input = SigningInput::new(Algorithm::Es256, &[b"a certificate"], &claims);
    let grant = input.expect("a good recipe").into_assertion(b"unsigned");
    grant.into_bytes()
}

fn claims() -> AssertionClaims {
    // One thumbprint serves for both keys: nobody compares them here.
    let public = CardKey::for_algorithm("ES256").public();
    let thumbprint = cardea_jose::Jwk::from_public_key(&public)
        .expect("a good key")
        .thumbprint();
    AssertionClaims {
        aud: "https://id.example.fr".to_owned(),
        origin: "https://id.example.fr".to_owned(),
        client_id: "portal".to_owned(),
        challenge: "c".repeat(43),
        nonce: "n".repeat(43),
        jti: "j".repeat(22),
        iat: 1_000_000,
        card_serial: "2600000001".to_owned(),
        uv: UserVerification::Now,
        cnf: Confirmation {
            jkt: thumbprint.clone(),
        },
        instance_jkt: thumbprint,
    }
}
