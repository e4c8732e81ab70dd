//! What a device may ask for: the steps of the authorization endpoint that are not about a browser
//! or a redirect.

use cardea_oauth2_types::{AuthorizationParameters, ResponseMode};

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
        parameters: &AuthorizationParameters,
        id: &str,
        jkt: Option<String>,
    ) -> Result<StoredParameters, Error> {
        self.check_device_grant(client)?;
        if parameters.request.is_some() || parameters.request_uri.is_some() {
            return Err(Error::RequestObjectUnsupported);
        }
        let scope = check_scope::check_scope(client, parameters)?;
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
            refusal: None,
        })
    }
}
