//! What a member has, asked of all four places at once.

use crate::support::{Person, World};

pub const DAY: u64 = 24;

/// The subscription that counts, as rows, guild and page tell it.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub status: String,
    /// State and reason of its entitlement.
    pub access: (String, String),
    pub until: Option<i64>,
    /// Whether every role of the plan is there, or none of them.
    pub roles: bool,
    pub heading: String,
}

/// What is seen of the newest subscription; the plan's roles are all there or all absent.
pub async fn seen(world: &World, person: &mut Person<'_>, plan: &str) -> Seen {
    let (status, state, reason, until): (String, String, String, Option<i64>) = sqlx::query_as(
        "SELECT subscriptions.status, entitlements.state, entitlements.reason, entitlements.until_at \
         FROM subscriptions JOIN entitlements ON entitlements.source_id = subscriptions.id \
         WHERE entitlements.user_id = $1 ORDER BY subscriptions.created_at DESC, subscriptions.id LIMIT 1",
    )
    .bind(&person.user_id)
    .fetch_one(world.state.db.reader())
    .await
    .unwrap();
    Seen {
        status,
        access: (state, reason),
        until,
        roles: has_all_or_none(world, person, plan).await,
        heading: heading(person).await,
    }
}

/// Whether the member has the plan's roles; some and not others is a failure.
pub async fn has_all_or_none(world: &World, person: &Person<'_>, plan: &str) -> bool {
    let roles = world.plan_roles(plan).await;
    assert!(!roles.is_empty());
    let actual = world.roles_of(&person.discord_id);
    let there = roles.iter().filter(|role| actual.contains(role)).count();
    assert!(
        there == 0 || there == roles.len(),
        "{actual:?} of {roles:?}"
    );
    there > 0
}

/// The dashboard's sentence, without markup.
pub async fn heading(person: &mut Person<'_>) -> String {
    let page = person.page("/billing").await;
    let from = page.find("<h1").unwrap();
    let inner = &page[from + page[from..].find('>').unwrap() + 1..];
    let inner = &inner[..inner.find("</h1>").unwrap()];
    let mut text = String::new();
    let mut tag = false;
    for letter in inner.chars() {
        match letter {
            '<' => tag = true,
            '>' => tag = false,
            '\u{a0}' if !tag => text.push(' '),
            letter if !tag => text.push(letter),
            _ => {}
        }
    }
    text.replace("&nbsp;", " ")
}

/// Days on both clocks, then everything that follows.
pub async fn days(world: &World, days: u64) {
    world.advance(std::time::Duration::from_hours(days * DAY));
    world.settle().await;
}

/// The id of the newest subscription.
pub async fn subscription(world: &World) -> String {
    sqlx::query_scalar("SELECT id FROM subscriptions ORDER BY created_at DESC, id LIMIT 1")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap()
}

/// Kinds of the incidents that are open.
pub async fn incidents(world: &World) -> Vec<String> {
    sqlx::query_scalar("SELECT kind FROM incidents WHERE closed_at IS NULL ORDER BY kind")
        .fetch_all(world.state.db.reader())
        .await
        .unwrap()
}

/// (state, reason), for comparison.
pub fn words(state: &str, reason: &str) -> (String, String) {
    (state.to_owned(), reason.to_owned())
}

/// Asks the pretend Stripe as its own Dashboard would; the answer's body, which must be 200.
pub fn ask(world: &World, method: &str, path: &str, form: &str) -> serde_json::Value {
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        let key = format!("Bearer {}", w.stripe.settings.api_key);
        let get = method == "GET";
        let request = sandbox::ApiRequest {
            method: method.into(),
            path: path.into(),
            query: if get { form.into() } else { String::new() },
            headers: vec![("authorization".into(), key)],
            body: if get { Vec::new() } else { form.into() },
        };
        let answer = w.stripe.request(now, &request);
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 200, "{path} {body}");
        serde_json::from_str(&body).unwrap()
    })
}

/// To a moment of the policy clock, in milliseconds; then everything that follows.
pub async fn until(world: &World, at: i64) {
    let left = at - world.state.clock.policy_ms();
    world.advance(std::time::Duration::from_millis(left.unsigned_abs()));
    world.settle().await;
}

pub const MINUTE_MS: i64 = 60 * 1000;
