#!/usr/bin/env bash
# Question: does a judge's "NO" with a reason after it fail an answer in LlamaIndex's faithfulness and relevancy evaluators?
# Guess: yes: the prompt asks for YES or NO, and the reply begins with NO.
# Seen: llama-index-core 0.14.25 looks for the letters "yes" anywhere in the reply, so that "NO. The shop closed yesterday." scores
#   1.0 and passes; the same refusal without that word scores 0.0.
# Why it matters: a model that explains itself passes answers it refused, and only about some subjects (yesterday, eyes). Such scores
#   come into traces and labels as a judge's verdict, and an agreement computed on them blames the model.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile llama-index-core==0.14.25
cat >verdicts.py <<'PY'
from llama_index.core.evaluation import FaithfulnessEvaluator, RelevancyEvaluator
from llama_index.core.llms import CompletionResponse, CustomLLM, LLMMetadata


class Replies(CustomLLM):
    """A model that gives one reply to every prompt."""

    reply: str

    @property
    def metadata(self):
        return LLMMetadata()

    def complete(self, prompt, formatted=False, **kwargs):
        return CompletionResponse(text=self.reply)

    def stream_complete(self, prompt, formatted=False, **kwargs):
        yield self.complete(prompt)


for reply in ("NO. The shop closed on Monday.", "NO. The shop closed yesterday."):
    for evaluator in (FaithfulnessEvaluator, RelevancyEvaluator):
        judged = evaluator(llm=Replies(reply=reply)).evaluate(
            query="Is the shop open?", response="It is.", contexts=["The shop is closed."]
        )
        print(evaluator.__name__, reply, judged.passing, judged.score, sep="|")
PY
saw=$(venv/bin/python verdicts.py)
echo "llama-index-core 0.14.25 (evaluator|reply|passing|score):"
echo "$saw"
[ "$saw" = "FaithfulnessEvaluator|NO. The shop closed on Monday.|False|0.0
RelevancyEvaluator|NO. The shop closed on Monday.|False|0.0
FaithfulnessEvaluator|NO. The shop closed yesterday.|True|1.0
RelevancyEvaluator|NO. The shop closed yesterday.|True|1.0" ] || { echo "this has changed"; exit 1; }
