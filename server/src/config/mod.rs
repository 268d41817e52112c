//! The environment, read once. A missing or contradictory variable stops the start with one
//! line that names it and says where to get it.

mod brand;
mod mail;
mod proxies;

pub use mail::{MailSettings, SmtpSettings, SmtpTls};
pub use proxies::{Network, Networks};

use crate::stripe::Rate;
use app::access::Policy;
use app::page::Community;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use std::net::SocketAddr;
use url::Url;

pub const STRIPE_API: &str = "https://api.stripe.com";
pub const DISCORD_API: &str = "https://discord.com/api/v10";
pub const DISCORD_AUTHORIZE: &str = "https://discord.com/oauth2/authorize";

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{name} is missing: {hint}")]
    Missing {
        name: &'static str,
        hint: &'static str,
    },
    #[error("{name} cannot be read: {why}")]
    Invalid { name: &'static str, why: String },
    #[error("{0}")]
    Contradiction(&'static str),
}

/// Who may read `/metrics`.
#[derive(Debug)]
pub enum MetricsAccess {
    Loopback,
    Token(SecretString),
    /// Served there and nowhere else.
    Address(SocketAddr),
}

#[derive(Debug)]
pub struct StripeSettings {
    pub api_base: Url,
    pub secret_key: SecretString,
    /// Newest first.
    pub webhook_secrets: Vec<SecretString>,
    pub live: bool,
    pub rate: Rate,
}

#[derive(Debug)]
pub struct DiscordSettings {
    pub api_base: Url,
    pub authorize_url: Url,
    pub client_id: String,
    pub client_secret: SecretString,
    pub bot_token: SecretString,
    pub guild_id: String,
}

#[derive(Debug)]
pub struct Config {
    pub site_addr: SocketAddr,
    /// Without a trailing slash.
    pub public_url: Url,
    pub database_url: String,
    pub encryption_key: SecretString,
    pub stripe: StripeSettings,
    pub discord: DiscordSettings,
    pub clock_url: Option<Url>,
    pub community: Community,
    /// `None`: mail is off.
    pub mail: Option<MailSettings>,
    pub operator_discord_ids: Vec<String>,
    pub policy: Policy,
    /// Managed roles that somebody else gave are taken away, rather than told to the operator.
    pub heal: bool,
    /// Months of a pause that whoever is about to leave is offered; none: no pause is offered.
    pub pause_offer_months: Vec<u32>,
    /// Days that more seats may be held than are paid, before the newest make way.
    pub seat_overage_days: u32,
    /// Days that an invite is good for.
    pub invite_days: u32,
    pub trusted_proxies: Networks,
    pub metrics: MetricsAccess,
    pub json_logs: bool,
    /// How long the inbox is kept.
    pub retention_days: u32,
    /// How many of those who have roles may lose one within an hour for one cause.
    pub brake_percent: i64,
    /// How often everybody in the server is looked at.
    pub reconcile_hours: u32,
    /// Where the built stylesheet, script and wasm are.
    pub site_root: String,
    /// Origins of Stripe's hosted pages on a domain of the community's own.
    pub checkout_origins: Vec<String>,
    pub checkout: CheckoutSettings,
}

/// What Stripe's payment pages do beside taking money.
#[derive(Clone, Copy, Debug)]
pub struct CheckoutSettings {
    pub promotion_codes: bool,
    /// Stripe works tax out; the account must be set up for it.
    pub automatic_tax: bool,
}

impl Config {
    /// Reads the variables through `get`, which answers `None` for one that is not set.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let config = Self::read_for_setup(get)?;
        if config.stripe.webhook_secrets.is_empty() {
            return Err(ConfigError::Missing {
                name: "STRIPE_WEBHOOK_SECRETS",
                hint: "the webhook endpoint's signing secret (whsec_…), newest first when there are several; \
                       `rollcall setup` makes the endpoint and prints it",
            });
        }
        Ok(config)
    }

    /// The same, but the webhook's signing secret may be missing: it comes of `rollcall setup`.
    pub fn read_for_setup(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let get = |name: &str| {
            get(name)
                .map(|v| v.trim().to_owned())
                .filter(|v| !v.is_empty())
        };
        let public_url = parse_url(
            "PUBLIC_URL",
            &need(
                &get,
                "PUBLIC_URL",
                "the address people use, such as https://members.example.org",
            )?,
        )?;
        let stripe = stripe(&get)?;
        let discord = discord(&get)?;
        let clock_url = get("CLOCK_URL")
            .map(|v| parse_url("CLOCK_URL", &v))
            .transpose()?;
        guards(&public_url, &stripe, &discord, clock_url.as_ref())?;
        let encryption_key = need(
            &get,
            "ENCRYPTION_KEY",
            "32 random bytes in base64; `openssl rand -base64 32` makes one",
        )?;
        let config = Self {
            site_addr: parse(
                "LEPTOS_SITE_ADDR",
                get("LEPTOS_SITE_ADDR")
                    .as_deref()
                    .unwrap_or("127.0.0.1:3000"),
            )?,
            database_url: database_url(get("DATABASE_URL"))?,
            encryption_key: encryption_key.into(),
            community: brand::community(&get, &stripe)?,
            mail: mail::mail(&get, stripe.live)?,
            operator_discord_ids: list(get("OPERATOR_DISCORD_IDS")),
            policy: policy(&get)?,
            heal: heal(&get)?,
            pause_offer_months: pause_offers(&get)?,
            seat_overage_days: within(&get, "SEAT_OVERAGE_DAYS", "3", 0..=90)?,
            invite_days: within(&get, "INVITE_DAYS", "7", 1..=90)?,
            trusted_proxies: proxies::parse(&list(get("TRUSTED_PROXIES")))?,
            metrics: metrics(&get)?,
            json_logs: match get("LOG_FORMAT").as_deref() {
                None | Some("text") => false,
                Some("json") => true,
                Some(_) => return Err(invalid("LOG_FORMAT", "text or json")),
            },
            retention_days: retention(&get)?,
            brake_percent: within(&get, "BRAKE_PERCENT", "10", 1..=100)?,
            reconcile_hours: within(&get, "RECONCILE_HOURS", "6", 1..=24 * 7)?,
            site_root: get("LEPTOS_SITE_ROOT").unwrap_or_else(|| "target/site".to_owned()),
            checkout_origins: origins(&get)?,
            checkout: CheckoutSettings {
                promotion_codes: switch(&get, "PROMOTION_CODES")?,
                automatic_tax: switch(&get, "AUTOMATIC_TAX")?,
            },
            public_url,
            stripe,
            discord,
            clock_url,
        };
        config.key_bytes()?;
        Ok(config)
    }

    /// The sealing key's bytes.
    pub fn key_bytes(&self) -> Result<[u8; 32], ConfigError> {
        STANDARD
            .decode(self.encryption_key.expose_secret())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| invalid("ENCRYPTION_KEY", "it must be 32 bytes in base64"))
    }

    /// Whether people reach us by https, which decides cookies and HSTS.
    #[must_use]
    pub fn https(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// An own address: `path` starts with a slash.
    #[must_use]
    pub fn own_url(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }
}

type Get<'a> = dyn Fn(&str) -> Option<String> + 'a;

fn need(get: &Get, name: &'static str, hint: &'static str) -> Result<String, ConfigError> {
    get(name).ok_or(ConfigError::Missing { name, hint })
}

fn invalid(name: &'static str, why: &str) -> ConfigError {
    ConfigError::Invalid {
        name,
        why: why.to_owned(),
    }
}

fn parse<T: std::str::FromStr>(name: &'static str, text: &str) -> Result<T, ConfigError>
where
    T::Err: std::fmt::Display,
{
    text.parse()
        .map_err(|error: T::Err| invalid(name, &error.to_string()))
}

fn parse_url(name: &'static str, text: &str) -> Result<Url, ConfigError> {
    let url: Url = parse(name, text)?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(url)
    } else {
        Err(invalid(name, "it must be an http or https address"))
    }
}

fn list(text: Option<String>) -> Vec<String> {
    text.unwrap_or_default()
        .split(',')
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}

/// A whole number in a range.
fn within<T>(
    get: &Get,
    name: &'static str,
    default: &str,
    range: std::ops::RangeInclusive<T>,
) -> Result<T, ConfigError>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
    T::Err: std::fmt::Display,
{
    let number = parse(name, get(name).as_deref().unwrap_or(default))?;
    if range.contains(&number) {
        Ok(number)
    } else {
        let (from, to) = range.into_inner();
        Err(invalid(name, &format!("it must be from {from} to {to}")))
    }
}

/// Off unless it says otherwise.
fn switch(get: &Get, name: &'static str) -> Result<bool, ConfigError> {
    match get(name).as_deref() {
        None | Some("off") => Ok(false),
        Some("on") => Ok(true),
        Some(_) => Err(invalid(name, "on or off")),
    }
}

fn database_url(text: Option<String>) -> Result<String, ConfigError> {
    let url = text.unwrap_or_else(|| "sqlite:rollcall.db".to_owned());
    if ["sqlite:", "postgres://", "postgresql://"]
        .iter()
        .any(|kind| url.starts_with(kind))
    {
        Ok(url)
    } else {
        Err(invalid(
            "DATABASE_URL",
            "it must start with sqlite: or postgres://",
        ))
    }
}

fn stripe(get: &Get) -> Result<StripeSettings, ConfigError> {
    let secret_key = need(
        get,
        "STRIPE_SECRET_KEY",
        "Stripe dashboard, Developers, API keys",
    )?;
    let live = match secret_key.split('_').collect::<Vec<_>>().as_slice() {
        ["sk" | "rk", "live", ..] => true,
        ["sk" | "rk", "test", ..] => false,
        _ => {
            return Err(invalid(
                "STRIPE_SECRET_KEY",
                "it must start with sk_test_, sk_live_, rk_test_ or rk_live_",
            ));
        }
    };
    let secrets = list(get("STRIPE_WEBHOOK_SECRETS"));
    Ok(StripeSettings {
        api_base: parse_url(
            "STRIPE_API_BASE",
            get("STRIPE_API_BASE").as_deref().unwrap_or(STRIPE_API),
        )?,
        secret_key: secret_key.into(),
        webhook_secrets: secrets.into_iter().map(SecretString::from).collect(),
        live,
        rate: match get("STRIPE_RATE") {
            None => Rate::of_mode(live),
            Some(text) => match parse("STRIPE_RATE", &text)? {
                0 => return Err(invalid("STRIPE_RATE", "it must be at least 1 a second")),
                all => Rate::agreed(all),
            },
        },
    })
}

/// Stripe can send an event again for 30 days: what is forgotten sooner would count as new.
fn retention(get: &Get) -> Result<u32, ConfigError> {
    let days = parse(
        "RETENTION_DAYS",
        get("RETENTION_DAYS").as_deref().unwrap_or("90"),
    )?;
    if days < 32 {
        return Err(invalid(
            "RETENTION_DAYS",
            "it must be at least 32, for Stripe can send an event again for 30 days",
        ));
    }
    Ok(days)
}

fn discord(get: &Get) -> Result<DiscordSettings, ConfigError> {
    let snowflake = |name, text: String| {
        if !text.is_empty() && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(text)
        } else {
            Err(invalid(name, "it must be a Discord id, digits only"))
        }
    };
    Ok(DiscordSettings {
        api_base: parse_url(
            "DISCORD_API_BASE",
            get("DISCORD_API_BASE").as_deref().unwrap_or(DISCORD_API),
        )?,
        authorize_url: parse_url(
            "DISCORD_AUTHORIZE_URL",
            get("DISCORD_AUTHORIZE_URL")
                .as_deref()
                .unwrap_or(DISCORD_AUTHORIZE),
        )?,
        client_id: snowflake(
            "DISCORD_CLIENT_ID",
            need(
                get,
                "DISCORD_CLIENT_ID",
                "Discord developer portal, your application, OAuth2",
            )?,
        )?,
        client_secret: need(
            get,
            "DISCORD_CLIENT_SECRET",
            "Discord developer portal, your application, OAuth2",
        )?
        .into(),
        bot_token: need(
            get,
            "DISCORD_BOT_TOKEN",
            "Discord developer portal, your application, Bot",
        )?
        .into(),
        guild_id: snowflake(
            "DISCORD_GUILD_ID",
            need(
                get,
                "DISCORD_GUILD_ID",
                "in Discord with developer mode on: right-click the server, Copy Server ID",
            )?,
        )?,
    })
}

/// What must not start: see the contract's guards.
fn guards(
    public_url: &Url,
    stripe: &StripeSettings,
    discord: &DiscordSettings,
    clock_url: Option<&Url>,
) -> Result<(), ConfigError> {
    if !stripe.live {
        return Ok(());
    }
    if clock_url.is_some() {
        return Err(ConfigError::Contradiction(
            "CLOCK_URL is for development: remove it, or use a test key in STRIPE_SECRET_KEY",
        ));
    }
    if public_url.scheme() != "https" {
        return Err(ConfigError::Contradiction(
            "PUBLIC_URL must be https with a live STRIPE_SECRET_KEY",
        ));
    }
    if [&stripe.api_base, &discord.api_base, &discord.authorize_url]
        .iter()
        .any(|url| url.scheme() != "https")
    {
        return Err(ConfigError::Contradiction(
            "STRIPE_API_BASE, DISCORD_API_BASE and DISCORD_AUTHORIZE_URL must be https with a live STRIPE_SECRET_KEY",
        ));
    }
    Ok(())
}

fn policy(get: &Get) -> Result<Policy, ConfigError> {
    let one_of = |name: &'static str, yes: &str, no: &str, default: bool| match get(name) {
        None => Ok(default),
        Some(word) if word == yes => Ok(true),
        Some(word) if word == no => Ok(false),
        Some(_) => Err(invalid(name, &format!("{yes} or {no}"))),
    };
    Ok(Policy {
        grace_days: parse("GRACE_DAYS", get("GRACE_DAYS").as_deref().unwrap_or("7"))?,
        dispute_denies: one_of("ON_DISPUTE", "deny", "flag", true)?,
        refund_denies: one_of("ON_REFUND", "deny", "flag", false)?,
        pause_keeps: one_of("PAUSE_ACCESS", "keep", "end", false)?,
    })
}

/// What happens to managed roles that we never granted; ours always converge.
fn heal(get: &Get) -> Result<bool, ConfigError> {
    match get("HEAL").as_deref() {
        None | Some("flag") => Ok(false),
        Some("heal") => Ok(true),
        Some(_) => Err(invalid("HEAL", "flag or heal")),
    }
}

/// A pause is at most a year: Stripe's dates reach further, a plan to come back hardly.
const LONGEST_PAUSE_MONTHS: u32 = 12;

fn pause_offers(get: &Get) -> Result<Vec<u32>, ConfigError> {
    let mut months = list(get("PAUSE_OFFER_MONTHS"))
        .iter()
        .map(|text| match text.parse() {
            Ok(months) if (1..=LONGEST_PAUSE_MONTHS).contains(&months) => Ok(months),
            _ => Err(invalid(
                "PAUSE_OFFER_MONTHS",
                "whole months from 1 to 12, comma separated, such as 1,2,3",
            )),
        })
        .collect::<Result<Vec<u32>, _>>()?;
    months.sort_unstable();
    months.dedup();
    Ok(months)
}

/// Stripe's hosted pages can stand on a domain of one's own; forms have to be allowed to lead
/// there.
fn origins(get: &Get) -> Result<Vec<String>, ConfigError> {
    list(get("CHECKOUT_ORIGINS"))
        .iter()
        .map(|text| {
            Ok(parse_url("CHECKOUT_ORIGINS", text)?
                .origin()
                .ascii_serialization())
        })
        .collect()
}

fn metrics(get: &Get) -> Result<MetricsAccess, ConfigError> {
    match (get("METRICS_ADDR"), get("METRICS_TOKEN")) {
        (Some(_), Some(_)) => Err(ConfigError::Contradiction(
            "METRICS_ADDR and METRICS_TOKEN exclude each other: keep one",
        )),
        (Some(addr), None) => Ok(MetricsAccess::Address(parse("METRICS_ADDR", &addr)?)),
        (None, Some(token)) => Ok(MetricsAccess::Token(token.into())),
        (None, None) => Ok(MetricsAccess::Loopback),
    }
}

#[cfg(test)]
mod tests;
