//! Nonces for DPoP proofs: a time and a tag over it, so that none has to be remembered.

use cardea_jose::{Algorithm, MacKey, SigningKey, base64url, constant_time_eq, parse_base64url};

use crate::AccessError;

/// All nonces of so many seconds are one and the same.
const STEP_SECONDS: i64 = 30;
/// How many steps a nonce is accepted for after its own: five minutes.
const STEPS_MAX: i64 = 10;
const STEP_BYTES: usize = 8;
/// 128 bits of the tag: a guess is told right or wrong only by asking us.
const TAG_BYTES: usize = 16;
const LABEL: &str = "cardea guard DPoP nonce 1";

/// Makes nonces and knows them again, with a key that lives as long as the process: what was made
/// before it started, or at another guard, is none of its own.
pub(crate) struct Nonces(MacKey);

impl Nonces {
    pub(crate) fn new() -> Result<Self, AccessError> {
        let key = SigningKey::generate(Algorithm::Es256).map_err(AccessError::CryptoFailed)?;
        let key = key
            .derive_mac_key(LABEL)
            .map_err(AccessError::CryptoFailed)?;
        Ok(Self(key))
    }

    /// The nonce of this moment.
    pub(crate) fn issue(&self, now: i64) -> Result<String, AccessError> {
        self.of_step(now.div_euclid(STEP_SECONDS))
    }

    /// Whether a nonce is ours and of the last five minutes.
    pub(super) fn is_current(&self, nonce: &str, now: i64) -> Result<bool, AccessError> {
        let Some(step) = read_step(nonce) else {
            return Ok(false);
        };
        let age = now.div_euclid(STEP_SECONDS).saturating_sub(step);
        if !(0..=STEPS_MAX).contains(&age) {
            return Ok(false);
        }
        let own = self.of_step(step)?;
        Ok(constant_time_eq(own.as_bytes(), nonce.as_bytes()))
    }

    fn of_step(&self, step: i64) -> Result<String, AccessError> {
        let step = step.to_be_bytes();
        let tag = self.0.tag(&step).map_err(AccessError::CryptoFailed)?;
        let mut bytes = step.to_vec();
        bytes.extend(tag.iter().take(TAG_BYTES));
        Ok(base64url(&bytes))
    }
}

fn read_step(nonce: &str) -> Option<i64> {
    let bytes = parse_base64url(nonce).ok()?;
    if bytes.len() != STEP_BYTES + TAG_BYTES {
        return None;
    }
    let step = bytes.first_chunk::<STEP_BYTES>()?;
    Some(i64::from_be_bytes(*step))
}
