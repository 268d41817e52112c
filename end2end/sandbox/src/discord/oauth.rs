//! `OAuth2`: tokens for codes, refreshing, revoking, and what a token is good for.
//! Errors are those of RFC 6749, section 5.2.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::errors::ApiError;
use super::ids::iso;
use super::routes::{self, Actor, Answer, Call, ok};
use super::state::{Code, Grant};
use super::{Discord, shapes};
use crate::{ApiRequest, ApiResponse};

/// Seconds an access token lives.
pub(super) const TOKEN_LIFE_S: i64 = 604_800;
const CODE_LIFE_MS: i64 = 600_000;

/// The scopes that exist, of those one may ask for without Discord's leave.
pub(super) const SCOPES: [&str; 11] = [
    "identify",
    "email",
    "connections",
    "guilds",
    "guilds.join",
    "guilds.members.read",
    "openid",
    "bot",
    "applications.commands",
    "role_connections.write",
    "webhook.incoming",
];

type TokenAnswer = Result<Value, (u16, &'static str, &'static str)>;

impl Discord {
    /// The grant an access token belongs to, while it is good.
    pub(super) fn live_grant(&self, now_ms: i64, token: &str) -> Option<&Grant> {
        self.grant_by_token
            .get(token)
            .and_then(|at| self.grants.get(*at))
            .filter(|grant| !grant.revoked && now_ms < grant.expires_ms)
    }

    /// A fresh code for a person's consent, good once and for ten minutes.
    pub(super) fn issue_code(
        &mut self,
        now_ms: i64,
        user_id: u64,
        scopes: Vec<String>,
        redirect_uri: String,
        challenge: Option<String>,
    ) -> String {
        self.codes.retain(|_, code| now_ms < code.expires_ms);
        let code = self.ids.secret(30);
        self.codes.insert(
            code.clone(),
            Code {
                user_id,
                scopes,
                redirect_uri,
                challenge,
                expires_ms: now_ms + CODE_LIFE_MS,
            },
        );
        code
    }

    pub(super) fn token_endpoint(
        &mut self,
        now_ms: i64,
        req: &ApiRequest,
        revoke: bool,
    ) -> ApiResponse {
        let form = req
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let fields = Fields(if form {
            routes::pairs(&req.body)
        } else {
            Vec::new()
        });
        let answer = if !self.knows_client(req, &fields) {
            Err((401, "invalid_client", ""))
        } else if revoke {
            self.revoke(&fields)
        } else {
            match fields.get("grant_type") {
                Some("authorization_code") => self.redeem(now_ms, &fields),
                Some("refresh_token") => self.refresh(now_ms, &fields),
                Some("client_credentials") => self.client_credentials(now_ms, &fields),
                Some(_) => Err((400, "unsupported_grant_type", "Grant type is not supported")),
                None => Err((400, "invalid_request", "Missing \"grant_type\" in request.")),
            }
        };
        match answer {
            Ok(body) => {
                let mut response = ApiResponse::json(200, &body);
                response
                    .headers
                    .push(("cache-control".into(), "no-store".into()));
                response
            }
            Err((status, error, description)) => {
                let mut body = json!({"error": error});
                if !description.is_empty() {
                    body["error_description"] = description.into();
                }
                let mut response = ApiResponse::json(status, &body);
                if status == 401 {
                    response
                        .headers
                        .push(("www-authenticate".into(), "Basic".into()));
                }
                response
            }
        }
    }

    /// By HTTP Basic, whose parts are form-encoded, or by fields of the body.
    fn knows_client(&self, req: &ApiRequest, fields: &Fields) -> bool {
        let header = req.header("authorization").unwrap_or("");
        let (id, secret) = if let Some(encoded) = header.strip_prefix("Basic ") {
            let decoded = STANDARD
                .decode(encoded)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .unwrap_or_default();
            let (id, secret) = decoded.split_once(':').unwrap_or_default();
            (routes::percent_decode(id), routes::percent_decode(secret))
        } else {
            (
                fields.get("client_id").unwrap_or("").to_owned(),
                fields.get("client_secret").unwrap_or("").to_owned(),
            )
        };
        id == self.client_id() && secret == self.application.client_secret
    }

    fn redeem(&mut self, now_ms: i64, fields: &Fields) -> TokenAnswer {
        let wrong = (400, "invalid_grant", "Invalid \"code\" in request.");
        let text =
            fields
                .get("code")
                .ok_or((400, "invalid_request", "Missing \"code\" in request."))?;
        let code = self.codes.remove(text).ok_or(wrong)?;
        if now_ms >= code.expires_ms {
            return Err(wrong);
        }
        if fields.get("redirect_uri") != Some(code.redirect_uri.as_str()) {
            return Err((400, "invalid_grant", "Invalid \"redirect_uri\" in request."));
        }
        let proven = match (&code.challenge, fields.get("code_verifier")) {
            (None, None) => true,
            (Some(challenge), Some(verifier)) => {
                (43..=128).contains(&verifier.len())
                    && URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())) == *challenge
            }
            _ => false,
        };
        if !proven {
            return Err((
                400,
                "invalid_grant",
                "Invalid \"code_verifier\" in request.",
            ));
        }
        Ok(self.issue(now_ms, code.user_id, code.scopes))
    }

    fn refresh(&mut self, now_ms: i64, fields: &Fields) -> TokenAnswer {
        let text = fields.get("refresh_token").ok_or((
            400,
            "invalid_request",
            "Missing \"refresh_token\" in request.",
        ))?;
        let old = self
            .grants
            .iter_mut()
            .find(|grant| grant.refresh_token == text && !grant.revoked)
            .ok_or((400, "invalid_grant", "Invalid refresh token"))?;
        old.revoked = true;
        let (user, scopes) = (old.user_id, old.scopes.clone());
        Ok(self.issue(now_ms, user, scopes))
    }

    /// A token for the application's owner, for trying things out.
    fn client_credentials(&mut self, now_ms: i64, fields: &Fields) -> TokenAnswer {
        let scopes = scopes_of(fields.get("scope").unwrap_or("identify"));
        if scopes.is_empty() || unknown_scope(&scopes) {
            return Err((400, "invalid_scope", "The requested scope is invalid."));
        }
        let mut body = self.issue(now_ms, self.guild.owner_id, scopes);
        if let Some(fields) = body.as_object_mut() {
            fields.remove("refresh_token");
        }
        Ok(body)
    }

    pub(super) fn issue(&mut self, now_ms: i64, user_id: u64, scopes: Vec<String>) -> Value {
        let grant = Grant {
            user_id,
            access_token: self.ids.secret(30),
            refresh_token: self.ids.secret(30),
            expires_ms: now_ms + TOKEN_LIFE_S * 1000,
            revoked: false,
            scopes,
        };
        let body = json!({
            "token_type": "Bearer",
            "access_token": grant.access_token,
            "expires_in": TOKEN_LIFE_S,
            "refresh_token": grant.refresh_token,
            "scope": grant.scopes.join(" "),
        });
        self.grant_by_token
            .insert(grant.access_token.clone(), self.grants.len());
        self.grants.push(grant);
        body
    }

    /// Kills every token of the authorization, that is of this application for that person, and
    /// says yes to a token it does not know (RFC 7009).
    fn revoke(&mut self, fields: &Fields) -> TokenAnswer {
        let token =
            fields
                .get("token")
                .ok_or((400, "invalid_request", "Missing \"token\" in request."))?;
        let person = self
            .grants
            .iter()
            .find(|grant| grant.access_token == token || grant.refresh_token == token)
            .map(|grant| grant.user_id);
        if let Some(person) = person {
            self.revoke_all(person);
        }
        Ok(json!({}))
    }

    pub(super) fn revoke_all(&mut self, person: u64) {
        for grant in &mut self.grants {
            grant.revoked |= grant.user_id == person;
        }
    }

    pub(super) fn route_oauth2(&mut self, call: &Call) -> Answer {
        match (call.req.method.as_str(), call.path.as_slice()) {
            ("GET", ["oauth2", "@me"]) => {
                let Actor::Person(grant) = &call.actor else {
                    return Err(ApiError::unauthorized());
                };
                let mut shape = json!({
                    "application": self.application_shape(),
                    "scopes": grant.scopes,
                    "expires": iso(grant.expires_ms),
                });
                if grant.has("identify") {
                    shape["user"] = self.user_shape(grant.user_id);
                }
                ok(shape)
            }
            ("GET", ["oauth2", "applications", "@me"]) => self.own_application(call),
            _ => Err(ApiError::not_found()),
        }
    }

    pub(super) fn application_shape(&self) -> Value {
        self.users
            .get(&self.application.bot_id)
            .map_or(Value::Null, |bot| {
                shapes::application(&self.application, bot)
            })
    }

    /// The application as its own bot sees it.
    pub(super) fn own_application(&self, call: &Call) -> Answer {
        call.bot()?;
        let mut shape = self.application_shape();
        shape["redirect_uris"] = self.application.redirect_uris.clone().into();
        shape["interactions_endpoint_url"] = Value::Null;
        shape["role_connections_verification_url"] = Value::Null;
        shape["owner"] = self.user_shape(self.guild.owner_id);
        shape["approximate_guild_count"] = u8::from(self.bot_member().is_some()).into();
        shape["approximate_user_install_count"] = 0.into();
        shape["approximate_user_authorization_count"] = self.grants.len().into();
        shape["explicit_content_filter"] = 0.into();
        shape["team"] = Value::Null;
        shape["eligible_oauth2_scopes"] = json!(SCOPES);
        ok(shape)
    }
}

/// The fields of a form; the first of a name counts.
pub(super) struct Fields(pub(super) Vec<(String, String)>);

impl Fields {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

pub(super) fn scopes_of(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

pub(super) fn unknown_scope(scopes: &[String]) -> bool {
    scopes.iter().any(|scope| !SCOPES.contains(&scope.as_str()))
}
