//! Records that a broker removed before they were read.

use crate::store::Ledger;
use crate::testing::on_both_databases;

on_both_databases! {
    a_loss_that_two_workers_notice_counts_once(database) {
        let (mine, other) = (&database.store, database.another_worker().await);
        assert!(mine.note_lost_records("otlp_spans", 0, 100, 700).await.unwrap());
        assert!(!other.note_lost_records("otlp_spans", 0, 100, 700).await.unwrap());
        assert!(other.note_lost_records("otlp_spans", 0, 100, 750).await.unwrap(), "retention went on");
        assert!(mine.note_lost_records("otlp_spans", 1, 100, 101).await.unwrap());
        let lost = |ledger: Ledger| ledger.lost.into_iter().collect::<Vec<_>>();
        assert_eq!(lost(mine.ledger(0).await.unwrap()), [("otlp_spans".to_owned(), 651)]);
        database.clock.advance(2 * 3_600_000);
        assert_eq!(lost(mine.ledger(mine.now_ms()).await.unwrap()), []);
    }
}
