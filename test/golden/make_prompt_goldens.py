"""Writes prompts.json: the prompts that lm-evaluation-harness builds, with shots and in chat templates.

    pip install lm-eval==0.4.13 transformers==5.24.0
    python test/golden/make_prompt_goldens.py EVALHARNESS_DATA datasets/samples MODEL.gguf > test/golden/prompts.json

A prompt is kept as the sha256 of a document's requests (context and continuation, joined by NUL). The templates are
written for this test, but for the model's own ("model"), of which only the hash is kept.
"""

import hashlib
import json
import os
import struct
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import jinja2
import lm_eval
from lm_eval.tasks import TaskManager
from transformers.utils.chat_template_utils import render_jinja_template

DATA, SAMPLES, MODEL = (os.path.abspath(p) for p in sys.argv[1:4])
STOCK = os.path.join(os.path.dirname(lm_eval.__file__), "tasks")
DOCUMENTS = 10

TEMPLATES = {
    # Blanks and line breaks around statements, a loop that is left, what is undefined.
    "lines": """{#- made up -#}
{% if tools is not none and strftime_now is defined %}
    tools
{% endif %}
{{ bos_token }}{% for message in messages %}
    {%- if message.tool_calls or message['name'] %}odd{% continue %}{% endif %}
    {% if loop.first and message['role'] == 'system' %}
[{{ message.content | trim }}]
    {% elif message['role'] != 'nobody' %}
<{{ message['role'] | upper ~ unknown }}>{{ message['content'] }}{{ eos_token if not loop.last }}
    {% else %}
        {% break %}
    {% endif %}
{% endfor %}
{%+ if add_generation_prompt +%}
<ASSISTANT>
{%- endif %}

""",
    # As templates without a system role are: they refuse it, and turns must alternate.
    "alternating": """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {{ raise_exception('no system role') }}
{%- endif -%}
{%- for message in messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception('turns must alternate') }}
    {%- endif -%}
    {%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}
    {{ '<turn>' + role + '\\n' + message['content'] | trim + '</turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{ '<turn>model\\n' }}
{%- endif -%}""",
    # A default system message, a namespace, text marked as the assistant's, JSON.
    "marked": """{% set ns = namespace(system='You help.', turns=0) %}
{% if messages[0].role == 'system' %}{% set ns.system = messages[0].content %}{% set messages = messages[1:] %}{% endif %}
<s>{{ {'system': ns.system, 'who': "it's <you>"} | tojson }}
{% for m in messages %}
{% if m.role == 'assistant' %}
{% generation %}A:{{ m.content }}{% endgeneration %}{{ eos_token }}
{% else %}
{% set ns.turns = ns.turns + 1 %}
U{{ ns.turns }}:{{ m.content }}
{% endif %}
{% endfor %}
{% if add_generation_prompt %}A:{% endif %}""",
}


def model_template():
    """The string behind the key in the file's header."""
    head = open(MODEL, "rb").read(64 << 20)
    at = head.index(b"tokenizer.chat_template") + len("tokenizer.chat_template")
    kind, size = struct.unpack_from("<IQ", head, at)
    assert kind == 8
    return head[at + 12: at + 12 + size].decode()


def apply(template):
    """As lm-eval's HFLM.apply_chat_template over a tokenizer with these special tokens."""
    def render(messages, add_generation_prompt):
        return render_jinja_template([messages], chat_template=template, add_generation_prompt=add_generation_prompt,
                                     continue_final_message=not add_generation_prompt,
                                     bos_token="<|im_start|>", eos_token="<|im_end|>")[0][0]

    def chat(messages, add_generation_prompt=True):
        try:
            return render(messages, add_generation_prompt)
        except jinja2.exceptions.TemplateError:
            return render([m for m in messages if m["role"] != "system"], add_generation_prompt)
    return chat


def rows(path):
    text = open(path, encoding="utf-8").read()
    return [json.loads(line) for line in text.splitlines()]


def piqa():
    labels = open(f"{DATA}/piqa/valid-labels.lst").read().split()
    return [{"goal": r["goal"], "sol1": r["sol1"], "sol2": r["sol2"], "label": int(label)}
            for r, label in zip(rows(f"{DATA}/piqa/valid.jsonl"), labels)]


def openbookqa():
    return [{"question_stem": r["query"], "choices": {"text": r["choices"], "label": list("ABCD")},
             "answerKey": "ABCD"[r["gold"]]} for r in rows(f"{DATA}/openbookqa/test.llm-foundry.jsonl")]


def commonsense(name):
    return [{"question": r["question"]["stem"], "answerKey": r["answerKey"],
             "choices": {k: [c[k] for c in r["question"]["choices"]] for k in ("text", "label")}}
            for r in rows(f"{DATA}/commonsenseqa/{name}_rand_split.jsonl")]


DATASETS = {
    "piqa": ("piqa/piqa.yaml", {"train": piqa, "validation": piqa}),
    "openbookqa": ("openbookqa/openbookqa.yaml", {"train": openbookqa, "validation": openbookqa, "test": openbookqa}),
    "commonsense_qa": ("commonsense_qa/default.yaml",
                       {"train": lambda: commonsense("train"), "validation": lambda: commonsense("dev")}),
    "gsm8k": ("gsm8k/gsm8k.yaml", {s: (lambda s=s: rows(f"{DATA}/gsm8k/{s}.jsonl")) for s in ("train", "test")}),
    "winogrande": ("winogrande/default.yaml",
                   {s: (lambda: rows(f"{SAMPLES}/winogrande/validation.jsonl")) for s in ("train", "validation")}),
    "gsm8k_cot_llama": ("gsm8k/gsm8k-cot-llama.yaml", {"test": lambda: rows(f"{DATA}/gsm8k/test.jsonl")}),
}
# Of the bundled rows and shots.
SAMPLED = {
    "gsm8k_cot_llama": ("gsm8k/gsm8k-cot-llama.yaml", {"test": lambda: rows(f"{SAMPLES}/gsm8k/test.jsonl")},
                        lambda: {"fewshot_config": {"sampler": "first_n",
                                                    "samples": rows(f"{SAMPLES}/gsm8k_cot/llama_shots.jsonl")}}),
}

# (task, keys over the stock file's, template, how)
CASES = [
    ("openbookqa", {"num_fewshot": 3, "fewshot_split": "test"}, None, {}),
    ("commonsense_qa", {"num_fewshot": 7}, None, {}),
    ("piqa", {"num_fewshot": 4, "fewshot_split": "validation"}, None, {}),
    ("piqa", {"num_fewshot": 1, "fewshot_split": "validation", "description": "Choose.", "gen_prefix": "I choose"}, None,
     {"system_instruction": "Be brief."}),
    ("piqa", {}, "model", {}),
    ("piqa", {"num_fewshot": 2, "fewshot_split": "validation"}, "model", {}),
    ("piqa", {"gen_prefix": "The answer is"}, "model", {"system_instruction": "Be brief."}),
    ("gsm8k", {}, "model", {}),
    ("gsm8k", {}, "model", {"fewshot_as_multiturn": False}),
    ("gsm8k", {"description": "Solve it.\n", "gen_prefix": "Step 1: "}, "model",
     {"system_instruction": "Be brief.", "fewshot_as_multiturn": False}),
    ("gsm8k", {"gen_prefix": "Step 1: "}, "alternating", {"system_instruction": "Be brief."}),
    ("openbookqa", {"num_fewshot": 1, "fewshot_split": "test"}, "lines", {"system_instruction": " Be brief."}),
    ("commonsense_qa", {"num_fewshot": 2, "gen_prefix": "So "}, "marked", {}),
    ("winogrande", {"num_fewshot": 1, "fewshot_split": "validation"}, "lines", {}),
    ("winogrande", {"num_fewshot": 1, "fewshot_split": "validation"}, "marked", {"fewshot_as_multiturn": False}),
    ("gsm8k_cot_llama", {}, None, {}),
    ("gsm8k_cot_llama", {}, "model", {}),
    ("gsm8k_cot_llama", {}, "model", {"fewshot_as_multiturn": False}),
]
SAMPLED_CASES = [
    ("gsm8k_cot_llama", {}, "marked", {"system_instruction": "Be brief."}),
    ("gsm8k_cot_llama", {}, "alternating", {}),
    ("gsm8k_cot_llama", {}, "lines", {"fewshot_as_multiturn": False}),
]


def digest(requests):
    return hashlib.sha256("\0".join(t for r in requests for t in r if isinstance(t, str)).encode()).hexdigest()


def run(folder, task, keys, template, how, sets=DATASETS):
    stock, splits, *changes = sets[task]
    changes = changes[0]() if changes else {}
    files = {}
    for split, read in splits.items():
        files[split] = os.path.join(folder, f"{task}.{split}{'' if sets is DATASETS else '.sample'}.jsonl")
        if not os.path.exists(files[split]):
            with open(files[split], "w", encoding="utf-8") as f:
                f.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in read())
    path = os.path.join(folder, "case.yaml")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"include": os.path.join(STOCK, stock), "task": "case", "dataset_path": "json", "dataset_name": None,
                   "dataset_kwargs": {"data_files": files}, **changes, **keys}, f)
    made = TaskManager(include_defaults=False).load([path])["tasks"]["case"]
    made.set_fewshot_seed(1234)
    chat = {"apply_chat_template": True, "chat_template": apply(TEMPLATES[template]),
            "fewshot_as_multiturn": True} if template else {}
    made.build_all_requests(limit=DOCUMENTS, rank=0, world_size=1, **{**chat, **how})
    by_document = {}
    for instance in made.instances:
        by_document.setdefault(instance.doc_id, []).append(instance.args)
    return {"task": task, "keys": keys, "template": template, **how,
            "sha256": [digest(by_document[d]) for d in sorted(by_document)]}


def main():
    TEMPLATES["model"] = model_template()
    with tempfile.TemporaryDirectory() as folder:
        cases = [run(folder, *case) for case in CASES]
        cases += [{**run(folder, *case, SAMPLED), "sample": True} for case in SAMPLED_CASES]
    shown = {name: text for name, text in TEMPLATES.items() if name != "model"}
    print(json.dumps({
        "how": f"make_prompt_goldens.py: lm-eval {lm_eval.__version__}, transformers 5.24.0, jinja2 {jinja2.__version__}",
        "model_template_sha256": hashlib.sha256(TEMPLATES["model"].encode()).hexdigest(),
        "templates": shown, "cases": cases}, ensure_ascii=False, indent=1))


main()
