//! The options of a client that shows certificates (docs/mtls.md).

use clap::Args;

use crate::config::ClientConfig;

/// The keys of RFC 8705 in a `[[client]]` table.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct CertificateArguments {
    /// Bind every access token to the client's certificate.
    #[arg(long)]
    tls_client_certificate_bound_access_tokens: bool,
    /// For tls_client_auth one of these five: the certificate's subject, such as CN=a,O=b,C=FR.
    #[arg(long)]
    tls_client_auth_subject_dn: Option<String>,
    /// A DNS name of the certificate.
    #[arg(long)]
    tls_client_auth_san_dns: Option<String>,
    /// A URI of the certificate.
    #[arg(long)]
    tls_client_auth_san_uri: Option<String>,
    /// An address of the certificate.
    #[arg(long)]
    tls_client_auth_san_ip: Option<String>,
    /// A mail address of the certificate.
    #[arg(long)]
    tls_client_auth_san_email: Option<String>,
    /// The one `[[mtls.trust_anchor]]` that vouches for it; any of them without.
    #[arg(long)]
    tls_client_auth_trust_anchor: Option<String>,
}

impl CertificateArguments {
    /// Puts what is given into a table.
    pub(super) fn put_into(&self, client: &mut ClientConfig) {
        client.tls_client_certificate_bound_access_tokens |=
            self.tls_client_certificate_bound_access_tokens;
        for (into, given) in [
            (
                &mut client.tls_client_auth_subject_dn,
                &self.tls_client_auth_subject_dn,
            ),
            (
                &mut client.tls_client_auth_san_dns,
                &self.tls_client_auth_san_dns,
            ),
            (
                &mut client.tls_client_auth_san_uri,
                &self.tls_client_auth_san_uri,
            ),
            (
                &mut client.tls_client_auth_san_ip,
                &self.tls_client_auth_san_ip,
            ),
            (
                &mut client.tls_client_auth_san_email,
                &self.tls_client_auth_san_email,
            ),
            (
                &mut client.tls_client_auth_trust_anchor,
                &self.tls_client_auth_trust_anchor,
            ),
        ] {
            if given.is_some() {
                into.clone_from(given);
            }
        }
    }
}
