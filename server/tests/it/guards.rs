//! The guards in front of the whole server.

use reqwest::{Method, StatusCode};

use crate::login::site::Site;
use crate::support::Kind;

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let plain = Site::start(Kind::Sqlite).await;
    let secure = Site::start_with(
        Kind::Sqlite,
        &[("PUBLIC_URL", "https://members.example.org")],
    )
    .await;
    for (site, https) in [(&plain, false), (&secure, true)] {
        for (method, path, status) in [
            (Method::GET, "/whoami", StatusCode::OK),
            (Method::GET, "/login", StatusCode::SEE_OTHER),
            (Method::GET, "/no/such/page", StatusCode::NOT_FOUND),
            (Method::POST, "/logout", StatusCode::FORBIDDEN),
        ] {
            let answer = site.browser().send(method, path, &[]).await;
            assert_eq!(answer.status(), status, "{path}");
            let headers = answer.headers();
            assert_eq!(headers["x-content-type-options"], "nosniff");
            assert_eq!(headers["x-frame-options"], "DENY");
            assert_eq!(headers["referrer-policy"], "same-origin");
            assert_eq!(headers["cross-origin-opener-policy"], "same-origin");
            assert!(headers.contains_key("permissions-policy"));
            let hsts = headers.get("strict-transport-security");
            assert_eq!(hsts.is_some(), https, "{path}");
        }
    }
}

#[tokio::test]
async fn posts_from_elsewhere_are_refused_but_the_webhook_comes_through() {
    let site = Site::start(Kind::Sqlite).await;
    let own = site.public_url.clone();
    for (headers, expected) in [
        (vec![("origin", own.as_str())], StatusCode::SEE_OTHER),
        (
            vec![("sec-fetch-site", "same-origin")],
            StatusCode::SEE_OTHER,
        ),
        (
            vec![("origin", "https://evil.example")],
            StatusCode::FORBIDDEN,
        ),
        (vec![("origin", "null")], StatusCode::FORBIDDEN),
        (
            vec![("sec-fetch-site", "cross-site")],
            StatusCode::FORBIDDEN,
        ),
        (
            vec![("sec-fetch-site", "same-site"), ("origin", own.as_str())],
            StatusCode::FORBIDDEN,
        ),
        (vec![], StatusCode::FORBIDDEN),
    ] {
        let answer = site.browser().send(Method::POST, "/logout", &headers).await;
        assert_eq!(answer.status(), expected, "{headers:?}");
        let answer = site
            .browser()
            .send(Method::POST, "/webhooks/stripe", &headers)
            .await;
        assert_eq!(answer.status(), StatusCode::OK, "{headers:?}");
    }
    let page = site.browser().send(Method::POST, "/logout", &[]).await;
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert!(page.text().await.unwrap().contains(&own));
}

#[tokio::test]
async fn forwarded_addresses_count_only_behind_our_own_proxies() {
    let behind = Site::start_with(
        Kind::Sqlite,
        &[("TRUSTED_PROXIES", "127.0.0.0/8, 10.0.0.1")],
    )
    .await;
    let bare = Site::start(Kind::Sqlite).await;
    for (forwarded, seen) in [
        ("198.51.100.1", "198.51.100.1"),
        ("6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("198.51.100.1, 10.0.0.1", "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("rubbish", "127.0.0.1"),
    ] {
        let headers = [("x-forwarded-for", forwarded)];
        let answer = behind
            .browser()
            .send(Method::GET, "/address", &headers)
            .await;
        assert_eq!(answer.text().await.unwrap(), seen, "{forwarded}");
        let answer = bare.browser().send(Method::GET, "/address", &headers).await;
        assert_eq!(answer.text().await.unwrap(), "127.0.0.1", "{forwarded}");
    }
}

#[tokio::test]
async fn one_address_using_up_its_sign_ins_leaves_the_others_theirs() {
    let site = Site::start_with(Kind::Sqlite, &[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let begin = async |address: &str| {
        let headers = [("x-forwarded-for", address)];
        let answer = site.browser().send(Method::GET, "/login", &headers).await;
        answer.headers()["location"]
            .to_str()
            .unwrap()
            .contains("too-many")
    };
    for _ in 0..20 {
        assert!(!begin("198.51.100.1").await);
    }
    assert!(begin("198.51.100.1").await);
    assert!(begin("9.9.9.9, 198.51.100.1").await);
    assert!(!begin("198.51.100.2").await);
}
