//! Every key of a registration as an option of the command line.

use std::path::PathBuf;

use cardea_oauth2_types::GrantType;
use cardea_provider::InstancePolicy;
use clap::Args;
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer as _};
use serde_json::json;

use super::certificate_arguments::CertificateArguments;
use crate::config::{
    AuthMethod, ClientConfig, ConsentConfig, PkceConfig, ProfessionConfig, RedirectUri,
    SecretSha256, SigningAlgorithm, SubjectTypeConfig, read_keys,
};

/// The options, each the key of a `[[client]]` table (docs/clients.md).
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Registration (docs/clients.md says what each means)")]
pub(super) struct RegistrationArguments {
    /// The client identifier.
    #[arg(long)]
    client_id: Option<String>,
    /// The name that people see.
    #[arg(long)]
    name: Option<String>,
    /// Where codes may be sent; may stand several times.
    #[arg(long = "redirect-uri", value_parser = word::<RedirectUri>)]
    redirect_uris: Vec<RedirectUri>,
    /// Where a browser may go after logout; may stand several times.
    #[arg(long = "post-logout-redirect-uri", value_parser = word::<RedirectUri>)]
    post_logout_redirect_uris: Vec<RedirectUri>,
    /// Where logout tokens are posted.
    #[arg(long, value_parser = word::<RedirectUri>)]
    backchannel_logout_uri: Option<RedirectUri>,
    /// Where Security Event Tokens are pushed (RFC 8935).
    #[arg(long, value_parser = word::<RedirectUri>)]
    event_push_uri: Option<RedirectUri>,
    /// client_secret_basic (the default), client_secret_post, private_key_jwt, tls_client_auth,
    /// self_signed_tls_client_auth or none.
    #[arg(long, value_parser = word::<AuthMethod>)]
    token_endpoint_auth_method: Option<AuthMethod>,
    /// SHA-256 of a secret that exists already, in hexadecimal; without it a secret is made.
    #[arg(long, value_parser = word::<SecretSha256>)]
    secret_sha256: Option<SecretSha256>,
    /// A file with the client's public keys (a JWK Set).
    #[arg(long)]
    jwks_file: Option<PathBuf>,
    /// authorization_code (the default), refresh_token, client_credentials or
    /// urn:ietf:params:oauth:grant-type:jwt-bearer; may stand several times.
    #[arg(long = "grant-type", value_parser = word::<GrantType>)]
    grant_types: Vec<GrantType>,
    /// required (the default) or optional.
    #[arg(long, value_parser = word::<PkceConfig>)]
    pkce: Option<PkceConfig>,
    /// Take pushed authorization requests alone.
    #[arg(long)]
    require_pushed_authorization_requests: bool,
    /// Take signed request objects alone.
    #[arg(long)]
    require_signed_request_object: bool,
    /// The one algorithm of request objects.
    #[arg(long, value_parser = word::<SigningAlgorithm>)]
    request_object_signing_alg: Option<SigningAlgorithm>,
    /// Bind every access token to a DPoP key.
    #[arg(long)]
    dpop_bound_access_tokens: bool,
    #[command(flatten)]
    certificates: CertificateArguments,
    /// A card family that is let in, such as cps; may stand several times.
    #[arg(long = "card-family")]
    card_families: Vec<String>,
    /// A profession that is let in, as SYSTEM:CODE, such as TRE_G15:21; may stand several times.
    #[arg(long = "card-profession", value_parser = parse_profession)]
    card_professions: Vec<ProfessionConfig>,
    /// RS256, ES256, PS256 or EdDSA; without it the profile's default (RS256, in fapi2 ES256).
    #[arg(long, value_parser = word::<SigningAlgorithm>)]
    id_token_signed_response_alg: Option<SigningAlgorithm>,
    /// Sign userinfo answers.
    #[arg(long, value_parser = word::<SigningAlgorithm>)]
    userinfo_signed_response_alg: Option<SigningAlgorithm>,
    /// Sign authorization responses (JARM).
    #[arg(long, value_parser = word::<SigningAlgorithm>)]
    authorization_signed_response_alg: Option<SigningAlgorithm>,
    /// Sign introspection answers (RFC 9701).
    #[arg(long, value_parser = word::<SigningAlgorithm>)]
    introspection_signed_response_alg: Option<SigningAlgorithm>,
    /// public (the default) or pairwise.
    #[arg(long, value_parser = word::<SubjectTypeConfig>)]
    subject_type: Option<SubjectTypeConfig>,
    /// The sector of pairwise subjects, a host.
    #[arg(long)]
    sector_identifier: Option<String>,
    /// A resource server that tokens may be for; may stand several times.
    #[arg(long = "resource")]
    resources: Vec<String>,
    /// A resource server that the client is; may stand several times.
    #[arg(long = "resource-server-of")]
    resource_server_of: Vec<String>,
    /// Let the client hear of sessions and tokens that end, as far as it is their resource server.
    #[arg(long)]
    event_stream: bool,
    /// Let the client report as a guard in front of the resource servers that it is.
    #[arg(long)]
    guard: bool,
    /// Have access tokens for the resource server that the client is say the person's profession.
    #[arg(long)]
    profession_in_access_tokens: bool,
    /// implicit (the default) or explicit.
    #[arg(long, value_parser = word::<ConsentConfig>)]
    consent: Option<ConsentConfig>,
    /// Which workstations people may sign in from: any (the default), known or managed.
    #[arg(long, value_parser = word::<InstancePolicy>)]
    instances: Option<InstancePolicy>,
    /// A scope that may be asked for; may stand several times.
    #[arg(long = "scope")]
    scopes: Vec<String>,
}

impl RegistrationArguments {
    /// Whether no option is given.
    pub(super) fn is_empty(&self) -> bool {
        let Ok(mut client) = empty_table("", "") else {
            return false;
        };
        let before = serde_json::to_value(&client).ok();
        let has_secret = self.secret_sha256.is_some();
        let put = self.put_into(&mut client);
        put.is_ok() && !has_secret && before == serde_json::to_value(&client).ok()
    }

    /// A table of these options alone.
    pub(super) fn table(&self) -> Result<ClientConfig, (&'static str, String)> {
        let missing = |key| (key, "must be given".to_owned());
        let client_id = self.client_id.as_deref();
        let client_id = client_id.ok_or_else(|| missing("client_id"))?;
        let name = self.name.as_deref().ok_or_else(|| missing("name"))?;
        let mut client = empty_table(client_id, name)?;
        self.put_into(&mut client)?;
        Ok(client)
    }

    /// Puts what is given into a table; a list replaces the table's.
    pub(super) fn put_into(&self, client: &mut ClientConfig) -> Result<(), (&'static str, String)> {
        put(&mut client.client_id, self.client_id.as_ref());
        put(&mut client.name, self.name.as_ref());
        put_list(&mut client.redirect_uris, &self.redirect_uris);
        put_list(
            &mut client.post_logout_redirect_uris,
            &self.post_logout_redirect_uris,
        );
        put_option(
            &mut client.backchannel_logout_uri,
            self.backchannel_logout_uri.as_ref(),
        );
        put_option(&mut client.event_push_uri, self.event_push_uri.as_ref());
        put_option(&mut client.secret_sha256, self.secret_sha256.as_ref());
        put_option(
            &mut client.token_endpoint_auth_method,
            self.token_endpoint_auth_method.as_ref(),
        );
        if let Some(file) = &self.jwks_file {
            client.jwks = Some(read_keys(file).map_err(|reason| ("jwks_file", reason))?);
        }
        put_list(&mut client.grant_types, &self.grant_types);
        put_list(&mut client.cards.families, &self.card_families);
        put_list(&mut client.cards.professions, &self.card_professions);
        put_list(&mut client.resources, &self.resources);
        put_list(&mut client.resource_server_of, &self.resource_server_of);
        client.event_stream |= self.event_stream;
        client.guard |= self.guard;
        client.profession_in_access_tokens |= self.profession_in_access_tokens;
        if !self.scopes.is_empty() {
            client.scopes = Some(self.scopes.clone());
        }
        self.put_protections_into(client);
        Ok(())
    }

    fn put_protections_into(&self, client: &mut ClientConfig) {
        put(&mut client.pkce, self.pkce.as_ref());
        client.require_pushed_authorization_requests |= self.require_pushed_authorization_requests;
        client.require_signed_request_object |= self.require_signed_request_object;
        client.dpop_bound_access_tokens |= self.dpop_bound_access_tokens;
        self.certificates.put_into(client);
        put_option(
            &mut client.request_object_signing_alg,
            self.request_object_signing_alg.as_ref(),
        );
        put_option(
            &mut client.id_token_signed_response_alg,
            self.id_token_signed_response_alg.as_ref(),
        );
        put_option(
            &mut client.userinfo_signed_response_alg,
            self.userinfo_signed_response_alg.as_ref(),
        );
        put_option(
            &mut client.authorization_signed_response_alg,
            self.authorization_signed_response_alg.as_ref(),
        );
        put_option(
            &mut client.introspection_signed_response_alg,
            self.introspection_signed_response_alg.as_ref(),
        );
        put(&mut client.subject_type, self.subject_type.as_ref());
        put_option(
            &mut client.sector_identifier,
            self.sector_identifier.as_ref(),
        );
        put(&mut client.consent, self.consent.as_ref());
        put(&mut client.instances, self.instances.as_ref());
    }
}

fn empty_table(client_id: &str, name: &str) -> Result<ClientConfig, (&'static str, String)> {
    serde_json::from_value(json!({ "client_id": client_id, "name": name }))
        .map_err(|error| ("client_id", error.to_string()))
}

fn put<T: Clone>(into: &mut T, given: Option<&T>) {
    if let Some(given) = given {
        *into = given.clone();
    }
}

fn put_option<T: Clone>(into: &mut Option<T>, given: Option<&T>) {
    if given.is_some() {
        *into = given.cloned();
    }
}

fn put_list<T: Clone>(into: &mut Vec<T>, given: &[T]) {
    if !given.is_empty() {
        *into = given.to_vec();
    }
}

/// A value as the configuration would read it.
pub(super) fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let text: StrDeserializer<'_, ValueError> = text.into_deserializer();
    T::deserialize(text).map_err(|error| error.to_string())
}

fn parse_profession(text: &str) -> Result<ProfessionConfig, String> {
    match text.rsplit_once(':') {
        Some((system, code)) if !system.is_empty() && !code.is_empty() => Ok(ProfessionConfig {
            code: code.to_owned(),
            system: system.to_owned(),
        }),
        _ => Err("must be SYSTEM:CODE, such as TRE_G15:21".to_owned()),
    }
}
