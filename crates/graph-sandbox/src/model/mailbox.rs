//! Mailboxes: who they belong to, and which names lead to them.

use uuid::Uuid;

use crate::{
    failure::Failure,
    model::ids::{Folder, Mint},
    random::uuid,
};

/// Address of the mailbox behind `/me`.
pub(crate) const OWN_UPN: &str = "sandbox@example.com";
/// Object id of its owner.
pub(crate) const OWN_USER: Uuid = Uuid::from_u128(0xa8e8e219_4931_45c1_b73d_62626fd79c32);
/// The tenant that everyone is in.
pub(crate) const TENANT: Uuid = Uuid::from_u128(0x72aa88bf_76f0_494f_91ab_2d7cd730db47);

/// Which mailbox a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    Me,
    /// `/users/{address or object id}`.
    User(String),
}

/// One mailbox.
#[derive(Debug)]
pub(crate) struct Mailbox {
    pub(crate) user: Uuid,
    pub(crate) upn: String,
    pub(crate) mint: Mint,
}

impl Mailbox {
    /// The mailbox behind `/me`.
    pub(crate) fn own(rng: &mut fastrand::Rng) -> Self {
        Mailbox {
            user: OWN_USER,
            upn: OWN_UPN.to_owned(),
            mint: Mint::new(OWN_USER, uuid(rng)),
        }
    }

    /// A mailbox for someone whom a request names for the first time.
    pub(crate) fn of(name: &str, rng: &mut fastrand::Rng) -> Result<Self, Failure> {
        let user = match Uuid::try_parse(name) {
            Ok(id) => id,
            Err(_) if is_address(name) => uuid(rng),
            Err(_) => {
                let message = format!("The requested user '{name}' is invalid.");
                return Err(Failure::new(404, "ErrorInvalidUser", message));
            }
        };
        let upn = match is_address(name) {
            true => name.to_lowercase(),
            false => format!("{}@example.com", user.simple()),
        };
        Ok(Mailbox {
            user,
            upn,
            mint: Mint::new(user, uuid(rng)),
        })
    }

    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.upn.eq_ignore_ascii_case(name) || Uuid::try_parse(name).is_ok_and(|id| id == self.user)
    }

    /// The name for people that goes with the address.
    pub(crate) fn display_name(&self) -> String {
        self.upn.split('@').next().unwrap_or_default().to_owned()
    }
}

/// Whether a text can be the address of a mailbox.
pub(crate) fn is_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && !text.contains(char::is_whitespace)
    })
}

/// The folders that a mailbox has from the start: name in paths, and name for people.
pub(crate) const FOLDERS: [(Folder, &str, &str); 7] = [
    (Folder::Inbox, "inbox", "Inbox"),
    (Folder::Drafts, "drafts", "Drafts"),
    (Folder::SentItems, "sentitems", "Sent Items"),
    (Folder::DeletedItems, "deleteditems", "Deleted Items"),
    (Folder::Outbox, "outbox", "Outbox"),
    (Folder::JunkEmail, "junkemail", "Junk Email"),
    (Folder::Archive, "archive", "Archive"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_mailbox_goes_by_its_address_and_its_object_id() {
        let own = Mailbox::own(&mut fastrand::Rng::with_seed(1));
        assert!(own.is_named("Sandbox@Example.com"));
        assert!(own.is_named("a8e8e219-4931-45c1-b73d-62626fd79c32"));
        assert!(!own.is_named("someone@example.com"));
    }

    #[test]
    fn a_name_that_is_neither_address_nor_object_id_is_nobody() {
        let mut rng = fastrand::Rng::with_seed(1);
        assert!(Mailbox::of("shared@example.com", &mut rng).is_ok());
        assert!(Mailbox::of("6f2d4a2e-5d0f-4a5a-9a36-0f1d8a3c1c11", &mut rng).is_ok());
        for name in ["nobody", "", "@", "a@b", "@example.com", "a b@example.com"] {
            assert_eq!(
                Mailbox::of(name, &mut rng).map(|m| m.upn).unwrap_err().code,
                "ErrorInvalidUser"
            );
        }
    }
}
