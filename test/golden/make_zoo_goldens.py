"""Writes zoo.json: what lm-evaluation-harness asks about the bundled samples, and how it scores made-up answers.

    pip install lm-eval==0.4.13
    python test/golden/make_zoo_goldens.py datasets/samples > test/golden/zoo.json

The stock task files run unmodified but for where the rows come from. The model is a table: log-likelihoods and texts
are drawn from the sha256 of the request, so that the same table can be read back from the file.
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

SAMPLES = os.path.abspath(sys.argv[1])
STOCK = os.path.join(os.path.dirname(lm_eval.__file__), "tasks")


def number(*texts):
    return int(hashlib.sha256("\0".join(texts).encode()).hexdigest()[:8], 16)


class Table(LM):
    """Log-likelihoods in hundredths, greedy one time in two; texts from `texts`."""

    def __init__(self, texts):
        super().__init__()
        self.texts = texts

    def loglikelihood(self, requests):
        return [(-(number(*r.args) % 4000) / 100, number("greedy", *r.args) % 2 == 0) for r in requests]

    def loglikelihood_rolling(self, requests):
        return [-(number(*r.args) % 100000) / 100 for r in requests]

    def generate_until(self, requests):
        return [self.texts[number(r.args[0]) % len(self.texts)] for r in requests]


def jsonl(path):
    return [json.loads(line) for line in open(os.path.join(SAMPLES, path), encoding="utf-8")]


def wikitext_pages():
    """Pages by the rule of wikitext_document_level: a page starts at a line ' = Title = '."""
    pages, page = [], []
    for line in open(os.path.join(SAMPLES, "wikitext2/test.raw"), encoding="utf-8").read().split("\n"):
        heading = line.replace("= = =", "===").replace("= =", "==").strip()
        if heading.startswith("= ") and heading.endswith(" ="):
            pages, page = pages + ["\n".join(page)], []
        page.append(line)
    return [{"page": p} for p in pages + ["\n".join(page)] if p.strip()]


def bigbench():
    rows = json.load(open(os.path.join(SAMPLES, "strategyqa/bigbench.json"), encoding="utf-8"))["examples"]
    return [{"idx": i, "inputs": f"Q: {r['input']}\nA:", "targets": [r["target"]],
             "multiple_choice_targets": list(r["target_scores"]),
             "multiple_choice_scores": list(r["target_scores"].values())} for i, r in enumerate(rows)]


def short(text):
    """A long text as its sum: what is compared is equality."""
    return text if len(text) < 200 else "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def run(folder, name, stock, rows, texts):
    data = os.path.join(folder, name + ".jsonl")
    with open(data, "w", encoding="utf-8") as f:
        f.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    split = "default" if "bigbench" in stock else "validation"
    files = {s: data for s in {"train", "validation", "test", split}}
    task_file = os.path.join(folder, name + ".yaml")
    with open(task_file, "w", encoding="utf-8") as f:
        json.dump({"include": os.path.join(STOCK, stock), "task": "ref_" + name, "dataset_path": "json",
                   "dataset_name": None, "dataset_kwargs": {"data_files": files}}, f)
    result = lm_eval.simple_evaluate(model=Table(texts), tasks=[task_file], task_manager=TaskManager(),
                                     bootstrap_iters=0, log_samples=True)
    # lm-eval logs a sample once for each filter; the requests are the same.
    docs = {}
    for sample in result["samples"]["ref_" + name]:
        doc = docs.setdefault(sample["doc_id"], {
            "requests": [[short(t) for t in a if isinstance(t, str)] for a in sample["arguments"]],
            "answers": [r[0] for r in sample["resps"]],
            **{k: sample[k] for k in ("doc_hash", "prompt_hash", "target_hash")}, "scores": {}})
        for metric in sample["metrics"]:
            doc["scores"][f"{metric},{sample['filter']}"] = sample[metric]
    metrics = {k: v for k, v in result["results"]["ref_" + name].items()
               if "," in k and "stderr" not in k and isinstance(v, float)}
    return {"stock": stock, "docs": [docs[i] for i in sorted(docs)], "metrics": metrics}


BBH = [" True", "The answer is (B).", "so it is false, I think: B", " (A) is right", "seven", "It is -12.", "no\nyes",
       "It is not plausible", "Alice tells the truth", "apple zebra berry apple", " ] ) >", "valid", "Yes, it is.",
       "one hundred and five", "I cannot say"]


def tasks():
    yield "arc_easy", "arc/arc_easy.yaml", jsonl("arc/easy.jsonl"), []
    yield "arc_challenge", "arc/arc_challenge.yaml", jsonl("arc/challenge.jsonl"), []
    yield "boolq", "super_glue/boolq/default.yaml", jsonl("boolq/validation.jsonl"), []
    yield "c4_lm_eval", "c4/c4.yaml", jsonl("c4/validation.jsonl"), []
    yield "hellaswag", "hellaswag/hellaswag.yaml", jsonl("hellaswag/validation.jsonl"), []
    yield "mathqa", "mathqa/mathqa.yaml", jsonl("mathqa/test.jsonl"), []
    yield "strategyqa", "bigbench/multiple_choice/strategyqa.yaml", bigbench(), []
    yield "wikitext", "wikitext/wikitext.yaml", wikitext_pages(), []
    yield "winogrande", "winogrande/default.yaml", jsonl("winogrande/validation.jsonl"), []


def main():
    with tempfile.TemporaryDirectory() as folder:
        done = {name: run(folder, name, stock, rows, texts) for name, stock, rows, texts in tasks()}
    how = f"make_zoo_goldens.py: lm-eval {lm_eval.__version__} on datasets/samples, with answers drawn by sha256"
    print(json.dumps({"how": how, "tasks": done}, ensure_ascii=False, indent=0))


main()
