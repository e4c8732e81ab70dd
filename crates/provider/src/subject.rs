//! The names that clients have for a person (OIDC Core section 8).
//!
//! A public client sees the person's own `sub`. A pairwise one sees a name of its sector alone,
//! drawn at random and kept in a table: no key and no card number leads from one sector's name to
//! another's (attack G14), and a renewed card changes none of them.

use cardea_jose::random_base64url;
use cardea_storage::{Transaction, pairwise_subject};
use time::OffsetDateTime;

use crate::client::{SubjectType, host_of};
use crate::secret::RANDOM_BYTES;
use crate::{Client, Error, ProtocolProfile, Provider};

impl Provider {
    /// What a client calls the person whom we call `sub`. Everything that goes to a client uses
    /// this name: tokens, userinfo, introspection and logout tokens.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub(crate) async fn subject_for(
        &self,
        transaction: &mut Transaction,
        client: &Client,
        sub: &str,
        now: OffsetDateTime,
    ) -> Result<String, Error> {
        match client.subject_type {
            SubjectType::Public if self.profile() == ProtocolProfile::Psc => {
                self.federated_name(transaction, sub).await
            }
            SubjectType::Public => Ok(sub.to_owned()),
            SubjectType::Pairwise => {
                let if_new = random_base64url(RANDOM_BYTES)?;
                let sector = sector_of(client);
                let name =
                    pairwise_subject::load_or_create(transaction, sub, &sector, &if_new, now);
                Ok(name.await?)
            }
        }
    }

    /// What a client has been calling the person; none where it never called her anything.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub(crate) async fn known_subject(
        &self,
        transaction: &mut Transaction,
        client: &Client,
        sub: &str,
    ) -> Result<Option<String>, Error> {
        match client.subject_type {
            SubjectType::Public if self.profile() == ProtocolProfile::Psc => {
                Ok(Some(self.federated_name(transaction, sub).await?))
            }
            SubjectType::Public => Ok(Some(sub.to_owned())),
            SubjectType::Pairwise => {
                let sector = sector_of(client);
                Ok(pairwise_subject::find_by_person(transaction, sub, &sector).await?)
            }
        }
    }

    /// Whom of ours a client means by a name, such as that of an `id_token_hint`. None when its
    /// sector has no such person. For a public client the name is taken as it is.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub(crate) async fn person_of(
        &self,
        transaction: &mut Transaction,
        client: &Client,
        name: &str,
    ) -> Result<Option<String>, Error> {
        match client.subject_type {
            SubjectType::Public if self.profile() == ProtocolProfile::Psc => {
                self.find_federated(transaction, name).await
            }
            SubjectType::Public => Ok(Some(name.to_owned())),
            SubjectType::Pairwise => {
                let sector = sector_of(client);
                Ok(pairwise_subject::find_person(transaction, name, &sector).await?)
            }
        }
    }
}

/// The sector of a pairwise client: what it registered, else the host of its first redirect URI
/// (section 8.1), else, for a client that has none, itself.
fn sector_of(client: &Client) -> String {
    if let Some(sector) = &client.sector_identifier {
        return sector.to_ascii_lowercase();
    }
    let host = client.redirect_uris.first().and_then(|uri| host_of(uri));
    // A client id never looks like a host: no host holds a colon outside brackets.
    host.unwrap_or_else(|| format!("client:{}", client.client_id))
}

#[cfg(test)]
mod tests {
    use super::sector_of;
    use crate::{Client, ClientAuthentication};

    #[test]
    fn a_sector_is_what_was_registered_else_the_host_else_the_client() {
        let mut client = Client::new("portal", "Portail", ClientAuthentication::None);
        assert_eq!(sector_of(&client), "client:portal");
        client.redirect_uris = vec!["https://Portal.example.fr/cb".to_owned()];
        assert_eq!(sector_of(&client), "portal.example.fr");
        client.redirect_uris = vec!["evil.app://portal.example.fr/cb".to_owned()];
        assert_eq!(sector_of(&client), "client:portal");
        client.sector_identifier = Some("Sector.example.fr".to_owned());
        assert_eq!(sector_of(&client), "sector.example.fr");
    }
}
