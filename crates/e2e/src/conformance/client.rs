//! The suite's clients, as `clients/conformance.toml` registers them.

/// A client of the suite.
#[derive(Debug)]
pub struct SuiteClient {
    /// Its `client_id`.
    pub id: &'static str,
    /// Its secret.
    pub secret: &'static str,
    /// Whether the secret goes into the form (`client_secret_post`) or into a header.
    pub secret_in_form: bool,
    /// Where it wants its codes.
    pub redirect_uri: &'static str,
    /// Where it wants people after a logout.
    pub post_logout_redirect_uri: &'static str,
}

const CALLBACK: &str = "https://localhost.emobix.co.uk:8443/test/a/cardea/callback";
const AFTERWARDS: &str = "https://localhost.emobix.co.uk:8443/test/a/cardea/post_logout_redirect";

/// The suite's `client`.
pub static FIRST: SuiteClient = SuiteClient {
    id: "oidf-suite",
    secret: "first-secret-of-the-conformance-suite",
    secret_in_form: false,
    redirect_uri: CALLBACK,
    post_logout_redirect_uri: AFTERWARDS,
};

/// The suite's `client2`.
pub static SECOND: SuiteClient = SuiteClient {
    id: "oidf-suite-2",
    secret: "second-secret-of-the-conformance-suite",
    ..FIRST
};

/// The suite's `client_secret_post`.
pub static POST: SuiteClient = SuiteClient {
    id: "oidf-suite-post",
    secret: "third-secret-of-the-conformance-suite",
    secret_in_form: true,
    ..FIRST
};

/// The client of the back-channel logout plan.
pub static BACKCHANNEL: SuiteClient = SuiteClient {
    id: "oidf-suite-backchannel",
    secret: "fourth-secret-of-the-conformance-suite",
    redirect_uri: "https://localhost.emobix.co.uk:8443/test/a/cardea-backchannel/callback",
    post_logout_redirect_uri: "https://localhost.emobix.co.uk:8443/test/a/cardea-backchannel/post_logout_redirect",
    ..FIRST
};

impl SuiteClient {
    /// How it proves itself.
    #[must_use]
    pub fn method(&self) -> &'static str {
        if self.secret_in_form {
            "client_secret_post"
        } else {
            "client_secret_basic"
        }
    }
}
