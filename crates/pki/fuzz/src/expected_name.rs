//! Any text as the name that a client's certificate must have (RFC 4514).

use super::seed::Seed;
use cardea_pki::ExpectedName;

const NAME_BYTES_MAX: usize = 1024;

/// A text is refused, or a name that stays itself however it is written, and becomes another by any
/// attribute more.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(name) = ExpectedName::parse(text) else {
        return;
    };
    assert!(text.len() <= NAME_BYTES_MAX);
    assert_eq!(ExpectedName::parse(text).as_ref(), Ok(&name));
    for spaced in [format!(" {text}"), format!("{text} ")] {
        if spaced.len() <= NAME_BYTES_MAX {
            assert_eq!(ExpectedName::parse(&spaced).as_ref(), Ok(&name), "{spaced}");
        }
    }
    for open in [",", "+", ";", "\\", "\""] {
        assert!(ExpectedName::parse(&format!("{text}{open}")).is_err());
    }
    for more in [",CN=x", "+CN=x", ";CN=x"] {
        if let Ok(longer) = ExpectedName::parse(&format!("{text}{more}")) {
            assert_ne!(longer, name, "{text}{more}");
        }
    }
}

/// Names in every form of the text.
pub fn names() -> Vec<Seed> {
    let texts = [
        ("plain", "CN=portal,O=Example,C=FR"),
        ("spaces", "cn=portal, o=Example ; 2.5.4.6=FR"),
        ("set", "CN=a+SN=b+GN=c,O=d"),
        ("escaped", "CN=a\\,b\\+c\\=\\\"\\\\\\#\\;\\<\\>\\ "),
        ("bytes", "CN=Lu\\C4\\8Di\\C4\\87"),
        ("unicode", "CN=Lučić,O=Hôpital"),
        ("der", "2.5.4.97=#0c0450534446"),
        ("prefix", "OID.2.5.4.97=#130450534446,C=FR"),
        ("domain", "DC=fr,DC=example"),
    ];
    let owned = texts.into_iter();
    owned
        .map(|(name, text)| (name, text.as_bytes().to_vec()))
        .collect()
}
