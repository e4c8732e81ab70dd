//! What the card is asked to sign, a login, a grant or a step-up, and the statement that it signs
//! for it.

use cardea_assertion::{
    AssertionClaims, AttestationClaims, Confirmation, GrantAttestationClaims, GrantChallenge,
    GrantClaims, HostAccount, Origin, SigningInput, StepUpAttestationClaims, StepUpChallenge,
    StepUpClaims, UserVerification, VerifiedChallenge, certificate_name,
};
use cardea_card::{Insertion, SignatureAlgorithm};
use cardea_jose::{Algorithm, JwtSigner as _, SigningKey};

use crate::Error;
use crate::card_session::CardFacts;
use crate::clock::ChallengeLifetime;
use crate::instance_key::InstanceKey;
use crate::program_api::CallingProgram;
use crate::prompt_text::{AskingGuard, Caller};

/// The one thing that a conversation with the person is about.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    /// A login to a portal, asked for by a page.
    Login {
        /// The page's origin, as the browser told it.
        origin: Origin,
        challenge: VerifiedChallenge,
    },
    /// Tokens for a program on this workstation, which nobody vouches for.
    Grant {
        challenge: VerifiedChallenge<GrantChallenge>,
        /// The program, as far as the system tells.
        caller: CallingProgram,
    },
    /// That a session goes on, which a guard at its portal's service asks about.
    StepUp {
        challenge: VerifiedChallenge<StepUpChallenge>,
        /// The session's card: no other will do.
        insertion: Insertion,
    },
}

impl Wanted {
    pub(crate) fn issuer(&self) -> &str {
        match self {
            Self::Login { challenge, .. } => &challenge.claims().iss,
            Self::Grant { challenge, .. } => &challenge.claims().iss,
            Self::StepUp { challenge, .. } => &challenge.claims().iss,
        }
    }

    pub(crate) fn jti(&self) -> &str {
        match self {
            Self::Login { challenge, .. } => &challenge.claims().jti,
            Self::Grant { challenge, .. } => &challenge.claims().jti,
            Self::StepUp { challenge, .. } => &challenge.claims().jti,
        }
    }

    pub(crate) fn client_id(&self) -> &str {
        match self {
            Self::Login { challenge, .. } => &challenge.claims().client_id,
            Self::Grant { challenge, .. } => &challenge.claims().client_id,
            Self::StepUp { challenge, .. } => &challenge.claims().client_id,
        }
    }

    pub(crate) fn client_name(&self) -> &str {
        match self {
            Self::Login { challenge, .. } => &challenge.claims().client_name,
            Self::Grant { challenge, .. } => &challenge.claims().client_name,
            Self::StepUp { challenge, .. } => &challenge.claims().client_name,
        }
    }

    /// Where another device asks from, if the login is for one.
    pub(crate) fn device(&self) -> Option<&str> {
        match self {
            Self::Login { challenge, .. } => challenge.claims().device.as_deref(),
            Self::Grant { .. } | Self::StepUp { .. } => None,
        }
    }

    /// What that device says about who is at its door.
    pub(crate) fn host_account(&self) -> Option<&HostAccount> {
        match self {
            Self::Login { challenge, .. } => challenge.claims().host_account.as_ref(),
            Self::Grant { .. } | Self::StepUp { .. } => None,
        }
    }

    /// The challenge's hash: its name in the log.
    pub(crate) fn hash(&self) -> &str {
        match self {
            Self::Login { challenge, .. } => challenge.hash(),
            Self::Grant { challenge, .. } => challenge.hash(),
            Self::StepUp { challenge, .. } => challenge.hash(),
        }
    }

    /// The weakest verification of the person that would do. A grant always wants the PIN: the
    /// program that asks is not verified, and there is no page that the PIN was typed for before.
    /// So does a step-up: what it shows is that a person is there now.
    pub(crate) fn allowed(&self) -> UserVerification {
        match self {
            Self::Login { challenge, .. } => challenge.claims().uv,
            Self::Grant { .. } | Self::StepUp { .. } => UserVerification::Now,
        }
    }

    /// The page that asks, if one does.
    pub(crate) fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Login { origin, .. } => Some(origin),
            Self::Grant { .. } | Self::StepUp { .. } => None,
        }
    }

    /// Who asks, as the prompt says it.
    pub(crate) fn caller(&self) -> Caller {
        match self {
            Self::Login { .. } => Caller::Page,
            Self::Grant { caller, .. } => Caller::Program(caller.clone()),
            Self::StepUp { challenge, .. } => {
                let asked = challenge.claims();
                Caller::Guard(AskingGuard::new(&asked.service, asked.patients))
            }
        }
    }

    /// The one card that will do, if it is not for the person to choose.
    pub(crate) fn insertion(&self) -> Option<&Insertion> {
        match self {
            Self::Login { .. } | Self::Grant { .. } => None,
            Self::StepUp { insertion, .. } => Some(insertion),
        }
    }

    /// The bytes for the card: header and claims, with the fresh presence key and the instance key.
    /// A step-up names the session's own presence key, and leaves the fresh one unused.
    pub(crate) fn statement(
        &self,
        facts: &CardFacts,
        lifetime: ChallengeLifetime,
        presence_key: &SigningKey,
        instance_key: &InstanceKey,
        uv: UserVerification,
    ) -> Result<SigningInput, Error> {
        const FAILED: Error = Error::Internal {
            reason: "the statement could not be laid out",
        };
        let algorithm = match facts.certificate.key_algorithm()?.signature_algorithm() {
            SignatureAlgorithm::Rs256 => Algorithm::Rs256,
            SignatureAlgorithm::Es256 => Algorithm::Es256,
        };
        let certificate = facts.certificate.der();
        let iat = lifetime.issuer_now();
        let card_serial = facts.serial.clone();
        let cnf = Confirmation {
            jkt: presence_key.kid().to_owned(),
        };
        let instance_jkt = instance_key.kid().to_owned();
        let input = match self {
            Self::Login { origin, challenge } => {
                let asked = challenge.claims();
                let claims = AssertionClaims {
                    aud: asked.iss.clone(),
                    origin: origin.as_str().to_owned(),
                    client_id: asked.client_id.clone(),
                    challenge: challenge.hash().to_owned(),
                    nonce: asked.nonce.clone(),
                    jti: asked.jti.clone(),
                    iat,
                    card_serial,
                    uv,
                    cnf,
                    instance_jkt,
                };
                SigningInput::new(algorithm, &[certificate], &claims)
            }
            Self::Grant { challenge, .. } => {
                let asked = challenge.claims();
                let card = certificate_name(certificate);
                let claims = GrantClaims {
                    iss: card.clone(),
                    sub: card,
                    aud: asked.iss.clone(),
                    client_id: asked.client_id.clone(),
                    challenge: challenge.hash().to_owned(),
                    nonce: asked.nonce.clone(),
                    jti: asked.jti.clone(),
                    iat,
                    exp: asked.exp,
                    card_serial,
                    uv,
                    cnf,
                    instance_jkt,
                };
                SigningInput::new(algorithm, &[certificate], &claims)
            }
            Self::StepUp { challenge, .. } => {
                let own = (iat, card_serial, uv, instance_jkt);
                let claims = step_up_claims(challenge, own);
                SigningInput::new(algorithm, &[certificate], &claims)
            }
        };
        input.map_err(|_| FAILED)
    }

    /// The agent's countersignature of what the card signed, with how the person was verified, and
    /// for a login in which reader.
    pub(crate) fn attest(
        &self,
        statement: &str,
        instance_key: &InstanceKey,
        (uv, reader): (UserVerification, &str),
    ) -> Result<String, Error> {
        let signed = match self {
            Self::Login { origin, .. } => AttestationClaims::new(statement, origin.as_str(), uv)
                .named(instance_key.name().map(str::to_owned))
                .at_reader(reader)
                .sign(instance_key),
            Self::Grant { .. } => GrantAttestationClaims::new(statement, uv)
                .named(instance_key.name().map(str::to_owned))
                .sign(instance_key),
            Self::StepUp { .. } => StepUpAttestationClaims::new(statement, uv).sign(instance_key),
        };
        signed.map_err(|error| Error::InstanceKeyUnavailable {
            reason: error.to_string(),
        })
    }
}

/// What was shown, with what the agent says itself: time, card, verification and instance.
fn step_up_claims(
    challenge: &VerifiedChallenge<StepUpChallenge>,
    (iat, card_serial, uv, instance_jkt): (i64, String, UserVerification, String),
) -> StepUpClaims {
    let asked = challenge.claims();
    StepUpClaims {
        aud: asked.iss.clone(),
        client_id: asked.client_id.clone(),
        service: asked.service.clone(),
        patients: asked.patients,
        challenge: challenge.hash().to_owned(),
        nonce: asked.nonce.clone(),
        jti: asked.jti.clone(),
        iat,
        exp: asked.exp,
        card_serial,
        uv,
        presence: asked.presence.clone(),
        instance_jkt,
    }
}
