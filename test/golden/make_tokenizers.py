"""Makes tokenizers.json: small vocabularies, and ids of tricky strings, for test/model/tokenizer_*test.cpp.

    pip install tokenizers==0.23.3 sentencepiece==0.2.3
    python3 make_tokenizers.py > tokenizers.json

Vocabularies are trained on the text below, written for this project. Ids and decoded texts come from the
two libraries, so they are independent of this project's code.
"""
import io
import json

import sentencepiece
import tokenizers
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TEXT = """The harness measures what it would deploy. We're sure that it's the same weights, and they'll say so.
I'd rather wait; you've seen that it doesn't matter, haven't you? I'm done, he said, THEY'LL SEE.
In 2024 there were 1,234,567 tokens, and 99 of them were not numbers: 3.14159, 42, 2048 and 365.
def measure(x):
    return [x[i] + 1 for i in range(10)]

    // two    spaces, four    spaces, a\ttab and\r\nwindows lines

Tiếng Việt có dấu: chúng tôi đo những gì chúng tôi chạy. Một hai ba bốn năm, người Việt Nam.
café naïve façade Straße; quotes “like these” — and dashes … done.
Привет, мир. 你好，世界。日本語のテキスト。 한국어 문장. 😀 👍🏽 👨‍👩‍👧 done
the the the tokens tokens measure measure measure weights weights the same the same the same
""".split("\n")

STRINGS = [
    "", " ", "  ", "   ", "a", "The harness measures", " the same  weights ", "tokens   ", "   tokens",
    "1", "12", "123", "1234", "12345678901", "3.14 and 1,000,000", "x1y22z333", "٣٤٥ ½ Ⅳ",
    "it's we're I'd they'll you've I'm", "IT'S WE'RE I'D THEY'LL", "it’s don’t", "'s 't 'S 'T", "a'sb 'ſ x'ſ",
    "a\nb", "a\n\nb", "a \n b", " \n", "\n ", "\n\n\n", "a\r\nb\r\n", "  \r\n  x", "\t\tx \t y", "a\n\n  b\n   c",
    "!!!\n\n", "?!\nnext", "a, b; c", "(([[{{", "...x...", "#include <x>", "a_b __c__", "$5 €6",
    "Tiếng Việt có dấu", "chúng tôi", "ẳ ễ ộ ữ", "Tiếng Việt", "é é", "ﬁ ² Å Å",
    "你好，世界", "日本語", "한국어", "각 각", "😀", "👍🏽 👨‍👩‍👧", "a😀b", "नमस्ते", "שלום", "ไทย",
    "a\u00a0b", "a\u3000b\u2003c", "a\u200bb", "a\u180eb", "\u180e \u180e", "a\u0085b", "a\u001cb", "\u2028x", "\ufeffx",
    "a\u0000b", "\u0001\u0002", "𠀀􏿿", "mixed ทด 12ab!? \n\n  end",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "thethethethe",
    "<s>", "</s>", "<s>the</s> same", "a <mask> b", "a<mask>b", "<mask>  <mask>", "word", "words word wordword word,",
    "x  <right>  y", "<right>", "<s", "<<s>>", "<s><s>", "<long> <long>er", "ＡＢＣ the", "<0x0A>", "▁the", "the ▁ same",
]

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")


def added(*tokens):
    return [tokenizers.AddedToken(text, **flags) for text, flags in tokens]


ENDS = [("<s>", dict(special=True, normalized=False)), ("</s>", dict(special=True, normalized=False))]


def byte_level(pre_tokenizer, normalizer=None, ignore_merges=False, vocab=420, extra=ENDS):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocab, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator([line + "\n" for line in TEXT], trainer)
    tokenizer.add_tokens(added(*extra))
    return tokenizer


def with_bos(tokenizer):
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B",
                                      special_tokens=[("<s>", tokenizer.token_to_id("<s>"))])])
    return tokenizer


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern) if isinstance(pattern, str) else pattern[0], behavior, invert)


def sequence(*parts):
    return pre_tokenizers.Sequence(list(parts))


def raw_bytes():
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


# Characters with "▁" for space, as the converter of Llama-2's tokenizer writes it.
def characters(pre_tokenizer, normalizer, byte_fallback=True):
    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizers.Replace(" ", "▁")
    trained.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    trained.train_from_iterator(TEXT, trainers.BpeTrainer(vocab_size=320, show_progress=False, limit_alphabet=90))
    model = json.loads(trained.to_str())["model"]
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    tokens += sorted(model["vocab"], key=model["vocab"].get)
    merges = [tuple(m) for m in model["merges"]]
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges, unk_token="<unk>",
                                     fuse_unk=True, byte_fallback=byte_fallback))
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens(added(("<unk>", dict(normalized=False)), *ENDS))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A <s> $B",
        special_tokens=[("<s>", 1), ("</s>", 2)])
    return tokenizer


def every_flag():
    return ENDS + [("<mask>", dict(lstrip=True, normalized=False, special=True)),
                   ("<right>", dict(rstrip=True, normalized=False)),
                   ("word", dict(single_word=True, normalized=False)),
                   ("<long>", dict(normalized=False)), ("<long> <long>", dict(normalized=False)),
                   ("ＡＢＣ", dict(normalized=True))]


TOKENIZERS = {
    "gpt-2": byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False)),
    "gpt-2 with a space before": byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True)),
    "llama-bpe": with_bos(byte_level(sequence(split(LLAMA3), raw_bytes()), ignore_merges=True)),
    "qwen2": byte_level(sequence(split(QWEN2), raw_bytes()), normalizers.NFC()),
    "smollm": byte_level(sequence(pre_tokenizers.Digits(individual_digits=True),
                                  pre_tokenizers.ByteLevel(add_prefix_space=False))),
    "digits together": byte_level(sequence(pre_tokenizers.Digits(individual_digits=False),
                                           pre_tokenizers.ByteLevel(add_prefix_space=False))),
    "removed": byte_level(sequence(split(r"\s+", "removed"), raw_bytes())),
    "merged with previous": byte_level(sequence(split(r"[,. ]", "merged_with_previous"), raw_bytes())),
    "merged with next": byte_level(sequence(split((" ",), "merged_with_next"), raw_bytes())),
    "contiguous": byte_level(sequence(split(r"[aeiou]", "contiguous"), raw_bytes())),
    "inverted": byte_level(sequence(split(r"\w+", "removed", True), raw_bytes())),
    "NFKC, added tokens of every kind": byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False),
                                                   normalizers.NFKC(), extra=every_flag()),
    "prepend": characters(None, normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])),
    "metaspace first": characters(pre_tokenizers.Metaspace(prepend_scheme="first", split=False), None),
    "metaspace always": characters(pre_tokenizers.Metaspace(prepend_scheme="always", split=True), None),
    "no bytes to fall back on": characters(pre_tokenizers.Metaspace(prepend_scheme="never"), None, False),
}


def cases_of(tokenizer):
    cases = []
    for text in STRINGS:
        ids = tokenizer.encode(text).ids
        decoded = tokenizer.decode(ids)
        cases.append({"text": text, "ids": ids} | ({} if decoded == text else {"decoded": decoded}))
    return cases


# A sentencepiece model as its pieces: the test writes tokenizer.model and a GGUF file from them.
def sentencepiece_case():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line for line in TEXT if line]), model_writer=model, model_type="bpe", vocab_size=400,
        byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
        character_coverage=0.98, num_threads=1, minloglevel=2)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    count = processor.get_piece_size()
    kind = lambda i: (2 if processor.is_unknown(i) else 3 if processor.is_control(i) else
                      6 if processor.is_byte(i) else 1)
    texts = [t for t in STRINGS if "<" not in t and "▁" not in t and "\0" not in t]
    return {"pieces": [[processor.id_to_piece(i), processor.get_score(i), kind(i)] for i in range(count)],
            "cases": [{"text": t, "ids": [processor.bos_id()] + processor.encode(t)} for t in texts]}


def as_json(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def write():
    made_by = (f"test/golden/make_tokenizers.py with tokenizers {tokenizers.__version__} and "
               f"sentencepiece {sentencepiece.__version__}")
    print("{")
    print(f' "made_by": {as_json(made_by)},')
    print(' "tokenizers": [')
    rows = []
    for name, tokenizer in TOKENIZERS.items():
        file = json.loads(tokenizer.to_str())
        cases = ",\n   ".join(as_json(case) for case in cases_of(tokenizer))
        rows.append(f'  {{"name": {as_json(name)},\n   "tokenizer.json": {as_json(file)},'
                    f'\n   "cases": [\n   {cases}]}}')
    print(",\n".join(rows))
    print(" ],")
    sp = sentencepiece_case()
    cases = ",\n  ".join(as_json(case) for case in sp["cases"])
    print(f' "sentencepiece": {{"pieces": {as_json(sp["pieces"])},\n  "cases": [\n  {cases}]}}')
    print("}")


write()
