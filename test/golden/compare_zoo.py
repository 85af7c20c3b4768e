"""Compares what each pure-YAML task file asks here with what lm-evaluation-harness itself asks, on the same made-up row.

    ./evalharness tasks check LM_EVAL_TASKS --output json > zoo.json
    python test/golden/compare_zoo.py zoo.json LM_EVAL_TASKS

LM_EVAL_TASKS: the folder lm_eval/tasks of the installed package. In place of its dataset each task gets the row that the
check found, 60 times, in every split (they differ in a column that no field names). Contexts, targets, stop strings
and max_gen_toks of the first document's requests must be equal. Prints the counts, and the first differences.
"""

import collections
import json
import logging
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
logging.disable(logging.CRITICAL)

import datasets
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks._yaml_loader import load_yaml

MAX_TOKENS_NAMES = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_length")


class Rows(list):
    @property
    def features(self):
        return dict.fromkeys(self[0])

    def select(self, indices):
        return Rows(self[i] for i in indices)


class EverySplit:
    def __init__(self, row):
        self.row = row

    def __getitem__(self, split):
        return Rows({**json.loads(json.dumps(self.row)), " number": i} for i in range(60))


def as_dict(instance):
    arguments = instance.args
    if instance.request_type == "loglikelihood":
        return {"context": arguments[0], "target": arguments[1]}
    if instance.request_type == "loglikelihood_rolling":
        return {"text": arguments[0]}
    context, options = arguments
    until = options.get("until") or []
    tokens = next((options[name] for name in MAX_TOKENS_NAMES if name in options), 256)
    return {"context": context, "until": [until] if isinstance(until, str) else list(until), "max_gen_toks": tokens}


def requests_of_lm_eval(path, row):
    datasets.load_dataset = lambda *args, **options: EverySplit(row)
    config = {k: v for k, v in load_yaml(path).items() if k not in ("tag", "group", "task_list", "include")}
    task = ConfigurableTask(config=config)
    task.set_fewshot_seed(1234)
    task.build_all_requests(limit=1, rank=0, world_size=1)
    return [as_dict(instance) for instance in task.instances]


def main(report, root):
    counts = collections.Counter()
    for file in json.load(open(report))["files"]:
        if "requests" not in file:
            continue
        try:
            theirs = requests_of_lm_eval(os.path.join(root, file["path"]), file["row"])
        except Exception as error:  # whatever a task file's own templates raise
            theirs = f"{type(error).__name__}: {error}"
        same = theirs == file["requests"]
        counts["equal" if same else "different"] += 1
        if not same and counts["different"] <= 10:
            print(f"{file['path']}\n  lm-eval {theirs!r:.2000}\n  here    {file['requests']!r:.2000}")
    print(dict(counts))


if __name__ == "__main__":
    main(*sys.argv[1:])
