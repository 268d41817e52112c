//! The Content-Security-Policy of every page.

/// The header's value. Nothing is allowed but what is named: scripts and inline styles by this
/// answer's nonce, pictures from Discord's CDN and the logo's origin, forms to ourselves and to
/// `form_targets`. `'wasm-unsafe-eval'` is what browsers ask for to compile WebAssembly; it does
/// not allow `eval`. Origins that could break out of their directive are left out.
#[must_use]
pub fn policy(nonce: &str, logo: Option<&str>, form_targets: &[String]) -> String {
    let mut img = "'self' data: https://cdn.discordapp.com".to_owned();
    if let Some(origin) = logo.and_then(origin).filter(|origin| is_source(origin)) {
        img.push(' ');
        img.push_str(origin);
    }
    let mut forms = "'self'".to_owned();
    for target in form_targets.iter().filter(|target| is_source(target)) {
        forms.push(' ');
        forms.push_str(target);
    }
    format!(
        "default-src 'none'; \
         script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; \
         style-src 'self' 'nonce-{nonce}'; \
         img-src {img}; font-src 'self'; connect-src 'self'; manifest-src 'self'; \
         form-action {forms}; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// Scheme and authority of an absolute address; none for a path of ours.
fn origin(address: &str) -> Option<&str> {
    let rest = ["https://", "http://"]
        .iter()
        .find_map(|scheme| address.strip_prefix(scheme))?;
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    (authority > 0).then(|| &address[..address.len() - rest.len() + authority])
}

fn is_source(origin: &str) -> bool {
    !origin.is_empty()
        && origin
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '/' | '-' | '[' | ']'))
}

#[cfg(test)]
mod tests {
    use super::{origin, policy};

    fn directive<'a>(policy: &'a str, name: &str) -> Vec<&'a str> {
        policy
            .split(';')
            .map(|part| part.split_whitespace().collect::<Vec<_>>())
            .find(|words| words.first() == Some(&name))
            .map(|words| words[1..].to_vec())
            .unwrap_or_default()
    }

    #[test]
    fn nothing_unsafe_and_nothing_by_default() {
        let policy = policy("abc", None, &[]);
        assert_eq!(directive(&policy, "default-src"), ["'none'"]);
        assert_eq!(directive(&policy, "base-uri"), ["'none'"]);
        assert_eq!(directive(&policy, "frame-ancestors"), ["'none'"]);
        assert_eq!(directive(&policy, "form-action"), ["'self'"]);
        assert_eq!(
            directive(&policy, "script-src"),
            ["'nonce-abc'", "'strict-dynamic'", "'wasm-unsafe-eval'"]
        );
        assert_eq!(directive(&policy, "style-src"), ["'self'", "'nonce-abc'"]);
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"));
    }

    #[test]
    fn logo_and_form_targets_are_named() {
        let targets = [
            "https://checkout.stripe.com".to_owned(),
            "http://127.0.0.1:4010".to_owned(),
        ];
        let policy = policy("n", Some("https://cdn.example.org/logo.png"), &targets);
        assert!(directive(&policy, "img-src").contains(&"https://cdn.example.org"));
        assert_eq!(
            directive(&policy, "form-action"),
            [
                "'self'",
                "https://checkout.stripe.com",
                "http://127.0.0.1:4010"
            ]
        );
    }

    #[test]
    fn an_origin_cannot_smuggle_a_directive() {
        let targets = ["https://x; script-src *".to_owned()];
        let policy = policy("n", Some("https://a b;script-src */x"), &targets);
        assert_eq!(directive(&policy, "form-action"), ["'self'"]);
        assert_eq!(policy.matches("script-src").count(), 1);
    }

    #[test]
    fn origin_of_an_address() {
        assert_eq!(origin("https://a.b:8/c/d"), Some("https://a.b:8"));
        assert_eq!(origin("http://a.b?x"), Some("http://a.b"));
        assert_eq!(origin("/logo.svg"), None);
        assert_eq!(origin("https:///x"), None);
    }
}
