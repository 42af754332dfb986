//! Which keys differ between two configurations: by name, since values may be secrets.

use toml::{Table, Value};

use super::Config;

/// The keys that differ, as they are written in the file: `sampling.rate`. A list of sections is one key.
pub fn changed_keys(old: &Config, new: &Config) -> Vec<String> {
    let mut keys = Vec::new();
    if old == new {
        return keys;
    }
    // Every section has a form as TOML: it was read from one.
    let tables = [old, new].map(|config| Table::try_from(config).unwrap_or_default());
    compare("", &tables[0], &tables[1], &mut keys);
    // What shows as *** in that form is compared as it is.
    let hidden_judges = new.judges.iter().filter(|(name, judge)| old.judges.get(*name) != Some(*judge));
    let hidden = [
        ("intake.amqp".to_owned(), old.intake.amqp != new.intake.amqp),
        ("alerts.webhook".to_owned(), old.alerts.webhook != new.alerts.webhook),
        ("sinks".to_owned(), old.sinks != new.sinks),
    ];
    let hidden_judges = hidden_judges.map(|(name, _)| (format!("judges.{name}"), true));
    for (section, differs) in hidden.into_iter().chain(hidden_judges) {
        if differs && !keys.iter().any(|key| key.starts_with(&section)) {
            keys.push(section);
        }
    }
    keys.sort();
    keys
}

fn compare(path: &str, old: &Table, new: &Table, keys: &mut Vec<String>) {
    let removed = old.keys().filter(|key| !new.contains_key(*key));
    for key in new.keys().chain(removed) {
        let name = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (old.get(key), new.get(key)) {
            (Some(Value::Table(old)), Some(Value::Table(new))) => compare(&name, old, new, keys),
            (old, new) if old == new => {}
            _ => keys.push(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(old: &str, new: &str) -> Vec<String> {
        changed_keys(&toml::from_str(old).unwrap(), &toml::from_str(new).unwrap())
    }

    #[test]
    fn keys_that_differ_are_named_and_a_default_written_out_is_no_change() {
        assert_eq!(changed("", "sampling.rate = 0.15"), Vec::<String>::new());
        let new = "sampling.rate = 0.5\n[assembly]\nsettle = \"3s\"\n[judges.a]\nprovider = \"baseline\"";
        assert_eq!(changed("", new), ["assembly.settle", "judges.a", "sampling.rate"]);
        assert_eq!(changed("[[privacy.patterns]]\nname = \"a\"\nregex = \"b\"", ""), ["privacy.patterns"]);
    }

    #[test]
    fn a_changed_secret_is_named_by_its_section() {
        let amqp = |password: &str| format!("[intake.amqp]\nurl = \"amqp://me:{password}@host\"");
        assert_eq!(changed(&amqp("one"), &amqp("two")), ["intake.amqp"]);
        let webhook = |path: &str| {
            format!("[[alerts.webhook]]\nname = \"chat\"\nkind = \"slack\"\nurl = \"https://hooks.example/{path}\"")
        };
        assert_eq!(changed(&webhook("one"), &webhook("two")), ["alerts.webhook"]);
    }
}
