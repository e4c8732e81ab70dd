//! What a prompt says where a guard at a portal's service asks whether it is still the person.

use crate::display_text::{cut_to, for_display};
use crate::language::Language;

/// Most bytes of a name here: the prompt has more to say than others.
const NAME_BYTES_MAX: usize = 44;

/// A guard that asks, and why: fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AskingGuard {
    service: String,
    patients: u32,
}

impl AskingGuard {
    /// The service in its guard's words, and how many patients were looked up there so far.
    pub(crate) fn new(service: &str, patients: u32) -> Self {
        Self {
            service: cut_to(&for_display(service), NAME_BYTES_MAX),
            patients,
        }
    }
}

impl Language {
    /// Which portal asks, about what, and why.
    pub(super) fn request_of_guard(
        self,
        client: &str,
        issuer: &str,
        guard: &AskingGuard,
    ) -> String {
        let (client, issuer) = (
            cut_to(client, NAME_BYTES_MAX),
            cut_to(issuer, NAME_BYTES_MAX),
        );
        let (service, patients) = (&guard.service, self.patients_so_far(guard.patients));
        match self {
            Self::French => format!(
                "Est-ce toujours vous ?\n\
                 « {client} », service « {service} »\npar « {issuer} »\n\n\
                 {patients}Avant d’en montrer d’autres, le portail\n\
                 veut s’assurer que c’est vous, et non un programme."
            ),
            Self::English => format!(
                "Is it still you?\n\
                 “{client}”, service “{service}”\nthrough “{issuer}”\n\n\
                 {patients}Before it shows more, the portal\n\
                 makes sure that it is you, and not a program."
            ),
        }
    }

    fn patients_so_far(self, patients: u32) -> String {
        match (self, patients) {
            (_, 0) => String::new(),
            (Self::French, 1) => "1 patient consulté jusqu’ici.\n".to_owned(),
            (Self::French, many) => format!("{many} patients consultés jusqu’ici.\n"),
            (Self::English, 1) => "1 patient looked up so far.\n".to_owned(),
            (Self::English, many) => format!("{many} patients looked up so far.\n"),
        }
    }

    /// When to type the PIN, and what to do otherwise.
    pub(super) fn advice_about_guard(self) -> &'static str {
        match self {
            Self::French => {
                "\n\nSaisissez le code uniquement si c’est vous qui consultez ces patients. Sinon, \
                 annulez et retirez votre carte."
            }
            Self::English => {
                "\n\nType the PIN only if you yourself are looking these patients up. If not, \
                 cancel and take your card out."
            }
        }
    }
}
