//! The real client against the sandbox's Discord.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::sync::Arc;
use std::time::Duration;

use sandbox::discord::{Discord, Effect, Fault, Limit, Scope};
use sandbox::shell::{Options, Sandbox};
use secrecy::SecretString;
use server::clock::ManualClock;
use server::discord::{
    DiscordApi, DiscordClient, DiscordConfig, DiscordError, FailureClass, Joined, RoleObstacle,
    dangerous, explain_50013, http_client, role_obstacle,
};
use server::rng::Rng;
use server::stripe::Priority;
use server::wire::HttpWire;
use tokio::time::Instant;
use url::Url;

use crate::login::site::Site;
use crate::support::Kind;

const ADA: &str = "1100000000000000101";
const BARBARA_OUTSIDE: &str = "1100000000000000106";
const NOBODY: &str = "1100000000000000999";
const MEMBER: &str = "1100000000000000021";
const MODERATOR: &str = "1100000000000000024";
const FOUNDER_ABOVE_BOT: &str = "1100000000000000026";
const MEMBER_ROUTE: &str = "/guilds/{guild}/members/{id}";
const ROLE_ROUTE: &str = "/guilds/{guild}/members/{id}/roles/{id}";

struct Door {
    sandbox: Sandbox,
    client: DiscordClient,
}

impl Door {
    async fn open() -> Self {
        let sandbox = Sandbox::start(Options::default()).await.unwrap();
        let client = client(&sandbox, None);
        Self { sandbox, client }
    }

    fn discord<R>(&self, work: impl FnOnce(&mut Discord) -> R) -> R {
        self.sandbox.with(|world| work(&mut world.discord))
    }

    fn next(&self, method: &str, times: u32, effect: Effect) {
        self.discord(|discord| {
            discord.faults.add(Fault {
                method: Some(method.into()),
                path: String::new(),
                times,
                effect,
            });
        });
    }

    fn calls(&self, method: &str, route: &str) -> usize {
        self.discord(|discord| discord.calls.count(method, route))
    }

    async fn bot_roles(&self) -> Vec<String> {
        let bot = self.client.bot().await.unwrap();
        self.client.member(&bot.id).await.unwrap().unwrap().roles
    }
}

fn client(sandbox: &Sandbox, token: Option<&str>) -> DiscordClient {
    let (bot_token, guild_id) =
        sandbox.with(|world| (world.discord.bot_token(), world.discord.guild_id()));
    DiscordClient::new(
        DiscordConfig {
            api_base: Url::parse(&sandbox.base_url()).unwrap(),
            bot_token: token.map_or(bot_token, str::to_owned).into(),
            guild_id,
        },
        Arc::new(HttpWire(http_client().unwrap())),
        Arc::new(ManualClock::new(1_800_000_000_000)),
        Rng::seeded(3),
    )
}

fn status(status: u16, code: u32) -> Effect {
    Effect::Status {
        status,
        code,
        landed: false,
    }
}

#[tokio::test]
async fn the_server_its_roles_and_the_bot_are_read() {
    let door = Door::open().await;
    let bot = door.client.bot().await.unwrap();
    assert_eq!(bot.id, door.discord(|discord| discord.client_id()));
    let guild = door.client.guild().await.unwrap();
    assert_eq!(guild.name, "The Revenue Council");
    assert_eq!(guild.owner_id, "1100000000000000100");
    let member = guild.role(MEMBER).unwrap();
    assert_eq!(
        (member.position, member.permissions, member.color),
        (1, 0, 0x2f_80ed)
    );
    let moderator = guild.role(MODERATOR).unwrap();
    assert_eq!(
        dangerous(moderator.permissions),
        [
            "Manage Roles",
            "Manage Messages",
            "Kick Members",
            "Ban Members"
        ]
    );
    let bot_roles = door.bot_roles().await;
    assert!(guild.role(&bot_roles[0]).unwrap().managed);
    assert_eq!(role_obstacle(&guild, &bot_roles, MEMBER), None);
}

#[tokio::test]
async fn roles_come_and_go_with_a_reason_in_the_audit_log() {
    let door = Door::open().await;
    assert_eq!(
        door.client.member(ADA).await.unwrap().unwrap().roles,
        [""; 0]
    );
    let reason = "Rollcall: Größe M, paid until 1 Dec";
    door.client.add_role(ADA, MEMBER, reason).await.unwrap();
    door.client.add_role(ADA, MEMBER, reason).await.unwrap();
    assert_eq!(
        door.client.member(ADA).await.unwrap().unwrap().roles,
        [MEMBER]
    );
    let told = door.discord(|discord| discord.audit_log_entries().last().unwrap().reason.clone());
    assert_eq!(told.as_deref(), Some(reason));
    door.client.remove_role(ADA, MEMBER, "ended").await.unwrap();
    assert_eq!(door.discord(|discord| discord.roles_of(ADA)), [""; 0]);
}

#[tokio::test]
async fn absence_is_not_a_failure() {
    let door = Door::open().await;
    assert_eq!(door.client.member(BARBARA_OUTSIDE).await.unwrap(), None);
    assert_eq!(door.client.member(NOBODY).await.unwrap(), None);
    let error = door
        .client
        .add_role(BARBARA_OUTSIDE, MEMBER, "r")
        .await
        .unwrap_err();
    assert_eq!(error.class(), FailureClass::Absent);
}

#[tokio::test]
async fn a_refused_role_says_whether_the_right_or_the_place_is_missing() {
    let door = Door::open().await;
    let bot_roles = door.bot_roles().await;
    let error = door
        .client
        .add_role(ADA, FOUNDER_ABOVE_BOT, "r")
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.class()),
        (Some(50_013), FailureClass::NeedsPerson)
    );
    let guild = door.client.guild().await.unwrap();
    assert_eq!(
        explain_50013(&guild, &bot_roles, FOUNDER_ABOVE_BOT),
        RoleObstacle::Hierarchy {
            role: "Founder".into(),
            role_at: 6,
            bot_role: "Rollcall".into(),
            bot_at: 5
        }
    );

    door.discord(|discord| discord.set_bot_permissions(0, 0))
        .unwrap();
    let error = door.client.add_role(ADA, MEMBER, "r").await.unwrap_err();
    assert_eq!(error, DiscordError::MissingPermissions);
    let guild = door.client.guild().await.unwrap();
    assert_eq!(
        explain_50013(&guild, &bot_roles, MEMBER),
        RoleObstacle::PermissionMissing {
            bot_role: "Rollcall".into()
        }
    );
    assert_eq!(
        door.calls("PUT", ROLE_ROUTE),
        2,
        "a refusal is not tried again"
    );
}

#[tokio::test]
async fn a_bot_shut_out_stops_everything() {
    let door = Door::open().await;
    let wrong = client(&door.sandbox, Some("wrong"));
    let error = wrong.guild().await.unwrap_err();
    assert_eq!(error, DiscordError::Unauthorized);
    assert_eq!(error.class(), FailureClass::StopAll);
    assert_eq!(
        door.discord(|discord| discord.calls.total()),
        1,
        "a 401 is not tried again"
    );

    door.discord(|discord| discord.remove_bot(0)).unwrap();
    for error in [
        door.client.guild().await.unwrap_err(),
        door.client.member(ADA).await.unwrap_err(),
        door.client.add_role(ADA, MEMBER, "r").await.unwrap_err(),
    ] {
        assert_eq!(error.class(), FailureClass::StopAll, "{error:?}");
    }
    let asked = door.discord(|discord| discord.calls.total());
    assert_eq!(asked, 2, "the others were answered by the circuit");
}

#[tokio::test]
async fn joining_tells_the_new_from_the_old_and_a_dead_token() {
    let door = Door::open().await;
    let dead = SecretString::from("dead");
    let error = door.client.join(BARBARA_OUTSIDE, &dead).await.unwrap_err();
    assert_eq!(error, DiscordError::InvalidUserToken);
    assert_eq!(error.class(), FailureClass::NeedsPerson);

    let site = Site::start(Kind::Sqlite).await;
    site.sign_in(&mut site.browser(), BARBARA_OUTSIDE, "/login")
        .await;
    let (user, sealed): (String, String) =
        sqlx::query_as("SELECT user_id, sealed FROM join_tokens")
            .fetch_one(site.state.db.reader())
            .await
            .unwrap();
    let token = site
        .state
        .seal
        .open(&format!("join_tokens/{user}"), &sealed)
        .unwrap();
    let discord = &site.state.discord;
    assert_eq!(
        discord.join(BARBARA_OUTSIDE, &token).await.unwrap(),
        Joined::Added
    );
    assert!(site.discord(|discord| discord.is_member(BARBARA_OUTSIDE)));
    assert_eq!(
        discord.join(BARBARA_OUTSIDE, &token).await.unwrap(),
        Joined::AlreadyMember
    );
}

#[tokio::test]
async fn a_banned_person_needs_a_person() {
    let site = Site::start(Kind::Sqlite).await;
    site.sign_in(&mut site.browser(), BARBARA_OUTSIDE, "/login")
        .await;
    site.discord(|discord| {
        discord.faults.add(Fault {
            method: Some("PUT".into()),
            path: String::new(),
            times: 1,
            effect: status(403, 40_007),
        });
    });
    let error = site
        .state
        .discord
        .join(BARBARA_OUTSIDE, &"t".into())
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.class()),
        (Some(40_007), FailureClass::NeedsPerson)
    );
}

#[tokio::test]
async fn trouble_at_discord_is_tried_again_twice_and_not_more() {
    let door = Door::open().await;
    door.next("GET", 2, status(503, 0));
    assert!(door.client.member(ADA).await.unwrap().is_some());
    assert_eq!(door.calls("GET", MEMBER_ROUTE), 3);

    door.next("PUT", 3, status(502, 0));
    let error = door.client.add_role(ADA, MEMBER, "r").await.unwrap_err();
    assert_eq!(error, DiscordError::Server { status: 502 });
    assert_eq!(error.class(), FailureClass::Retry { after_ms: None });
    assert_eq!(door.calls("PUT", ROLE_ROUTE), 3);
    door.client.add_role(ADA, MEMBER, "r").await.unwrap();
}

#[tokio::test]
async fn a_write_without_an_answer_is_an_unknown_outcome_and_a_reading_is_not() {
    let door = Door::open().await;
    let client = client(&door.sandbox, None).with_total_timeout(Duration::from_millis(700));
    door.next("PUT", 3, Effect::NoAnswer { landed: true });
    let error = client.add_role(ADA, MEMBER, "r").await.unwrap_err();
    assert_eq!(error, DiscordError::UnknownOutcome);
    assert!(matches!(
        error.class(),
        FailureClass::Retry { after_ms: Some(_) }
    ));
    assert_eq!(door.discord(|discord| discord.roles_of(ADA)), [MEMBER]);

    door.discord(|discord| discord.faults.clear());
    door.next("GET", 3, Effect::NoAnswer { landed: false });
    let error = client.member(ADA).await.unwrap_err();
    assert!(matches!(error, DiscordError::Network(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_out_of_reach_was_not_asked() {
    let door = Door::open().await;
    let config = DiscordConfig {
        api_base: Url::parse("http://127.0.0.1:9").unwrap(),
        bot_token: "t".into(),
        guild_id: "1".into(),
    };
    let clock = Arc::new(ManualClock::new(0));
    let nowhere = DiscordClient::new(
        config,
        Arc::new(HttpWire(http_client().unwrap())),
        clock,
        Rng::seeded(1),
    );
    let error = nowhere.add_role(ADA, MEMBER, "r").await.unwrap_err();
    assert!(matches!(error, DiscordError::Network(_)), "{error:?}");
    assert_eq!(door.discord(|discord| discord.calls.total()), 0);
}

#[tokio::test]
async fn a_short_throttle_is_waited_for_and_a_long_one_handed_back() {
    let door = Door::open().await;
    let throttle = |retry_after_ms| Effect::RateLimit {
        scope: Scope::User,
        retry_after_ms,
    };
    door.next("PUT", 1, throttle(400));
    let began = Instant::now();
    door.client.add_role(ADA, MEMBER, "r").await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(400));
    assert_eq!(door.calls("PUT", ROLE_ROUTE), 2);

    door.next("PUT", 1, throttle(60_000));
    let error = door.client.add_role(ADA, MEMBER, "r").await.unwrap_err();
    let DiscordError::RateLimited { after_ms, global } = error else {
        panic!("{error:?}");
    };
    assert!(
        (59_000..=60_000).contains(&after_ms) && !global,
        "{after_ms}"
    );
    // The gate holds the next one back without asking; other routes are open.
    let asked = door.calls("PUT", ROLE_ROUTE);
    assert!(door.client.add_role(ADA, MEMBER, "r").await.is_err());
    assert_eq!(door.calls("PUT", ROLE_ROUTE), asked);
    assert!(door.client.member(ADA).await.is_ok());
}

#[tokio::test]
async fn a_global_throttle_holds_every_route_back() {
    let door = Door::open().await;
    door.next(
        "GET",
        1,
        Effect::RateLimit {
            scope: Scope::Global,
            retry_after_ms: 30_000,
        },
    );
    let error = door.client.member(ADA).await.unwrap_err();
    assert!(
        matches!(error, DiscordError::RateLimited { global: true, .. }),
        "{error:?}"
    );
    let asked = door.discord(|discord| discord.calls.total());
    assert!(door.client.add_role(ADA, MEMBER, "r").await.is_err());
    assert!(door.client.guild().await.is_err());
    assert_eq!(door.discord(|discord| discord.calls.total()), asked);
}

#[tokio::test]
async fn many_calls_at_once_stay_within_the_bucket_once_it_is_known() {
    let door = Door::open().await;
    door.client.add_role(ADA, MEMBER, "r").await.unwrap();
    let calls = (0..12).map(|_| door.client.add_role(ADA, MEMBER, "r"));
    let outcomes = futures::future::join_all(calls).await;
    for outcome in outcomes {
        match outcome {
            Ok(()) | Err(DiscordError::RateLimited { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    let refused = door.discord(|discord| discord.calls.iter().filter(|c| c.status == 429).count());
    assert_eq!(refused, 0);
}

#[tokio::test]
async fn who_just_paid_goes_before_a_sweep() {
    let door = Door::open().await;
    let one = Limit {
        requests: 1,
        per_ms: 250,
    };
    door.discord(|discord| discord.limits.set("member-roles", one));
    door.client.add_role(ADA, MEMBER, "r").await.unwrap();
    let gives = |priority: Priority, person: &'static str| {
        priority.during(door.client.add_role(person, MEMBER, "r"))
    };
    let (first, second, third, fourth) = tokio::join!(
        gives(Priority::Bulk, "1100000000000000102"),
        gives(Priority::Bulk, "1100000000000000103"),
        gives(Priority::Event, "1100000000000000104"),
        gives(Priority::Person, "1100000000000000105"),
    );
    for outcome in [first, second, third, fourth] {
        outcome.unwrap();
    }
    let order: Vec<(u16, String)> = door.discord(|discord| {
        let roles = discord.calls.iter().filter(|c| c.path.contains("/roles/"));
        roles
            .map(|c| (c.status, c.path.split('/').rev().nth(2).unwrap().to_owned()))
            .collect()
    });
    let expected = [101, 105, 104, 102, 103].map(|n| (204, format!("1100000000000000{n}")));
    assert_eq!(order, expected);
}

#[tokio::test]
async fn everybody_is_listed_by_pages_and_the_intent_is_named() {
    let door = Door::open().await;
    let everybody = door.client.members("0").await.unwrap();
    let known = door.discord(|discord| discord.guild.members.len());
    assert_eq!(everybody.len(), known);
    let later = door.client.members(&everybody[0].id).await.unwrap();
    assert_eq!(later[..], everybody[1..]);
    let holders = door.client.role_holders().await.unwrap();
    assert_eq!(holders.get(MODERATOR), Some(&1));
    door.discord(|discord| discord.application.intents.members = false);
    let error = door.client.members("0").await.unwrap_err();
    assert_eq!(error, DiscordError::IntentMissing);
    assert_eq!(error.class(), FailureClass::NeedsPerson);
    assert!(door.client.guild().await.is_ok(), "it stops nothing else");
}

#[tokio::test]
async fn ids_that_are_none_are_never_sent() {
    let door = Door::open().await;
    for id in ["", "@me", "../../users/@me", "1?x=1"] {
        let error = door.client.member(id).await.unwrap_err();
        assert!(matches!(error, DiscordError::Unsendable(_)), "{id}");
    }
    assert_eq!(door.discord(|discord| discord.calls.total()), 0);
}
