#!/usr/bin/env python3
"""Asks a server that speaks OpenAI's API every prompt of a file once and keeps the answers.

Run again, it asks only what has no answer yet. Standard library only.
"""

import argparse
import concurrent.futures
import json
import pathlib
import sys
import threading
import urllib.error
import urllib.request


def ask(url: str, model: str, prompt: str, temperature: float, max_tokens: int) -> dict[str, str]:
    """Returns one answer as {"prompt": …, "text": …, "finish": …}."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "temperature": temperature,
        "max_tokens": max_tokens,
    }
    request = urllib.request.Request(
        url.rstrip("/") + "/v1/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=900) as response:
        choice = json.load(response)["choices"][0]
    return {"prompt": prompt, "text": choice["message"]["content"] or "", "finish": choice["finish_reason"]}


def kept(path: pathlib.Path) -> set[str]:
    """Returns the prompts that have an answer in a file, which need not be there."""
    if not path.exists():
        return set()
    prompts = set()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            prompts.add(json.loads(line)["prompt"])
        except (ValueError, KeyError, TypeError) as error:
            sys.exit(f"{path}:{number}: {error!r}, want a JSON object with prompt: delete the line, and it is asked again")
    return prompts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prompts", type=pathlib.Path, help="prompts, one a line")
    parser.add_argument("answers", type=pathlib.Path, help="JSON lines of prompt, text and finish: what is there is kept")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the server (%(default)s)")
    parser.add_argument("--model", default="model", help="its model (%(default)s)")
    parser.add_argument("--temperature", type=float, default=1.0, help="(%(default)s)")
    parser.add_argument("--max-tokens", type=int, default=200, help="most tokens of an answer (%(default)s)")
    parser.add_argument("--connections", type=int, default=8, help="questions open at once (%(default)s)")
    arguments = parser.parse_args()

    if not arguments.prompts.is_file():
        sys.exit(f"{arguments.prompts} is not a file, want prompts, one a line: see prompts.sh")
    prompts = list(dict.fromkeys(line.strip() for line in arguments.prompts.read_text("utf-8").splitlines() if line.strip()))
    if not prompts:
        sys.exit(f"{arguments.prompts} has no prompts, want one a line")
    answered = kept(arguments.answers) & set(prompts)
    open_prompts = [p for p in prompts if p not in answered]

    failures, writing = 0, threading.Lock()
    with arguments.answers.open("a", encoding="utf-8") as out, concurrent.futures.ThreadPoolExecutor(arguments.connections) as pool:

        def keep(prompt: str) -> None:
            answer = ask(arguments.url, arguments.model, prompt, arguments.temperature, arguments.max_tokens)
            with writing:
                out.write(json.dumps(answer, ensure_ascii=False) + "\n")
                out.flush()

        tasks = {pool.submit(keep, p): p for p in open_prompts}
        for done, task in enumerate(concurrent.futures.as_completed(tasks), 1):
            error = task.exception()
            if error is not None:
                failures += 1
                print(f"\nno answer to {tasks[task]!r}: {error}", file=sys.stderr)
                if isinstance(error, urllib.error.URLError) and not isinstance(error, urllib.error.HTTPError):
                    pool.shutdown(cancel_futures=True)
                    break
            print(f"\r{len(answered) + done - failures} of {len(prompts)} answers", end="", file=sys.stderr)
    print(file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
