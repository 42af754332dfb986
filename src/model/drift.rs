//! What moves, and what it is put down to.

use super::named::named_enum;

named_enum! {
    /// What moved.
    pub enum DriftKind {
        /// Agreement with humans fell.
        Agreement = "agreement",
        /// The judge changed its mind about items it had judged.
        Judge = "judge",
        /// The judge's verdicts are distributed otherwise.
        Score = "score",
        /// Segments have other shares.
        InputMix = "input_mix",
        /// An annotator labels otherwise.
        Rater = "rater",
        /// The judge's scores fell.
        Quality = "quality",
    }
}

named_enum! {
    /// What a flag is put down to.
    pub enum Attribution {
        /// The judge moved, and its prompt changed.
        JudgePrompt = "judge_prompt",
        /// The judge moved under the same prompt: another model, or silently the same one.
        JudgeModel = "judge_model",
        /// The judge moved when judged itself began to read or render answers otherwise.
        JudgedUpgrade = "judged_upgrade",
        /// The humans moved.
        Raters = "raters",
        /// Segments have other shares.
        InputMix = "input_mix",
        /// Judge and humans stand still on known items, and agree less on new ones.
        NewContent = "new_content",
        /// Judge and humans agree as before: the answers themselves got worse.
        Answers = "answers",
        /// The evidence does not single out one cause.
        Ambiguous = "ambiguous",
    }
}
