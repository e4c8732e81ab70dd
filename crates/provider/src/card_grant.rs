//! Tokens by a card's signature, for business software without a browser (RFC 7523 section 2.1,
//! RFC 9449; design: life of a login, 9).
//!
//! The client asks for a challenge, its workstation's agent has the card sign a `card-grant+jwt`
//! over it, and the client redeems that at the token endpoint with a DPoP proof by the presence
//! key. The session is the grant's own: it is active once the presence key has answered on the
//! agent's connection, and its tokens die with it.

mod challenge;

pub use challenge::IssuedGrantChallenge;

use crate::{AuthenticationError, Error, PublicRefusal};

/// A card grant that was refused about the card or what it signed. The client learns what a browser
/// would: until the signature is proven always the same, afterwards what the card's holder can act
/// on.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct CardGrantRefusal {
    /// What the client learns.
    pub public: PublicRefusal,
    /// The precise reason, for the log.
    #[source]
    source: Box<Error>,
}

impl CardGrantRefusal {
    /// The precise stable code, for the log.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.source.code()
    }
}

impl From<AuthenticationError> for Error {
    fn from(error: AuthenticationError) -> Self {
        let AuthenticationError { public, source } = error;
        // Our own failure decided nothing about the card, and keeps its name; so does a mistake of
        // the client's own, which tells nothing about the card either.
        let plain = matches!(
            source,
            Self::CardGrantKeyMismatch
                | Self::ScopeNotGranted
                | Self::ResourceNotGranted
                | Self::Parameters(_)
        );
        if plain || source.is_internal() {
            return source;
        }
        Self::CardGrant(CardGrantRefusal {
            public,
            source: Box::new(source),
        })
    }
}
