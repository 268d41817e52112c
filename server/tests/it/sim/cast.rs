//! Who and what a history begins with.

use super::stage::{BEGINNING_MS, Stage};
use server::db::Db;
use server::db::dirty::{self, Class, SubjectKind};
use std::collections::{BTreeMap, BTreeSet};

pub struct Person {
    pub name: String,
    pub user_id: String,
    pub discord_id: String,
    pub email: String,
    pub in_server: bool,
    /// Roles they have by somebody's hand; never ours to take.
    pub by_hand: BTreeSet<String>,
    /// How often a role of ours was taken from them by hand.
    pub taken: BTreeMap<String, usize>,
    /// Checkout sessions that stand open in a tab.
    pub tabs: Vec<String>,
    /// Sessions they have not come back from yet.
    pub returning: Vec<String>,
    /// Changes they were shown, as their forms hold them.
    pub previews: Vec<String>,
}

/// A price as the catalogue offers it at the beginning.
#[derive(Clone)]
pub struct Offer {
    pub product: String,
    pub price: String,
    /// Otherwise a pass.
    pub recurring: bool,
}

pub struct Catalogue {
    pub offers: Vec<Offer>,
    /// Plans for people, with the roles each gives. A mapping once read stays until somebody says
    /// yes to another.
    pub roles: BTreeMap<String, BTreeSet<String>>,
    /// What plans are to give instead, since the last rest.
    pub edited: BTreeMap<String, BTreeSet<String>>,
    /// Every role that a plan gives or may come to give.
    pub managed: BTreeSet<String>,
}

fn rows(list: &serde_json::Value) -> Vec<serde_json::Value> {
    list["data"].as_array().cloned().unwrap_or_default()
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The demo plans, one more, which gives two roles and begins with a trial, and a pass for life.
pub fn catalogue(stage: &Stage) -> Catalogue {
    let extra = stage
        .world()
        .discord
        .create_role(BEGINNING_MS, "Tryout", 0)
        .unwrap();
    let member = stage.world().discord.demo_roles().0;
    let trial = stage.ask(
        "POST",
        "/v1/products",
        &format!(
            "name=Tryout&metadata[rollcall_audience]=individual&metadata[rollcall_order]=4\
             &metadata[rollcall_trial_days]=7&metadata[rollcall_roles]={member},{extra}"
        ),
    );
    let trial = text(&trial["id"]);
    for (amount, interval) in [(1_500, "month"), (15_000, "year")] {
        stage.ask(
            "POST",
            "/v1/prices",
            &format!(
                "product={trial}&currency=eur&unit_amount={amount}&recurring[interval]={interval}"
            ),
        );
    }
    let founder = stage.ask(
        "POST",
        "/v1/products",
        &format!(
            "name=Founder&metadata[rollcall_audience]=individual&metadata[rollcall_order]=9\
             &metadata[rollcall_pass_days]=life&metadata[rollcall_roles]={extra}"
        ),
    );
    stage.ask(
        "POST",
        "/v1/prices",
        &format!(
            "product={}&currency=eur&unit_amount=90000",
            text(&founder["id"])
        ),
    );
    let mut roles = BTreeMap::new();
    for product in rows(&stage.ask("GET", "/v1/products?limit=100", "")) {
        let metadata = &product["metadata"];
        if metadata["rollcall_audience"] == "individual" {
            let given = text(&metadata["rollcall_roles"]);
            let given = given.split(',').map(str::to_owned).collect();
            roles.insert(text(&product["id"]), given);
        }
    }
    let offers = rows(&stage.ask("GET", "/v1/prices?limit=100", ""))
        .iter()
        .map(|price| Offer {
            product: text(&price["product"]),
            price: text(&price["id"]),
            recurring: price["recurring"].is_object(),
        })
        .collect();
    Catalogue {
        offers,
        managed: roles.values().flatten().cloned().collect(),
        roles,
        edited: BTreeMap::new(),
    }
}

/// People who have signed in: two in the server, one of them with a role by hand, and one outside.
pub async fn people(stage: &Stage, db: &Db) -> Vec<Person> {
    let patron = stage.world().discord.demo_roles().1;
    let cast = [
        ("Ada", "1100000000000000101", None),
        ("Grace", "1100000000000000102", Some(patron)),
        ("Barbara", "1100000000000000106", None),
    ];
    let mut people = Vec::new();
    let mut tx = db.begin().await.unwrap();
    // Some have roles by hand, so that it would begin by observing.
    sqlx::query("INSERT INTO switches VALUES ('mode', 'active', 'simulation', 0)")
        .execute(&mut *tx)
        .await
        .unwrap();
    for (name, discord_id, by_hand) in cast {
        if let Some(role) = &by_hand {
            stage
                .world()
                .discord
                .add_role_by_hand(BEGINNING_MS, discord_id, role)
                .unwrap();
        }
        let person = Person {
            name: name.to_owned(),
            user_id: format!("usr_{}", name.to_lowercase()),
            discord_id: discord_id.to_owned(),
            email: format!("{}@example.org", name.to_lowercase()),
            in_server: stage.world().discord.is_member(discord_id),
            by_hand: by_hand.into_iter().collect(),
            taken: BTreeMap::new(),
            tabs: Vec::new(),
            returning: Vec::new(),
            previews: Vec::new(),
        };
        sqlx::query(
            "INSERT INTO users (id, discord_user_id, name, avatar_url, email, email_verified, \
             in_guild, created_at, signed_in_at) VALUES ($1, $2, $3, NULL, $4, 1, NULL, $5, $5)",
        )
        .bind(&person.user_id)
        .bind(&person.discord_id)
        .bind(&person.name)
        .bind(&person.email)
        .bind(BEGINNING_MS)
        .execute(&mut *tx)
        .await
        .unwrap();
        let kind = SubjectKind::User;
        dirty::mark(
            &mut tx,
            kind,
            &person.user_id,
            BEGINNING_MS,
            Class::Urgent,
            "sign-in",
        )
        .await
        .unwrap();
        people.push(person);
    }
    tx.commit().await.unwrap();
    people
}
