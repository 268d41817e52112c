//! Sign-in with Discord, from the button to the session and out again.

#![expect(
    clippy::unwrap_used,
    reason = "each is run by a test, and one that fails fails it"
)]

pub mod site;

use std::time::Duration;

use reqwest::header::{CACHE_CONTROL, RETRY_AFTER, SET_COOKIE};
use reqwest::{Method, StatusCode};
use sandbox::discord::{Effect, Fault};
use secrecy::ExposeSecret;
use server::clock::Clock;
use server::login::delete_expired;
use sha2::{Digest, Sha256};
use site::{ADA, Browser, GRACE, KATHERINE_WITHOUT_EMAIL, RADIA_UNCONFIRMED, Site, location};
use url::Url;

use crate::support::Kind;

/// Runs a test on both kinds of database.
macro_rules! on_both_sites {
    ($name:ident) => {
        mod $name {
            #[tokio::test]
            async fn sqlite() {
                super::$name(crate::support::Kind::Sqlite).await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$name(crate::support::Kind::Postgres).await;
            }
        }
    };
}

const DAY: Duration = Duration::from_hours(24);

fn problem(slug: &str) -> String {
    format!("/login/problem?reason={slug}")
}

fn fault(path: &str, status: u16) -> Fault {
    Fault {
        method: None,
        path: path.into(),
        times: 1,
        effect: Effect::Status {
            status,
            code: 0,
            landed: false,
        },
    }
}

on_both_sites!(a_person_signs_in_and_lands_where_they_wanted);
async fn a_person_signs_in_and_lands_where_they_wanted(kind: Kind) {
    let site = Site::start(kind).await;
    let mut browser = site.browser();
    let authorize = location(&browser.get("/login?next=%2Fbilling%3Ftab%3D1").await);
    let asked: std::collections::HashMap<_, _> = Url::parse(&authorize)
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect();
    assert_eq!(asked["scope"], "identify email guilds.join");
    assert_eq!(asked["code_challenge_method"], "S256");
    assert_eq!(
        asked["redirect_uri"],
        format!("{}/auth/callback", site.base)
    );
    assert_eq!(asked["state"].len(), 43);

    let back = site.consent(&authorize, ADA, "authorize").await;
    let landed = browser.get(&back).await;
    assert_eq!(location(&landed), "/billing?tab=1");
    assert_eq!(landed.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(browser.whoami().await, format!("{ADA} Ada Lovelace"));

    let (id, email, verified): (String, String, i64) =
        sqlx::query_as("SELECT id, email, email_verified FROM users")
            .fetch_one(site.state.db.reader())
            .await
            .unwrap();
    assert!(id.starts_with("usr_") && id.len() == 24, "{id}");
    assert_eq!((email.as_str(), verified), ("ada@example.org", 1));
    let marked: String = sqlx::query_scalar("SELECT kind || ' ' || id FROM dirty")
        .fetch_one(site.state.db.reader())
        .await
        .unwrap();
    assert_eq!(marked, format!("user {id}"));
}

on_both_sites!(the_join_token_is_sealed_and_still_works_at_discord);
async fn the_join_token_is_sealed_and_still_works_at_discord(kind: Kind) {
    let site = Site::start(kind).await;
    let mut browser = site.browser();
    site.sign_in(&mut browser, ADA, "/login").await;
    let (user, sealed, expires_at): (String, String, i64) =
        sqlx::query_as("SELECT user_id, sealed, expires_at FROM join_tokens")
            .fetch_one(site.state.db.reader())
            .await
            .unwrap();
    assert_eq!(expires_at, site.clock.wall_ms() + 604_800_000);
    let token = site
        .state
        .seal
        .open(&format!("join_tokens/{user}"), &sealed)
        .unwrap();
    assert!(!sealed.contains(token.expose_secret()));
    let me = reqwest::Client::new()
        .get(format!("{}/api/v10/users/@me", site.sandbox.base_url()))
        .bearer_auth(token.expose_secret())
        .send()
        .await
        .unwrap();
    assert_eq!(me.status(), StatusCode::OK);

    site.advance(DAY);
    site.sign_in(&mut site.browser(), ADA, "/login").await;
    assert_eq!(
        (site.count("users").await, site.count("join_tokens").await),
        (1, 1)
    );
    let (again, renewed): (String, i64) =
        sqlx::query_as("SELECT sealed, expires_at FROM join_tokens")
            .fetch_one(site.state.db.reader())
            .await
            .unwrap();
    assert_ne!(again, sealed);
    assert_eq!(renewed, expires_at + 86_400_000);
}

on_both_sites!(a_later_sign_in_brings_the_user_up_to_date);
async fn a_later_sign_in_brings_the_user_up_to_date(kind: Kind) {
    let site = Site::start(kind).await;
    site.sign_in(&mut site.browser(), RADIA_UNCONFIRMED, "/login")
        .await;
    let read = async || -> (String, String, String, i64) {
        sqlx::query_as("SELECT id, name, email, email_verified FROM users")
            .fetch_one(site.state.db.reader())
            .await
            .unwrap()
    };
    let first = read().await;
    assert_eq!((first.1.as_str(), first.3), ("Radia Perlman", 0));
    site.discord(|discord| {
        let user = discord
            .users
            .get_mut(&RADIA_UNCONFIRMED.parse().unwrap())
            .unwrap();
        user.global_name = Some("Dr. Perlman".into());
        user.email = Some("radia@new.example.org".into());
        user.verified = true;
    });
    site.sign_in(&mut site.browser(), RADIA_UNCONFIRMED, "/login")
        .await;
    let expected = (
        first.0,
        "Dr. Perlman".into(),
        "radia@new.example.org".into(),
        1,
    );
    assert_eq!(read().await, expected);
}

on_both_sites!(denied_consent_has_its_page_and_stores_nothing);
async fn denied_consent_has_its_page_and_stores_nothing(kind: Kind) {
    let site = Site::start(kind).await;
    let mut browser = site.browser();
    let authorize = location(&browser.get("/login?next=/billing").await);
    let back = site.consent(&authorize, ADA, "deny").await;
    let page = location(&browser.get(&back).await);
    assert_eq!(page, format!("{}&next=%2Fbilling", problem("denied")));
    assert_eq!(browser.whoami().await, "nobody");
    site.assert_nobody_stored().await;
}

on_both_sites!(a_state_that_is_not_ours_signs_nobody_in);
async fn a_state_that_is_not_ours_signs_nobody_in(kind: Kind) {
    let site = Site::start(kind).await;
    let mut browser = site.browser();
    let authorize = location(&browser.get("/login").await);
    let back = site.consent(&authorize, ADA, "authorize").await;
    let code = back
        .split("code=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap()
        .to_owned();
    let state = back.split("state=").nth(1).unwrap().to_owned();
    for path in [
        "/auth/callback".to_owned(),
        format!("/auth/callback?code={code}"),
        format!("/auth/callback?code={code}&state="),
        format!("/auth/callback?code={code}&state=wrong"),
        format!("/auth/callback?code={code}&state={}", "x".repeat(5_000)),
        format!("/auth/callback?code={code}&state=%FF%00"),
    ] {
        assert_eq!(
            location(&browser.get(&path).await),
            problem("state"),
            "{path}"
        );
    }
    // Another browser with the right state, as when a link is slipped to somebody.
    for mut other in [site.browser(), {
        let mut other = site.browser();
        other.get("/login").await;
        other
    }] {
        let authorize = location(&browser.get("/login").await);
        let back = site.consent(&authorize, ADA, "authorize").await;
        assert_eq!(location(&other.get(&back).await), problem("state"));
        assert_eq!(other.whoami().await, "nobody");
    }
    let without_code = format!("/auth/callback?state={state}");
    assert_eq!(
        location(&browser.get(&without_code).await),
        problem("state")
    );
    assert_eq!(site.discord(|d| d.calls.count("POST", "/oauth2/token")), 0);
    site.assert_nobody_stored().await;
}

on_both_sites!(a_state_is_good_once);
async fn a_state_is_good_once(kind: Kind) {
    let site = Site::start(kind).await;
    let mut browser = site.browser();
    let authorize = location(&browser.get("/login").await);
    let back = site.consent(&authorize, ADA, "authorize").await;
    assert_eq!(location(&browser.get(&back).await), "/");
    assert_eq!(location(&browser.get(&back).await), problem("state"));
    // Reuse does not sign out either.
    assert!(browser.whoami().await.starts_with(ADA));
}

on_both_sites!(of_racing_returns_with_one_state_one_wins);
async fn of_racing_returns_with_one_state_one_wins(kind: Kind) {
    let site = Site::start(kind).await;
    let mut browser = site.browser();
    let authorize = location(&browser.get("/login").await);
    let back = site.consent(&authorize, ADA, "authorize").await;
    let returns = (0..8).map(|_| {
        let (mut browser, back) = (browser.clone(), back.clone());
        async move { location(&browser.get(&back).await) }
    });
    let mut landed = futures::future::join_all(returns).await;
    landed.sort();
    assert_eq!(landed[0], "/");
    assert!(
        landed[1..].iter().all(|page| *page == problem("state")),
        "{landed:?}"
    );
}

on_both_sites!(a_state_lasts_ten_minutes);
async fn a_state_lasts_ten_minutes(kind: Kind) {
    let site = Site::start(kind).await;
    for (waited_s, expected) in [(599, "/".to_owned()), (600, problem("state"))] {
        let mut browser = site.browser();
        let authorize = location(&browser.get("/login").await);
        let back = site.consent(&authorize, ADA, "authorize").await;
        site.advance(Duration::from_secs(waited_s));
        assert_eq!(location(&browser.get(&back).await), expected, "{waited_s}");
    }
}

on_both_sites!(tabs_do_not_disturb_each_other);
async fn tabs_do_not_disturb_each_other(kind: Kind) {
    let site = Site::start(kind).await;
    let mut browser = site.browser();
    browser.get("/login").await;
    let mut begun = Vec::new();
    for n in 0..5 {
        begun.push(location(
            &browser.get(&format!("/login?next=/tab/{n}")).await,
        ));
    }
    for n in [2, 0, 4, 1, 3] {
        let back = site.consent(&begun[n], ADA, "authorize").await;
        assert_eq!(location(&browser.get(&back).await), format!("/tab/{n}"));
        assert!(browser.whoami().await.starts_with(ADA));
    }
    // Signing out ends what was begun before.
    let authorize = location(&browser.get("/login?join=1").await);
    browser.post("/logout").await;
    let back = site.consent(&authorize, ADA, "authorize").await;
    assert_eq!(location(&browser.get(&back).await), problem("state"));
    assert_eq!(browser.whoami().await, "nobody");
}

on_both_sites!(an_account_without_email_is_sent_to_discord_and_its_token_revoked);
async fn an_account_without_email_is_sent_to_discord_and_its_token_revoked(kind: Kind) {
    let site = Site::start(kind).await;
    let mut browser = site.browser();
    let authorize = location(&browser.get("/login").await);
    let back = site
        .consent(&authorize, KATHERINE_WITHOUT_EMAIL, "authorize")
        .await;
    assert_eq!(location(&browser.get(&back).await), problem("no-email"));
    assert_eq!(browser.whoami().await, "nobody");
    site.assert_nobody_stored().await;
    let state = site.discord(|discord| discord.state_json());
    assert_eq!(state["grants"][0]["revoked"], true, "{}", state["grants"]);
}

on_both_sites!(discord_down_and_discord_refusing_are_told_apart_and_can_be_tried_again);
async fn discord_down_and_discord_refusing_are_told_apart_and_can_be_tried_again(kind: Kind) {
    let site = Site::start(kind).await;
    for (path, status, slug) in [
        ("oauth2/token", 500, "discord-down"),
        ("oauth2/token", 502, "discord-down"),
        ("oauth2/token", 429, "discord-down"),
        ("oauth2/token", 400, "refused"),
        ("oauth2/token", 401, "refused"),
        ("users/@me", 503, "discord-down"),
        ("users/@me", 504, "discord-down"),
        ("users/@me", 401, "refused"),
    ] {
        let mut browser = site.browser();
        let authorize = location(&browser.get("/login?next=/billing").await);
        let back = site.consent(&authorize, ADA, "authorize").await;
        site.discord(|discord| discord.faults.add(fault(path, status)));
        let page = location(&browser.get(&back).await);
        assert_eq!(
            page,
            format!("{}&next=%2Fbilling", problem(slug)),
            "{path} {status}"
        );
        assert_eq!(browser.whoami().await, "nobody");
        site.assert_nobody_stored().await;
        site.advance(Duration::from_mins(1));
    }
    assert_eq!(site.sign_in(&mut site.browser(), ADA, "/login").await, "/");
}

on_both_sites!(discord_out_of_reach_is_discord_down);
async fn discord_out_of_reach_is_discord_down(kind: Kind) {
    let site = Site::start_with(kind, &[("DISCORD_API_BASE", "http://127.0.0.1:9/api/v10")]).await;
    let mut browser = site.browser();
    let authorize = location(&browser.get("/login").await);
    let back = site.consent(&authorize, ADA, "authorize").await;
    assert_eq!(location(&browser.get(&back).await), problem("discord-down"));
    site.assert_nobody_stored().await;
}

on_both_sites!(other_consent_errors_have_their_pages);
async fn other_consent_errors_have_their_pages(kind: Kind) {
    let site = Site::start(kind).await;
    let mut browser = site.browser();
    for (error, slug) in [
        ("access_denied", "denied"),
        ("temporarily_unavailable", "discord-down"),
        ("invalid_scope", "refused"),
        ("%3Cscript%3E", "refused"),
    ] {
        let page = browser.get(&format!("/auth/callback?error={error}")).await;
        assert_eq!(location(&page), problem(slug));
    }
}

on_both_sites!(only_own_paths_are_landed_on);
async fn only_own_paths_are_landed_on(kind: Kind) {
    let site = Site::start(kind).await;
    for (next, landed) in [
        ("", "/"),
        ("next=", "/"),
        ("next=https%3A%2F%2Fevil.example%2F", "/"),
        ("next=%2F%2Fevil.example", "/"),
        ("next=%2F%5Cevil.example", "/"),
        ("next=%2F%09%2Fevil.example", "/"),
        ("next=%2F.%2F%2Fevil.example", "/"),
        ("next=%2F%252fevil.example", "/"),
        ("next=%2Fa%0D%0Aset-cookie%3A%20x%3D1", "/"),
        ("next=javascript%3Aalert(1)", "/"),
        ("next=%2Flogin%3Fnext%3D%2Flogin", "/"),
        ("next=%FF", "/"),
        ("next=%2Finvite%2Fabc", "/invite/abc"),
        ("next=%2Fgr%C3%B6%C3%9Fe", "/gr%C3%B6%C3%9Fe"),
        ("next=%2Fa&next=%2Fb", "/a"),
    ] {
        let login = format!("/login?{next}");
        let mut browser = site.browser();
        assert_eq!(
            site.sign_in(&mut browser, ADA, &login).await,
            landed,
            "{next}"
        );
        // The short way of somebody signed in keeps the same rule.
        assert_eq!(location(&browser.get(&login).await), landed, "{next}");
        site.advance(Duration::from_mins(1));
    }
}

on_both_sites!(whoever_is_signed_in_goes_straight_on_unless_they_want_to_be_added);
async fn whoever_is_signed_in_goes_straight_on_unless_they_want_to_be_added(kind: Kind) {
    let site = Site::start(kind).await;
    let mut browser = site.browser();
    site.sign_in(&mut browser, ADA, "/login").await;
    assert_eq!(
        location(&browser.get("/login?next=/billing").await),
        "/billing"
    );
    let authorize = location(&browser.get("/login?join=1&next=/billing").await);
    assert!(authorize.starts_with(&site.sandbox.base_url()));
    let back = site.consent(&authorize, GRACE, "authorize").await;
    assert_eq!(location(&browser.get(&back).await), "/billing");
    assert_eq!(
        browser.whoami().await,
        format!("{GRACE} Grace Hopper, operator")
    );
    // Another account: Discord asks even a browser that has consented before.
    let authorize = location(&browser.get("/login?another=1&next=/billing").await);
    assert!(authorize.contains("prompt=consent"), "{authorize}");
    let back = site.consent(&authorize, ADA, "authorize").await;
    assert_eq!(location(&browser.get(&back).await), "/billing");
    assert!(browser.whoami().await.starts_with(ADA));
}

on_both_sites!(the_id_changes_at_sign_in_and_the_old_one_is_worthless);
async fn the_id_changes_at_sign_in_and_the_old_one_is_worthless(kind: Kind) {
    let site = Site::start(kind).await;
    let mut browser = site.browser();
    let authorize = location(&browser.get("/login").await);
    let attacker: Browser = browser.clone();
    let before = browser.session_id().unwrap().to_owned();
    let back = site.consent(&authorize, ADA, "authorize").await;
    browser.get(&back).await;
    assert_ne!(browser.session_id().unwrap(), before);
    assert!(browser.whoami().await.starts_with(ADA));
    assert_eq!(attacker.clone().whoami().await, "nobody");

    // An id that somebody made up is not taken over.
    let made_up = "AAAAAAAAAAAAAAAAAAAAAA";
    let mut victim = site.browser();
    victim.cookies.insert("rollcall".into(), made_up.into());
    let authorize = location(&victim.get("/login").await);
    assert_ne!(victim.session_id().unwrap(), made_up);
    let back = site.consent(&authorize, ADA, "authorize").await;
    victim.get(&back).await;
    let mut fixed = site.browser();
    fixed.cookies.insert("rollcall".into(), made_up.into());
    assert_eq!(fixed.whoami().await, "nobody");
}

on_both_sites!(the_database_knows_sessions_and_begun_sign_ins_only_by_hash);
async fn the_database_knows_sessions_and_begun_sign_ins_only_by_hash(kind: Kind) {
    let site = Site::start(kind).await;
    let mut browser = site.browser();
    site.sign_in(&mut browser, ADA, "/login").await;
    let authorize = location(&browser.get("/login?join=1&next=/invite/secret-token").await);
    let asked: std::collections::HashMap<_, _> = Url::parse(&authorize)
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect();
    let id = browser.session_id().unwrap();
    let hash = Sha256::digest(id.as_bytes());
    let rows: Vec<(String, String)> = sqlx::query_as("SELECT id_hash, data FROM sessions")
        .fetch_all(site.state.db.reader())
        .await
        .unwrap();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(
        rows.iter()
            .any(|(id_hash, _)| *id_hash == format!("{hash:x}"))
    );
    let everything = format!("{rows:?}");
    for secret in [
        id,
        &asked["state"],
        &asked["code_challenge"],
        "secret-token",
    ] {
        assert!(!everything.contains(secret), "{secret}");
    }
}

on_both_sites!(the_cookie_is_as_closed_as_it_can_be);
async fn the_cookie_is_as_closed_as_it_can_be(kind: Kind) {
    let plain = Site::start(kind).await;
    let secure = Site::start_with(kind, &[("PUBLIC_URL", "https://members.example.org")]).await;
    for (site, name, flags) in [
        (
            &plain,
            "rollcall",
            vec!["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000"],
        ),
        (
            &secure,
            "__Host-rollcall",
            vec![
                "HttpOnly",
                "SameSite=Lax",
                "Path=/",
                "Max-Age=2592000",
                "Secure",
            ],
        ),
    ] {
        let mut browser = site.browser();
        let began = browser.get("/login").await;
        let cookie = began.headers()[SET_COOKIE].to_str().unwrap().to_owned();
        let (pair, rest) = cookie.split_once("; ").unwrap();
        assert!(pair.starts_with(&format!("{name}=")), "{cookie}");
        let mut given: Vec<&str> = rest.split("; ").collect();
        let mut flags = flags;
        given.sort_unstable();
        flags.sort_unstable();
        assert_eq!(given, flags);

        let back = site.consent(&location(&began), ADA, "authorize").await;
        browser.get(&back).await;
        let out = browser.post("/logout").await;
        let removals: Vec<&str> = out
            .headers()
            .get_all(SET_COOKIE)
            .iter()
            .map(|v| v.to_str().unwrap())
            .collect();
        let expected: Vec<&str> = if name.starts_with("__Host-") {
            vec!["Secure", "Path=/"]
        } else {
            vec!["Path=/"]
        };
        assert!(
            removals
                .iter()
                .any(|removal| removal.starts_with(&format!("{name}="))
                    && removal.contains("Max-Age=0")
                    && expected.iter().all(|flag| removal.contains(flag))),
            "{removals:?}"
        );
    }
}

on_both_sites!(signing_out_ends_the_session_for_every_copy_of_its_cookie);
async fn signing_out_ends_the_session_for_every_copy_of_its_cookie(kind: Kind) {
    let site = Site::start(kind).await;
    let mut browser = site.browser();
    site.sign_in(&mut browser, ADA, "/login").await;
    let mut copy = browser.clone();
    assert_eq!(
        browser.get("/logout").await.status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
    let foreign = [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    let refused = browser.send(Method::POST, "/logout", &foreign).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert!(browser.whoami().await.starts_with(ADA));

    let out = browser.post("/logout").await;
    assert_eq!(location(&out), "/");
    assert_eq!(browser.session_id(), None);
    assert_eq!(browser.whoami().await, "nobody");
    assert_eq!(copy.whoami().await, "nobody");
    assert_eq!(site.count("sessions").await, 0);
    // Once more, with nobody signed in.
    assert_eq!(location(&site.browser().post("/logout").await), "/");
}

on_both_sites!(a_session_lasts_thirty_days_from_the_last_visit_and_is_seldom_written);
async fn a_session_lasts_thirty_days_from_the_last_visit_and_is_seldom_written(kind: Kind) {
    let site = Site::start(kind).await;
    let mut browser = site.browser();
    site.sign_in(&mut browser, ADA, "/login").await;
    let expiry = async || -> i64 {
        sqlx::query_scalar("SELECT MAX(expires_at) FROM sessions")
            .fetch_one(site.state.db.reader())
            .await
            .unwrap()
    };
    let first = expiry().await;
    assert_eq!(first, site.clock.wall_ms() + 30 * 86_400_000);
    site.advance(Duration::from_secs(24 * 3_600 - 1));
    let visit = browser.get("/whoami").await;
    assert!(!visit.headers().contains_key(SET_COOKIE));
    assert_eq!(expiry().await, first);

    site.advance(DAY * 28);
    let visit = browser.get("/whoami").await;
    assert!(visit.headers().contains_key(SET_COOKIE));
    assert_eq!(expiry().await, site.clock.wall_ms() + 30 * 86_400_000);
    site.advance(DAY * 29 + Duration::from_secs(24 * 3_600 - 1));
    assert!(browser.whoami().await.starts_with(ADA));
    site.advance(DAY * 30);
    assert_eq!(browser.whoami().await, "nobody");
}

on_both_sites!(what_has_expired_is_deleted_and_nothing_else);
async fn what_has_expired_is_deleted_and_nothing_else(kind: Kind) {
    let site = Site::start(kind).await;
    site.sign_in(&mut site.browser(), ADA, "/login").await;
    let mut anonymous = site.browser();
    anonymous.get("/login").await;
    assert_eq!(site.count("sessions").await, 3);
    let delete = async || {
        delete_expired(&site.state.db, site.clock.as_ref())
            .await
            .unwrap()
    };
    assert_eq!(delete().await, 0);
    site.advance(Duration::from_hours(1));
    // The begun sign-in and the session of nobody.
    assert_eq!(delete().await, 2);
    assert_eq!(
        (
            site.count("sessions").await,
            site.count("join_tokens").await
        ),
        (1, 1)
    );
    site.advance(DAY * 7);
    assert_eq!(delete().await, 1);
    assert_eq!(site.count("join_tokens").await, 0);
    site.advance(DAY * 30);
    assert_eq!(delete().await, 1);
    assert_eq!(delete().await, 0);
}

on_both_sites!(a_deleted_user_is_nobody);
async fn a_deleted_user_is_nobody(kind: Kind) {
    let site = Site::start(kind).await;
    let mut browser = site.browser();
    site.sign_in(&mut browser, ADA, "/login").await;
    let mut tx = site.state.db.begin().await.unwrap();
    sqlx::query("DELETE FROM users")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(browser.whoami().await, "nobody");
    assert!(location(&browser.get("/login").await).starts_with(&site.sandbox.base_url()));
}

on_both_sites!(pages_of_somebody_signed_in_are_kept_in_no_cache);
async fn pages_of_somebody_signed_in_are_kept_in_no_cache(kind: Kind) {
    let site = Site::start(kind).await;
    let mut browser = site.browser();
    assert!(
        !browser
            .get("/whoami")
            .await
            .headers()
            .contains_key(CACHE_CONTROL)
    );
    site.sign_in(&mut browser, ADA, "/login").await;
    let page = browser.get("/whoami").await;
    assert_eq!(page.headers()[CACHE_CONTROL], "private, no-store");
}

on_both_sites!(sign_ins_are_limited_by_address);
async fn sign_ins_are_limited_by_address(kind: Kind) {
    let site = Site::start(kind).await;
    for _ in 0..20 {
        let began = site.browser().get("/login").await;
        assert!(location(&began).starts_with(&site.sandbox.base_url()));
    }
    let refused = site.browser().get("/login").await;
    assert_eq!(location(&refused), problem("too-many"));
    assert_eq!(refused.headers()[RETRY_AFTER], "3");
    site.advance(Duration::from_secs(3));
    assert!(location(&site.browser().get("/login").await).starts_with(&site.sandbox.base_url()));
}

on_both_sites!(without_the_database_nobody_is_taken_for_signed_out);
async fn without_the_database_nobody_is_taken_for_signed_out(kind: Kind) {
    let site = Site::start(kind).await;
    let mut browser = site.browser();
    site.sign_in(&mut browser, ADA, "/login").await;
    site.state.db.close().await;
    let page = browser.get("/whoami").await;
    assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(browser.session_id().is_some());
    // Who brings no cookie needs no database.
    assert_eq!(site.browser().whoami().await, "nobody");
}
