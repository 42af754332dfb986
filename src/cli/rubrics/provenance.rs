//! Who publishes a rubric, and from which commit: as git knows it.

use std::path::Path;
use std::process::Command;

/// What git answers in the folder, if it is there and has an answer.
fn git(dir: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(dir).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Who publishes: as git knows them, else the user's name.
pub(super) fn author(dir: &Path) -> Option<String> {
    let name = git(dir, &["config", "user.name"]).filter(|name| !name.is_empty());
    let email = git(dir, &["config", "user.email"]).filter(|email| !email.is_empty());
    match (name, email) {
        (Some(name), Some(email)) => Some(format!("{name} <{email}>")),
        (Some(one), None) | (None, Some(one)) => Some(one),
        (None, None) => std::env::var("USER").ok().filter(|user| !user.is_empty()),
    }
}

/// The commit of the folder; marked when files in it are not what the commit holds.
pub(super) fn commit(dir: &Path) -> Option<String> {
    let commit = git(dir, &["rev-parse", "HEAD"])?;
    let clean = git(dir, &["status", "--porcelain", "--", "."])?.is_empty();
    Some(if clean { commit } else { format!("{commit}-dirty") })
}
