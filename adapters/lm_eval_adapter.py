"""evalharness as a model of lm-evaluation-harness (lm-eval 0.4).

    python adapters/lm_eval_adapter.py --model evalharness --model_args model=smollm2-135m,dtype=bf16 --tasks piqa

takes the arguments of `lm_eval`. From a program: import this file, then simple_evaluate(model="evalharness",
model_args={"model": "models/gptq_3bit"}). `model`: what `evalharness score` takes, a folder of `compress --out`
among it; `dtype`: bf16 or f32; `program`: the evalharness to run.

One process of `score` answers all requests of a kind; requests and answers are JSON lines, in order. Text is
tokenised there, by lm-eval's rules for a context and its continuation and for a text by windows. Greedy generation only.
"""

import json
import os
import subprocess

from lm_eval.api.model import LM
from lm_eval.api.registry import register_model

PROGRAM = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "evalharness")
MAX_TOKENS = 256  # lm-eval's own default


@register_model("evalharness")
class EvalharnessLM(LM):
    def __init__(self, model="smollm2-135m", dtype="bf16", program=PROGRAM, **ignored):
        super().__init__()
        unknown = set(ignored) - {"batch_size", "max_batch_size", "device"}  # lm-eval passes these to every model
        if unknown:
            raise ValueError(f"evalharness: unknown model_args: {', '.join(sorted(unknown))}; expected model, dtype, program")
        self._command = [program, "score", model, "--dtype", dtype]

    def loglikelihood(self, requests, disable_tqdm=False):
        answers = self._ask([{"context": r.args[0], "target": r.args[1]} for r in requests])
        return [(a["log_prob"], a["greedy"]) for a in answers]

    def generate_until(self, requests, disable_tqdm=False):
        return [a["text"] for a in self._ask([self._generation(*r.args) for r in requests])]

    def loglikelihood_rolling(self, requests, disable_tqdm=False):
        return [a["log_prob"] for a in self._ask([{"rolling": r.args[0]} for r in requests])]

    @staticmethod
    def _generation(context, options):
        if options.get("do_sample") or options.get("temperature", 0) > 0:
            raise NotImplementedError(f"evalharness score generates greedily; this task asks for {options}")
        until = options.get("until") or []
        until = [until] if isinstance(until, str) else [u for u in until if u]
        return {"context": context, "until": until, "max_tokens": options.get("max_gen_toks", MAX_TOKENS)}

    def _ask(self, requests):
        lines = "".join(json.dumps(r) + "\n" for r in requests)
        done = subprocess.run(self._command, input=lines, stdout=subprocess.PIPE, text=True, check=True, encoding="utf-8")
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        if len(answers) != len(requests):
            raise RuntimeError(f"evalharness score: {len(requests)} requests, {len(answers)} answers")
        return answers


if __name__ == "__main__":
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()
