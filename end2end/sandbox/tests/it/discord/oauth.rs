//! Consent, codes, tokens and what they open.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sandbox::discord::{PERSON_ADA, PERSON_KATHERINE, PERSON_RADIA};
use sandbox::{ApiRequest, ApiResponse};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Bench, Got};

const REDIRECT: &str = "http://127.0.0.1:3000/auth/callback";
const VERIFIER: &str = "a-verifier-of-forty-three-characters-at-least-0";

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER.as_bytes()))
}

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// What a good request carries, with replacements; an empty value leaves the field out.
fn asking(bench: &Bench, other: &[(&str, &str)]) -> String {
    let id = bench.discord.client_id();
    let challenge = challenge();
    let mut fields = vec![
        ("client_id", id.as_str()),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", "identify email guilds.join"),
        ("state", "st4te&=?"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in other {
        fields.retain(|(known, _)| known != name);
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    form(&fields)
}

fn look(bench: &mut Bench, query: &str, cookie: Option<&str>) -> ApiResponse {
    bench.send(&ApiRequest {
        method: "GET".into(),
        path: "/oauth2/authorize".into(),
        query: query.into(),
        headers: cookie
            .map(|cookie| ("cookie".into(), cookie.into()))
            .into_iter()
            .collect(),
        body: Vec::new(),
    })
}

fn decide(bench: &mut Bench, other: &[(&str, &str)]) -> ApiResponse {
    let body = asking(bench, other);
    bench.send(&ApiRequest {
        method: "POST".into(),
        path: "/oauth2/authorize".into(),
        headers: vec![(
            "content-type".into(),
            "application/x-www-form-urlencoded".into(),
        )],
        body: body.into_bytes(),
        ..ApiRequest::default()
    })
}

fn header<'a>(response: &'a ApiResponse, name: &str) -> Option<&'a str> {
    response
        .headers
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// A field of the query one is sent back with.
fn back(response: &ApiResponse, name: &str) -> Option<String> {
    assert_eq!(
        response.status,
        303,
        "{}",
        String::from_utf8_lossy(&response.body)
    );
    let location = url::Url::parse(header(response, "location").unwrap()).unwrap();
    assert_eq!(location.path(), "/auth/callback");
    location
        .query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

fn token(bench: &mut Bench, path: &str, fields: &[(&str, &str)]) -> Got {
    let (id, secret) = (bench.discord.client_id(), bench.discord.client_secret());
    token_as(bench, path, fields, &format!("{id}:{secret}"))
}

fn token_as(bench: &mut Bench, path: &str, fields: &[(&str, &str)], client: &str) -> Got {
    let mut headers = vec![(
        "content-type".to_owned(),
        "application/x-www-form-urlencoded".to_owned(),
    )];
    if !client.is_empty() {
        headers.push((
            "authorization".into(),
            format!("Basic {}", STANDARD.encode(client)),
        ));
    }
    let raw = bench.send(&ApiRequest {
        method: "POST".into(),
        path: format!("/api/{path}"),
        query: String::new(),
        headers,
        body: form(fields).into_bytes(),
    });
    Got {
        status: raw.status,
        body: serde_json::from_slice(&raw.body).unwrap_or(Value::Null),
        raw,
    }
}

fn redeem(bench: &mut Bench, code: &str, other: &[(&str, &str)]) -> Got {
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    for (name, value) in other {
        fields.retain(|(known, _)| known != name);
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    token(bench, "oauth2/token", &fields)
}

fn code_of(bench: &mut Bench, person: u64, other: &[(&str, &str)]) -> String {
    let person = person.to_string();
    let mut fields = vec![("user", person.as_str()), ("decision", "authorize")];
    fields.extend(other);
    let response = decide(bench, &fields);
    back(&response, "code").unwrap()
}

/// A person's access token for these scopes.
pub fn bearer(bench: &mut Bench, person: u64, scope: &str) -> String {
    let code = code_of(bench, person, &[("scope", scope)]);
    let got = redeem(bench, &code, &[]);
    assert_eq!(got.status, 200, "{}", got.body);
    got.body["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn the_page_names_the_people_and_carries_the_request() {
    let mut bench = Bench::new();
    let query = asking(&bench, &[("state", "\"><script>")]);
    let page = look(
        &mut bench,
        &query,
        Some("other=1; sandbox_person=1100000000000000102"),
    );
    assert_eq!(page.status, 200);
    let html = String::from_utf8(page.body).unwrap();
    for part in [
        "id=\"authorize\"",
        "id=\"deny\"",
        "name=\"new_user\"",
        "Ada Lovelace",
        "no e-mail",
        "Join servers for you",
        "value=\"1100000000000000102\" checked",
        "value=\"&quot;&gt;&lt;script&gt;\"",
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
    assert_eq!(html.matches(" checked").count(), 1);
    assert!(!html.contains("<script"));
}

#[test]
fn a_bad_request_is_not_sent_anywhere() {
    let mut bench = Bench::new();
    for (name, value) in [
        ("client_id", "12"),
        ("redirect_uri", "javascript:alert(1)"),
        ("redirect_uri", ""),
        ("redirect_uri", "https://x.test/#part"),
    ] {
        let query = asking(&bench, &[(name, value)]);
        let page = look(&mut bench, &query, None);
        assert_eq!(page.status, 400, "{name}={value}");
        assert!(header(&page, "location").is_none());
    }
    bench.discord.application.allow_any_redirect = false;
    let query = asking(&bench, &[]);
    assert_eq!(look(&mut bench, &query, None).status, 400);
    bench
        .discord
        .application
        .redirect_uris
        .push(REDIRECT.into());
    assert_eq!(look(&mut bench, &query, None).status, 200);
}

#[test]
fn what_the_application_did_wrong_goes_back_to_it_with_the_state() {
    let mut bench = Bench::new();
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("scope", "identify everything", "invalid_scope"),
        ("scope", "", "invalid_scope"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
    ] {
        let query = asking(&bench, &[(name, value)]);
        let response = look(&mut bench, &query, None);
        assert_eq!(back(&response, "error").as_deref(), Some(error));
        assert_eq!(back(&response, "state").as_deref(), Some("st4te&=?"));
        assert_eq!(back(&response, "code"), None);
    }
}

#[test]
fn cancel_denies() {
    let mut bench = Bench::new();
    let response = decide(&mut bench, &[("decision", "deny")]);
    assert_eq!(back(&response, "error").as_deref(), Some("access_denied"));
    assert!(back(&response, "error_description").is_some());
    assert_eq!(back(&response, "state").as_deref(), Some("st4te&=?"));
}

#[test]
fn a_code_becomes_a_token_once() {
    let mut bench = Bench::new();
    let code = code_of(&mut bench, PERSON_ADA, &[]);
    let got = redeem(&mut bench, &code, &[]);
    assert_eq!(got.status, 200);
    assert_eq!(got.body["token_type"], "Bearer");
    assert_eq!(got.body["expires_in"], 604_800);
    assert_eq!(got.body["scope"], "identify email guilds.join");
    let auth = format!("Bearer {}", got.body["access_token"].as_str().unwrap());
    let me = bench.ask(&auth, "GET", "/users/@me", None);
    assert_eq!(me.body["id"], PERSON_ADA.to_string());
    assert_eq!(me.body["email"], "ada@example.org");
    assert_eq!(me.body["verified"], true);
    let info = bench.ask(&auth, "GET", "/oauth2/@me", None);
    assert_eq!(info.body["user"]["id"], PERSON_ADA.to_string());
    let again = redeem(&mut bench, &code, &[]);
    assert_eq!(again.status, 400);
    assert_eq!(again.body["error"], "invalid_grant");
}

#[test]
fn a_code_dies_of_age_of_another_redirect_and_of_a_wrong_verifier() {
    let mut bench = Bench::new();
    let other = "http://127.0.0.1:3000/elsewhere";
    let wrong = "b".repeat(43);
    for (change, later) in [
        (("redirect_uri", other), 0),
        (("code_verifier", wrong.as_str()), 0),
        (("code_verifier", ""), 0),
        (("code", "never-issued"), 0),
        (("grant_type", "authorization_code"), 600_000),
    ] {
        let code = code_of(&mut bench, PERSON_ADA, &[]);
        bench.now_ms += later;
        let got = redeem(&mut bench, &code, &[change]);
        assert_eq!(
            (got.status, &got.body["error"]),
            (400, &json!("invalid_grant")),
            "{change:?}"
        );
    }
    let code = code_of(
        &mut bench,
        PERSON_ADA,
        &[("code_challenge", ""), ("code_challenge_method", "")],
    );
    assert_eq!(
        redeem(&mut bench, &code, &[]).body["error"],
        "invalid_grant"
    );
}

#[test]
fn the_client_proves_itself_by_header_or_body() {
    let mut bench = Bench::new();
    let code = code_of(&mut bench, PERSON_ADA, &[]);
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    let id = bench.discord.client_id();
    let got = token_as(
        &mut bench,
        "v10/oauth2/token",
        &fields,
        &format!("{id}:wrong"),
    );
    assert_eq!(
        (got.status, &got.body["error"]),
        (401, &json!("invalid_client"))
    );
    assert_eq!(got.header("www-authenticate"), Some("Basic"));
    assert_eq!(
        token_as(&mut bench, "oauth2/token", &fields, "").status,
        401
    );
    let mut with_client = fields.to_vec();
    with_client.extend([
        ("client_id", id.as_str()),
        ("client_secret", "sandbox-client-secret"),
    ]);
    assert_eq!(
        token_as(&mut bench, "oauth2/token", &with_client, "").status,
        200
    );
    let got = token(&mut bench, "oauth2/token", &[("grant_type", "password")]);
    assert_eq!(got.body["error"], "unsupported_grant_type");
    let got = token(&mut bench, "oauth2/token", &[]);
    assert_eq!(got.body["error"], "invalid_request");
}

#[test]
fn tokens_end_by_time_by_refresh_and_by_revoking_any_of_them() {
    let mut bench = Bench::new();
    let me = |bench: &mut Bench, token: &str| {
        bench
            .ask(&format!("Bearer {token}"), "GET", "/users/@me", None)
            .status
    };
    let old = bearer(&mut bench, PERSON_ADA, "identify");
    bench.now_ms += 604_800_000 - 1;
    assert_eq!(me(&mut bench, &old), 200);
    bench.now_ms += 1;
    assert_eq!(me(&mut bench, &old), 401);

    let code = code_of(&mut bench, PERSON_ADA, &[]);
    let first = redeem(&mut bench, &code, &[]).body;
    let (access, refresh) = (
        first["access_token"].as_str().unwrap(),
        first["refresh_token"].as_str().unwrap(),
    );
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let second = token(&mut bench, "oauth2/token", &fields).body;
    let fresh = second["access_token"].as_str().unwrap();
    assert_eq!((me(&mut bench, access), me(&mut bench, fresh)), (401, 200));
    assert_eq!(
        token(&mut bench, "oauth2/token", &fields).body["error"],
        "invalid_grant"
    );

    let other = bearer(&mut bench, PERSON_ADA, "identify");
    let linus = bearer(&mut bench, PERSON_KATHERINE, "identify");
    let refresh = second["refresh_token"].as_str().unwrap();
    let got = token(&mut bench, "oauth2/token/revoke", &[("token", refresh)]);
    assert_eq!((got.status, got.body), (200, json!({})));
    assert_eq!((me(&mut bench, fresh), me(&mut bench, &other)), (401, 401));
    assert_eq!(me(&mut bench, &linus), 200);
    let got = token(&mut bench, "oauth2/token/revoke", &[("token", "unknown")]);
    assert_eq!(got.status, 200);
}

#[test]
fn an_address_is_told_only_with_its_scope() {
    let mut bench = Bench::new();
    let plain = bearer(&mut bench, PERSON_ADA, "identify");
    let me = bench
        .ask(&format!("Bearer {plain}"), "GET", "/users/@me", None)
        .body;
    assert!(me.get("email").is_none() && me.get("verified").is_none());
    let none = bearer(&mut bench, PERSON_KATHERINE, "identify email");
    let me = bench
        .ask(&format!("Bearer {none}"), "GET", "/users/@me", None)
        .body;
    assert_eq!(
        (&me["email"], &me["verified"]),
        (&Value::Null, &json!(false))
    );
    let unconfirmed = bearer(&mut bench, PERSON_RADIA, "identify email");
    let me = bench
        .ask(&format!("Bearer {unconfirmed}"), "GET", "/users/@me", None)
        .body;
    assert_eq!(
        (&me["email"], &me["verified"]),
        (&json!("radia@example.org"), &json!(false))
    );
    let blind = bearer(&mut bench, PERSON_ADA, "guilds");
    let auth = format!("Bearer {blind}");
    assert_eq!(bench.ask(&auth, "GET", "/users/@me", None).status, 401);
    assert_eq!(
        bench.ask(&auth, "GET", "/users/@me/guilds", None).body[0]["owner"],
        false
    );
    assert_eq!(
        bench
            .ask("Bearer wrong", "GET", "/users/@me", None)
            .refusal(),
        (401, 0)
    );
}

#[test]
fn somebody_new_is_made_on_the_page_and_remembered() {
    let mut bench = Bench::new();
    let response = decide(
        &mut bench,
        &[
            ("decision", "authorize"),
            ("new_user", "Zoë Quinn"),
            ("new_user_no_email", "1"),
        ],
    );
    let code = back(&response, "code").unwrap();
    let cookie = header(&response, "set-cookie").unwrap().to_owned();
    let person = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
    let token = redeem(&mut bench, &code, &[]).body["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let me = bench
        .ask(&format!("Bearer {token}"), "GET", "/users/@me", None)
        .body;
    assert_eq!(
        (&me["id"], &me["global_name"]),
        (&json!(person), &json!("Zoë Quinn"))
    );
    assert_eq!(me["email"], Value::Null);
    assert!(!bench.discord.is_member(&person));

    let cookie = format!("sandbox_person={person}");
    let silent = asking(&bench, &[("prompt", "none")]);
    assert!(back(&look(&mut bench, &silent, Some(&cookie)), "code").is_some());
    assert_eq!(look(&mut bench, &silent, None).status, 200);
    let more = asking(&bench, &[("prompt", "none"), ("scope", "identify guilds")]);
    assert_eq!(look(&mut bench, &more, Some(&cookie)).status, 200);

    let short = decide(&mut bench, &[("decision", "authorize"), ("new_user", "x")]);
    assert_eq!(short.status, 400);
    assert_eq!(decide(&mut bench, &[("decision", "authorize")]).status, 400);
}

#[test]
fn the_same_seed_plays_the_same_world() {
    let play = |bench: &mut Bench| {
        let code = code_of(bench, PERSON_ADA, &[]);
        let token = redeem(bench, &code, &[]).body;
        let role = bench
            .guild("POST", "/roles", Some(json!({"name": "Guest"})))
            .body;
        let person = bench
            .discord
            .create_user(bench.now_ms, "Ada Lovelace", true);
        (code, token, role, person)
    };
    let (mut one, mut two) = (Bench::new(), Bench::new());
    assert_eq!(play(&mut one), play(&mut two));
    let mut other = Bench::new();
    other.discord = sandbox::discord::Discord::new(8, "http://127.0.0.1:4010");
    other.discord.seed_demo(other.now_ms);
    assert_ne!(play(&mut other).0, play(&mut two).0);
    assert_eq!(other.discord.bot_token(), two.discord.bot_token());
    let names: Vec<&str> = one
        .discord
        .users
        .values()
        .map(|user| user.username.as_str())
        .collect();
    assert!(names.contains(&"ada.lovelace") && names.contains(&"ada.lovelace2"));
}

#[test]
fn a_token_can_be_had_without_the_page() {
    let mut bench = Bench::new();
    let ada = PERSON_ADA.to_string();
    let token = bench
        .discord
        .issue_token(bench.now_ms, &ada, "identify email")
        .unwrap();
    let me = |bench: &mut Bench| bench.ask(&format!("Bearer {token}"), "GET", "/users/@me", None);
    assert_eq!(me(&mut bench).body["email"], "ada@example.org");
    bench.discord.set_email(&ada, None, true).unwrap();
    assert_eq!(me(&mut bench).body["verified"], false);
    bench.discord.revoke_consent(&ada).unwrap();
    assert_eq!(me(&mut bench).status, 401);
}
