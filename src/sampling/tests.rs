use proptest::prelude::*;

use super::*;
use crate::model::Value;

fn sampler(toml: &str) -> Sampler {
    salted(toml, "judged")
}

fn salted(toml: &str, salt: &str) -> Sampler {
    Sampler::from_config(&toml::from_str(toml).unwrap(), salt).unwrap()
}

fn refusal(toml: &str) -> SamplerError {
    Sampler::from_config(&toml::from_str(toml).unwrap(), "judged").unwrap_err()
}

fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect()
}

fn trace(number: u64) -> TraceId {
    let mut bytes = [0x5a; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    TraceId::try_from(bytes.as_slice()).unwrap()
}

/// The rate of a trace of one span.
/// The rate of a trace with these spans.
fn rate_of_trace<'a>(
    sampler: &Sampler,
    spans: impl IntoIterator<Item = SpanFacts<'a>>,
    rubric: Option<&str>,
) -> Probability {
    let matches = spans.into_iter().fold(Matches::default(), |matches, span| matches.or(sampler.matches(span)));
    sampler.rate_of(matches, rubric)
}

fn rate(
    sampler: &Sampler,
    resource: &[(&str, &str)],
    span: &[(&str, &str)],
    failed: bool,
    rubric: Option<&str>,
) -> f64 {
    let (resource, attributes) = (attributes(resource), attributes(span));
    let facts = SpanFacts { resource: &resource, attributes: &attributes, failed };
    rate_of_trace(sampler, [facts], rubric).get()
}

#[test]
fn the_first_matching_rule_sets_the_rate() {
    let sampler = sampler(
        r#"
        rate = 0.15
        [[rules]]
        match = { "deployment.environment.name" = ["staging", "test"] }
        rate = 1
        [[rules]]
        match = { error = true }
        rate = 0.5
        [[rules]]
        match = { intent = "refund", "gen_ai.request.model" = "large" }
        rate = 0.8
        "#,
    );
    let staging = [("deployment.environment.name", "staging")];
    let refund = [("intent", "refund"), ("gen_ai.request.model", "large")];
    assert_eq!(rate(&sampler, &staging, &refund, true, None), 1.0);
    assert_eq!(rate(&sampler, &[], &refund, true, None), 0.5);
    assert_eq!(rate(&sampler, &[], &refund, false, None), 0.8);
    assert_eq!(rate(&sampler, &[], &refund[..1], false, None), 0.15, "every condition must hold");
}

#[test]
fn conditions_must_hold_in_one_span_but_any_span_of_the_trace_may_be_the_one() {
    let sampler = sampler("rate = 0.1\n[[rules]]\nmatch = { a = \"1\", b = \"2\" }\nrate = 0.9");
    let resource = Attributes::default();
    let (both, only_a, only_b) =
        (attributes(&[("a", "1"), ("b", "2")]), attributes(&[("a", "1")]), attributes(&[("b", "2")]));
    let facts = |attributes| SpanFacts { resource: &resource, attributes, failed: false };
    assert_eq!(rate_of_trace(&sampler, [facts(&only_a), facts(&only_b)], None).get(), 0.1);
    assert_eq!(rate_of_trace(&sampler, [facts(&only_a), facts(&both)], None).get(), 0.9);
}

#[test]
fn a_rule_for_some_rubrics_leaves_the_others_to_the_next_rule() {
    let sampler = sampler(
        r#"
        rate = 0.1
        [[rules]]
        match = { thumbs = "down" }
        rate = 0.7
        rubrics = ["refusal"]
        [[rules]]
        match = { thumbs = ["down", "up"] }
        rate = 0.3
        "#,
    );
    let down = [("thumbs", "down")];
    assert_eq!(rate(&sampler, &[], &down, false, Some("refusal")), 0.7);
    assert_eq!(rate(&sampler, &[], &down, false, Some("faithfulness")), 0.3);
    assert_eq!(rate(&sampler, &[], &down, false, None), 0.7, "intake keeps what the keenest rubric wants");
}

#[test]
fn values_of_any_type_are_compared_by_their_text() {
    let sampler = sampler("rate = 0\n[[rules]]\nmatch = { score = -1, beta = true }\nrate = 1");
    let attributes: Attributes =
        [("score".to_owned(), Value::Int(-1)), ("beta".to_owned(), Value::Bool(true))].into_iter().collect();
    let facts = SpanFacts { resource: &Attributes::default(), attributes: &attributes, failed: false };
    assert_eq!(rate_of_trace(&sampler, [facts], None), Probability::ONE);
}

#[test]
fn the_bound_knows_what_the_resource_has_already_decided() {
    let sampler = sampler(
        r#"
        rate = 0.15
        [[rules]]
        match = { "deployment.environment.name" = "staging" }
        rate = 1.0
        [[rules]]
        match = { intent = "chitchat" }
        rate = 0.01
        "#,
    );
    let bound = |pairs: &[(&str, &str)]| {
        let bound = sampler.bound(&attributes(pairs));
        (bound.low.get(), bound.high.get())
    };
    assert_eq!(bound(&[("deployment.environment.name", "staging")]), (1.0, 1.0));
    assert_eq!(bound(&[("deployment.environment.name", "production")]), (0.01, 0.15));
    assert_eq!(bound(&[]), (0.01, 0.15));
}

#[test]
fn a_service_rule_may_still_be_met_by_another_service_of_the_trace() {
    let sampler = sampler("rate = 0.1\n[[rules]]\nmatch = { \"service.name\" = \"bot\" }\nrate = 1.0");
    assert!(!sampler.reads_spans());
    assert_eq!(sampler.bound(&attributes(&[("service.name", "frontend")])).high, Probability::ONE);
}

#[test]
fn rules_that_say_nothing_are_refused_with_their_number() {
    assert_eq!(refusal("[[rules]]\nmatch = {}\nrate = 1"), SamplerError::MatchesEverything { rule_number: 1 });
    assert_eq!(refusal("[[rules]]\nmatch = { error = false }\nrate = 1"), SamplerError::ErrorIsTrue { rule_number: 1 });
    assert_eq!(
        refusal("[[rules]]\nmatch = { a = [] }\nrate = 1"),
        SamplerError::NoValues { rule_number: 1, key: "a".to_owned() }
    );
    assert_eq!(refusal("[[rules]]\nrubrics = []\nrate = 1"), SamplerError::NoRubrics { rule_number: 1 });
    let many = "[[rules]]\nmatch = { error = true }\nrate = 1\n".repeat(65);
    assert_eq!(refusal(&many), SamplerError::TooManyRules { found: 65, limit: 64 });
    assert!(toml::from_str::<SamplingConfig>("rate = 1.5").is_err());
}

#[test]
fn the_draw_is_uniform_and_another_salt_draws_independently() {
    let (first, second) = (salted("", "a"), salted("", "b"));
    let traces = 20_000u64;
    let (mut below, mut both) = (0.0, 0.0);
    for number in 0..traces {
        let (a, b) = (first.u(trace(number), "").u, second.u(trace(number), "").u);
        below += f64::from(a < 0.2);
        both += f64::from(a < 0.2 && b < 0.2);
    }
    // Five standard errors of a binomial proportion.
    let near =
        |count: f64, expected: f64| (count / traces as f64 - expected).abs() < 5.0 * (expected / traces as f64).sqrt();
    assert!(near(below, 0.2), "{below}");
    assert!(near(both, 0.04), "{both}");
}

#[test]
fn the_draw_of_a_trace_never_changes_between_releases() {
    // Workers of two releases run side by side during an upgrade: they must agree.
    let sampler = salted("", "judged");
    let id: TraceId = "0af7651916cd43dd8448eb211c80319c".parse().unwrap();
    assert_eq!(sampler.u(id, "").u, FIXED_DRAW);
}

/// Computed by an independent SipHash-1-3 under the first 16 bytes of SHA-256("judged").
const FIXED_DRAW: f64 = 0.266_719_752_678_970_97;

/// Scenario: the crate of the hash gets another version. Guarantee: it gives what the first release of judged computed with
/// code of its own.
#[test]
fn the_keyed_hash_is_that_of_every_earlier_release() {
    let counting = 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f_u128;
    let trace = 0xa30e_0c04_b7c7_f05d_9e7f_6103_7cb8_6b6b_u128;
    for (key, [of_counting, of_ones, of_trace]) in [
        ((0, 0), [0x8972_1884_33a5_c5b7, 0x3502_9a3b_6274_a39b, 0x6fab_3a29_d6fb_95c2]),
        ((1, 0), [0xde2f_7768_ba89_3d84, 0x789b_e312_abd3_54cd, 0xe86a_5049_547b_18c3]),
        ((0, 1), [0xfe90_5f37_5d37_232d, 0x7654_8cc1_b11b_2d18, 0x256f_2afd_3174_743e]),
        (
            (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908),
            [0xcc4f_dd1a_7d90_8b66, 0x04c3_a2db_3412_81ec, 0x8857_ca36_fe96_6ee9],
        ),
    ] {
        let hash = SipHasher13::new_with_keys(key.0, key.1);
        assert_eq!(hash.hash(&counting.to_be_bytes()), of_counting, "{key:x?}");
        assert_eq!(hash.hash(&[0xff; 16]), of_ones, "{key:x?}");
        assert_eq!(hash.hash(&trace.to_be_bytes()), of_trace, "{key:x?}");
    }
}

#[test]
fn the_consistent_form_judges_a_share_of_what_an_upstream_sampler_let_through() {
    let sampler = sampler("consistent = true");
    // th:c lets a quarter through: those whose randomness is in the top quarter.
    let draw = |randomness: &str| sampler.u(trace(1), &format!("ot=th:c;rv:{randomness}"));
    assert_eq!(draw("ffffffffffffff").u, 0.0);
    assert_eq!(
        draw("e0000000000000"),
        Draw { u: draw("e0000000000000").u, upstream: Probability::try_from(0.25).unwrap() }
    );
    assert!((draw("e0000000000000").u - 0.5).abs() < 1e-12);
    assert!(draw("c0000000000000").u < 1.0);
    // The selection is the one a sampler with the product of the probabilities makes: R >= 2^56 (1 - 0.25 * 0.4).
    assert!(draw("e6666666666667").u < 0.4);
    assert!(draw("e6666666666657").u > 0.4);
}

proptest! {
    /// What the prefilter relies on: no rule can take a trace out of the bound of any of its resources.
    #[test]
    fn the_rate_stays_within_the_bound(
        rules in proptest::collection::vec((any_conditions(), 0.0..=1.0f64, proptest::option::of(proptest::sample::subsequence(vec!["x", "y"], 1..=2))), 0..5),
        spans in proptest::collection::vec((any_span(), any::<bool>()), 1..4),
        service in "[ab]",
        environment in proptest::option::of("[st]"),
    ) {
        let rules = rules.into_iter().map(|(conditions, rate, rubrics)| crate::config::sampling::RuleConfig {
            conditions: conditions.into_iter().map(|(key, value)| {
                let value = if key == "error" { crate::config::sampling::Scalar::Bool(true) } else { crate::config::sampling::Scalar::Text(value) };
                (key, crate::config::sampling::OneOrMany::One(value))
            }).collect(),
            rate: Probability::try_from(rate).unwrap(),
            rubrics: rubrics.map(|names| names.into_iter().map(str::to_owned).collect()),
        }).collect();
        let sampler = Sampler::from_config(&SamplingConfig { rules, ..SamplingConfig::default() }, "judged").unwrap();
        let mut pairs = vec![("service.name", service.as_str())];
        pairs.extend(environment.as_deref().map(|value| ("deployment.environment.name", value)));
        let resource = attributes(&pairs);
        let facts = spans.iter().map(|(attributes, failed)| SpanFacts { resource: &resource, attributes, failed: *failed });
        let rate = rate_of_trace(&sampler, facts, None);
        let bound = sampler.bound(&resource);
        prop_assert!(bound.low <= rate && rate <= bound.high, "{bound:?} {rate:?}");
    }
}

fn any_conditions() -> impl Strategy<Value = std::collections::BTreeMap<String, String>> {
    let key = proptest::sample::select(vec!["service.name", "deployment.environment.name", "error", "intent", "topic"]);
    proptest::collection::btree_map(key.prop_map(str::to_owned), "[abst]", 1..3)
}

fn any_span() -> impl Strategy<Value = Attributes> {
    proptest::collection::vec((proptest::sample::select(vec!["intent", "topic", "service.name"]), "[abst]"), 0..3)
        .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect())
}
