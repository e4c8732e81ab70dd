//! What a device may ask for: the steps of the authorization endpoint that are not about a browser
//! or a redirect.

use cardea_assertion::HostAccount;
use cardea_oauth2_types::{HostAccountParameters, ResponseMode, Scope};

use super::DeviceRequest;

use crate::authorization::{
    StoredParameters, asked_languages, check_acr, check_prompt, check_resource, check_scope,
    check_sizes,
};
use crate::claims::RequestedClaims;
use crate::{Client, Error, Provider};

impl Provider {
    /// Decides what a device asks for. `jkt` is the key that it has shown, and that alone may turn
    /// the device code into tokens.
    pub(super) async fn decide_for_device(
        &self,
        client: &Client,
        request: &DeviceRequest<'_>,
        id: &str,
        jkt: Option<String>,
    ) -> Result<StoredParameters, Error> {
        let parameters = request.parameters;
        self.check_device_grant(client)?;
        if parameters.request.is_some() || parameters.request_uri.is_some() {
            return Err(Error::RequestObjectUnsupported);
        }
        let scope = check_scope::check_scope(client, parameters)?;
        // As in the card grant, nothing is left out silently: a host's administrator hears at once
        // what its registration lacks.
        if scope != Scope::parse(parameters.scope.as_deref().unwrap_or_default())? {
            return Err(Error::ScopeNotAllowed);
        }
        let resources = check_resource::check_resource(client, parameters)?;
        let claims = match &parameters.claims {
            Some(text) => RequestedClaims::parse(text)?.allowed_to(client),
            None => RequestedClaims::default(),
        };
        let acr = check_acr::check_acr(parameters, &claims, self.rules.acr_words)?;
        let prompt = check_prompt::check_prompt(parameters)?;
        if matches!(
            prompt.interaction,
            check_prompt::Interaction::Forbidden { .. }
        ) {
            return Err(Error::LoginRequired);
        }
        check_sizes(parameters)?;
        let host_account = read_host_account(client, request.host_account)?;
        let expected_sub = self.find_expected(client, parameters, &claims).await?;
        Ok(StoredParameters {
            redirect_uri: self.device_verification_uri(),
            response_mode: ResponseMode::default(),
            state: None,
            nonce: parameters.nonce.clone(),
            scope: scope.to_string(),
            code_challenge: None,
            claims: claims.to_stored()?,
            resources,
            dpop_jkt: jkt,
            acr,
            expected_sub,
            ui_locales: asked_languages(parameters),
            ask_consent: prompt.consent,
            // Another device: a PIN that was typed for a portal before is no yes to it.
            ask_pin: true,
            silent: false,
            pushed_id: None,
            device_id: Some(id.to_owned()),
            host_account,
            refusal: None,
        })
    }
}

/// What the host says about who is at its door. Of a public client, for which anybody can speak, it
/// would only be the words of whoever wants to be let in: there these parameters do not exist.
fn read_host_account(
    client: &Client,
    said: &HostAccountParameters,
) -> Result<Option<HostAccount>, Error> {
    if !client.is_confidential() || *said == HostAccountParameters::default() {
        return Ok(None);
    }
    let account = said.cardea_host_account.clone();
    let (service, remote) = (&said.cardea_host_service, &said.cardea_host_remote);
    let read = HostAccount::new(
        account.ok_or(Error::HostAccountInvalid)?,
        service.clone(),
        remote.clone(),
    );
    read.map(Some).map_err(|_| Error::HostAccountInvalid)
}
