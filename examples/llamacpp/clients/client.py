"""The official OpenAI client for Python, unmodified, against the server."""

import json
import os
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key=os.environ["KEY"], max_retries=0)
model = client.models.list().data[0].id
messages = [{"role": "user", "content": "How do I keep a lawn green?"}]
said = {"model": model, "retrieved": client.models.retrieve(model).id}

answer = client.chat.completions.create(model=model, messages=messages, max_completion_tokens=24, seed=5)
said["whole"] = answer.choices[0].message.content
said["usage"] = answer.usage.total_tokens

text, usage = "", None
stream = client.chat.completions.create(
    model=model, messages=messages, max_completion_tokens=24, seed=5, stream=True, stream_options={"include_usage": True}
)
for chunk in stream:
    usage = chunk.usage or usage
    for choice in chunk.choices:
        text += choice.delta.content or ""
said["streamed"], said["streamed_usage"] = text, usage.total_tokens

with client.chat.completions.stream(model=model, messages=messages, max_completion_tokens=8, seed=5) as events:
    kinds = {event.type for event in events}
    said["events"] = "content.delta" in kinds and events.current_completion_snapshot.choices[0].message.content != ""

answer = client.chat.completions.create(model=model, messages=messages, max_tokens=6, n=2, stop=["."], temperature=0.7, logprobs=True, top_logprobs=2)
said["choices"] = len(answer.choices)
said["logprobs"] = len(answer.choices[0].logprobs.content[0].top_logprobs)

tool = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string", "enum": ["Oslo", "Rome"]}}, "required": ["city"]},
    },
}
answer = client.chat.completions.create(
    model=model, messages=[{"role": "user", "content": "How is the weather in Rome?"}], tools=[tool], tool_choice="required", parallel_tool_calls=False, max_tokens=80
)
call = answer.choices[0].message.tool_calls[0]
said["tool"], said["city"] = call.function.name, json.loads(call.function.arguments)["city"]

answer = client.chat.completions.create(
    model=model,
    messages=messages,
    max_tokens=60,
    response_format={
        "type": "json_schema",
        "json_schema": {"name": "n", "strict": True, "schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}},
    },
)
said["json"] = isinstance(json.loads(answer.choices[0].message.content)["n"], int)

answer = client.completions.create(model=model, prompt="One, two,", max_tokens=3, echo=True, logprobs=1)
said["echo"] = answer.choices[0].text.startswith("One, two,") and len(answer.choices[0].logprobs.tokens) == answer.usage.total_tokens
said["completion"] = "".join(chunk.choices[0].text for chunk in client.completions.create(model=model, prompt="One, two,", max_tokens=3, stream=True)) != ""

errors = []
for wrong in (
    lambda: openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="wrong", max_retries=0).models.list(),
    lambda: client.chat.completions.create(model="gpt-7", messages=messages),
    lambda: client.chat.completions.create(model=model, messages=[{"role": "user", "content": "long " * 3000}]),
):
    try:
        wrong()
    except openai.APIStatusError as error:
        errors.append([type(error).__name__, error.code])
said["errors"] = errors
print(json.dumps(said))
