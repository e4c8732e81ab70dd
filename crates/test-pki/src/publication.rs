//! Where an authority publishes: the URLs that go into CDP, freshest CRL and AIA.

use crate::authority_name::AuthorityName;

/// Base addresses of the test PKI's publication points.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PublicationSettings {
    /// HTTP base of CRLs and authority certificates, without a slash at the end.
    pub base_url: String,
    /// HTTP base of the OCSP responders; each issuing authority answers at `/<file name>` below it.
    pub ocsp_url: String,
    /// LDAP host; the delta CRLs of the model PKI are reachable by LDAP only.
    pub ldap_host: String,
}

impl Default for PublicationSettings {
    /// Addresses under the reserved name `.test` (RFC 6761), which nobody can reach.
    fn default() -> Self {
        Self {
            base_url: "http://igc.cardea.test".to_owned(),
            ocsp_url: "http://ocsp.cardea.test".to_owned(),
            ldap_host: "annuaire.cardea.test".to_owned(),
        }
    }
}

/// The publication points of one authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicationPoints {
    /// Full CRL over HTTP.
    pub crl_http: String,
    /// Full CRL over LDAP.
    pub crl_ldap: String,
    /// Delta CRL over LDAP; roots publish none.
    pub delta_crl_ldap: Option<String>,
    /// OCSP responder; roots have none.
    pub ocsp: Option<String>,
    /// The authority's own certificate.
    pub ca_issuers: String,
    /// The certification practice statement named by the policies.
    pub practice_statement: String,
}

impl PublicationPoints {
    /// The points of `authority` under `settings`.
    #[must_use]
    pub fn new(authority: AuthorityName, settings: &PublicationSettings) -> Self {
        let file = authority.file_name();
        let base = &settings.base_url;
        let ldap = ldap_entry(authority, &settings.ldap_host);
        let crl_attribute = "?certificaterevocationlist;binary?base?objectClass=pkiCA";
        let delta_attribute = "?deltarevocationlist;binary?base?objectClass=pkiCA";
        Self {
            crl_http: format!("{base}/CRL/{file}.crl"),
            crl_ldap: format!("{ldap}{crl_attribute}"),
            delta_crl_ldap: (!authority.is_root()).then(|| format!("{ldap}{delta_attribute}")),
            ocsp: (!authority.is_root()).then(|| format!("{}/{file}", settings.ocsp_url)),
            ca_issuers: format!("{base}/AC/{file}.cer"),
            practice_statement: format!("{base}/PC%20TEST"),
        }
    }
}

fn ldap_entry(authority: AuthorityName, host: &str) -> String {
    let mut entry = format!("ldap://{host}/cn={}", percent(&authority.common_name()));
    if !authority.is_root() {
        entry.push_str(&format!(",ou={}", percent(&authority.root().common_name())));
    }
    entry.push_str(",ou=IGC-CARDEA%20TEST,ou=0002%20000000000,o=CARDEA-TEST,c=FR");
    entry
}

/// RFC 4516: a space inside a distinguished name is percent-encoded. Our names hold no other
/// character that needs it.
fn percent(text: &str) -> String {
    text.replace(' ', "%20")
}
