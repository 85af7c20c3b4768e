"""Cuts the figures that the engine's tests need out of the reference figures.

usage: make_engine_goldens.py GOLDEN_DIR OUT_DIR

GOLDEN_DIR holds logits.json, ppl_*.json and wanda.json as the Python originals gave them (torch,
transformers; their `how` fields say versions and protocols). Nothing is computed here.
"""
import json
import sys
from pathlib import Path

source, target = Path(sys.argv[1]), Path(sys.argv[2])


def load(name):
    return json.loads((source / name).read_text())


logits = load("logits.json")
write = {
    "logits.json": {
        "how": logits["how"],
        "prompts": [
            {key: p[key] for key in ("name", "text", "ids", "logprob_next_f32", "last_top5_ids", "greedy24_ids")}
            for p in logits["prompts"]
        ],
    },
    "perplexity.json": {
        "how": "mean NLL of each window; ppl_*.json of the reference figures",
        "wikitext2-2048": load("ppl_wikitext2_all_windows.json"),
        "wikitext2-512": load("ppl_wikitext2.json")["512_first20"],
        "c4-new-2048": load("ppl_c4.json")["2048_first12"],
        "ptb-new-2048": load("ppl_ptb.json")["2048_first12"],
    },
    "wanda.json": load("wanda.json"),
}
for name, value in write.items():
    (target / name).write_text(json.dumps(value, indent=None, separators=(",", ":")) + "\n")
