//! What a product's metadata says, checked.

use app::plans::{Audience, PassLength};
use std::collections::HashMap;
use std::hash::BuildHasher;

/// A plan's meaning for Rollcall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanMeaning {
    pub audience: Audience,
    /// Discord role ids, without doubles, in the order written.
    pub roles: Vec<String>,
    pub trial_days: Option<i64>,
    /// What its one-time prices give.
    pub pass: Option<PassLength>,
    pub order: i64,
    pub badge: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    #[error("rollcall_audience must be individual or company")]
    Audience,
    #[error("rollcall_roles must be Discord role ids, separated by commas")]
    Roles,
    #[error("rollcall_trial_days must be a whole number of days from 1 to 730")]
    TrialDays,
    #[error("rollcall_pass_days must be a whole number of days from 1 to 36500, or life")]
    PassDays,
    #[error("rollcall_order must be a whole number")]
    Order,
}

/// Reads the metadata. `Ok(None)`: the product is none of ours.
pub fn meaning<S: BuildHasher>(
    metadata: &HashMap<String, String, S>,
) -> Result<Option<PlanMeaning>, MetadataError> {
    let get = |key: &str| {
        metadata
            .get(key)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    };
    let audience = match get("rollcall_audience") {
        None if !metadata.contains_key("rollcall_audience") => return Ok(None),
        Some("individual") => Audience::Individual,
        Some("company") => Audience::Company,
        _ => return Err(MetadataError::Audience),
    };
    let mut roles: Vec<String> = Vec::new();
    for role in get("rollcall_roles")
        .ok_or(MetadataError::Roles)?
        .split(',')
    {
        let role = role.trim();
        if role.is_empty() || role.len() > 20 || !role.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(MetadataError::Roles);
        }
        if !roles.iter().any(|known| known == role) {
            roles.push(role.to_owned());
        }
    }
    let trial_days = get("rollcall_trial_days")
        .map(|days| match days.parse() {
            Ok(days @ 1..=730) => Ok(days),
            _ => Err(MetadataError::TrialDays),
        })
        .transpose()?;
    let pass = get("rollcall_pass_days")
        .map(|days| PassLength::from_word(days).ok_or(MetadataError::PassDays))
        .transpose()?;
    let order = get("rollcall_order")
        .map(|order| order.parse().map_err(|_| MetadataError::Order))
        .transpose()?
        .unwrap_or(1_000);
    Ok(Some(PlanMeaning {
        audience,
        roles,
        trial_days,
        pass,
        order,
        badge: get("rollcall_badge").map(str::to_owned),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Option<PlanMeaning>, MetadataError> {
        let metadata: HashMap<_, _> = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        meaning(&metadata)
    }

    #[test]
    fn a_product_without_our_key_is_none_of_ours() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("rollcall_roles", "1")]), Ok(None));
    }

    #[test]
    fn readable_metadata_is_read() {
        let plan = read(&[
            ("rollcall_audience", "individual"),
            ("rollcall_roles", "12, 13,12"),
            ("rollcall_trial_days", "14"),
            ("rollcall_pass_days", " life "),
            ("rollcall_order", "2"),
            ("rollcall_badge", " Most chosen "),
        ])
        .unwrap()
        .unwrap();
        assert_eq!(plan.roles, ["12", "13"]);
        assert_eq!((plan.trial_days, plan.order), (Some(14), 2));
        assert_eq!(plan.pass, Some(PassLength::Life));
        assert_eq!(plan.badge.as_deref(), Some("Most chosen"));
    }

    #[test]
    fn what_cannot_be_read_says_which_key() {
        let ours = ("rollcall_audience", "company");
        for (pairs, error) in [
            (
                vec![("rollcall_audience", "everyone")],
                MetadataError::Audience,
            ),
            (vec![("rollcall_audience", "")], MetadataError::Audience),
            (vec![ours], MetadataError::Roles),
            (vec![ours, ("rollcall_roles", "12,")], MetadataError::Roles),
            (
                vec![ours, ("rollcall_roles", "@member")],
                MetadataError::Roles,
            ),
            (
                vec![ours, ("rollcall_roles", "1"), ("rollcall_trial_days", "0")],
                MetadataError::TrialDays,
            ),
            (
                vec![
                    ours,
                    ("rollcall_roles", "1"),
                    ("rollcall_pass_days", "a season"),
                ],
                MetadataError::PassDays,
            ),
            (
                vec![ours, ("rollcall_roles", "1"), ("rollcall_order", "first")],
                MetadataError::Order,
            ),
        ] {
            assert_eq!(read(&pairs), Err(error));
        }
    }
}
