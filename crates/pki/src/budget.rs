//! A bound on the work of one validation, so that hostile chains cost no more than honest ones.

use crate::Error;

/// Counts down the signature checks of one validation.
pub(crate) struct Budget {
    signature_checks_left: u32,
}

impl Budget {
    pub(crate) fn new(signature_checks_max: u32) -> Self {
        Self {
            signature_checks_left: signature_checks_max,
        }
    }

    /// Takes `signature_checks` from the budget, or refuses the whole validation.
    pub(crate) fn spend(&mut self, signature_checks: usize) -> Result<(), Error> {
        self.signature_checks_left = u32::try_from(signature_checks)
            .ok()
            .and_then(|checks| self.signature_checks_left.checked_sub(checks))
            .ok_or(Error::PathBudgetExceeded)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;

    #[test]
    fn a_spent_budget_refuses() {
        let mut budget = Budget::new(3);
        assert!(budget.spend(2).is_ok());
        assert!(budget.spend(1).is_ok());
        assert_eq!(
            budget.spend(1).unwrap_err().code(),
            "pki.path_budget_exceeded"
        );
    }
}
