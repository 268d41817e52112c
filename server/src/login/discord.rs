//! Discord's side of a sign-in: its consent page, a token for its code, and who that is.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use app::login::LoginProblem;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    BasicTokenResponse,
};
use oauth2::{
    AccessToken, AsyncHttpClient, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret,
    CsrfToken, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, StandardRevocableToken, TokenResponse,
    TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;
use url::Url;

use crate::discord::versioned;
use crate::state::AppState;

const JOIN: &str = "guilds.join";
const SCOPES: [&str; 3] = ["identify", "email", JOIN];
/// Discord's token life, for an answer that does not tell.
const TOKEN_LIFE: Duration = Duration::from_hours(7 * 24);
const LONGEST_CODE: usize = 512;
const LONGEST_ANSWER: usize = 256 * 1024;
const REVOKE_TIMEOUT: Duration = Duration::from_secs(3);

type DiscordOAuth = Client<
    BasicErrorResponse,
    BasicTokenResponse,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// A sign-in about to begin.
pub(super) struct Asked {
    /// Discord's consent page.
    pub url: Url,
    pub state: SecretString,
    pub verifier: SecretString,
}

/// Who signed in.
pub(super) struct Person {
    pub discord_user_id: String,
    pub name: String,
    pub avatar_url: Option<String>,
    pub email: String,
    pub email_verified: bool,
    /// Present when the person let us add them to the server.
    pub join: Option<JoinToken>,
}

pub(super) struct JoinToken {
    pub token: SecretString,
    pub lives_ms: i64,
}

/// What a consent that failed says in `error` (RFC 6749, section 4.1.2.1).
pub(super) fn refusal(error: &str) -> LoginProblem {
    match error {
        "access_denied" => LoginProblem::Denied,
        "server_error" | "temporarily_unavailable" => LoginProblem::DiscordDown,
        _ => LoginProblem::Refused,
    }
}

/// A fresh state and PKCE verifier (RFC 7636), 256 bits each, and the page that gets them. `again`:
/// Discord asks even who has consented before, and lets them choose another account.
pub(super) fn ask(state: &AppState, again: bool) -> Asked {
    let chance = || URL_SAFE_NO_PAD.encode(state.rng.bytes::<32>());
    let verifier = chance();
    let challenge =
        PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.clone()));
    let asked_state = chance();
    let client = client(state);
    let mut request = client.authorize_url(|| CsrfToken::new(asked_state.clone()));
    if again {
        request = request.add_extra_param("prompt", "consent");
    }
    let (url, _) = request
        .add_scopes(SCOPES.map(|scope| Scope::new(scope.to_owned())))
        .set_pkce_challenge(challenge)
        .url();
    Asked {
        url,
        state: asked_state.into(),
        verifier: verifier.into(),
    }
}

/// Exchanges the code and asks who it is. A person without an e-mail address is refused, and
/// their token revoked as far as that can be done.
pub(super) async fn person(
    state: &AppState,
    code: String,
    verifier: SecretString,
) -> Result<Person, LoginProblem> {
    if code.len() > LONGEST_CODE {
        return Err(LoginProblem::Refused);
    }
    let token = client(state)
        .exchange_code(AuthorizationCode::new(code))
        .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose_secret().to_owned()))
        .request_async(&Http(&state.login_http))
        .await
        .map_err(|error| exchange_problem(&error))?;
    let who = me(state, token.access_token()).await?;
    let Some(email) = who.email.clone().filter(|email| !email.is_empty()) else {
        revoke(state, token.access_token()).await;
        return Err(LoginProblem::NoEmail);
    };
    // None means that all that was asked for was given (RFC 6749, section 5.1).
    let may_join = token
        .scopes()
        .is_none_or(|given| given.iter().any(|scope| scope.as_str() == JOIN));
    let lives = token.expires_in().unwrap_or(TOKEN_LIFE);
    Ok(Person {
        join: may_join.then(|| JoinToken {
            token: token.access_token().secret().clone().into(),
            lives_ms: i64::try_from(lives.as_millis()).unwrap_or(i64::MAX / 2),
        }),
        name: who.shown_name(),
        avatar_url: who.avatar_url(),
        email_verified: who.verified.unwrap_or(false),
        discord_user_id: who.id,
        email,
    })
}

fn client(state: &AppState) -> DiscordOAuth {
    let settings = &state.config.discord;
    let mut redirect = state.config.public_url.clone();
    let callback = format!("{}/auth/callback", redirect.path().trim_end_matches('/'));
    redirect.set_path(&callback);
    Client::new(ClientId::new(settings.client_id.clone()))
        .set_client_secret(ClientSecret::new(
            settings.client_secret.expose_secret().to_owned(),
        ))
        .set_auth_uri(AuthUrl::from_url(settings.authorize_url.clone()))
        .set_token_uri(TokenUrl::from_url(oauth2_url(&settings.api_base, "token")))
        .set_redirect_uri(RedirectUrl::from_url(redirect))
}

fn exchange_problem(error: &RequestTokenError<Unanswered, BasicErrorResponse>) -> LoginProblem {
    match error {
        RequestTokenError::Request(unanswered) => {
            tracing::warn!(error = %unanswered, "Discord's token endpoint does not answer");
            LoginProblem::DiscordDown
        }
        RequestTokenError::ServerResponse(refusal) => {
            tracing::warn!(error = %refusal.error(), "Discord refused a sign-in");
            LoginProblem::Refused
        }
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            tracing::warn!("Discord refused a sign-in without saying why");
            LoginProblem::Refused
        }
    }
}

/// What `GET /users/@me` says of a person.
#[derive(Deserialize)]
struct Who {
    id: String,
    username: String,
    global_name: Option<String>,
    avatar: Option<String>,
    email: Option<String>,
    verified: Option<bool>,
}

impl Who {
    fn shown_name(&self) -> String {
        let clean = |name: &str| -> String {
            name.chars()
                .filter(|character| !character.is_control())
                .take(100)
                .collect::<String>()
                .trim()
                .to_owned()
        };
        self.global_name
            .as_deref()
            .map(clean)
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| clean(&self.username))
    }

    fn avatar_url(&self) -> Option<String> {
        let hash = self.avatar.as_deref()?;
        let plain = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        (plain(hash) && plain(&self.id)).then(|| {
            format!(
                "https://cdn.discordapp.com/avatars/{}/{hash}.png?size=128",
                self.id
            )
        })
    }
}

async fn me(state: &AppState, token: &AccessToken) -> Result<Who, LoginProblem> {
    let down = |what: &dyn std::fmt::Display| {
        tracing::warn!(error = %what, "Discord does not say who signed in");
        LoginProblem::DiscordDown
    };
    let mut url = versioned(&state.config.discord.api_base);
    let path = format!("{}/users/@me", url.path());
    url.set_path(&path);
    let response = state
        .login_http
        .get(url)
        .bearer_auth(token.secret())
        .send()
        .await
        .map_err(|error| down(&error.without_url()))?;
    let (status, body) = answer(response).await.map_err(|error| down(&error))?;
    match status {
        StatusCode::OK => {}
        StatusCode::TOO_MANY_REQUESTS => return Err(down(&status)),
        status if status.is_server_error() => return Err(down(&status)),
        status => {
            tracing::warn!(%status, "Discord refused to say who signed in");
            return Err(LoginProblem::Refused);
        }
    }
    let who: Who = serde_json::from_slice(&body).map_err(|error| down(&error))?;
    if who.id.is_empty() || who.id.len() > 20 || !who.id.bytes().all(|b| b.is_ascii_digit()) {
        return Err(down(&"its id is no id"));
    }
    Ok(who)
}

/// RFC 7009. Discord ends the whole grant with it.
async fn revoke(state: &AppState, token: &AccessToken) {
    let settings = &state.config.discord;
    let request = state
        .login_http
        .post(oauth2_url(&settings.api_base, "token/revoke"))
        .form(&[
            ("client_id", settings.client_id.as_str()),
            ("client_secret", settings.client_secret.expose_secret()),
            ("token", token.secret()),
            ("token_type_hint", "access_token"),
        ])
        .timeout(REVOKE_TIMEOUT)
        .send();
    let done = request
        .await
        .is_ok_and(|answer| answer.status().is_success());
    tracing::info!(done, "the token of a person without e-mail was revoked");
}

/// Discord's OAuth2 endpoints stand beside its versions.
fn oauth2_url(api_base: &Url, name: &str) -> Url {
    let mut url = versioned(api_base);
    let api = url.path().rsplit_once('/').map_or("", |(api, _)| api);
    let path = format!("{api}/oauth2/{name}");
    url.set_path(&path);
    url
}

/// No usable answer: the network, a 429, a 5xx, or a body that is no JSON.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("no answer: {0}")]
    Network(String),
    #[error("answered {0}")]
    Status(StatusCode),
    #[error("an answer that cannot be read")]
    Unreadable,
}

/// `reqwest` as `oauth2` wants it, telling "down" from "refused".
struct Http<'a>(&'a reqwest::Client);

impl<'c> AsyncHttpClient<'c> for Http<'_> {
    type Error = Unanswered;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Unanswered>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let request = reqwest::Request::try_from(request).map_err(network)?;
            let response = self.0.execute(request).await.map_err(network)?;
            let headers = response.headers().clone();
            let (status, body) = answer(response).await?;
            if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
                return Err(Unanswered::Status(status));
            }
            if status.is_success()
                && !body.is_empty()
                && serde_json::from_slice::<IgnoredAny>(&body).is_err()
            {
                return Err(Unanswered::Unreadable);
            }
            let mut response = HttpResponse::new(body);
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            Ok(response)
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape map_err wants")]
fn network(error: reqwest::Error) -> Unanswered {
    Unanswered::Network(
        if error.is_timeout() {
            "no answer in time"
        } else if error.is_connect() {
            "no connection"
        } else {
            "the connection broke"
        }
        .to_owned(),
    )
}

async fn answer(mut response: reqwest::Response) -> Result<(StatusCode, Vec<u8>), Unanswered> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(network)? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(Unanswered::Unreadable);
        }
        body.extend_from_slice(&chunk);
    }
    Ok((response.status(), body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(global_name: Option<&str>, avatar: Option<&str>) -> Who {
        Who {
            id: "80351110224678912".into(),
            username: "ada".into(),
            global_name: global_name.map(str::to_owned),
            avatar: avatar.map(str::to_owned),
            email: None,
            verified: None,
        }
    }

    #[test]
    fn the_shown_name_is_the_global_one_or_else_the_username() {
        for (global, shown) in [
            (Some("Ada Lovelace"), "Ada Lovelace"),
            (Some("  A\u{0}da\n"), "Ada"),
            (Some(" \t "), "ada"),
            (Some(""), "ada"),
            (None, "ada"),
        ] {
            assert_eq!(who(global, None).shown_name(), shown, "{global:?}");
        }
    }

    #[test]
    fn an_avatar_is_an_address_at_the_cdn_or_nothing() {
        assert_eq!(
            who(None, Some("a_8342729096ea3675442027381ff50dfe"))
                .avatar_url()
                .as_deref(),
            Some(
                "https://cdn.discordapp.com/avatars/80351110224678912/\
                 a_8342729096ea3675442027381ff50dfe.png?size=128"
            )
        );
        for hash in [None, Some(""), Some("../../x"), Some("a\"onerror=")] {
            assert_eq!(who(None, hash).avatar_url(), None);
        }
    }

    #[test]
    fn oauth2_stands_beside_the_versions() {
        for base in ["https://discord.com", "https://discord.com/api/v10/"] {
            assert_eq!(
                oauth2_url(&Url::parse(base).unwrap(), "token").as_str(),
                "https://discord.com/api/oauth2/token"
            );
        }
    }

    #[test]
    fn consent_errors_become_pages() {
        for (error, problem) in [
            ("access_denied", LoginProblem::Denied),
            ("temporarily_unavailable", LoginProblem::DiscordDown),
            ("server_error", LoginProblem::DiscordDown),
            ("invalid_scope", LoginProblem::Refused),
            ("", LoginProblem::Refused),
        ] {
            assert_eq!(refusal(error), problem);
        }
    }
}
