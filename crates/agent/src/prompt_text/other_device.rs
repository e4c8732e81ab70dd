//! What a prompt says where another device asks (RFC 8628 section 5.4), which is nowhere near: the
//! one thing that the person can compare is whether she began it herself, and from where.

use cardea_assertion::HostAccount;

use crate::display_text::{cut_to, for_display};
use crate::language::Language;
use crate::wanted::Wanted;

/// Most bytes of the client's and the issuer's name here, and of an address: what the device says
/// must stand in the prompt whole, whose length is bounded.
const NAME_BYTES_MAX: usize = 44;
const ADDRESS_BYTES_MAX: usize = 45;

/// A device that asks, and what it says: texts fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OtherDevice {
    /// Where it asks from, as the issuer saw it.
    address: String,
    /// Who is at its door.
    at_its_door: Option<AtTheDoor>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct AtTheDoor {
    account: String,
    service: String,
    remote_host: Option<String>,
}

impl OtherDevice {
    pub(super) fn of(wanted: &Wanted) -> Option<Self> {
        Some(Self::new(wanted.device()?, wanted.host_account()))
    }

    fn new(address: &str, said: Option<&HostAccount>) -> Self {
        let at_its_door = said.map(|said| AtTheDoor {
            account: for_display(said.account()),
            service: said.service().map(in_brackets).unwrap_or_default(),
            remote_host: said.remote_host().map(for_display),
        });
        Self {
            address: cut_to(&for_display(address), ADDRESS_BYTES_MAX),
            at_its_door,
        }
    }
}

fn in_brackets(service: &str) -> String {
    format!(" ({})", for_display(service))
}

impl Language {
    /// What is asked for, and that it is not for this workstation.
    pub(super) fn request_of_device(
        self,
        client: &str,
        issuer: &str,
        device: &OtherDevice,
    ) -> String {
        let (client, issuer) = (
            cut_to(client, NAME_BYTES_MAX),
            cut_to(issuer, NAME_BYTES_MAX),
        );
        let address = &device.address;
        let said = device.at_its_door.as_ref();
        let said = said.map(|it| self.at_the_door(it)).unwrap_or_default();
        match self {
            Self::French => format!(
                "Connexion à « {client} »\npar « {issuer} »\n\n\
                 Pour un AUTRE APPAREIL, à l’adresse {address} :\n\
                 c’est lui qui sera connecté sous votre nom, pas ce poste.{said}"
            ),
            Self::English => format!(
                "Sign in to “{client}”\nthrough “{issuer}”\n\n\
                 For ANOTHER DEVICE, at the address {address}:\n\
                 that device will be signed in under your name, not this workstation.{said}"
            ),
        }
    }

    /// "Somebody at 203.0.113.9 wants to enter as alice (sshd)."
    fn at_the_door(self, said: &AtTheDoor) -> String {
        let AtTheDoor {
            account,
            service,
            remote_host,
        } = said;
        match (self, remote_host) {
            (Self::French, Some(from)) => format!(
                "\nIl dit que quelqu’un, à l’adresse {from},\n\
                 veut y entrer comme {account}{service}. Est-ce vous ?"
            ),
            (Self::English, Some(from)) => format!(
                "\nIt says that somebody at {from}\nwants to enter as {account}{service}. \
                 Is that you?"
            ),
            (Self::French, None) => format!(
                "\nIl dit que quelqu’un qui s’y trouve\ndemande le compte {account}{service}. \
                 Est-ce vous ?"
            ),
            (Self::English, None) => format!(
                "\nIt says that somebody on it asks\nfor the account {account}{service}. \
                 Is that you?"
            ),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use cardea_assertion::HostAccount;

    use super::OtherDevice;
    use crate::language::Language;
    use crate::prompt_text::Subject;
    use crate::prompt_text::tests::subject;

    fn device(said: Option<&HostAccount>) -> OtherDevice {
        OtherDevice::new("192.0.2.7", said)
    }

    /// The most that a challenge can say.
    pub(in crate::prompt_text) fn widest() -> OtherDevice {
        let text = |length| "a".repeat(length);
        let said = HostAccount::new(text(32), Some(text(32)), Some(text(64))).unwrap();
        OtherDevice::new(&"%".repeat(64), Some(&said))
    }

    fn said(remote_host: Option<&str>) -> HostAccount {
        let (service, remote_host) = ("sshd".to_owned(), remote_host.map(str::to_owned));
        HostAccount::new("alice".to_owned(), Some(service), remote_host).unwrap()
    }

    /// The person must know that what she signs in to is not before her, and who stands there.
    #[test]
    fn another_device_is_named_as_one_with_who_is_at_its_door() {
        let (from_afar, on_it) = (said(Some("203.0.113.9")), said(None));
        let french = "AUTRE APPAREIL, à l’adresse 192.0.2.7";
        let english = "ANOTHER DEVICE, at the address 192.0.2.7";
        for (language, said, parts) in [
            (Language::French, None, [french, "pas ce poste."]),
            (Language::English, None, [english, "not this workstation."]),
            (
                Language::French,
                Some(&from_afar),
                [
                    french,
                    "à l’adresse 203.0.113.9,\nveut y entrer comme alice (sshd)",
                ],
            ),
            (
                Language::English,
                Some(&from_afar),
                [
                    english,
                    "somebody at 203.0.113.9\nwants to enter as alice (sshd)",
                ],
            ),
            (
                Language::French,
                Some(&on_it),
                [french, "quelqu’un qui s’y trouve\ndemande le compte alice"],
            ),
            (
                Language::English,
                Some(&on_it),
                [english, "somebody on it asks\nfor the account alice"],
            ),
        ] {
            let subject = Subject {
                device: Some(device(said)),
                ..subject()
            };
            let text = language.pin_description(&subject, Some(3));
            for part in parts {
                assert!(text.contains(part) && text.contains("Officine"), "{text}");
            }
        }
    }
}
