"""Two weeks of traffic as rows: traces, subjects, evaluations, deliveries, labels and the accounts that explain them.

The numbers are drawn, with the ids, from one seed: the same size gives the same rows in both databases.
"""

import json
import random
import uuid

DAYS = 14
HOUR_MS = 3_600_000

# Rubric -> the labels or numbers that a judge gives, good ones first, and how many of them pass.
SCALES = {
    "faithfulness": ([5, 4, 3, 2, 1], 2),
    "answer_relevance": ([3, 2, 1], 1),
    "instruction_following": ([3, 2, 1], 1),
    "harmfulness": ([1.0, 0.0], 1),
    "tool_call_correctness": (["correct", "wrong_arguments", "wrong_tool", "unnecessary"], 1),
}
JUDGE, MODEL, SINK = "default", "judge-model-1", "otel"
SERVICES = ["support-bot", "search", "checkout-assistant"]
WORDS = (
    "the order was sent on monday and arrives within three days if you ask for express delivery you may return a tent "
    "that you have not used within thirty days of the day on which it came please write to us when a pole is broken"
).split()

COLUMNS = {
    "traces": "trace_id u upstream_probability first_seen_ms last_seen_ms root_seen arrivals assembled_at_ms rate",
    "subjects": "id kind trace_id span_id session_id revision digest observed_at_ms model operation unjudgeable "
    "document_count segments content created_at_ms",
    "evaluations": "id subject_id revision rubric version judge outcome reason inclusion_probability attempts due_at_ms "
    "deadline_ms lease_owner score label value rationale judge_model prompt_hash input_tokens output_tokens cost_usd "
    "latency_ms created_at_ms finished_at_ms",
    "deliveries": "evaluation_id sink state attempts due_at_ms lease_owner created_at_ms finished_at_ms",
    "labels": "subject_id rubric annotator labelled_at_ms score label value rationale stream probability imported_at_ms",
    "intake_account": "hour_ms worker signal received kept sampled_out duplicate own rejected",
    "planning_account": "hour_ms worker rubric version judge subjects",
}
COLUMNS = {table: names.split() for table, names in COLUMNS.items()}


class Traffic:
    """Yields (table, row) for `evaluations` evaluations, of which `label_share` are labelled."""

    def __init__(self, evaluations, label_share, now_ms, seed=7):
        self.evaluations, self.label_share, self.now_ms = evaluations, label_share, now_ms
        self.random = random.Random(seed)
        self.worker = self.uuid()
        self.kept, self.planned = {}, {}

    def uuid(self):
        return uuid.UUID(bytes=self.random.randbytes(16), version=5)

    def text(self, words):
        return " ".join(self.random.choices(WORDS, k=words))

    def rows(self):
        subjects = self.evaluations // len(SCALES)
        step = DAYS * 24 * HOUR_MS / max(subjects, 1)
        session = None
        for number in range(subjects):
            at_ms = int(self.now_ms - DAYS * 24 * HOUR_MS + number * step) - 60_000
            # Conversations of about three turns.
            if session is None or self.random.random() < 0.35:
                session = f"session-{self.random.getrandbits(48):012x}"
            yield from self.one(at_ms, session)
        yield from self.accounts()

    def one(self, at_ms, session):
        draw = self.random.random
        trace_id, span_id, subject_id = self.random.randbytes(16), self.random.randbytes(8), self.uuid()
        hour = at_ms - at_ms % HOUR_MS
        self.kept[hour] = self.kept.get(hour, 0) + 2
        yield "traces", (trace_id, draw() * 0.15, 1.0, at_ms, at_ms, True, 1, at_ms + 10_000, 0.15)
        documents = 3 if draw() < 0.8 else 0
        segments = {
            "environment": "production" if draw() < 0.9 else "staging",
            "model": "model-a" if draw() < 0.7 else "model-b",
            "service": self.random.choice(SERVICES),
        }
        content = {
            "input": self.text(20),
            "output": self.text(60),
            "documents": [{"id": f"doc-{index}", "text": self.text(30)} for index in range(documents)],
        }
        yield "subjects", (
            subject_id, "generation", trace_id, span_id, session, 0, self.random.randbytes(32), at_ms, segments["model"],
            "chat", None, documents, json.dumps(segments, separators=(",", ":")),
            json.dumps(content, separators=(",", ":")), at_ms + 10_000,
        )  # fmt: skip
        good = draw() < 0.85
        for rubric in SCALES:
            yield from self.evaluation(rubric, subject_id, at_ms + 10_000, documents, good)

    def evaluation(self, rubric, subject_id, at_ms, documents, good):
        draw = self.random.random
        identity, outcome, reason = self.uuid(), "scored", None
        if rubric == "faithfulness" and documents == 0:
            outcome, reason = "filtered", "no_documents"
        elif rubric == "tool_call_correctness" and draw() < 0.7:
            outcome, reason = "filtered", "no_tools"
        elif draw() < 0.03:
            outcome, reason = ("abstained", None) if draw() < 0.6 else ("failed", "unparseable")
        hour = at_ms - at_ms % HOUR_MS
        self.planned[hour, rubric] = self.planned.get((hour, rubric), 0) + 1
        answered = outcome in ("scored", "abstained")
        score = label = value = None
        if outcome == "scored":
            score, label, value = self.verdict(rubric, good if draw() < 0.9 else not good)
        finished_ms = at_ms + (0 if outcome == "filtered" else int(2_000 + draw() * 8_000))
        yield "evaluations", (
            identity, subject_id, 0, rubric, 1, JUDGE, outcome, reason, 0.15, 0 if outcome == "filtered" else 1, at_ms,
            at_ms + 24 * HOUR_MS, None if outcome == "filtered" else str(self.worker), score, label, value,
            self.text(25) if outcome != "filtered" else None, MODEL if answered else None,
            self.random.randbytes(32) if answered else None, 900 if answered else None, 120 if answered else None,
            0.0004 if answered else None, int(400 + draw() * 2_000) if answered else None, at_ms, finished_ms,
        )  # fmt: skip
        if outcome != "filtered":
            yield "deliveries", (
                identity, SINK, "sent", 1, finished_ms, str(self.worker), finished_ms, finished_ms + 400,
            )  # fmt: skip
        if outcome == "scored" and draw() < self.label_share * 1.6:
            score, label, value = self.verdict(rubric, good)
            yield "labels", (
                subject_id, rubric, self.random.choice(["alice", "bob"]), finished_ms + HOUR_MS, score, label, value, None,
                "uniform", 0.01, finished_ms + HOUR_MS,
            )  # fmt: skip

    def verdict(self, rubric, good):
        """Score, label and value as they are stored for a verdict on the good or the bad side of the scale."""
        values, passing = SCALES[rubric]
        chosen = self.random.choice(values[:passing] if good else values[passing:])
        if isinstance(chosen, str):
            return None, chosen, None
        low, high = min(values), max(values)
        return float(chosen), "pass" if chosen in values[:passing] else "fail", (chosen - low) / (high - low)

    def accounts(self):
        worker = str(self.worker)
        for hour, kept in self.kept.items():
            sampled_out = kept * 17 // 3
            yield "intake_account", (hour, worker, "traces", kept + sampled_out, kept, sampled_out, 0, 0, 0)
        for (hour, rubric), number in self.planned.items():
            yield "planning_account", (hour, worker, rubric, 1, JUDGE, number)
