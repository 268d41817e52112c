//! `/oauth2/authorize`: who one is, and whether the application may know. Works without
//! JavaScript; in place of signing in one chooses a person.

use std::fmt::Write as _;

use super::Discord;
use super::oauth::{Fields, scopes_of, unknown_scope};
use super::routes;
use super::state::User;
use crate::{ApiRequest, ApiResponse};

const COOKIE: &str = "sandbox_person";
/// Of a crowd only so many are on the page; anybody's id is taken all the same.
const SHOWN: usize = 100;
/// What the page carries from the request to the answer.
const CARRIED: [&str; 8] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "prompt",
    "code_challenge",
    "code_challenge_method",
];

/// A request that may be put before a person.
struct Asked {
    redirect_uri: String,
    scopes: Vec<String>,
    state: Option<String>,
    challenge: Option<String>,
}

impl Asked {
    /// Back to the application, with the answer in the query.
    fn answer(&self, fields: &[(&str, &str)]) -> ApiResponse {
        let Ok(mut url) = url::Url::parse(&self.redirect_uri) else {
            return refuse("Invalid OAuth2 redirect_uri");
        };
        {
            let mut query = url.query_pairs_mut();
            for (name, value) in fields {
                query.append_pair(name, value);
            }
            if let Some(state) = &self.state {
                query.append_pair("state", state);
            }
        }
        let mut response = ApiResponse::see_other(url.as_str());
        response
            .headers
            .push(("cache-control".into(), "no-store".into()));
        response
    }

    fn error(&self, error: &str, description: &str) -> ApiResponse {
        self.answer(&[("error", error), ("error_description", description)])
    }
}

impl Discord {
    pub(super) fn consent(&mut self, now_ms: i64, req: &ApiRequest) -> ApiResponse {
        let post = req.method == "POST";
        let fields = Fields(routes::pairs(if post {
            &req.body
        } else {
            req.query.as_bytes()
        }));
        let asked = match self.check(&fields) {
            Ok(asked) => asked,
            Err(response) => return response,
        };
        match req.method.as_str() {
            "GET" => {
                let person = remembered(req).filter(|id| self.may_be(*id));
                if fields.get("prompt") == Some("none")
                    && let Some(person) = person
                    && self.consented(person, &asked.scopes)
                {
                    return self.agree(now_ms, &asked, person);
                }
                self.page(200, &fields, &asked, person, None)
            }
            "POST" if fields.get("decision") == Some("deny") => asked.error(
                "access_denied",
                "The resource owner or authorization server denied the request",
            ),
            "POST" => match self.chosen(now_ms, &fields) {
                Ok(person) => self.agree(now_ms, &asked, person),
                Err(problem) => self.page(400, &fields, &asked, remembered(req), Some(problem)),
            },
            _ => refuse("Only GET and POST are answered here"),
        }
    }

    /// Errors the application must not hear of by redirect come back as a page of their own.
    fn check(&self, fields: &Fields) -> Result<Asked, ApiResponse> {
        if fields.get("client_id") != Some(self.client_id().as_str()) {
            return Err(refuse("Unknown Application"));
        }
        let redirect = fields.get("redirect_uri").unwrap_or("");
        if !self.takes_redirect(redirect) {
            return Err(refuse("Invalid OAuth2 redirect_uri"));
        }
        let asked = Asked {
            redirect_uri: redirect.to_owned(),
            scopes: scopes_of(fields.get("scope").unwrap_or("")),
            state: fields.get("state").map(str::to_owned),
            challenge: fields.get("code_challenge").map(str::to_owned),
        };
        if fields.get("response_type") != Some("code") {
            return Err(asked.error(
                "unsupported_response_type",
                "The authorization server does not support this response type",
            ));
        }
        if asked.scopes.is_empty() || unknown_scope(&asked.scopes) {
            return Err(asked.error(
                "invalid_scope",
                "The requested scope is invalid, unknown, or malformed.",
            ));
        }
        if let Some(challenge) = &asked.challenge
            && (challenge.len() != 43 || fields.get("code_challenge_method") != Some("S256"))
        {
            return Err(asked.error(
                "invalid_request",
                "code_challenge must be the S256 of a verifier",
            ));
        }
        Ok(asked)
    }

    fn takes_redirect(&self, redirect: &str) -> bool {
        if self
            .application
            .redirect_uris
            .iter()
            .any(|known| known == redirect)
        {
            return true;
        }
        self.application.allow_any_redirect
            && url::Url::parse(redirect).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.has_host()
                    && url.fragment().is_none()
            })
    }

    fn may_be(&self, id: u64) -> bool {
        self.users.get(&id).is_some_and(|user| !user.bot)
    }

    fn consented(&self, person: u64, scopes: &[String]) -> bool {
        self.grants.iter().any(|grant| {
            grant.user_id == person && !grant.revoked && scopes.iter().all(|scope| grant.has(scope))
        })
    }

    fn agree(&mut self, now_ms: i64, asked: &Asked, person: u64) -> ApiResponse {
        let code = self.issue_code(
            now_ms,
            person,
            asked.scopes.clone(),
            asked.redirect_uri.clone(),
            asked.challenge.clone(),
        );
        let mut response = asked.answer(&[("code", &code)]);
        response.headers.push((
            "set-cookie".into(),
            format!("{COOKIE}={person}; Path=/; HttpOnly; SameSite=Lax"),
        ));
        response
    }

    /// The person picked, or a new one made of the name given.
    fn chosen(&mut self, now_ms: i64, fields: &Fields) -> Result<u64, &'static str> {
        let name = fields.get("new_user").unwrap_or("").trim();
        if !name.is_empty() {
            let with_email = fields.get("new_user_no_email").is_none();
            return self
                .create_user(now_ms, name, with_email)
                .ok()
                .and_then(|id| id.parse().ok())
                .ok_or("That name cannot be used. Take 2 to 32 letters.");
        }
        fields
            .get("user")
            .and_then(|id| id.parse().ok())
            .filter(|id| self.may_be(*id))
            .ok_or("Choose who you are, or give a new person a name.")
    }

    fn page(
        &self,
        status: u16,
        fields: &Fields,
        asked: &Asked,
        person: Option<u64>,
        problem: Option<&str>,
    ) -> ApiResponse {
        let mut hidden = String::new();
        for name in CARRIED {
            if let Some(value) = fields.get(name) {
                let _ = write!(
                    hidden,
                    r#"<input type="hidden" name="{name}" value="{}">"#,
                    escape(value)
                );
            }
        }
        let people: Vec<&User> = self.users.values().filter(|user| !user.bot).collect();
        let picked = person
            .filter(|id| self.may_be(*id))
            .or_else(|| {
                people
                    .iter()
                    .find(|user| user.id != self.guild.owner_id)
                    .map(|user| user.id)
            })
            .or_else(|| people.first().map(|user| user.id));
        let mut choices = String::new();
        let shown = people
            .into_iter()
            .enumerate()
            .filter(|(at, user)| *at < SHOWN || Some(user.id) == picked)
            .map(|(_, user)| user);
        for user in shown {
            let name = user.global_name.as_deref().unwrap_or(&user.username);
            let _ = write!(
                choices,
                r#"<label class="person"><input type="radio" name="user" value="{}"{}> <span>{}<small>{}</small></span></label>"#,
                user.id,
                if Some(user.id) == picked {
                    " checked"
                } else {
                    ""
                },
                escape(name),
                escape(&self.about(user)),
            );
        }
        let mut wishes = String::new();
        for scope in &asked.scopes {
            let _ = write!(wishes, "<li>{}</li>", escape(in_words(scope)));
        }
        let problem = problem.map_or_else(String::new, |text| {
            format!(r#"<p role="alert" class="problem">{}</p>"#, escape(text))
        });
        let app = escape(&self.application.name);
        let body = format!(
            r#"<p class="note">Sandbox Discord</p>
<h1>{app} asks to know you</h1>
{problem}
<form method="post" action="/oauth2/authorize">
{hidden}
<fieldset><legend>You are</legend>
{choices}
<div class="new"><label>Somebody new<input type="text" name="new_user" maxlength="32" autocomplete="off" placeholder="Name"></label>
<label class="small"><input type="checkbox" name="new_user_no_email" value="1"> has no e-mail</label></div>
</fieldset>
<p>{app} will be able to:</p>
<ul>{wishes}</ul>
<div class="buttons"><button id="authorize" name="decision" value="authorize">Authorize</button>
<button id="deny" name="decision" value="deny" class="quiet" formnovalidate>Cancel</button></div>
<p class="note">Then back to {}</p>
</form>"#,
            escape(&host_of(&asked.redirect_uri)),
        );
        html(status, &format!("Authorize {app}"), &body)
    }

    fn about(&self, user: &User) -> String {
        let inside = if self.guild.members.contains_key(&user.id) {
            "in the server"
        } else if self.guild.bans.contains_key(&user.id) {
            "banned from the server"
        } else {
            "not in the server"
        };
        match (&user.email, user.verified) {
            (Some(email), true) => format!("{email}, {inside}"),
            (Some(email), false) => format!("{email}, not confirmed, {inside}"),
            (None, _) => format!("no e-mail, {inside}"),
        }
    }
}

fn remembered(req: &ApiRequest) -> Option<u64> {
    req.header("cookie")?.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE).then(|| value.parse().ok()).flatten()
    })
}

fn in_words(scope: &str) -> &str {
    match scope {
        "identify" => "See your username and picture",
        "email" => "See your e-mail address",
        "guilds" => "Know what servers you are in",
        "guilds.join" => "Join servers for you",
        "guilds.members.read" => "Read your nickname and roles in servers",
        "connections" => "See your connected accounts",
        other => other,
    }
}

fn host_of(redirect: &str) -> String {
    url::Url::parse(redirect)
        .map(|url| url.origin().ascii_serialization())
        .unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

fn refuse(message: &str) -> ApiResponse {
    html(
        400,
        message,
        &format!(
            "<p class=\"note\">Sandbox Discord</p><h1>{}</h1><p>The application that sent you \
             here asked in a way that cannot be answered. Nothing was shared.</p>",
            escape(message)
        ),
    )
}

fn html(status: u16, title: &str, body: &str) -> ApiResponse {
    let mut response = ApiResponse::html(
        status,
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta \
             name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>\
             {STYLE}</style></head><body><main>{body}</main></body></html>"
        ),
    );
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        (
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ] {
        response.headers.push((name.into(), value.into()));
    }
    response
}

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1c1d22;--paper:#f4f4f7;--line:#c9cad3;--soft:#62646f;--accent:#4453d6;--on:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#ecedf2;--paper:#17181c;--line:#44464f;--soft:#a3a5b1;--accent:#8f9bff;--on:#14151a}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:28rem;margin:0 auto;padding:32px 20px 48px}
h1{font-size:1.5rem;line-height:1.25;margin:4px 0 20px}
fieldset{border:0;padding:0;margin:0 0 20px}
legend{font-weight:600;padding:0 0 8px}
.person{display:flex;gap:12px;align-items:baseline;padding:8px 0;border-top:1px solid var(--line);cursor:pointer}
.person span{display:block;min-width:0;overflow-wrap:anywhere}
small,.note,.small{color:var(--soft);font-size:.875rem}
.person small{display:block}
.new{border-top:1px solid var(--line);padding-top:12px}
.new input[type=text]{display:block;width:100%;margin:4px 0 8px;padding:10px 12px;font:inherit;color:inherit;background:transparent;border:1px solid var(--line);border-radius:10px}
ul{padding-left:20px;margin:0 0 24px}
.buttons{display:flex;gap:12px;flex-wrap:wrap}
button{font:inherit;font-weight:600;padding:10px 20px;border:1px solid var(--accent);border-radius:10px;background:var(--accent);color:var(--on);cursor:pointer}
.quiet{background:transparent;color:inherit;border-color:var(--line)}
.problem{border-left:4px solid #c2410c;padding-left:12px}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
";
