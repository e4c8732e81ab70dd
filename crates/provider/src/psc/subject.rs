//! `sub` as Pro Santé Connect writes it: `f:<component>:<national identifier>`, the form in which
//! Keycloak names the persons of a federated register.

use cardea_storage::{Transaction, subject};
use openssl::sha::sha256;

use crate::{Error, Provider};

impl Provider {
    /// What clients call the person whom we call `sub`.
    pub(crate) async fn federated_name(
        &self,
        transaction: &mut Transaction,
        sub: &str,
    ) -> Result<String, Error> {
        let value = subject::find_value(transaction, sub).await?;
        // Whoever has a session has a row here.
        let corrupt = || cardea_storage::Error::Corrupt {
            column: "subject.sub".to_owned(),
        };
        let value = value.ok_or_else(corrupt)?;
        Ok(format!("{}{value}", self.federated_prefix()))
    }

    /// Whom of ours a client means by such a name; none where it names nobody, or two registers'
    /// persons.
    pub(crate) async fn find_federated(
        &self,
        transaction: &mut Transaction,
        name: &str,
    ) -> Result<Option<String>, Error> {
        match name.strip_prefix(&self.federated_prefix()) {
            Some(value) => Ok(subject::find_by_value(transaction, value).await?),
            None => Ok(None),
        }
    }

    /// The same for everybody here; it follows from the issuer, so that all nodes have one and no
    /// other issuer has it.
    fn federated_prefix(&self) -> String {
        let digest = sha256(format!("cardea-psc-component:{}", self.issuer.as_str()).as_bytes());
        let hex: String = digest
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        // RFC 9562 section 5.8: version 8, whose bits are the maker's own.
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        format!(
            "f:{}-{}-8{}-8{}-{}:",
            part(0, 8),
            part(8, 12),
            part(13, 16),
            part(17, 20),
            part(20, 32)
        )
    }
}
