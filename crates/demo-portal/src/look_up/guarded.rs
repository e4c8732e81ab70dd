//! The guard in front of the look-up service, with its own rules.

use std::path::Path;
use std::sync::Arc;

use cardea_guard::{
    Adapter, Decider, Guard, LookUpsConfig, Reporter, Rules, SystemClock, TokenCheck, TokenConfig,
    TokenLayer,
};
use serde_json::json;

use super::{SERVICE, key_files};
use crate::config::Config;
use crate::error::{Error, chain};

/// The portal's adapter, and what stands before the service.
pub(crate) struct Guarded {
    pub(crate) adapter: Adapter,
    pub(crate) check: TokenCheck,
    pub(crate) layer: TokenLayer,
}

impl Guarded {
    /// Begins to look for the issuer's keys; until they are there nobody gets in. Keys of its own
    /// are made in the folder.
    pub(crate) fn begin(
        config: &Config,
        folder: &Path,
        reporter: Arc<dyn Reporter>,
    ) -> Result<Self, Error> {
        let (keys, pseudonyms) = key_files::make(folder)?;
        let adapter = Adapter::load(&keys, &pseudonyms).map_err(|error| failed(&error))?;
        let guard = Guard::assemble(
            Arc::new(Decider::new(Rules::default())),
            &LookUpsConfig::new(SERVICE, keys),
            reporter,
            Arc::new(SystemClock::default()),
        );
        let guard = guard.map_err(|error| failed(&error))?;
        // The demo's tokens are for the issuer's own userinfo, and bound to nothing.
        let token: TokenConfig = serde_json::from_value(json!({
            "issuer": config.issuer,
            "audience": config.issuer,
            "sender_constrained": false,
            "revocation": "expiry_alone",
            "ca_file": config.ca_file,
        }))
        .map_err(|error| failed(&error))?;
        let check = TokenCheck::start(&token).map_err(|error| failed(&error))?;
        let layer = TokenLayer::new(check.clone(), "http://127.0.0.1");
        Ok(Self {
            layer: layer.with_look_ups(guard, adapter.clone()),
            adapter,
            check,
        })
    }
}

fn failed(error: &dyn std::error::Error) -> Error {
    Error::LookUp {
        reason: chain(error),
    }
}
