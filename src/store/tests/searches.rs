//! Lists of evaluations: what filters find, and where a search that takes long goes on.

use std::time::Duration;

use crate::model::Outcome;
use crate::store::{EvaluationFilter, EvaluationSummary, Store};

use crate::testing::evaluated::ten_days;
use crate::testing::on_both_databases;
use crate::testing::records::trace_id;

async fn all(store: &Store, filter: &EvaluationFilter, page: usize) -> Vec<EvaluationSummary> {
    let mut found: Vec<EvaluationSummary> = Vec::new();
    loop {
        let after = found.last().map(EvaluationSummary::cursor);
        let more = store.evaluation_page(filter, after, page, Duration::MAX).await.unwrap();
        assert_eq!(more.searched, None);
        found.extend(more.evaluations);
        if more.next.is_none() {
            return found;
        }
        assert_eq!(more.next, found.last().map(EvaluationSummary::cursor));
    }
}

on_both_databases! {
    filters_find_what_they_name(database) {
        ten_days(&database).await;
        let store = &database.store;
        let everything = all(store, &EvaluationFilter::default(), 500).await;
        assert_eq!(everything.len(), 420 * 6);
        let paged = all(store, &EvaluationFilter::default(), 97).await;
        assert_eq!(paged, everything, "pages overlap or leave something out");
        let holds = async |filter: EvaluationFilter, wanted: &dyn Fn(&EvaluationSummary) -> bool| {
            let found = all(store, &filter, 500).await;
            let expected: Vec<&EvaluationSummary> = everything.iter().filter(|item| wanted(item)).collect();
            assert!(!expected.is_empty(), "{filter:?} should find something");
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}");
        };
        let none = EvaluationFilter::default;
        holds(
            EvaluationFilter { value_below: Some(0.7), documents_below: Some(3), ..none() },
            &|item| item.value.is_some_and(|value| value < 0.7) && item.document_count < 3,
        ).await;
        holds(EvaluationFilter { value_from: Some(1.0), rubric: Some("faithfulness".into()), ..none() },
            &|item| item.value == Some(1.0) && item.rubric == "faithfulness").await;
        holds(EvaluationFilter { judge: Some("baseline".into()), version: Some(1), label: Some("fail".into()), ..none() },
            &|item| item.judge == "baseline" && item.label.as_deref() == Some("fail")).await;
        holds(EvaluationFilter { outcome: Some(Outcome::Failed), ..none() }, &|item| item.outcome == Outcome::Failed).await;
        holds(EvaluationFilter { segment: Some(("environment".into(), "staging".into())), ..none() },
            &|item| item.segments["environment"] == "staging").await;
        holds(EvaluationFilter { text: Some("OVERLAP of".into()), ..none() }, &|item| item.judge == "baseline" && item.rationale.is_some()).await;
        holds(EvaluationFilter { trace: Some(trace_id(7)), ..none() }, &|item| item.trace_id == trace_id(7)).await;
        for nothing in [
            EvaluationFilter { segment: Some(("environment".into(), "Staging".into())), ..none() },
            EvaluationFilter { segment: Some(("environment".into(), "%".into())), ..none() },
            EvaluationFilter { text: Some("over%of".into()), ..none() },
            EvaluationFilter { label: Some("' OR 1=1 --".into()), ..none() },
        ] {
            assert!(all(store, &nothing, 10).await.is_empty(), "{nothing:?}");
        }
    }
}

on_both_databases! {
    /// Scenario: a filter that no index knows, over more than can be looked at at once. Guarantee: the search ends in time,
    /// says how far it came, and goes on from there; nothing is left out.
    a_search_that_ran_out_of_patience_goes_on_where_it_stood(database) {
        ten_days(&database).await;
        let store = &database.store;
        let planned = all(store, &EvaluationFilter::default(), 500).await.len() as u64;
        for filter in [
            EvaluationFilter { text: Some("overlap".into()), ..EvaluationFilter::default() },
            EvaluationFilter { segment: Some(("environment".into(), "nowhere".into())), ..EvaluationFilter::default() },
            EvaluationFilter { judge: Some("baseline".into()), documents_below: Some(2), ..EvaluationFilter::default() },
            EvaluationFilter { label: Some("fail".into()), documents_below: Some(2), ..EvaluationFilter::default() },
        ] {
            let whole = all(store, &filter, 500).await;
            let (mut found, mut after, mut pages, mut looked) = (Vec::new(), None, 0, 0);
            loop {
                let page = store.evaluation_page(&filter, after, 500, Duration::ZERO).await.unwrap();
                found.extend(page.evaluations);
                pages += 1;
                if let Some(searched) = page.searched {
                    assert!(searched.evaluations > 0);
                    looked += searched.evaluations;
                    assert_eq!(page.next.map(|next| next.created_at_ms), Some(searched.until_ms));
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert!(pages > 1, "{filter:?}");
            assert!(looked <= planned, "{looked} of {planned}, {filter:?}");
            assert_eq!(found, whole, "{filter:?}");
        }
        let unknown = EvaluationFilter { judge: Some("nobody".into()), ..EvaluationFilter::default() };
        let page = store.evaluation_page(&unknown, None, 10, Duration::ZERO).await.unwrap();
        assert_eq!((page.evaluations.len(), page.next, page.searched), (0, None, None), "the account knows that there is none");
    }
}
