//! Plans: whether what they are to give can be given. The check of one role is the one that opens
//! incidents and that the desk shows.

use super::discord::Server;
use super::stripe::Catalogue;
use super::{Checked, Finding, Patient, unread};
use crate::db::{Db, DbError};
use crate::discord::{GuildRole, GuildView, RoleObstacle, dangerous, role_obstacle};
use crate::plans::{GIVEN, meaning, sells};
use crate::roles::consent::{self, Consent};
use sqlx::AnyConnection;
use std::collections::{BTreeMap, HashMap};

/// What keeps a plan's role from being given, if anything does.
#[must_use]
pub fn role_finding(
    guild: &GuildView,
    bot_roles: &[String],
    role_id: &str,
    yes: Option<&Consent>,
) -> Option<Finding> {
    let obstacle = role_obstacle(guild, bot_roles, role_id);
    let of_itself = matches!(
        obstacle,
        Some(RoleObstacle::Gone | RoleObstacle::Everyone | RoleObstacle::Managed { .. })
    );
    if let Some(role) = guild.role(role_id).filter(|_| !of_itself) {
        let dangers = dangerous(role.permissions);
        if !dangers.is_empty() && !yes.is_some_and(|yes| yes.covers(&dangers)) {
            return Some(dangerous_role(&role.name, &dangers));
        }
    }
    obstacle.map(|obstacle| Finding::keeps_out(obstacle.what(), obstacle.todo()))
}

fn dangerous_role(name: &str, dangers: &[&str]) -> Finding {
    Finding::keeps_out(
        format!(
            "The role ‘{name}’ carries {}, so it is not given without an operator's yes.",
            dangers.join(", ")
        ),
        format!(
            "Discord → Server Settings → Roles → {name} → Permissions: switch that off; or allow it at the desk, under Roles."
        ),
    )
}

/// The roles that plans give, each with the plans that give it.
pub async fn given_roles(
    conn: &mut AnyConnection,
) -> Result<BTreeMap<String, Vec<String>>, DbError> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT plan_roles.role_id, plans.name FROM plan_roles \
         JOIN plans ON plans.id = plan_roles.plan_id \
         WHERE plan_roles.state IN ('active', 'leaving', 'kept') \
         ORDER BY plans.position, plans.id",
    )
    .fetch_all(conn)
    .await?;
    let mut roles: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (role, plan) in rows {
        roles.entry(role).or_default().push(plan);
    }
    Ok(roles)
}

/// `Plan A`, `Plans A, B`.
#[must_use]
pub fn of_plans(plans: &[String]) -> String {
    let word = if plans.len() == 1 { "Plan" } else { "Plans" };
    format!("{word} {}", plans.join(", "))
}

/// The same check on our own rows, as the server's roles were last read; `None` before the first
/// reading.
pub async fn as_last_read(
    conn: &mut AnyConnection,
    guild_id: &str,
) -> Result<Option<HashMap<String, Finding>>, DbError> {
    let bot: Option<String> = sqlx::query_scalar("SELECT roles FROM guild_bot WHERE id = 'bot'")
        .fetch_optional(&mut *conn)
        .await?;
    let Some(bot) = bot else { return Ok(None) };
    let bot_roles: Vec<String> = bot.split(',').map(str::to_owned).collect();
    let rows: Vec<(String, String, i64, String, i64)> =
        sqlx::query_as("SELECT id, name, position, permissions, managed FROM guild_roles")
            .fetch_all(&mut *conn)
            .await?;
    let guild = GuildView {
        id: guild_id.to_owned(),
        name: String::new(),
        owner_id: String::new(),
        roles: rows
            .into_iter()
            .map(|(id, name, position, permissions, managed)| GuildRole {
                id,
                name,
                position,
                // What cannot be read is taken for every right.
                permissions: permissions.parse().unwrap_or(u64::MAX),
                managed: managed == 1,
                color: 0,
            })
            .collect(),
    };
    let roles = given_roles(conn).await?;
    let consents = consent::all(conn).await?;
    Ok(Some(
        roles
            .keys()
            .filter_map(|role| {
                let finding = role_finding(&guild, &bot_roles, role, consents.get(role))?;
                Some((role.clone(), finding))
            })
            .collect(),
    ))
}

/// What our rows know of plans.
#[derive(Default)]
struct Known {
    /// By plan: its roles and what they are to it.
    roles: HashMap<String, Vec<(String, String)>>,
    consents: HashMap<String, Consent>,
}

async fn known(db: &Db) -> Result<Known, DbError> {
    let mut conn = db.reader().acquire().await?;
    let rows: Vec<(String, String, String)> =
        sqlx::query_as("SELECT plan_id, role_id, state FROM plan_roles ORDER BY plan_id, role_id")
            .fetch_all(&mut *conn)
            .await?;
    let mut roles: HashMap<String, Vec<(String, String)>> = HashMap::new();
    for (plan, role, state) in rows {
        roles.entry(plan).or_default().push((role, state));
    }
    Ok(Known {
        roles,
        consents: consent::all(&mut conn).await?,
    })
}

pub(super) async fn look(
    patient: &Patient<'_>,
    catalogue: Option<&Catalogue>,
    server: Option<&Server>,
) -> Vec<Checked> {
    let mut checked = Vec::new();
    let known = match patient.db {
        Some(db) => known(db).await,
        None => Ok(Known::default()),
    };
    let known = known.unwrap_or_else(|error| {
        checked.push(unread("the roles of plans", &error));
        Known::default()
    });
    let Some(catalogue) = catalogue else {
        return checked;
    };
    let mut on_offer = 0;
    let mut roles: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut waiting: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for product in catalogue.products.iter().filter(|product| product.active) {
        let plan = match meaning(&product.metadata) {
            Ok(None) => continue,
            Ok(Some(plan)) => plan,
            Err(problem) => {
                let before = known.roles.contains_key(&product.id);
                checked.push(unreadable(&product.name, &problem.to_string(), before).into());
                on_offer += usize::from(before);
                continue;
            }
        };
        if catalogue
            .prices
            .iter()
            .any(|price| sells(&plan, price, &product.id))
        {
            on_offer += 1;
        } else {
            checked.push(without_price(&product.name, &product.id).into());
        }
        match known.roles.get(&product.id) {
            Some(rows) => {
                for (role, state) in rows {
                    if GIVEN.contains(&state.as_str()) {
                        roles
                            .entry(role.clone())
                            .or_default()
                            .push(product.name.clone());
                    } else if state == "joining" {
                        waiting
                            .entry(role.clone())
                            .or_default()
                            .push(product.name.clone());
                    }
                }
            }
            None => {
                for role in plan.roles {
                    roles.entry(role).or_default().push(product.name.clone());
                }
            }
        }
    }
    checked.push(offer(on_offer));
    if let Some(server) = server {
        of_roles(server, &roles, &known.consents, &mut checked);
        of_waiting(patient, server, &waiting, &mut checked);
    }
    checked
}

fn offer(on_offer: usize) -> Checked {
    match on_offer {
        0 => Finding::keeps_out(
            "There is no plan that anybody could buy.",
            "Stripe dashboard → Product catalogue: make a product with a monthly or yearly price, and give it the metadata rollcall_audience and rollcall_roles.",
        )
        .into(),
        1 => Checked::right("1 plan is on offer"),
        many => Checked::right(format!("{many} plans are on offer")),
    }
}

fn unreadable(name: &str, problem: &str, before: bool) -> Finding {
    let todo = format!("Stripe dashboard → Product catalogue → {name} → Metadata: {problem}.");
    if before {
        Finding::advice(
            format!("Plan {name}: its metadata cannot be read, so it stays what it last was."),
            todo,
        )
    } else {
        Finding::keeps_out(
            format!("Plan {name}: its metadata cannot be read, so nobody can buy it."),
            todo,
        )
    }
}

fn without_price(name: &str, id: &str) -> Finding {
    Finding::advice(
        format!("Plan {name} ({id}): nobody can buy it, for it has no price that is sold here."),
        format!(
            "Stripe dashboard → Product catalogue → {name}: add a price each month or each year; or archive the product."
        ),
    )
}

fn of_roles(
    server: &Server,
    roles: &BTreeMap<String, Vec<String>>,
    consents: &HashMap<String, Consent>,
    checked: &mut Vec<Checked>,
) {
    let Server { guild, bot_roles } = server;
    let mut given = 0;
    for (role, plans) in roles {
        // A right the bot lacks everywhere is told once, with the bot's rights.
        let lacking = matches!(
            role_obstacle(guild, bot_roles, role),
            Some(RoleObstacle::PermissionMissing { .. })
        );
        match role_finding(guild, bot_roles, role, consents.get(role)) {
            Some(_) if lacking => {}
            Some(finding) => checked.push(
                Finding {
                    what: format!("{}: {}", of_plans(plans), finding.what),
                    ..finding
                }
                .into(),
            ),
            None => given += 1,
        }
    }
    if given > 0 {
        checked.push(Checked::right(match given {
            1 => "1 role of theirs is there, and the bot can give it".to_owned(),
            many => format!("{many} roles of theirs are there, and the bot can give them"),
        }));
    }
}

fn of_waiting(
    patient: &Patient<'_>,
    server: &Server,
    waiting: &BTreeMap<String, Vec<String>>,
    checked: &mut Vec<Checked>,
) {
    for (role, plans) in waiting {
        let name = server.guild.role(role).map_or(role, |role| &role.name);
        checked.push(
            Finding::advice(
                format!(
                    "{}: the role ‘{name}’ joined it and waits for an operator's yes.",
                    of_plans(plans)
                ),
                format!(
                    "{} → {name}: Give the role, or Leave it out.",
                    patient.config.own_url("/admin/roles")
                ),
            )
            .into(),
        );
    }
}
