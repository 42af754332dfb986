//! Names of members, variables, parameters and headers whose value is a secret, in the languages most often met.

/// What a name says of the value behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SecretName {
    /// A password: anything, however short.
    Password,
    /// A key or token.
    Key,
    /// A name that alone says little: a word of a text is a token, and a test that succeeded a pass. Only what is opaque.
    Ambiguous,
    /// A signature, whose name is used for other things as well: only what looks random.
    Random,
    /// A PIN or a one-time code: a few digits.
    Code,
    /// The header with cookies.
    Cookie,
    /// The header with credentials behind a scheme.
    Authorization,
    /// A connection string.
    Connection,
}

/// Names that count wherever a longer name ends with them.
const ENDINGS: [(&str, SecretName); 53] = [
    ("password", SecretName::Password),
    ("passwd", SecretName::Password),
    ("passphrase", SecretName::Password),
    ("passwort", SecretName::Password),
    ("kennwort", SecretName::Password),
    ("contrasena", SecretName::Password),
    ("contrasea", SecretName::Password),
    ("motdepasse", SecretName::Password),
    ("wachtwoord", SecretName::Password),
    ("losenord", SecretName::Password),
    ("adgangskode", SecretName::Password),
    ("passord", SecretName::Password),
    ("salasana", SecretName::Password),
    ("passcode", SecretName::Password),
    ("secret", SecretName::Key),
    ("secretkey", SecretName::Key),
    ("apikey", SecretName::Key),
    ("accesskey", SecretName::Key),
    ("accesskeyid", SecretName::Key),
    ("secretaccesskey", SecretName::Key),
    ("privatekey", SecretName::Key),
    ("accountkey", SecretName::Key),
    ("signingkey", SecretName::Key),
    ("encryptionkey", SecretName::Key),
    ("masterkey", SecretName::Key),
    ("subscriptionkey", SecretName::Key),
    ("storagekey", SecretName::Key),
    ("authkey", SecretName::Key),
    ("functionskey", SecretName::Key),
    ("sharedkey", SecretName::Key),
    ("accesstoken", SecretName::Key),
    ("authtoken", SecretName::Key),
    ("refreshtoken", SecretName::Key),
    ("sessiontoken", SecretName::Key),
    ("bearertoken", SecretName::Key),
    ("idtoken", SecretName::Key),
    ("jsessionid", SecretName::Key),
    ("sessid", SecretName::Key),
    ("xsrftoken", SecretName::Key),
    ("csrftoken", SecretName::Key),
    ("secretkeybase", SecretName::Key),
    ("appkey", SecretName::Key),
    ("licensekey", SecretName::Key),
    ("securitytoken", SecretName::Key),
    ("securitycode", SecretName::Code),
    ("verificationcode", SecretName::Code),
    ("accesscode", SecretName::Code),
    ("signature", SecretName::Random),
    ("authorization", SecretName::Authorization),
    ("setcookie", SecretName::Cookie),
    ("connectionstring", SecretName::Connection),
    ("connstring", SecretName::Connection),
    ("connstr", SecretName::Connection),
];

/// Names that count as a word of their own at the end of a longer one.
const WORDS: [(&str, SecretName); 31] = [
    ("pwd", SecretName::Password),
    ("pass", SecretName::Key),
    ("pw", SecretName::Key),
    ("psw", SecretName::Key),
    ("pat", SecretName::Key),
    ("bearer", SecretName::Key),
    ("auth", SecretName::Random),
    ("mdp", SecretName::Password),
    ("senha", SecretName::Password),
    ("haslo", SecretName::Password),
    ("haso", SecretName::Password),
    ("heslo", SecretName::Password),
    ("lsenord", SecretName::Password),
    ("parola", SecretName::Password),
    ("sifre", SecretName::Password),
    ("clave", SecretName::Password),
    ("token", SecretName::Key),
    ("jwt", SecretName::Key),
    ("credential", SecretName::Key),
    ("credentials", SecretName::Key),
    ("sas", SecretName::Random),
    ("sig", SecretName::Random),
    ("sid", SecretName::Random),
    ("dsn", SecretName::Connection),
    ("cookie", SecretName::Cookie),
    ("cookies", SecretName::Cookie),
    ("pin", SecretName::Code),
    ("otp", SecretName::Code),
    ("totp", SecretName::Code),
    ("cvv", SecretName::Code),
    ("cvc", SecretName::Code),
];

/// Names that say of what they are a key only as the end of a longer one: `bot_token`, `db_pass`.
const AMBIGUOUS: [&str; 4] = ["token", "pass", "pat", "pw"];

/// How many bytes of a name are looked at: its end.
pub(super) const LONGEST: usize = 48;

/// The names by their last two letters, as bits by their number: what passes over most names at once.
const BY_LAST_TWO: [[u128; 26]; 26] = {
    let mut letters = [[0; 26]; 26];
    let mut index = 0;
    while index < ENDINGS.len() + WORDS.len() {
        let bytes = numbered(index).0.as_bytes();
        letters[(bytes[bytes.len() - 2] - b'a') as usize][(bytes[bytes.len() - 1] - b'a') as usize] |= 1 << index;
        index += 1;
    }
    letters
};

/// The name of that number: endings first.
const fn numbered(number: usize) -> (&'static str, SecretName) {
    if number < ENDINGS.len() { ENDINGS[number] } else { WORDS[number - ENDINGS.len()] }
}

/// The numbers of the names that end with these two letters, as bits.
fn ending_with([first, second]: [u8; 2]) -> u128 {
    let letter = |byte: u8| usize::from(byte.to_ascii_lowercase().wrapping_sub(b'a'));
    BY_LAST_TWO.get(letter(first)).and_then(|row| row.get(letter(second))).copied().unwrap_or(0)
}

impl SecretName {
    /// Whether a name can end with these two letters.
    pub(super) fn ends(last_two: [u8; 2]) -> bool {
        !last_two.is_ascii() || ending_with(last_two) != 0
    }

    /// What the name says, whatever its case and separators.
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        let name = &name[name.len().saturating_sub(LONGEST)..];
        let mut buffer = [0u8; LONGEST];
        let (mut length, mut word) = (0, 0);
        let mut before = 0u8;
        for byte in name {
            if byte.is_ascii_alphanumeric() {
                if before.is_ascii_lowercase() && byte.is_ascii_uppercase() {
                    word = length;
                }
                buffer[length] = byte.to_ascii_lowercase();
                length += 1;
            } else if byte.is_ascii() {
                word = length;
            }
            before = *byte;
        }
        let (whole, word) = (&buffer[..length], &buffer[word..length]);
        let mut candidates = ending_with(*whole.last_chunk()?);
        while candidates != 0 {
            let number = candidates.trailing_zeros() as usize;
            candidates &= candidates - 1;
            let (one, secret) = numbered(number);
            let is_it = if number < ENDINGS.len() { whole.ends_with(one.as_bytes()) } else { word == one.as_bytes() };
            if is_it {
                let is_ambiguous = AMBIGUOUS.iter().any(|one| whole == one.as_bytes());
                return Some(if is_ambiguous { Self::Ambiguous } else { secret });
            }
        }
        None
    }

    /// Every name, for tests.
    #[cfg(test)]
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        ENDINGS.iter().chain(&WORDS).map(|(name, _)| *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_whatever_their_case_and_separators() {
        let of = |name: &str| SecretName::of(name.as_bytes());
        for name in ["password", "DB_PASSWORD", "userPassword", "new-password", "pwd", "PASSWORT", "lösenord"] {
            assert_eq!(of(name), Some(SecretName::Password), "{name}");
        }
        for name in
            ["api_key", "X-Api-Key", "clientSecret", "access_token", "bot-token", "AccountKey", "SharedAccessKey"]
        {
            assert_eq!(of(name), Some(SecretName::Key), "{name}");
        }
        for name in ["token", "Token", "pass", "PAT", "pw"] {
            assert_eq!(of(name), Some(SecretName::Ambiguous), "{name}");
        }
        for name in ["bypass", "max_token_count", "key", "policy", "spin", "stop_sequence"] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
