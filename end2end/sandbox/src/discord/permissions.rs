//! Who may do what: permission bits and the hierarchy of roles.

use super::state::{Guild, Member, Role};

pub const CREATE_INSTANT_INVITE: u64 = 1 << 0;
pub const KICK_MEMBERS: u64 = 1 << 1;
pub const BAN_MEMBERS: u64 = 1 << 2;
pub const ADMINISTRATOR: u64 = 1 << 3;
pub const MANAGE_CHANNELS: u64 = 1 << 4;
pub const MANAGE_GUILD: u64 = 1 << 5;
pub const VIEW_AUDIT_LOG: u64 = 1 << 7;
pub const VIEW_CHANNEL: u64 = 1 << 10;
pub const SEND_MESSAGES: u64 = 1 << 11;
pub const MANAGE_MESSAGES: u64 = 1 << 13;
pub const READ_MESSAGE_HISTORY: u64 = 1 << 16;
pub const CHANGE_NICKNAME: u64 = 1 << 26;
pub const MANAGE_NICKNAMES: u64 = 1 << 27;
pub const MANAGE_ROLES: u64 = 1 << 28;
pub const USE_APPLICATION_COMMANDS: u64 = 1 << 31;
pub const MODERATE_MEMBERS: u64 = 1 << 40;
/// Every bit Discord has given out so far.
pub const ALL: u64 = (1 << 53) - 1;

impl Guild {
    /// What a member may do in the whole server: the owner and administrators everything,
    /// others the union of @everyone and their roles.
    pub(super) fn permissions_of(&self, member: &Member) -> u64 {
        if member.user_id == self.owner_id {
            return ALL;
        }
        let mut bits = self.roles.get(&self.id).map_or(0, |role| role.permissions);
        for role in member.roles.iter().filter_map(|id| self.roles.get(id)) {
            bits |= role.permissions;
        }
        if bits & ADMINISTRATOR == 0 { bits } else { ALL }
    }

    /// The member's highest role; @everyone for one without roles.
    pub(super) fn highest_role(&self, member: &Member) -> Option<&Role> {
        member
            .roles
            .iter()
            .filter_map(|id| self.roles.get(id))
            .chain(self.roles.get(&self.id))
            .max_by(|one, other| one.rank().cmp(&other.rank()))
    }

    /// Whether `member` stands above that role, as managing or granting it needs.
    pub(super) fn stands_above_role(&self, member: &Member, role: &Role) -> bool {
        member.user_id == self.owner_id
            || self
                .highest_role(member)
                .is_some_and(|highest| highest.rank() > role.rank())
    }

    /// Whether `member` stands above `other`, as kicking, banning or renaming needs.
    pub(super) fn stands_above_member(&self, member: &Member, other: &Member) -> bool {
        if other.user_id == self.owner_id {
            return member.user_id == self.owner_id;
        }
        self.highest_role(other)
            .is_none_or(|role| self.stands_above_role(member, role))
    }
}

impl Role {
    /// Higher wins; of two roles at one position the one with the lower id stands higher.
    pub(super) fn rank(&self) -> (i64, std::cmp::Reverse<u64>) {
        (self.position, std::cmp::Reverse(self.id))
    }
}
