//! Between the metadata of RFC 7591 and a `[[client]]` table: what a client may say of itself, and
//! what it is answered.
//!
//! Members that are not known are ignored (RFC 7591 section 2). Whatever is known, and would have
//! an effect that this server does not give, is refused: a client must not believe that it has it.

use cardea_oauth2_types::{GrantType, Scope};
use cardea_provider::{
    Client, ConsentPolicy, Error, NewClient, ProfileRules, RegisteredBy, RegistrationTerms,
};
use serde_json::{Map, Value, json};

use crate::client_registration::client_with;
use crate::config::{ClientConfig, ConsentConfig};

/// Members that have the same name and form on both sides.
const SAME: [&str; 21] = [
    "redirect_uris",
    "post_logout_redirect_uris",
    "backchannel_logout_uri",
    "token_endpoint_auth_method",
    "jwks",
    "grant_types",
    "require_pushed_authorization_requests",
    "require_signed_request_object",
    "request_object_signing_alg",
    "dpop_bound_access_tokens",
    "id_token_signed_response_alg",
    "userinfo_signed_response_alg",
    "authorization_signed_response_alg",
    "introspection_signed_response_alg",
    "subject_type",
    "tls_client_certificate_bound_access_tokens",
    "tls_client_auth_subject_dn",
    "tls_client_auth_san_dns",
    "tls_client_auth_san_uri",
    "tls_client_auth_san_email",
    "tls_client_auth_san_ip",
];

/// Members that would have this server fetch something, which it never does (attack H4).
const FETCHED: [&str; 3] = ["jwks_uri", "sector_identifier_uri", "request_uris"];

/// Members with an effect that is not given here.
const NOT_OFFERED: [&str; 17] = [
    "id_token_encrypted_response_alg",
    "id_token_encrypted_response_enc",
    "userinfo_encrypted_response_alg",
    "userinfo_encrypted_response_enc",
    "authorization_encrypted_response_alg",
    "authorization_encrypted_response_enc",
    "introspection_encrypted_response_alg",
    "introspection_encrypted_response_enc",
    "request_object_encryption_alg",
    "request_object_encryption_enc",
    "frontchannel_logout_uri",
    "default_max_age",
    "default_acr_values",
    // Operators alone decide who hears of the end of sessions, and of professions.
    "event_stream",
    "event_push_uri",
    "profession_in_access_tokens",
    // And who stops sessions.
    "guard",
];

const TEXTS_MAX: usize = 64;

/// Reads what a client says of itself, as JSON.
///
/// # Errors
/// [`Error::ClientMetadataInvalid`], [`Error::ClientRedirectUriInvalid`],
/// [`Error::SoftwareStatementUnapproved`], and those of the registration.
pub(crate) fn read(
    metadata: Map<String, Value>,
    terms: RegistrationTerms<'_>,
    rules: &ProfileRules,
) -> Result<NewClient, Error> {
    // RFC 7591 section 2: null is as good as nothing.
    let metadata: Map<_, _> = metadata
        .into_iter()
        .filter(|(_, it)| !it.is_null())
        .collect();
    refuse_what_is_not_offered(&metadata)?;
    let grant_types = grant_types(&metadata)?;
    check_response_types(&metadata, &grant_types)?;
    check_addresses(&metadata)?;
    let mut table = Map::new();
    for name in SAME {
        if let Some(value) = metadata.get(name) {
            table.insert(name.to_owned(), value.clone());
        }
    }
    let name = text(&metadata, "client_name")?;
    let name = name.ok_or(invalid("client_name", "must be given: people read it"))?;
    let method = text(&metadata, "token_endpoint_auth_method")?;
    table.insert("client_id".to_owned(), json!(terms.client_id));
    table.insert("name".to_owned(), json!(name));
    table.insert(
        "token_endpoint_auth_method".to_owned(),
        json!(method.unwrap_or("client_secret_basic")),
    );
    table.insert(
        "scopes".to_owned(),
        scopes(&metadata, &terms, &grant_types)?,
    );
    table.insert("resources".to_owned(), json!(terms.limits.resources));
    let mut client = client_of_table(table)?;
    client.consent = match terms.limits.consent_of(&grant_types) {
        ConsentPolicy::Explicit => ConsentConfig::Explicit,
        ConsentPolicy::Implicit => ConsentConfig::Implicit,
    };
    client.instances = terms.limits.instances;
    let needs_secret = client
        .token_endpoint_auth_method
        .is_some_and(|method| method.uses_secret());
    let secret = needs_secret.then_some(terms.secret);
    let registration = serde_json::to_string(&client).map_err(Error::StoredValueUnreadable)?;
    Ok(NewClient {
        client: Client {
            registered_by: RegisteredBy::Itself,
            ..client_with(&client, secret, rules)?
        },
        registration,
    })
}

/// What a client is told of its registration (RFC 7591 section 3.2.1), without what only the moment
/// knows.
///
/// # Errors
/// [`Error::StoredValueUnreadable`].
pub(crate) fn write(registration: &str) -> Result<Map<String, Value>, Error> {
    let table: Map<String, Value> =
        serde_json::from_str(registration).map_err(Error::StoredValueUnreadable)?;
    let mut metadata = Map::new();
    let mut put = |name: &str, value: Value| metadata.insert(name.to_owned(), value);
    for name in SAME {
        if let Some(value) = table.get(name).filter(|it| !it.is_null()) {
            put(name, value.clone());
        }
    }
    let scopes = table.get("scopes").and_then(Value::as_array);
    let words: Vec<_> = scopes
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    put("scope", json!(words.join(" ")));
    put(
        "client_id",
        table.get("client_id").cloned().unwrap_or_default(),
    );
    put(
        "client_name",
        table.get("name").cloned().unwrap_or_default(),
    );
    let grants = table.get("grant_types").and_then(Value::as_array);
    let code = json!(GrantType::AuthorizationCode.as_str());
    let has_code = grants.is_some_and(|grants| grants.contains(&code));
    let response_types: &[&str] = if has_code { &["code"] } else { &[] };
    put("response_types", json!(response_types));
    Ok(metadata)
}

fn refuse_what_is_not_offered(metadata: &Map<String, Value>) -> Result<(), Error> {
    if metadata.contains_key("software_statement") {
        return Err(Error::SoftwareStatementUnapproved);
    }
    let named = |name: &&&str| metadata.get(**name).is_some_and(|it| *it != json!([]));
    if let Some(key) = FETCHED.iter().find(named) {
        return Err(invalid(
            key,
            "is not fetched: give keys in jwks, and push requests",
        ));
    }
    if let Some(key) = NOT_OFFERED.iter().find(named) {
        return Err(invalid(key, "is not offered here"));
    }
    let kind = text(metadata, "application_type")?;
    if kind.is_some_and(|kind| !matches!(kind, "web" | "native")) {
        return Err(invalid("application_type", "must be web or native"));
    }
    let key = "token_endpoint_auth_signing_alg";
    let algorithm = text(metadata, key)?;
    let verified = cardea_jose::Algorithm::GENERAL.map(cardea_jose::Algorithm::as_str);
    if algorithm.is_some_and(|algorithm| !verified.contains(&algorithm)) {
        return Err(invalid(key, "is an algorithm that is not accepted here"));
    }
    Ok(())
}

fn grant_types(metadata: &Map<String, Value>) -> Result<Vec<GrantType>, Error> {
    let Some(given) = metadata.get("grant_types") else {
        return Ok(vec![GrantType::AuthorizationCode]);
    };
    serde_json::from_value(given.clone())
        .map_err(|_| invalid("grant_types", "has a grant that is not offered here"))
}

/// RFC 7591 section 2.1: response types and grants go together.
fn check_response_types(
    metadata: &Map<String, Value>,
    grant_types: &[GrantType],
) -> Result<(), Error> {
    let Some(given) = metadata.get("response_types") else {
        return Ok(());
    };
    let has_code = grant_types.contains(&GrantType::AuthorizationCode);
    if *given == json!(["code"]) && has_code || *given == json!([]) && !has_code {
        return Ok(());
    }
    let reason = "must be code for the grant authorization_code, and nothing without it";
    Err(invalid("response_types", reason))
}

/// The reason of an address is worth telling, which the table's own reader cannot.
fn check_addresses(metadata: &Map<String, Value>) -> Result<(), Error> {
    let given = metadata.get("redirect_uris");
    for uri in given.and_then(Value::as_array).into_iter().flatten() {
        let uri = uri.as_str().ok_or(Error::ClientRedirectUriInvalid {
            reason: "is not a text",
        })?;
        cardea_provider::check_redirect_uri(uri)
            .map_err(|reason| Error::ClientRedirectUriInvalid { reason })?;
    }
    Ok(())
}

/// The scope asked for; without a word what the operator allows a client of this kind.
fn scopes(
    metadata: &Map<String, Value>,
    terms: &RegistrationTerms<'_>,
    grant_types: &[GrantType],
) -> Result<Value, Error> {
    let of_people = [
        GrantType::AuthorizationCode,
        GrantType::CardGrant,
        GrantType::DeviceCode,
    ];
    let has_people = of_people.iter().any(|grant| grant_types.contains(grant));
    let default = if has_people { terms.limits.scope() } else { "" };
    let scope = text(metadata, "scope")?.unwrap_or(default);
    let wrong = |_| invalid("scope", "must be at most 32 words, without \" and \\");
    let scope = Scope::parse(scope).map_err(wrong)?;
    Ok(json!(scope.iter().collect::<Vec<_>>()))
}

fn client_of_table(table: Map<String, Value>) -> Result<ClientConfig, Error> {
    serde_path_to_error::deserialize(Value::Object(table)).map_err(|error| {
        let path = error.path().to_string();
        let begins = |name: &&&str| path.split(['[', '.']).next() == Some(name);
        let key = SAME.iter().find(begins).copied().unwrap_or("the metadata");
        invalid(key, "has a value that is not offered here")
    })
}

fn text<'a>(metadata: &'a Map<String, Value>, key: &'static str) -> Result<Option<&'a str>, Error> {
    match metadata.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(key, "must be a text")),
    }
}

fn invalid(key: &'static str, reason: &'static str) -> Error {
    Error::ClientMetadataInvalid { key, reason }
}

/// Whether a document has more members than any client needs.
pub(crate) fn is_too_large(metadata: &Map<String, Value>) -> bool {
    metadata.len() > TEXTS_MAX
}
