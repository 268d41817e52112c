//! Who buys: a person for themselves, or for a company they look after.

use crate::config::Config;
use crate::db::DbError;
use crate::stripe::CustomerOf;
use sqlx::AnyConnection;

#[derive(Clone, Debug)]
pub struct Buyer {
    /// Who asks.
    pub user_id: String,
    /// Whom it is for, if not for themselves.
    pub company: Option<Company>,
}

#[derive(Clone, Debug)]
pub struct Company {
    pub id: String,
    pub name: String,
}

/// A buyer as Stripe is to know them.
pub struct Named {
    pub of: CustomerOf,
    pub name: String,
    pub email: Option<String>,
}

impl Buyer {
    #[must_use]
    pub fn person(user_id: &str) -> Self {
        Self {
            user_id: user_id.to_owned(),
            company: None,
        }
    }

    /// Whom the plans are for that they may choose.
    #[must_use]
    pub fn audience(&self) -> &'static str {
        match self.company {
            None => "individual",
            Some(_) => "company",
        }
    }

    /// Where Stripe leads them when they have paid.
    #[must_use]
    pub fn success_url(&self, config: &Config) -> String {
        let session = "session_id={CHECKOUT_SESSION_ID}";
        match &self.company {
            None => config.own_url(&format!("/billing?{session}")),
            Some(company) => config.own_url(&format!("/company/{}?{session}", company.id)),
        }
    }

    /// Where Stripe leads them when they leave its page.
    #[must_use]
    pub fn cancel_url(&self, config: &Config, checkout_id: &str) -> String {
        match &self.company {
            None => config.own_url(&format!("/?left={checkout_id}")),
            Some(company) => config.own_url(&format!("/company/{}?left=1", company.id)),
        }
    }

    pub async fn named(&self, conn: &mut AnyConnection) -> Result<Named, DbError> {
        let (discord_user_id, name, email, verified): (String, String, Option<String>, i64) =
            sqlx::query_as(
                "SELECT discord_user_id, name, email, email_verified FROM users WHERE id = $1",
            )
            .bind(&self.user_id)
            .fetch_one(conn)
            .await?;
        Ok(match &self.company {
            None => Named {
                of: CustomerOf::Person { discord_user_id },
                name,
                email,
            },
            // Invoices of a company go to nobody by mistake.
            Some(company) => Named {
                of: CustomerOf::Company {
                    company_id: company.id.clone(),
                },
                name: company.name.clone(),
                email: email.filter(|_| verified != 0),
            },
        })
    }
}
