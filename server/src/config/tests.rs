use super::*;
use std::collections::HashMap;

fn complete() -> HashMap<&'static str, &'static str> {
    HashMap::from([
        ("PUBLIC_URL", "https://members.example.org"),
        (
            "ENCRYPTION_KEY",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ),
        ("STRIPE_SECRET_KEY", "sk_test_1"),
        ("STRIPE_WEBHOOK_SECRETS", "whsec_new, whsec_old"),
        ("DISCORD_CLIENT_ID", "11"),
        ("DISCORD_CLIENT_SECRET", "s"),
        ("DISCORD_BOT_TOKEN", "t"),
        ("DISCORD_GUILD_ID", "12"),
    ])
}

fn read(vars: &HashMap<&'static str, &'static str>) -> Result<Config, ConfigError> {
    Config::read(|name| vars.get(name).map(|v| (*v).to_owned()))
}

#[test]
fn a_complete_environment_starts_with_the_contracts_defaults() {
    let config = read(&complete()).unwrap();
    assert_eq!(config.database_url, "sqlite:rollcall.db");
    assert_eq!(config.policy.grace_days, 7);
    assert_eq!(config.stripe.webhook_secrets.len(), 2);
    assert_eq!(config.stripe.rate.all, 20);
    assert_eq!(config.retention_days, 90);
    assert!(config.https() && !config.stripe.live);
    assert!(!config.checkout.promotion_codes && !config.checkout.automatic_tax);
    assert_eq!(
        config.own_url("/billing"),
        "https://members.example.org/billing"
    );
}

#[test]
fn each_missing_variable_is_named() {
    for name in complete().keys() {
        let mut vars = complete();
        vars.remove(name);
        let error = read(&vars).unwrap_err().to_string();
        assert!(error.starts_with(name), "{name}: {error}");
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    for (name, value) in [
        ("PUBLIC_URL", "members.example.org"),
        ("ENCRYPTION_KEY", "c2hvcnQ="),
        ("STRIPE_SECRET_KEY", "pk_test_1"),
        ("DISCORD_GUILD_ID", "council"),
        ("DATABASE_URL", "mysql://x"),
        ("GRACE_DAYS", "a week"),
        ("SEAT_OVERAGE_DAYS", "-1"),
        ("INVITE_DAYS", "0"),
        ("ON_DISPUTE", "maybe"),
        ("TRUSTED_PROXIES", "everyone"),
        ("COMMUNITY_ACCENT", "red"),
        ("LOG_FORMAT", "xml"),
        ("METRICS_ADDR", "nine"),
        ("STRIPE_RATE", "0"),
        ("RETENTION_DAYS", "31"),
        ("PROMOTION_CODES", "yes"),
        ("AUTOMATIC_TAX", "true"),
    ] {
        let mut vars = complete();
        vars.insert(name, value);
        let error = read(&vars).unwrap_err().to_string();
        assert!(error.starts_with(name), "{name}: {error}");
    }
}

#[test]
fn a_live_key_is_refused_in_a_pretend_world() {
    for (name, value) in [
        ("PUBLIC_URL", "http://members.example.org"),
        ("CLOCK_URL", "http://127.0.0.1:4010/_sandbox/clock"),
        ("STRIPE_API_BASE", "http://127.0.0.1:4010"),
        ("DISCORD_API_BASE", "http://127.0.0.1:4010/api/v10"),
    ] {
        let mut vars = complete();
        vars.insert("STRIPE_SECRET_KEY", "sk_live_1");
        assert!(read(&vars).is_ok());
        vars.insert(name, value);
        assert!(
            matches!(read(&vars), Err(ConfigError::Contradiction(_))),
            "{name}"
        );
    }
}

#[test]
fn secrets_do_not_show_in_debug() {
    let mut vars = complete();
    vars.insert("DISCORD_BOT_TOKEN", "very-secret-token");
    let shown = format!("{:?}", read(&vars).unwrap());
    assert!(
        !shown.contains("very-secret-token")
            && !shown.contains("sk_test_1")
            && !shown.contains("AAAA")
    );
}

#[test]
fn pauses_are_offered_where_months_are_named() {
    let with = |months: &'static str| {
        let mut vars = complete();
        vars.insert("PAUSE_OFFER_MONTHS", months);
        read(&vars).map(|config| config.pause_offer_months)
    };
    assert_eq!(read(&complete()).unwrap().pause_offer_months, [0; 0]);
    assert_eq!(with("3, 1,2,1").unwrap(), [1, 2, 3]);
    for wrong in ["0", "13", "a month", "1;2", "-1"] {
        let told = with(wrong).unwrap_err().to_string();
        assert!(told.contains("PAUSE_OFFER_MONTHS"), "{told}");
    }
}
