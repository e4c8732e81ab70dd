//! A bound on the work of one validation, so that hostile chains cost no more than honest ones.

#[cfg(doc)]
use crate::Certificate;
use crate::Error;

/// Most candidates looked at for each signature check allowed: looking costs some thousandth of
/// checking, so that the bound on signatures stays the one that counts.
const CANDIDATES_PER_SIGNATURE_CHECK: usize = 256;

/// Counts down the signature checks of one validation, and the candidates it looks at.
pub(crate) struct Budget {
    signature_checks_left: u32,
    candidates_left: usize,
}

impl Budget {
    pub(crate) fn new(signature_checks_max: u32) -> Self {
        let candidates_left = usize::try_from(signature_checks_max)
            .unwrap_or(usize::MAX)
            .saturating_mul(CANDIDATES_PER_SIGNATURE_CHECK);
        Self {
            signature_checks_left: signature_checks_max,
            candidates_left,
        }
    }

    /// Takes `signature_checks` (see [`Certificate::check_cost`]) from the budget, or refuses the
    /// whole validation.
    pub(crate) fn spend(&mut self, signature_checks: u32) -> Result<(), Error> {
        self.signature_checks_left = self
            .signature_checks_left
            .checked_sub(signature_checks)
            .ok_or(Error::PathBudgetExceeded)?;
        Ok(())
    }

    /// Takes `candidates` to be looked at from the budget, or refuses the whole validation: a
    /// mesh of authorities has far more paths than edges.
    pub(crate) fn look_at(&mut self, candidates: usize) -> Result<(), Error> {
        self.candidates_left = self
            .candidates_left
            .checked_sub(candidates)
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

    #[test]
    fn candidates_are_counted_too() {
        let mut budget = Budget::new(1);
        assert!(budget.look_at(256).is_ok());
        assert_eq!(
            budget.look_at(1).unwrap_err().code(),
            "pki.path_budget_exceeded"
        );
    }
}
