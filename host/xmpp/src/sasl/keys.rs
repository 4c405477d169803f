//! What is stored instead of a password, and how a password is checked against it.

use super::Hash;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use stringprep::tables;
use subtle::ConstantTimeEq as _;
use unicode_normalization::UnicodeNormalization as _;

/// PBKDF2 rounds for new accounts and changed passwords.
pub const NEW_ACCOUNT_ITERATIONS: u32 = 10_000;
/// The most rounds that are computed for one password: stored keys may come from an import.
pub const MAX_ITERATIONS: u32 = 10_000_000;
/// The length of a new salt in bytes; the salts shown for unknown accounts have it too.
pub const SALT_BYTES: usize = 16;
/// The longest password after preparation, in bytes.
const MAX_PASSWORD: usize = 1_023;

/// What SCRAM stores of a password (RFC 5802 §3). The password cannot be had back from it.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    /// Random bytes, [`SALT_BYTES`] of them for keys made here.
    pub salt: Vec<u8>,
    /// PBKDF2 rounds, at least one.
    pub iterations: u32,
    /// `H(ClientKey)`, as long as the hash.
    pub stored_key: Vec<u8>,
    /// `ServerKey`, as long as the hash.
    pub server_key: Vec<u8>,
}

impl fmt::Debug for ScramKeys {
    /// Shows no key, so that none reaches a log.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ScramKeys")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

/// An account that may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The account's id, opaque here.
    pub account: u64,
    /// The keys of its password, by hash. An account from before a hash was known here has none for it until its password
    /// changes.
    pub keys: BTreeMap<Hash, ScramKeys>,
}

impl Credentials {
    /// The keys for a hash, if the account has them.
    pub fn keys(&self, hash: Hash) -> Option<&ScramKeys> {
        self.keys.get(&hash)
    }

    /// The keys that a password in clear is checked against: those of the strongest hash.
    pub fn strongest(&self) -> Option<&ScramKeys> {
        self.keys.values().next_back()
    }
}

/// Why a text cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It is empty, or empty after preparation.
    #[error("the password is empty")]
    Empty,
    /// SASLprep (RFC 4013) forbids one of its characters.
    #[error("the password has characters that SASLprep forbids")]
    Forbidden,
    /// It is longer than 1,023 bytes after preparation.
    #[error("the password is longer than 1,023 bytes")]
    TooLong,
}

/// Derives the keys of a password: SASLprep, then PBKDF2. Costs about a millisecond for 4,000 rounds: not for the shards.
///
/// Rounds are taken as at least 1 and at most [`MAX_ITERATIONS`].
pub fn derive(
    password: &str,
    salt: &[u8],
    iterations: u32,
    hash: Hash,
) -> Result<ScramKeys, PasswordError> {
    let prepared = saslprep(password)?;
    if prepared.is_empty() {
        return Err(PasswordError::Empty);
    }
    let iterations = iterations.clamp(1, MAX_ITERATIONS);
    let salted = hash.salted(prepared.as_bytes(), salt, iterations);
    let stored_key = hash.digest(&hash.hmac(&salted, b"Client Key"));
    let server_key = hash.hmac(&salted, b"Server Key");
    Ok(ScramKeys {
        salt: salt.to_vec(),
        iterations,
        stored_key,
        server_key,
    })
}

/// Prepares a password by SASLprep. The result has 1 to 1,023 bytes; a longer one is an error.
pub fn prepare_password(password: &str) -> Result<String, PasswordError> {
    let prepared = saslprep(password)?;
    match prepared.len() {
        0 => Err(PasswordError::Empty),
        1..=MAX_PASSWORD => Ok(prepared.into_owned()),
        _ => Err(PasswordError::TooLong),
    }
}

/// Whether a text can be a password: [`prepare_password`] accepts it.
pub fn is_valid_password(password: &str) -> bool {
    prepare_password(password).is_ok()
}

/// SASLprep (RFC 4013). Characters that Unicode 3.2 does not know, emoji among them, are let through, as RFC 3454 §7 allows where
/// nothing is compared but by its hash. Clients that follow RFC 8265 send them.
fn saslprep(password: &str) -> Result<Cow<'_, str>, PasswordError> {
    stringprep::saslprep(password).or_else(|_| {
        let prepared = prepare_unassigned(password).ok_or(PasswordError::Forbidden)?;
        Ok(Cow::Owned(prepared))
    })
}

/// SASLprep of a query string (RFC 4013 §2.5, RFC 3454 §7): all its steps but the check for unassigned characters.
fn prepare_unassigned(password: &str) -> Option<String> {
    let mapped = password
        .chars()
        .filter(|character| !tables::commonly_mapped_to_nothing(*character))
        .map(|character| {
            if tables::non_ascii_space_character(character) {
                ' '
            } else {
                character
            }
        });
    let normalized: String = mapped.nfkc().collect();
    let allowed = !normalized.chars().any(is_prohibited) && follows_bidi_rules(&normalized);
    allowed.then_some(normalized)
}

/// RFC 4013 §2.3.
fn is_prohibited(character: char) -> bool {
    tables::non_ascii_space_character(character)
        || tables::ascii_control_character(character)
        || tables::non_ascii_control_character(character)
        || tables::private_use(character)
        || tables::non_character_code_point(character)
        || tables::inappropriate_for_plain_text(character)
        || tables::inappropriate_for_canonical_representation(character)
        || tables::change_display_properties_or_deprecated(character)
        || tables::tagging_character(character)
}

/// RFC 3454 §6: text with a right-to-left letter begins and ends with one, and has no left-to-right letter. Letters that
/// Unicode 3.2 does not know are in neither table of the RFC; those of the crate are of Unicode today.
fn follows_bidi_rules(text: &str) -> bool {
    let is_known = |character| !tables::unassigned_code_point(character);
    let right_to_left = |character| tables::bidi_r_or_al(character) && is_known(character);
    let left_to_right = |character| tables::bidi_l(character) && is_known(character);
    let at_the_ends = text.starts_with(right_to_left) && text.ends_with(right_to_left);
    !text.contains(right_to_left) || (at_the_ends && !text.contains(left_to_right))
}

/// Whether the password is the one the keys were derived from. The hash is told by the length of the keys; keys of another
/// length fit no password. A password that SASLprep refuses costs as much as another.
pub fn verify_plain(keys: &ScramKeys, password: &str) -> bool {
    let of_length = |hash: &Hash| hash.length() == keys.stored_key.len();
    let hash = Hash::ALL.into_iter().find(of_length);
    let hash = hash.unwrap_or(Hash::Sha256);
    let Ok(derived) = derive(password, &keys.salt, keys.iterations, hash) else {
        let _ = hash.salted(
            password.as_bytes(),
            &keys.salt,
            keys.iterations.clamp(1, MAX_ITERATIONS),
        );
        return false;
    };
    let stored = derived.stored_key.ct_eq(&keys.stored_key);
    let server = derived.server_key.ct_eq(&keys.server_key);
    (stored & server).into()
}

/// Spends the time of [`verify_plain`] for an account that does not exist, so that the answer's delay tells nothing.
pub fn burn(password: &str) {
    let keys = stand_in_keys(&[0; 32], "", Hash::Sha256);
    let _ = verify_plain(&keys, password);
}

/// Keys for an account that does not exist: the same for the same name on every attempt, fitting no password.
///
/// `name` is the account's bare JID as far as it could be prepared. The salt hangs on `secret`, so it cannot be told from a
/// stored one, and must not change as long as the peer may compare (so the secret is kept over restarts).
pub fn stand_in_keys(secret: &[u8; 32], name: &str, hash: Hash) -> ScramKeys {
    stand_in_keys_like(secret, name, hash, NEW_ACCOUNT_ITERATIONS, SALT_BYTES)
}

/// The same with other rounds and another length of the salt, at most 64: as the keys look that they stand beside.
pub fn stand_in_keys_like(
    secret: &[u8; 32],
    name: &str,
    hash: Hash,
    iterations: u32,
    salt_bytes: usize,
) -> ScramKeys {
    let label = hash.name();
    let tied = |purpose: &str| {
        let bound = format!("{purpose}\0SCRAM-{label}\0{name}");
        Hash::Sha256.hmac(secret, bound.as_bytes())
    };
    let cut = |mut bytes: Vec<u8>, length| {
        bytes.truncate(length);
        bytes
    };
    ScramKeys {
        salt: cut([tied("salt"), tied("more salt")].concat(), salt_bytes),
        iterations,
        stored_key: cut(tied("stored key"), hash.length()),
        server_key: cut(tied("server key"), hash.length()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &[u8] = b"0123456789abcdef";

    #[test]
    fn checks_a_password_against_the_keys_of_either_hash() {
        for hash in [Hash::Sha1, Hash::Sha256] {
            let keys = derive("r0m30myr0m30", SALT, 100, hash).unwrap();
            assert_eq!(keys.stored_key.len(), hash.length());
            assert!(verify_plain(&keys, "r0m30myr0m30"));
            assert!(!verify_plain(&keys, "r0m30myr0m3"));
            assert!(!verify_plain(&keys, ""));
            assert!(!verify_plain(&keys, "\u{7}"));
        }
    }

    #[test]
    fn prepares_passwords_as_rfc_4013_says() {
        let keys = |password| derive(password, SALT, 1, Hash::Sha256);
        assert_eq!(keys("I\u{ad}X"), keys("IX"));
        assert_eq!(keys("\u{2168}"), keys("IX"));
        assert_eq!(keys("\u{aa}"), keys("a"));
        assert_eq!(keys("a\u{a0}b"), keys("a b"));
        assert_ne!(keys("user"), keys("USER"));
        assert_eq!(keys("\u{7}"), Err(PasswordError::Forbidden));
        assert_eq!(keys("\u{627}\u{31}"), Err(PasswordError::Forbidden));
        assert_eq!(keys(""), Err(PasswordError::Empty));
        assert_eq!(keys("\u{ad}"), Err(PasswordError::Empty));
    }

    /// Emoji, the rupee sign, the capital sharp s and Adlam are younger than Unicode 3.2. All else is as SASLprep says.
    #[test]
    fn takes_passwords_whose_only_fault_is_a_younger_character() {
        let keys = |password| derive(password, SALT, 1, Hash::Sha256);
        for password in [
            "\u{1f40e}",
            "a\u{20b9}b",
            "\u{1e9e}",
            "\u{1e922}\u{1e923}",
            "a\u{1e922}",
            "caf\u{e9} \u{1f40e}",
        ] {
            assert!(is_valid_password(password), "{password:?}");
            assert!(
                verify_plain(&keys(password).unwrap(), password),
                "{password:?}"
            );
        }
        assert_eq!(
            keys("\u{1f40e}\u{ad}\u{2168}\u{a0}x"),
            keys("\u{1f40e}IX x")
        );
        assert_ne!(keys("\u{1f40e}"), keys("\u{1f434}"));
        for password in [
            "\u{1f40e}\u{7}",
            "\u{1f40e}\u{e000}",
            "\u{1f40e}\u{202e}",
            "\u{1f40e}\u{fffd}",
            "\u{1f40e}\u{627}",
            "\u{627}\u{1f40e}a\u{627}",
        ] {
            assert_eq!(
                keys(password),
                Err(PasswordError::Forbidden),
                "{password:?}"
            );
            assert!(!is_valid_password(password));
        }
        assert!(is_valid_password("\u{627}\u{1f40e}\u{627}"));
        let longest = "\u{1f40e}".repeat(255);
        assert!(is_valid_password(&longest) && !is_valid_password(&format!("{longest}\u{1f40e}")));
    }

    #[test]
    fn keys_of_a_wrong_length_fit_nothing() {
        let mut keys = derive("secret", SALT, 1, Hash::Sha256).unwrap();
        keys.stored_key.clear();
        keys.server_key.clear();
        assert!(!verify_plain(&keys, "secret"));
    }

    #[test]
    fn stand_in_keys_are_stable_and_look_like_stored_ones() {
        let keys = stand_in_keys(&[7; 32], "nobody@example.com", Hash::Sha256);
        assert_eq!(
            keys,
            stand_in_keys(&[7; 32], "nobody@example.com", Hash::Sha256)
        );
        assert_eq!(
            (keys.salt.len(), keys.iterations),
            (SALT_BYTES, NEW_ACCOUNT_ITERATIONS)
        );
        assert_ne!(
            keys.salt,
            stand_in_keys(&[8; 32], "nobody@example.com", Hash::Sha256).salt
        );
        assert_ne!(
            keys.salt,
            stand_in_keys(&[7; 32], "nobody@example.com", Hash::Sha1).salt
        );
        assert_ne!(
            keys.salt,
            stand_in_keys(&[7; 32], "somebody@example.com", Hash::Sha256).salt
        );
        assert!(!verify_plain(&keys, "password"));
    }

    #[test]
    fn no_key_is_shown_in_a_log() {
        let keys = derive("secret", SALT, 1, Hash::Sha256).unwrap();
        assert_eq!(format!("{keys:?}"), "ScramKeys { iterations: 1, .. }");
    }
}
