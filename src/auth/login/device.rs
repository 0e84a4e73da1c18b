//! Signing in by device code (RFC 8628): a page and a code to enter there, on any device.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use oauth2::StandardDeviceAuthorizationResponse;

use super::{
    App, Beginning, SignedIn,
    oauth::{Adapter, client, scopes, sort},
};
use crate::auth::{CredentialError, source::Context};

/// A server that says to poll all the time is not obeyed.
const FASTEST: Duration = Duration::from_millis(200);

/// A login that waits for its person.
pub struct DeviceLogin {
    /// The code to enter.
    pub code: String,
    /// The page to enter it at. From outside: escape before a terminal.
    pub page: String,
    /// How long the code is good for.
    pub lifetime: Duration,
    details: StandardDeviceAuthorizationResponse,
    beginning: Beginning,
}

/// Starts a login.
///
/// # Errors
/// When the state directory cannot be used, or the login service cannot be reached or refuses.
pub async fn begin(app: &App, context: &Context) -> Result<DeviceLogin, CredentialError> {
    let beginning = Beginning::new(app, context)?;
    let client = client(&beginning.saved)?;
    let mut request = client
        .exchange_device_code()
        .add_scopes(scopes(&beginning.saved));
    if let Some(claims) = beginning.challenge() {
        request = request.add_extra_param("claims", claims);
    }
    let details: StandardDeviceAuthorizationResponse = request
        .request_async(&Adapter(&beginning.web))
        .await
        .map_err(|error| beginning.explain(sort(error)))?;
    Ok(DeviceLogin {
        code: details.user_code().secret().clone(),
        page: details.verification_uri().to_string(),
        lifetime: details.expires_in(),
        details,
        beginning,
    })
}

impl DeviceLogin {
    /// Waits until the person has entered the code, or will not; keeps the login.
    ///
    /// # Errors
    /// When the sign-in is declined, blocked or too late, or cannot be saved.
    pub async fn finish(self) -> Result<SignedIn, CredentialError> {
        let asked = Timestamp::now();
        let beginning = self.beginning;
        let client = client(&beginning.saved)?;
        let reply = client
            .exchange_device_access_token(&self.details)
            .request_async(
                &Adapter(&beginning.web),
                |pause| tokio::time::sleep(pause.max(FASTEST)),
                None,
            )
            .await
            .map_err(|error| beginning.explain(sort(error)))?;
        beginning.keep(&reply, asked, None).await
    }
}

impl fmt::Debug for DeviceLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceLogin")
            .field("page", &self.page)
            .finish_non_exhaustive()
    }
}
