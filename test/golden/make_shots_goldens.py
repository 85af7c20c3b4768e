"""Writes shots.json: what lm-evaluation-harness asks in tasks with fixed examples or none, and what its filters make of
made-up answers. Prompts are kept as sums only.

    pip install lm-eval==0.4.13 regex word2number
    python test/golden/make_shots_goldens.py "$EVALHARNESS_DATA" datasets/samples > test/golden/shots.json

The stock task files run unmodified but for where the rows come from: bbh/bbh/*.json, gsm8k/test.jsonl and
lambada/lambada_test_plain_text.txt below the first folder; under "samples", rows and examples of the bundled samples.
"""

import hashlib
import json
import os
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import lm_eval
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager

DATA, SAMPLES = sys.argv[1:]
STOCK = os.path.join(os.path.dirname(lm_eval.__file__), "tasks")
ASKED = 16  # documents of each task
SCORED = 8  # of them, those whose answers are kept

BBH = [" True", "The answer is (B).", "so it is false, I think: B", " (A) is right", "seven", "It is -12.", "no\nyes",
       "It is not plausible", "Alice tells the truth", "apple zebra berry apple", " ] ) >", "valid", "Yes, it is.",
       "one hundred and five", "I cannot say", "one million two thousand", "Twenty three apples, and six pears", "No",
       "the answer is yes.", "(C) or (D)", "The final answer: (E). It is", "(), or [ ] or }"]
GSM8K = ["The answer is 18.", "5 + 4 = 9. The answer is 1,234. The answer is 3.", "#### 12", "It costs $7.50 in all",
         "The answer is -3", "nothing to count here", "The answer is 18", "the answer is 7.", "The answer is $20."]

LLAMA = ["So that is 5 + 13. The final answer is 18", "The final answer is $1,234.", "The final answer is 3. The final answer is 42.",
         "5 + 4 = 9. The answer is 9", "nothing to count here", "the final answer is 7", "The final answer is -3", "#### 12"]


def number(text):
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


class Table(LM):
    """Texts are drawn by the sum of the prompt and by how often it was asked before."""

    def __init__(self, texts):
        super().__init__()
        self.texts = texts
        self.asked = {}

    def loglikelihood(self, requests):
        return [(-1.0, False) for _ in requests]

    def loglikelihood_rolling(self, requests):
        raise NotImplementedError

    def generate_until(self, requests):
        answers = []
        for r in requests:
            count = self.asked[r.args[0]] = self.asked.get(r.args[0], -1) + 1
            answers.append(self.texts[number(r.args[0] + str(count)) % len(self.texts)])
        return answers


def run(manager, folder, name, stock, rows, texts, changes={}):
    data = os.path.join(folder, name + ".jsonl")
    with open(data, "w", encoding="utf-8") as f:
        f.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    task_file = os.path.join(folder, name + ".yaml")
    with open(task_file, "w", encoding="utf-8") as f:
        json.dump({"include": os.path.join(STOCK, stock), "task": "ref_" + name, "dataset_path": "json", "dataset_name": None,
                   "dataset_kwargs": {"data_files": {s: data for s in ("train", "validation", "test")}}, **changes}, f)
    result = lm_eval.simple_evaluate(model=Table(texts), tasks=[task_file], task_manager=manager, bootstrap_iters=0,
                                     log_samples=True, limit=ASKED)
    # lm-eval logs a sample once for each filter; the requests are the same.
    samples = result["samples"]["ref_" + name]
    prompts = {s["doc_id"]: "\0".join(a for a in s["arguments"][0] if isinstance(a, str)) for s in samples}
    done = {"first": hashlib.sha256(prompts[0].encode()).hexdigest(),
            "all": hashlib.sha256("\0".join(prompts[i] for i in sorted(prompts)).encode()).hexdigest()}
    if texts:
        places = {text: i for i, text in enumerate(texts)}
        kept = [s for s in samples if s["doc_id"] < SCORED]
        some = kept[0]["filter"]
        done["answers"] = [[places[t] for t in s["resps"][0]] for s in kept if s["filter"] == some]
        done["filtered"], done["exact_match"] = {}, {}
        for s in kept:
            done["filtered"].setdefault(s["filter"], []).append(s["filtered_resps"][0])
            done["exact_match"].setdefault(s["filter"], []).append(s["exact_match"])
        done["until"], done["max_tokens"] = samples[0]["arguments"][0][1]["until"], samples[0]["arguments"][0][1].get("max_gen_toks", 256)
    return done


def jsonl(folder, path):
    return [json.loads(line) for line in open(os.path.join(folder, path), encoding="utf-8")]


def samples():
    def of(path):
        return {"fewshot_config": {"sampler": "first_n", "samples": jsonl(SAMPLES, path)}}

    shots = of("gsm8k_cot/shots.jsonl")
    rows = jsonl(SAMPLES, "gsm8k/test.jsonl")
    yield "gsm8k_cot", "gsm8k/gsm8k-cot.yaml", rows, GSM8K, shots
    yield "gsm8k_cot_zeroshot", "gsm8k/gsm8k-cot-zeroshot.yaml", rows, GSM8K, {}
    yield "gsm8k_cot_self_consistency", "gsm8k/gsm8k-cot-self-consistency.yaml", rows, GSM8K, shots
    yield "gsm8k_cot_llama", "gsm8k/gsm8k-cot-llama.yaml", rows, LLAMA, of("gsm8k_cot/llama_shots.jsonl")
    text = open(os.path.join(SAMPLES, "lambada_standard/test.txt"), encoding="utf-8")
    yield "lambada_standard", "lambada/lambada_standard.yaml", [{"text": line.strip()} for line in text], [], {}


def tasks():
    ways = {"cot_fewshot": "bbh_cot_fewshot", "fewshot": "bbh_fewshot", "zeroshot": "bbh_zeroshot", "cot_zeroshot": "bbh_cot_zeroshot"}
    for part in sorted(os.listdir(os.path.join(DATA, "bbh/bbh"))):
        rows = json.load(open(os.path.join(DATA, "bbh/bbh", part), encoding="utf-8"))["examples"]
        for folder, prefix in ways.items():
            part_name = part.removesuffix(".json")
            yield f"{prefix}_{part_name}", f"bbh/{folder}/{part_name}.yaml", rows, BBH
    rows = jsonl(DATA, "gsm8k/test.jsonl")
    yield "gsm8k_cot", "gsm8k/gsm8k-cot.yaml", rows, GSM8K
    yield "gsm8k_cot_zeroshot", "gsm8k/gsm8k-cot-zeroshot.yaml", rows, GSM8K
    yield "gsm8k_cot_self_consistency", "gsm8k/gsm8k-cot-self-consistency.yaml", rows, GSM8K
    yield "gsm8k_cot_llama", "gsm8k/gsm8k-cot-llama.yaml", rows, LLAMA
    text = open(os.path.join(DATA, "lambada/lambada_test_plain_text.txt"), encoding="utf-8")
    yield "lambada_standard", "lambada/lambada_standard.yaml", [{"text": line.strip()} for line in text], []


def written(tasks):
    return ",\n".join(json.dumps(name) + ": " + json.dumps(task, ensure_ascii=False) for name, task in tasks.items())


def main():
    manager = TaskManager()
    with tempfile.TemporaryDirectory() as folder:
        real = {task[0]: run(manager, folder, *task) for task in tasks()}
        sample = {task[0]: run(manager, folder, *task) for task in samples()}
    how = f"make_shots_goldens.py: lm-eval {lm_eval.__version__}; sha256 of the prompt of the first document and of the first {ASKED}"
    texts = json.dumps({"bbh": BBH, "gsm8k": GSM8K, "gsm8k_cot_llama": LLAMA}, ensure_ascii=False)
    print(f'{{"how": {json.dumps(how)},\n"texts": {texts},\n"tasks": {{\n{written(real)}\n}},\n"samples": {{\n{written(sample)}\n}}}}')


main()
