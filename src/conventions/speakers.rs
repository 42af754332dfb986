//! Other agents whose turns were written as a user's: frameworks that hand a conversation over do so, with a name.

use super::span_view::Source;
use crate::model::{Message, ProblemCode, Role};

/// Gives messages of role `user` that carry another name than the first one the role of another participant, so that
/// they are not taken for what the user asked.
pub(super) fn tell_apart(source: &Source<'_>, input: &mut [Message]) {
    let mut users = input.iter_mut().filter(|message| message.role == Role::User);
    let Some(first) = users.next() else { return };
    let person = first.name.clone();
    let mut others = 0;
    for message in users {
        if let Some(name) = message.name.clone().filter(|name| Some(name) != person.as_ref()) {
            message.role = Role::Other(name);
            others += 1;
        }
    }
    if others > 0 {
        source.report(
            ProblemCode::OtherSpeakers,
            format!("{others} messages of role user carry another name; the request is the first speaker's"),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{ProblemCode, Role};

    #[test]
    fn agents_written_as_users_are_not_the_user() {
        let said = |name: &str, text: &str| {
            format!(r#"{{"role":"user"{name},"parts":[{{"type":"text","content":"{text}"}}]}}"#)
        };
        let input = format!("[{},{}]", said("", "Which warranty?"), said(r#","name":"StockAgent""#, "12 kettles."));
        let chat = || SpanBuilder::new("chat").with("gen_ai.operation.name", "chat");
        let step = chat().with("gen_ai.input.messages", input.as_str()).step();
        let roles: Vec<Role> = step.input.unwrap_or_default().into_iter().map(|message| message.role).collect();
        assert_eq!(roles, [Role::User, Role::Other("StockAgent".into())]);
        assert_eq!(step.problems[0].code, ProblemCode::OtherSpeakers);
        let one = format!("[{0},{0}]", said(r#","name":"anna""#, "Which warranty?"));
        assert!(chat().with("gen_ai.input.messages", one.as_str()).step().problems.is_empty());
    }
}
