//! The control API under `/_sandbox/`: what nobody can do at the real Stripe and Discord.
//!
//! Bodies are JSON objects or forms with the same field names; lists are arrays or comma
//! separated. JSON is answered with JSON, a form with 303 back to its page. A refusal is
//! `{"error": "…"}` with 400, 404 or 409.
//!
//! | request | fields | does |
//! |---|---|---|
//! | `GET state` | | everything: `now_ms`, `webhook_secret`, `stripe`, `discord`, `mail`, `faults` |
//! | `GET clock` | | `{"now_ms": N}`, UTC epoch milliseconds |
//! | `POST clock` | `advance_ms`, `advance_minutes`, `advance_hours`, `advance_days`, `advance_months` (added up) or `to_ms` | moves it; renewals, retries, trials and expiries on the way happen |
//! | `GET calls` | `?method=`, `?path=`, `?last=` | the last requests to Stripe (`calls`) and to Discord (`discord`), oldest first |
//! | `DELETE calls` | | forgets them |
//! | `POST faults` | `target` = `stripe`, `stripe_pages`, `discord`: `kind` = `answer` (with `status`), `hang`, `cut`, `slow` (with `ms`); `effect` (whether it is carried out all the same), `method`, `path`, `skip`, `count`, `percent` | adds a rule |
//! | | `target` = `discord` with `effect` = an object: see [`discord`] | Discord's own failures |
//! | | `target` = `deliveries`: see [`deliveries`] | changes how events travel |
//! | | `target` = `mail`: `refuse` = part of an address | SMTP answers 550 for it |
//! | | `target` = `mail`: `kind` = `down` | SMTP answers 421 to everybody |
//! | | `target` = `mail`: `kind` = `cut`, `count` | SMTP takes that many messages without saying so |
//! | `DELETE faults`, `POST faults/clear` | `target` or nothing for all | as before |
//! | `POST discord/…` | see [`discord`] | members, roles, the bot's place |
//! | `POST stripe/…` | see [`stripe`] | refunds, disputes, endings, prices |
//! | `POST deliveries/…` | see [`deliveries`] | pause, resume, flush, resend |
//! | `POST webhook` | `url`, `secret` | another endpoint for every event |
//! | `POST mail/clear` | | empties the mailbox |
//! | `POST reset` | `seed` | a new world |

pub mod deliveries;
pub mod discord;
mod fields;
pub mod stripe;

use std::sync::Arc;

use serde_json::{Value, json};

use super::Shell;
use crate::{
    ApiRequest, ApiResponse, World,
    faults::{Fault, FaultRule, Target},
};
use fields::{Fields, Refused};

type Answer = Result<Value, Refused>;

pub(super) async fn handle(shell: &Arc<Shell>, request: &ApiRequest) -> ApiResponse {
    let form = Fields::are_form(request);
    match answer(shell, request).await {
        Ok(_) if form => ApiResponse::see_other(&back(request)),
        Ok(value) => ApiResponse::json(200, &value),
        Err(refused) if form => super::pages::refused(refused.status(), &refused.to_string()),
        Err(refused) => ApiResponse::json(refused.status(), &json!({"error": refused.to_string()})),
    }
}

/// The page whose form it was, as long as it is one of ours.
fn back(request: &ApiRequest) -> String {
    request
        .header("referer")
        .and_then(|referer| url::Url::parse(referer).ok())
        .map(|url| url.path().to_owned())
        .filter(|path| path == "/mail" || path == "/")
        .unwrap_or_else(|| "/".into())
}

async fn answer(shell: &Arc<Shell>, request: &ApiRequest) -> Answer {
    let path = request.path.strip_prefix("/_sandbox/").unwrap_or_default();
    let path = path.trim_end_matches('/');
    let fields = Fields::of(request)?;
    match (request.method.as_str(), path) {
        ("GET", "state") => Ok(shell.with(|world| state(world))),
        ("GET", "clock") => Ok(shell.with(|world| now(world))),
        ("POST", "clock") => shell.with(|world| move_clock(world, &fields)),
        ("GET", "calls") => calls(shell, &fields),
        ("DELETE", "calls") => {
            shell.with(|world| {
                world.calls.clear();
                world.discord.calls.clear();
            });
            Ok(json!({"ok": true}))
        }
        ("POST", "faults") => shell.with(|world| add_fault(world, &fields)),
        ("DELETE", "faults") | ("POST", "faults/clear") => {
            shell.with(|world| clear_faults(world, &fields))
        }
        ("POST", "mail/clear") => {
            shell.with(|world| world.mail.clear());
            Ok(json!({"ok": true}))
        }
        ("POST", "webhook") => {
            let url = fields.required("url")?;
            let secret = shell.with(|world| world.add_webhook(url, fields.text("secret")));
            Ok(json!({"ok": true, "secret": secret}))
        }
        ("POST", "reset") => {
            let seed = match fields.int("seed")? {
                Some(seed) => u64::try_from(seed)
                    .map_err(|_| Refused::bad("seed is a number of zero or more"))?,
                None => shell.options.seed,
            };
            shell.reset(seed);
            Ok(json!({"ok": true, "seed": seed}))
        }
        ("POST", path) => {
            if let Some(action) = path.strip_prefix("discord/") {
                shell.with(|world| discord::act(world, action, &fields))
            } else if let Some(action) = path.strip_prefix("stripe/") {
                shell.with(|world| stripe::act(world, action, &fields))
            } else if let Some(action) = path.strip_prefix("deliveries/") {
                deliveries::act(shell, action, &fields).await
            } else {
                Err(Refused::absent("there is no such control"))
            }
        }
        _ => Err(Refused::absent("there is no such control")),
    }
}

fn now(world: &World) -> Value {
    json!({"now_ms": world.clock.now_ms()})
}

fn state(world: &World) -> Value {
    let stripe = world.stripe.state_json();
    let secret = match world.webhook_secret() {
        Some(secret) => secret.into(),
        None => stripe["webhook_secret"].clone(),
    };
    json!({
        "now_ms": world.clock.now_ms(),
        "base": world.base(),
        "webhook_secret": secret,
        "stripe": stripe,
        "discord": world.discord.state_json(),
        "mail": world.mail.to_json(),
        "faults": world.faults.to_json(),
        "stripe_calls": world.calls.total(),
        "deliveries_paused": world.deliveries_paused,
    })
}

/// The milliseconds of each unit but the month, whose length depends on where it begins.
const UNITS: [(&str, i64); 4] = [
    ("advance_ms", 1),
    ("advance_minutes", 60_000),
    ("advance_hours", 3_600_000),
    ("advance_days", 86_400_000),
];

fn move_clock(world: &mut World, fields: &Fields) -> Answer {
    let now_ms = world.clock.now_ms();
    let mut to_ms = fields.int("to_ms")?.unwrap_or(now_ms);
    if let Some(months) = fields.int("advance_months")? {
        to_ms = plus_months(to_ms, months)
            .ok_or_else(|| Refused::bad("advance_months is too large"))?;
    }
    for (name, unit_ms) in UNITS {
        let by = fields.int(name)?.unwrap_or(0);
        to_ms = by
            .checked_mul(unit_ms)
            .and_then(|by_ms| to_ms.checked_add(by_ms))
            .ok_or_else(|| Refused::bad(&format!("{name} is too large")))?;
    }
    if to_ms < now_ms {
        return Err(Refused::bad("the clock only moves forward"));
    }
    world.advance_to(to_ms);
    Ok(now(world))
}

/// The same day and time that many months later, or the month's last day where it is shorter.
fn plus_months(from_ms: i64, months: i64) -> Option<i64> {
    let from =
        time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(from_ms) * 1_000_000).ok()?;
    let month = i64::from(u8::from(from.month())) - 1 + months;
    let year = i32::try_from(i64::from(from.year()) + month.div_euclid(12)).ok()?;
    let month = time::Month::try_from(u8::try_from(month.rem_euclid(12) + 1).ok()?).ok()?;
    let day = from.day().min(month.length(year));
    let date = time::Date::from_calendar_date(year, month, day).ok()?;
    i64::try_from(from.replace_date(date).unix_timestamp_nanos() / 1_000_000).ok()
}

fn calls(shell: &Shell, fields: &Fields) -> Answer {
    let method = fields.text("method").unwrap_or_default();
    let path = fields.text("path").unwrap_or_default();
    let last = fields
        .int("last")?
        .and_then(|last| usize::try_from(last).ok())
        .unwrap_or(usize::MAX);
    let world = shell.lock();
    let mut calls: Vec<Value> = world
        .calls
        .iter()
        .rev()
        .filter(|call| method.is_empty() || call.method.eq_ignore_ascii_case(method))
        .filter(|call| call.path.contains(path))
        .take(last)
        .map(crate::calls::Call::to_json)
        .collect();
    calls.reverse();
    let mut discord: Vec<Value> = world
        .discord
        .calls
        .iter()
        .rev()
        .filter(|call| method.is_empty() || call.method.eq_ignore_ascii_case(method))
        .filter(|call| call.path.contains(path))
        .take(last)
        .map(|call| serde_json::to_value(call).unwrap_or_default())
        .collect();
    discord.reverse();
    Ok(json!({"total": world.calls.total(), "calls": calls, "discord": discord}))
}

fn add_fault(world: &mut World, fields: &Fields) -> Answer {
    let target = fields.required("target")?;
    match target {
        "deliveries" => return deliveries::fault(world, fields),
        "mail" => return mail_fault(world, fields),
        _ => {}
    }
    let target = Target::named(target).ok_or_else(|| {
        Refused::bad("target is stripe, stripe_pages, discord, deliveries or mail")
    })?;
    let own = fields.value("effect").is_some_and(Value::is_object);
    if target == Target::Discord && own {
        return discord::fault(world, fields);
    }
    let effect = fields.flag("effect");
    let fault = match fields.required("kind")? {
        "answer" => Fault::Answer {
            status: fields
                .small("status")?
                .filter(|status| (400..600).contains(status))
                .ok_or_else(|| Refused::bad("status is 400 to 599"))?,
            effect,
        },
        "hang" => Fault::Hang { effect },
        "cut" => Fault::Cut { effect },
        "slow" => Fault::Slow {
            ms: fields
                .int("ms")?
                .and_then(|ms| u64::try_from(ms).ok())
                .ok_or_else(|| Refused::bad("ms is the delay"))?,
        },
        _ => return Err(Refused::bad("kind is answer, hang, cut or slow")),
    };
    let mut rule = FaultRule::always(target, fault).at(
        fields.text("method").unwrap_or_default(),
        fields.text("path").unwrap_or_default(),
    );
    rule.skip = fields.small("skip")?.unwrap_or(0).into();
    rule.count = fields.small("count")?.map(u32::from);
    if rule.count == Some(0) {
        return Err(Refused::bad("count is at least 1"));
    }
    if fields.int("percent")?.is_some() {
        rule.percent = fields.percent("percent")?;
    }
    world.faults.add(rule);
    Ok(json!({"ok": true}))
}

fn mail_fault(world: &mut World, fields: &Fields) -> Answer {
    match fields.text("kind") {
        None => world.mail.refuse(fields.required("refuse")?),
        Some("down") => world.mail.go_down(),
        Some("cut") => {
            let count = fields.small("count")?.unwrap_or(1);
            world.mail.break_off_after(u32::from(count));
        }
        Some(_) => return Err(Refused::bad("kind is down or cut")),
    }
    Ok(json!({"ok": true}))
}

fn clear_faults(world: &mut World, fields: &Fields) -> Answer {
    match fields.text("target") {
        None => {
            world.faults.clear();
            world.mail.without_faults();
            deliveries::without_faults(world);
            discord::without_faults(world);
        }
        Some("mail") => world.mail.without_faults(),
        Some("deliveries") => deliveries::without_faults(world),
        Some(target) => {
            let target =
                Target::named(target).ok_or_else(|| Refused::bad("there is no such target"))?;
            world.faults.clear_target(target);
            if target == Target::Discord {
                discord::without_faults(world);
            }
        }
    }
    Ok(json!({"ok": true}))
}

#[cfg(test)]
mod tests {
    use super::plus_months;

    #[test]
    fn a_month_ends_on_its_last_day() {
        let day = 86_400_000;
        // 31 January 2026 and a month: 28 February.
        let january = 1_769_817_600_000;
        assert_eq!(plus_months(january, 1), Some(january + 28 * day));
        assert_eq!(plus_months(january, 12), Some(january + 365 * day));
        assert_eq!(plus_months(january, i64::MAX / 2), None);
    }
}
