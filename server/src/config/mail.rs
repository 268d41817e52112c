//! Where mail is handed over, and in whose name.

use super::{ConfigError, Get, invalid};
use lettre::message::Mailbox;
use secrecy::SecretString;
use url::{Host, Url};

/// How the connection to the mail server is kept from being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    None,
    /// STARTTLS where the server offers it.
    Opportunistic,
    /// STARTTLS, or nothing is sent.
    Required,
    /// TLS from the first byte (`smtps`).
    Wrapped,
}

#[derive(Clone, Debug)]
pub struct SmtpSettings {
    pub host: String,
    pub port: u16,
    pub tls: SmtpTls,
    /// User and password.
    pub login: Option<(String, SecretString)>,
}

#[derive(Clone, Debug)]
pub struct MailSettings {
    pub smtp: SmtpSettings,
    /// With a name where `MAIL_FROM` says one; otherwise it is the community's.
    pub from: Mailbox,
}

/// `None`: neither variable is set, and mail is off.
pub(super) fn mail(get: &Get, live: bool) -> Result<Option<MailSettings>, ConfigError> {
    let (smtp, from) = match (get("SMTP_URL"), get("MAIL_FROM")) {
        (None, None) => return Ok(None),
        (Some(smtp), Some(from)) => (smtp, from),
        (Some(_), None) => {
            return Err(ConfigError::Contradiction(
                "SMTP_URL is set and MAIL_FROM is not: set both, or neither for no mail",
            ));
        }
        (None, Some(_)) => {
            return Err(ConfigError::Contradiction(
                "MAIL_FROM is set and SMTP_URL is not: set both, or neither for no mail",
            ));
        }
    };
    let (smtp, loopback) = server(&smtp)?;
    if live && !loopback && matches!(smtp.tls, SmtpTls::None | SmtpTls::Opportunistic) {
        return Err(ConfigError::Contradiction(
            "SMTP_URL must be smtps:// or end in ?tls=required with a live STRIPE_SECRET_KEY",
        ));
    }
    let from = from.parse().map_err(|_| {
        invalid(
            "MAIL_FROM",
            "an address such as members@example.org, or Name <members@example.org>",
        )
    })?;
    Ok(Some(MailSettings { smtp, from }))
}

/// The server, and whether it is this machine. What cannot be read is not repeated: it may hold
/// a password.
fn server(text: &str) -> Result<(SmtpSettings, bool), ConfigError> {
    let wrong = || {
        invalid(
            "SMTP_URL",
            "it must read smtps://USER:PASSWORD@HOST or smtp://USER:PASSWORD@HOST:587?tls=required",
        )
    };
    let url = Url::parse(text).map_err(|_| wrong())?;
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(wrong)?.to_owned();
    let asked = url.query_pairs().find(|(key, _)| key == "tls");
    let (tls, usual_port) = match (url.scheme(), asked.as_ref().map(|(_, word)| &**word)) {
        ("smtps", None) => (SmtpTls::Wrapped, 465),
        ("smtp", Some("required")) => (SmtpTls::Required, 587),
        ("smtp", Some("opportunistic")) => (SmtpTls::Opportunistic, 587),
        ("smtp", None) => (SmtpTls::None, 25),
        _ => return Err(wrong()),
    };
    let decoded = |part: &str| {
        let part = part.replace('+', "%2B").replace('&', "%26");
        url::form_urlencoded::parse(format!("x={part}").as_bytes())
            .next()
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    let login = url
        .password()
        .map(|password| (decoded(url.username()), decoded(password).into()));
    let loopback = match Host::parse(&host) {
        Ok(Host::Domain(name)) => name == "localhost",
        Ok(Host::Ipv4(ip)) => ip.is_loopback(),
        Ok(Host::Ipv6(ip)) => ip.is_loopback(),
        Err(_) => false,
    };
    let settings = SmtpSettings {
        host: host.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(usual_port),
        tls,
        login,
    };
    Ok((settings, loopback))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn read(
        smtp: Option<&str>,
        from: Option<&str>,
        live: bool,
    ) -> Result<Option<MailSettings>, ConfigError> {
        let (smtp, from) = (smtp.map(str::to_owned), from.map(str::to_owned));
        let get = move |name: &str| match name {
            "SMTP_URL" => smtp.clone(),
            "MAIL_FROM" => from.clone(),
            _ => None,
        };
        mail(&get, live)
    }

    const FROM: Option<&str> = Some("members@example.org");

    #[test]
    fn both_or_neither() {
        assert!(read(None, None, true).unwrap().is_none());
        for (smtp, from) in [(Some("smtp://localhost"), None), (None, FROM)] {
            let error = read(smtp, from, false).unwrap_err();
            assert!(matches!(error, ConfigError::Contradiction(_)), "{error}");
        }
    }

    #[test]
    fn addresses_of_servers_are_read_as_mail_programs_write_them() {
        for (url, port, tls) in [
            ("smtp://mail.example.org", 25, SmtpTls::None),
            ("smtp://mail.example.org:2525", 2525, SmtpTls::None),
            (
                "smtp://u:p@mail.example.org?tls=required",
                587,
                SmtpTls::Required,
            ),
            (
                "smtp://u:p@mail.example.org:25?tls=opportunistic",
                25,
                SmtpTls::Opportunistic,
            ),
            ("smtps://u:p@mail.example.org", 465, SmtpTls::Wrapped),
        ] {
            let smtp = read(Some(url), FROM, false).unwrap().unwrap().smtp;
            assert_eq!(
                (smtp.host.as_str(), smtp.port, smtp.tls),
                ("mail.example.org", port, tls)
            );
        }
        let smtp = read(Some("smtps://a%40b.c:p+%2F&q@h"), FROM, false)
            .unwrap()
            .unwrap()
            .smtp;
        let (user, password) = smtp.login.unwrap();
        assert_eq!(
            (user.as_str(), password.expose_secret()),
            ("a@b.c", "p+/&q")
        );
    }

    #[test]
    fn what_cannot_be_read_is_named_and_not_repeated() {
        for url in [
            "mail.example.org",
            "http://u:hush@mail.example.org",
            "smtp://u:hush@mail.example.org?tls=maybe",
            "smtp://",
        ] {
            let error = read(Some(url), FROM, false).unwrap_err().to_string();
            assert!(
                error.starts_with("SMTP_URL") && !error.contains("hush"),
                "{error}"
            );
        }
        let error = read(Some("smtp://h"), Some("nobody"), false)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("MAIL_FROM"), "{error}");
    }

    #[test]
    fn with_a_live_key_nothing_travels_readable() {
        for (url, starts) in [
            ("smtps://u:p@mail.example.org", true),
            ("smtp://u:p@mail.example.org?tls=required", true),
            ("smtp://127.0.0.1:25", true),
            ("smtp://localhost", true),
            ("smtp://mail.example.org", false),
            ("smtp://u:p@mail.example.org?tls=opportunistic", false),
        ] {
            assert_eq!(read(Some(url), FROM, true).is_ok(), starts, "{url}");
            assert!(read(Some(url), FROM, false).is_ok(), "{url}");
        }
    }
}
