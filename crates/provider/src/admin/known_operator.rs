//! Whether something is an operator's own: nobody vouches for herself, with whichever card and by
//! whichever entry.

use cardea_pki::ProfessionalIdentity;
use cardea_storage::account_stop::AccountStop;
use cardea_storage::incident::list_person_ids;
use cardea_storage::{Transaction, pairwise_subject, session, subject};

use super::person::{is_one_name, name_of};
use super::{AdminOperator, OperatorPerson};
use crate::Error;

/// An operator, and what the configuration in force says of her and of the others.
#[derive(Clone, Debug)]
pub(crate) struct KnownOperator {
    pub(crate) person: OperatorPerson,
    pub(crate) operators: Vec<AdminOperator>,
}

impl KnownOperator {
    /// Whether somebody who operated once does so still.
    pub(crate) fn is_operator(&self, other: &OperatorPerson) -> bool {
        let mut entries = self.operators.iter();
        entries.any(|entry| entry.digest() == other.entry)
    }

    /// Whether she is another one, whose `person` counts as the configuration has it now.
    pub(crate) fn is(&self, other: &OperatorPerson) -> bool {
        let entries = self.operators.iter();
        let mut entries = entries.filter(|entry| entry.digest() == other.entry);
        let of = |entry: &AdminOperator| OperatorPerson {
            person: entry.person.clone(),
            ..other.clone()
        };
        match entries.next() {
            None => self.person.is_same_as(other),
            Some(first) => {
                self.person.is_same_as(&of(first))
                    || entries.any(|entry| self.person.is_same_as(&of(entry)))
            }
        }
    }

    /// Whether a person whom we call `sub` is she: by name with us, by an entry that is hers, by
    /// `person`, and where that does not say who is who by the name of a card in use.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::StoredValueUnreadable`].
    pub(crate) async fn is_sub(
        &self,
        transaction: &mut Transaction,
        sub: &str,
    ) -> Result<bool, Error> {
        if sub == self.person.sub {
            return Ok(true);
        }
        let ids = list_person_ids(transaction, &[sub.to_owned()]).await?;
        let is_of = |entry: &&AdminOperator| ids.iter().any(|(_, id)| is_number_of(entry, id));
        let entries: Vec<&AdminOperator> = self.operators.iter().filter(is_of).collect();
        let is_her_entry = |entry: &&AdminOperator| {
            let word = self.person.person.as_ref();
            entry.digest() == self.person.entry || word.is_some() && word == entry.person.as_ref()
        };
        if entries.iter().any(is_her_entry) {
            return Ok(true);
        }
        // The configuration says of both who they are.
        let is_told = |entry: &&AdminOperator| entry.person.is_some();
        if self.person.person.is_some() && entries.iter().any(is_told) {
            return Ok(false);
        }
        for session in session::list_of_person(transaction, sub).await? {
            let identity: ProfessionalIdentity =
                serde_json::from_str(&session.identity).map_err(Error::StoredValueUnreadable)?;
            if is_one_name(&name_of(&identity), &self.person.name) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a stopped account is hers, whatever the guard calls it.
    ///
    /// # Errors
    /// As [`KnownOperator::is_sub`].
    pub(crate) async fn has_account(
        &self,
        transaction: &mut Transaction,
        stop: &AccountStop,
    ) -> Result<bool, Error> {
        let mut subs = pairwise_subject::list_persons(transaction, &stop.subject).await?;
        subs.extend(stop.sub.clone());
        subs.push(stop.subject.clone());
        // A name that is federated ends with the number of a register.
        if let Some(number) = stop.subject.rsplit(':').next() {
            subs.extend(subject::find_by_value(transaction, number).await?);
        }
        for sub in subs {
            if self.is_sub(transaction, &sub).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether an entry is about the number, `register:number`. Registers of test cards have a word
/// before the name of the real one.
fn is_number_of(entry: &AdminOperator, id: &str) -> bool {
    let AdminOperator {
        subject_id,
        subject_id_type,
        ..
    } = entry;
    let named = format!("{subject_id_type}:{subject_id}");
    id == named || id.ends_with(&format!(":{named}"))
}
