//! The keys of a process, and where each of them comes from: the configuration or the installation's row.

use secrecy::SecretSlice;

use crate::config::Config;
use crate::config::privacy::PrivacyConfig;
use crate::privacy::PlaceholderKey;
use crate::secrets::{MacKey, PUBLIC_SALT, Purpose, SecretError, SecretPlace, process_variable};
use crate::store::{Installation, Store, StoreError};

/// The keys of a process.
pub struct Keys {
    /// Draws the samples.
    pub salt: String,
    /// Makes the placeholders of redaction.
    pub placeholders: PlaceholderKey,
    /// Makes the keys of data blocks.
    pub fence: MacKey,
    /// Seals what forms of the pages bring back.
    pub seal: MacKey,
}

impl Keys {
    /// The keys that go with a configuration and an installation.
    pub fn new(config: &Config, installation: &Installation) -> Result<Self, SecretError> {
        Ok(Self {
            salt: salt(config, installation).to_owned(),
            placeholders: placeholders(config, installation)?,
            fence: installation.secret.derive(Purpose::Fence),
            seal: installation.secret.derive(Purpose::Seal),
        })
    }
}

/// The installation as a worker takes it up: a database of an earlier version keeps the salt that it was run with.
pub async fn take_up(store: &Store, config: &Config) -> Result<Installation, StoreError> {
    let installation = store.installation().await?;
    if installation.salt.is_some() {
        return Ok(installation);
    }
    store.note_earlier_salt(config.sampling.salt.as_deref().unwrap_or(PUBLIC_SALT)).await
}

/// The salt in force.
pub fn salt<'a>(config: &'a Config, installation: &'a Installation) -> &'a str {
    config.sampling.salt.as_deref().or(installation.salt.as_deref()).unwrap_or(PUBLIC_SALT)
}

/// Where the salt in force comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaltOrigin {
    /// `sampling.salt`.
    Configured,
    /// Drawn at random for this database.
    Random,
    /// A database of an earlier version goes on with the salt that it was run with.
    Earlier,
}

/// Where the salt in force comes from.
pub fn salt_origin(config: &Config, installation: &Installation) -> SaltOrigin {
    match (&config.sampling.salt, installation.salt_makes_placeholders) {
        (Some(_), _) => SaltOrigin::Configured,
        (None, true) => SaltOrigin::Earlier,
        (None, false) => SaltOrigin::Random,
    }
}

/// Where the key of the placeholders comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceholderOrigin {
    /// `privacy.key_env` or `privacy.key_file`.
    Configured,
    /// Made from the installation's secret.
    Secret,
    /// A database of an earlier version goes on with its salt.
    EarlierSalt,
}

/// Where the key of the placeholders comes from.
pub fn placeholder_origin(config: &Config, installation: &Installation) -> PlaceholderOrigin {
    let PrivacyConfig { key_env, key_file, .. } = &config.privacy;
    if key_env.is_some() || key_file.is_some() {
        PlaceholderOrigin::Configured
    } else if installation.salt_makes_placeholders {
        PlaceholderOrigin::EarlierSalt
    } else {
        PlaceholderOrigin::Secret
    }
}

fn placeholders(config: &Config, installation: &Installation) -> Result<PlaceholderKey, SecretError> {
    if let Some(key) = configured_key(&config.privacy)? {
        return Ok(PlaceholderKey::Shared(key));
    }
    Ok(match earlier_salt(config, installation) {
        Some(salt) => PlaceholderKey::Shared(salt.as_bytes().to_vec().into()),
        None => PlaceholderKey::Installation(installation.secret.derive(Purpose::Placeholder)),
    })
}

/// The salt that still makes placeholders: the one noted, whatever `sampling.salt` says now.
pub fn earlier_salt<'a>(config: &'a Config, installation: &'a Installation) -> Option<&'a str> {
    let noted = || installation.salt.as_deref().or(config.sampling.salt.as_deref()).unwrap_or(PUBLIC_SALT);
    installation.salt_makes_placeholders.then(noted)
}

fn configured_key(config: &PrivacyConfig) -> Result<Option<SecretSlice<u8>>, SecretError> {
    let place = SecretPlace {
        env_key: "key_env",
        env: config.key_env.as_deref(),
        file_key: "key_file",
        file: config.key_file.as_deref(),
    };
    place.read_key(&process_variable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::InstallationSecret;

    fn installation(salt: Option<&str>, salt_makes_placeholders: bool) -> Installation {
        let secret = InstallationSecret::random();
        Installation { secret, secret_since_ms: 0, salt: salt.map(str::to_owned), salt_makes_placeholders }
    }

    fn with_salt(salt: &str) -> Config {
        let mut config = Config::default();
        config.sampling.salt = Some(salt.to_owned());
        config
    }

    #[test]
    fn a_configured_salt_draws_the_samples_and_makes_no_placeholders() {
        let (config, new) = (with_salt("mine"), installation(Some("random"), false));
        assert_eq!((salt(&config, &new), salt_origin(&config, &new)), ("mine", SaltOrigin::Configured));
        assert_eq!(placeholder_origin(&config, &new), PlaceholderOrigin::Secret);
        assert_eq!(salt(&Config::default(), &new), "random");
    }

    #[test]
    fn an_earlier_database_keeps_the_placeholders_of_the_salt_that_was_noted() {
        let earlier = installation(Some("noted"), true);
        assert_eq!(earlier_salt(&with_salt("changed since"), &earlier), Some("noted"));
        assert_eq!(earlier_salt(&Config::default(), &installation(None, true)), Some(PUBLIC_SALT));
        assert_eq!(earlier_salt(&with_salt("mine"), &installation(None, true)), Some("mine"));
        assert_eq!(earlier_salt(&with_salt("mine"), &installation(Some("random"), false)), None);
    }
}
