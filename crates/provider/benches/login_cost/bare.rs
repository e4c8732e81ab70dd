//! The signatures and verifications that one login cannot do without, by OpenSSL alone, over
//! messages of the lengths that this login had and with keys that are parsed already.

use std::fmt::Write as _;
use std::time::Duration;

use cardea_test_pki::{AuthorityName, KeyKind, TestPki};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, PKeyRef, Private, Public};
use openssl::sign::{Signer, Verifier};

use crate::Failure;
use crate::login::Traffic;
use crate::samples::{Samples, microseconds};
use crate::server::ServerKeys;
use crate::stopwatch::Stopwatch;
use crate::workstation::Workstation;

/// Repetitions of each operation after one login.
const REPETITIONS: u32 = 4;

/// One signature or verification.
struct Operation {
    name: &'static str,
    work: Work,
    message: Vec<u8>,
}

enum Work {
    Sign(PKey<Private>),
    Verify {
        key: PKey<Public>,
        signature: Vec<u8>,
    },
}

/// Everything asymmetric that one login needs.
pub(crate) struct BareOperations(Vec<Operation>);

impl BareOperations {
    /// The operations of the login that had this traffic.
    pub(crate) fn of(
        traffic: &Traffic,
        keys: &ServerKeys,
        workstation: &Workstation,
        pki: &TestPki,
    ) -> Result<Self, Failure> {
        let issuing = AuthorityName::FORT_PERSONNES;
        let (authority, root) = (pki.authority(issuing)?, pki.authority(issuing.root())?);
        let responder = pki.responder(issuing)?;
        let Traffic {
            challenge, answer, ..
        } = traffic;
        let token = &keys.token;
        Ok(Self(vec![
            sign("sign the challenge", &keys.challenge, challenge.as_bytes()),
            verify(
                "verify the card's assertion",
                &workstation.card.key,
                answer.assertion.as_bytes(),
            )?,
            verify(
                "verify the agent's attestation",
                &workstation.instance,
                answer.attestation.as_bytes(),
            )?,
            verify(
                "verify the card's certificate",
                authority.key(),
                &workstation.card.der,
            )?,
            verify(
                "verify the issuing authority's certificate",
                root.key(),
                authority.certificate_der(),
            )?,
            verify(
                "verify the OCSP responder's certificate",
                authority.key(),
                &responder.der,
            )?,
            verify(
                "verify the OCSP response",
                &responder.key,
                &traffic.ocsp_response,
            )?,
            verify(
                "verify the statement of presence",
                &answer.presence,
                traffic.presence.as_bytes(),
            )?,
            sign(
                "sign the access token",
                token,
                traffic.access_token.as_bytes(),
            ),
            sign("sign the ID token", token, traffic.id_token.as_bytes()),
            verify(
                "verify the access token at userinfo",
                token,
                traffic.access_token.as_bytes(),
            )?,
        ]))
    }

    /// Measures each operation once more, warm.
    pub(crate) fn measure(&self, samples: &mut Samples) -> Result<(), Failure> {
        for operation in &self.0 {
            operation.run()?;
            let watch = Stopwatch::start();
            for _ in 0..REPETITIONS {
                operation.run()?;
            }
            samples.add(operation.name, watch.stop().of_one_in(REPETITIONS));
        }
        Ok(())
    }

    /// CPU time of all of them, from the medians of each.
    pub(crate) fn sum(&self, samples: &Samples) -> Duration {
        let medians = self
            .0
            .iter()
            .map(|operation| samples.median(operation.name));
        medians.map(|cost| cost.cpu).sum()
    }

    pub(crate) fn table(&self, samples: &Samples) -> String {
        let mut table = String::from("| bare operation | key | CPU, µs |\n|---|---|---:|\n");
        for operation in &self.0 {
            let cpu = microseconds(samples.median(operation.name).cpu);
            let key = operation.key_name();
            let _ = writeln!(table, "| {} | {key} | {cpu:.0} |", operation.name);
        }
        let (count, sum) = (self.0.len(), microseconds(self.sum(samples)));
        let _ = writeln!(table, "| **all {count}** | | {sum:.0} |");
        table
    }
}

fn sign(name: &'static str, key: &PKeyRef<Private>, message: &[u8]) -> Operation {
    Operation {
        name,
        work: Work::Sign(key.to_owned()),
        message: message.to_vec(),
    }
}

fn verify(
    name: &'static str,
    key: &PKeyRef<Private>,
    message: &[u8],
) -> Result<Operation, ErrorStack> {
    let work = Work::Verify {
        key: PKey::public_key_from_der(&key.public_key_to_der()?)?,
        signature: Signer::new(MessageDigest::sha256(), key)?.sign_oneshot_to_vec(message)?,
    };
    Ok(Operation {
        name,
        work,
        message: message.to_vec(),
    })
}

impl Operation {
    fn run(&self) -> Result<(), Failure> {
        let digest = MessageDigest::sha256();
        match &self.work {
            Work::Sign(key) => {
                Signer::new(digest, key)?.sign_oneshot_to_vec(&self.message)?;
            }
            Work::Verify { key, signature } => {
                let mut verifier = Verifier::new(digest, key)?;
                if !verifier.verify_oneshot(signature, &self.message)? {
                    return Err("a signature does not verify".into());
                }
            }
        }
        Ok(())
    }

    fn key_name(&self) -> &'static str {
        let bits = match &self.work {
            Work::Sign(key) => key.bits(),
            Work::Verify { key, .. } => key.bits(),
        };
        match bits {
            256 => "P-256",
            2048 => "RSA 2048",
            4096 => "RSA 4096",
            _ => "other",
        }
    }
}

/// What to call a card with such a key.
pub(crate) fn card_name(key: KeyKind) -> &'static str {
    match key {
        KeyKind::P256 => "P-256",
        KeyKind::BrainpoolP256r1 => "brainpoolP256r1",
        KeyKind::Rsa2048 => "RSA 2048",
        KeyKind::Rsa4096 => "RSA 4096",
    }
}
