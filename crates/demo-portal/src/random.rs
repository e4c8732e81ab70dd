//! Values that nobody can guess.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::Error;

/// 256 random bits as text, for cookies.
pub(crate) fn token() -> Result<String, Error> {
    let mut bytes = [0_u8; 32];
    openssl::rand::rand_bytes(&mut bytes).map_err(|_| Error::Random)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
