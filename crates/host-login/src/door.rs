//! Who stands at this host's door, as PAM's service tells it.

/// Longest account and service that the issuer takes (docs/device.md).
const NAME_BYTES_MAX: usize = 32;
/// Longest remote host that it takes.
const REMOTE_BYTES_MAX: usize = 64;

/// The account that is asked for, and by whom.
pub(crate) struct Door {
    /// As PAM names it.
    pub(crate) account: String,
    service: String,
    /// Empty for somebody on this host.
    pub(crate) remote: String,
}

impl Door {
    pub(crate) fn new(account: String, service: String, remote: String) -> Self {
        Self {
            account,
            service,
            remote,
        }
    }

    /// What the issuer is told, for the person to compare (RFC 8628 section 5.4). A name may be
    /// what a stranger's own name server says, so that nothing but plain letters goes in.
    pub(crate) fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = vec![("cardea_host_account", plain(&self.account, NAME_BYTES_MAX))];
        if !self.service.is_empty() {
            parameters.push(("cardea_host_service", plain(&self.service, NAME_BYTES_MAX)));
        }
        if !self.remote.is_empty() {
            parameters.push(("cardea_host_remote", place(&self.remote)));
        }
        parameters
    }
}

fn plain(text: &str, bytes_max: usize) -> String {
    text.chars().map(plain_or_mark).take(bytes_max).collect()
}

/// Of a long name the end is kept: whom it belongs to stands there.
fn place(text: &str) -> String {
    let text: Vec<char> = text.chars().map(plain_or_mark).collect();
    let cut = text.len().saturating_sub(REMOTE_BYTES_MAX);
    text.into_iter().skip(cut).collect()
}

fn plain_or_mark(character: char) -> char {
    if character.is_ascii_alphanumeric() || ".:-_@+$/\\".contains(character) {
        character
    } else {
        '?'
    }
}

#[cfg(test)]
mod tests {
    use super::Door;

    #[test]
    fn what_the_issuer_is_told_is_short_and_plain() {
        let long = format!("{}.example.net", "a".repeat(300));
        for (account, remote, told) in [
            ("alice", "203.0.113.9", vec!["alice", "sshd", "203.0.113.9"]),
            ("alice", "", vec!["alice", "sshd"]),
            (
                "a b\n\u{202e}",
                "fe80::1%eth0",
                vec!["a?b??", "sshd", "fe80::1?eth0"],
            ),
        ] {
            let door = Door::new(account.to_owned(), "sshd".to_owned(), remote.to_owned());
            let parameters = door.parameters();
            let values: Vec<_> = parameters.iter().map(|(_, it)| it.as_str()).collect();
            assert_eq!(values, told);
        }
        let door = Door::new("b".repeat(50), "sshd".to_owned(), long);
        let parameters = door.parameters();
        let values: Vec<_> = parameters.iter().map(|(_, it)| it.as_str()).collect();
        assert_eq!(values[0].len(), 32);
        assert!(values[2].len() == 64 && values[2].ends_with("aaa.example.net"));
    }
}
