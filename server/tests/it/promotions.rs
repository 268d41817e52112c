//! Promotion codes and tax: shown where prices are shown, applied at checkout, refused in words.

use crate::login::site::ADA;
use crate::on_both;
use crate::support::{Person, World, logs::Logs, session_of};

/// A code of Stripe's; `coupon` and `code` are more fields of each.
async fn code(world: &World, name: &str, coupon: &[(&str, &str)], code: &[(&str, &str)]) -> String {
    let made = world.at_stripe("/v1/coupons", coupon).await;
    let id = made["id"].as_str().unwrap();
    let mut form = vec![
        ("promotion[type]", "coupon"),
        ("promotion[coupon]", id),
        ("code", name),
    ];
    form.extend(code);
    let made = world.at_stripe("/v1/promotion_codes", &form).await;
    made["id"].as_str().unwrap().to_owned()
}

const SPRING: [(&str, &str); 3] = [
    ("percent_off", "20"),
    ("duration", "repeating"),
    ("duration_in_months", "3"),
];

async fn choose(person: &mut Person<'_>, price: &str, code: &str) -> String {
    let form = [("price_id", price), ("code", code)];
    let answer = person.browser.post_form("/api/start_checkout", &form).await;
    answer.headers()["location"].to_str().unwrap().to_owned()
}

/// The session as Stripe has it.
async fn session(world: &World, checkout: &str) -> serde_json::Value {
    let address = format!(
        "{}/v1/checkout/sessions/{}",
        world.sandbox.base_url(),
        session_of(checkout)
    );
    let answer = reqwest::Client::new()
        .get(address)
        .bearer_auth("sk_test_sandbox")
        .send()
        .await
        .unwrap();
    answer.json().await.unwrap()
}

/// A page's words, without markup and hard spaces.
fn words(page: &str) -> String {
    let mut text = String::new();
    let mut tag = false;
    for letter in page.chars() {
        match letter {
            '<' => tag = true,
            '>' => tag = false,
            '\u{a0}' if !tag => text.push(' '),
            letter if !tag => text.push(letter),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn a_link_with_a_code_shows_what_it_does_and_applies_it(world: &World) {
    let promotion = code(world, "SPRING", &SPRING, &[]).await;
    let mut ada = world.sign_in(ADA).await;
    let page = ada.page("/?code=spring").await;
    let text = words(&page);
    assert!(text.contains("Code SPRING: 20 % off."), "{text}");
    assert!(
        text.contains("Instead of 29 € 23.20 € a month for 3 months"),
        "{text}"
    );
    assert!(text.contains("Instead of 290 € 232 € a year for the first year"));
    assert!(text.contains("Choose Member – 23.20 € a month"));
    assert!(page.contains("name=\"code\" value=\"SPRING\""));

    let price = world.price("Member").await;
    let checkout = choose(&mut ada, &price, "SPRING").await;
    let at_stripe = session(world, &checkout).await;
    assert_eq!(
        at_stripe["discounts"][0]["promotion_code"],
        promotion.as_str()
    );
    assert_eq!(at_stripe["allow_promotion_codes"], serde_json::Value::Null);
    assert_eq!(at_stripe["amount_total"], 2320);
    // The same choice leads to the same session, without the code to another.
    assert_eq!(choose(&mut ada, &price, "spring").await, checkout);
    let without = ada.start_checkout(&price).await;
    assert_ne!(session_of(&without), session_of(&checkout));
    assert_eq!(
        session(world, &without).await["allow_promotion_codes"],
        true
    );
    ada.pay(&without, "4242424242424242").await;
    world.settle().await;
}
on_both!(
    a_link_with_a_code_shows_what_it_does_and_applies_it,
    "PROMOTION_CODES" = "on"
);

async fn without_a_code_the_page_says_that_codes_are_taken(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let page = ada.page("/").await;
    assert!(page.contains("Promotion codes can be entered at checkout."));
    let checkout = ada.start_checkout(&world.price("Member").await).await;
    assert_eq!(
        session(world, &checkout).await["allow_promotion_codes"],
        true
    );
    world.settle().await;
}
on_both!(
    without_a_code_the_page_says_that_codes_are_taken,
    "PROMOTION_CODES" = "on"
);

async fn a_code_that_is_not_taken_says_why(world: &World) {
    code(world, "LATE", &SPRING, &[("active", "false")]).await;
    let soon = (world.state.clock.policy_ms() / 1000 + 60).to_string();
    let gone = [SPRING.as_slice(), &[("redeem_by", soon.as_str())]].concat();
    code(world, "GONE", &gone, &[]).await;
    let least = [
        ("restrictions[minimum_amount]", "5000"),
        ("restrictions[minimum_amount_currency]", "eur"),
    ];
    code(world, "LARGE", &SPRING, &least).await;
    world.advance(std::time::Duration::from_mins(2));
    world.settle().await;
    let mut ada = world.sign_in(ADA).await;
    let price = world.price("Member").await;
    for (name, slug, title) in [
        (
            "NOPE",
            "code-unknown",
            "We do not know this promotion code.",
        ),
        ("LATE", "code-over", "This promotion code is over."),
        ("GONE", "code-over", "This promotion code is over."),
    ] {
        let logs = Logs::capture();
        let page = ada.page(&format!("/?code={name}")).await;
        assert!(page.contains(title), "{name}");
        assert!(page.contains("Choose Member – 29\u{a0}€ a month"));
        logs.has(&["a promotion code was not taken"]);
        // The code may end between the page and the click.
        let to = choose(&mut ada, &price, name).await;
        assert!(to.ends_with(&format!("/?problem={slug}")), "{to}");
        logs.has(&["a person's request was refused", slug]);
        let told = ada.page(&format!("/?problem={slug}")).await;
        assert!(told.contains(title) && told.contains("You were not charged."));
    }
    // It does nothing for a month, and something for a year.
    let page = words(&ada.page("/?code=LARGE").await);
    assert!(page.contains("Choose Member – 29 € a month") && page.contains("232 € a year"));
    let to = choose(&mut ada, &price, "LARGE").await;
    assert!(to.ends_with("/?problem=code-elsewhere"), "{to}");
    assert_eq!(world.asked("POST", "/v1/checkout/sessions"), 0);
}
on_both!(a_code_that_is_not_taken_says_why, "PROMOTION_CODES" = "on");

async fn a_code_stripe_refuses_at_the_last_moment_is_told(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.buy_pass("Season pass").await;
    let first = [("restrictions[first_time_transaction]", "true")];
    code(world, "FIRST", &SPRING, &first).await;
    let logs = Logs::capture();
    let to = choose(&mut ada, &world.price("Member").await, "FIRST").await;
    assert!(to.ends_with("/?problem=code-elsewhere"), "{to}");
    logs.has(&["Stripe does not sell it like that", "code-elsewhere"]);
    // Without the code it is sold.
    let checkout = ada.start_checkout(&world.price("Member").await).await;
    assert!(checkout.contains("/checkout/"));
    world.settle().await;
}
on_both!(
    a_code_stripe_refuses_at_the_last_moment_is_told,
    "PROMOTION_CODES" = "on"
);

async fn switched_off_codes_are_not_looked_up(world: &World) {
    code(world, "SPRING", &SPRING, &[]).await;
    let mut ada = world.sign_in(ADA).await;
    let page = ada.page("/?code=SPRING").await;
    assert!(page.contains("Promotion codes are not taken here."));
    let price = world.price("Member").await;
    let to = choose(&mut ada, &price, "SPRING").await;
    assert!(to.ends_with("/?problem=code-not-taken"), "{to}");
    let checkout = ada.start_checkout(&price).await;
    let at_stripe = session(world, &checkout).await;
    assert_eq!(at_stripe["allow_promotion_codes"], serde_json::Value::Null);
    assert_eq!(at_stripe["automatic_tax"]["enabled"], false);
    assert_eq!(world.asked("GET", "/v1/promotion_codes"), 0);
    world.settle().await;
}
on_both!(switched_off_codes_are_not_looked_up);

async fn a_silent_stripe_does_not_keep_the_plans_from_showing(world: &World) {
    use sandbox::faults::{Fault, FaultRule, Target};
    let hang = Fault::Hang { effect: false };
    let rule = FaultRule::always(Target::Stripe, hang).at("GET", "/v1/promotion_codes");
    world.sandbox.with(|w| w.faults.add(rule));
    let begun = tokio::time::Instant::now();
    let page = reqwest::get(format!("{}/?code=SPRING", world.base))
        .await
        .unwrap();
    let page = page.text().await.unwrap();
    assert!(begun.elapsed() < std::time::Duration::from_secs(5));
    assert!(page.contains("The promotion code could not be checked."));
    assert!(page.contains("Choose Member"));
    world.sandbox.with(|w| w.faults.clear());
}
on_both!(
    a_silent_stripe_does_not_keep_the_plans_from_showing,
    "PROMOTION_CODES" = "on"
);

async fn prices_say_how_tax_stands_to_them(world: &World) {
    let product: String = sqlx::query_scalar("SELECT id FROM plans WHERE name = 'Season pass'")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let pass = world.pass_price("Season pass").await;
    for (id, behavior) in [
        (world.price("Member").await, "exclusive"),
        (world.price("Patron").await, "inclusive"),
    ] {
        world
            .at_stripe(&format!("/v1/prices/{id}"), &[("tax_behavior", behavior)])
            .await;
    }
    world.settle().await;
    let mut ada = world.sign_in(ADA).await;
    let page = ada.page("/").await;
    for text in [
        "Plus tax.",
        "Tax included.",
        "Checkout says what of it is tax.",
    ] {
        assert!(page.contains(text), "{text}");
    }
    let checkout = ada.start_checkout(&pass).await;
    let at_stripe = session(world, &checkout).await;
    assert_eq!(at_stripe["automatic_tax"]["enabled"], true);
    assert_eq!(at_stripe["metadata"]["rollcall_plan"], product.as_str());
    let checkout = ada.start_checkout(&world.price("Member").await).await;
    let at_stripe = session(world, &checkout).await;
    assert_eq!(at_stripe["automatic_tax"]["enabled"], true);
    world.settle().await;
}
on_both!(prices_say_how_tax_stands_to_them, "AUTOMATIC_TAX" = "on");
