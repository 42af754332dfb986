//! Thresholds of judges that give probabilities, as they were chosen on labels. One is never changed: a new choice gets the next
//! number.

use super::{Store, StoreError, read, row, transaction};

/// What a threshold is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThresholdKey {
    pub rubric: String,
    pub version: u32,
    pub judge: String,
    /// The model whose probabilities it cuts, as it is recorded without a threshold.
    pub model: String,
}

/// A threshold as it was chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct ChosenThreshold {
    pub key: ThresholdKey,
    /// From 1 on, in order of choice.
    pub number: u32,
    pub value: f64,
    /// How it was found.
    pub method: String,
    /// What was known of it when it was chosen, as JSON.
    pub evidence: String,
    /// When, milliseconds since the Unix epoch: it judges what comes after.
    pub chosen_at_ms: i64,
}

row! {
    struct ThresholdRow {
        rubric: String,
        version: i64,
        judge: String,
        model: String,
        number: i64,
        value: f64,
        method: String,
        evidence: String,
        chosen_at_ms: i64,
    }
}

impl Store {
    /// All thresholds that were ever chosen, in order of choice for each key.
    pub async fn thresholds(&self) -> Result<Vec<ChosenThreshold>, StoreError> {
        let found: Vec<ThresholdRow> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT rubric, version, judge, model, number, value, method, evidence, chosen_at_ms FROM judge_thresholds \
                 ORDER BY rubric, version, judge, model, number",
            )
            .fetch_all(pool)
            .await?
        });
        Ok(found.into_iter().map(ThresholdRow::into_chosen).collect())
    }

    /// Stores a threshold under the next number of its key, which it returns.
    pub async fn choose_threshold(
        &self,
        key: &ThresholdKey,
        value: f64,
        method: &str,
        evidence: &str,
    ) -> Result<u32, StoreError> {
        let now_ms = self.now_ms();
        let (number,): (i64,) = transaction!(self, DB, tx => {
            sqlx::query_as(
                "INSERT INTO judge_thresholds (rubric, version, judge, model, number, value, method, evidence, chosen_at_ms) \
                 VALUES ($1, $2, $3, $4, (SELECT COALESCE(max(number), 0) + 1 FROM judge_thresholds \
                 WHERE rubric = $1 AND version = $2 AND judge = $3 AND model = $4), $5, $6, $7, $8) RETURNING number",
            )
            .bind(&key.rubric)
            .bind(i64::from(key.version))
            .bind(&key.judge)
            .bind(&key.model)
            .bind(value)
            .bind(method)
            .bind(evidence)
            .bind(now_ms)
            .fetch_one(&mut *tx)
            .await?
        });
        Ok(number as u32)
    }
}

impl ThresholdRow {
    fn into_chosen(self) -> ChosenThreshold {
        let (rubric, judge, model) = (self.rubric, self.judge, self.model);
        ChosenThreshold {
            key: ThresholdKey { rubric, version: self.version as u32, judge, model },
            number: self.number as u32,
            value: self.value,
            method: self.method,
            evidence: self.evidence,
            chosen_at_ms: self.chosen_at_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_both_databases;

    on_both_databases! {
        every_choice_has_the_next_number_of_its_key(database) {
            let store = &database.store;
            let key = |model: &str| ThresholdKey {
                rubric: "kind".into(), version: 1, judge: "decider".into(), model: model.into(),
            };
            assert_eq!(store.choose_threshold(&key("m"), 0.6, "agreement", "{}").await.unwrap(), 1);
            assert_eq!(store.choose_threshold(&key("m"), 0.5, "platt", "{}").await.unwrap(), 2);
            assert_eq!(store.choose_threshold(&key("n"), 0.7, "isotonic", "{}").await.unwrap(), 1);
            let all = store.thresholds().await.unwrap();
            let told: Vec<(&str, u32, f64)> =
                all.iter().map(|one| (one.key.model.as_str(), one.number, one.value)).collect();
            assert_eq!(told, [("m", 1, 0.6), ("m", 2, 0.5), ("n", 1, 0.7)]);
        }
    }
}
