#!/usr/bin/env python3
"""Fine-tunes a model of the Llama family on answers of another, from GGUF to GGUF.

The student starts as the weights of --model. Each line of ANSWERS is one example: the
loss is on the answer (and its end of turn, if the answer ended), in the model's own chat
template. The student is written as float16 GGUF with everything else of the original
file, so whatever serves that serves it. CPU or GPU.
"""

import argparse
import json
import math
import pathlib
import random
import sys
import time
from typing import Any

import gguf
import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def examples(path: pathlib.Path, tokenizer: Any, most: int) -> list[tuple[list[int], list[int]]]:
    """Returns the ids of prompt and answer of each line."""
    out = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            answer = json.loads(line)
            question, text, finish = answer["prompt"], answer["text"], answer.get("finish", "stop")
        except (ValueError, KeyError, TypeError) as error:
            sys.exit(f"{path}:{number}: {error!r}, want a JSON object with prompt and text")
        prompt = templated(tokenizer, question)
        ids = tokenizer.encode(text, add_special_tokens=False)
        if finish == "stop":
            ids.append(tokenizer.eos_token_id)
        if ids:
            out.append((tokenizer.encode(prompt, add_special_tokens=False), ids[:most]))
    if not out:
        sys.exit(f"{path} has no answers")
    return out


def templated(tokenizer: Any, question: str) -> str:
    """Returns what the model reads before it answers a question."""
    return tokenizer.apply_chat_template([{"role": "user", "content": question}], tokenize=False, add_generation_prompt=True)


def loss_of(model: Any, batch: list[tuple[list[int], list[int]]], device: str) -> torch.Tensor:
    """Returns the mean loss on the answers of a batch, padded on the right."""
    width = max(len(p) + len(a) for p, a in batch)
    ids = torch.zeros(len(batch), width, dtype=torch.long)
    labels = torch.full((len(batch), width), -100)
    attention = torch.zeros(len(batch), width, dtype=torch.long)
    for row, (prompt, answer) in enumerate(batch):
        n = len(prompt) + len(answer)
        ids[row, :n] = torch.tensor(prompt + answer)
        labels[row, len(prompt) : n] = torch.tensor(answer)
        attention[row, :n] = 1
    hidden = model.model(input_ids=ids.to(device), attention_mask=attention.to(device)).last_hidden_state[:, :-1]
    labels = labels[:, 1:].to(device)
    logits = model.lm_head(hidden[labels != -100])  # rows of prompts and padding need no logits
    return torch.nn.functional.cross_entropy(logits.float(), labels[labels != -100])


def train(model: Any, data: list[tuple[list[int], list[int]]], options: argparse.Namespace) -> list[dict[str, float]]:
    """Trains all weights and returns mean loss and seconds of every epoch."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=0.01)
    steps = options.epochs * math.ceil(len(data) / options.batch)
    warm = max(1, round(0.06 * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: (s + 1) / warm if s < warm else (steps - s) / max(1, steps - warm)
    )
    order, log, step, begun = random.Random(options.seed), [], 0, time.monotonic()
    model.train()
    for epoch in range(1, options.epochs + 1):
        shuffled = order.sample(data, len(data))
        total = 0.0
        for at in range(0, len(shuffled), options.batch):
            batch = shuffled[at : at + options.batch]
            with torch.autocast(options.device, torch.bfloat16):
                loss = loss_of(model, batch, options.device)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            total += loss.item() * len(batch)
            step += 1
            elapsed = time.monotonic() - begun
            print(f"\repoch {epoch}, step {step} of {steps}, loss {loss.item():.3f}, {elapsed / step * (steps - step):.0f} s left  ",
                  end="", file=sys.stderr)
        log.append({"epoch": epoch, "mean_loss": round(total / len(data), 4), "seconds": round(time.monotonic() - begun, 1)})
    print(file=sys.stderr)
    return log


def permuted(weight: np.ndarray, heads: int) -> np.ndarray:
    """Returns the rows of a query or key projection in llama.cpp's order of rotary halves."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def write(model: Any, original: pathlib.Path, path: pathlib.Path) -> None:
    """Writes the model as GGUF, with the metadata and the list of tensors of the original."""
    reader = gguf.GGUFReader(original)
    architecture = str(reader.fields["general.architecture"].contents())
    writer = gguf.GGUFWriter(path, architecture)
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type", "general.quantization_version"):
            continue
        kind = field.types[0]
        writer.add_key_value(field.name, field.contents(), kind, field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)

    config = model.config
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    weights = {}
    for name, weight in model.state_dict().items():
        stem, _, end = name.rpartition(".")
        mapped = names.get_name(stem)
        if mapped is None:
            sys.exit(f"{name} of the model has no name in GGUF")
        array = weight.detach().cpu().to(torch.float32).numpy()
        if stem.endswith(".q_proj"):
            array = permuted(array, config.num_attention_heads)
        elif stem.endswith(".k_proj"):
            array = permuted(array, config.num_key_value_heads)
        weights[f"{mapped}.{end}"] = array
    for tensor in reader.tensors:
        array = weights.get(tensor.name)
        if array is None:
            sys.exit(f"{original} has a tensor {tensor.name} and the model has none")
        if list(reversed(array.shape)) != [int(n) for n in tensor.shape]:
            sys.exit(f"{tensor.name} has shape {list(reversed(array.shape))}, want {tensor.shape.tolist()} as in {original}")
        writer.add_tensor(tensor.name, array if array.ndim == 1 else array.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("answers", type=pathlib.Path, help="JSON lines of prompt, text and finish, as harvest.py writes them")
    parser.add_argument("student", type=pathlib.Path, help="GGUF file to write")
    parser.add_argument("--model", type=pathlib.Path, required=True, help="GGUF file of the model to start from")
    parser.add_argument("--passages", type=pathlib.Path, help="write templated prompts and answers here, for dyetrace plan --passages")
    parser.add_argument("--epochs", type=int, default=2, help="0 writes the model as it is (%(default)s)")
    parser.add_argument("--batch", type=int, default=8, help="answers a step (%(default)s)")
    parser.add_argument("--rate", type=float, default=2e-4, help="learning rate (%(default)s)")
    parser.add_argument("--most", type=int, default=256, help="most tokens of an answer (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="order of the answers (%(default)s)")
    parser.add_argument("--threads", type=int, default=0, help="of a CPU; 0 is torch's default")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="(%(default)s)")
    options = parser.parse_args()
    for path, what in ((options.answers, "answers"), (options.model, "GGUF")):
        if not path.is_file():
            sys.exit(f"{path} is not a file, want {what}")
    if options.epochs < 0 or options.batch < 1 or options.most < 1:
        sys.exit(f"epochs are {options.epochs}, batch is {options.batch}, most is {options.most}, want at least 0, 1 and 1")
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    source = {"pretrained_model_name_or_path": str(options.model.parent), "gguf_file": options.model.name}
    tokenizer = AutoTokenizer.from_pretrained(**source)
    model = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32).to(options.device)
    if model.config.model_type != "llama":
        sys.exit(f"{options.model} is of the family {model.config.model_type}, want llama")
    data = examples(options.answers, tokenizer, options.most)
    if options.passages:
        with options.passages.open("w", encoding="utf-8") as out:
            for line in options.answers.read_text("utf-8").splitlines():
                answer = json.loads(line)
                passage = {"prompt": templated(tokenizer, answer["prompt"]), "text": answer["text"]}
                out.write(json.dumps(passage, ensure_ascii=False) + "\n")
    log = train(model, data, options)
    write(model, options.model, options.student)
    print(json.dumps({
        "answers": len(data),
        "prompt_tokens": sum(len(p) for p, _ in data),
        "answer_tokens": sum(len(a) for _, a in data),
        "epochs": log,
        "batch": options.batch,
        "rate": options.rate,
        "seed": options.seed,
        "device": options.device,
        "threads": torch.get_num_threads(),
    }))


if __name__ == "__main__":
    main()
