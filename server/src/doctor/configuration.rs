//! The environment: every variable that is missing, not only the first.

use super::{Checked, Finding};
use crate::config::{Config, ConfigError};
use std::collections::BTreeSet;
use url::Host;

/// Reads the variables; what keeps the server from starting are findings, all of them.
pub(super) fn read(get: impl Fn(&str) -> Option<String>) -> Result<Config, Vec<Finding>> {
    let mut named = BTreeSet::new();
    let mut findings = Vec::new();
    loop {
        let read = Config::read_for_setup(|name| {
            if named.contains(name) {
                stand_in(name).map(str::to_owned)
            } else {
                get(name)
            }
        });
        match read {
            Ok(config) if findings.is_empty() => return Ok(config),
            Ok(_) => return Err(findings),
            Err(error) => {
                let name = match &error {
                    ConfigError::Missing { name, .. } | ConfigError::Invalid { name, .. } => {
                        Some(*name)
                    }
                    ConfigError::Contradiction(_) => None,
                };
                findings.push(finding(&error));
                // Another finding of the same variable would be of our stand-in.
                if !name.is_some_and(|name| named.insert(name)) {
                    return Err(findings);
                }
            }
        }
    }
}

fn finding(error: &ConfigError) -> Finding {
    match error {
        ConfigError::Missing { name, hint } => Finding::keeps_out(
            format!("{name} is missing, so the server does not start."),
            format!("Set it: {hint}."),
        ),
        ConfigError::Invalid { name, why } => Finding::keeps_out(
            format!("{name} cannot be read, so the server does not start."),
            format!("Correct it: {why}."),
        ),
        ConfigError::Contradiction(line) => Finding::keeps_out(
            "The variables contradict each other, so the server does not start.",
            format!("{line}."),
        ),
    }
}

/// Something readable in the place of what is not there, so that the rest is read too. Nothing is
/// ever done with it.
fn stand_in(name: &str) -> Option<&'static str> {
    Some(match name {
        "PUBLIC_URL" => "https://example.org",
        "ENCRYPTION_KEY" => "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "STRIPE_SECRET_KEY" => "sk_test_",
        "DISCORD_CLIENT_ID" | "DISCORD_GUILD_ID" => "1",
        "DISCORD_CLIENT_SECRET" | "DISCORD_BOT_TOKEN" => "none",
        _ => return None,
    })
}

/// What can be said of a configuration that is readable.
pub(super) fn look(config: &Config) -> Vec<Checked> {
    let mut checked = Vec::new();
    let url = &config.public_url;
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    checked.push(if config.https() || loopback {
        Checked::right(format!(
            "everything is set; people come to {}",
            config.own_url("/")
        ))
    } else {
        Finding::advice(
            format!("People come to {} without encryption.", config.own_url("/")),
            "Put a proxy with TLS in front, and https into PUBLIC_URL.",
        )
        .into()
    });
    if config.stripe.webhook_secrets.is_empty() {
        checked.push(
            Finding::keeps_out(
                "STRIPE_WEBHOOK_SECRETS is missing, so the server does not start.",
                "Stripe dashboard → Developers → Webhooks → the endpoint → Signing secret; or `rollcall setup`, which makes the endpoint and prints it.",
            )
            .into(),
        );
    }
    if config.operator_discord_ids.is_empty() {
        checked.push(
            Finding::advice(
                "OPERATOR_DISCORD_IDS is empty: nobody sees the desk, and nobody is told when something is wrong.",
                "Discord → User Settings → Advanced: switch Developer Mode on; right-click yourself, Copy User ID; set it.",
            )
            .into(),
        );
    }
    checked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_variable_is_told_at_once() {
        let set = |name: &str| match name {
            "STRIPE_SECRET_KEY" => Some("sk_test_hush".to_owned()),
            "GRACE_DAYS" => Some("soon".to_owned()),
            _ => None,
        };
        let findings = read(set).unwrap_err();
        for name in [
            "PUBLIC_URL",
            "ENCRYPTION_KEY",
            "DISCORD_CLIENT_ID",
            "DISCORD_CLIENT_SECRET",
            "DISCORD_BOT_TOKEN",
            "DISCORD_GUILD_ID",
            "GRACE_DAYS",
        ] {
            let told = findings.iter().filter(|f| f.what.starts_with(name)).count();
            assert_eq!(told, 1, "{name}: {findings:?}");
        }
        assert_eq!(findings.len(), 7, "{findings:?}");
        assert!(!format!("{findings:?}").contains("hush"));
    }

    #[test]
    fn a_contradiction_is_told_and_ends_it() {
        let set = |name: &str| {
            Some(
                match name {
                    "PUBLIC_URL" => "http://members.example.org",
                    "STRIPE_SECRET_KEY" => "sk_live_1",
                    _ => return stand_in(name).map(str::to_owned),
                }
                .to_owned(),
            )
        };
        let findings = read(set).unwrap_err();
        assert_eq!(findings.len(), 1);
        assert!(findings[0].todo.contains("PUBLIC_URL must be https"));
    }
}
